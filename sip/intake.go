package sip

import (
	"bytes"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// receive is the one way in for every packet and every message of a stream.
// It never blocks and never panics; b is only read during the call.
func (e *Endpoint) receive(b []byte, f *flow) {
	defer e.rescue("message")
	if !looksLikeSIP(b) {
		if len(bytes.Trim(b, "\r\n\x00")) > 0 { // not a keep-alive (RFC 5626 §4.4.1)
			e.count.strangers.Add(1)
		}
		return
	}
	known := e.known(f.source.Addr())
	if !known && !e.admissible(b) {
		e.count.strangers.Add(1)
		return
	}
	e.trace(true, f.scheme(), f.local(), f.source, b)
	m, err := e.parser.ParseSIP(b)
	if err != nil {
		// Scar: sipgo logs such packets whole. The error text quotes them too.
		e.count.malformed.Add(1)
		e.grumble.say("SIP message not understood", "addr", f.source.String())
		if req, ok := m.(*sip.Request); ok && known {
			repair(req)
			if _, lost := spoilt(req); !lost {
				e.misread(req, f, "")
			}
		}
		return
	}
	e.count.received.Add(1)
	switch m := m.(type) {
	case *sip.Request:
		e.request(m, f, known)
	case *sip.Response:
		e.response(m, f)
	}
}

// looksLikeSIP costs nothing beside a parser: printable start line with a
// SIP version in it.
func looksLikeSIP(b []byte) bool {
	if len(b) < 12 || b[0] < 'A' || b[0] > 'z' {
		return false
	}
	line := b[:min(len(b), 8192)]
	if i := bytes.IndexByte(line, '\r'); i >= 0 {
		line = line[:i]
	}
	return bytes.HasPrefix(line, []byte("SIP/")) || bytes.Contains(line, []byte(" SIP/"))
}

// admissible decides on an unknown source before anything is parsed: what
// asks for a challenge (INVITE, REGISTER), and what carries the token that
// only our tags and branches have. All else is met with silence.
func (e *Endpoint) admissible(b []byte) bool {
	return bytes.HasPrefix(b, []byte("INVITE ")) || bytes.HasPrefix(b, []byte("REGISTER ")) ||
		bytes.Contains(b, []byte(e.token))
}

// known tells a trunk's or an authenticated phone's address from a stranger's.
func (e *Endpoint) known(a netip.Addr) bool {
	if e.friends.has(a, time.Now()) {
		return true
	}
	_, ok := e.carriers.whose(a)
	return ok
}

// friends remembers the addresses from which somebody proved himself, or
// which we called. It decides who is heard at all, never who is let in.
type friends struct {
	mu sync.RWMutex
	m  map[netip.Addr]time.Time
}

const (
	friendFor  = 2 * time.Hour
	maxFriends = 20000
)

func newFriends() *friends { return &friends{m: map[netip.Addr]time.Time{}} }

func (f *friends) add(a netip.Addr, now time.Time) {
	if !a.IsValid() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.m) >= maxFriends {
		for k, t := range f.m {
			if now.Sub(t) > friendFor {
				delete(f.m, k)
			}
		}
		if len(f.m) >= maxFriends {
			clear(f.m) // they come back with their next REGISTER
		}
	}
	f.m[a] = now
}

func (f *friends) has(a netip.Addr, now time.Time) bool {
	f.mu.RLock()
	t, ok := f.m[a]
	f.mu.RUnlock()
	return ok && now.Sub(t) < friendFor
}
