package sip

import (
	"context"
	"crypto/x509"
	"slices"
	"sync"
	"time"
)

// errands are what goes on for trunks all the time: registering with them and
// asking whether they are there. A goroutine for each, from run on; each is
// waited for when its trunk changes or the endpoint ends.
type errands struct {
	e *Endpoint

	mu      sync.Mutex
	going   bool
	trunks  []Trunk // as they should be
	running map[TrunkID]*errand
	tasks   sync.WaitGroup
}

// errand is what goes on for one trunk.
type errand struct {
	terms  terms
	cancel context.CancelFunc
	done   chan struct{}
	again  chan struct{} // holds one: do not wait any longer
}

// terms are the parts of a trunk's configuration that an errand is about:
// when they change, it begins anew.
type terms struct {
	host, transport, user, password string
	register                        bool
	expires, options                time.Duration
	roots                           *x509.CertPool
}

func termsOf(t Trunk) terms {
	return terms{t.Host, t.Transport, t.Username, t.Password, t.Register, t.Expires, t.Options, t.Authorities}
}

func newErrands(e *Endpoint) *errands { return &errands{e: e, running: map[TrunkID]*errand{}} }

// update takes the trunks of a configuration. What was given up is tried again.
func (a *errands) update(trunks []Trunk) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trunks = slices.Clone(trunks)
	if a.going {
		a.settle()
	}
}

// run begins.
func (a *errands) run() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.going = true
	a.settle()
}

// stop ends every errand, un-registering where that can be done in time, and
// waits for them.
func (a *errands) stop() {
	a.mu.Lock()
	a.going = false
	for _, x := range a.running {
		x.cancel()
	}
	a.mu.Unlock()
	a.tasks.Wait()
}

// settle makes what runs what should. The lock is held.
func (a *errands) settle() {
	want := map[TrunkID]Trunk{}
	for _, t := range a.trunks {
		if t.Register || t.Options > 0 {
			want[t.ID] = t
		}
	}
	before := map[TrunkID]*errand{}
	for id, x := range a.running {
		t, stays := want[id]
		if stays && termsOf(t) == x.terms {
			select {
			case x.again <- struct{}{}:
			default:
			}
			continue
		}
		x.cancel()
		before[id] = x
		delete(a.running, id)
	}
	for id, t := range want {
		if a.running[id] == nil {
			a.begin(t, before[id])
		}
	}
}

// begin starts a trunk's errand, once the one before has ended. The lock is
// held.
func (a *errands) begin(t Trunk, before *errand) {
	ctx, cancel := context.WithCancel(context.Background())
	x := &errand{terms: termsOf(t), cancel: cancel, done: make(chan struct{}), again: make(chan struct{}, 1)}
	a.running[t.ID] = x
	a.tasks.Go(func() {
		defer close(x.done)
		defer a.e.rescue("trunk")
		if before != nil {
			<-before.done
		}
		var both sync.WaitGroup
		if t.Options > 0 {
			both.Go(func() {
				defer a.e.rescue("OPTIONS")
				a.e.askAlive(ctx, t)
			})
		}
		if t.Register {
			g := &enrolment{e: a.e, trunk: t, again: x.again}
			g.run(ctx)
		}
		both.Wait()
	})
}
