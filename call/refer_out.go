package call

import (
	"time"

	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
)

// carrierGrace is how much longer than we would wait the carrier may take.
const carrierGrace = 4 * time.Second

// referOut asks the customer's carrier to make the transfer in our place, where
// the trunk says that it may; false: it is ours to make. Only a blind transfer
// to a number can be.
func (s *Switchboard) referOut(c *liveCall) bool {
	t := c.transfer
	trunk := s.setup.trunk(c.trunkOfCaller())
	if t.ask || t.outside.emergency || !trunk.Refer || c.caller.role != roleCaller {
		return false
	}
	out := format(trunk.Out, desk.FormatPlus)
	t.byCarrier, t.due = true, s.now.Add(s.transferRing()+carrierGrace)
	c.caller.leg.Refer(t.outside.number.Format(out, s.setup.Country), sip.NameAddr{User: string(t.by), Host: s.setup.Domain})
	s.rearm(c)
	return true
}

// trunkOfCaller is the trunk over which the customer is here.
func (c *liveCall) trunkOfCaller() sip.TrunkID {
	if c.caller.trunk != "" {
		return c.caller.trunk
	}
	return c.trunk
}

// carrierTells is how the carrier fares with a transfer. One that does not do
// it after all leaves it to us.
func (s *Switchboard) carrierTells(l *line, e sip.Transferring) {
	c := l.call
	t := c.transfer
	if t == nil || !t.byCarrier || l != c.caller || c.ended {
		return
	}
	switch {
	case e.Refused:
		s.log.Info("the carrier does not transfer, the switch does", "call", c.id, "trunk", c.trunkOfCaller(), "code", e.Code)
		t.byCarrier, t.due = false, noTime
		s.transferTries(c)
	case !e.Last && e.Code >= 200:
		t.taken = true
	case !e.Last && e.Code >= 180:
		due := t.due
		s.transferRang(c)
		t.due = due
	case !e.Last:
	case e.Code >= 200 && e.Code < 300:
		s.carrierTransferred(c)
	default:
		s.transferFailed(c, outcomeOf(e.Code), e.Code)
	}
}

// carrierTransferred is the customer with somebody else, past this switch.
func (s *Switchboard) carrierTransferred(c *liveCall) {
	t := c.transfer
	r := &c.record.Transfers[t.receipt]
	r.Outcome, r.Answered, r.Ended = routing.OutcomeAccepted, s.now, s.now
	r.SIP, r.Q850 = 200, 16
	if c.tape != nil {
		r.RecordingStopped = s.now
	}
	t.refer.tell(200, true)
	c.transfer = nil
	s.log.Info("call transferred by the carrier", "call", c.id, "agent", t.by, "trunk", c.trunkOfCaller())
	s.callFact(c, Fact{Kind: FactTransferred, By: t.by, Trunk: c.trunkOfCaller()})
	s.end(c, Ending{By: ByAgent, Cause: CauseTransferred}, reasonTransferred)
}
