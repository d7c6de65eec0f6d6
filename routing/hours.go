package routing

import (
	"encoding"
	"slices"
	"time"
)

// Hours say when somebody is there, by the clock on the wall of one time zone.
type Hours struct {
	Zone Zone `json:"zone"`
	// Week is what is open on each weekday, time.Sunday first.
	Week [7][]Opening `json:"week"`
	// Days replace the weekday's, the first that fits; a day without spans is a holiday.
	Days []Special `json:"days,omitempty"`
}

// Opening is open from the beginning to the end, not included, both since midnight by the wall's clock. An end at or before the
// beginning is on the next day.
type Opening struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

// Special is a day or a range of days that is not as its weekday.
type Special struct {
	From  Date      `json:"from"`
	To    Date      `json:"to"` // included
	Spans []Opening `json:"spans,omitempty"`
}

// Date is a day of the calendar; Year 0: of every year.
type Date struct {
	Year  int        `json:"year,omitempty"`
	Month time.Month `json:"month"`
	Day   int        `json:"day"`
}

// Zone is a time zone that is written by its name.
type Zone struct{ *time.Location }

var _ encoding.TextUnmarshaler = (*Zone)(nil)

// MarshalText is the zone's IANA name.
func (z Zone) MarshalText() ([]byte, error) {
	if z.Location == nil {
		return []byte("UTC"), nil
	}
	return []byte(z.String()), nil
}

// UnmarshalText finds the zone of that name.
func (z *Zone) UnmarshalText(name []byte) (err error) {
	z.Location, err = time.LoadLocation(string(name))
	return err
}

func (z Zone) location() *time.Location {
	if z.Location == nil {
		return time.UTC
	}
	return z.Location
}

// At is the path that is taken at a moment.
func (h *HoursStep) At(now time.Time) FlowPath {
	switch open, holiday := h.Hours.Open(now); {
	case open:
		return h.Open
	case holiday && !h.Holiday.None():
		return h.Holiday
	}
	return h.Closed
}

// Open tells whether somebody is there at a moment, and whether the day is a holiday. A clock that is put back shows an hour
// twice: what begins in it begins the first time, what ends in it ends the second time, and what ends with its beginning ends
// before both. What would begin or end in an hour that is left out does so when the clock is put forward.
func (h *Hours) Open(now time.Time) (open, holiday bool) {
	zone := h.Zone.location()
	year, month, today := now.In(zone).Date()
	for _, day := range []int{today, today - 1, today + 1} { // a night of yesterday's; a clock put back over midnight shows today once more
		d := dateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
		spans, isHoliday := h.on(d)
		if day == today {
			holiday = isHoliday
		}
		open = open || within(now, d, spans, zone)
	}
	return open, holiday
}

func dateOf(t time.Time) Date { return Date{t.Year(), t.Month(), t.Day()} }

// on is what is open on a day.
func (h *Hours) on(d Date) (spans []Opening, holiday bool) {
	for _, s := range h.Days {
		if s.has(d) {
			return s.Spans, len(s.Spans) == 0
		}
	}
	return h.Week[time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()], false
}

// has tells whether a day is one of the special ones. A yearly range may go over the end of the year.
func (s Special) has(d Date) bool {
	if s.From.Year == 0 {
		from, to, day := s.From.yearly(), s.To.yearly(), d.yearly()
		if from <= to {
			return from <= day && day <= to
		}
		return day >= from || day <= to
	}
	n := d.number()
	return s.From.number() <= n && n <= s.To.number()
}

func (d Date) yearly() int { return 100*int(d.Month) + d.Day }
func (d Date) number() int { return 10000*d.Year + d.yearly() }

func within(now time.Time, d Date, spans []Opening, zone *time.Location) bool {
	return slices.ContainsFunc(spans, func(s Opening) bool {
		e := edges(d, s, zone)
		return !now.Before(e[0]) && now.Before(e[1])
	})
}

// moments are when that begins and when that ends which begins or ends at a time of a day: the first and the last moment at
// which the wall's clock shows it, two in an hour that is shown twice, and in one that is left out the moment at which the
// clock is put forward. What ends with the beginning of an hour that is shown twice has nothing of it.
func moments(d Date, clock time.Duration, zone *time.Location) (begin, end time.Time) {
	utc := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Add(clock)
	_, before := utc.Add(-24 * time.Hour).In(zone).Zone()
	_, after := utc.Add(24 * time.Hour).In(zone).Zone()
	early := utc.Add(-time.Duration(before) * time.Second)
	late := utc.Add(-time.Duration(after) * time.Second)
	shows := func(t time.Time) bool {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(utc)
	}
	switch a, b := shows(early), shows(late); {
	case a && b && !early.Equal(late):
		if late.Before(early) {
			early, late = late, early
		}
		if change, _ := late.In(zone).ZoneBounds(); change.Equal(late) {
			late = early
		}
		return early, late
	case a:
		return early, early
	case b:
		return late, late
	}
	change, _ := early.In(zone).ZoneBounds() // with the clock of before it is past the change already
	return change, change
}
