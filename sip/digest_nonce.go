package sip

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"sync"
	"time"
)

const (
	// nonceLife is how long a nonce may be used. A phone with an older one is
	// told stale=true and comes back at once without asking its user.
	nonceLife = 10 * time.Minute

	// maxSpent bounds how many nonces are remembered in one generation; two
	// are kept. Only a right password makes an entry.
	maxSpent = 1 << 16
)

// A nonce is generation (4 bytes), unix seconds (4), random (8) and the first
// 12 bytes of an HMAC over these, as hex digits.
const (
	nonceBody = 16
	nonceMAC  = 12
)

// nonces makes and checks nonces (RFC 7616 §3.3, §5.4) without keeping those
// nobody used. The spent ones are kept in two generations; when the younger is
// full or old, the elder is forgotten and all its nonces become stale. So
// memory is bounded and nothing can be played again.
type nonces struct {
	key [32]byte // of this process: nonces of an earlier one are stale

	mu    sync.Mutex
	gen   uint32
	since time.Time
	young map[[8]byte]ncWindow // nonces of generation gen
	elder map[[8]byte]ncWindow // nonces of generation gen-1
	max   int
}

// ncWindow says which counts of a nonce were seen: bit i is last-i. Anything
// older than the 64 below last counts as seen.
type ncWindow struct {
	last uint32
	seen uint64
}

// spending is what became of a nonce.
type spending uint8

const (
	spent   spending = iota // it was good, and this count of it is now used up
	old                     // ours once, or another process's: worth a stale=true
	replays                 // this count was seen before
)

func newNonces(now time.Time) *nonces {
	n := &nonces{gen: 1, since: now, young: map[[8]byte]ncWindow{}, elder: map[[8]byte]ncWindow{}, max: maxSpent}
	rand.Read(n.key[:])
	return n
}

// issue makes a nonce.
func (n *nonces) issue(now time.Time) string {
	n.mu.Lock()
	n.turn(now)
	gen := n.gen
	n.mu.Unlock()

	var b [nonceBody + nonceMAC]byte
	binary.BigEndian.PutUint32(b[0:], gen)
	binary.BigEndian.PutUint32(b[4:], uint32(now.Unix()))
	rand.Read(b[8:nonceBody])
	n.sign(b[:])
	return hex.EncodeToString(b[:])
}

// sign fills in the MAC of b.
func (n *nonces) sign(b []byte) {
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(b[:nonceBody])
	copy(b[nonceBody:], mac.Sum(nil))
}

// read checks that this process made a nonce.
func (n *nonces) read(nonce string) (got [nonceBody + nonceMAC]byte, ok bool) {
	var want [nonceBody + nonceMAC]byte
	if len(nonce) != 2*len(got) {
		return got, false
	}
	if _, err := hex.Decode(got[:], []byte(nonce)); err != nil {
		return got, false
	}
	copy(want[:nonceBody], got[:nonceBody])
	n.sign(want[:])
	return got, hmac.Equal(got[:], want[:])
}

// ours reports a nonce that this process made: who answers it is where it was
// sent.
func (n *nonces) ours(nonce string) bool {
	_, ok := n.read(nonce)
	return ok
}

// spend uses up one count of a nonce; count 0 (no qop) uses up all of it:
// without a count every request needs a nonce of its own. The caller has
// checked the password before.
func (n *nonces) spend(nonce string, count uint32, now time.Time) spending {
	got, ok := n.read(nonce)
	if !ok {
		return old
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint32(got[4:])), 0))
	if age > nonceLife || age < -time.Minute {
		return old
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	n.turn(now)
	var used map[[8]byte]ncWindow
	switch binary.BigEndian.Uint32(got[0:]) {
	case n.gen:
		used = n.young
	case n.gen - 1:
		used = n.elder
	default:
		return old
	}
	id := [8]byte(got[8:nonceBody])
	w, known := used[id]
	if !known && len(used) >= n.max {
		return old // the elder generation is full: its newcomers fetch a new nonce
	}
	if !w.take(count) {
		return replays
	}
	used[id] = w
	return spent
}

// turn starts a new generation when the young one is old or full.
func (n *nonces) turn(now time.Time) {
	age := now.Sub(n.since)
	if age < nonceLife && len(n.young) < n.max {
		return
	}
	n.elder, n.young = n.young, map[[8]byte]ncWindow{}
	n.gen++
	n.since = now
}

// take marks count as seen and reports whether it was not.
func (w *ncWindow) take(count uint32) bool {
	switch {
	case count == 0:
		fresh := w.last == 0
		w.last, w.seen = math.MaxUint32, math.MaxUint64
		return fresh
	case count > w.last:
		w.seen = w.seen<<min(count-w.last, 64) | 1
		w.last = count
		return true
	case w.last-count >= 64:
		return false
	}
	bit := uint64(1) << (w.last - count)
	if w.seen&bit != 0 {
		return false
	}
	w.seen |= bit
	return true
}
