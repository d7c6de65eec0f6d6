package sip

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Remote control of a phone that rings: NOTIFY with Event: talk in the early
// dialog, which has it answer by itself. It is BroadSoft's, of no RFC; Poly,
// Yealink, Snom and Grandstream know it.

// Unmoved says that a phone did not do what Talk asked for: it refused the
// NOTIFY, or rings on all the same.
type Unmoved struct{ Leg LegID }

func (e Unmoved) of() LegID { return e.Leg }

// talkWithin is how long a phone may take to answer by itself.
const talkWithin = 2 * time.Second

// remoteControlled are words in the User-Agent of phones that know talk, for
// those that do not list their events.
var remoteControlled = []string{"poly", "yealink", "snom", "grandstream"}

// talks says whether a phone is taken to know talk: what its REGISTER listed in
// Allow-Events, else its make.
func talks(events, agent string) bool {
	if events != "" {
		return listed([]sip.Header{sip.NewHeader("Allow-Events", events)}, "talk")
	}
	agent = strings.ToLower(agent)
	for _, maker := range remoteControlled {
		if strings.Contains(agent, maker) {
			return true
		}
	}
	return false
}

// knowsTalk says the same of the phone that this leg rings, whose 18x may tell
// its events as well.
func (l *Leg) knowsTalk() bool {
	if l.can.events {
		return l.can.talk
	}
	return l.call != nil && l.call.to.talk
}

// Talk asks a phone that rings to answer by itself; Unmoved tells that it did
// not, within two seconds. Progressed says whether a phone knows it.
func (l *Leg) Talk() { l.post(l.doTalk) }

func (l *Leg) doTalk() {
	if l.phase != dialling {
		return
	}
	var k *fork
	if n := len(l.call.forks); n > 0 {
		k = l.call.forks[n-1]
	}
	if k == nil || l.talk != nil { // without a To tag there is no dialog to speak in
		l.unmoved()
		return
	}
	l.within(k, func() {
		req, f := l.request(sip.NOTIFY)
		req.AppendHeader(l.contact)
		req.AppendHeader(sip.NewHeader("Event", "talk"))
		req.AppendHeader(sip.NewHeader("Subscription-State", "active"))
		req.SetBody(nil)
		l.talk, _ = l.send(req, f)
	})
	if l.talk == nil {
		l.unmoved()
		return
	}
	l.after(dueTalk, talkWithin)
}

// talkAnswered is the final response to the NOTIFY; 0: none came. Its 200 is
// followed by that of the INVITE.
func (l *Leg) talkAnswered(code int) {
	l.talk = nil
	if code < 200 || code >= 300 {
		l.unmoved()
	}
}

// unmoved tells, once, that the phone rings on.
func (l *Leg) unmoved() {
	l.due[dueTalk] = time.Time{}
	if l.phase == dialling {
		l.emit(Unmoved{Leg: l.id})
	}
}
