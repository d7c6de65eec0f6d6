package call

import (
	"fmt"
	"slices"
	"time"

	"trunkline/routing"
)

// targetOnline refuses an agent or a team that is not there (product §5).
func (s *Switchboard) targetOnline(l *line, to Destination) error {
	switch {
	case to.Agent != "":
		a, known := s.agentView(to.Agent)
		switch {
		case !known:
			return fmt.Errorf("%w: no agent %s", ErrNoTarget, to.Agent)
		case to.Agent == l.agent:
			return fmt.Errorf("%w: %s has the call", ErrNoTarget, to.Agent)
		case !online(a):
			return fmt.Errorf("%w: %s is %s", ErrOffline, to.Agent, whyAway(a))
		}
		return nil
	case to.Team != "":
		if _, known := s.setup.Teams[to.Team]; !known {
			return fmt.Errorf("%w: no team %s", ErrNoTarget, to.Team)
		}
		for _, a := range s.brain.router.Agents(s.now) {
			if a.ID != l.agent && slices.Contains(a.Teams, to.Team) && online(a) {
				return nil
			}
		}
		return fmt.Errorf("%w: nobody of %s is online", ErrOffline, to.Team)
	}
	return fmt.Errorf("%w: name an agent, a team or a number", ErrNoTarget)
}

// whyAway says in words why an agent is not online.
func whyAway(a routing.AgentView) string {
	switch {
	case a.Status == routing.StatusActive:
		return "without a live phone"
	case a.Reason != "":
		return string(a.Status) + " (" + a.Reason + ")"
	}
	return string(a.Status)
}

// waits is how long a transfer waits for somebody at the limit: as long as one
// would ring.
func (s *Switchboard) waits(to Destination, l *line) time.Duration {
	for _, id := range []routing.TeamID{to.Team, l.team} {
		for _, t := range s.setup.Router.Teams {
			if t.ID == id && t.Ring > 0 {
				return t.Ring
			}
		}
	}
	return transferRings
}

// transferRings is how long a transfer rings where nothing is configured.
const transferRings = 30 * time.Second

// transferNumber is a number that the agent may dial, and how.
func (s *Switchboard) transferNumber(c *liveCall, l *line, text string) (*outside, error) {
	d := s.setup.Dial.Judge(text)
	switch {
	case d.Code == 484:
		return nil, fmt.Errorf("%w: %s: %s", ErrNoTarget, text, d.Rule)
	case d.Code != 0:
		s.refuseDial(c, l.agent, "", d.Rule, false)
		return nil, fmt.Errorf("%w: %s", ErrNotAllowed, d.Rule)
	}
	if rule := s.mayDial(l.agent, d); rule != "" {
		s.refuseDial(c, l.agent, "", rule, true)
		return nil, fmt.Errorf("%w: %s is reached", ErrNotAllowed, rule)
	}
	return &outside{number: d.Number, trunks: s.setup.DialTrunks, role: roleThird, rings: s.transferRing(), by: l.agent, emergency: d.Emergency, code: 503}, nil
}
