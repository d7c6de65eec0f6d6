package call

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Role says what an agent is to a call in progress.
type Role string

// The roles.
const (
	RoleOffered  Role = "offered"  // it rings at their phones
	RoleCalled   Role = "called"   // a colleague calls
	RoleDialing  Role = "dialing"  // their own call, which nobody has answered yet
	RoleTalking  Role = "talking"  // has the call
	RoleAsked    Role = "asked"    // was asked by whoever wants to transfer the call
	RoleLost     Role = "lost"     // their leg was lost, and may come back
	RoleWatching Role = "watching" // listens to a colleague's call: the card is that call's
)

// Part is an agent's part in a call in progress: what they can do with it now
// follows from it.
type Part struct {
	Role   Role   `json:"role"`
	Record Record `json:"-"`

	Offer   routing.OfferID `json:"offer,omitempty"`
	Waited  time.Time       `json:"waited,omitzero"`     // since when the customer waits
	Until   time.Time       `json:"until,omitzero"`      // offered: an answer then is late; lost: back in the queue
	By      routing.AgentID `json:"by,omitempty"`        // called, asked: who
	Answers bool            `json:"answering,omitempty"` // the phone was asked to answer by itself, or connects
	Browser bool            `json:"browser,omitempty"`   // the phone is, or one of those that ring is, their Help Desk
	Leg     sip.LegID       `json:"leg,omitempty"`       // of that phone, once it is in the call

	Holding bool `json:"holding,omitempty"` // they hold the other side
	Held    bool `json:"held,omitempty"`    // the other side holds them
	Muted   bool `json:"muted,omitempty"`

	Recording   string    `json:"recording,omitempty"` // on, paused; "": the call is not recorded
	PausedBy    string    `json:"paused_by,omitempty"`
	PausedUntil time.Time `json:"paused_until,omitzero"`

	Transfer *PartTransfer `json:"transfer,omitempty"`

	Watch   *PartWatch `json:"watch,omitempty"`   // of who watches
	Watched bool       `json:"watched,omitempty"` // a supervisor watches; where the configuration has it said
}

// PartWatch is how somebody watches a call.
type PartWatch struct {
	ID    ID              `json:"id"`    // of the watcher's own leg, by which a Help Desk that is a phone answers
	Agent routing.AgentID `json:"agent"` // who is watched
	Mode  WatchMode       `json:"mode"`
	Rings bool            `json:"rings,omitempty"` // their phone has not answered yet
}

// PartTransfer is a transfer under way.
type PartTransfer struct {
	To      Destination     `json:"to"`
	By      routing.AgentID `json:"by"`
	Ask     bool            `json:"ask,omitempty"`
	Talking bool            `json:"talking,omitempty"` // who is asked has answered
	Swapped bool            `json:"swapped,omitempty"` // the customer is talked to meanwhile
	Merged  bool            `json:"merged,omitempty"`
	Began   time.Time       `json:"began"`
}

// Parts gives an agent's parts in the calls in progress, by the calls' arrival.
func (s *Switchboard) Parts(ctx context.Context, agent routing.AgentID) ([]Part, error) {
	return ask(ctx, s, func(time.Time) []Part {
		parts := []Part{}
		for _, c := range s.calls {
			if p, in := c.part(agent); in {
				p.Watched = s.setup.Watching.Show && p.Watch == nil && len(c.watching()) > 0
				parts = append(parts, p)
			}
		}
		slices.SortFunc(parts, func(a, b Part) int { return strings.Compare(string(a.Record.ID), string(b.Record.ID)) })
		return parts
	})
}

