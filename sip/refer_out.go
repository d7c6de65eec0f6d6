package sip

import (
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Transferring tells how a Refer fares at the peer: the status line of the
// call that it makes in our place (RFC 3515 §2.4.5).
type Transferring struct {
	Leg     LegID
	Refused bool // the REFER itself: Code is its final response, 0 where none came
	Code    int
	Last    bool // nothing more will be told
}

func (e Transferring) of() LegID { return e.Leg }

// Refer asks the peer of an answered leg to call user in our place (RFC 3515).
// Transferring tells what becomes of it, the last time with Last; the leg stays
// until somebody hangs it up.
func (l *Leg) Refer(user string, by NameAddr) { l.post(func() { l.doRefer(user, by) }) }

func (l *Leg) doRefer(user string, by NameAddr) {
	if l.phase != up || l.asked != nil {
		l.emit(Transferring{Leg: l.id, Refused: true, Code: 491, Last: true})
		return
	}
	req, f := l.request(sip.REFER)
	req.AppendHeader(l.contact)
	to := sip.Uri{Scheme: "sip", User: user, Host: l.to.Address.Host}
	req.AppendHeader(sip.NewHeader("Refer-To", "<"+to.String()+">"))
	who := sip.Uri{Scheme: "sip", User: by.User, Host: by.Host}
	req.AppendHeader(sip.NewHeader("Referred-By", "<"+who.String()+">"))
	req.SetBody(nil)
	t, err := l.send(req, f)
	if err != nil {
		l.emit(Transferring{Leg: l.id, Refused: true, Last: true})
		return
	}
	l.asked = t
}

// referAnswered is the final response to our REFER; 0: none came.
func (l *Leg) referAnswered(code int) {
	if code >= 200 && code < 300 {
		return // its NOTIFYs follow
	}
	l.asked = nil
	l.emit(Transferring{Leg: l.id, Refused: true, Code: code, Last: true})
}

// onNotify is the peer telling how our REFER fares.
func (l *Leg) onNotify(req *sip.Request, f *flow, key string) {
	h := req.GetHeader("event")
	if l.asked == nil || h == nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Value())), "refer") {
		l.respond(key, f, req, 481) // RFC 6665 §4.1.3: no such subscription
		return
	}
	l.respond(key, f, req, 200)
	last := false
	if s := req.GetHeader("subscription-state"); s != nil {
		last = strings.HasPrefix(strings.ToLower(strings.TrimSpace(s.Value())), "terminated")
	}
	code := fragCode(string(req.Body()))
	if code >= 200 {
		last = true
	}
	if last {
		l.asked = nil
	}
	l.emit(Transferring{Leg: l.id, Code: code, Last: last})
}

// fragCode is the status of a message/sipfrag; 0: there is none.
func fragCode(body string) int {
	line, _, _ := strings.Cut(body, "\n")
	words := strings.Fields(line)
	if len(words) < 2 || !strings.HasPrefix(strings.ToUpper(words[0]), "SIP/2.0") {
		return 0
	}
	code, err := strconv.Atoi(words[1])
	if err != nil || code < 100 || code > 699 {
		return 0
	}
	return code
}
