package call

import (
	"strings"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// isCode says whether something dialled is one of the agents' codes.
func (s *Switchboard) isCode(text string) bool {
	k := s.setup.Codes
	switch text {
	case "":
		return false
	case k.Active, k.Away, k.WrapUp, k.Pickup, k.Reclaim, k.Echo, k.Voicemail:
		return true
	}
	return s.otherBox(text) != ""
}

// otherBox is whose messages a phone asks for by the code and an extension; "": it asks for none.
func (s *Switchboard) otherBox(text string) routing.AgentID {
	if k := s.setup.Codes.Voicemail; k != "" && strings.HasPrefix(text, k) {
		return s.setup.Extensions[text[len(k):]]
	}
	return ""
}

// code obeys a code that an agent dialled. Those that change a status answer
// with a tone and hang up.
func (s *Switchboard) code(c *liveCall, text string) *refusal {
	k, agent := s.setup.Codes, c.out.agent
	c.record.Direction = Internal
	switch text {
	case k.Active, k.WrapUp:
		s.route(routing.StatusSet{Agent: agent, Active: true})
	case k.Away:
		s.route(routing.StatusSet{Agent: agent, Reason: "by phone"})
	case k.Echo:
		s.answer(c)
		c.caller.session.Echo()
		return nil
	case k.Voicemail:
		s.answer(c)
		s.openBox(c, agent)
		return nil
	}
	if of := s.otherBox(text); of != "" {
		if of != agent && !s.setup.Voicemail.PINs[Box{Agent: of}].Set() {
			return &refusal{CauseNotAllowed, 403, "Mailbox Has No Code"}
		}
		s.answer(c)
		s.openBox(c, of)
		return nil
	}
	s.answer(c)
	c.plays++
	c.play, c.service = c.plays, true
	c.caller.session.Play(media.Beep(), c.play)
	return nil
}

// takesOver says whether a dialled code brings the phone into another call.
func (s *Switchboard) takesOver(text string) bool {
	k := s.setup.Codes
	return text != "" && (text == k.Pickup || text == k.Reclaim)
}

// takeOver seats an agent's phone in a call that waits, or was lost.
func (s *Switchboard) takeOver(in sip.Invited) {
	agent := routing.AgentID(in.Account)
	c := s.waitsFor(agent)
	if in.Dialled == s.setup.Codes.Reclaim {
		c = s.lostBy(agent)
	}
	if c == nil || s.draining {
		in.Leg.Reject(404, "No Such Call")
		return
	}
	s.handling = c
	l, answer, err := s.seatPhone(c, in)
	if err != nil {
		s.log.Warn("an agent's phone cannot take a call", "call", c.id, "agent", agent, "err", err)
		in.Leg.Reject(488, "")
		return
	}
	l.leg.Answer(answer)
	if c.reclaim != nil {
		l.team = c.reclaim.team
		s.reclaimed(c, l)
		return
	}
	s.pickUp(c, l)
}

// pickUp gives a waiting call to the agent who took it.
func (s *Switchboard) pickUp(c *liveCall, l *line) {
	l.team = c.waiting.Team
	s.tally(c, fateAnswered)
	s.unqueue(c, routing.OutcomeAnsweredElsewhere)
	s.route(routing.Engaged{Work: routing.WorkID(c.id), Agent: l.agent, Team: l.team})
	s.join(c, l)
	s.callFact(c, Fact{Kind: FactPickedUp, Agent: l.agent, Team: l.team})
	s.connected(c, l)
	s.spokeWith(c, l.agent)
	s.flow(c, routing.FlowAnswered{})
	s.customerServed(c, l.agent)
}

// waitsFor is the call that waits longest in an agent's teams, ringing ones
// included; nil: none.
func (s *Switchboard) waitsFor(agent routing.AgentID) *liveCall {
	a, known := s.agentView(agent)
	if !known {
		return nil
	}
	for _, w := range s.brain.router.Waiting(s.now) {
		c := s.calls[ID(w.Work)]
		if c == nil || c.ended || !c.queued {
			continue
		}
		for _, t := range a.Teams {
			if t == w.Team {
				return c
			}
		}
	}
	return nil
}

// lostBy is the call that an agent was lost in.
func (s *Switchboard) lostBy(agent routing.AgentID) *liveCall {
	for _, c := range s.inOrder() {
		if !c.ended && c.reclaim != nil && c.reclaim.agent == agent {
			return c
		}
	}
	return nil
}