// part is an agent's part in a call, or false.
func (c *liveCall) part(agent routing.AgentID) (Part, bool) {
	if c.ended || agent == "" {
		return Part{}, false
	}
	if t := c.watch; t != nil {
		p := Part{Role: RoleWatching, Record: t.of.record.clone(), Watch: &PartWatch{ID: c.id, Agent: t.agent, Mode: t.mode, Rings: !t.up}}
		if p.Browser = slices.ContainsFunc(c.ringing, (*line).inBrowser); c.caller != nil {
			p.isAt(c.caller)
		}
		return p, c.out.agent == agent
	}
	p, in := c.roleOf(agent)
	if !in {
		return p, false
	}
	p.Record = c.record.clone()
	if c.tape != nil && (p.Role == RoleTalking || p.Role == RoleLost) {
		p.Recording = "on"
		if c.paused {
			p.Recording, p.PausedUntil = "paused", c.unpauseAt
			if r := c.record.recorded(c.tape.ID()); r != nil && len(r.Pauses) > 0 {
				p.PausedBy = r.Pauses[len(r.Pauses)-1].By
			}
		}
	}
	if t := c.transfer; t != nil && (t.by == agent || p.Role == RoleAsked || p.Role == RoleOffered) {
		p.Transfer = &PartTransfer{To: t.to, By: t.by, Ask: t.ask, Talking: t.third != nil, Swapped: t.swapped, Merged: t.merged}
		if t.receipt < len(c.record.Transfers) {
			p.Transfer.Began = c.record.Transfers[t.receipt].Began
		}
	}
	return p, true
}

func (c *liveCall) roleOf(agent routing.AgentID) (Part, bool) {
	if l := c.seatOf(agent); l != nil {
		p := Part{Role: RoleTalking, Holding: l.holding, Held: l.held, Muted: l.muted}
		p.isAt(l)
		if l == c.caller && c.out != nil {
			p.Held, p.By = c.far != nil && c.far.holds(), c.out.callee
		} else if c.caller != nil {
			p.Held = c.caller.holds()
		}
		if c.transfer != nil && l == c.transfer.third {
			p.Role, p.By = RoleAsked, c.transfer.by
		}
		return p, true
	}
	for _, l := range c.ringing {
		if l.agent != agent || l.role != roleAgent || l.state != lineDialled {
			continue
		}
		p := Part{Answers: l.answers, Browser: slices.ContainsFunc(c.ringsAt(agent), (*line).inBrowser)}
		switch l.errand {
		case offered:
			p.Role, p.Offer, p.Waited = RoleOffered, l.offer, c.waitedSince()
			if o := c.record.offered(l.offer); o != nil {
				p.Until = o.Until
			}
		case called:
			p.Role, p.By = RoleCalled, c.out.agent
		case clicking:
			p.Role = RoleDialing
		case moves:
			p.Role = RoleOffered
		case returns:
			p.Role, p.Until = RoleLost, c.reclaim.until
		}
		return p, true
	}
	switch {
	case c.reclaim != nil && c.reclaim.agent == agent:
		return Part{Role: RoleLost, Until: c.reclaim.until, Browser: c.reclaim.browser}, true
	case c.caller != nil && c.caller.agent == agent && c.caller.role == roleAgent:
		p := Part{Role: RoleDialing}
		p.isAt(c.caller)
		return p, true
	}
	return Part{}, false
}

// isAt tells of a browser's leg, so that a page knows whether it is its own.
func (p *Part) isAt(l *line) {
	if l.inBrowser() {
		p.Browser, p.Leg = true, l.id
	}
}

// waitedSince is when the customer began to wait for an agent.
func (c *liveCall) waitedSince() time.Time {
	for _, g := range c.record.Segments {
		if g.Kind == SegmentQueue {
			return g.From
		}
	}
	return c.record.Initiated
}

// rings is an order about what rings at an agent's phones.
func (s *Switchboard) rings(c *liveCall, o Order) error {
	rings := c.ringsAt(o.By)
	switch {
	case o.By == "":
		return fmt.Errorf("%w: say whose phones", ErrNotInCall)
	case len(rings) == 0:
		return fmt.Errorf("%w: it does not ring there", ErrNotNow)
	case o.Verb == Decline:
		s.decline(c, rings)
		return nil
	}
	asked := slices.ContainsFunc(rings, func(l *line) bool { return l.answers })
	if err := s.answerAt(c, rings); err != nil || asked {
		return err
	}
	s.callFact(c, Fact{Kind: FactAnswering, Agent: o.By}) // a page that is the phone answers now, not at its next look
	return nil
}

