package call

import (
	"sync"
	"time"

	"trunkline/media"
	"trunkline/recorder"
	"trunkline/sip"
)

// letter is one entry of the mailbox: exactly one of its events is set.
type letter struct {
	at       time.Time // posted
	sip      sip.Event
	media    media.Event
	recorder recorder.Event
	order    func(now time.Time)
}

// mailbox is an unbounded queue: posting takes a short lock and never waits
// for the reader. It is bounded by what posts: new calls are refused while
// it is behind (see overloaded).
type mailbox struct {
	mu    sync.Mutex
	in    []letter
	ready chan struct{} // holds one token while in is not empty
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) post(l letter) {
	l.at = time.Now()
	m.mu.Lock()
	m.in = append(m.in, l)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take empties the mailbox into the caller's hands and keeps spare as the
// next one's storage.
func (m *mailbox) take(spare []letter) []letter {
	clear(spare)
	m.mu.Lock()
	out := m.in
	m.in = spare[:0]
	m.mu.Unlock()
	return out
}
