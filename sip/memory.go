package sip

import (
	"sync"
	"time"
)

// memory keeps, for 64*T1 after a transaction has done its work, what is left
// of it: the key, so that a retransmission is absorbed, and the bytes that
// answer it. It stands in for the states that sipgo's transactions would sit
// in for 32 s with the whole request and response (7 to 10 KB a side): INVITE
// server Accepted and Confirmed (RFC 6026 §7.1), INVITE client Completed (RFC
// 3261 §17.1.1.2), and the whole non-INVITE server transaction (§17.2.2).
type memory struct {
	keep time.Duration

	mu    sync.Mutex
	m     map[string]*kept
	queue []*kept // by age
	head  int
}

// kept is what is left of one transaction. raw nil: absorb in silence.
type kept struct {
	key  string
	at   time.Time
	raw  []byte
	flow *flow
}

func newMemory(keep time.Duration) *memory {
	return &memory{keep: keep, m: map[string]*kept{}}
}

// put remembers key. A second put of a key only replaces what is sent.
func (m *memory) put(key string, raw []byte, f *flow) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if k := m.m[key]; k != nil {
		k.raw, k.flow = raw, f
		return
	}
	k := &kept{key: key, at: now, raw: raw, flow: f}
	m.m[key] = k
	m.queue = append(m.queue, k)
}

// get returns what answers a retransmission with this key.
func (m *memory) get(key string) (raw []byte, f *flow, ok bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	k := m.m[key]
	if k == nil {
		return nil, nil, false
	}
	return k.raw, k.flow, true
}

// expire drops what is too old; m.mu is held.
func (m *memory) expire(now time.Time) {
	for m.head < len(m.queue) && now.Sub(m.queue[m.head].at) >= m.keep {
		k := m.queue[m.head]
		m.queue[m.head] = nil
		m.head++
		if m.m[k.key] == k {
			delete(m.m, k.key)
		}
	}
	if m.head > 1024 && m.head*2 > len(m.queue) {
		n := copy(m.queue, m.queue[m.head:])
		clear(m.queue[n:])
		m.queue, m.head = m.queue[:n], 0
	}
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.m)
}
