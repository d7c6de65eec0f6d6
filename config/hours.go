package config

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Hours say when somebody is there.
type Hours struct {
	// ID is the name in the file; empty for hours written on the spot.
	ID string `yaml:"-"`

	// IANA name of the time zone; empty: the house's.
	Timezone string `yaml:"timezone"`
	// What is open on which days, such as mon-fri: 09:00-17:00; a day that is not here is closed.
	Week []WeekHours `yaml:"week,keyed"`
	// Days on which nobody is there: 2026-12-24, 12-25 of every year, or a range such as 12-24..01-01.
	Holidays []Days `yaml:"holidays"`
	// Days with other hours than their weekday's; they go before holidays.
	Special []SpecialHours `yaml:"special,keyed"`
}

// HoursOf names hours, or is hours written on the spot.
type HoursOf struct {
	Name  string
	Hours *Hours
}

// WeekHours are the hours of some days of the week.
type WeekHours struct {
	// Days is the key in the file: mon, mon-fri, or sat, sun.
	Days  string `yaml:"-"`
	Spans Spans  `yaml:"-"`
}

// On lists the days.
func (w WeekHours) On() []time.Weekday {
	days, _ := weekdays(w.Days)
	return days
}

// SpecialHours are the hours of a day or some days of the calendar.
type SpecialHours struct {
	// Key is the key in the file: a day or a range, as in holidays.
	Key   string `yaml:"-"`
	Spans Spans  `yaml:"-"`
}

// On is the days.
func (s SpecialHours) On() Days {
	d, _ := ParseDays(s.Key)
	return d
}

// Spans are the times when a day is open: 09:00-17:00, a list of such, or closed. An end at or before the beginning is on
// the next day.
type Spans []Span

// Span is open from a time to a time, both since midnight.
type Span struct{ From, To time.Duration }

// Days are a day, or a range of days with both ends.
type Days struct{ From, To Day }

// Day is a day of the calendar; Year 0: of every year.
type Day struct {
	Year, Month, Day int
}

