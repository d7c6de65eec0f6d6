package routing

import "time"

// lookAhead is how many days Next looks: a week and a day on either side.
const lookAhead = 9

// Next is when it is next otherwise than at a moment: opened or closed. Zero: not within the next days.
func (h *Hours) Next(now time.Time) time.Time {
	zone := h.Zone.location()
	was, _ := h.Open(now)
	local := now.In(zone)
	var next time.Time
	for i := -1; i <= lookAhead; i++ {
		day := dateOf(time.Date(local.Year(), local.Month(), local.Day()+i, 0, 0, 0, 0, time.UTC))
		spans, _ := h.on(day)
		for _, s := range spans {
			for _, edge := range edges(day, s, zone) {
				if !edge.After(now) || !next.IsZero() && !edge.Before(next) {
					continue
				}
				if open, _ := h.Open(edge); open != was {
					next = edge
				}
			}
		}
	}
	return next
}

// edges are when an opening of a day begins and ends.
func edges(d Date, s Opening, zone *time.Location) [2]time.Time {
	to := s.To
	if to <= s.From {
		to += 24 * time.Hour
	}
	from, _ := moments(d, s.From, zone)
	_, end := moments(d, to, zone)
	return [2]time.Time{from, end}
}
