package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// doHangup knows what ending means in each phase.
func (l *Leg) doHangup(code int, why Reason) {
	switch l.phase {
	case invited:
		if code < 300 || code > 699 {
			code = 480
		}
		h := why.header()
		if h != nil {
			l.refuseInvite(code, "", h)
		} else {
			l.refuseInvite(code, "")
		}
		l.depart(Ended{By: Ours, Code: code, Text: phrase(code)})
	case dialling:
		l.giveUpDialling(Ended{By: Ours, Code: 487, Text: phrase(487)}, why)
	case answered:
		// RFC 3261 §15: no BYE before the ACK, or before 64*T1 without one.
		l.bye = &why
		l.depart(Ended{By: Ours})
	case up:
		if l.final != nil { // of a re-INVITE
			l.bye = &why
		} else {
			l.sendBye(why)
		}
		l.depart(Ended{By: Ours})
	}
}

// sendBye sends the BYE; its transaction goes on without the switchboard.
func (l *Leg) sendBye(why Reason) {
	req, f := l.request(sip.BYE)
	if h := why.header(); h != nil {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	if _, err := l.send(req, f); err != nil {
		l.e.grumble.say("BYE not sent", "leg", string(l.id), "addr", f.remote.String(), "err", err)
	}
}

// byeResponse is the final response to a BYE or PRACK (or CANCEL); a challenge
// is answered once.
func (l *Leg) byeResponse(t *clientTx, res *sip.Response) {
	if t.req.Method != sip.BYE && t.req.Method != sip.PRACK && t.req.Method != sip.INFO || !asks(res) || l.login == nil {
		return
	}
	if t.req.GetHeader("authorization") != nil || t.req.GetHeader("proxy-authorization") != nil {
		return
	}
	req, f := l.request(t.req.Method)
	req.Recipient = t.req.Recipient // of a PRACK: its early dialog's
	req.ReplaceHeader(t.req.To())
	if err := l.login.authorise(req, res, new(proof), f.remote.Addr()); err != nil {
		return
	}
	for _, name := range []string{"reason", "rack", "content-type"} {
		for _, h := range t.req.GetHeaders(name) {
			req.AppendHeader(h)
		}
	}
	req.SetBody(t.req.Body())
	_, _ = l.send(req, f)
}

// onRequest is a request inside the dialog, other than INVITE and ACK.
func (l *Leg) onRequest(req *sip.Request, f *flow, key string) {
	early := l.phase == dialling || l.phase == cancelling
	last := &l.remoteSeq
	var k *fork
	if early && l.call != nil {
		if k = l.call.forkOf(tagOf(req.From().Params)); k != nil {
			last = &k.remoteSeq
		}
	}
	switch seq := req.CSeq().SeqNo; {
	case l.phase == gone, early && k == nil, l.remoteTag != "" && tagOf(req.From().Params) != l.remoteTag:
		l.respond(key, f, req, 481)
		return
	case *last != 0 && seq <= *last: // RFC 3261 §12.2.2
		l.respond(key, f, req, 500)
		return
	default:
		*last = seq
	}
	l.can.learn(req)
	if !early {
		l.follow(&flow{udp: f.udp, tcp: f.tcp, remote: f.source, source: f.source})
	}
	if l.listens {
		l.onListened(req, f, key)
		return
	}
	switch req.Method {
	case sip.BYE:
		l.onBye(req, f, key)
	case sip.INFO:
		l.respond(key, f, req, 200)
		ct := ""
		if h := req.ContentType(); h != nil {
			ct = h.Value()
		}
		l.emit(Info{Leg: l.id, ContentType: ct, Body: req.Body()})
	case sip.UPDATE:
		l.onUpdate(req, f, key, k)
	case sip.OPTIONS:
		l.e.answer(key, f, l.e.able(req, l.policy))
	case sip.PRACK:
		l.onPrack(req, f, key)
	case sip.REFER:
		l.onRefer(req, f, key)
	case sip.NOTIFY:
		l.onNotify(req, f, key)
	case sip.SUBSCRIBE, sip.MESSAGE, sip.PUBLISH, sip.REGISTER:
		l.respond(key, f, req, 405)
	default:
		l.respond(key, f, req, 501)
	}
}

func (l *Leg) respond(key string, f *flow, req *sip.Request, code int, more ...sip.Header) {
	l.e.answer(key, f, l.e.makeReply(req, code, phrase(code), more...))
}

// onBye ends the leg at the peer's wish, in whatever phase; also when our own
// BYE is on its way. One that overtook its ACK waits a little, so that
// Confirmed comes first.
func (l *Leg) onBye(req *sip.Request, f *flow, key string) {
	switch l.phase {
	case dialling, cancelling:
		l.respond(key, f, req, 481) // RFC 3261 §15: a callee has no BYE before its 2xx
		return
	case answered:
		if l.heldBye == nil && l.final != nil {
			l.heldBye = func() { l.onBye(req, f, key) }
			l.after(dueBye, t1)
			return
		}
	case invited:
		l.refuseInvite(487, "")
	}
	l.respond(key, f, req, 200)
	l.confirm()
	l.bye = nil
	l.depart(Ended{By: Theirs, Cause: reasonOf(req)})
}

// releaseBye handles the BYE that was held.
func (l *Leg) releaseBye() {
	f := l.heldBye
	if f == nil {
		return
	}
	l.heldBye, l.due[dueBye] = nil, time.Time{}
	l.confirm() // its sender has the 2xx
	f()
}
