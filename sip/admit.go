package sip

import (
	"sync"
	"time"
)

// maxAdmissions bounds how many one-time credentials wait to be used.
const maxAdmissions = 64

// admissions are the one-time credentials: each admits one INVITE from this
// machine, until its time is over.
type admissions struct {
	mu   sync.Mutex
	list map[string]admission
}

type admission struct {
	secret secret
	until  time.Time
}

// add admits user once until the given time, replacing an earlier admission of
// the same user. When the table is full, the one that ends first goes.
func (a *admissions) add(user string, s secret, until, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.list == nil {
		a.list = map[string]admission{}
	}
	if !now.Before(until) || user == "" {
		return
	}
	a.prune(now)
	if _, known := a.list[user]; !known && len(a.list) >= maxAdmissions {
		first := ""
		for u, e := range a.list {
			if first == "" || e.until.Before(a.list[first].until) {
				first = u
			}
		}
		delete(a.list, first)
	}
	a.list[user] = admission{secret: s, until: until}
}

// secret is what user must prove to know, if user is admitted now.
func (a *admissions) secret(user string, now time.Time) (secret, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.list[user]
	if !ok || !now.Before(e.until) {
		return secret{}, false
	}
	return e.secret, true
}

// waiting reports that somebody is expected.
func (a *admissions) waiting(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prune(now)
	return len(a.list) > 0
}

// take uses the admission up. Of two that proved to know s, one gets true.
func (a *admissions) take(user string, s secret, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.list[user]
	if !ok || e.secret != s || !now.Before(e.until) {
		return false
	}
	delete(a.list, user)
	return true
}

func (a *admissions) prune(now time.Time) {
	for u, e := range a.list {
		if !now.Before(e.until) {
			delete(a.list, u)
		}
	}
}
