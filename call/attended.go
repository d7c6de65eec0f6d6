package call

import (
	"trunkline/routing"
	"trunkline/sip"
)

// attended joins the two calls of an agent who has asked somebody by phone and
// now leaves the customer with them: REFER with Replaces (RFC 3891), on either
// of the calls, or outside of both. It gives the code that refuses it, or 0.
func (s *Switchboard) attended(l *line, e sip.Referred, told *referral) int {
	m := s.lines[e.Replaces]
	if m == nil || m.agent != l.agent || m.role != roleAgent || m.state != lineUp || m.call == l.call {
		return 403
	}
	if l.call.out != nil && m.call.out == nil || l.call.record.Direction == Internal && m.call.record.Direction != Internal {
		l, m = m, l // referred on the call with who was asked
	}
	c, with := l.call, m.call
	switch {
	case with.out == nil: // two customers are not joined with each other
		return 403
	case c.ended || with.ended || c.far != l || !c.answered || !with.answered || c.transfer != nil || with.transfer != nil:
		return 491
	}
	third := with.caller
	if third == m {
		third = with.far
	}
	if third == nil || third.state != lineUp || third.session == nil {
		return 491
	}
	if err := c.bridge.Adopt(third.session); err != nil {
		s.log.Error("two calls cannot be joined", "call", c.id, "err", err)
		return 500
	}
	told.leg.AnswerRefer(told.id, 202)
	s.joinCalls(c, with, l, third, told)
	return 0
}

// joinCalls hands the customer of c over to third, whom the agent was talking
// to in the call with. That call ends as transferred.
func (s *Switchboard) joinCalls(c, with *liveCall, l, third *line, told *referral) {
	to := Destination{Agent: third.agent}
	if third.role != roleAgent {
		to = Destination{Number: string(with.customer())}
	}
	c.record.Transfers = append(c.record.Transfers, Transferred{By: l.agent, To: to, Ask: true, Began: with.record.Initiated, Rang: with.record.Ringing})
	c.transfer = &transfer{ask: true, by: l.agent, to: to, third: third, receipt: len(c.record.Transfers) - 1, back: l.team}
	s.callFact(c, Fact{Kind: FactTransferring, By: l.agent, Agent: to.Agent})

	told.tell(200, true) // before a BYE takes its dialog away
	s.stopTape(with)
	with.record.Released = s.now
	if third.role == roleAgent {
		s.route(routing.Released{Work: routing.WorkID(with.id), Agent: third.agent, Team: third.team})
		s.route(routing.Engaged{Work: routing.WorkID(c.id), Agent: third.agent, Team: third.team})
	} else {
		third.role = roleThird
	}
	s.handling = with
	with.lines = without(with.lines, third)
	if with.caller == third {
		with.caller = nil
	} else {
		with.far = nil
	}
	third.call, third.holding, third.team = c, false, c.transfer.team(l)
	c.lines = append(c.lines, third)
	s.end(with, Ending{By: ByAgent, Cause: CauseTransferred}, reasonTransferred)
	s.handling = c
	s.handOver(c)
}