var (
	dayOf   = regexp.MustCompile(`^(?:(\d{4})-)?(\d{2})-(\d{2})$`)
	clockOf = regexp.MustCompile(`^(\d{1,2}):(\d{2})$`)
	week    = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// weekdays reads mon, mon-fri, or a list with commas.
func weekdays(text string) (days []time.Weekday, ok bool) {
	number := func(name string) int {
		name = strings.ToLower(strings.TrimSpace(name))
		return slices.IndexFunc(week, func(short string) bool {
			return name == short || name == strings.ToLower(time.Weekday(slices.Index(week, short)).String())
		})
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		first := number(from)
		last := first
		if ranged {
			last = number(to)
		}
		if first < 0 || last < 0 {
			return nil, false
		}
		for d := first; ; d = (d + 1) % 7 {
			days = append(days, time.Weekday(d))
			if d == last {
				break
			}
		}
	}
	return days, true
}

// ParseDays reads 2026-12-24, 12-24, or two of one kind with .. between.
func ParseDays(text string) (d Days, ok bool) {
	from, to, ranged := strings.Cut(text, "..")
	if !ranged {
		to = from
	}
	if d.From, ok = parseDay(strings.TrimSpace(from)); !ok {
		return d, false
	}
	if d.To, ok = parseDay(strings.TrimSpace(to)); !ok || (d.From.Year == 0) != (d.To.Year == 0) {
		return d, false
	}
	return d, d.From.Year == 0 || !d.To.before(d.From)
}

func parseDay(text string) (d Day, ok bool) {
	m := dayOf.FindStringSubmatch(text)
	if m == nil {
		return d, false
	}
	d.Year, _ = strconv.Atoi(m[1])
	d.Month, _ = strconv.Atoi(m[2])
	d.Day, _ = strconv.Atoi(m[3])
	year := d.Year
	if m[1] == "" {
		year = 2024 // a leap year: 02-29 is a day of some years
	} else if year == 0 {
		return d, false
	}
	t := time.Date(year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
	return d, t.Day() == d.Day && int(t.Month()) == d.Month
}

func (d Day) before(o Day) bool {
	return 10000*d.Year+100*d.Month+d.Day < 10000*o.Year+100*o.Month+o.Day
}

func (d Day) String() string {
	t := time.Date(max(d.Year, 1), time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
	if d.Year == 0 {
		return t.Format("01-02")
	}
	return t.Format(time.DateOnly)
}

// MarshalText is the days as they are written.
func (d Days) MarshalText() ([]byte, error) {
	if d.From == d.To {
		return []byte(d.From.String()), nil
	}
	return []byte(d.From.String() + ".." + d.To.String()), nil
}

// days reads one entry of holidays.
func (r *reader) days(n *yaml.Node, key string, v reflect.Value) {
	text, ok := "", false
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		if text, ok = r.text(n, key, false); !ok {
			return
		}
		*v.Addr().Interface().(*Days), ok = ParseDays(text)
	}
	if !ok {
		r.problem(n, key, "%s are no days: write 2026-12-24, 12-25 for every year, or a range such as 12-24..01-01", orElse(quoted(n), describe(n)))
	}
}

// quoted is a scalar's text in quotes; empty for others.
func quoted(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return strconv.Quote(n.Value)
}

// spans reads the hours of a day.
func (r *reader) spans(n *yaml.Node, key string, v reflect.Value) {
	all := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		all = n.Content
	}
	out := Spans{}
	for _, one := range all {
		if one = r.follow(one, key); one == nil {
			return
		}
		if one.Kind == yaml.ScalarNode && one.Value == "closed" && len(all) == 1 {
			break
		}
		s, ok := ParseSpan(one.Value)
		if !ok || one.Kind != yaml.ScalarNode {
			r.problem(one, key, "%s are no hours: write 09:00-17:00, a list of such, or closed", orElse(quoted(one), describe(one)))
			return
		}
		out = append(out, s)
	}
	v.Set(reflect.ValueOf(out))
}

// ParseSpan reads 09:00-17:00; the end may be 24:00, and is not the beginning.
func ParseSpan(text string) (s Span, ok bool) {
	from, to, ranged := strings.Cut(text, "-")
	var good, well bool
	s.From, good = clock(strings.TrimSpace(from))
	s.To, well = clock(strings.TrimSpace(to))
	return s, ranged && good && well && s.From < day && s.From != s.To
}

// clock reads a time of day such as 9:00 or 24:00, since midnight.
func clock(text string) (time.Duration, bool) {
	m := clockOf.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	hours, _ := strconv.Atoi(m[1])
	minutes, _ := strconv.Atoi(m[2])
	at := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	return at, minutes < 60 && at <= day
}

// hoursOf reads the name of hours, or hours on the spot.
func (r *reader) hoursOf(n *yaml.Node, key string, v reflect.Value) {
	h := v.Addr().Interface().(*HoursOf)
	switch {
	case n.Kind == yaml.MappingNode:
		h.Hours = new(Hours)
		r.mapping(n, key, reflect.ValueOf(h.Hours).Elem())
	case n.Kind == yaml.ScalarNode && !isNull(n):
		h.Name, _ = r.text(n, key, false)
	default:
		r.problem(n, key, "is %s: write one of hours:, or {week: {mon-fri: 09:00-17:00}}", describe(n))
	}
}

// HoursFor finds the hours that a step goes by.
func (c *Config) HoursFor(h HoursOf) *Hours {
	if h.Hours != nil {
		return h.Hours
	}
	return find(c.Hours, func(one *Hours) bool { return one.ID == h.Name })
}

// Location is the time zone of the hours.
func (h *Hours) Location(c *Config) *time.Location {
	if loc, err := c.zone(h.Timezone); h.Timezone != "" && err == nil {
		return loc
	}
	return c.Location()
}

func (r *reader) checkHours(c *Config) {
	for i := range c.Hours {
		key := join("hours", c.Hours[i].ID)
		r.name(key, c.Hours[i].ID)
		r.checkHoursOf(c, key, &c.Hours[i])
	}
}

func (r *reader) checkHoursOf(c *Config, key string, h *Hours) {
	if _, err := r.zone(c, h.Timezone); err != nil || h.Timezone == "Local" {
		r.fail(join(key, "timezone"), "%q is not a time zone: write an IANA name such as America/New_York or Europe/Berlin", h.Timezone)
	}
	if len(h.Week) == 0 && len(h.Special) == 0 && !r.bad(key) {
		r.fail(key, "is never open: write week: {mon-fri: 09:00-17:00}")
	}
	var seen [7]string
	for _, w := range h.Week {
		at := join(join(key, "week"), w.Days)
		days, ok := weekdays(w.Days)
		if !ok {
			r.fail(at, "%q are no days of the week: write mon, mon-fri, or \"sat, sun\"", w.Days)
		}
		for _, d := range days {
			if seen[d] != "" {
				r.fail(at, "has %s, which %s has too: write each day once", week[d], seen[d])
				break
			}
			seen[d] = w.Days
		}
		r.checkSpans(at, w.Spans)
	}
	for _, s := range h.Special {
		at := join(join(key, "special"), s.Key)
		if _, ok := ParseDays(s.Key); !ok {
			r.fail(at, "%q are no days: write 2026-12-24, 12-25 for every year, or a range such as 12-24..01-01", s.Key)
		}
		r.checkSpans(at, s.Spans)
	}
}

func (r *reader) checkSpans(key string, all Spans) {
	for i, s := range all {
		for _, before := range all[:i] {
			if s.From < before.end() && before.From < s.end() {
				r.fail(key, "has times that overlap: write each time once")
				return
			}
		}
	}
}

// end is the end since the midnight before From.
func (s Span) end() time.Duration {
	if s.To <= s.From {
		return s.To + day
	}
	return s.To
}
