package sip

import (
	"bytes"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"
)

// reoffer is our re-INVITE or UPDATE on its way.
type reoffer struct {
	tx      *clientTx
	offer   []byte
	update  bool // an UPDATE: a refresh without an offer, or an offer in an early dialog
	refresh bool // of the session: nobody asked for it
	fork    *fork
	proof   proof         // its credentials
	ask     *sip.Response // the challenge to answer with the next one
	try     int           // requests sent
	raised  bool          // a 422 was obeyed
}

// offering: an offer of ours has no answer yet.
func (l *Leg) offering() bool { return l.ours != nil && !(l.ours.update && l.ours.offer == nil) }

// theirs is the peer's offer, until the switchboard has answered it.
type theirs struct {
	invite *inviteTx    // a re-INVITE, or
	update *sip.Request // an UPDATE, or a PRACK
	fork   *fork        // whose early dialog it is in; nil: ours
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
	case invited, dialling, answered, up:
		l.queue = append(l.queue, sdp)
		l.tryReoffer()
	}
}

// tryReoffer sends the next offer when nothing is in its way: RFC 3261 §14.1
// allows one INVITE at a time in a dialog, RFC 3264 §4 one offer. Before the
// answer it is an UPDATE, once a first offer has been answered reliably and if
// the peer allows it (RFC 3311 §5.1); else it waits for the answer.
func (l *Leg) tryReoffer() {
	if len(l.queue) == 0 || l.ours != nil || l.theirs != nil || l.final != nil || !l.due[dueGlare].IsZero() {
		return
	}
	o := &reoffer{offer: l.queue[0]}
	switch l.phase {
	case up:
	case invited:
		o.update = l.rel.agreed && l.can.update
	case dialling:
		o.fork = l.call.settledFork()
		o.update = o.fork != nil && l.can.update
	}
	if l.phase != up && !o.update {
		return
	}
	l.ours = o
	l.queue = l.queue[1:]
	l.sendReoffer()
}

func (l *Leg) sendReoffer() {
	o := l.ours
	o.try++
	var req *sip.Request
	var f *flow
	l.within(o.fork, func() {
		if req, f = l.request(sip.INVITE); o.update {
			req.Method = sip.UPDATE
			req.CSeq().MethodName = sip.UPDATE
		}
	})
	l.introduce(req)
	if l.phase == up {
		l.askTimer(req)
	}
	setSDP(req, o.offer)
	if o.ask != nil {
		if err := l.login.authorise(req, o.ask, &o.proof, f.remote.Addr()); err != nil {
			l.ours = nil
			l.reofferDone(o, o.ask.StatusCode)
			return
		}
		o.ask = nil
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
		l.reofferTaken(o, t, res)
		return
	}
	if o.update {
		l.closeTx(t)
	} else {
		t.refused(res)
		l.open--
	}
	if l.phase > up || l.phase == cancelling {
		return
	}
	switch code := res.StatusCode; {
	case code == 422 && !o.raised && l.raise(res): // RFC 4028 §7.3
		o.raised = true
		l.ours = o
		l.sendReoffer()
	case o.refresh && code == 491:
		l.after(dueRefresh, glare(!l.inbound))
	case code == 491: // RFC 3261 §14.1
		l.queue = append([][]byte{o.offer}, l.queue...)
		l.after(dueGlare, glare(!l.inbound))
	case asks(res) && l.login != nil && o.try < maxTries:
		o.ask = res
		l.ours = o
		l.sendReoffer()
	case (code == 481 || code == 408) && l.phase == up: // RFC 3261 §12.2.1.2: the dialog is no more
		l.reofferDone(o, code)
		l.sendBye(Reason{Cause: code, Text: phrase(code)})
		l.depart(Ended{By: Failed, Code: code, Text: o.name() + ": " + phrase(code), Cause: reasonOf(res)})
	case o.refresh:
		l.refreshRefused(o, code)
		l.tryReoffer()
	default:
		l.reofferDone(o, code)
	}
}

// reofferTaken is the 2xx to our re-INVITE or UPDATE.
func (l *Leg) reofferTaken(o *reoffer, t *clientTx, res *sip.Response) {
	if o.fork != nil && l.phase == dialling {
		o.fork.refresh(res.Contact())
	} else {
		l.refresh(res.Contact())
	}
	if !o.update {
		l.acked = l.acknowledge(t.req.CSeq().SeqNo, o.proof.headers)
	}
	if l.phase == up {
		l.timerAnswered(res)
	}
	sdp, _ := sdpOf(res)
	moved := sdp != nil && !bytes.Equal(sdp, l.heard)
	if o.offer != nil {
		l.agree(o.offer, sdp)
	}
	switch {
	case !o.refresh:
		l.emit(ReofferDone{Leg: l.id, Code: res.StatusCode, SDP: sdp})
	case moved && o.offer != nil:
		l.emit(Refreshed{Leg: l.id, SDP: sdp})
	}
	l.tryReoffer()
}

