package sip

import (
	"net/netip"
	"time"
)

const (
	blameFirst = 30 * time.Second // a place that failed is tried last for that long,
	blameMost  = 5 * time.Minute  // doubling up to this

	retryAfterMost = 10 * time.Minute // of what a Retry-After may ask for
)

// place is a spot without its rank: what health is remembered of.
type place struct {
	addr netip.AddrPort
	over transport
}

func (s spot) place() place { return place{s.addr, s.over} }

// health is what is remembered of a place: bad for a bounded time, or until it
// answers OPTIONS again.
type health struct {
	until  time.Time // tried last until then
	fails  int       // in a row
	why    string    // it failed last
	misses int       // OPTIONS without any answer, in a row
	alive  bool      // it answers OPTIONS
}

func (h *health) bad(now time.Time) bool {
	return h != nil && (now.Before(h.until) || h.misses >= pingMisses)
}

// blame notes that a place failed: it is tried last for a while, at least as
// long as it asked for.
func (t *carriers) blame(p place, why string, retryAfter time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.healthOf(p)
	now := time.Now()
	if now.Before(h.until) && retryAfter == 0 {
		return // of one failure many calls tell
	}
	h.fails++
	h.why = why
	h.until = now.Add(max(min(blameFirst<<min(h.fails-1, 8), blameMost), min(retryAfter, retryAfterMost)))
	t.log.Info("trunk's address is tried last", "addr", p.addr.String(), "reason", why, "until", h.until.Format(time.TimeOnly))
	t.nudge()
}

// praise notes that a place answered.
func (t *carriers) praise(p place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.health[p]
	if h == nil || h.fails == 0 && h.misses == 0 {
		return
	}
	h.until, h.fails, h.misses, h.why = time.Time{}, 0, 0, ""
	t.nudge()
}

// ponged takes what became of an OPTIONS: any final answer is life (its code
// is the business of who calls), two in a row without are not.
func (t *carriers) ponged(p place, answered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.healthOf(p)
	was := *h
	if answered {
		h.until, h.fails, h.misses, h.why, h.alive = time.Time{}, 0, 0, "", true
	} else {
		h.misses++
		if h.misses >= pingMisses {
			h.alive, h.why = false, "does not answer OPTIONS"
		}
	}
	if was.alive != h.alive || was.misses >= pingMisses != (h.misses >= pingMisses) {
		t.nudge()
	}
}

// healthOf is a place's, made if need be. The lock is held.
func (t *carriers) healthOf(p place) *health {
	h := t.health[p]
	if h == nil {
		if len(t.health) >= maxHosts {
			clear(t.health)
		}
		h = &health{}
		t.health[p] = h
	}
	return h
}
