package api

import (
	"sync"
	"time"
)

const (
	// tryFree are the failures that cost nothing: of one account from one
	// network, of one network whatever the account, of one account from anywhere.
	tryFreePair    = 5
	tryFreeNetwork = 30
	tryFreeAccount = 100

	// tryMost is the longest wait; of an account from anywhere it is short, so
	// that strangers cannot keep its owner out.
	tryMost        = 5 * time.Minute
	tryMostAccount = 20 * time.Second

	// tryForget is how long failures are remembered.
	tryForget = time.Hour
	// maxTried bounds what is remembered.
	maxTried = 50_000
)

// throttle slows down who guesses passwords: each failure beyond the free ones
// doubles the wait until the next try.
type throttle struct {
	mu    sync.Mutex
	tried map[string]*tries
}

type tries struct {
	failures int
	until    time.Time // no try before
	last     time.Time
}

// tryRule is one thing that is counted.
type tryRule struct {
	key  string
	free int
	most time.Duration
}

func tryRules(account, network string) []tryRule {
	return []tryRule{
		{"p " + network + " " + account, tryFreePair, tryMost},
		{"n " + network, tryFreeNetwork, tryMost},
		{"a " + account, tryFreeAccount, tryMostAccount},
	}
}

// wait says how long a try has to wait; 0: it may be made now, and counts as
// failed until passed says otherwise, so that many at once gain nothing.
func (t *throttle) wait(now time.Time, account, network string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tried == nil {
		t.tried = map[string]*tries{}
	}
	rules := tryRules(account, network)
	var most time.Duration
	for _, r := range rules {
		if k := t.tried[r.key]; k != nil {
			most = max(most, k.until.Sub(now))
		}
	}
	if most > 0 {
		return most
	}
	t.sweep(now)
	for _, r := range rules {
		k := t.tried[r.key]
		if k == nil || now.Sub(k.last) > tryForget {
			k = &tries{}
			t.tried[r.key] = k
		}
		k.failures++
		k.last = now
		if over := k.failures - r.free; over > 0 {
			k.until = now.Add(min(r.most, time.Second<<min(over-1, 20)))
		}
	}
	return 0
}

// passed forgets the failures of an account from a network, and takes the try
// back that wait counted for the others.
func (t *throttle) passed(account, network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, r := range tryRules(account, network) {
		k := t.tried[r.key]
		switch {
		case k == nil:
		case i == 0:
			delete(t.tried, r.key)
		default:
			if k.failures = max(0, k.failures-1); k.failures <= r.free {
				k.until = time.Time{}
			}
		}
	}
}

// untried takes a try back whose password was not looked at; at is what wait was given.
func (t *throttle) untried(at time.Time, account, network string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range tryRules(account, network) {
		k := t.tried[r.key]
		if k == nil || k.failures == 0 {
			continue
		}
		k.failures--
		switch over := k.failures - r.free; {
		case over <= 0 || k.last.Equal(at): // the wait before it is over, or it would not have been let in
			k.until = time.Time{}
		default:
			k.until = k.last.Add(min(r.most, time.Second<<min(over-1, 20)))
		}
	}
}

// sweep keeps the memory bounded: what is old goes, and if that is not enough, all of it.
func (t *throttle) sweep(now time.Time) {
	if len(t.tried) < maxTried {
		return
	}
	for key, k := range t.tried {
		if now.Sub(k.last) > tryForget/4 {
			delete(t.tried, key)
		}
	}
	if len(t.tried) >= maxTried {
		for key, k := range t.tried {
			if k.failures < tryFreePair {
				delete(t.tried, key)
			}
		}
	}
	if len(t.tried) >= 2*maxTried {
		clear(t.tried)
	}
}
