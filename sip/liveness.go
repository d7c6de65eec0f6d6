package sip

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// pingEvery is the time between two OPTIONS to a phone, and pingMisses how
	// many of them without any final answer mean that it is not there.
	pingEvery  = 30 * time.Second
	pingMisses = 2

	// pingWait is how long an answer is waited for: four transmissions, at 0,
	// 0.5, 1.5 and 3.5 s (RFC 3261 §17.1.2.2), and their answers.
	pingWait = 5 * time.Second

	// maxPings bounds how many are out at once: more phones than that dead at
	// the same time only makes finding out slower.
	maxPings = 512
)

// run pings and expires until ctx is done, and then waits for the pings that
// are out.
func (r *registrar) run(ctx context.Context) {
	var out sync.WaitGroup
	defer out.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		next := r.step(ctx, &out)
		if next.IsZero() {
			timer.Stop()
			continue
		}
		timer.Reset(max(time.Until(next), 0))
	}
}

// step does what is due and says when to come again; zero: when woken. A panic
// costs a second.
func (r *registrar) step(ctx context.Context, out *sync.WaitGroup) (next time.Time) {
	now := time.Now()
	defer func() {
		if v := recover(); v != nil {
			r.panicked("the registrar", v)
			next = now.Add(time.Second)
		}
	}()
	next = r.refused.flush(now)
	todo, due := r.turn(now)
	r.flush()
	for _, p := range todo {
		out.Go(func() { r.ping(ctx, p) })
	}
	if next.IsZero() || !due.IsZero() && due.Before(next) {
		next = due
	}
	return next
}

func (r *registrar) panicked(where string, v any) {
	r.stats.panics.Add(1)
	r.log.Error("panic in "+where, "err", fmt.Sprintf("%v\n%s", v, debug.Stack()))
}

// announce tells the phones that are there before anybody registers, restored
// and static.
func (r *registrar) announce() {
	r.mu.Lock()
	var ids []AccountID
	for id, acc := range r.accounts {
		if len(acc.static)+len(acc.bindings) > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		r.post(r.accounts[id], false, "start")
	}
	r.mu.Unlock()
	r.flush()
}

// pinged is one OPTIONS to be sent.
type pinged struct {
	binding Binding
	phone   *binding
	life    uint64
}

// turn does what is due at now: it expires bindings and lists the pings to
// send. due is when to come again; zero: nothing waits.
func (r *registrar) turn(now time.Time) (todo []pinged, due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 && !now.Before(r.queue[0].due) {
		b := r.queue[0]
		acc := r.accounts[b.Account]
		switch {
		case !now.Before(b.Expires):
			r.expire(acc, now)
			r.queue.remove(b)
			continue
		case r.pings >= maxPings:
			b.ping = now.Add(time.Second)
		default:
			b.ping = now.Add(pingEvery)
			r.pings++
			todo = append(todo, pinged{binding: b.Binding, phone: b, life: b.life})
		}
		r.schedule(acc, b, now)
	}
	if len(r.queue) > 0 {
		due = r.queue[0].due
	}
	return todo, due
}

// expire drops an account's bindings whose time is over.
func (r *registrar) expire(acc *account, now time.Time) {
	n := len(acc.bindings)
	acc.bindings = slices.DeleteFunc(slices.Clone(acc.bindings), func(b *binding) bool {
		if now.Before(b.Expires) {
			return false
		}
		r.forget(b)
		return true
	})
	if len(acc.bindings) < n {
		r.post(acc, false, "registration expired")
	}
}

// schedule puts b into the queue for what comes next: a ping or its end. The
// first ping comes at a time of the phone's own within pingEvery, so that
// many restored at once are spread out.
func (r *registrar) schedule(acc *account, b *binding, now time.Time) {
	switch {
	case r.send == nil || acc.NoOptions:
		b.ping = time.Time{}
		if b.dead {
			b.dead, b.misses = false, 0
		}
	case b.ping.IsZero():
		h := fnv.New64a()
		h.Write([]byte(b.Contact))
		b.ping = now.Add(time.Duration(h.Sum64() % uint64(pingEvery)))
	}
	due := b.Expires
	if !b.ping.IsZero() && b.ping.Before(due) {
		due = b.ping
	}
	first := len(r.queue) > 0 && r.queue[0] == b
	b.due = due
	r.queue.put(b)
	if first || r.queue[0] == b {
		r.nudge()
	}
}

// nudge has run look at the queue again.
func (r *registrar) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// ping sends one OPTIONS and tells what came of it. A sender that panics is an
// answer not had.
func (r *registrar) ping(ctx context.Context, p pinged) {
	var code int
	err := errPanicked
	defer func() {
		if v := recover(); v != nil {
			r.panicked("a ping", v)
		}
		if ctx.Err() == nil { // else we are ending: that says nothing about the phone
			r.heard(p, code, err)
			r.flush()
		}
	}()
	limited, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	code, err = r.send(limited, p.binding)
}

var errPanicked = errors.New("panic")

// heard notes the outcome of a ping: any final answer is life, whatever its
// code; two misses pingEvery apart are not.
func (r *registrar) heard(p pinged, code int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pings--
	b, acc := p.phone, r.accounts[p.binding.Account]
	if r.phones[p.binding.Contact] != b || acc == nil || acc.NoOptions {
		return // gone, or not asked any more
	}
	if err == nil && code >= 200 {
		b.misses = 0
		b.life++
		if b.dead {
			b.dead = false
			r.post(acc, false, fmt.Sprintf("phone at %s answers OPTIONS again", b.Source))
		}
		return
	}
	if b.life != p.life {
		return // it registered while we waited
	}
	if b.misses++; b.misses == pingMisses {
		b.dead = true
		r.post(acc, false, fmt.Sprintf("phone at %s does not answer OPTIONS", b.Source))
	}
}

// post queues the Devices event that tells the account's phones now. The lock
// is held; flush follows after it is released.
func (r *registrar) post(acc *account, fresh bool, cause string) {
	r.events = append(r.events, Devices{
		Account: acc.ID, Contacts: acc.contacts(), Fresh: fresh, Bindings: acc.kept(), Cause: cause,
	})
}

// flush emits what is queued, in order and one at a time, without the lock. If
// somebody else is at it, he takes these too.
func (r *registrar) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.emitting {
		return
	}
	r.emitting = true
	defer func() { r.emitting = false }()
	for len(r.events) > 0 {
		events := r.events
		r.events = nil
		r.emitAll(events)
	}
}

// emitAll gives up the lock while it emits.
func (r *registrar) emitAll(events []Devices) {
	r.mu.Unlock()
	defer r.mu.Lock()
	for _, ev := range events {
		r.emit(ev)
	}
}

// dueQueue is a heap of bindings by their due time.
type dueQueue []*binding

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push and Pop are container/heap's.
func (q *dueQueue) Push(x any) {
	b := x.(*binding)
	b.index = len(*q)
	*q = append(*q, b)
}

func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	b := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	b.index = -1
	return b
}

// put adds b or moves it to where its due time belongs.
func (q *dueQueue) put(b *binding) {
	if b.index >= 0 {
		heap.Fix(q, b.index)
		return
	}
	heap.Push(q, b)
}

func (q *dueQueue) remove(b *binding) {
	if b.index >= 0 {
		heap.Remove(q, b.index)
	}
}