// reofferDone tells of an offer that was refused; the next may go.
func (l *Leg) reofferDone(o *reoffer, code int) {
	if !o.refresh {
		l.emit(ReofferDone{Leg: l.id, Code: code})
	}
	l.tryReoffer()
}

func (o *reoffer) name() string {
	switch {
	case o.refresh:
		return "refresh"
	case o.update:
		return "UPDATE"
	}
	return "re-INVITE"
}

// reofferFailure: no response at all, or the transport failed. A refresh that
// could not be sent ends nothing: RFC 3261 §8.1.3.1 makes that a 503.
func (l *Leg) reofferFailure(err error) {
	o := l.ours
	l.ours = nil
	switch {
	case l.phase != up:
		return
	case o.refresh && !timedOut(err):
		l.refreshRefused(o, 503)
		return
	}
	l.reofferDone(o, 408)
	l.sendBye(Reason{Cause: 408, Text: o.name() + " unanswered"})
	l.depart(Ended{By: Failed, Code: 408, Text: o.name() + " unanswered", Err: err})
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
	l.can.learn(req)
	switch {
	case l.phase == gone, l.phase == leaving, tagOf(req.From().Params) != l.remoteTag:
		refuse(481)
		return
	case l.phase == invited, l.phase == dialling, l.phase == cancelling: // RFC 3261 §14.2
		refuse(500, retryAfter())
		return
	case l.final != nil: // it overtook the ACK
		l.held = append(l.held, func() { l.onReinvite(i) })
		return
	case l.remoteSeq != 0 && req.CSeq().SeqNo <= l.remoteSeq:
		refuse(500)
		return
	}
	l.remoteSeq = req.CSeq().SeqNo
	switch {
	case l.offering():
		refuse(491)
		return
	case l.theirs != nil:
		refuse(500, retryAfter())
		return
	}
	if code, cure := l.policy.refusal(req, l.can, true); code != 0 {
		refuse(code, cure)
		return
	}
	l.theirs = &theirs{invite: i, flow: i.flow}
	offer, _ := sdpOf(req)
	l.emit(Reoffered{Leg: l.id, Offer: offer})
}

// onUpdate is the peer's UPDATE (RFC 3311 §5.2), before or after the answer:
// without a description it only refreshes target and timer. k is its early
// dialog of our INVITE.
func (l *Leg) onUpdate(req *sip.Request, f *flow, key string, k *fork) {
	offer, _ := sdpOf(req)
	if code, cure := l.policy.refusal(req, l.can, true); code != 0 {
		l.respond(key, f, req, code, cure)
		return
	}
	switch {
	case l.phase == leaving || l.phase == cancelling:
		l.respond(key, f, req, 481)
	case offer == nil:
		l.updated(req, f, key, k, nil)
	case l.offering(), k != nil && !k.settled, l.final != nil && l.final.offers, l.rel.described && !l.rel.agreed && l.heard == nil:
		l.respond(key, f, req, 491) // our offer has no answer yet
	case l.theirs != nil, l.phase == answered, l.phase == invited && !l.rel.agreed:
		l.respond(key, f, req, 500, retryAfter()) // theirs has none
	default:
		l.theirs = &theirs{update: req, flow: f, key: key, fork: k}
		l.emit(Reoffered{Leg: l.id, Offer: offer})
	}
}

// updated answers an UPDATE or PRACK with 200.
func (l *Leg) updated(req *sip.Request, f *flow, key string, k *fork, sdp []byte) {
	if req.Method == sip.PRACK { // it refreshes nothing
		res := l.e.makeReply(req, 200, "OK")
		setSDP(res, sdp)
		l.e.answer(key, f, res)
		return
	}
	if k != nil {
		k.refresh(req.Contact())
	} else {
		l.refresh(req.Contact())
	}
	var timer []sip.Header
	if l.phase == up || l.phase == answered {
		timer = l.grantTimer(req)
	}
	res := l.e.makeReply(req, 200, "OK", timer...)
	l.introduce(res)
	setSDP(res, sdp)
	l.e.answer(key, f, res)
}

func (l *Leg) doAnswerReoffer(sdp []byte) {
	t := l.theirs
	if t == nil {
		l.answerFork(sdp)
		return
	}
	l.theirs = nil
	if t.invite != nil {
		l.refresh(t.request().Contact())
	}
	l.follow(&flow{udp: t.flow.udp, tcp: t.flow.tcp, remote: t.flow.source, source: t.flow.source})
	if t.invite != nil {
		l.accept(t.invite, sdp, false)
		return
	}
	offer, _ := sdpOf(t.update)
	l.agree(sdp, offer)
	l.updated(t.update, t.flow, t.key, t.fork, sdp)
	l.tryAnswer()
	l.tryReoffer()
}

func (l *Leg) doRejectReoffer(code int) {
	if code < 300 || code > 699 {
		code = 488
	}
	l.refuseTheirs(code)
	l.tryAnswer()
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
