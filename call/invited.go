package call

import (
	"errors"
	"net/netip"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// refusal is why a new call is not taken.
type refusal struct {
	cause  Cause
	code   int
	reason string
}

// invited takes or refuses a new call.
func (s *Switchboard) invited(in sip.Invited, late bool) {
	if late {
		// Under overload only this is done for a new call: no record, no fact.
		s.counts.Refused++
		s.grumble("the switchboard is behind, calls are refused", in.Trunk, 0)
		in.Leg.Reject(503, "Overloaded")
		return
	}
	if in.Replaces != "" {
		s.replaces(in)
		return
	}
	if in.Account != "" {
		if mode, extension, is := s.watchCode(in.Dialled); is {
			s.watchBy(in, mode, extension)
		} else if s.takesOver(in.Dialled) {
			s.takeOver(in)
		} else {
			s.dialled(in)
		}
		return
	}
	s.counts.Calls++
	c := s.arrive(in)
	refused := s.admit(c, in)
	s.tell(c.caller)
	if refused != nil {
		s.counts.Refused++
		s.refuse(c, *refused)
		return
	}
	s.log.Info("call arrived", "call", c.id, "trunk", c.trunk, "number", c.record.Caller, "flow", c.record.Flow)
	s.callFact(c, Fact{Kind: FactArrived, Contact: c.record.Contact})
	s.keep(c)
	s.flow(c, routing.FlowBegin{})
	s.rearm(c)
}

// arrive makes the call and its caller's line, without sound yet.
func (s *Switchboard) arrive(in sip.Invited) *liveCall {
	id := ID(s.newID())
	trunk := in.Trunk
	if in.Once != "" {
		trunk = TestTrunk
	}
	c := &liveCall{id: id, trunk: trunk, came: s.clock(in.At), prompts: s.setup.Prompts, hidden: in.Anonymous, hops: in.MaxForwards, record: &Record{ID: id, Trunk: trunk, Dialled: in.Dialled, Initiated: s.now}}
	c.record.enter(s.now, Segment{Kind: SegmentFlow})
	c.caller = &line{leg: in.Leg, id: in.Leg.ID(), role: roleCaller, call: c, offerless: in.Offer == nil, reliable: in.Reliable}
	s.seat(c.caller)
	s.calls[c.id] = c
	s.handling = c
	s.live++
	if s.setup.MaxDuration > 0 {
		c.maximum = s.now.Add(s.setup.MaxDuration)
	}
	if trunk != "" {
		s.trunkOf(trunk).calls++
	}
	return c
}

// admit finds the call's flow, contact and sound; a refusal says what is missing.
func (s *Switchboard) admit(c *liveCall, in sip.Invited) *refusal {
	trunk := s.setup.trunk(c.trunk)
	if s.draining {
		return &refusal{CauseDraining, 503, "Stopping"}
	}
	if r := s.find(c, in, trunk); r != nil {
		return r
	}
	if r := s.room(c, trunk); r != nil {
		return r
	}
	if r := s.sound(c, in, trunk); r != nil {
		return r
	}
	s.know(c)
	return nil
}

// room holds the limits; the call itself is counted already.
func (s *Switchboard) room(c *liveCall, trunk Trunk) *refusal {
	switch {
	case s.setup.MaxCalls > 0 && s.live > s.setup.MaxCalls:
		s.grumble("calls.max is reached, calls are refused", "", s.setup.MaxCalls)
		return &refusal{CauseTooManyCalls, 503, "Too Many Calls"}
	case trunk.MaxCalls > 0 && s.trunkOf(c.trunk).calls > trunk.MaxCalls:
		s.grumble("the trunk's max_calls is reached, calls are refused", c.trunk, trunk.MaxCalls)
		return &refusal{CauseTooManyCalls, 503, "Too Many Calls On This Trunk"}
	}
	return nil
}

// find reads the numbers and finds the flow.
func (s *Switchboard) find(c *liveCall, in sip.Invited, trunk Trunk) *refusal {
	reads := format(trunk.In, desk.FormatAuto)
	if !c.hidden {
		s.identify(c, in, trunk)
	}
	c.record.Diversion, c.history = in.Diversion, in.History
	dialled, err := desk.Parse(in.Dialled, s.setup.Country, reads)
	if err != nil {
		s.grumble("calls for something that is no number of ours", c.trunk, 0)
		return &refusal{CauseNoSuchNumber, 404, "Not Found"}
	}
	c.record.Dialled = string(dialled)
	flow, ok := s.setup.Numbers[dialled]
	if !ok {
		s.grumble("calls for a number that is not ours", c.trunk, 0)
		return &refusal{CauseNoSuchNumber, 404, "Not Found"}
	}
	def, ok := s.setup.Flows[flow]
	if !ok {
		return &refusal{CauseNoSuchFlow, 500, "Server Internal Error"}
	}
	c.record.Flow, c.flow = flow, routing.StartFlow(def, s.setup.Flows, c.whoCalls())
	return nil
}

// identify names the caller: by what the carrier vouches for where the trunk
// is believed, else by From. What is no E.164 number (an extension, a name) is
// shown as it came, and only From may be that.
func (s *Switchboard) identify(c *liveCall, in sip.Invited, trunk Trunk) {
	reads := format(trunk.In, desk.FormatAuto)
	from, source := in.From, CallerFrom
	number, _ := desk.Parse(from.User, s.setup.Country, reads)
	if trunk.Believe {
		for _, is := range []struct {
			who sip.NameAddr
			by  CallerSource
		}{{in.PAI, CallerPAI}, {in.RPID, CallerRPID}} {
			n, err := desk.Parse(is.who.User, s.setup.Country, reads)
			if err != nil || !n.IsE164() {
				continue
			}
			if is.who.Display == "" {
				is.who.Display = from.Display
			}
			from, number, source = is.who, n, is.by
			break
		}
	}
	c.shown = sip.NameAddr{Display: desk.CleanName(from.Display), User: from.User}
	c.record.Name, c.record.Caller, c.record.CallerSource = c.shown.Display, number, source
}

// sound opens the caller's session and reads its offer.
func (s *Switchboard) sound(c *liveCall, in sip.Invited, trunk Trunk) *refusal {
	c.bridge = s.hands.Media.NewBridge(media.BridgeID(c.id))
	session, err := c.bridge.NewSession(media.SessionConfig{
		ID: media.SessionID(c.caller.id), Bind: in.Bind, Advertise: in.Advertise, Trust: trunk.MediaFrom, DTMF: trunk.DTMF,
		Timeout: s.setup.RTPTimeout, HeldTimeout: s.setup.HeldTimeout, Dormant: true,
		SRTP: s.protectIn(c.caller, in),
	})
	if err != nil {
		s.log.Error("no sound for a call, call refused", "call", c.id, "trunk", c.trunk, "err", err)
		return &refusal{CauseNoPorts, 503, "No Media Ports"}
	}
	c.caller.session = session
	s.sessions[media.SessionID(c.caller.id)] = c.caller
	if in.Offer == nil {
		c.answer = session.Offer()
		return nil
	}
	if c.answer, err = session.Answer(in.Offer); err != nil {
		s.log.Warn("the carrier's session description is refused", "call", c.id, "trunk", c.trunk, "err", err)
		if errors.Is(err, media.ErrNoCodec) {
			return &refusal{CauseNoCodec, 488, "Not Acceptable Here"}
		}
		return &refusal{CauseBadOffer, 400, "Bad Session Description"}
	}
	c.caller.held = session.Held()
	s.secured(c.caller)
	return nil
}

func (s *Switchboard) refuse(c *liveCall, r refusal) {
	if c.out == nil {
		s.callFact(c, Fact{Kind: FactArrived})
	}
	c.caller.leg.Reject(r.code, r.reason)
	c.caller.state = lineLeaving
	s.close(c, Ending{By: BySystem, Cause: r.cause, Code: r.code})
}

func (s *Switchboard) trunkOf(id sip.TrunkID) *trunkState {
	t := s.trunks[id]
	if t == nil {
		t = &trunkState{said: sip.TrunkState{Up: true}}
		s.trunks[id] = t
	}
	return t
}

// host gives the one-address network of an address.
func host(a netip.Addr) []netip.Prefix {
	if !a.IsValid() {
		return nil
	}
	return []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}
}