// ringsAt are the phones of an agent that ring for a call.
func (c *liveCall) ringsAt(agent routing.AgentID) []*line {
	var all []*line
	for _, l := range c.ringing {
		if l.agent == agent && l.role == roleAgent && l.state == lineDialled {
			all = append(all, l)
		}
	}
	return all
}

// unmoved is a phone that rings on though it was asked by NOTIFY to answer: it is
// asked with another INVITE.
func (s *Switchboard) unmoved(l *line) {
	if l.state != lineDialled || !l.answers || l.call.ended {
		return
	}
	s.log.Info("a phone does not answer by NOTIFY talk; it is asked with an INVITE", "call", l.call.id, "agent", l.agent)
	l.talks, l.answers = false, false
	if err := s.answerAt(l.call, l.call.ringsAt(l.agent)); err != nil {
		s.log.Warn("an agent's phone could not be asked to answer", "call", l.call.id, "agent", l.agent, "err", err)
	}
}

// decline is an agent refusing what rings at their phones.
func (s *Switchboard) decline(c *liveCall, rings []*line) {
	why := rings[0].errand
	if why == offered {
		s.route(routing.Declined{Offer: rings[0].offer})
		return
	}
	for _, l := range rings {
		s.dismiss(l, reasonFor(routing.OutcomeDeclined))
		c.ringing = without(c.ringing, l)
	}
	if why == called || why == clicking || why == watches {
		s.calleeFailed(c, 603)
	}
}

// answerAt is an agent answering at the Help Desk what rings at their phones: the
// phone that rang first is asked to answer by itself. Where it knows how, it is
// asked by NOTIFY. Else it is asked with its INVITE, so it gets another one and
// the others stop; for the router it is the same phone of the same offer, whose
// time goes on.
func (s *Switchboard) answerAt(c *liveCall, rings []*line) error {
	if slices.ContainsFunc(rings, func(l *line) bool { return l.answers }) {
		return nil // is on its way
	}
	if i := slices.IndexFunc(rings, (*line).inBrowser); i >= 0 { // the page sees that it is to answer
		rings[i].answers = true
		return nil
	}
	old := rings[max(0, slices.IndexFunc(rings, func(l *line) bool { return l.rang }))]
	if old.talks {
		old.answers = true
		old.leg.Talk()
		return nil
	}
	next := &line{
		role: roleAgent, call: c, offer: old.offer, phone: old.phone, agent: old.agent, team: old.team,
		errand: old.errand, shown: old.shown, rang: old.rang, answers: true,
	}
	for _, l := range rings {
		l.replaced = true
		c.ringing = without(c.ringing, l)
		s.dismiss(l, reasonFor(routing.OutcomeAnsweredElsewhere))
	}
	contact := sip.ContactID(old.phone)
	d := sip.Dial{To: sip.Target{Contact: contact}, From: old.shown, Headers: autoAnswer}
	if err := s.dial(next, d, media.SessionConfig{Trust: s.trusted(old.agent, contact)}); err != nil {
		s.log.Error("no sound for an agent's phone", "call", c.id, "agent", old.agent, "err", err)
		s.failed(next, failure{})
		return fmt.Errorf("%w: media.ports is exhausted", ErrNotNow)
	}
	c.ringing = append(c.ringing, next)
	if next.errand != offered {
		return nil
	}
	s.offered[offerPhone{next.offer, next.phone}] = next
	for _, l := range rings {
		if l != old {
			s.route(routing.PhoneFailed{Offer: l.offer, Phone: l.phone}) // it stopped, and refused nothing
		}
	}
	return nil
}
