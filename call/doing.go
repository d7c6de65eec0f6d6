package call

import (
	"time"

	"trunkline/routing"
)

// doing is since when an agent does what is shown of them: the first call in
// their hands, the offer that rings, else their status, their last call's end or
// their phone's registration, whichever came last; what they did before the
// switch was started is not known.
func (s *Switchboard) doing(a routing.AgentView, phones []PhoneStatus) time.Time {
	var since time.Time
	for _, h := range a.Open {
		if c := s.calls[ID(h.Work)]; c != nil {
			if at := c.record.inHand(a.ID, h.Offer); since.IsZero() || at.Before(since) {
				since = at
			}
		}
	}
	if len(a.Open) > 0 {
		return since
	}
	since = later(later(a.Since, s.started), s.freed[a.ID])
	if a.Status == routing.StatusActive && len(phones) > 0 {
		first := phones[0].Since
		for _, p := range phones {
			if p.Since.Before(first) {
				first = p.Since
			}
		}
		since = later(since, first)
	}
	return since
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// inHand is since when a call rings at an agent, or is in their hands without a
// gap; of whoever has no segment of their own, such as a colleague who is
// called, since its answer.
func (r *Record) inHand(agent routing.AgentID, offer routing.OfferID) time.Time {
	for i := len(r.Offers) - 1; i >= 0 && offer != 0; i-- {
		if r.Offers[i].Offer == offer {
			return r.Offers[i].Made
		}
	}
	var since time.Time
	for i := len(r.Segments) - 1; i >= 0 && r.Segments[i].Agent == agent; i-- {
		since = r.Segments[i].From
	}
	switch {
	case !since.IsZero():
		return since
	case !r.Answered.IsZero():
		return r.Answered
	}
	return r.Initiated
}
