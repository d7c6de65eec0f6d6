package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/routing"
	"trunkline/sip"
)

// ErrNoAgent answers an order that names an agent the configuration has not.
var ErrNoAgent = errors.New("no such agent")

// ErrNotKept answers an order that is in force but not on disk: a crash now
// would forget it.
var ErrNotKept = errors.New("it is in force, but not on disk yet")

// SetAgent sets an agent's status: active, or away with a reason. A change
// during a call takes effect after it; active ends a wrap-up early. It is on
// disk when SetAgent returns without an error.
func (s *Switchboard) SetAgent(ctx context.Context, agent routing.AgentID, active bool, reason string) error {
	return s.ordered(ctx, func() error {
		known := slices.ContainsFunc(s.setup.Router.Agents, func(a routing.Agent) bool { return a.ID == agent })
		if !known {
			return ErrNoAgent
		}
		s.route(routing.StatusSet{Agent: agent, Active: active, Reason: reason})
		return nil
	})
}

// SetChannel sets which kinds of work an agent takes: All, Phone or
// Conversations. It is on disk when it returns without an error.
func (s *Switchboard) SetChannel(ctx context.Context, agent routing.AgentID, channel routing.Channel) error {
	return s.ordered(ctx, func() error {
		if _, known := s.agentView(agent); !known {
			return ErrNoAgent
		}
		s.route(routing.ChannelSet{Agent: agent, Channel: channel})
		return nil
	})
}

// ordered runs an order on the loop, and waits until what it did is on disk.
func (s *Switchboard) ordered(ctx context.Context, order func() error) error {
	err, asked := ask(ctx, s, func(time.Time) error { return order() })
	if err = errors.Join(err, asked); err != nil {
		return err
	}
	return s.kept(ctx)
}

// kept waits until what was ordered is on disk. The caller's goroutine waits,
// the loop never.
func (s *Switchboard) kept(ctx context.Context) error {
	if s.hands.Sync == nil { // set before the loop began, and the loop has answered
		return nil
	}
	if err := s.hands.Sync(ctx); err != nil {
		return fmt.Errorf("%w: %v", ErrNotKept, err) // a context's end is not the switchboard's
	}
	return nil
}

// Reload replaces the setup. Calls in progress keep the flow they arrived
// under and are not touched. by is who asked for it; empty: nobody by name.
func (s *Switchboard) Reload(ctx context.Context, next Setup, by string) error {
	_, err := ask(ctx, s, func(time.Time) struct{} {
		next.keepTeams(s.setup, s.inOrder())
		s.install(next)
		s.fact(Fact{Kind: FactReloaded, Reason: next.Hash, By: routing.AgentID(by)})
		s.route(routing.Configured{Config: next.Router})
		s.shifts()
		return struct{}{}
	})
	return err
}

// Explain says who could take a waiting call, and what excludes the others.
func (s *Switchboard) Explain(ctx context.Context, id ID) (routing.Explanation, bool, error) {
	type answer struct {
		ex routing.Explanation
		ok bool
	}
	a, err := ask(ctx, s, func(now time.Time) answer {
		ex, ok := s.brain.router.Explain(now, routing.WorkID(id))
		return answer{ex, ok}
	})
	return a.ex, a.ok, err
}

// ExplainTeam says who a new call of a team would be offered to now.
func (s *Switchboard) ExplainTeam(ctx context.Context, team routing.TeamID) (routing.Explanation, error) {
	return ask(ctx, s, func(now time.Time) routing.Explanation {
		return s.brain.router.ExplainTeam(now, team)
	})
}

// Record gives the card of a call in progress.
func (s *Switchboard) Record(ctx context.Context, id ID) (Record, bool, error) {
	type answer struct {
		r  Record
		ok bool
	}
	a, err := ask(ctx, s, func(time.Time) answer {
		if c := s.calls[id]; c != nil {
			return answer{c.record.clone(), true}
		}
		return answer{}
	})
	return a.r, a.ok, err
}

// Drain refuses new calls and waits until the calls in progress have ended,
// or ctx is done; what is left then is hung up and given grace to end.
func (s *Switchboard) Drain(ctx context.Context, grace time.Duration) error {
	idle, err := ask(context.WithoutCancel(ctx), s, func(time.Time) chan struct{} {
		s.draining = true
		s.withdrawOffers()
		return s.whenIdle()
	})
	if err != nil {
		return err
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	idle, err = ask(context.WithoutCancel(ctx), s, func(time.Time) chan struct{} {
		for _, c := range s.inOrder() {
			s.guard(func() {
				s.handling = c
				s.end(c, Ending{By: BySystem, Cause: CauseStopped, Code: stopCode(c)}, reasonStopped)
			})
		}
		s.handling = nil
		return s.whenIdle()
	})
	if err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-idle:
		return nil
	case <-timer.C:
		return errors.New("some legs did not end in time")
	}
}

