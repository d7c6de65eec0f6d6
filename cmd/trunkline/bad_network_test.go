package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"trunkline/internal/raced"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
)

// Of 1,000 forwarded calls over a network that loses, repeats, delays and
// reorders, at least 999 are set up and torn down, and 70 s later nothing is
// left of any: RFC 3261's longest transaction lasts 64*T1, 32 s, and one may
// follow another.
func TestThousandCallsOverABadNetwork(t *testing.T) {
	const mayFail = 1
	calls := raced.Or(100, 1000)
	flow := supportTeam + forwardFlow
	act(t, flow, func(s *story) {
		s.trunksAre(flow, "max_calls: 1000")
		far := s.far(simphone.Script{})
		far.OnCall(
			simphone.Ring().After(500*time.Millisecond).Answer(),
			simphone.Early().After(800*time.Millisecond).Answer(),
			simphone.After(300*time.Millisecond).Answer(),
			simphone.Ring().After(700*time.Millisecond).Answer(),
		)
		time.Sleep(time.Second)
		before := runtime.NumGoroutine()
		s.net.SetFault(simnet.Fault{
			Loss: 0.05, Duplicate: 0.02, Reorder: 0.03, ReorderBy: 30 * time.Millisecond,
			Delay: 40 * time.Millisecond, Jitter: 20 * time.Millisecond,
		})
		b := &badly{story: s, rnd: rand.New(rand.NewPCG(20261128, 0))}
		var done sync.WaitGroup
		for i := range calls {
			done.Go(func() { b.call(i) })
			time.Sleep(60 * time.Millisecond)
		}
		done.Wait()
		time.Sleep(70 * time.Second)
		t.Logf("failed: %d of %d: %v", len(b.failed), calls, b.failed)
		if len(b.failed) > mayFail {
			t.Errorf("calls that failed: got %d of %d, want at most %d: %v", len(b.failed), calls, mayFail, b.failed)
		}
		stats := s.house.sip.Stats()
		if stats.Legs != 0 || stats.Transactions != 0 || stats.Panics != 0 {
			t.Errorf("left 70 s later: got %d legs, %d transactions, %d panics, want none", stats.Legs, stats.Transactions, stats.Panics)
		}
		if left := s.now(); len(left.Calls) > 0 {
			t.Errorf("calls left 70 s later: got %+v, want none", left.Calls)
		}
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("goroutines: got %d, want the %d of before the first call\n%s", after, before, goroutines())
		}
		s.net.SetFault(simnet.Fault{})
	})
}

func goroutines() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// badly is a story whose calls fail now and then.
type badly struct {
	*story

	mu     sync.Mutex
	rnd    *rand.Rand
	failed []string
}

func (b *badly) dice(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rnd.IntN(n)
}

// call is one call from its INVITE to the last BYE.
func (b *badly) call(i int) {
	if err := b.try(i); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.failed = append(b.failed, fmt.Sprintf("%d: %v", i, err))
	}
}

func (b *badly) try(i int) error {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute)
	defer cancel()
	id := fmt.Sprintf("+1415556%04d", i)
	c := b.carrier.Dial(ourNumber, simphone.From(customer), simphone.Display(id))
	c.StopRTP(i%20 != 0) // sound of a few: what is tested is signalling
	if b.dice(20) == 0 { // gives up
		time.Sleep(time.Duration(b.dice(600)) * time.Millisecond)
		return c.Hangup(ctx)
	}
	if err := c.WaitAnswered(ctx); err != nil {
		return err
	}
	time.Sleep(time.Duration(500+b.dice(2500)) * time.Millisecond)
	if b.dice(4) == 0 {
		for _, f := range []func(context.Context) error{
			func(ctx context.Context) error { return c.Hold(ctx, simphone.HoldSendOnly) }, c.Resume,
		} {
			var refused *simphone.StatusError
			if err := f(ctx); err != nil && !errors.As(err, &refused) {
				return err
			}
		}
	}
	return c.Bye(ctx)
}
