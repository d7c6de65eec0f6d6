package call

import (
	"fmt"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// reclaiming is true of a call whose agent was lost without a BYE: the
// customer hears music, and for a while the agent may come back by any phone
// (product §5). The agent is held busy for that long.
type reclaiming struct {
	agent routing.AgentID
	team  routing.TeamID
	until time.Time
	was   sip.LegID // the leg that was lost

	browser bool // it was the Help Desk's: its page comes back by itself

	holding, muted bool // by an order: who comes back is as they were, and heard no sooner than they want
}

// lost is an agent's line that went away without a BYE: the customer hears
// music; who does not come back in time gives them to the front of the queue
// (product rule 9).
func (s *Switchboard) lost(l *line) {
	c := l.call
	if c.far != l {
		s.failed(l, failure{})
		return
	}
	wait := s.setup.Teams[l.team].Reclaim
	s.log.Warn("an agent's leg was lost", "call", c.id, "agent", l.agent, "team", l.team, "count", int(wait.Seconds()))
	if wait <= 0 {
		s.release(c, l)
		s.giveBack(c, l.team)
		return
	}
	c.far, c.onHold = nil, false
	c.bridge.Part(c.caller.session)
	c.caller.session.Background(s.setup.Music)
	s.keepCompany(c)
	c.reclaim = &reclaiming{agent: l.agent, team: l.team, until: s.now.Add(wait), was: l.id, browser: l.inBrowser(), holding: l.holding, muted: l.muted}
	c.record.enter(s.now, Segment{Kind: SegmentHold, Team: l.team, Agent: l.agent})
	s.callFact(c, Fact{Kind: FactAgentLost, Agent: l.agent, Team: l.team, Leg: l.id, Until: c.reclaim.until})
	if s.now.Sub(s.fresh[l.agent]) < justNow { // the phone has started anew, and is there already
		s.reclaimBy(l.agent, s.contacts(l.agent))
	}
	s.keep(c)
	s.rearm(c)
}

// justNow is how long after a registration the loss of a call is put down to
// the phone having started anew.
const justNow = 10 * time.Second

// contacts are the live phones of an agent.
func (s *Switchboard) contacts(agent routing.AgentID) []sip.ContactID {
	var ids []sip.ContactID
	for _, p := range s.phones[agent] {
		ids = append(ids, p.ID)
	}
	return ids
}

// reclaimOver is the agent not having come back.
func (s *Switchboard) reclaimOver(c *liveCall) {
	r := c.reclaim
	s.endReclaim(c)
	s.stopTape(c)
	c.record.Released = s.now
	s.callFact(c, Fact{Kind: FactReleased, Agent: r.agent, Team: r.team})
	s.route(routing.Released{Work: routing.WorkID(c.id), Agent: r.agent, Team: r.team, Spoke: c.spoke()})
	s.giveBack(c, r.team)
}

// endReclaim hangs up the phones that ring for it.
func (s *Switchboard) endReclaim(c *liveCall) {
	c.reclaim = nil
	for _, l := range slices.Clone(c.ringing) {
		if l.errand == returns {
			s.dismiss(l, reasonFor(routing.OutcomeAnsweredElsewhere))
		}
	}
	c.ringing = slices.DeleteFunc(c.ringing, func(l *line) bool { return l.errand == returns })
}

// abandonReclaim frees the agent when the call ends meanwhile.
func (s *Switchboard) abandonReclaim(c *liveCall) {
	r := c.reclaim
	if r == nil {
		return
	}
	s.endReclaim(c)
	s.stopTape(c)
	c.record.Released = s.now
	s.route(routing.Released{Work: routing.WorkID(c.id), Agent: r.agent, Team: r.team, Spoke: c.spoke()})
}

// reclaimBy rings an agent's phones to bring back the call that was lost; fresh
// alone names the phone that has just registered.
func (s *Switchboard) reclaimBy(agent routing.AgentID, fresh []sip.ContactID) {
	for _, c := range s.inOrder() {
		if c.ended || c.reclaim == nil || c.reclaim.agent != agent {
			continue
		}
		for _, id := range fresh {
			if !slices.ContainsFunc(c.ringing, func(l *line) bool { return l.errand == returns && l.phone == routing.PhoneID(id) }) {
				s.ringBack(c, id)
			}
		}
		s.rearm(c)
		return // one at a time; what is left waits for its own time
	}
}

// ringBack rings one phone of the agent whose call was lost. A phone that can
// answers by itself.
func (s *Switchboard) ringBack(c *liveCall, id sip.ContactID) {
	r := c.reclaim
	l := &line{role: roleAgent, call: c, phone: routing.PhoneID(id), agent: r.agent, team: r.team, errand: returns}
	d := sip.Dial{To: sip.Target{Contact: id}, From: c.from(s.setup.Domain, s.teamName(r.team)), Headers: autoAnswer}
	if err := s.dial(l, d, media.SessionConfig{Trust: s.trusted(r.agent, id)}); err != nil {
		s.log.Error("no sound for an agent's phone", "call", c.id, "agent", r.agent, "err", err)
		return
	}
	c.ringing = append(c.ringing, l)
}

// autoAnswer asks a phone to answer by itself, in the two ways that phones know.
var autoAnswer = map[string]string{
	"Call-Info":  "<sip:trunkline>;answer-after=0",
	"Alert-Info": "<http://trunkline>;info=alert-autoanswer",
}

// reclaimed is the agent back in the call.
func (s *Switchboard) reclaimed(c *liveCall, l *line) {
	c.ringing = without(c.ringing, l)
	l.errand, l.holding, l.muted = offered, c.reclaim.holding, c.reclaim.muted
	s.endReclaim(c)
	l.state = lineUp
	l.session.Begin()
	l.session.Mute(l.muted)
	c.far = l
	s.arrange(c)
	s.log.Info("an agent is back in the call", "call", c.id, "agent", l.agent)
	s.callFact(c, Fact{Kind: FactReclaimed, Agent: l.agent, Team: l.team, Leg: l.id})
	s.keep(c)
	s.rearm(c)
}

// replaces is an agent's phone that takes the place of another leg of theirs
// (RFC 3891): a call moves from one phone to another, or is reclaimed.
func (s *Switchboard) replaces(in sip.Invited) {
	c, old := s.replacedBy(in)
	if c == nil {
		in.Leg.Reject(481, "")
		return
	}
	s.handling = c
	l, answer, err := s.seatPhone(c, in)
	if err != nil {
		in.Leg.Reject(488, "")
		return
	}
	l.leg.Answer(answer)
	if old == nil {
		l.team = c.reclaim.team
		s.reclaimed(c, l)
		return
	}
	s.takePlace(c, old, l)
}

// takePlace puts a phone of an agent in another's place, whatever that is in the call.
func (s *Switchboard) takePlace(c *liveCall, old, l *line) {
	l.role, l.team, l.offer, l.errand, l.holding, l.muted = old.role, old.team, old.offer, old.errand, old.holding, old.muted
	l.confirmed = l.confirmed || old.confirmed
	l.state = lineUp
	l.session.Begin()
	l.session.Mute(l.muted)
	c.typing = nil // on the phone that is left
	old.untape()
	c.bridge.Part(old.session)
	switch t := c.transfer; {
	case c.watch != nil:
		c.caller = l
		c.watch.of.bridge.Part(old.session)
	case old == c.caller: // who calls by it has nobody yet, or a colleague
		c.caller = l
		l.session.Background(media.Ringback(s.setup.Country))
		if c.forward != nil && c.forward.line != nil && c.early {
			c.bridge.Join(l.session, c.forward.line.session)
		}
	case t != nil && old == t.third:
		t.third = l
	default:
		c.far = l
	}
	s.dismiss(old, reasonFor(routing.OutcomeAnsweredElsewhere))
	s.arrange(c)
	s.callFact(c, Fact{Kind: FactMoved, Agent: l.agent, Leg: l.id})
	s.keep(c)
}

// replacedBy finds the call in which an agent may take a leg's place. old is
// nil where that leg was lost.
func (s *Switchboard) replacedBy(in sip.Invited) (c *liveCall, old *line) {
	agent := routing.AgentID(in.Account)
	if l := s.lines[in.Replaces]; l != nil && l.role == roleAgent && l.agent == agent && l.call.far == l && !l.call.ended {
		return l.call, l
	}
	for _, c := range s.inOrder() {
		if c.reclaim != nil && c.reclaim.was == in.Replaces && c.reclaim.agent == agent && !c.ended {
			return c, nil
		}
	}
	return nil, nil
}

// seatPhone makes the line of an agent's phone that calls in to a call.
func (s *Switchboard) seatPhone(c *liveCall, in sip.Invited) (*line, []byte, error) {
	l := &line{leg: in.Leg, id: in.Leg.ID(), role: roleAgent, call: c, agent: routing.AgentID(in.Account), offerless: in.Offer == nil}
	session, err := c.bridge.NewSession(media.SessionConfig{
		ID: media.SessionID(l.id), Bind: in.Bind, Advertise: in.Advertise, Trust: host(in.Source.Addr()),
		Timeout: s.setup.RTPTimeout, HeldTimeout: s.setup.HeldTimeout, Dormant: true,
		SRTP: s.protectIn(l, in),
	})
	if err != nil {
		return nil, nil, err
	}
	l.session = session
	if in.Offer == nil {
		s.seat(l)
		s.tell(l)
		return l, session.Offer(), nil
	}
	answer, err := session.Answer(in.Offer)
	if err != nil {
		session.Close()
		return nil, nil, err
	}
	l.held = session.Held()
	s.secured(l)
	s.seat(l)
	s.tell(l)
	return l, answer, nil
}

// reclaimOrder is an agent's order to have the lost call ring at their phones.
func (s *Switchboard) reclaimOrder(c *liveCall, agent routing.AgentID) error {
	if c.reclaim == nil || agent != "" && c.reclaim.agent != agent {
		return fmt.Errorf("%w: no agent was lost", ErrNotNow)
	}
	phones := s.contacts(c.reclaim.agent)
	if len(phones) == 0 {
		return fmt.Errorf("%w: %s has no live phone", ErrOffline, c.reclaim.agent)
	}
	s.reclaimBy(c.reclaim.agent, phones)
	return nil
}

// probed is what a phone said when it was asked whether it still has the call.
func (s *Switchboard) probed(l *line, e sip.Probed) {
	switch {
	case l.role != roleAgent || l.state != lineUp || l.call.ended:
		return
	case e.Alive:
		s.trust(l)
		return
	case l == l.call.caller: // an agent's own call
		s.end(l.call, Ending{By: ByAgent, Cause: CauseLegLost}, reasonNoSound)
		return
	}
	s.dismiss(l, reasonNoSound)
	s.leftUs(l, sip.Failed, sip.Reason{})
}