func stopCode(c *liveCall) int {
	if c.answered {
		return 0
	}
	return 503
}

// whenIdle gives a channel that is closed when no call is left.
func (s *Switchboard) whenIdle() chan struct{} {
	ch := make(chan struct{})
	if len(s.calls) == 0 {
		close(ch)
		return ch
	}
	s.idle = append(s.idle, ch)
	return ch
}

// inOrder gives the calls by their arrival.
func (s *Switchboard) inOrder() []*liveCall {
	out := make([]*liveCall, 0, len(s.calls))
	for _, c := range s.calls {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *liveCall) int { return strings.Compare(string(a.id), string(b.id)) })
	return out
}

// Status gives a picture of the switch.
func (s *Switchboard) Status(ctx context.Context) (Status, error) {
	return ask(ctx, s, s.status)
}

func (s *Switchboard) status(now time.Time) Status {
	v := Status{At: now, Started: s.started, Config: s.setup.Hash, Draining: s.draining, Counts: s.counts, Callbacks: s.promises.book.Pending()}
	for _, m := range s.messages {
		if m.Heard.IsZero() {
			v.Messages.New++
		} else {
			v.Messages.Heard++
		}
	}
	for id := range s.setup.Trunks {
		t := s.trunkOf(id)
		v.Trunks = append(v.Trunks, TrunkStatus{ID: id, Up: t.said.Up, Why: t.said.Why, State: t.said.State, At: t.said.Target, Until: t.said.Until, Calls: t.calls, Max: s.setup.Trunks[id].MaxCalls})
	}
	slices.SortFunc(v.Trunks, func(a, b TrunkStatus) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, a := range s.brain.router.Agents(now) {
		phones := phoneStatus(s.phones[a.ID])
		v.Agents = append(v.Agents, AgentStatus{AgentView: a, Phones: phones, CallerIDs: s.callerIDs[a.ID], Doing: s.doing(a, phones)})
	}
	v.Queues = s.queues(now, v.Agents)
	for _, c := range s.inOrder() {
		if !c.ended && !c.unwritten() {
			v.Calls = append(v.Calls, c.status())
		}
	}
	return v
}

func phoneStatus(contacts []sip.Contact) []PhoneStatus {
	out := make([]PhoneStatus, len(contacts))
	for i, c := range contacts {
		out[i] = PhoneStatus{URI: c.URI, UserAgent: c.UserAgent, Static: c.Static, Since: c.Since}
		if c.Source.IsValid() {
			out[i].Address = c.Source.String()
		}
	}
	return out
}

func (s *Switchboard) queues(now time.Time, agents []AgentStatus) []QueueStatus {
	at := map[routing.TeamID]int{}
	var out []QueueStatus
	for _, t := range s.setup.Router.Teams {
		at[t.ID] = len(out)
		out = append(out, QueueStatus{Team: t.ID, Name: s.teamName(t.ID)})
	}
	for _, t := range s.brain.router.Teams() {
		if i, ok := at[t.ID]; ok {
			out[i].Present, out[i].Closed, out[i].Wait, out[i].Confidence = t.Present, t.Closed, t.Wait, t.Confidence
			out[i].Today, out[i].Agents = s.teamDay(t.ID), map[string]int{}
		}
	}
	for _, a := range agents {
		for _, t := range a.Teams {
			if i, ok := at[t]; ok {
				out[i].Agents[a.does()]++
			}
		}
	}
	for _, w := range s.brain.router.Waiting(now) {
		i, ok := at[w.Team]
		if !ok {
			continue
		}
		out[i].Waiting++
		out[i].Longest = max(out[i].Longest, now.Sub(w.Since))
	}
	return out
}

func (c *liveCall) status() CallStatus {
	last := c.record.Segments[len(c.record.Segments)-1]
	v := CallStatus{
		ID: c.id, Trunk: c.trunk, Caller: c.record.Caller, Dialled: c.record.Dialled, Name: c.record.Name,
		State: last.Kind, Agent: last.Agent, Since: last.From, Began: c.record.Initiated, Sound: c.sounds(),
		Direction: c.record.Direction, Dialler: c.record.Agent,
		SRTP: append([]Secured(nil), c.record.SRTP...), Watched: c.record.watchedNow(),
	}
	if c.queued && c.transfer == nil {
		v.Waits = &Waits{Team: c.waiting.Team, Agent: c.waiting.Target, Since: c.waiting.Since, Priority: c.waiting.Priority}
	}
	return v
}
