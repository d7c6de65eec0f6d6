package call

import (
	"errors"
	"time"

	"trunkline/desk"
	"trunkline/routing"
)

// Callbacks is what the configuration says of promises to ring back.
type Callbacks struct {
	For   time.Duration // how long they are offered; 0: 2 h
	Quiet Hours         // where the customer is: not offered then
}

// promises are the callbacks, and the events that wait while one is handled.
type promises struct {
	book     *routing.Callbacks
	queue    []routing.CallbackEvent
	stepping bool
	calls    map[routing.CallbackID]*liveCall // that ring an agent for one, or call its customer
}

func newPromises(kept []routing.Callback) promises {
	return promises{book: routing.NewCallbacks(kept), calls: map[routing.CallbackID]*liveCall{}}
}

// promise steps the callbacks and obeys them.
func (s *Switchboard) promise(ev routing.CallbackEvent) {
	p := &s.promises
	p.queue = append(p.queue, ev)
	if p.stepping {
		return
	}
	p.stepping = true
	defer func() { p.stepping, p.queue = false, nil }()
	for len(p.queue) > 0 {
		next := p.queue[0]
		p.queue = p.queue[1:]
		for _, cmd := range p.book.Step(s.now, next) {
			s.fulfil(cmd)
		}
	}
}

func (s *Switchboard) fulfil(cmd routing.CallbackCommand) {
	switch cmd := cmd.(type) {
	case routing.CallbackQueue:
		s.route(cmd.Queued)
	case routing.CallbackUnqueue:
		s.route(routing.Removed{Work: cmd.ID.Work()})
	case routing.CallbackRefuse:
		s.route(routing.Refused{Work: cmd.ID.Work(), Agent: cmd.Agent})
	case routing.CallbackForget:
		s.route(routing.Removed{Work: cmd.ID.Work(), Why: routing.OutcomeAbandoned})
	case routing.CallbackKeep:
		s.append(CallbackKept{cmd.Callback})
	case routing.CallbackDrop:
		s.append(CallbackDropped{cmd.ID})
	case routing.CallbackSay:
		n := cmd.Note
		s.log.Info("callback: "+string(n.Mark), "callback", cmd.ID, "team", cmd.Team, "agent", n.Agent, "reason", cmd.Why)
		s.fact(Fact{Kind: FactKind("callback." + string(n.Mark)), Callback: cmd.ID, Team: cmd.Team, Agent: n.Agent, Reason: cmd.Why})
	}
}

// promised says whether a work is a callback that the router has.
func (s *Switchboard) promised(w routing.WorkID) (routing.Callback, bool) {
	return s.promises.book.Find(routing.CallbackID(w))
}

// callOf is the call that a work of the router's is, or an offered callback's; nil: none.
func (s *Switchboard) callOf(w routing.WorkID) *liveCall {
	if c := s.calls[ID(w)]; c != nil {
		return c
	}
	return s.promises.calls[routing.CallbackID(w)]
}

// given back by the router: a callback's time is over, or its team is gone.
func (s *Switchboard) promiseBack(w routing.WorkID, stranded bool) bool {
	_, ok := s.promised(w)
	if ok {
		s.promise(routing.CallbackBack{ID: routing.CallbackID(w), Stranded: stranded})
	}
	return ok
}

// errForbidden is why a number that was asked for is not dialled any more.
const errForbidden = "the dial rules do not allow the number: "

// ringFor makes the call of an offer for a callback; nil: it is not to ring. Until the agent has accepted, nothing
// is kept of it: being ignored is an event of the callback.
func (s *Switchboard) ringFor(cmd routing.Ring) *liveCall {
	cb, ok := s.promised(cmd.Work)
	if !ok {
		return nil
	}
	d := s.setup.Dial.Judge(cb.Number)
	switch {
	case s.draining:
		s.route(routing.Removed{Work: cmd.Work})
		return nil
	case d.Code != 0 || d.Emergency || string(d.Number) != cb.Number:
		s.refuseDial(nil, cmd.Agent, "", d.Rule, false)
		s.promise(routing.CallbackShut{ID: cb.ID, Reason: errForbidden + d.Rule})
		return nil
	}
	c := s.newOwn(cmd.Agent, Destination{Number: cb.Number}, d)
	c.tentative = true
	s.serve(c, cb, cmd.Team)
	return c
}

// serve ties a call to the callback that it is made for.
func (s *Switchboard) serve(c *liveCall, cb routing.Callback, team routing.TeamID) {
	c.callback, c.record.Callback = cb.ID, cb.ID
	c.record.Name, c.record.Contact = cb.Name, desk.ContactID(cb.Contact)
	if team != "" {
		c.out.team = team
		c.record.Segments[0].Team = team
	}
	s.promises.calls[cb.ID] = c
}

// customerFirst dials the customer before the agent's phone rings, if the team has it so. The agent is
// spared for it until the customer answers.
func (s *Switchboard) customerFirst(c *liveCall, cmd routing.Ring) bool {
	if !s.setup.Teams[cmd.Team].CustomerFirst {
		return false
	}
	c.reserved = cmd.Agent
	s.route(routing.Engaged{Work: cmd.Work, Agent: cmd.Agent})
	s.begun(c, false)
	s.callNumber(c, c.out.judged)
	return true
}

