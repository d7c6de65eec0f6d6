package call

import (
	"fmt"
	"slices"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// referredOutside is a phone's REFER outside a dialog (RFC 3515): what it asks
// for one of its agent's own calls is done as in that call's dialog; one that
// names no call is a call from that phone. Its NOTIFYs tell how it fares.
func (s *Switchboard) referredOutside(e sip.ReferredOutside) {
	told := &referral{leg: e.By, id: e.ID, by: e.ReferredBy}
	agent := routing.AgentID(e.Account)
	code := 0
	switch l := s.lines[e.Leg]; {
	case e.Stranger, e.Unknown, e.Leg != "" && l == nil:
		code = 481
	case e.Leg != "" && l.agent != agent:
		code = 403
	case e.Leg != "":
		s.handling = l.call
		code = s.refers(l, e.Referred, told)
		s.rearm(l.call)
	case e.Replaces != "":
		code = s.refersTo(agent, e, told)
	default:
		_, err := s.click(agent, e.To.User, "", e.Contact, told)
		code = codeOf(err)
	}
	if code != 0 {
		s.log.Info("a phone's REFER outside a dialog is refused", "agent", agent, "code", code)
		told.leg.AnswerRefer(told.id, code)
	}
}

// refersTo is a phone that names one of its agent's calls by Replaces alone: it
// is joined with the only other one that the agent has, or, where there is none,
// moves to the phone that asks. It gives the code that refuses it, or 0.
func (s *Switchboard) refersTo(agent routing.AgentID, e sip.ReferredOutside, told *referral) int {
	m := s.lines[e.Replaces]
	switch {
	case m == nil || m.call.ended:
		return 481
	case m.agent != agent || m.role != roleAgent:
		return 403
	case m.state != lineUp:
		return 491
	}
	var others []*line
	for _, c := range s.inOrder() {
		if l := c.seatOf(agent); l != nil && c != m.call && !c.ended {
			others = append(others, l)
		}
	}
	s.handling = m.call
	switch len(others) {
	case 0:
		return s.movesTo(m, e.Contact, told)
	case 1:
		l := others[0]
		code := s.attended(l, e.Referred, told)
		s.rearm(l.call)
		return code
	}
	return 491 // which of them is meant
}

// movesTo rings a phone of the agent that is to take the place of another's.
func (s *Switchboard) movesTo(old *line, id sip.ContactID, told *referral) int {
	c := old.call
	if c.far != old || !c.answered || old.phone == routing.PhoneID(id) {
		return 491
	}
	l := &line{role: roleAgent, call: c, phone: routing.PhoneID(id), agent: old.agent, team: old.team, errand: moves, told: told}
	d := sip.Dial{
		To: sip.Target{Contact: id}, From: c.from(s.setup.Domain, s.teamName(old.team)),
		Headers: autoAnswer, AnswerWithin: s.transferRing(),
	}
	if err := s.dial(l, d, media.SessionConfig{Trust: s.trusted(old.agent, id)}); err != nil {
		s.log.Error("no sound for an agent's phone", "call", c.id, "agent", old.agent, "err", err)
		return 503
	}
	c.ringing = append(c.ringing, l)
	told.leg.AnswerRefer(told.id, 202)
	return 0
}

// moved is such a phone that was answered.
func (s *Switchboard) moved(c *liveCall, l *line) {
	c.ringing = without(c.ringing, l)
	old := c.far
	if old == nil || old.agent != l.agent || old.state != lineUp {
		s.dismiss(l, reasonNormal) // the call has gone elsewhere
		return
	}
	l.errand = offered
	l.told.tell(200, true)
	s.takePlace(c, old, l)
}

// notMoved tells a phone that a call did not move to it.
func (l *line) notMoved(code int) {
	if code == 0 {
		code = 480
	}
	l.told.tell(code, true)
}

// clickCode is what a phone is told of a call that it asked for and that ended
// before anybody answered.
func clickCode(e Ending) int {
	if e.Code >= 300 {
		return e.Code
	}
	return 487
}

// byPhone narrows the phones of an agent to the one that asked; "": all of them.
func byPhone(all []sip.ContactID, only sip.ContactID) ([]sip.ContactID, error) {
	if only == "" {
		return all, nil
	}
	if slices.Contains(all, only) {
		return []sip.ContactID{only}, nil
	}
	return nil, fmt.Errorf("%w: the phone that asks is not there", ErrOffline)
}
