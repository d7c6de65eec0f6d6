package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

const (
	expiresDefault = 300 * time.Second
	expiresMin     = 30 * time.Second
	expiresMax     = time.Hour

	// maxPhones is how many contacts an agent may have (product rule).
	maxPhones = 5

	// orderFor is how long a REGISTER can be overtaken by a later one: 64*T1.
	// RFC 3261 §10.3 step 7 refuses a CSeq that is not higher for ever; but
	// phones that keep their Call-ID over a reboot start again at CSeq 1 and
	// would be locked out until their binding expires. Replays are refused by
	// their nonce.
	orderFor = 32 * time.Second
)

// registration is a REGISTER that has proved who sent it.
type registration struct {
	callID    string
	cseq      uint32
	agent     string // User-Agent
	events    string // Allow-Events
	source    netip.AddrPort
	transport string
	local     string
	path      string // Path headers, joined; empty: none
	outbound  bool   // it supports RFC 5626, and its path too
	symmetric bool   // its Via asks for rport (RFC 3581): it sends where it listens
	expires   string // Expires header as sent
	timed     bool   // the header is there
	star      bool   // Contact: *
	contacts  []contact
}

// binding is a phone that registered.
type binding struct {
	Binding        // as kept by the store
	key     string // of Binding.URI
	since   time.Time

	// Liveness, see liveness.go.
	life   uint64    // counts proofs of life: an answer to an older ping's miss does not count
	misses int       // OPTIONS in a row without an answer
	dead   bool      // two of them
	ping   time.Time // when to send the next; zero: never

	due   time.Time // earliest of all that
	index int       // in the queue; -1: not there
}

// refusal is why a registration changes nothing.
type refusal struct {
	code   int
	reason string
}

// change is what a registration did to an account's phones.
type change struct {
	bindings []*binding // all of them now
	gone     []*binding
	touched  []*binding
	fresh    bool
	cause    string // empty: nothing
}

// apply changes the list as reg wants: it applies reg to the phones in old, which have not expired at now.
// It is all or nothing (RFC 3261 §10.3): a refusal changes nothing.
// room is how many bindings the account may have.
func (reg *registration) apply(old []*binding, room int, now time.Time) (change, *refusal) {
	lives := make([]time.Duration, len(reg.contacts))
	for i, c := range reg.contacts {
		lives[i] = reg.lifetime(c)
		if lives[i] > 0 && lives[i] < expiresMin {
			return change{}, &refusal{423, "Interval Too Brief"}
		}
	}
	if reg.star && (!reg.timed || parseExpires(reg.expires) != 0) {
		return change{}, &refusal{400, "Contact: * needs Expires: 0"} // RFC 3261 §10.3 step 6
	}
	for _, b := range old {
		concerned := reg.star || slices.ContainsFunc(reg.contacts, func(c contact) bool {
			return c.key == b.key || reg.replaces(c, b)
		})
		if concerned && b.CallID == reg.callID && reg.cseq <= b.CSeq && now.Sub(b.At) < orderFor {
			return change{}, &refusal{400, fmt.Sprintf("CSeq %d is not above %d", reg.cseq, b.CSeq)}
		}
	}

	ch := change{bindings: slices.Clone(old)}
	if reg.star {
		for _, b := range old {
			ch.drop(b, "unregistered")
		}
		return ch, nil
	}
	for i, c := range reg.contacts {
		at := slices.IndexFunc(ch.bindings, func(b *binding) bool { return b.key == c.key })
		switch {
		case lives[i] == 0 && at >= 0:
			ch.drop(ch.bindings[at], "unregistered")
		case lives[i] == 0: // was not there: that is what it wants
		case at >= 0:
			reg.refresh(&ch, ch.bindings[at], c, now.Add(lives[i]), now)
		default:
			reg.add(&ch, c, room, now.Add(lives[i]), now)
		}
	}
	return ch, nil
}

