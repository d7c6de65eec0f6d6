package sip

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Session timers (RFC 4028): both sides agree how long a session lasts without
// a word. One of them refreshes it in time, by UPDATE or by a re-INVITE that
// changes nothing; the other hangs up when no refresh comes. Scar: carriers
// that never hear one drop calls at 15 or 30 minutes.
//
// Each leg agrees for itself. A peer that knows nothing of timers is refreshed
// by us all the same: that is how a phone that vanished in silence is noticed.

const (
	timerDefault = 30 * time.Minute
	timerLeast   = 90 * time.Second // RFC 4028 §5
	timerSlack   = 32 * time.Second // §10: the BYE goes out that long before the end, or a third
	refreshAgain = 10 * time.Second // least time between two refreshes that are refused
)

// sessionTimer is what was agreed on.
type sessionTimer struct {
	interval time.Duration // 0: nothing runs
	ours     bool          // we refresh
	least    time.Duration // the largest Min-SE heard in this dialog
}

// expires is the interval that we ask for, and min the least that we take.
func (t Timers) expires() time.Duration {
	if t.Expires > 0 {
		return t.Expires
	}
	return timerDefault
}

func (t Timers) min() time.Duration { return max(t.Min, timerLeast) }

// askTimer adds what a request of ours says of the timer: an INVITE, or in a
// dialog a re-INVITE or UPDATE.
func (l *Leg) askTimer(req *sip.Request) {
	t := l.policy.timers
	if t.Off {
		return
	}
	want := t.expires()
	if l.session.interval > 0 {
		want = l.session.interval
	}
	want = max(want, l.session.least)
	v := seconds(want)
	if l.session.interval > 0 { // §7.4: who refreshes does so on
		if l.session.ours {
			v += ";refresher=uac"
		} else {
			v += ";refresher=uas"
		}
	}
	req.AppendHeader(sip.NewHeader("Session-Expires", v))
	if least := max(t.min(), l.session.least); least > timerLeast {
		req.AppendHeader(sip.NewHeader("Min-SE", seconds(least)))
	}
}

// timerAnswered takes the 2xx to an INVITE, re-INVITE or UPDATE of ours
// (§7.2). A peer that says nothing leaves the refreshing to us.
func (l *Leg) timerAnswered(res *sip.Response) {
	if l.policy.timers.Off {
		return
	}
	interval, refresher, ok := sessionExpires(res)
	if !ok {
		l.runTimer(max(l.policy.timers.expires(), l.session.least), true)
		return
	}
	l.runTimer(interval, refresher != "uas")
}

// tooBrief is the 422 to a request whose interval is below our least (§9); nil:
// none. Only who knows the extension may be refused for it.
func (p policy) tooBrief(req *sip.Request, a abilities) sip.Header {
	interval, _, ok := sessionExpires(req)
	if p.timers.Off || !ok || interval >= p.timers.min() || !a.timer {
		return nil
	}
	return sip.NewHeader("Min-SE", seconds(p.timers.min()))
}

// grantTimer decides about the timer as the one who answers (§9, table 2),
// starts it, and returns the headers of the 2xx.
func (l *Leg) grantTimer(req *sip.Request) []sip.Header {
	t := l.policy.timers
	if t.Off {
		return nil
	}
	if h := req.GetHeader("min-se"); h != nil {
		if d, ok := deltaSeconds(h.Value()); ok {
			l.session.least = max(l.session.least, d)
		}
	}
	interval, refresher, asked := sessionExpires(req)
	least := max(t.min(), l.session.least)
	switch {
	case !asked:
		interval = max(t.expires(), least)
	case interval > t.expires(): // we may shorten it, never below Min-SE; lengthening is not allowed
		interval = max(t.expires(), min(least, interval))
	}
	ours := !l.can.timer || refresher != "uac"
	l.runTimer(interval, ours)
	if !asked && !l.can.timer {
		return nil // nobody on the way has heard of it
	}
	v := seconds(interval) + ";refresher=uas"
	if !ours {
		v = seconds(interval) + ";refresher=uac"
	}
	hs := []sip.Header{sip.NewHeader("Session-Expires", v)}
	if l.can.timer {
		hs = append(hs, sip.NewHeader("Require", tagTimer))
	}
	return hs
}

