package sip

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// final is a 2xx of ours that waits for its ACK.
type final struct {
	sent
	wait  time.Duration // until the next repetition
	first bool          // of the first INVITE, not of a re-INVITE

	offers bool // it carries our offer, the ACK its answer
}

// earlyEvery is the time between two 18x of a call that goes on ringing.
const earlyEvery = time.Minute

func (l *Leg) doProgress(code int, sdp []byte) {
	if l.phase != invited || code <= 100 || code > 199 {
		return
	}
	reliable := l.reliably(sdp)
	if l.rel.described { // it is agreed on, or on its way: RFC 3261 §13.2.1
		sdp = nil
	}
	if reliable && sdp == nil && l.heard == nil && !l.rel.described {
		return // RFC 3262 §5: the first reliable one must carry an offer, and there is none
	}
	res := l.e.makeReply(l.invite.req, code, phrase(code))
	l.introduce(res)
	setSDP(res, sdp)
	if sdp != nil {
		l.said = sdp
	}
	l.early = earlyResponse{code, sdp}
	l.after(dueEarly, earlyEvery)
	if reliable {
		l.sendReliable(res, sdp != nil)
		return
	}
	l.invite.respond(res)
}

// earlyResponse is the last 18x to an INVITE; code 0: none.
type earlyResponse struct {
	code int
	sdp  []byte
}

// stillEarly sends the last 18x again: proxies give up an INVITE that hears
// nothing for three minutes, and any of the repetitions may be lost (RFC 3261
// §13.3.1.1).
func (l *Leg) stillEarly() {
	if l.early.code != 0 {
		l.doProgress(l.early.code, l.early.sdp)
	}
}

func (l *Leg) doAnswer(sdp []byte) {
	if l.phase != invited {
		return
	}
	if !l.mayAnswer() {
		l.rel.answer = &sdp
		return
	}
	if l.rel.described {
		sdp = nil
	}
	l.phase = answered
	l.accept(l.invite, sdp, true)
	l.noInvite()
}

func (l *Leg) doReject(code int, reason string) {
	if l.phase != invited {
		return
	}
	if code < 300 || code > 699 {
		code = 480
	}
	l.refuseInvite(code, reason)
	l.depart(Ended{By: Ours, Code: code, Text: reason})
}

func (l *Leg) refuseInvite(code int, reason string, more ...sip.Header) {
	if reason == "" {
		reason = phrase(code)
	}
	if code == 503 {
		more = append(more, sip.NewHeader("Retry-After", "30"))
	}
	l.invite.respond(l.e.makeReply(l.invite.req, code, clean(reason), more...))
	l.noInvite()
}

// noInvite: the final response is out.
func (l *Leg) noInvite() {
	l.invite, l.early = nil, earlyResponse{}
	l.stopReliable()
	l.due[dueEarly] = time.Time{}
}

// accept sends 200 to an INVITE or re-INVITE and sees to its repetition.
func (l *Leg) accept(i *inviteTx, sdp []byte, first bool) {
	res := l.e.makeReply(i.req, 200, "OK", l.grantTimer(i.req)...)
	l.introduce(res)
	setSDP(res, sdp)
	offer, _ := sdpOf(i.req)
	l.agree(sdp, offer)
	l.final = &final{
		sent: sent{seq: i.req.CSeq().SeqNo, raw: i.accept(res), flow: i.flow}, wait: t1, first: first,
		offers: offer == nil && sdp != nil,
	}
	l.after(dueRepeat, t1)
	l.after(dueNoACK, giveUp)
}

// agree notes the descriptions in force; nil leaves the one before.
func (l *Leg) agree(said, heard []byte) {
	if said != nil {
		l.said = said
	}
	if heard != nil {
		l.heard = heard
	}
}

// repeat sends the 2xx again: after T1, doubling up to T2 (RFC 3261
// §13.3.1.4), on any transport. Scar: sipgo takes max(2*T1, T2) from the
// second on.
func (l *Leg) repeat() {
	f := l.final
	if f == nil {
		return
	}
	l.e.count.repeated.Add(1)
	_ = f.flow.write(f.raw)
	f.wait = min(2*f.wait, t2)
	l.after(dueRepeat, f.wait)
}

// noAck ends a leg whose 2xx was never acknowledged: RFC 3261 §13.3.1.4 wants
// a BYE. Scar: sipgo returns and leaves the dialog up for ever.
func (l *Leg) noAck() {
	if l.final == nil {
		return
	}
	l.confirm()
	why := Reason{Cause: 408, Text: "no ACK"}
	if l.bye != nil {
		why = *l.bye
	}
	l.bye = nil
	l.sendBye(why)
	l.depart(Ended{By: Failed, Code: 408, Text: "no ACK"})
}

// confirm forgets the 2xx: it is acknowledged, or will never be.
func (l *Leg) confirm() {
	l.final = nil
	l.due[dueRepeat], l.due[dueNoACK] = time.Time{}, time.Time{}
}

func (l *Leg) onAck(req *sip.Request, f *flow) {
	if l.final == nil || req.CSeq().SeqNo != l.final.seq || tagOf(req.From().Params) != l.remoteTag {
		return
	}
	first := l.final.first
	l.confirm()
	sdp, _ := sdpOf(req)
	l.agree(nil, sdp)
	if first {
		l.emit(Confirmed{Leg: l.id, SDP: sdp})
	} else {
		l.emit(Reconfirmed{Leg: l.id, SDP: sdp})
	}
	if l.phase == answered {
		l.phase = up
	}
	l.follow(f)
	if why := l.bye; why != nil {
		l.bye = nil
		l.sendBye(*why)
		l.settle()
	}
	l.release()
	l.releaseBye()
	l.tryReoffer()
}

// release handles the re-INVITEs that were held for the ACK.
func (l *Leg) release() {
	held := l.held
	l.held = nil
	for _, f := range held {
		f()
	}
}

// onCancel is the caller giving up. If the 200 is out already it has no effect
// (RFC 3261 §9.2) and the caller will send ACK and BYE.
func (l *Leg) onCancel(i *inviteTx, cause Reason) {
	switch {
	case l.phase == invited && i == l.invite:
		l.refuseInvite(487, "")
		l.depart(Ended{By: Theirs, Code: 487, Text: phrase(487), Cause: cause})
	case l.theirs != nil && i == l.theirs.invite:
		l.theirs = nil
		i.respond(l.e.makeReply(i.req, 487, phrase(487)))
		l.tryReoffer()
	}
}

// phrase is the standard reason phrase of a code.
func phrase(code int) string {
	if s, ok := phrases[code]; ok {
		return s
	}
	switch {
	case code < 200:
		return "Session Progress"
	case code < 300:
		return "OK"
	}
	return "Refused"
}

var phrases = map[int]string{
	202: "Accepted",
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 408: "Request Timeout", 410: "Gone", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
	486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Server Time-out", 505: "Version Not Supported", 600: "Busy Everywhere", 603: "Decline",
	604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}
