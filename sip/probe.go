package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Probed is the answer to a Probe.
type Probed struct {
	Leg   LegID
	Alive bool // the peer still knows the dialog
}

func (e Probed) of() LegID { return e.Leg }

// probeWait is how long a Probe's answer is waited for: four transmissions, at
// 0, 0.5, 1.5 and 3.5 s (RFC 3261 §17.1.2.2).
const probeWait = 4 * time.Second

// Probe asks the peer of an answered leg whether it is there, by an OPTIONS in
// the dialog; Probed tells. It is safe to repeat: one is out at a time.
func (l *Leg) Probe() { l.post(l.doProbe) }

func (l *Leg) doProbe() {
	if l.phase != up || l.probe != nil {
		return
	}
	req, f := l.request(sip.OPTIONS)
	req.AppendHeader(l.contact)
	req.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
	req.SetBody(nil)
	t, err := l.send(req, f)
	if err != nil {
		l.emit(Probed{Leg: l.id})
		return
	}
	l.probe = t
	l.after(dueProbe, probeWait)
}

// reconnectWithin is how long a phone whose connection broke has to come back
// before it is asked whether it is there.
const reconnectWithin = 3 * time.Second

// severed is the end of a connection. A phone in a call that came over it may
// be lost, or only have lost its way for a moment.
func (l *Leg) severed(t *tcpConn) {
	if l.phone && l.phase == up && l.in.tcp == t {
		l.after(dueSevered, reconnectWithin)
	}
}

// probed is the end of a Probe. RFC 3261 §12.2.1.2: 481 and 408 say that the
// dialog is no more; any other answer is a sign of life.
func (l *Leg) probed(code int) {
	l.probe, l.due[dueProbe] = nil, time.Time{}
	if l.phase == up {
		l.emit(Probed{Leg: l.id, Alive: code != 0 && code != 481 && code != 408})
	}
}

// probeOver gives up the wait for a Probe's answer.
func (l *Leg) probeOver() {
	t := l.probe
	l.probed(0)
	if t != nil {
		l.closeTx(t)
	}
}
