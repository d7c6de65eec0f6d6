package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"trunkline/call"
)

const (
	gather     = 100 * time.Millisecond // what comes within it shares a transaction
	maxBatch   = 4096                   // entries of one transaction
	yieldEvery = 16                     // entries that are encoded in one go
	retryFirst = 50 * time.Millisecond
	retryMax   = time.Second
	lastTry    = 5 * time.Second // how long Close waits for a failing disk
	sweepEvery = time.Hour
)

// write is the writer goroutine: it owns every transaction that changes a
// file.
func (s *Store) write() {
	defer close(s.done)
	s.sweep()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-s.wake:
		case <-sweep.C:
			s.sweep()
			continue
		case j := <-s.jobs:
			j.done <- j.do()
			continue
		case <-s.quit:
			s.drain()
			return
		}
		if s.patient() {
			s.pause(gather)
		}
		for s.flush() && !s.patient() {
		}
	}
}

// drain writes what is left at the end.
func (s *Store) drain() {
	for s.flush() {
	}
}

// patient tells that nobody waits for what is queued.
func (s *Store) patient() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiters) == 0 && len(s.queue) < maxBatch && !s.closed
}

// pause waits, shorter when a Sync or Close comes.
func (s *Store) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-s.quit:
			return
		case <-s.wake:
			if !s.patient() {
				return
			}
		}
	}
}

// flush writes one batch, trying until it succeeds, and returns false when
// there was nothing to write or when it gave up at the end.
func (s *Store) flush() bool {
	s.mu.Lock()
	n := min(len(s.queue), maxBatch)
	entries := s.queue[:n:n]
	s.mu.Unlock()
	if n == 0 {
		return false
	}
	b := newBatch()
	bad := 0
	past := superseded(entries)
	for i, e := range entries {
		if past[i] {
			continue
		}
		if i%yieldEvery == yieldEvery-1 {
			runtime.Gosched() // calls go before their records
		}
		if err := addTo(b, e); err != nil {
			bad++
			s.log.Error("an entry cannot be kept", "err", err)
		}
	}
	if !s.persist(b) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(entries)
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	s.stats.Commits++
	s.stats.Lost += uint64(bad)
	s.stats.Written += uint64(n - bad)
	s.settle(uint64(n))
	return true
}

// superseded marks the Opened of calls whose later entry of the same batch says
// more: a short call's are never written.
func superseded(entries []call.Entry) []bool {
	past := make([]bool, len(entries))
	later := make(map[call.ID]bool)
	for i, e := range slices.Backward(entries) {
		switch e := e.(type) {
		case call.Closed:
			later[e.Record.ID] = true
		case call.Opened:
			past[i] = later[e.Record.ID]
			later[e.Record.ID] = true
		}
	}
	return past
}

// addTo puts an entry into a batch; a panic costs that entry.
func addTo(b *batch, e call.Entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic over a %T: %v\n%s", e, p, debug.Stack())
		}
	}()
	return b.add(e)
}

// settle wakes those whose entries are through; the lock is held.
func (s *Store) settle(n uint64) {
	s.settled += n
	keep := s.waiters[:0]
	for _, w := range s.waiters {
		if w.upto <= s.settled {
			close(w.done)
		} else {
			keep = append(keep, w)
		}
	}
	s.waiters = keep
}

// persist tries to write a batch until it succeeds; false: Close came and the
// disk did not recover in time.
func (s *Store) persist(b *batch) bool {
	delay := retryFirst
	var said, giveUp time.Time
	for {
		err := s.try(b)
		s.mu.Lock()
		s.lastErr = err
		if err != nil {
			s.stats.Failures++
		}
		queued, lost, closed := len(s.queue), s.stats.Lost, s.closed
		s.mu.Unlock()
		now := time.Now()
		if err == nil {
			if !said.IsZero() {
				s.log.Info("the store writes again", "count", queued)
			}
			return true
		}
		if now.Sub(said) >= time.Second {
			said = now
			s.log.Error("the store cannot write; it keeps what comes and tries again", "count", queued, "err", fmt.Errorf("%w (%d lost)", err, lost))
		}
		if closed && giveUp.IsZero() {
			giveUp = now.Add(lastTry)
		}
		if closed && !now.Before(giveUp) {
			s.abandon()
			return false
		}
		s.backOff(delay)
		delay = min(2*delay, retryMax)
	}
}

// backOff waits before the next try.
func (s *Store) backOff(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		<-t.C
		return
	}
	select {
	case <-t.C:
	case <-s.quit: // once more now
	}
}

// abandon gives up what is queued.
func (s *Store) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.queue)
	s.queue = nil
	s.stats.Lost += uint64(n)
	s.settle(uint64(n))
}

// try writes a batch once, facts and records before what forgets by them. It
// may be repeated: every part of it puts or deletes whole keys.
func (s *Store) try(b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while writing: %v\n%s", p, debug.Stack())
		}
	}()
	for _, name := range b.names() {
		err := s.files.update(name, func(f *file) error {
			return s.commit(f, func(f *file) error { return f.apply(b.changes[name]) })
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// sweep removes the months whose retention is over. The newest file of facts
// stays: it holds the last number.
func (s *Store) sweep() {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in the retention", "err", fmt.Sprintf("%v\n%s", p, debug.Stack()))
		}
	}()
	now := time.Now()
	for _, k := range []struct {
		prefix string
		keep   time.Duration
	}{{recordsPrefix, s.opt.Records}, {promisePrefix, s.opt.Records}, {factsPrefix, s.opt.Facts}} {
		if k.keep <= 0 {
			continue
		}
		removed, err := s.files.removeBefore(k.prefix, now.Add(-k.keep))
		s.mu.Lock()
		s.stats.Swept += uint64(len(removed))
		s.mu.Unlock()
		for _, name := range removed {
			s.log.Info("a month's retention is over", "file", name)
		}
		if err != nil {
			s.log.Error("retention", "err", err)
		}
	}
}
