package call

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turns has those who change one call's card do so one after the other: what
// was read from the store must still be so when it is written. A read that
// takes long holds up nobody who is about another call.
type turns struct {
	mu    sync.Mutex
	taken map[ID]chan struct{} // closed when the turn is over
}

// take waits for a turn, which done ends; its error is the context's.
func (t *turns) take(ctx context.Context, id ID) (done func(), err error) {
	for {
		t.mu.Lock()
		other, busy := t.taken[id]
		if !busy {
			break
		}
		t.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer t.mu.Unlock()
	mine := make(chan struct{})
	if t.taken == nil {
		t.taken = map[ID]chan struct{}{}
	}
	t.taken[id] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, id)
		close(mine)
	}, nil
}

// Amend changes the card of a call by a function that is run on the loop and
// must not wait: of a call in progress, or of one that has ended, which read
// finds in the store. It is on disk when Amend returns without an error; of a
// call that is nowhere the error is ErrNoCall. Of one call one amendment is made at a time.
func (s *Switchboard) Amend(ctx context.Context, id ID, read func(ID) (Record, bool, error), change func(*Record, time.Time) error, f Fact) (Record, error) {
	done, err := s.amending.take(ctx, id)
	if err != nil {
		return Record{}, err
	}
	defer done()
	type answer struct {
		r    Record
		here bool
		err  error
	}
	apply := func(r *Record, now time.Time) error {
		if err := change(r, now); err != nil {
			return err
		}
		f.Call, f.Trunk, f.Flow = r.ID, r.Trunk, r.Flow
		s.fact(f)
		return nil
	}
	a, err := ask(ctx, s, func(now time.Time) answer {
		r := s.holds(id)
		if r == nil {
			return answer{}
		}
		if err := apply(r, now); err != nil {
			return answer{here: true, err: err}
		}
		if c := s.calls[id]; c != nil && !c.ended {
			s.keep(c)
		} else {
			s.append(Closed{r.clone()})
		}
		return answer{r: r.clone(), here: true}
	})
	if err = errors.Join(a.err, err); err != nil {
		return a.r, err
	}
	if !a.here {
		if a.r, err = s.amendKept(ctx, id, read, apply); err != nil {
			return a.r, err
		}
	}
	return a.r, s.kept(ctx)
}

// amendKept amends a card that the loop writes no more.
func (s *Switchboard) amendKept(ctx context.Context, id ID, read func(ID) (Record, bool, error), apply func(*Record, time.Time) error) (Record, error) {
	if err := s.kept(ctx); err != nil { // its last word may be on the way
		return Record{}, err
	}
	r, there, err := read(id)
	switch {
	case err != nil:
		return r, err
	case !there:
		return r, ErrNoCall
	}
	r = r.clone()
	failed, err := ask(ctx, s, func(now time.Time) error {
		err := apply(&r, now)
		if err == nil {
			s.append(Closed{r.clone()})
		}
		return err
	})
	return r, errors.Join(failed, err)
}

// holds is the card of a call that the loop still writes; nil: it does not.
func (s *Switchboard) holds(id ID) *Record {
	if c := s.calls[id]; c != nil {
		return c.record
	}
	for _, r := range s.recording {
		if r.ID == id {
			return r
		}
	}
	return nil
}
