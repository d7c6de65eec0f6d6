package call

import (
	"time"

	"trunkline/routing"
)

// shifts tells the router who is at work by their schedules, and when that
// changes next.
func (s *Switchboard) shifts() {
	s.shiftAt = noTime
	for _, a := range s.brain.router.Agents(s.now) {
		h, bound := s.setup.Shifts[a.ID]
		open, until := true, noTime
		if bound {
			open, _ = h.Open(s.now)
			until = h.Next(s.now)
		}
		wake := until
		if bound && wake.IsZero() {
			wake = s.now.AddDate(0, 0, 7) // Next looks no further than some days: look again
		}
		if !wake.IsZero() && (s.shiftAt.IsZero() || wake.Before(s.shiftAt)) {
			s.shiftAt = wake
		}
		if open == !a.Off && (open || until.Equal(a.OffUntil)) {
			continue
		}
		if open == a.Off {
			s.shifted(a.ID, open, until)
		}
		next := routing.ShiftSet{Agent: a.ID, Off: !open}
		if !open {
			next.Until = until
		}
		s.route(next)
	}
}

func (s *Switchboard) shifted(agent routing.AgentID, open bool, until time.Time) {
	state := "off"
	if open {
		state = "on"
	}
	s.log.Info("an agent's schedule", "agent", agent, "reason", state)
	s.fact(Fact{Kind: FactAgentShift, Agent: agent, State: state, Until: until})
}
