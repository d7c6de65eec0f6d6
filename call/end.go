package call

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"trunkline/routing"
	"trunkline/sip"
)

// end ends a call: every line is hung up, its agent freed, its recording
// sealed. A second end changes nothing.
func (s *Switchboard) end(c *liveCall, e Ending, why sip.Reason) {
	if c.ended {
		return
	}
	if c.watch != nil {
		s.endWatch(c, string(e.Cause), why)
		return
	}
	s.endWatches(c, "call_ended", reasonNormal)
	if !c.answered && e.Code == 0 {
		e.Code = 480 // what sip.Leg.Hangup says for 0
	}
	outcome := routing.OutcomeWithdrawn
	if e.By == ByCaller || e.By == ByTrunk {
		outcome = routing.OutcomeAbandoned
	}
	s.abandonAside(c)
	s.abandonTransfer(c, outcome)
	s.abandonReclaim(c)
	if c.queued && outcome == routing.OutcomeAbandoned {
		s.tally(c, fateAbandoned)
	}
	s.unqueue(c, outcome)
	s.route(routing.Removed{Work: routing.WorkID(c.id), Why: routing.OutcomeAbandoned}) // forget it
	for _, l := range slices.Clone(c.lines) {                                           // what rings, and a page that is coming back
		if l.state == lineDialled && l != c.caller {
			s.dismiss(l, c.reasonFor(outcome))
		}
	}
	if far := c.far; far != nil {
		s.release(c, far)
		s.dismiss(far, why)
	}
	s.freeCallers(c)
	defer s.callbackEnded(c, e) // its number may be promised again: after all that is this call's
	if c.caller != nil {
		s.refuseWith(c.caller, e.Code, why)
	}
	if e.Code != 0 { // the caller was refused, or gave up before our 200 could leave: nobody was answered
		c.record.Answered, c.record.Bridged, c.record.Released = noTime, noTime, noTime
	}
	s.close(c, e)
}

// abandonTransfer ends a transfer with its call.
func (s *Switchboard) abandonTransfer(c *liveCall, outcome routing.Outcome) {
	t := c.transfer
	if t == nil {
		return
	}
	kind := FactTransferFailed
	if t.taken { // the carrier took the customer away without a last word
		outcome, kind = routing.OutcomeAccepted, FactTransferred
	}
	s.dropThird(c, routing.OutcomeAbandoned)
	c.transfer = nil
	r := &c.record.Transfers[t.receipt]
	r.Outcome, r.Ended = outcome, s.now
	r.SIP, r.Q850 = t.causes(outcome, 0)
	t.refer.tell(fragOf(outcome, 0), true)
	s.callFact(c, Fact{Kind: kind, By: t.by, Agent: t.to.Agent, Team: t.to.Team, Outcome: outcome})
}

// freeCallers frees the agents who are in a call of their own without being its
// far side: who calls, and who rings.
func (s *Switchboard) freeCallers(c *liveCall) {
	if c.out == nil {
		return
	}
	work := routing.WorkID(c.id)
	s.route(routing.Released{Work: work, Agent: c.out.agent})
	if c.out.callee != "" {
		s.route(routing.Released{Work: work, Agent: c.out.callee})
	}
}

// close gives the call its Ending and its record to the journal. Its lines
// are let go as their legs end, see settled.
func (s *Switchboard) close(c *liveCall, e Ending) {
	c.ended = true
	if c.record.Direction == Outbound && e.By == ByCaller {
		e.By = ByCallee // the customer
	}
	s.live--
	s.alarms.set(c, noTime)
	c.record.end(s.now, e)
	for _, l := range c.lines {
		s.judge(l)
	}
	if c.trunk != "" {
		s.trunkOf(c.trunk).calls--
	}
	s.log.Info("call ended", "call", c.id, "trunk", c.trunk, "ending", e.String(), "count", int(c.record.Duration(s.now).Seconds()))
	if c.out != nil {
		c.out.told.tell(clickCode(e), true) // unless somebody answered
	}
	if !c.unwritten() {
		s.callFact(c, Fact{Kind: FactEnded, Ending: &e})
		s.append(Closed{c.record.clone()})
	}
	s.settled(c)
}

// amended gives the journal the card of an ended call again, after a late word on it.
func (s *Switchboard) amended(c *liveCall) {
	if c.ended && !c.unwritten() {
		s.append(Closed{c.record.clone()})
	}
}

// settled lets go of a call that has ended once none of its legs is left.
func (s *Switchboard) settled(c *liveCall) {
	if !c.ended || len(c.lines) > 0 || s.calls[c.id] != c {
		return
	}
	delete(s.calls, c.id)
	if c.bridge != nil {
		c.bridge.Close()
	}
	if len(s.calls) == 0 {
		for _, ch := range s.idle {
			close(ch)
		}
		s.idle = nil
	}
}

// fault pays for a panic with the call whose event was being handled.
func (s *Switchboard) fault(p any) {
	s.counts.Faults++
	c := s.handling
	s.handling = nil
	stack := string(debug.Stack())
	if c == nil {
		s.log.Error("a defect in the switchboard cost one event", "err", fmt.Sprint(p), "stack", stack)
		return
	}
	s.log.Error("a defect in the switchboard cost one call", "call", c.id, "err", fmt.Sprint(p), "stack", stack)
	defer func() {
		if p := recover(); p != nil { // the call is too broken to end in order: let go of it by force
			s.log.Error("the call could not be ended in order", "call", c.id, "err", fmt.Sprint(p))
			s.abandon(c)
		}
	}()
	c.flowing, c.flowEvents = false, nil
	s.end(c, faultEnding(c), reasonFault)
	for _, l := range slices.Clone(c.lines) { // an end that was cut short may have left some
		s.refuseWith(l, 500, reasonFault)
	}
}

// abandon lets go of a call without its own procedures.
func (s *Switchboard) abandon(c *liveCall) {
	defer func() {
		if p := recover(); p != nil { // not even its record is whole
			s.log.Error("a call is gone without a record", "call", c.id, "err", fmt.Sprint(p))
			c.ended = true
			s.settled(c)
		}
	}()
	for _, l := range slices.Clone(c.lines) {
		l.state = lineLeaving
		if l.leg != nil {
			l.leg.Hangup(500, reasonFault)
		}
		s.forget(l)
	}
	c.lines, c.ringing, c.far, c.transfer = nil, nil, nil, nil
	c.reclaim, c.watchers = nil, nil
	maps.DeleteFunc(s.offers, func(_ routing.OfferID, of *liveCall) bool { return of == c })
	if c.tape != nil {
		c.tape.Close(s.now)
		c.tape = nil
	}
	if a := c.aside; a != nil && a.take != nil && a.take.tape != nil {
		a.take.tape.Close(s.now)
	}
	c.aside = nil
	if c.ended {
		s.settled(c)
		return
	}
	e := faultEnding(c)
	s.close(c, e)
	s.callbackEnded(c, e)
}

func faultEnding(c *liveCall) Ending {
	e := Ending{By: BySystem, Cause: CauseFault}
	if !c.answered {
		e.Code = 500
	}
	return e
}
