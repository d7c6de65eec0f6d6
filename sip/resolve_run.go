package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

var errNoAddress = errors.New("the name has no address")

// answer is the outcome of one look-up.
type answer struct {
	name  string
	addrs []netip.Addr
	err   error
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
		names, next := t.due(time.Now())
		for _, name := range names {
			out.Go(func() {
				a := t.ask(ctx, name)
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

// due lists the names to look up now, and when to come again for the others.
func (t *carriers) due(now time.Time) (names []string, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	busy := 0
	for name, h := range t.hosts {
		if !h.fixed && !h.busy && now.Sub(h.asked) >= forgetAfter {
			delete(t.hosts, name)
			continue
		}
		if h.busy {
			busy++
		}
	}
	for name, h := range t.hosts {
		switch {
		case h.busy:
		case !now.Before(h.next):
			names = append(names, name)
		case next.IsZero() || h.next.Before(next):
			next = h.next
		}
	}
	// The rest comes when an answer is in.
	slices.SortFunc(names, func(a, b string) int {
		if c := t.hosts[a].next.Compare(t.hosts[b].next); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	names = names[:min(len(names), maxLookups-busy)]
	for _, name := range names {
		t.hosts[name].busy = true
	}
	return names, next
}

// ask looks one name up. A look-up that panics is one that failed.
func (t *carriers) ask(ctx context.Context, name string) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			a = answer{name: name, err: fmt.Errorf("panic: %v", v)}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	addrs, err := t.lookup(ctx, name)
	if err == nil && len(addrs) == 0 {
		err = errNoAddress
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap().WithZone("")
	}
	return answer{name, addrs, err}
}

// learn takes an answer in. After a failure the last addresses stay: a carrier
// does not move because a name server is away.
func (t *carriers) learn(a answer, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[a.name]
	if h == nil {
		return
	}
	h.busy = false
	if h.err = a.err; a.err != nil {
		h.next = now.Add(min(resolveRetry<<min(h.tries, 8), resolveEvery))
		h.tries++
	} else {
		h.next, h.tries = now.Add(resolveEvery), 0
		// The same addresses in another order are no change: name servers
		// rotate them.
		if !sameAddrs(h.addrs, a.addrs) {
			h.addrs = slices.Clone(a.addrs)
		}
	}
	t.publish(t.now.Load().trunks)
}

func sameAddrs(a, b []netip.Addr) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, netip.Addr.Compare)
	slices.SortFunc(b, netip.Addr.Compare)
	return slices.Equal(a, b)
}

// tell emits the trunks whose state is not what was told last.
func (t *carriers) tell() {
	table := t.now.Load()
	there := map[TrunkID]bool{}
	for i := range table.trunks {
		c := &table.trunks[i]
		there[c.ID] = true
		if _, known := t.told[c.ID]; !known && errors.Is(table.errs[c.host], errNotYet) {
			continue // its first look-up is on its way
		}
		if s := table.state(c); t.told[c.ID] != s {
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
		t.emit(TrunkState{Trunk: id, Why: "removed from the configuration"})
	}
}

// state says in a line whether a trunk's address is known.
func (table *carrierTable) state(c *carrier) TrunkState {
	addrs, err := table.addresses(c.host)
	s := TrunkState{Trunk: c.ID, Up: len(addrs) > 0}
	switch {
	case err != nil && s.Up:
		s.Why = fmt.Sprintf("%v; the last known address %s is used", err, addrs[0])
	case err != nil:
		s.Why = err.Error()
	default:
		s.Why = fmt.Sprintf("%s is %s", c.host, addrs[0])
		if c.host == addrs[0].String() {
			s.Why = "address " + c.host
		}
	}
	return s
}