// runTimer starts the timer, or starts it again: every 2xx to a re-INVITE or
// UPDATE is a refresh.
func (l *Leg) runTimer(interval time.Duration, ours bool) {
	if !ours {
		interval = max(interval, timerLeast) // of a peer that gives less: it shall not lose the call to us
	}
	interval = max(interval, 2*refreshAgain)
	l.session.interval, l.session.ours = interval, ours
	l.due[dueRefresh], l.due[dueExpired] = time.Time{}, time.Time{}
	if ours {
		l.after(dueRefresh, interval/2)
		return
	}
	l.after(dueExpired, interval-min(timerSlack, interval/3))
}

// raise takes the Min-SE of a 422; false: it asks for nothing new.
func (l *Leg) raise(res *sip.Response) bool {
	h := res.GetHeader("min-se")
	if h == nil || l.policy.timers.Off {
		return false
	}
	least, ok := deltaSeconds(h.Value())
	asked := max(l.policy.timers.expires(), l.session.least)
	if l.session.interval > 0 {
		asked = max(l.session.interval, l.session.least)
	}
	if !ok || least <= asked || least > 24*time.Hour {
		return false
	}
	l.session.least = least
	return true
}

// refreshSession sends the refresh that is due, unless something is on its way
// in the dialog: its 2xx will be one.
func (l *Leg) refreshSession() {
	if l.phase != up {
		return
	}
	if l.ours != nil || l.theirs != nil || l.final != nil || len(l.queue) > 0 {
		l.after(dueRefresh, refreshAgain)
		return
	}
	switch {
	case l.can.update:
		l.ours = &reoffer{refresh: true, update: true}
	case l.said != nil:
		l.ours = &reoffer{refresh: true, offer: l.said}
	default:
		l.after(dueRefresh, l.session.interval/2)
		return
	}
	l.sendReoffer()
}

// refreshRefused is a final response to a refresh other than 2xx, 408 and 481:
// it does not end the session (§10). Whoever cannot UPDATE gets a re-INVITE.
func (l *Leg) refreshRefused(o *reoffer, code int) {
	if o.update && (code == 405 || code == 501 || code == 420) {
		l.can.update = false
		l.refreshSession()
		return
	}
	l.after(dueRefresh, max(l.session.interval/8, refreshAgain))
}

// expired is the end of a session that the peer did not refresh.
func (l *Leg) expired() {
	if l.phase != up && l.phase != answered {
		return
	}
	why := Reason{Cause: 408, Text: "Session timer expired"}
	if l.phase == answered || l.final != nil {
		l.bye = &why
	} else {
		l.sendBye(why)
	}
	l.depart(Ended{By: Failed, Code: 408, Text: "session timer expired"})
}

// sessionExpires reads Session-Expires (§4), x in its short form. What cannot
// be read is not there.
func sessionExpires(m sip.Message) (interval time.Duration, refresher string, ok bool) {
	hs := append(m.GetHeaders("session-expires"), m.GetHeaders("x")...)
	if len(hs) == 0 {
		return 0, "", false
	}
	value, params, _ := strings.Cut(hs[0].Value(), ";")
	if interval, ok = deltaSeconds(value); !ok {
		return 0, "", false
	}
	for _, p := range strings.Split(params, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(v))
		}
	}
	return interval, refresher, true
}

// deltaSeconds reads a number of seconds, before any parameter.
func deltaSeconds(text string) (time.Duration, bool) {
	text, _, _ = strings.Cut(text, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	return time.Duration(n) * time.Second, err == nil
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
