package media

import (
	"fmt"
	"sync"
	"time"
)

// Bridge is the table at which sessions hear each other. Its methods may be
// called from any goroutine and never block; what they ask for happens on the
// bridge's shard, in the order it was asked.
type Bridge struct {
	id     BridgeID
	engine *Engine
	shard  *shard // where all who sit here live

	mu       sync.Mutex
	sessions map[*Session]struct{} // opened here and not closed yet: what Close must close
	closed   bool

	table *table // the shard's
}

// table holds the seats of a bridge. The shard owns it.
type table struct {
	seats     []*Session
	observers []*Session // beside it, see observe.go
}

// NewSession opens an RTP and RTCP port pair and the session that owns it. It
// does not wait for the shard. It fails with ErrNoPorts, ErrClosed, or the
// kernel's refusal.
func (b *Bridge) NewSession(cfg SessionConfig) (*Session, error) {
	b.mu.Lock()
	closed := b.closed || b.engine.closed.Load()
	b.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("media session %s: %w", cfg.ID, ErrClosed)
	}
	s, err := openSession(b, cfg)
	if err != nil {
		return nil, fmt.Errorf("media session %s: %w", cfg.ID, err)
	}
	b.mu.Lock()
	refused := b.closed
	if !refused {
		if b.sessions == nil {
			b.sessions = make(map[*Session]struct{})
		}
		b.sessions[s] = struct{}{}
	}
	b.mu.Unlock()
	if refused || !s.post(s.attach) {
		s.discard()
		return nil, fmt.Errorf("media session %s: %w", cfg.ID, ErrClosed)
	}
	return s, nil
}

// Join gives the sessions seats: each hears the others. A session that sits
// elsewhere leaves that seat. One that lives on another shard moves to the
// bridge's, and loses no packet by it.
func (b *Bridge) Join(sessions ...*Session) {
	for _, s := range sessions {
		s.moveTo(b.shard, func(now int64) { s.sit(b.table, now) })
	}
}

// Part takes the session's seat away: it hears its Background. A session that
// does not sit here is left alone.
func (b *Bridge) Part(s *Session) {
	s.post(func(now int64) {
		if s.within() == b.table {
			s.sit(nil, now)
		}
	})
}

// Adopt takes over a session that was opened at another bridge: it leaves its
// seat there, and is closed with this one. It fails with ErrClosed.
func (b *Bridge) Adopt(s *Session) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return fmt.Errorf("media session %s: %w", s.id, ErrClosed)
	}
	if b.sessions == nil {
		b.sessions = make(map[*Session]struct{})
	}
	b.sessions[s] = struct{}{}
	b.mu.Unlock()
	if old := s.bridge.Swap(b); old != b {
		old.Part(s)
		old.forget(s)
	}
	s.moveTo(b.shard, func(int64) {})
	if s.closed.Load() { // it was closed meanwhile, by a ledger that it had left
		b.forget(s)
	}
	return nil
}

// Close closes every session that was opened here. It may be called again.
func (b *Bridge) Close() {
	b.mu.Lock()
	was := b.closed
	b.closed = true
	all := make([]*Session, 0, len(b.sessions))
	for s := range b.sessions {
		all = append(all, s)
	}
	b.mu.Unlock()
	for _, s := range all {
		s.Close()
	}
	if !was {
		b.shard.load.Add(-1)
	}
}

// forget drops a closed session from the ledger.
func (b *Bridge) forget(s *Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, s)
}

// silentAfter is how long a relayed peer may say nothing before its listener
// is sent a packet of silence a second, so that neither NAT nor the listener's
// own RTP timer gives up.
const silentAfter = time.Second
