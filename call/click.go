package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Dial calls somebody for an agent: the agent's phones ring first, then the
// number or the colleague is called (product §7). A number is shown from, one
// of the agent's caller ids; empty: the default one. It returns the call's name
// when the phones have been asked to ring.
func (s *Switchboard) Dial(ctx context.Context, agent routing.AgentID, number, from string) (ID, error) {
	type answer struct {
		id  ID
		err error
	}
	a, err := ask(ctx, s, func(time.Time) answer {
		id, err := s.click(agent, number, from, "", nil)
		return answer{id, err}
	})
	return a.id, errors.Join(a.err, err)
}

// mayClick says why an agent cannot be rung to call a number; nil: they can.
func (s *Switchboard) mayClick(agent routing.AgentID, number string) (Dialled, error) {
	d := s.setup.Dial.Judge(number)
	switch {
	case d.Code == 484:
		return d, fmt.Errorf("%w: %s: %s", ErrNoTarget, number, d.Rule)
	case d.Code != 0:
		s.refuseDial(nil, agent, "", d.Rule, false)
		return d, fmt.Errorf("%w: %s", ErrNotAllowed, d.Rule)
	}
	if rule := s.mayDial(agent, d); rule != "" {
		s.refuseDial(nil, agent, "", rule, true)
		return d, fmt.Errorf("%w: %s is reached", ErrNotAllowed, rule)
	}
	return d, s.mayRing(agent, d.Emergency)
}

// mayRing says why an agent cannot be rung for a call of their own; nil: they can.
func (s *Switchboard) mayRing(agent routing.AgentID, emergency bool) error {
	switch {
	case s.draining:
		return fmt.Errorf("%w: the switch is stopping", ErrNotNow)
	case len(s.phonesAt(agent)) == 0:
		return fmt.Errorf("%w: %s has no live phone", ErrOffline, agent)
	case s.setup.MaxCalls > 0 && s.live >= s.setup.MaxCalls && !emergency:
		return fmt.Errorf("%w: calls.max is reached", ErrNotNow)
	}
	return nil
}

// ringFirst rings the phones of the agent who asked for a call.
func (s *Switchboard) ringFirst(c *liveCall, phones []sip.ContactID, from sip.NameAddr) error {
	if !s.ringAll(c, c.out.agent, phones, clicking, from, autoAnswer) {
		s.end(c, Ending{By: BySystem, Cause: CauseNoPorts, Code: 503}, reasonNormal)
		return fmt.Errorf("%w: media.ports is exhausted", ErrNotNow)
	}
	c.giveUp = s.now.Add(s.transferRing())
	s.keep(c)
	s.rearm(c)
	return nil
}

// click is Dial on the loop; asker is the phone that is to be rung, "" all of the
// agent's, and told hears how it fares, nil nobody.
func (s *Switchboard) click(agent routing.AgentID, number, from string, asker sip.ContactID, told *referral) (ID, error) {
	if _, known := s.agentView(agent); !known {
		return "", ErrNoAgent
	}
	shows, err := s.mayShow(agent, from)
	if err != nil {
		return "", err
	}
	to := s.destination(number)
	var d Dialled
	switch {
	case to.Team != "", to.Agent == agent:
		return "", fmt.Errorf("%w: %s", ErrNoTarget, number)
	case to.Number != "":
		d, err = s.mayClick(agent, number)
	default:
		err = s.mayRing(agent, false)
	}
	if err != nil {
		return "", err
	}
	phones, err := byPhone(s.phonesFor(agent, asker), asker)
	if err != nil {
		return "", err
	}
	c := s.newOwn(agent, to, d)
	c.out.shows = shows
	if told != nil {
		c.out.told = told
		told.leg.AnswerRefer(told.id, 202)
	}
	s.engage(c)
	s.callFact(c, Fact{Kind: FactArrived, Agent: agent})
	return c.id, s.ringFirst(c, phones, sip.NameAddr{Display: "Calling " + number, User: number, Host: s.setup.Domain})
}

// newOwn makes a call that an agent asked for. Nobody is in it yet.
func (s *Switchboard) newOwn(agent routing.AgentID, to Destination, d Dialled) *liveCall {
	id := ID(s.newID())
	r := &Record{ID: id, Direction: Outbound, Agent: agent, Dialled: string(d.Number), Initiated: s.now}
	if to.Agent != "" {
		r.Direction, r.Dialled, r.Name = Internal, string(to.Agent), s.agentName(agent)
	}
	c := &liveCall{id: id, came: s.now, record: r, hops: 70}
	c.out = &outgoing{agent: agent, team: s.setup.FirstTeam(agent), emergency: d.Emergency, number: r.Dialled, to: to, judged: d}
	c.bridge = s.hands.Media.NewBridge(media.BridgeID(id))
	r.enter(s.now, Segment{Kind: SegmentDial, Team: c.out.team, Agent: agent})
	s.calls[id] = c
	s.handling = c
	s.live++
	if s.setup.MaxDuration > 0 {
		c.maximum = s.now.Add(s.setup.MaxDuration)
	}
	return c
}

// clicked is the agent at the phone: now the other side is called.
func (s *Switchboard) clicked(c *liveCall, l *line) {
	s.hangUpOthers(c, l)
	c.ringing = without(c.ringing, l)
	c.giveUp = noTime
	c.caller, l.state, l.confirmed, l.errand = l, lineUp, true, offered
	l.session.Begin()
	l.session.Background(media.Ringback(s.setup.Country))
	if c.out.to.Agent == "" {
		if d := s.setup.Dial.Judge(c.out.to.Number); d.Code != 0 { // a reload since
			s.refuseDial(c, c.out.agent, "", d.Rule, false)
			s.end(c, Ending{By: BySystem, Cause: CauseNotAllowed, Code: 403, Reason: d.Rule}, reasonNormal)
			return
		}
		if rule := s.mayDial(c.out.agent, c.out.judged); rule != "" { // since the order
			s.refuseDial(c, c.out.agent, "", rule, true)
			s.end(c, Ending{By: BySystem, Cause: CauseDialCap, Code: 403}, reasonNormal)
			return
		}
		if _, err := s.mayShow(c.out.agent, string(c.out.shows)); err != nil { // a reload since
			s.end(c, Ending{By: BySystem, Cause: CauseNotAllowed, Code: 403, Reason: "caller_id"}, reasonNormal)
			return
		}
		s.callNumber(c, c.out.judged)
		return
	}
	if r := s.callAgent(c, c.out.to.Agent); r != nil {
		s.end(c, Ending{By: ByCallee, Cause: r.cause, Code: r.code}, reasonNormal)
	}
}
