package sip

import (
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"
)

// reoffer is our re-INVITE on its way.
type reoffer struct {
	tx    *clientTx
	offer []byte
	auth  sip.Header    // its credentials
	ask   *sip.Response // the challenge to answer with the next one
	try   int           // INVITEs sent
}

// theirs is the peer's offer, until the switchboard has answered it.
type theirs struct {
	invite *inviteTx // a re-INVITE, or
	update *sip.Request
	flow   *flow
	key    string
}

func (t *theirs) request() *sip.Request {
	if t.invite != nil {
		return t.invite.req
	}
	return t.update
}

func (l *Leg) doReoffer(sdp []byte) {
	switch l.phase {
	case answered, up:
		l.queue = append(l.queue, sdp)
		l.tryReoffer()
	}
}

// tryReoffer sends the next offer when nothing is in its way: RFC 3261 §14.1
// allows one INVITE at a time in a dialog, RFC 3264 §4 one offer.
func (l *Leg) tryReoffer() {
	if l.phase != up || len(l.queue) == 0 || l.ours != nil || l.theirs != nil || l.final != nil || !l.due[dueGlare].IsZero() {
		return
	}
	l.ours = &reoffer{offer: l.queue[0]}
	l.queue = l.queue[1:]
	l.sendReoffer()
}

func (l *Leg) sendReoffer() {
	o := l.ours
	o.try++
	req, f := l.request(sip.INVITE)
	req.AppendHeader(l.contact)
	req.AppendHeader(sip.NewHeader("Allow", allow))
	setSDP(req, o.offer)
	if o.ask != nil {
		h, err := l.login.authorise(req, o.ask, o.auth != nil)
		if err != nil {
			l.ours = nil
			l.emit(ReofferDone{Leg: l.id, Code: o.ask.StatusCode})
			l.tryReoffer()
			return
		}
		o.auth, o.ask = h, nil
	}
	t, err := l.send(req, f)
	if err != nil {
		l.reofferFailure(err)
		return
	}
	o.tx = t
}

func (l *Leg) reofferResponse(t *clientTx, res *sip.Response) {
	if res.StatusCode < 200 {
		t.proceed(res)
		return
	}
	o := l.ours
	l.ours = nil
	if res.IsSuccess() {
		l.closeTx(t)
		l.refresh(res.Contact())
		l.acked = l.acknowledge(t.req.CSeq().SeqNo, o.auth)
		sdp, _ := sdpOf(res)
		l.emit(ReofferDone{Leg: l.id, Code: res.StatusCode, SDP: sdp})
		l.tryReoffer()
		return
	}
	t.refused(res)
	l.open--
	if l.phase != up {
		return
	}
	switch code := res.StatusCode; {
	case code == 491: // RFC 3261 §14.1
		l.queue = append([][]byte{o.offer}, l.queue...)
		l.after(dueGlare, glare(!l.inbound))
	case asks(res) && l.login != nil && o.try < maxTries:
		o.ask = res
		l.ours = o
		l.sendReoffer()
	case code == 481 || code == 408: // RFC 3261 §12.2.1.2: the dialog is no more
		l.emit(ReofferDone{Leg: l.id, Code: code})
		l.sendBye(Reason{Cause: code, Text: phrase(code)})
		l.depart(Ended{By: Failed, Code: code, Text: "re-INVITE: " + phrase(code), Cause: reasonOf(res)})
	default:
		l.emit(ReofferDone{Leg: l.id, Code: code})
		l.tryReoffer()
	}
}

func (l *Leg) reofferFailure(err error) {
	l.ours = nil
	if l.phase != up {
		return
	}
	l.emit(ReofferDone{Leg: l.id, Code: 408})
	l.sendBye(Reason{Cause: 408, Text: "re-INVITE unanswered"})
	l.depart(Ended{By: Failed, Code: 408, Text: "re-INVITE unanswered", Err: err})
}

// glare is how long to wait after a 491: 2.1 to 4 s for who made the Call-ID,
// 0 to 2 s for the other, in steps of 10 ms.
func glare(owner bool) time.Duration {
	if owner {
		return 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	return time.Duration(rand.IntN(201)) * 10 * time.Millisecond
}

// onReinvite is the peer's INVITE inside the dialog.
func (l *Leg) onReinvite(i *inviteTx) {
	req := i.req
	refuse := func(code int, more ...sip.Header) {
		i.respond(l.e.makeReply(req, code, phrase(code), more...))
	}
	retry := sip.NewHeader("Retry-After", "2")
	switch {
	case l.phase == gone, l.phase == leaving, tagOf(req.From().Params) != l.remoteTag:
		refuse(481)
		return
	case l.phase == invited, l.phase == dialling, l.phase == cancelling: // RFC 3261 §14.2
		refuse(500, retry)
		return
	case l.final != nil: // it overtook the ACK
		l.held = append(l.held, func() { l.onReinvite(i) })
		return
	case l.remoteSeq != 0 && req.CSeq().SeqNo <= l.remoteSeq:
		refuse(500)
		return
	case l.ours != nil:
		l.remoteSeq = req.CSeq().SeqNo
		refuse(491)
		return
	case l.theirs != nil:
		l.remoteSeq = req.CSeq().SeqNo
		refuse(500, retry)
		return
	}
	l.remoteSeq = req.CSeq().SeqNo
	l.theirs = &theirs{invite: i, flow: i.flow}
	offer, _ := sdpOf(req)
	l.emit(Reoffered{Leg: l.id, Offer: offer})
}

// onUpdate is the peer's UPDATE (RFC 3311 §5.2): without a description it only
// refreshes the target.
func (l *Leg) onUpdate(req *sip.Request, f *flow, key string) {
	offer, _ := sdpOf(req)
	switch {
	case l.phase != up && l.phase != answered:
		if l.phase == leaving {
			l.respond(key, f, req, 481)
			return
		}
		l.respond(key, f, req, 500, sip.NewHeader("Retry-After", "2"))
	case offer == nil:
		l.refresh(req.Contact())
		l.respond(key, f, req, 200, l.contact, sip.NewHeader("Allow", allow))
	case l.ours != nil:
		l.respond(key, f, req, 491)
	case l.theirs != nil || l.phase == answered:
		l.respond(key, f, req, 500, sip.NewHeader("Retry-After", "2"))
	default:
		l.theirs = &theirs{update: req, flow: f, key: key}
		l.emit(Reoffered{Leg: l.id, Offer: offer})
	}
}

func (l *Leg) doAnswerReoffer(sdp []byte) {
	t := l.theirs
	if t == nil {
		return
	}
	l.theirs = nil
	l.refresh(t.request().Contact())
	l.follow(&flow{udp: t.flow.udp, tcp: t.flow.tcp, remote: t.flow.source, source: t.flow.source})
	if t.invite != nil {
		l.accept(t.invite, sdp, false)
		return
	}
	res := l.e.makeReply(t.update, 200, "OK", l.contact, sip.NewHeader("Allow", allow))
	setSDP(res, sdp)
	l.e.answer(t.key, t.flow, res)
	l.tryReoffer()
}

func (l *Leg) doRejectReoffer(code int) {
	if code < 300 || code > 699 {
		code = 488
	}
	l.refuseTheirs(code)
	l.tryReoffer()
}

// refuseTheirs answers the peer's pending offer, if there is one.
func (l *Leg) refuseTheirs(code int) {
	t := l.theirs
	if t == nil {
		return
	}
	l.theirs = nil
	res := l.e.makeReply(t.request(), code, phrase(code))
	if t.invite != nil {
		t.invite.respond(res)
		return
	}
	l.e.answer(t.key, t.flow, res)
}