// begun is a callback's call that is really made from here on.
func (s *Switchboard) begun(c *liveCall, byHand bool) {
	c.tentative = false
	s.promise(routing.CallbackTaken{ID: c.callback, Agent: c.out.agent, ByHand: byHand, Call: string(c.id)})
	s.callFact(c, Fact{Kind: FactArrived, Agent: c.out.agent})
	s.keep(c)
}

// accepted is the agent's phone that took an offered callback: now the customer is dialled.
func (s *Switchboard) accepted(c *liveCall, l *line) {
	work := c.callback.Work()
	s.route(routing.Engaged{Work: routing.WorkID(c.id), Agent: l.agent})
	s.route(routing.Released{Work: work, Agent: l.agent})
	s.begun(c, false)
	s.clicked(c, l)
}

// withdrawOffers ends the ringing for callbacks: the switch is stopping.
func (s *Switchboard) withdrawOffers() {
	for _, id := range s.promises.book.Waiting() {
		s.route(routing.Removed{Work: id.Work()})
	}
}

// discard lets go of a call that nobody accepted; nothing is kept of it.
func (s *Switchboard) discard(c *liveCall) {
	if c.ended {
		return
	}
	c.ended = true
	s.live--
	s.alarms.set(c, noTime)
	s.unserve(c)
	for _, l := range c.ringing {
		s.dismiss(l, reasonFor(routing.OutcomeWithdrawn))
	}
	s.settled(c)
}

func (s *Switchboard) unserve(c *liveCall) {
	if c.callback != "" && s.promises.calls[c.callback] == c {
		delete(s.promises.calls, c.callback)
	}
}

// customerAnswered is the customer of a callback at the phone.
func (s *Switchboard) customerAnswered(c *liveCall) {
	switch number := string(c.customer()); {
	case c.callback != "":
		s.promise(routing.CallbackTold{ID: c.callback, Outcome: routing.MarkAnswered})
	case c.record.Direction == Outbound:
		s.promise(routing.CallbackSeen{Number: number, Agent: c.out.agent, Call: string(c.id), Out: true})
	}
}

// customerServed is a caller who talks with an agent: what was promised to the number is settled.
func (s *Switchboard) customerServed(c *liveCall, agent routing.AgentID) {
	if c.record.Direction == Inbound && c.record.Caller.IsE164() && !c.hidden {
		s.promise(routing.CallbackSeen{Number: string(c.record.Caller), Agent: agent, Call: string(c.id)})
	}
}

// callbackEnded tells what became of the attempt that a call was.
func (s *Switchboard) callbackEnded(c *liveCall, e Ending) {
	if c.callback == "" {
		return
	}
	s.unserve(c)
	if c.reserved != "" {
		s.route(routing.Released{Work: c.callback.Work(), Agent: c.reserved})
		c.reserved = ""
	}
	if !c.record.Answered.IsZero() || e.Cause == CauseStopped {
		return // told; or the next start tells
	}
	outcome := routing.MarkFailed // ours: a trunk, a cap, a stop, a defect
	switch e.Cause {
	case CauseBusy, CauseNoAnswer, CauseDeclined, CauseRejected:
		if outcome = routing.MarkUnanswered; e.By == ByAgent { // it was the agent's own phone
			outcome = routing.MarkGivenUp
		}
	case CauseHangup, CauseCancelled, CauseOrdered, CauseLegLost, CauseNoSound:
		if outcome = routing.MarkGivenUp; !c.record.Ringing.IsZero() {
			outcome = routing.MarkUnanswered
		}
	}
	s.promise(routing.CallbackTold{ID: c.callback, Outcome: outcome})
	if e.Cause == CauseNotAllowed {
		s.promise(routing.CallbackShut{ID: c.callback, Reason: errForbidden + e.Reason})
	}
}

// theCustomerFirst is the customer of a customer-first callback who answered: at the front of the team's queue, with its
// limits and overflow, and the agent who was spared free for them.
func (s *Switchboard) theCustomerFirst(c *liveCall, l *line) {
	c.ringing = without(c.ringing, l)
	c.caller, c.forward = l, nil
	l.role, l.state, l.confirmed = roleCaller, lineUp, true
	c.answered, c.record.Answered, c.record.Trunk = true, s.now, l.trunk
	if c.record.Caller == "" {
		c.record.Caller = s.setup.Trunks[l.trunk].CallerID
	}
	if s.setup.MaxDuration > 0 {
		c.maximum = s.now.Add(s.setup.MaxDuration)
	}
	l.session.Begin()
	s.callFact(c, Fact{Kind: FactAnswered, Trunk: l.trunk})
	s.customerAnswered(c)
	s.waitFor(c, c.out.team)
	agent := c.reserved
	c.reserved = ""
	s.route(routing.Released{Work: c.callback.Work(), Agent: agent})
	s.rearm(c)
}

// ErrNoCallback answers an order that names a callback which is not there.
var ErrNoCallback = errors.New("no such callback")
