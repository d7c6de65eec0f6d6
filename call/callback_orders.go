package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
)

// CallbackRequest asks for a call back.
type CallbackRequest struct {
	Number   string // as it was typed
	Name     string
	Team     routing.TeamID
	Priority int
	Since    time.Time // the place in line; zero: now
	By       string    // who asks for it; empty: the customer
	Call     ID        // in which it is asked for
}

// RequestCallback promises a call back, or merges it with the one that is pending to the number. The number
// must be one that the dial rules allow. It is on disk when it returns without an error.
func (s *Switchboard) RequestCallback(ctx context.Context, r CallbackRequest) (routing.Callback, error) {
	return s.callbackOrder(ctx, func() (routing.CallbackID, error) { return s.requestCallback(r) })
}

// requestCallback is RequestCallback on the loop.
func (s *Switchboard) requestCallback(r CallbackRequest) (routing.CallbackID, error) {
	if _, ok := s.setup.Teams[r.Team]; !ok {
		return "", fmt.Errorf("%w: %q", ErrNoTeam, r.Team)
	}
	d := s.setup.Dial.Judge(r.Number)
	switch {
	case d.Code == 484:
		return "", fmt.Errorf("%w: %s", ErrNoTarget, d.Rule)
	case d.Code != 0, d.Emergency:
		s.refuseDial(s.calls[r.Call], "", "", d.Rule, false)
		return "", fmt.Errorf("%w: %s", ErrNotAllowed, d.Rule)
	}
	length := orDuration(s.setup.Callbacks.For, 2*time.Hour)
	var quiet []routing.Span
	if h := s.setup.Callbacks.Quiet; h.From != h.To {
		quiet = h.spans(desk.Number(d.Number).Zones(), s.setup.Zone, s.now, s.now.Add(length))
	}
	ev := routing.CallbackAsked{
		ID: routing.CallbackID(s.newID()), Number: string(d.Number), Name: r.Name, Team: r.Team, Priority: r.Priority,
		Since: r.Since, For: length, Call: string(r.Call), By: r.By,
		Quiet: quiet,
	}
	if ev.Since.IsZero() {
		ev.Since = s.now
	}
	contact, made := s.book.Match(d.Number, r.Name, s.now)
	ev.Contact = string(contact.ID)
	if contact.Name != "" {
		ev.Name = contact.Name
	}
	if made {
		s.append(ContactKept{contact})
		s.fact(Fact{Kind: FactContactMade, Call: r.Call, Contact: contact.ID})
	}
	s.promise(ev)
	if cb, ok := s.promises.book.PendingTo(string(d.Number)); ok {
		return cb.ID, nil
	}
	return ev.ID, nil // its turn comes
}

// callbackOrder does something about a callback on the loop and gives it as it is then, when it is on disk.
func (s *Switchboard) callbackOrder(ctx context.Context, f func() (routing.CallbackID, error)) (routing.Callback, error) {
	type answer struct {
		cb  routing.Callback
		err error
	}
	a, err := ask(ctx, s, func(time.Time) answer {
		id, err := f()
		cb, _ := s.promises.book.Find(id)
		return answer{cb, err}
	})
	if err = errors.Join(a.err, err); err != nil {
		return a.cb, err
	}
	return a.cb, s.kept(ctx)
}

// Callbacks gives the callbacks that are pending, and those done in the last minutes.
func (s *Switchboard) Callbacks(ctx context.Context) ([]routing.Callback, error) {
	return ask(ctx, s, func(time.Time) []routing.Callback { return s.promises.book.Snapshot() })
}

// adopt finds a callback here, or takes it as it was kept.
func (s *Switchboard) adopt(id routing.CallbackID, kept *routing.Callback) (routing.Callback, error) {
	if cb, ok := s.promises.book.Find(id); ok {
		return cb, nil
	}
	if kept == nil || kept.ID != id || kept.State == routing.CallbackPending {
		return routing.Callback{}, ErrNoCallback
	}
	s.promise(routing.CallbackAdopted{Callback: *kept})
	return *kept, nil
}

// CallBack has an agent call a customer back now, by hand: the agent's phones ring, then the customer is dialled. kept is
// the callback as the store has it, for one that is not pending any more; nil: none. Only what is pending or was not
// answered is called.
func (s *Switchboard) CallBack(ctx context.Context, id routing.CallbackID, agent routing.AgentID, kept *routing.Callback) (ID, error) {
	var made ID
	_, err := s.callbackOrder(ctx, func() (routing.CallbackID, error) {
		cb, err := s.adopt(id, kept)
		if err == nil {
			made, err = s.callBack(cb, agent)
		}
		return id, err
	})
	return made, err
}

func (s *Switchboard) callBack(cb routing.Callback, agent routing.AgentID) (ID, error) {
	if _, known := s.agentView(agent); !known {
		return "", ErrNoAgent
	}
	if cb.Stage == routing.CallbackCalling {
		return "", fmt.Errorf("%w: the customer is being called", ErrNotNow)
	}
	if cb.State != routing.CallbackPending && cb.State != routing.CallbackUnanswered {
		return "", fmt.Errorf("%w: it is %s", ErrNotNow, cb.State)
	}
	d, err := s.mayClick(agent, cb.Number)
	if err != nil {
		return "", err
	}
	c := s.newOwn(agent, Destination{Number: cb.Number}, d)
	s.serve(c, cb, cb.Team)
	s.begun(c, true)
	s.engage(c)
	return c.id, s.ringFirst(c, s.phonesFor(c.out.agent, ""), sip.NameAddr{Display: s.shownFor(c), User: cb.Number, Host: s.setup.Domain})
}

// CloseCallback closes one without a call.
func (s *Switchboard) CloseCallback(ctx context.Context, id routing.CallbackID, by, reason string) (routing.Callback, error) {
	return s.callbackOrder(ctx, func() (routing.CallbackID, error) {
		cb, ok := s.promises.book.Find(id)
		switch {
		case !ok:
			return "", ErrNoCallback
		case cb.State == routing.CallbackClosed:
			return id, nil
		case cb.State != routing.CallbackPending:
			return id, fmt.Errorf("%w: it is %s", ErrNotNow, cb.State)
		case cb.Stage == routing.CallbackCalling:
			return id, fmt.Errorf("%w: the customer is being called", ErrNotNow)
		}
		s.promise(routing.CallbackShut{ID: id, By: by, Reason: reason})
		return id, nil
	})
}

// AssignCallback gives one to an agent by hand: it is out of automatic offering and rings at that agent alone, or at
// nobody where the team says view_only. To nobody: it goes back to its team.
func (s *Switchboard) AssignCallback(ctx context.Context, id routing.CallbackID, agent routing.AgentID, by string) (routing.Callback, error) {
	return s.callbackOrder(ctx, func() (routing.CallbackID, error) {
		cb, ok := s.promises.book.Find(id)
		_, known := s.agentView(agent)
		switch {
		case !ok:
			return "", ErrNoCallback
		case agent != "" && !known:
			return id, ErrNoAgent
		case cb.State != routing.CallbackPending:
			return id, fmt.Errorf("%w: it is %s", ErrNotNow, cb.State)
		}
		s.promise(routing.CallbackGiven{ID: id, Agent: agent, By: by, ViewOnly: s.setup.Teams[cb.Team].ViewOnly})
		return id, nil
	})
}

// shownFor is what an agent's phone shows while it rings for a callback.
func (s *Switchboard) shownFor(c *liveCall) string {
	return c.from(s.setup.Domain, s.teamName(c.out.team)).Display
}
