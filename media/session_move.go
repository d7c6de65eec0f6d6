package media

import "sync"

// A session lives on one shard at a time. It moves when it is seated at a
// bridge of another: the old shard lets go of its sockets and timers between
// two packets, the new one takes them up; what comes meanwhile waits in the
// sockets. Orders keep their order across a move: those given before it are
// done on the old shard, those given after it on the new one, which puts them
// off until the session has come.

// homes is where a session's orders go.
type homes struct {
	mu   sync.Mutex // held while an order is handed over; a shard takes it when another has ended
	last *stay
}

// stay is a session's time on one shard. Everything in it but shard is that
// shard's alone.
type stay struct {
	shard *shard
	here  bool              // the session has come, and has not left
	early []func(now int64) // orders that were there before it
}

// do does an order, or puts it off until the session has come.
func (h *stay) do(order func(now int64), now int64) {
	if h.here {
		order(now)
	} else {
		h.early = append(h.early, order)
	}
}

// post has the session's shard do something. It never waits for the shard;
// false: the shard has ended.
func (s *Session) post(order func(now int64)) bool {
	s.homes.mu.Lock()
	defer s.homes.mu.Unlock()
	h := s.homes.last
	return h.shard.post(func(now int64) { h.do(order, now) })
}

// moveTo has another shard do something, after a move there if the session
// lives elsewhere. The order is there before the session, so that no packet
// comes between the two.
func (s *Session) moveTo(to *shard, order func(now int64)) {
	s.homes.mu.Lock()
	defer s.homes.mu.Unlock()
	h := s.homes.last
	if h.shard == to {
		to.post(func(now int64) { h.do(order, now) })
		return
	}
	next := &stay{shard: to}
	if !to.post(func(now int64) { next.do(order, now) }) {
		return
	}
	if h.shard.post(func(now int64) { h.do(func(now int64) { s.leave(h, next, now) }, now) }) {
		s.homes.last = next
	}
}

// leave is the session's last order on its old shard.
func (s *Session) leave(h, next *stay, now int64) {
	h.here = false
	paced, due := s.pace.set, s.pace.due
	if s.ended && s.index >= 0 { // its tail is not worth a move
		s.vanish()
	}
	if !s.ended {
		s.cede(now)
		s.unpack()
		s.shard.wheel.disarm(&s.pace)
		s.shard.wheel.disarm(&s.gap)
		s.eachSocket(func(one *socket) { s.shard.wait.yield(one, next.shard.wait) })
		s.shard.dismiss(s)
	}
	if next.shard.post(func(now int64) { s.come(next, paced, due, now) }) {
		return
	}
	// It has ended, and so will this one: the session stays, to be ended here.
	h.here = true
	s.homes.mu.Lock()
	s.homes.last = h
	s.homes.mu.Unlock()
	s.settle(paced, due, now)
}

// come is its first on the new one.
func (s *Session) come(h *stay, paced bool, due, now int64) {
	s.shard, h.here = h.shard, true
	s.settle(paced, due, now)
	for _, early := range h.early {
		s.shard.obey(&order{do: early}, now)
	}
	h.early = nil
}

// settle has its shard wait for its packets and its timers.
func (s *Session) settle(paced bool, due, now int64) {
	if s.ended {
		return
	}
	s.shard.admit(s)
	s.eachSocket(s.listenAt)
	if paced {
		s.shard.wheel.arm(&s.pace, due)
	}
	s.drain(now)
	s.reroute(now)
}
