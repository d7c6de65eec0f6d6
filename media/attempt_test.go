package media

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
)

// onKernel runs a test on the kernel's loopback, where time belongs to all who
// run. What fails while the machine itself was late shows nothing of ours: it
// is run again, a few times at most. On a machine that keeps time the first
// failure counts.
func onKernel(t *testing.T, cfg Config, test func(*rig)) {
	t.Helper()
	const attempts, busy = 5, 10 * ms
	for n := 1; ; n++ {
		a := &attempt{TB: t}
		late := a.run(func() { test(newRig(a, cfg, loopback{}, nil, netip.MustParseAddr("127.0.0.1"))) })
		if !a.Failed() {
			return
		}
		if late < busy || n == attempts {
			for _, one := range a.said {
				t.Error(one)
			}
			t.Fail()
			return
		}
		t.Logf("attempt %d: the machine was %v late, and %v", n, late, a.said)
	}
}

// attempt keeps to itself what goes wrong.
type attempt struct {
	testing.TB

	mu       sync.Mutex
	failed   bool
	said     []string
	cleanups []func()
}

// run does an attempt with its cleanups, and returns how late the machine was
// at most meanwhile.
func (a *attempt) run(test func()) (late time.Duration) {
	over, watched, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTimer(0)
		for due := time.Now(); ; {
			select {
			case <-over:
				return
			case now := <-tick.C:
				late = max(late, now.Sub(due), time.Since(due))
				due = time.Now().Add(5 * ms)
				tick.Reset(5 * ms)
			}
		}
	}()
	go func() {
		defer close(done)
		defer a.clean()
		test()
	}()
	<-done
	close(over)
	<-watched
	return late
}

func (a *attempt) clean() {
	for {
		a.mu.Lock()
		n := len(a.cleanups)
		if n == 0 {
			a.mu.Unlock()
			return
		}
		last := a.cleanups[n-1]
		a.cleanups = a.cleanups[:n-1]
		a.mu.Unlock()
		last()
	}
}

func (a *attempt) Cleanup(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cleanups = append(a.cleanups, f)
}

func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

func (a *attempt) note(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = true
	if what != "" {
		a.said = append(a.said, what)
	}
}

func (a *attempt) Fail()                           { a.note("") }
func (a *attempt) Error(args ...any)               { a.note(fmt.Sprint(args...)) }
func (a *attempt) Errorf(text string, args ...any) { a.note(fmt.Sprintf(text, args...)) }

func (a *attempt) FailNow() {
	a.note("")
	runtime.Goexit()
}

func (a *attempt) Fatal(args ...any) {
	a.note(fmt.Sprint(args...))
	runtime.Goexit()
}

func (a *attempt) Fatalf(text string, args ...any) {
	a.note(fmt.Sprintf(text, args...))
	runtime.Goexit()
}
