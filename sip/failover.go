package sip

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// tryingWithin is how long a trunk's place may stay silent. RFC 3261 would
	// wait 32 s for Timer B, and a caller does not.
	tryingWithin = 4 * time.Second

	// ringingWithin is how long a trunk may say 100 and no more: Timer C's three
	// minutes (RFC 3261 §16.6) are for what rings.
	ringingWithin = 40 * time.Second
)

// within are a destination's limits.
type within struct{ trying, ringing time.Duration }

// expectProgress sets the deadlines of an INVITE to a trunk that has just left.
func (l *Leg) expectProgress() {
	c := l.call
	if len(c.to.places) == 0 || c.early {
		return
	}
	l.after(dueTrying, c.to.within.trying)
	if l.due[dueRinging].IsZero() { // a challenge does not begin it again
		l.after(dueRinging, c.to.within.ringing)
	}
}

func (l *Leg) noProgress() { l.due[dueTrying], l.due[dueRinging] = time.Time{}, time.Time{} }

// gotProgress takes a provisional response.
func (l *Leg) gotProgress(code int) {
	c := l.call
	l.due[dueTrying] = time.Time{}
	if code > 100 {
		c.early = true
		l.noProgress()
	}
	if len(c.to.places) > 0 && code > 100 {
		l.e.carriers.praise(c.place())
	}
}

// place is where the INVITE on its way went.
func (c *dialState) place() place { return place{c.to.addr, c.to.over} }

// fails reports a final response that says nothing of the called party: the
// next place may do better (RFC 3263 §4.3).
func (c *dialState) fails(res *sip.Response) bool {
	return len(c.to.places) > 0 && !c.early && (res.StatusCode == 408 || res.StatusCode == 503)
}

func failureOf(res *sip.Response) Ended {
	return Ended{By: Theirs, Code: res.StatusCode, Text: res.Reason, Cause: reasonOf(res)}
}

// waitAsked is how long a response asks to be left alone (RFC 3261 §20.33).
func waitAsked(res *sip.Response) time.Duration {
	h := res.GetHeader("retry-after")
	if h == nil {
		return 0
	}
	text, _, _ := strings.Cut(h.Value(), ";")
	text, _, _ = strings.Cut(text, "(")
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, retryAfterMost)
}

// silent is a place that did not answer, or did not ring, in time.
func (l *Leg) silent(what string) {
	if l.phase != dialling || l.call == nil || l.call.early {
		return
	}
	l.moveOn(Ended{By: Failed, Code: 408, Text: what}, 0)
}

// moveOn leaves a place that failed: its INVITE, if nobody has answered it, is
// cancelled as soon as that is allowed, and what it still says is refused. The
// next place is tried; none is left, the leg ends as the last one failed.
func (l *Leg) moveOn(why Ended, notBefore time.Duration) {
	c := l.call
	l.e.carriers.blame(c.place(), why.reason(), notBefore)
	if t := c.tx; t != nil && !t.over.Load() {
		l.behind = append(l.behind, t)
		if c.rang {
			l.cancel(t, Reason{Cause: 408, Text: "Tried elsewhere"})
		} else {
			t.quiet.Store(true) // RFC 3261 §9.1: no CANCEL yet, and no more INVITEs
		}
	}
	c.tx, c.rang, c.gave = nil, false, false
	l.noProgress()
	if failed := l.nextPlace(&why); failed != nil {
		l.call = nil
		l.depart(*failed)
	}
}

// nextPlace tries the places that are left; failed is what to say when none is.
func (l *Leg) nextPlace(failed *Ended) *Ended {
	c := l.call
	for c.next < len(c.to.places) {
		s := c.to.places[c.next]
		c.next++
		if c.Media.IsValid() && c.Media.Is4() != s.addr.Addr().Is4() || !c.Media.IsValid() && s.addr.Addr().Is4() != c.to.places[0].addr.Addr().Is4() {
			continue // what we offer is not reached from there
		}
		if !c.to.routed { // else it goes to the first route, wherever that is
			c.to.head(s)
		}
		c.try, c.proof, c.ask = 0, proof{}, nil
		if failed = l.attempt(); failed == nil {
			return nil
		}
		l.e.carriers.blame(c.place(), failed.reason(), 0)
	}
	return failed
}

// reason is an ending in a few words.
func (ev Ended) reason() string {
	switch {
	case ev.By == Theirs:
		return strconv.Itoa(ev.Code) + " " + ev.Text
	case ev.Err != nil:
		return ev.Err.Error()
	}
	return ev.Text
}

// lateResponse is of an INVITE to a place that we moved on from: it is
// cancelled, or acknowledged and hung up.
func (l *Leg) lateResponse(t *clientTx, res *sip.Response) {
	switch {
	case res.StatusCode < 200:
		t.proceed(res)
		if t.quiet.Swap(false) {
			l.cancel(t, Reason{Cause: 408, Text: "Tried elsewhere"})
		}
	case res.IsSuccess():
		l.closeTx(t)
		l.e.refuseAnswer(res, t.flow, Reason{Cause: 408, Text: "Tried elsewhere"})
	default:
		t.refused(res)
		l.open--
	}
}