// replaces reports whether c is the phone of b with a new URI: the same
// instance, or the same Call-ID where one of them tells no instance. A URI
// that the request itself lists is another phone.
func (reg *registration) replaces(c contact, b *binding) bool {
	if slices.ContainsFunc(reg.contacts, func(o contact) bool { return o.key == b.key }) {
		return false
	}
	if c.instance != "" && b.Instance != "" {
		return c.instance == b.Instance
	}
	return b.CallID == reg.callID
}

// refresh renews b. The source may be new: the phone has moved.
func (reg *registration) refresh(ch *change, b *binding, c contact, expires, now time.Time) {
	cause := "refreshed"
	switch {
	case b.dead:
		ch.fresh, cause = true, "registered again"
		b.since = now
	case b.Source != reg.route(c):
		cause = "moved to " + reg.route(c).String()
	}
	reg.fill(b, c, expires, now)
	ch.touched = append(ch.touched, b)
	if ch.cause == "" || b.dead {
		ch.cause = cause
	}
	b.dead = false
}

// add makes a binding; a phone that came back under another URI loses its old
// one, and beyond room the one that is least likely to be there goes.
func (reg *registration) add(ch *change, c contact, room int, expires, now time.Time) {
	ch.cause = "registered"
	for _, b := range slices.Clone(ch.bindings) {
		if reg.replaces(c, b) {
			ch.drop(b, "registered again from "+reg.route(c).String())
		}
	}
	for len(ch.bindings) >= max(room, 1) {
		ch.drop(oldest(ch.bindings), "registered; the oldest phone was replaced")
	}
	b := &binding{key: c.key, since: now, index: -1}
	reg.fill(b, c, expires, now)
	ch.bindings = append(ch.bindings, b)
	ch.touched = append(ch.touched, b)
	ch.fresh = true
}

// oldest is the binding to give up: one that does not answer, else the one
// whose last REGISTER is the longest ago. A phone that was switched off comes
// before one that has been there for months and refreshes.
func oldest(bs []*binding) *binding {
	return slices.MinFunc(bs, func(a, b *binding) int {
		if a.dead != b.dead {
			if a.dead {
				return -1
			}
			return 1
		}
		return a.At.Compare(b.At)
	})
}

// drop takes b off the list.
func (ch *change) drop(b *binding, cause string) {
	ch.bindings = slices.DeleteFunc(ch.bindings, func(o *binding) bool { return o == b })
	ch.gone = append(ch.gone, b)
	ch.cause = cause
}

// fill writes what the REGISTER says into b.
func (reg *registration) fill(b *binding, c contact, expires, now time.Time) {
	b.key = c.key
	b.URI = c.uri
	b.Source = reg.route(c)
	b.Transport = reg.transport
	b.Local = reg.local
	b.CallID = reg.callID
	b.CSeq = reg.cseq
	b.Expires = expires
	b.UserAgent = reg.agent
	b.Events = reg.events
	b.Instance = c.instance
	b.Path = reg.path
	b.At = now
	b.life++
	b.misses = 0
}

// route is where requests to the phone go: where the REGISTER came from, which
// passes every NAT and, over TCP, is its connection. Only a phone that does
// not ask for rport and tells its own true IP is believed its port: it may
// listen elsewhere than it sends from (RFC 3261 §18.2.2 without RFC 3581).
func (reg *registration) route(c contact) netip.AddrPort {
	if !reg.symmetric && reg.transport == "udp" && c.addr.Addr() == reg.source.Addr() {
		return c.addr
	}
	return reg.source
}

// lifetime is how long c wants to be kept, at most expiresMax; 0 removes it.
func (reg *registration) lifetime(c contact) time.Duration {
	switch {
	case c.timed:
		return parseExpires(c.expires)
	case reg.timed:
		return parseExpires(reg.expires)
	}
	return expiresDefault
}

// parseExpires reads delta-seconds, at most expiresMax. RFC 3261 §10.2.1.1:
// malformed values count as 3600.
func parseExpires(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return expiresMax
	}
	return min(time.Duration(n)*time.Second, expiresMax)
}
