package call

import (
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// obey does what the router decided. Where that is about another call than
// the one whose event is being handled, a panic costs that other call, and
// what was begun for this one goes on.
func (s *Switchboard) obey(cmd routing.Command) {
	if c := s.concerned(cmd); c != nil && c != s.handling {
		was := s.handling
		s.handling = c
		defer func() {
			if p := recover(); p != nil {
				s.fault(p)
			}
			s.handling = was
		}()
	}
	switch cmd := cmd.(type) {
	case routing.Ring:
		s.ringAgent(cmd)
	case routing.OfferRang:
		s.offerRang(cmd)
	case routing.Cancel:
		s.stopRinging(cmd.Offer, cmd.Phone, cmd.Why)
	case routing.Drop:
		s.drop(cmd)
	case routing.Connect:
		s.connect(cmd)
	case routing.OfferEnded:
		s.offerEnded(cmd)
	case routing.StatusChanged:
		s.log.Info("agent is "+string(cmd.Status), "agent", cmd.Agent, "reason", cmd.Reason)
		s.fact(Fact{Kind: FactAgentStatus, Agent: cmd.Agent, Reason: statusReason(cmd), Until: cmd.Until})
	case routing.Stranded:
		s.stranded(cmd)
	case routing.Expired:
		s.promiseBack(cmd.Work, false)
	case routing.Placed:
		s.placed(cmd)
	case routing.Deserted:
		s.deserted(cmd.Team)
	}
}

// concerned is the call that a command is about; nil: none, or it has gone.
func (s *Switchboard) concerned(cmd routing.Command) *liveCall {
	rings := func(offer routing.OfferID, phone routing.PhoneID) *liveCall {
		if l := s.offered[offerPhone{offer, phone}]; l != nil {
			return l.call
		}
		return nil
	}
	switch cmd := cmd.(type) {
	case routing.Ring:
		return s.callOf(cmd.Work)
	case routing.OfferRang:
		return s.offers[cmd.Offer]
	case routing.OfferEnded:
		return s.offers[cmd.Offer]
	case routing.Cancel:
		return rings(cmd.Offer, cmd.Phone)
	case routing.Drop:
		return rings(cmd.Offer, cmd.Phone)
	case routing.Connect:
		return rings(cmd.Offer, cmd.Phone)
	case routing.Stranded:
		return s.callOf(cmd.Work)
	case routing.Placed:
		return s.calls[ID(cmd.Work)]
	}
	return nil
}

func statusReason(c routing.StatusChanged) string {
	if c.Reason == "" {
		return string(c.Status)
	}
	return string(c.Status) + ": " + c.Reason
}

// ringAgent dials all live phones of an agent at once, one leg each.
func (s *Switchboard) ringAgent(cmd routing.Ring) {
	if _, promise := s.promised(cmd.Work); promise {
		was := s.handling
		if c := s.ringFor(cmd); c != nil && !s.customerFirst(c, cmd) {
			s.ringPhones(c, cmd)
		}
		s.handling = was // not deferred: a panic costs the callback's call
		return
	}
	c := s.calls[ID(cmd.Work)]
	if c == nil || c.ended {
		// Cannot be: the call leaves the router before it ends. The reconciler
		// would mend it; failing the phones frees the agent at once.
		s.log.Error("an offer for a call that is not there", "work", cmd.Work, "agent", cmd.Agent)
		for _, p := range cmd.Phones {
			s.route(routing.PhoneFailed{Offer: cmd.Offer, Phone: p})
		}
		return
	}
	s.ringPhones(c, cmd)
}

// ringPhones makes the offer of a call.
func (s *Switchboard) ringPhones(c *liveCall, cmd routing.Ring) {
	s.offers[cmd.Offer] = c
	c.record.Offers = append(c.record.Offers, Offered{Offer: cmd.Offer, Agent: cmd.Agent, Team: cmd.Team, Made: s.now})
	s.callFact(c, Fact{Kind: FactOfferMade, Team: cmd.Team, Agent: cmd.Agent, Offer: cmd.Offer})
	for _, p := range cmd.Phones {
		s.ringPhone(c, cmd, p)
	}
	s.keep(c)
}

func (s *Switchboard) ringPhone(c *liveCall, cmd routing.Ring, phone routing.PhoneID) {
	target := sip.Target{Contact: sip.ContactID(phone)}
	l := &line{role: roleAgent, call: c, offer: cmd.Offer, phone: phone, agent: cmd.Agent, team: cmd.Team}
	var trust = s.trusted(cmd.Agent, target.Contact)
	d := sip.Dial{To: target, From: c.from(s.setup.Domain, s.teamName(cmd.Team))}
	if t := c.transfer; t != nil {
		d.Headers = map[string]string{"Referred-By": t.referredBy(s.setup.Domain)} // RFC 3892; for phones of the house alone
	}
	if err := s.dial(l, d, media.SessionConfig{Trust: trust}); err != nil {
		s.log.Error("no sound for an agent's phone", "call", c.id, "agent", cmd.Agent, "err", err)
		s.route(routing.PhoneFailed{Offer: cmd.Offer, Phone: phone})
		return
	}
	s.offered[offerPhone{l.offer, l.phone}] = l
	c.ringing = append(c.ringing, l)
}

// dial opens a session at the call's bridge, offers the caller's codec first,
// and comfort noise where the caller does it, and sends the INVITE.
func (s *Switchboard) dial(l *line, d sip.Dial, sound media.SessionConfig) error {
	if l.inBrowser() {
		return s.dialBrowser(l, d.From)
	}
	c := l.call
	l.id, l.shown = sip.LegID(s.newID()), d.From
	sound.ID = media.SessionID(l.id)
	sound.Bind, sound.Advertise = s.hands.Sip.MediaAddr(d.To)
	d.Media = sound.Bind
	sound.Timeout, sound.HeldTimeout, sound.Dormant = s.setup.RTPTimeout, s.setup.HeldTimeout, true
	sound.SRTP = s.protect(l, d.To)
	session, err := c.bridge.NewSession(sound)
	if err != nil {
		return err
	}
	if c.caller != nil {
		if codec, ok := c.caller.session.Codec(); ok {
			session.Prefer(codec)
		}
		if c.caller.session.TakesComfort() {
			session.Comfort()
		}
	}
	l.session = session
	d.ID, d.Offer, d.MaxForwards = l.id, session.Offer(), c.hops-1
	s.seat(l)
	l.leg = s.hands.Sip.Dial(d)
	s.tell(l)
	return nil
}

func (s *Switchboard) offerRang(cmd routing.OfferRang) {
	c := s.offers[cmd.Offer]
	if c == nil {
		return
	}
	if o := c.record.offered(cmd.Offer); o != nil {
		o.Rang, o.Until = s.now, cmd.Until
	}
	if !c.tentative { // of a callback it is the customer's ringing that counts
		c.record.rang(s.now)
	}
	if c.transfer != nil {
		s.transferRang(c)
	}
	if c.tentative {
		s.promise(routing.CallbackOffered{ID: c.callback, Agent: cmd.Agent})
	}
	s.callFact(c, Fact{Kind: FactOfferRang, Agent: cmd.Agent, Offer: cmd.Offer, Until: cmd.Until})
}

// stopRinging hangs up one phone of an offer.
func (s *Switchboard) stopRinging(offer routing.OfferID, phone routing.PhoneID, why routing.Outcome) {
	if l := s.offered[offerPhone{offer, phone}]; l != nil && l.state == lineDialled {
		s.dismiss(l, l.call.reasonFor(why))
	}
}

// drop hangs up a phone that answered an offer which is over.
func (s *Switchboard) drop(cmd routing.Drop) {
	l := s.offered[offerPhone{cmd.Offer, cmd.Phone}]
	if l == nil || l == l.call.far {
		return
	}
	s.dismiss(l, reasonFor(cmd.Why))
	if cmd.Why != routing.OutcomeTooLate {
		return
	}
	if o := l.call.record.offered(cmd.Offer); o != nil {
		o.TooLate = true
		s.amended(l.call)
	}
	s.log.Info("an agent answered too late", "call", l.call.id, "agent", l.agent)
	s.callFact(l.call, Fact{Kind: FactOfferTooLate, Agent: l.agent, Offer: cmd.Offer, Leg: l.id})
}

// connect joins the caller with the phone that won.
func (s *Switchboard) connect(cmd routing.Connect) {
	l := s.offered[offerPhone{cmd.Offer, cmd.Phone}]
	if l == nil || l.state != lineDialled || l.call.ended {
		s.log.Error("a phone won that does not ring", "work", cmd.Work, "agent", cmd.Agent, "offer", cmd.Offer)
		s.route(routing.Released{Work: cmd.Work, Agent: cmd.Agent})
		return
	}
	c := l.call
	if c.tentative {
		s.accepted(c, l)
		return
	}
	if c.transfer != nil {
		s.transferAnswered(c, l)
		return
	}
	c.queued = false
	s.tally(c, fateAnswered)
	s.join(c, l)
	s.spokeWith(c, l.agent)
	c.record.enter(s.now, Segment{Kind: SegmentTalk, Team: l.team, Agent: l.agent})
	s.log.Info("call connected", "call", c.id, "agent", l.agent, "team", l.team)
	s.callFact(c, Fact{Kind: FactConnected, Agent: l.agent, Team: l.team, Leg: l.id})
	if s.setup.Teams[l.team].Recording {
		s.startTape(c, l)
	}
	s.arrange(c) // a side that already holds is not heard by the other
	s.keep(c)
	s.flow(c, routing.FlowAnswered{})
	s.customerServed(c, l.agent)
	s.rearm(c)
}

// join seats the caller and l, who was answered; the caller is answered now
// if it was not.
func (s *Switchboard) join(c *liveCall, l *line) {
	s.answer(c)
	s.stopPlay(c)
	c.ringing = without(c.ringing, l)
	c.far, l.state = l, lineUp
	l.session.Begin()
	c.bridge.Join(c.caller.session, l.session)
	c.onHold = false
	if c.record.Bridged.IsZero() {
		c.record.Bridged = s.now
	}
}

func (s *Switchboard) offerEnded(cmd routing.OfferEnded) {
	c := s.offers[cmd.Offer]
	delete(s.offers, cmd.Offer)
	if c == nil {
		return
	}
	o := c.record.offered(cmd.Offer)
	if o == nil {
		return
	}
	o.Outcome, o.SIP, o.Ended = cmd.Outcome, cmd.Code, s.now
	s.amended(c)
	s.callFact(c, Fact{Kind: FactOfferEnded, Team: o.Team, Agent: cmd.Agent, Offer: cmd.Offer, Outcome: cmd.Outcome})
	if cmd.Outcome == routing.OutcomeMisconfigured {
		s.log.Error("an agent's phone refuses our codecs: allow PCMU or PCMA in its settings", "call", c.id, "agent", cmd.Agent)
	}
	if c.tentative && cmd.Outcome != routing.OutcomeAccepted {
		s.discard(c)
		s.promise(routing.CallbackRefused{ID: c.callback, Agent: cmd.Agent, Outcome: cmd.Outcome})
		return
	}
	s.transferOfferEnded(c, cmd.Outcome, cmd.Code)
}

// stranded is a waiting call whose team a reload took away: nobody could
// ever take it, so its flow goes on after the queue step.
func (s *Switchboard) stranded(cmd routing.Stranded) {
	if s.promiseBack(cmd.Work, true) {
		return
	}
	c := s.calls[ID(cmd.Work)]
	if c == nil || c.ended {
		return
	}
	if c.transfer != nil {
		c.transfer.queued = false
		s.transferFailed(c, routing.OutcomeWithdrawn, 0)
		return
	}
	c.queued = false
	s.log.Warn("a waiting call's team is gone, its flow goes on", "call", c.id, "team", cmd.Team)
	s.flow(c, routing.FlowStranded{})
	s.rearm(c)
}

func (s *Switchboard) teamName(id routing.TeamID) string {
	if t, ok := s.setup.Teams[id]; ok && t.Name != "" {
		return t.Name
	}
	return string(id)
}

func without(ls []*line, l *line) []*line {
	for i := range ls {
		if ls[i] == l {
			return append(ls[:i], ls[i+1:]...)
		}
	}
	return ls
}
