package routing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTheNextChangeIsWhereTheDoorsTurn holds Next against a look at every minute, over the days that the clock is changed.
func TestTheNextChangeIsWhereTheDoorsTurn(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		h := Hours{Zone: Zone{zone}}
		for day := range h.Week {
			for range rapid.IntRange(0, 2).Draw(rt, "openings") {
				from := rapid.IntRange(0, 23*4).Draw(rt, "from")
				to := rapid.IntRange(0, 24*4).Draw(rt, "to")
				h.Week[day] = append(h.Week[day], Opening{time.Duration(from) * 15 * time.Minute, time.Duration(to) * 15 * time.Minute})
			}
		}
		if rapid.Bool().Draw(rt, "holiday") {
			h.Days = []Special{{From: Date{2026, time.March, 8}, To: Date{2026, time.March, 9}}}
		}
		now := time.Date(2026, time.March, 6, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 5*24*60).Draw(rt, "now")) * time.Minute)
		if rapid.Bool().Draw(rt, "autumn") {
			now = now.AddDate(0, 7, 24)
		}
		was, _ := h.Open(now)
		var want time.Time
		for at := now; at.Before(now.Add(8 * 24 * time.Hour)); at = at.Add(time.Minute) {
			if open, _ := h.Open(at); open != was {
				want = at
				break
			}
		}
		got := h.Next(now)
		if !want.IsZero() && !got.Equal(want) || want.IsZero() && !got.IsZero() && got.Before(now.Add(8*24*time.Hour)) {
			rt.Fatalf("from %v, open %v: got %v, want %v", now, was, got, want)
		}
	})
}
