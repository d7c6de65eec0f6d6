package routing

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// everyDay are hours that are the same on each day.
func everyDay(t testing.TB, zone string, spans ...string) Hours {
	t.Helper()
	h := weekdays(t, zone, "00:00-00:01")
	for d := range h.Week {
		h.Week[d] = nil
		for _, s := range spans {
			h.Week[d] = append(h.Week[d], opening(t, s))
		}
	}
	return h
}

// The clock of New York is put forward from 02:00 to 03:00 on 8 March 2026 and back from 02:00 to 01:00 on 1 November;
// Berlin's from 02:00 to 03:00 on 29 March and back from 03:00 to 02:00 on 25 October; Lord Howe Island's by half an hour;
// Santiago's at midnight; Kolkata's never; Casablanca has two changes around Ramadan; Apia had no 30 December 2011.
func TestHoursFollowTheClockOnTheWall(t *testing.T) {
	for _, c := range []struct {
		why   string
		zone  string
		spans string
		open  []string // UTC
		shut  []string
	}{
		{
			"a plain day, the end is not included", "America/New_York", "09:00-17:00",
			[]string{"2026-01-05 14:00", "2026-01-05 21:59", "2026-07-06 13:00", "2026-07-06 20:59"},
			[]string{"2026-01-05 13:59", "2026-01-05 22:00", "2026-07-06 12:59", "2026-07-06 21:00"},
		},
		{
			"forward: what begins at 02:30, which is not there, begins at 03:00", "America/New_York", "02:30-04:00",
			[]string{"2026-03-08 07:00", "2026-03-08 07:59"},
			[]string{"2026-03-08 06:59", "2026-03-08 08:00"},
		},
		{
			"forward: what ends at 02:30, which is not there, ends at 03:00", "America/New_York", "01:00-02:30",
			[]string{"2026-03-08 06:00", "2026-03-08 06:59"},
			[]string{"2026-03-08 05:59", "2026-03-08 07:00"},
		},
		{
			"forward: an hour that is not there is never open", "America/New_York", "02:10-02:50",
			[]string{"2026-03-07 07:10", "2026-03-09 06:10"},
			[]string{"2026-03-08 06:30", "2026-03-08 07:00", "2026-03-08 07:15", "2026-03-08 07:30"},
		},
		{
			"back: what begins at 01:30 begins the first time and goes on", "America/New_York", "01:30-03:00",
			[]string{"2026-11-01 05:30", "2026-11-01 06:00", "2026-11-01 06:15", "2026-11-01 06:30", "2026-11-01 07:59"},
			[]string{"2026-11-01 05:29", "2026-11-01 08:00"},
		},
		{
			"back: what ends at 01:30 ends the second time", "America/New_York", "00:00-01:30",
			[]string{"2026-11-01 04:00", "2026-11-01 05:30", "2026-11-01 05:59", "2026-11-01 06:29"},
			[]string{"2026-11-01 03:59", "2026-11-01 06:30"},
		},
		{
			"back: the doubled hour is open twice", "America/New_York", "01:00-02:00",
			[]string{"2026-11-01 05:00", "2026-11-01 05:59", "2026-11-01 06:00", "2026-11-01 06:59"},
			[]string{"2026-11-01 04:59", "2026-11-01 07:00"},
		},
		{
			"over midnight, into the day on which the clock changes", "America/New_York", "22:00-06:00",
			[]string{"2026-03-08 03:00", "2026-03-08 07:30", "2026-03-08 09:59", "2026-11-01 10:59"},
			[]string{"2026-03-08 02:59", "2026-03-08 10:00", "2026-11-01 11:00"},
		},
		{
			"a plain day of Berlin, in winter and in summer", "Europe/Berlin", "09:00-17:00",
			[]string{"2026-01-05 08:00", "2026-01-05 15:59", "2026-03-29 07:00", "2026-10-25 08:00", "2026-10-25 15:59"},
			[]string{"2026-01-05 07:59", "2026-01-05 16:00", "2026-03-29 06:59", "2026-03-29 15:00", "2026-10-25 07:00", "2026-10-25 16:00"},
		},
		{
			"Berlin forward: in the hour from 02:00 that is not there", "Europe/Berlin", "02:10-02:50",
			[]string{"2026-03-28 01:10", "2026-03-28 01:49", "2026-03-30 00:10"},
			[]string{"2026-03-29 00:59", "2026-03-29 01:00", "2026-03-29 01:10", "2026-03-29 00:10"},
		},
		{
			"Berlin forward: over the whole of it", "Europe/Berlin", "01:30-03:30",
			[]string{"2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:29"},
			[]string{"2026-03-29 00:29", "2026-03-29 01:30"},
		},
		{
			"Berlin back: what lies in the hour that comes twice is open from its first beginning to its second end", "Europe/Berlin", "02:15-02:45",
			[]string{"2026-10-25 00:15", "2026-10-25 00:59", "2026-10-25 01:00", "2026-10-25 01:44"},
			[]string{"2026-10-25 00:14", "2026-10-25 01:45"},
		},
		{
			"Berlin, nights into both days and out of them", "Europe/Berlin", "22:00-02:30",
			[]string{"2026-03-28 21:00", "2026-03-29 00:59", "2026-10-24 20:00", "2026-10-25 00:29", "2026-10-25 00:45", "2026-10-25 01:29", "2026-10-25 21:00"},
			[]string{"2026-03-28 20:59", "2026-03-29 01:00", "2026-10-25 01:30", "2026-10-25 20:59"},
		},
		{
			"Berlin back: a night until 02:00, which comes twice, ends the first time", "Europe/Berlin", "22:00-02:00",
			[]string{"2026-10-24 20:00", "2026-10-24 23:59"},
			[]string{"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00"},
		},
		{
			"a clock that is never changed, half an hour beside the others", "Asia/Kolkata", "22:00-06:00",
			[]string{"2026-03-29 16:30", "2026-03-30 00:29", "2026-10-25 16:30", "2026-07-01 00:29"},
			[]string{"2026-03-29 16:29", "2026-03-30 00:30", "2026-10-25 16:29", "2026-07-01 00:30"},
		},
		{
			"the day begins at 01:00 where the clock is put forward at midnight", "America/Santiago", "00:00-02:00",
			[]string{"2026-09-06 04:00", "2026-09-06 04:59"},
			[]string{"2026-09-06 03:59", "2026-09-06 05:00"},
		},
		{
			"the last hour of a day comes twice where the clock is put back at midnight", "America/Santiago", "23:30-24:00",
			[]string{"2026-04-05 02:30", "2026-04-05 03:00", "2026-04-05 03:59"},
			[]string{"2026-04-05 02:29", "2026-04-05 04:00"},
		},
		{
			"half an hour that comes twice: what lies in it, and what ends in it", "Australia/Lord_Howe", "01:40-01:50",
			[]string{"2026-04-04 14:40", "2026-04-04 14:59", "2026-04-04 15:00", "2026-04-04 15:19"},
			[]string{"2026-04-04 14:39", "2026-04-04 15:20"},
		},
		{
			"half an hour that is not there", "Australia/Lord_Howe", "02:05-02:25",
			[]string{"2026-10-02 15:35", "2026-10-04 15:05"},
			[]string{"2026-10-03 15:29", "2026-10-03 15:30", "2026-10-03 15:35"},
		},
		{
			"half an hour, forward and back", "Australia/Lord_Howe", "02:15-03:00",
			[]string{"2026-10-03 15:30", "2026-10-03 15:59", "2026-04-04 15:45", "2026-04-04 16:29"},
			[]string{"2026-10-03 15:29", "2026-10-03 16:00", "2026-04-04 15:44", "2026-04-04 16:30"},
		},
		{
			"a day that there was not", "Pacific/Apia", "09:00-17:00",
			[]string{"2011-12-29 20:00", "2011-12-30 19:00"},
			[]string{"2011-12-30 05:00", "2011-12-30 10:30"},
		},
		{
			"all day, and the end of the day", "UTC", "00:00-24:00",
			[]string{"2026-01-05 00:00", "2026-01-05 23:59"}, nil,
		},
		{
			"two times a day, the other way round", "Asia/Kathmandu", "13:00-17:00 09:00-12:00",
			[]string{"2026-01-05 03:15", "2026-01-05 06:14", "2026-01-05 07:15"},
			[]string{"2026-01-05 03:14", "2026-01-05 06:15", "2026-01-05 11:15"},
		},
	} {
		h := everyDay(t, c.zone, strings.Fields(c.spans)...)
		for text, want := range map[string]bool{strings.Join(c.open, ","): true, strings.Join(c.shut, ","): false} {
			for one := range strings.SplitSeq(text, ",") {
				if one == "" {
					continue
				}
				if got, _ := h.Open(minute(t, one)); got != want {
					t.Errorf("%s: %s %s at %s UTC: got open %v, want %v", c.why, c.zone, c.spans, one, got, want)
				}
			}
		}
	}
}

