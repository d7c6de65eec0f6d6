package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

var errNoAddress = errors.New("the name has no address")

// answer is the outcome of one look-up.
type answer struct {
	query
	located
	err error
}

// run looks names up until ctx is done and emits TrunkState for every trunk at
// the start and whenever one changes. It then waits for the look-ups that are
// out.
func (t *carriers) run(ctx context.Context) {
	answers := make(chan answer)
	var out sync.WaitGroup
	defer out.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C:
		case a := <-answers:
			t.learn(a, time.Now())
		}
		t.tell()
		queries, next := t.due(time.Now())
		for _, q := range queries {
			out.Go(func() {
				a := t.ask(ctx, q, false)
				select {
				case answers <- a:
				case <-ctx.Done():
				}
			})
		}
		if next.IsZero() {
			timer.Stop()
			continue
		}
		timer.Reset(max(time.Until(next), 0))
	}
}

// due lists what to look up now, and when to come again for the others.
func (t *carriers) due(now time.Time) (queries []query, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	busy := 0
	for q, h := range t.hosts {
		if !h.fixed && !h.busy && now.Sub(h.asked) >= forgetAfter {
			delete(t.hosts, q)
			continue
		}
		if h.busy {
			busy++
		}
	}
	for q, h := range t.hosts {
		switch {
		case h.busy:
		case !now.Before(h.next):
			queries = append(queries, q)
		case next.IsZero() || h.next.Before(next):
			next = h.next
		}
	}
	// The rest comes when an answer is in.
	slices.SortFunc(queries, func(a, b query) int {
		return cmp.Or(t.hosts[a].next.Compare(t.hosts[b].next), strings.Compare(a.host, b.host))
	})
	queries = queries[:min(len(queries), max(maxLookups-busy, 0))]
	for _, q := range queries {
		t.hosts[q].busy = true
	}
	return queries, next
}

// ask looks one host up. A look-up that panics is one that failed.
func (t *carriers) ask(ctx context.Context, q query, fresh bool) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			a = answer{query: q, err: fmt.Errorf("panic: %v", v)}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	found, err := t.names.locate(ctx, q, t.six, fresh)
	return answer{q, found, err}
}

// locateNow looks a trunk's host up, whatever is remembered, and waits for it.
// After a failure the places that were known stand beside the error.
func (t *carriers) locateNow(ctx context.Context, id TrunkID) (a answer, spots []spot) {
	c := t.now.Load().carrier(id)
	if c == nil {
		return answer{err: errNoTrunk}, nil
	}
	a = t.ask(ctx, c.query, true)
	if ctx.Err() == nil {
		t.learn(a, time.Now())
		t.nudge()
	}
	spots, _ = t.now.Load().spots(c.query)
	return a, t.ordered(spots, spot{})
}

// learn takes an answer in. After a failure the last places stay: a carrier
// does not move because a name server is away.
func (t *carriers) learn(a answer, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[a.query]
	if h == nil {
		return
	}
	h.busy = false
	if h.err = a.err; a.err != nil {
		h.next = now.Add(min(resolveRetry<<min(h.tries, 8), resolveSlow))
		h.tries++
	} else {
		h.next, h.tries = now.Add(min(max(a.ttl, resolveLeast), resolveMost)), 0
		// The same places in another order are no change: name servers rotate
		// addresses.
		if !samePlaces(h.found.spots, a.spots) {
			h.found = a.located
		}
	}
	t.publish(t.now.Load().trunks)
}

func samePlaces(a, b []spot) bool {
	plain := func(list []spot) []spot {
		list = slices.Clone(list)
		for i := range list {
			list[i].server = 0
		}
		slices.SortFunc(list, func(a, b spot) int {
			return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.over, b.over), cmp.Compare(a.rank, b.rank), cmp.Compare(a.weight, b.weight))
		})
		return list
	}
	return slices.Equal(plain(a), plain(b))
}

// tell emits the trunks whose state is not what was told last.
func (t *carriers) tell() {
	table := t.now.Load()
	there := map[TrunkID]bool{}
	for i := range table.trunks {
		c := &table.trunks[i]
		there[c.ID] = true
		if _, known := t.told[c.ID]; !known && errors.Is(table.errs[c.query], errNotYet) {
			continue // its first look-up is on its way
		}
		if s := t.state(table, c); t.told[c.ID] != s {
			t.told[c.ID] = s
			t.emit(s)
		}
	}
	var gone []TrunkID
	for id := range t.told {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for _, id := range gone {
		delete(t.told, id)
		t.emit(TrunkState{Trunk: id, State: TrunkGone, Why: "removed from the configuration"})
	}
}
