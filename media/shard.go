package media

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// shard is one CPU's share of the engine: one goroutine, which waits in a system
// call on a thread of its own, owns its sessions' sockets, buffers and timers,
// so that no packet meets a lock.
// Others reach it through post.
type shard struct {
	engine *Engine
	wait   waiter
	orders orders
	load   atomic.Int64 // bridges and sessions, for NewBridge

	// Owned by run.
	wheel    wheel
	sessions []*Session // in no order; Session.index is the place
	in       *packet    // what is received into
	spare    *packet    // free packets
	mix      mixer
	out      [headerSize + maxPayload]byte  // what is sent from, on the PCM path
	sealed   [maxDatagram + longestTag]byte // what is sent from, encrypted
	bench    bench
	yield    int64    // when the next Gosched is due
	chores   int64    // when the next round of chores is due
	subject  *Session // whom the work at hand is for: pays for a panic
	stopping bool
	grumble  grumble
}

// yieldEvery is how often a shard whose wait is a system call goes through the
// Go scheduler, which else takes it for one long stretch of work: after 10 ms
// sysmon takes its processor away in every wait, and wakes each 20 µs to do so
// (retake in runtime/proc.go of Go 1.26), 5 % of a core beside 500 calls. A
// goroutine that is locked to its thread would pay two futexes for each time.
const yieldEvery = int64(5 * time.Millisecond)

// slack is how long what is due may wait for a packet that wakes the shard anyway:
// a wait that ends costs as much as a packet. Timestamps are of what was due.
const slack = slot

// choresEvery is how often timeouts and RTCP are looked at.
const choresEvery = int64(100 * time.Millisecond)

func newShard(e *Engine, w waiter) *shard {
	s := &shard{engine: e, wait: w, in: &packet{}, grumble: grumble{log: e.log}}
	for range sparePackets {
		s.spare = &packet{next: s.spare}
	}
	return s
}

// post has the shard do something. It never blocks; false: the shard has ended.
func (s *shard) post(do func(now int64)) bool {
	if !s.orders.push(do) {
		return false
	}
	s.wait.wake()
	return true
}

// stop is the order that ends the shard.
func (s *shard) stop(int64) { s.stopping = true }

// run is the shard's goroutine.
func (s *shard) run() {
	s.chores = s.engine.now() + choresEvery
	for !s.stopping {
		if now := s.engine.now(); now >= s.yield && s.wait.blocks() {
			runtime.Gosched()
			s.yield = now + yieldEvery
		}
		s.wait.doze()
		s.wait.wait(s.until())
		for !s.turn() {
		}
	}
	for o := s.orders.end(); o != nil; o = o.next {
		s.obey(o, s.engine.now())
	}
	for len(s.sessions) > 0 {
		last := s.sessions[len(s.sessions)-1]
		s.obey(&order{do: func(now int64) {
			last.end(now)
			if last.index >= 0 { // no more is waited for
				last.vanish()
			}
		}}, s.engine.now())
		if n := len(s.sessions); n > 0 && s.sessions[n-1] == last {
			s.sessions = s.sessions[:n-1] // its end panicked: its sockets are lost, the shard is not
		}
	}
	s.wait.close()
}

// until is how long the shard may wait, in nanoseconds; negative: for ever.
func (s *shard) until() int64 {
	if !s.orders.empty() {
		return 0
	}
	at := s.chores
	if due, ok := s.wheel.next(); ok {
		if s.wait.blocks() {
			due += slack
		}
		at = min(at, due)
	} else if len(s.sessions) == 0 {
		return -1 // nothing to do until an order comes
	}
	return max(at-s.engine.now(), 0)
}

// turn does what one wait has brought: orders, packets, then what is due. It
// returns false when a panic has cut it short; what is left is done by the
// next call.
func (s *shard) turn() (done bool) {
	now := s.engine.now()
	defer func() {
		if v := recover(); v != nil {
			s.panicked(v, now)
		}
	}()
	s.wheel.advance(now)
	for o := s.orders.take(); o != nil; o = o.next {
		s.obey(o, now)
	}
	for {
		from, n, sock, ok := s.wait.receive(s.in.buf[:])
		if !ok {
			break
		}
		s.subject = sock.owner
		sock.owner.receive(sock, from, n, now)
	}
	for t := s.wheel.pop(now); t != nil; t = s.wheel.pop(now) {
		s.subject = t.owner
		t.fire(t.due, now)
	}
	if now >= s.chores {
		s.chores = max(s.chores+choresEvery, now+choresEvery/2)
		for i := len(s.sessions) - 1; i >= 0; i-- { // a chore may end its session
			s.subject = s.sessions[i]
			s.sessions[i].chore(now)
		}
	}
	s.grumble.say(now)
	return true
}

// obey does one order. A panic in it costs that order.
func (s *shard) obey(o *order, now int64) {
	defer func() {
		if v := recover(); v != nil {
			s.panicked(v, now)
		}
	}()
	s.subject = nil
	o.do(now)
}

// panicked counts a panic with whom it concerns and tells of it. What was
// being done is lost: a packet, a frame, an order.
func (s *shard) panicked(v any, now int64) {
	leg := ""
	if s.subject != nil {
		s.subject.counts.panics.Add(1)
		leg = string(s.subject.id)
	}
	if s.grumble.allow(now) {
		s.engine.log.Error("media: panic", "leg", leg, "err", v, "stack", string(debug.Stack()))
	}
}

// grumble says repeating trouble once a second, with its count.
type grumble struct {
	log   *slog.Logger
	next  int64 // when it may be said again
	count int   // unsaid
}

func (g *grumble) allow(now int64) bool {
	if now < g.next {
		g.count++
		return false
	}
	g.next = now + int64(time.Second)
	return true
}

func (g *grumble) say(now int64) {
	if g.count > 0 && now >= g.next {
		g.log.Error("media: more panics", "count", g.count)
		g.count, g.next = 0, now+int64(time.Second)
	}
}

// sparePackets is how many packets a shard holds ready for gaps; more are made
// when they are needed.
const sparePackets = 256

// borrow takes a free packet.
func (s *shard) borrow() *packet {
	p := s.spare
	if p == nil {
		return &packet{}
	}
	s.spare, p.next = p.next, nil
	return p
}

// giveBack returns a packet that borrow gave.
func (s *shard) giveBack(p *packet) {
	p.next = s.spare
	s.spare = p
}

// admit takes a session into the rounds.
func (s *shard) admit(one *Session) {
	one.index = len(s.sessions)
	s.sessions = append(s.sessions, one)
	s.load.Add(1)
}

// dismiss takes it out.
func (s *shard) dismiss(one *Session) {
	last := len(s.sessions) - 1
	s.sessions[one.index] = s.sessions[last]
	s.sessions[one.index].index = one.index
	one.index = -1
	s.sessions[last] = nil
	s.sessions = s.sessions[:last]
	s.load.Add(-1)
}
