package call

import (
	"slices"
	"time"

	"trunkline/routing"
)

// Hours are a stretch of every day by the clock, such as 21:00-08:00; of length zero there are none.
type Hours struct{ From, To time.Duration } // since midnight

// spans are the hours between two times, in any of the zones: where a number may be, it is night if it is night in one of
// them. Without zones that are known it is or.
func (h Hours) spans(zones []*time.Location, or *time.Location, from, to time.Time) []routing.Span {
	if h.From == h.To {
		return nil
	}
	if or == nil {
		or = time.UTC
	}
	if len(zones) == 0 {
		zones = []*time.Location{or}
	}
	var all []routing.Span
	for _, zone := range zones {
		first := from.In(zone)
		for day := -1; ; day++ {
			at := func(clock time.Duration, days int) time.Time { // by the clock on the wall: right on the day that it is changed
				return time.Date(first.Year(), first.Month(), first.Day()+day+days, int(clock/time.Hour), int(clock%time.Hour/time.Minute), 0, 0, zone)
			}
			begin, end := at(h.From, 0), at(h.To, 0)
			if h.To < h.From {
				end = at(h.To, 1)
			}
			if !begin.Before(to) {
				break
			}
			if end.After(from) {
				all = append(all, routing.Span{From: begin.UTC(), To: end.UTC()})
			}
		}
	}
	return joined(all)
}

// joined makes one of spans that overlap, in order.
func joined(all []routing.Span) []routing.Span {
	slices.SortFunc(all, func(a, b routing.Span) int { return a.From.Compare(b.From) })
	var out []routing.Span
	for _, s := range all {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			if s.To.After(out[n-1].To) {
				out[n-1].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}
