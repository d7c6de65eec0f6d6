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
			e.stranger()
		}
		return
	}
	from, now := f.source.Addr(), time.Now()
	carrier := e.carriers.takes(from)
	friend := !carrier && e.friends.has(from, now)
	if !carrier && !e.guard.heard(from, friend, now) && !(from.IsLoopback() && e.phones.once.waiting(now)) {
		if f.tcp != nil && !friend {
			f.tcp.close()
		}
		return
	}
	known := carrier || friend
	if !known && !e.admissible(b) {
		e.stranger()
		return
	}
	e.trace(true, f.scheme(), f.local(), f.source, b)
	if wrong := lint(b); wrong.code != 0 {
		e.malformed(b, f, known, wrong)
		return
	}
	m, err := e.parser.ParseSIP(b)
	if err != nil {
		// Scar: sipgo logs such packets whole. The error text quotes them too.
		e.malformed(b, f, known, flaw{400, "Bad Request"})
		return
	}
	e.count.received.Add(1)
	switch m := m.(type) {
	case *sip.Request:
		// RFC 3261 §7.1: methods are case-sensitive, and sipgo's are not.
		if method, _, _ := bytes.Cut(b, []byte(" ")); string(method) != string(m.Method) {
			m.Method = sip.RequestMethod(method)
		}
		e.request(m, f, known)
	case *sip.Response:
		e.response(m, f)
	}
}

// stranger counts what of an unknown source is met with silence.
func (e *Endpoint) stranger() {
	e.count.strangers.Add(1)
	e.count.rules.add(ruleStranger)
}

// refused counts a refusal and names its rule in the log.
func (e *Endpoint) refused(why rule, f *flow, what string) {
	e.count.refused.Add(1)
	e.count.rules.add(why)
	e.grumble.say("SIP request refused", "addr", f.source.String(), "rule", why.String(), "err", what)
}

// malformed counts what cannot be understood, and tells a known sender why.
func (e *Endpoint) malformed(b []byte, f *flow, known bool, wrong flaw) {
	e.count.malformed.Add(1)
	if known {
		e.count.rules.add(ruleOf(wrong.code))
	} else {
		e.count.rules.add(ruleStranger)
	}
	e.grumble.say("SIP message not understood", "addr", f.source.String(), "err", wrong.what)
	if known && !bytes.HasPrefix(b, []byte("SIP/")) {
		e.salvage(b, f, wrong)
	}
}

// looksLikeSIP costs nothing beside a parser: printable start line with a
// SIP version in it.
func looksLikeSIP(b []byte) bool {
	if len(b) < 12 || class[b[0]]&inToken == 0 {
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
	return e.friends.has(a, time.Now()) || e.carriers.takes(a)
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
