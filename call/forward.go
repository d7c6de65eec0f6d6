package call

import (
	"fmt"
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// forwarding is a forward step while it dials.
type forwarding struct {
	cmd    routing.FlowForward
	number desk.Number
	next   int   // of cmd.Trunks
	code   int   // of the last trunk's failure
	line   *line // nil: between two trunks
}

// forwardProgress is how long a trunk may be silent before the next is tried.
const forwardProgress = 4 * time.Second

// forwardRings is how long a forward may ring: RFC 3261 §16.6, Timer C.
const forwardRings = 3 * time.Minute

// beginForward dials an outside number over the step's trunks in their order.
func (s *Switchboard) beginForward(c *liveCall, cmd routing.FlowForward) {
	number, err := desk.Parse(cmd.Number, s.setup.Country, desk.FormatAuto)
	if err != nil {
		s.log.Error("a flow forwards to something that is no number", "call", c.id, "flow", c.record.Flow, "err", err)
		s.flow(c, routing.FlowForwardFailed{Code: 500})
		return
	}
	c.forward = &forwarding{cmd: cmd, number: number, code: 503}
	c.record.enter(s.now, Segment{Kind: SegmentForward})
	if c.answered {
		c.caller.session.Background(media.Ringback(s.setup.Country))
	}
	s.tryTrunk(c)
	s.keep(c)
}

// tryTrunk dials over the next trunk that has room; none left, the forward failed.
func (s *Switchboard) tryTrunk(c *liveCall) {
	f := c.forward
	for f.next < len(f.cmd.Trunks) {
		id := sip.TrunkID(f.cmd.Trunks[f.next])
		f.next++
		t, ok := s.setup.Trunks[id]
		if !ok {
			continue
		}
		if state := s.trunkOf(id); t.MaxCalls > 0 && state.calls >= t.MaxCalls {
			s.log.Warn("the trunk's max_calls is reached, forward moves on", "call", c.id, "trunk", id)
			continue
		}
		l := &line{role: roleForward, call: c, trunk: id}
		if err := s.dial(l, s.forwardDial(c, id, t), media.SessionConfig{Trust: t.MediaFrom}); err != nil {
			s.log.Error("no sound for a forward", "call", c.id, "trunk", id, "err", err)
			continue
		}
		s.trunkOf(id).calls++
		l.giveUp = s.now.Add(forwardProgress)
		f.line = l
		c.ringing = append(c.ringing, l)
		s.callFact(c, Fact{Kind: FactForwarding, Trunk: id, Leg: l.id})
		s.rearm(c)
		return
	}
	c.forward = nil
	s.callFact(c, Fact{Kind: FactForwardFailed, Count: f.code})
	if c.answered {
		c.caller.session.Background(nil)
	}
	s.flow(c, routing.FlowForwardFailed{Code: f.code})
}

// forwardDial shows the trunk's number in From and the caller in Diversion,
// or with caller_id: caller the caller; anonymous stays anonymous (product §2).
func (s *Switchboard) forwardDial(c *liveCall, id sip.TrunkID, t Trunk) sip.Dial {
	out := format(t.Out, desk.FormatPlus)
	d := sip.Dial{To: sip.Target{Trunk: id}, User: c.forward.number.Format(out, s.setup.Country), AnswerWithin: forwardRings}
	caller := c.record.Caller
	own := t.CallerID
	if own == "" {
		own = desk.Number(c.record.Dialled) // ours too: the number that was called
	}
	ours := own.Format(out, s.setup.Country)
	switch {
	case c.forward.cmd.CallerID == "caller" && caller != "":
		d.From = sip.NameAddr{Display: c.shown.Display, User: caller.Format(out, s.setup.Country), Host: s.setup.Domain}
	case c.forward.cmd.CallerID == "caller":
		d.Anonymous = true
		d.From = sip.NameAddr{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"}
	default:
		d.From = sip.NameAddr{User: ours, Host: s.setup.Domain}
	}
	if caller != "" {
		d.Headers = map[string]string{"Diversion": fmt.Sprintf("<sip:%s@%s>;reason=unconditional", caller.Format(out, s.setup.Country), s.setup.Domain)}
	}
	return d
}

// forwardProgressed passes a 18x on to a caller who is not answered yet.
func (s *Switchboard) forwardProgressed(l *line, e sip.Progressed) {
	c := l.call
	l.giveUp = noTime
	if len(e.SDP) > 0 && l.session.SetAnswer(e.SDP) == nil {
		l.agreed = true
		l.session.Begin()
		c.caller.session.Begin()
		c.bridge.Join(c.caller.session, l.session) // early media, both ways
		if !c.answered && !c.caller.offerless {
			c.caller.leg.Progress(183, c.answer)
			return
		}
	}
	if !c.answered && e.Code >= 180 {
		c.caller.leg.Progress(180, nil)
	}
}

func (s *Switchboard) forwardAnswered(l *line) {
	c := l.call
	s.join(c, l)
	c.forward = nil
	c.record.enter(s.now, Segment{Kind: SegmentForward})
	s.log.Info("call forwarded", "call", c.id, "trunk", l.trunk)
	s.callFact(c, Fact{Kind: FactForwarded, Trunk: l.trunk, Leg: l.id})
	s.hold(c)
	s.keep(c)
	s.flow(c, routing.FlowForwardAnswered{})
}

// forwardFailed moves on to the next trunk where the trunk was at fault
// (503, 408, transport), not where the called party said no.
func (s *Switchboard) forwardFailed(l *line, code int) {
	c := l.call
	f := c.forward
	if f == nil || f.line != l {
		return
	}
	f.line = nil
	c.bridge.Part(c.caller.session)
	if code != 0 {
		f.code = code
	}
	switch code {
	case 0, 408, 500, 502, 503, 504:
	default:
		f.next = len(f.cmd.Trunks)
	}
	s.log.Info("forward not taken", "call", c.id, "trunk", l.trunk, "code", code)
	s.tryTrunk(c)
}

// forwardSilent gives up a trunk that sent no 1xx in time: failover must not
// wait for Timer B's 32 s.
func (s *Switchboard) forwardSilent(c *liveCall) {
	l := c.forward.line
	if l.state != lineDialled {
		return
	}
	l.state = lineLeaving
	l.leg.Hangup(0, reasonSilentTrunk)
	s.failed(l, failure{code: 408})
}
