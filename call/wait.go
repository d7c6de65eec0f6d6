package call

import (
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
)

// look tells a flow how the queue is that its caller comes to, or waits in.
func (s *Switchboard) look(c *liveCall, cmd routing.FlowLook) {
	var seen routing.FlowSeen
	if t, ok := s.brain.router.Team(cmd.Team); ok {
		seen.Closed, seen.Present, seen.Waiting = t.Closed, t.Present, t.Waiting
	}
	if cmd.Agent != "" && s.brain.router.There(cmd.Agent) {
		seen.Present = 1
	}
	if last, ok := s.spoken[c.record.Contact]; ok && c.record.Contact != "" {
		seen.Last, seen.LastAt = last.Agent, last.At
	}
	s.flow(c, seen)
}

// placed passes on where a caller stands.
func (s *Switchboard) placed(cmd routing.Placed) {
	if c := s.calls[ID(cmd.Work)]; c != nil && !c.ended {
		s.flow(c, routing.FlowPlaced{Place: cmd.Place, Wait: cmd.Wait, Confidence: cmd.Confidence})
		s.rearm(c)
	}
}

// deserted tells the callers of a team that nobody is there any more.
func (s *Switchboard) deserted(team routing.TeamID) {
	s.log.Warn("nobody of a team is there, and callers wait", "team", team)
	s.fact(Fact{Kind: FactDeserted, Team: team})
	for _, c := range s.inOrder() {
		if c.queued && !c.ended && c.waiting.Team == team {
			s.flow(c, routing.FlowDeserted{})
			s.rearm(c)
		}
	}
}

// musicOf is the music of a queue.
func (s *Switchboard) musicOf(c *liveCall, name string) *media.Clip {
	if name != "" {
		if clip := c.prompts.Clip("", name); clip != nil {
			return clip
		}
	}
	return s.setup.Music
}

// Spoke is with whom a contact spoke last: a row of the journal. One without
// an agent is forgotten.
type Spoke struct {
	Contact desk.ContactID  `json:"contact"`
	Agent   routing.AgentID `json:"agent,omitempty"`
	At      time.Time       `json:"at"`
}

func (Spoke) entry() {}

// spokenFor is how long it is kept: no queue's sticky.within is longer.
const spokenFor = 90 * 24 * time.Hour

// spokeWith remembers with whom the caller speaks, or spoke until now.
func (s *Switchboard) spokeWith(c *liveCall, agent routing.AgentID) {
	if c.record.Contact == "" || agent == "" || c.record.Direction == Internal || c.hidden {
		return
	}
	row := Spoke{Contact: c.record.Contact, Agent: agent, At: s.now}
	s.spoken[row.Contact] = row
	s.append(row)
}

// recall takes over who spoke with whom; what is too old is forgotten.
func (s *Switchboard) recall(rows []Spoke, now time.Time) {
	for _, row := range rows {
		if now.Sub(row.At) > spokenFor {
			s.append(Spoke{Contact: row.Contact})
			continue
		}
		s.spoken[row.Contact] = row
	}
}

// mergeSpoken keeps the later of what is known of two contacts who are one.
func (s *Switchboard) mergeSpoken(into, gone desk.ContactID) {
	last, known := s.spoken[gone]
	if !known {
		return
	}
	s.forgetSpoken(gone)
	if had, ok := s.spoken[into]; !ok || had.At.Before(last.At) {
		last.Contact = into
		s.spoken[into] = last
		s.append(last)
	}
}

// forgetSpoken forgets a contact who was deleted.
func (s *Switchboard) forgetSpoken(id desk.ContactID) {
	if _, known := s.spoken[id]; known {
		delete(s.spoken, id)
		s.append(Spoke{Contact: id})
	}
}
