package call

import (
	"context"
	"errors"
	"fmt"

	"trunkline/routing"
)

// The verbs of who watches over the queues, of calls that wait.
const (
	Assign     Verb = "assign"     // to Order.To.Agent alone: out of automatic offering (product §1.11)
	OfferTo    Verb = "offer"      // to Order.To.Agent first; whoever does not take it gives it back to the team
	Move       Verb = "move"       // to Order.To.Team, with its place by arrival
	Prioritize Verb = "prioritize" // to Order.Priority
)

// ErrNoTeam answers an order that names a team the configuration has not.
var ErrNoTeam = errors.New("no such team")

// supervise is an order on a call that waits.
func (s *Switchboard) supervise(c *liveCall, o Order) error {
	if !c.queued || c.transfer != nil {
		return fmt.Errorf("%w: the call does not wait", ErrNotNow)
	}
	f := Fact{Agent: o.To.Agent, Team: o.To.Team, Reason: "by " + o.Who}
	next := c.waiting
	switch o.Verb {
	case Assign, OfferTo:
		a, known := s.agentView(o.To.Agent)
		switch {
		case !known:
			return ErrNoAgent
		case !online(a):
			return fmt.Errorf("%w: %s is %s", ErrOffline, a.ID, whyAway(a))
		}
		next.Target, next.Sticky, next.StickyUntil, next.ByHand = a.ID, "", noTime, false
		f.Kind = FactAssigned
		if o.Verb == OfferTo {
			next.Target, next.Sticky, next.ByHand = "", a.ID, true
			next.StickyUntil = s.now.Add(s.waits(Destination{Team: next.Team}, &line{}))
			f.Kind = FactOfferedTo
		}
	case Move:
		if _, known := s.setup.Teams[o.To.Team]; !known {
			return ErrNoTeam
		}
		next.Team, next.Target, next.Sticky, next.Entered = o.To.Team, "", "", s.now
		next.Asks.Overflow = nil // of the queue that is left
		f.Kind = FactRequeued
	case Prioritize:
		c.waiting.Priority = o.Priority
		f.Kind, f.Count = FactPriority, o.Priority
		s.callFact(c, f)
		s.route(routing.Prioritized{Work: c.waiting.Work, Priority: o.Priority})
		return nil
	}
	s.log.Info("a waiting call was ordered", "call", c.id, "agent", o.To.Agent, "team", next.Team, "reason", string(o.Verb)+" by "+o.Who)
	c.waiting = next
	s.callFact(c, f)
	if o.Verb == Move {
		c.record.enter(s.now, Segment{Kind: SegmentQueue, Team: next.Team})
		s.flow(c, routing.FlowMoved{Team: next.Team})
		s.keep(c)
	}
	c.untold = false
	s.route(next)
	return nil
}

// SetQueue closes a team's queue to new callers, who take the unanswered path,
// or opens it; those who wait stay. It outlives restarts, and is on disk when
// SetQueue returns without an error. by says who ordered it.
func (s *Switchboard) SetQueue(ctx context.Context, team routing.TeamID, closed bool, by string) error {
	return s.ordered(ctx, func() error {
		t, known := s.brain.router.Team(team)
		if !known {
			return ErrNoTeam
		}
		if t.Closed == closed {
			return nil
		}
		s.route(routing.QueueSet{Team: team, Closed: closed})
		kind := FactQueueOpened
		if closed {
			kind = FactQueueClosed
		}
		s.log.Info("a queue was opened or closed", "team", team, "reason", string(kind)+" by "+by)
		s.fact(Fact{Kind: kind, Team: team, Reason: "by " + by})
		return nil
	})
}

// OrderAgent is SetAgent by somebody else, which is told.
func (s *Switchboard) OrderAgent(ctx context.Context, agent routing.AgentID, active bool, reason, by string) error {
	return s.ordered(ctx, func() error {
		if _, known := s.agentView(agent); !known {
			return ErrNoAgent
		}
		state := string(routing.StatusAway)
		if active {
			state = string(routing.StatusActive)
		}
		s.fact(Fact{Kind: FactAgentOrdered, Agent: agent, State: state, Reason: "by " + by})
		s.route(routing.StatusSet{Agent: agent, Active: active, Reason: reason})
		return nil
	})
}
