package routing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHoursAreAsAClockOnTheWallSays holds Open and Next against a clock that is looked at once a minute, for days beside a
// change of it and others: an opening begins at the first minute at which the clock shows its beginning or later, and ends
// after the last one at which it still shows less than its end.
func TestHoursAreAsAClockOnTheWallSays(t *testing.T) {
	zones := []string{
		"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "America/St_Johns",
		"Africa/Casablanca", "America/Nuuk", "Pacific/Chatham", "UTC",
	}
	const before, after = 4 * 24 * 60, 10 * 24 * 60 // minutes that are looked at
	rapid.Check(t, func(rt *rapid.T) {
		h := everyDay(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		for day := range h.Week {
			h.Week[day] = someOpenings(rt)
		}
		year := rapid.SampledFrom([]int{2009, 2026, 2027}).Draw(rt, "year") // until 2011 St John's had its changes at 00:01
		now := time.Date(year, 1, 1, 0, rapid.IntRange(0, 365*24*60).Draw(rt, "minute"), 0, 0, time.UTC)
		if _, change := now.In(h.Zone.Location).ZoneBounds(); !change.IsZero() && rapid.IntRange(0, 3).Draw(rt, "elsewhere") > 0 {
			now = change.UTC().Add(time.Duration(rapid.IntRange(-40*60, 30*60).Draw(rt, "beside")) * time.Minute)
		}
		for range rapid.IntRange(0, 2).Draw(rt, "special days") {
			from := now.AddDate(0, 0, rapid.IntRange(-2, 8).Draw(rt, "from"))
			to := from.AddDate(0, 0, rapid.IntRange(0, 2).Draw(rt, "long"))
			h.Days = append(h.Days, Special{From: dateOf(from), To: dateOf(to), Spans: someOpenings(rt)})
		}
		at := func(i int) time.Time { return now.Add(time.Duration(i-before) * time.Minute) }
		want := byTheWall(&h, at(0), before+after)
		for i := before - 30*60; i < before+30*60; i++ {
			if got, _ := h.Open(at(i)); got != want[i] {
				rt.Fatalf("at %v, when the clock shows %v: got open %v, want %v", at(i), at(i).In(h.Zone.Location), got, want[i])
			}
		}
		i := before
		for i < before+8*24*60 && want[i] == want[before] {
			i++
		}
		switch got := h.Next(now); {
		case want[i] != want[before] && !got.Equal(at(i)), want[i] == want[before] && !got.IsZero() && got.Before(at(i)):
			rt.Fatalf("from %v, open %v: got the next change at %v, want %v", now, want[before], got.UTC(), at(i))
		}
	})
}

// someOpenings are up to two of a day, at full quarters of an hour; they may overlap, and go over midnight.
func someOpenings(rt *rapid.T) (all []Opening) {
	for range rapid.IntRange(0, 2).Draw(rt, "openings") {
		from, to := rapid.IntRange(0, 24*4-1).Draw(rt, "from"), rapid.IntRange(0, 24*4).Draw(rt, "to")
		all = append(all, Opening{time.Duration(from) * 15 * time.Minute, time.Duration(to) * 15 * time.Minute})
	}
	return all
}

// byTheWall says for so many minutes whether hours are open, by nothing but what the clock shows at each of them.
func byTheWall(h *Hours, first time.Time, minutes int) []bool {
	shows := make([]time.Time, minutes) // as if it were UTC
	for i := range shows {
		at := first.Add(time.Duration(i) * time.Minute)
		_, offset := at.In(h.Zone.Location).Zone()
		shows[i] = at.Add(time.Duration(offset) * time.Second)
	}
	open := make([]bool, minutes)
	for day := shows[0].Truncate(24 * time.Hour); day.Before(shows[minutes-1]); day = day.AddDate(0, 0, 1) {
		for _, o := range spansOf(h, day) {
			to := o.To
			if to <= o.From {
				to += 24 * time.Hour
			}
			from, end := minutes, 0
			for i, t := range shows {
				if from == minutes && !t.Before(day.Add(o.From)) {
					from = i
				}
				if t.Before(day.Add(to)) {
					end = i + 1
				}
			}
			for i := from; i < end; i++ {
				open[i] = true
			}
		}
	}
	return open
}

// spansOf is what is open on a day: the first special one that has it, else its weekday's.
func spansOf(h *Hours, day time.Time) []Opening {
	for _, s := range h.Days {
		from := time.Date(s.From.Year, s.From.Month, s.From.Day, 0, 0, 0, 0, time.UTC)
		to := time.Date(s.To.Year, s.To.Month, s.To.Day, 0, 0, 0, 0, time.UTC)
		if !day.Before(from) && !day.After(to) {
			return s.Spans
		}
	}
	return h.Week[day.Weekday()]
}
