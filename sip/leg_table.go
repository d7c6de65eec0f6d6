package sip

import (
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// legTable finds legs by Call-ID and our tag.
type legTable struct {
	mu      sync.Mutex
	m       map[dialogKey]*Leg
	initial map[requestKey]*Leg // inbound legs by their INVITE, for merged requests
	changed chan struct{}
	closed  bool // Serve ends: no leg begins any more
}

type dialogKey struct{ callID, tag string }

// requestKey is what two arrivals of one request by different paths share.
type requestKey struct {
	callID, tag string // the caller's
	seq         uint32
}

func keyOf(req *sip.Request) requestKey {
	return requestKey{req.CallID().Value(), tagOf(req.From().Params), req.CSeq().SeqNo}
}

func newLegTable() *legTable {
	return &legTable{m: map[dialogKey]*Leg{}, initial: map[requestKey]*Leg{}, changed: make(chan struct{}, 1)}
}

// add makes a leg known; false: none may begin any more.
func (t *legTable) add(l *Leg) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.m[dialogKey{l.callID.Value(), l.localTag}] = l
	if l.inbound {
		t.initial[l.first] = l
	}
	return true
}

func (t *legTable) remove(l *Leg) {
	t.mu.Lock()
	delete(t.m, dialogKey{l.callID.Value(), l.localTag})
	if t.initial[l.first] == l {
		delete(t.initial, l.first)
	}
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *legTable) find(callID, tag string) *Leg {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[dialogKey{callID, tag}]
}

// merged reports a live leg that the same INVITE made (RFC 3261 §8.2.2.2). A
// new CSeq is a new INVITE: a caller may reuse its Call-ID and tag.
func (t *legTable) merged(req *sip.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.initial[keyOf(req)] != nil
}

func (t *legTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// close lets no leg begin any more. All that have are then in the table, so
// what each tells them reaches every one: a leg that slipped in behind it would
// keep Serve waiting for ever.
func (t *legTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

func (t *legTable) each(f func(*Leg)) {
	t.mu.Lock()
	all := make([]*Leg, 0, len(t.m))
	for _, l := range t.m {
		all = append(all, l)
	}
	t.mu.Unlock()
	for _, l := range all {
		f(l)
	}
}

// wait returns when no leg is left, or after d.
func (t *legTable) wait(d time.Duration) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	for t.len() > 0 {
		select {
		case <-t.changed:
		case <-limit.C:
			return
		}
	}
}
