package simphone

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// loop is the one goroutine that owns a phone's state. Functions are posted to
// it; its timers run on it, earliest first.
type loop struct {
	mu     sync.Mutex
	posted []posting
	ended  bool // nothing is taken any more

	wake    chan struct{} // cap 1: posted is not empty
	quit    chan struct{} // closed by stop
	stopped chan struct{} // closed when run has returned
	after1  sync.Mutex    // do after the end

	// Owned by run.
	alarms  alarms
	seq     int
	changed chan struct{} // closed and remade after whatever may have changed a state
	panics  func(any)
}

// posting is one function to run.
type posting struct {
	fn    func()
	looks bool // it changes nothing: nobody who waits need look again
}

type alarm struct {
	at  time.Time
	seq int
	fn  func() // nil: stopped or done
}

type alarms []*alarm

func (a alarms) Len() int { return len(a) }
func (a alarms) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].seq < a[j].seq
}
func (a alarms) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)   { *a = append(*a, x.(*alarm)) }
func (a *alarms) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

func newLoop(panics func(any)) *loop {
	l := &loop{wake: make(chan struct{}, 1), quit: make(chan struct{}), stopped: make(chan struct{}),
		changed: make(chan struct{}), panics: panics}
	go l.run()
	return l
}

func (l *loop) run() {
	defer close(l.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for len(l.alarms) > 0 && l.alarms[0].fn == nil {
			heap.Pop(&l.alarms)
		}
		if len(l.alarms) > 0 {
			timer.Reset(time.Until(l.alarms[0].at))
		} else {
			timer.Stop()
		}
		select {
		case <-l.wake:
		case <-timer.C:
		case <-l.quit:
			return
		}
		l.mu.Lock()
		fns := l.posted
		l.posted = nil
		l.mu.Unlock()
		changes := false
		for _, p := range fns {
			changes = changes || !p.looks
			l.guard(p.fn)
		}
		for now := time.Now(); len(l.alarms) > 0 && !l.alarms[0].at.After(now); {
			a := heap.Pop(&l.alarms).(*alarm)
			if fn := a.fn; fn != nil {
				a.fn, changes = nil, true
				l.guard(fn)
			}
		}
		if changes {
			close(l.changed)
			l.changed = make(chan struct{})
		}
	}
}

// guard runs one event: a panic costs that event only.
func (l *loop) guard(fn func()) {
	defer func() {
		if r := recover(); r != nil {
			l.panics(r)
		}
	}()
	fn()
}

// post runs fn on the loop, later; after stop it is dropped.
func (l *loop) post(fn func()) { l.put(posting{fn: fn}) }

func (l *loop) put(p posting) {
	l.mu.Lock()
	if !l.ended {
		l.posted = append(l.posted, p)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// do runs fn on the loop and waits for it. After stop it runs fn itself: what is
// left of the state can still be read.
func (l *loop) do(fn func()) { l.call(fn, false) }

func (l *loop) call(fn func(), looks bool) {
	done := make(chan struct{})
	l.put(posting{func() {
		defer close(done)
		fn()
	}, looks})
	select {
	case <-done:
		return
	case <-l.stopped:
	}
	select {
	case <-done:
	default:
		l.after1.Lock()
		defer l.after1.Unlock()
		fn()
	}
}

// wait blocks until pred, run on the loop, is true: nil; or the context is done;
// or the phone is closed: ErrClosed.
func (l *loop) wait(ctx context.Context, pred func() bool) error {
	for {
		var ok bool
		var changed chan struct{}
		l.call(func() { ok, changed = pred(), l.changed }, true)
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.stopped:
			return ErrClosed
		}
	}
}

// after runs fn on the loop in d; only the loop calls it.
func (l *loop) after(d time.Duration, fn func()) *alarm {
	l.seq++
	a := &alarm{at: time.Now().Add(d), seq: l.seq, fn: fn}
	heap.Push(&l.alarms, a)
	return a
}

// stop ends an alarm; nil and ended ones are legal.
func (a *alarm) stop() {
	if a != nil {
		a.fn = nil
	}
}

// end stops the loop and waits for it.
func (l *loop) end() {
	l.mu.Lock()
	ended := l.ended
	l.ended = true
	l.mu.Unlock()
	if !ended {
		close(l.quit)
	}
	<-l.stopped
}