func minute(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestHolidaysAndOtherHours(t *testing.T) {
	h := weekdays(t, "Europe/Berlin", "09:00-17:00")
	h.Days = []Special{
		{From: Date{2026, 12, 24}, To: Date{2026, 12, 24}, Spans: []Opening{opening(t, "09:00-12:00")}},
		{From: Date{0, 12, 24}, To: Date{0, 1, 1}},                                                  // over the end of the year, every year
		{From: Date{2026, 4, 3}, To: Date{2026, 4, 6}},                                              // Easter
		{From: Date{0, 2, 29}, To: Date{0, 2, 29}},                                                  // in leap years
		{From: Date{2026, 6, 6}, To: Date{2026, 6, 6}, Spans: []Opening{opening(t, "22:00-02:00")}}, // a saturday night
	}
	for _, c := range []struct {
		at            string // UTC
		open, holiday bool
	}{
		{"2026-01-05 08:00", true, false},
		{"2026-01-03 08:00", false, false}, // a saturday is no holiday
		{"2026-12-24 08:00", true, false},
		{"2026-12-24 12:00", false, false},
		{"2027-12-24 08:00", false, true},
		{"2026-12-31 08:00", false, true},
		{"2027-01-01 08:00", false, true},
		{"2027-01-04 08:00", true, false},
		{"2026-04-03 07:00", false, true},
		{"2026-04-06 07:00", false, true},
		{"2026-04-07 07:00", true, false},
		{"2028-02-29 08:00", false, true},
		{"2026-06-06 20:00", true, false},
		{"2026-06-06 23:59", true, false},
		{"2026-06-07 00:00", false, false},
		{"2026-12-23 23:30", false, false}, // in Berlin it is the 24th already, which has hours
		{"2027-12-23 23:30", false, true},  // and a year later a holiday
	} {
		if open, holiday := h.Open(minute(t, c.at)); open != c.open || holiday != c.holiday {
			t.Errorf("%s UTC: got open %v, holiday %v, want %v, %v", c.at, open, holiday, c.open, c.holiday)
		}
	}
	step := HoursStep{Hours: h, Open: FlowPath{Flow: "day"}, Closed: FlowPath{Flow: "night"}, Holiday: FlowPath{Flow: "feast"}}
	for at, want := range map[string]FlowID{"2026-01-05 08:00": "day", "2026-01-05 20:00": "night", "2027-12-24 08:00": "feast"} {
		if got := step.At(minute(t, at)).Flow; got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
	step.Holiday = FlowPath{}
	if got := step.At(minute(t, "2027-12-24 08:00")).Flow; got != "night" {
		t.Errorf("a holiday without a way of its own: got %s, want night", got)
	}
}

// Whatever the zone and the day: hours that go round the clock are open, none are closed, and a day's hours are as long as
// they say, but for the hour that a change of the clock takes or gives.
func TestHoursAreOpenAsLongAsTheySay(t *testing.T) {
	zones := []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Asia/Tehran", "UTC", "Pacific/Chatham"}
	rapid.Check(t, func(rt *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(rt, "zone")
		from := rapid.IntRange(0, 23*60).Draw(rt, "from")
		long := rapid.IntRange(61, 12*60).Draw(rt, "long")
		day := rapid.IntRange(0, 20*365).Draw(rt, "day")
		span := Opening{From: time.Duration(from) * time.Minute, To: time.Duration((from+long)%(24*60)) * time.Minute}
		h := everyDay(t, zone)
		for d := range h.Week {
			h.Week[d] = []Opening{span}
		}
		midnight := time.Date(2015, 1, 1+day, 12, 0, 0, 0, h.Zone.Location)
		open, was, changes := 0, false, 0
		for at := midnight.Add(-26 * time.Hour); at.Before(midnight.Add(26 * time.Hour)); at = at.Add(10 * time.Minute) {
			is, _ := h.Open(at)
			if is != was {
				changes++
			}
			was = is
			if is {
				open += 10
			}
		}
		if changes > 6 {
			rt.Fatalf("%s from %d for %d min around %v: got %d changes in 52 hours, want one opening a day", zone, from, long, midnight, changes)
		}
		if open < long-80 || open > 3*long+130 {
			rt.Fatalf("%s from %d for %d min around %v: got %d minutes open in 52 hours", zone, from, long, midnight, open)
		}
	})
}

// A night belongs to the day on which it begins: the one before a holiday ends in it, the holiday's own does not begin.
func TestANightAndAHoliday(t *testing.T) {
	h := everyDay(t, "Europe/Berlin", "22:00-06:00")
	h.Days = []Special{
		{From: Date{2026, 12, 24}, To: Date{2026, 12, 24}, Spans: []Opening{opening(t, "14:00-16:00")}},
		{From: Date{2026, 12, 25}, To: Date{2026, 12, 26}},
		{From: Date{2026, 10, 25}, To: Date{2026, 10, 25}}, // the clock is put back on it
	}
	for _, c := range []struct {
		at, until     string // UTC
		open, holiday bool
	}{
		{"2026-12-23 21:00", "2026-12-24 05:00", true, false},
		{"2026-12-24 04:59", "2026-12-24 05:00", true, false}, // the night before the shorter day
		{"2026-12-24 05:00", "2026-12-24 13:00", false, false},
		{"2026-12-24 21:30", "2026-12-27 21:00", false, false}, // the shorter day has no night
		{"2026-12-25 03:00", "2026-12-27 21:00", false, true},
		{"2026-12-26 22:00", "2026-12-27 21:00", false, true},
		{"2026-12-27 03:00", "2026-12-27 21:00", false, false}, // the night of the holiday
		{"2026-10-24 23:30", "2026-10-25 05:00", true, true},   // the night before it, an hour longer
		{"2026-10-25 05:00", "2026-10-26 21:00", false, true},
		{"2026-10-26 03:00", "2026-10-26 21:00", false, false},
	} {
		at := minute(t, c.at)
		if open, holiday := h.Open(at); open != c.open || holiday != c.holiday {
			t.Errorf("%s UTC: got open %v, holiday %v, want %v, %v", c.at, open, holiday, c.open, c.holiday)
		}
		if got := h.Next(at); !got.Equal(minute(t, c.until)) {
			t.Errorf("%s UTC: got the next change at %v, want %s", c.at, got.UTC(), c.until)
		}
	}
}

func TestZoneIsWrittenByItsName(t *testing.T) {
	h := weekdays(t, "Europe/Berlin", "09:00-17:00")
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Hours
	if err := json.Unmarshal(text, &back); err != nil || back.Zone.String() != "Europe/Berlin" {
		t.Errorf("got %s, %v, want Europe/Berlin", back.Zone, err)
	}
	if err := new(Zone).UnmarshalText([]byte("No/Where")); err == nil {
		t.Error("got no error for a zone that there is not, want one")
	}
	if open, _ := new(Hours).Open(time.Unix(0, 0)); open {
		t.Error("hours without anything: got open, want closed")
	}
}
