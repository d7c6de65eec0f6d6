package sip

import (
	"strings"
	"testing"
	"time"
)

// registered is a phone that has registered, by hand from then on.
func (r *rig) registered(user, at, id string) *lamp {
	r.t.Helper()
	l := r.lampOf(user, at, id)
	l.wirePeer = r.peer(at)
	return l
}

// refers has a registered phone send a REFER outside a dialog, which is taken.
func (r *rig) refers(l *lamp) ReferredOutside {
	r.t.Helper()
	r.events = nil
	l.proves("REFER", "trunkline", "Refer-To: <sip:+14155550177@pbx.example.com>\r\n")
	ev, ok := r.next(time.Second).(ReferredOutside)
	if !ok || ev.Account != "bob" || ev.Contact == "" || ev.To.User != "+14155550177" || ev.Leg != "" {
		r.t.Fatalf("got %+v, want bob's phone, the number and no call", ev)
	}
	ev.By.AnswerRefer(ev.ID, 202)
	l.to = l.expect("SIP/2.0 202").tag("To")
	return ev
}

// legs waits a moment and wants so many.
func (r *rig) legs(want int) {
	r.t.Helper()
	time.Sleep(100 * time.Millisecond)
	if got := r.e.Stats().Legs; got != want {
		r.t.Errorf("got %d legs, want %d", got, want)
	}
}

func (l *lamp) told(state, line string) {
	l.r.t.Helper()
	if m := l.notified(); !strings.HasPrefix(m.hdr("Subscription-State"), state) || m.tag("From") != l.to || !strings.HasSuffix(m.text, "\r\n\r\nSIP/2.0 "+line+"\r\n") {
		l.r.t.Errorf("got %q, want %s, %s", m.text, state, line)
	}
}

func TestReferOutsideADialogIsToldUntilTheEnd(t *testing.T) {
	inBubble(t, func(r *rig) {
		l := r.registered("bob", "10.0.1.1:5060", "refer")
		ev := r.refers(l)
		l.told("active;expires=180", "100 Trying")
		r.legs(1)
		l.write("INFO", "trunkline", "") // its dialog is a subscription, and nothing else
		l.expect("SIP/2.0 481")
		ev.By.NotifyRefer(ev.ID, 180, false)
		l.told("active", "180 Ringing")
		ev.By.NotifyRefer(ev.ID, 486, true)
		l.told("terminated;reason=noresource", "486 Busy Here")
		ev.By.NotifyRefer(ev.ID, 200, true)
		l.nothing(time.Second)
		r.legs(0)
		r.silent(time.Second) // nobody hears of its end
	}, twoAgents)
}

func TestReferOutsideADialogEndsWithItsSubscription(t *testing.T) {
	for name, end := range map[string]func(r *rig, l *lamp, ev ReferredOutside){
		"unsubscribed": func(_ *rig, l *lamp, _ ReferredOutside) {
			l.told("active", "100 Trying")
			l.subscribe("trunkline", "Event: refer\r\nExpires: 0\r\n")
			l.expect("SIP/2.0 200")
			l.told("terminated;reason=timeout", "100 Trying")
		},
		"refused": func(_ *rig, l *lamp, _ ReferredOutside) {
			l.respond(l.expect("NOTIFY "), 481, "", "", "")
		},
		"forgotten": func(_ *rig, l *lamp, _ ReferredOutside) {
			l.told("active", "100 Trying")
			time.Sleep(referExpires)
			l.told("terminated;reason=timeout", "100 Trying")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				l := r.registered("bob", "10.0.1.1:5060", "refer")
				ev := r.refers(l)
				end(r, l, ev)
				r.legs(0)
				ev.By.NotifyRefer(ev.ID, 200, true)
				l.nothing(time.Second)
			}, twoAgents)
		})
	}
}

func TestReferOutsideADialogThatIsRefusedLeavesNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		l := r.registered("bob", "10.0.1.1:5060", "refer")
		r.events = nil
		l.proves("REFER", "trunkline", "Refer-To: <sip:x@pbx.example.com>\r\n")
		ev := r.next(time.Second).(ReferredOutside)
		ev.By.AnswerRefer(ev.ID, 404)
		l.expect("SIP/2.0 404")
		l.nothing(time.Second)
		r.legs(0)
	}, twoAgents)
}
