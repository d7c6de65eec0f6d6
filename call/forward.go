package call

import (
	"cmp"
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// forwardRings is how long a forward may ring whose step does not say: RFC 3261 §16.6, Timer C.
const forwardRings = 3 * time.Minute

// beginForward dials an outside number over the step's trunks in their order.
func (s *Switchboard) beginForward(c *liveCall, cmd routing.FlowForward) {
	number, err := desk.Parse(cmd.Number, s.setup.Country, desk.FormatAuto)
	if err != nil {
		s.log.Error("a flow forwards to something that is no number", "call", c.id, "flow", c.record.Flow, "err", err)
		s.flow(c, routing.FlowForwardFailed{Code: 500})
		return
	}
	c.forward = &outside{number: number, callerID: cmd.CallerID, role: roleForward, rings: cmp.Or(cmd.Ring, forwardRings), code: 503}
	for _, id := range cmd.Trunks {
		c.forward.trunks = append(c.forward.trunks, sip.TrunkID(id))
	}
	c.record.enter(s.now, Segment{Kind: SegmentForward})
	if c.answered {
		c.caller.session.Background(media.Ringback(s.setup.Country))
	}
	s.forwardTries(c)
	s.keep(c)
}

// forwardTries dials over the next trunk; none left, the forward failed.
func (s *Switchboard) forwardTries(c *liveCall) {
	f := c.forward
	if c.caller != nil {
		c.bridge.Part(c.caller.session) // from the early media of the trunk before
	}
	c.early = false
	if s.tryTrunk(c, f) {
		s.callFact(c, Fact{Kind: FactForwarding, Trunk: f.line.trunk, Leg: f.line.id})
		return
	}
	c.forward = nil
	if c.out != nil {
		s.numberFailed(c, f.code)
		return
	}
	s.callFact(c, Fact{Kind: FactForwardFailed, Count: f.code})
	if c.answered {
		c.caller.session.Background(nil)
	}
	s.flowWith(c, f.cause, routing.FlowForwardFailed{Code: f.code})
}

// forwardProgressed passes a 18x on to a caller who is not answered yet. One
// without a description does not end early media: who was told of it keeps it.
func (s *Switchboard) forwardProgressed(l *line, e sip.Progressed) {
	c := l.call
	l.rang = l.rang || e.Code == 180 || e.Code == 183
	if c.caller == nil { // a customer who is dialled first
		if e.Code == 180 || e.Code == 183 {
			c.record.rang(s.now)
		}
		return
	}
	if l.early(e) {
		l.session.Begin()
		c.caller.session.Begin()
		c.bridge.Join(c.caller.session, l.session) // early media, both ways
		c.early = true
	}
	switch e.Code {
	case 180, 181, 182, 183:
		if c.out != nil && e.Code != 181 && e.Code != 182 {
			c.record.rang(s.now)
			c.out.told.tell(180, false)
		}
		s.ringCaller(c, e.Code)
	}
}

func (s *Switchboard) forwardAnswered(l *line) {
	c := l.call
	if c.caller == nil {
		s.theCustomerFirst(c, l)
		return
	}
	s.join(c, l)
	c.forward = nil
	if c.out != nil {
		s.numberAnswered(c, l)
		return
	}
	c.record.enter(s.now, Segment{Kind: SegmentForward})
	s.log.Info("call forwarded", "call", c.id, "trunk", l.trunk)
	s.callFact(c, Fact{Kind: FactForwarded, Trunk: l.trunk, Leg: l.id})
	s.arrange(c)
	s.keep(c)
	s.flow(c, routing.FlowForwardAnswered{})
}
