package call

import (
	"cmp"
	"slices"
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Direction says who called whom.
type Direction string

// The directions. The customer of an outbound call is who was called.
const (
	Inbound  Direction = ""         // a customer called in
	Outbound Direction = "outbound" // an agent called a customer
	Internal Direction = "internal" // an agent called another; no customer, no recording, no wrap-up
)

// errand says why an agent's phone is dialled.
type errand uint8

const (
	offered  errand = iota // the router offers it a call
	returns                // to bring a lost agent back
	called                 // another agent calls
	attaches               // an agent's page comes back to a call that it is in
	clicking               // its agent asked for a call and is rung first
	moves                  // it takes the place of another phone of its agent
	watches                // its agent watches another call
)

// outgoing is what an agent's own call is made with.
type outgoing struct {
	agent     routing.AgentID
	team      routing.TeamID // the agent's first
	emergency bool
	consult   bool            // a word about a customer who is on hold
	callee    routing.AgentID // of an internal call
	number    string          // as it was dialled
	shows     desk.Number     // the caller id that was chosen; empty: none was

	told *referral // the phone that asked for it by REFER; nil: none

	// Of a call that was asked for, until its agent is at the phone.
	to     Destination
	judged Dialled
}

// dialled is an agent's phone that calls somebody: a code, another agent, or a
// number (product §7). The account has proved itself.
func (s *Switchboard) dialled(in sip.Invited) {
	s.counts.Calls++
	c := s.arrive(in)
	agent := routing.AgentID(in.Account)
	c.out = &outgoing{agent: agent, team: s.setup.FirstTeam(agent), number: in.Dialled}
	l := c.caller
	l.role, l.agent, l.team = roleAgent, agent, c.out.team
	c.record.Direction, c.record.Agent, c.record.Name = Outbound, agent, ""
	c.record.Segments = nil // no flow
	c.record.enter(s.now, Segment{Kind: SegmentDial, Team: c.out.team, Agent: agent})
	s.callFact(c, Fact{Kind: FactArrived, Agent: agent})
	if r := s.dials(c, in); r != nil {
		s.counts.Refused++
		s.refuse(c, *r)
	}
	s.rearm(c)
}

// dials finds out what was dialled and begins it.
func (s *Switchboard) dials(c *liveCall, in sip.Invited) *refusal {
	if s.draining {
		return &refusal{CauseDraining, 503, "Stopping"}
	}
	to := s.destination(in.Dialled)
	var d Dialled
	if to.Number != "" && !s.isCode(in.Dialled) {
		if d = s.setup.Dial.Judge(in.Dialled); d.Code != 0 {
			s.refuseDial(c, c.out.agent, "", d.Rule, false)
			if d.Code == 484 {
				return &refusal{CauseNoSuchNumber, 484, "Address Incomplete"}
			}
			return &refusal{CauseNotAllowed, d.Code, "Not Allowed By The Dial Rules"}
		}
		if rule := s.mayDial(c.out.agent, d); rule != "" {
			s.refuseDial(c, c.out.agent, "", rule, true)
			return &refusal{CauseDialCap, 403, "Dial Limit Reached"}
		}
		c.out.emergency = d.Emergency
	}
	if r := s.room(c, Trunk{}); r != nil && !c.out.emergency {
		return r
	}
	if r := s.sound(c, in, Trunk{MediaFrom: host(in.Source.Addr())}); r != nil {
		return r
	}
	switch {
	case s.isCode(in.Dialled):
		return s.code(c, in.Dialled)
	case to.Agent != "":
		return s.callAgent(c, to.Agent)
	case to.Team != "":
		return &refusal{CauseNoSuchNumber, 404, "Not Found"} // a team takes transfers, not calls
	}
	s.engage(c)
	s.callNumber(c, d)
	return nil
}

// engage tells the router that an agent is in a call of their own.
func (s *Switchboard) engage(c *liveCall) {
	s.route(routing.Engaged{Work: routing.WorkID(c.id), Agent: c.out.agent})
}

// callNumber dials a number over the trunks in their order. Until it answers
// the agent's line stands where a caller's would.
func (s *Switchboard) callNumber(c *liveCall, d Dialled) {
	c.record.Dialled = string(d.Number)
	own := cmp.Or(c.out.shows, s.setup.Shows(c.out.agent, c.out.team))
	c.record.Caller = own
	c.forward = &outside{number: d.Number, trunks: s.setup.DialTrunks, own: own, by: c.out.agent, emergency: d.Emergency, role: roleForward, rings: outboundRings, code: 503}
	if c.reserved != "" {
		c.forward.rings = customerRings
	}
	reason := ""
	if d.Emergency {
		reason = "emergency"
		s.log.Warn("an agent dials an EMERGENCY number", "call", c.id, "agent", c.out.agent, "number", d.Number)
	} else {
		s.log.Info("an agent dials out", "call", c.id, "agent", c.out.agent, "number", d.Number)
	}
	s.callFact(c, Fact{Kind: FactDialled, Agent: c.out.agent, Team: c.out.team, Reason: reason})
	s.know(c)
	s.keep(c)
	s.forwardTries(c)
}

// outboundRings is how long a number may ring for an agent, who can hang up.
const outboundRings = 3 * time.Minute

// customerRings is how long a customer's phone rings who is dialled before an agent's.
const customerRings = 45 * time.Second

// numberAnswered makes the called party the customer of the call.
func (s *Switchboard) numberAnswered(c *liveCall, l *line) {
	agent := c.caller
	c.caller, c.far = l, agent
	l.role, l.confirmed = roleCaller, true
	c.record.Trunk = l.trunk
	if c.record.Caller == "" {
		c.record.Caller = s.setup.Trunks[l.trunk].CallerID
	}
	s.connected(c, agent)
	s.customerAnswered(c)
}

// connected is the beginning of a talk that no router's offer brought.
func (s *Switchboard) connected(c *liveCall, l *line) {
	c.record.enter(s.now, Segment{Kind: SegmentTalk, Team: l.team, Agent: l.agent})
	s.log.Info("call connected", "call", c.id, "agent", l.agent, "team", l.team)
	s.callFact(c, Fact{Kind: FactConnected, Agent: l.agent, Team: l.team, Leg: l.id})
	if c.out != nil {
		c.out.consult = s.asks(c)
		c.out.told.tell(200, true)
	}
	if s.setup.Teams[l.team].Recording && c.record.Direction != Internal && !c.consult() {
		s.startTape(c, l)
	}
	s.arrange(c)
	s.keep(c)
	s.rearm(c)
}

// asks says whether an agent's own call is a word with somebody about a
// customer who is on hold: that is not recorded (product §5).
func (s *Switchboard) asks(c *liveCall) bool {
	for _, other := range s.calls {
		if other != c && !other.ended && other.onHold && other.far != nil && other.far.agent == c.out.agent {
			return true
		}
	}
	return false
}

// consult says whether the call is one: not recorded, and without wrap-up.
func (c *liveCall) consult() bool { return c.out != nil && c.out.consult }

// numberFailed refuses the agent's call with what became of it.
func (s *Switchboard) numberFailed(c *liveCall, code int) {
	e := Ending{By: ByCaller, Cause: causeFor(outcomeOf(code)), Code: routing.FailureCode(code)}
	if e.Cause == CauseFailed {
		e.By, e.Code = ByTrunk, 503
	}
	s.end(c, e, sip.Reason{Protocol: "Q.850", Cause: causeOf(code)})
}

// causeFor is the Cause of an agent's own call that nobody answered.
func causeFor(o routing.Outcome) Cause {
	switch o {
	case routing.OutcomeBusy:
		return CauseBusy
	case routing.OutcomeNoAnswer, routing.OutcomeUnreachable:
		return CauseNoAnswer
	case routing.OutcomeDeclined:
		return CauseDeclined
	case OutcomeFailed:
		return CauseFailed
	}
	return CauseRejected
}

// callAgent rings another agent's phones, all at once. Who is at the limit is
// busy; who is away may still be called by a colleague.
func (s *Switchboard) callAgent(c *liveCall, callee routing.AgentID) *refusal {
	c.record.Direction, c.record.Dialled, c.record.Name = Internal, string(callee), s.agentName(c.out.agent)
	a, _ := s.agentView(callee)
	switch {
	case callee == c.out.agent:
		return &refusal{CauseBusy, 486, "Busy Here"}
	case len(s.phonesAt(callee)) == 0:
		return &refusal{CauseUnreachable, 480, "No Live Phone"}
	case len(a.Open) >= a.Limit:
		return &refusal{CauseBusy, 486, "Busy Here"}
	}
	c.out.callee = callee
	s.engage(c)
	s.route(routing.Engaged{Work: routing.WorkID(c.id), Agent: callee})
	s.log.Info("an agent calls another", "call", c.id, "agent", c.out.agent)
	s.callFact(c, Fact{Kind: FactDialled, By: c.out.agent, Agent: callee})
	from := sip.NameAddr{Display: c.record.Name, User: string(c.out.agent), Host: s.setup.Domain}
	if !s.ringAll(c, callee, s.phonesAt(callee), called, from, nil) {
		return &refusal{CauseNoPorts, 503, "No Media Ports"}
	}
	c.giveUp = s.now.Add(s.transferRing())
	s.keep(c)
	return nil
}

// ringAll rings phones of an agent on an errand, all at once; false: none could be.
func (s *Switchboard) ringAll(c *liveCall, agent routing.AgentID, phones []sip.ContactID, why errand, from sip.NameAddr, headers map[string]string) bool {
	for _, id := range phones {
		l := &line{role: roleAgent, call: c, phone: routing.PhoneID(id), agent: agent, team: s.setup.FirstTeam(agent), errand: why}
		d := sip.Dial{To: sip.Target{Contact: id}, From: from, Headers: headers}
		if err := s.dial(l, d, media.SessionConfig{Trust: s.trusted(agent, id)}); err != nil {
			s.log.Error("no sound for an agent's phone", "call", c.id, "agent", agent, "err", err)
			continue
		}
		c.ringing = append(c.ringing, l)
	}
	return len(c.ringing) > 0
}

// agentName is an agent as colleagues see them.
func (s *Switchboard) agentName(id routing.AgentID) string {
	if a, ok := s.agentView(id); ok && a.Name != "" {
		return a.Name
	}
	return string(id)
}

// transferRing is how long somebody rings for an agent.
func (s *Switchboard) transferRing() time.Duration {
	if s.setup.TransferRing > 0 {
		return s.setup.TransferRing
	}
	return transferRings
}

// calleeAnswered is the first phone of a colleague that answered.
func (s *Switchboard) calleeAnswered(c *liveCall, l *line) {
	s.hangUpOthers(c, l)
	c.giveUp = noTime
	s.join(c, l)
	s.connected(c, l)
}

// hangUpOthers ends the ringing of an agent's other phones.
func (s *Switchboard) hangUpOthers(c *liveCall, won *line) {
	for _, l := range slices.Clone(c.ringing) {
		if l != won && l.errand == won.errand {
			s.dismiss(l, reasonFor(routing.OutcomeAnsweredElsewhere))
			c.ringing = without(c.ringing, l)
		}
	}
}

// calleeFailed is a colleague's phone that was not answered. The last one, or
// one that was declined, ends the call.
func (s *Switchboard) calleeFailed(c *liveCall, code int) {
	if code == 0 {
		code = 480
	}
	if len(c.ringing) > 0 && code != 603 && code != 600 {
		return
	}
	by := ByCallee
	if c.caller == nil { // it was the phone of who asked for the call
		by = ByAgent
	}
	s.end(c, Ending{By: by, Cause: causeFor(outcomeOf(code)), Code: routing.FailureCode(code)}, reasonNormal)
}

// unansweredCall gives up ringing a colleague, or the agent who asked for a call.
func (s *Switchboard) unansweredCall(c *liveCall) {
	by := ByCallee
	if c.caller == nil {
		by = ByAgent
	}
	s.end(c, Ending{By: by, Cause: CauseNoAnswer, Code: 480}, reasonFor(routing.OutcomeNoAnswer))
}

// customer is the number of the one at the other end of the world.
func (c *liveCall) customer() desk.Number {
	if c.record.Direction == Outbound {
		return desk.Number(c.record.Dialled)
	}
	return c.record.Caller
}
