package sip

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Reliable provisional responses (RFC 3262), both sides. One of ours is
// repeated until its PRACK; the next waits for it. Those of a peer are
// acknowledged in their order, each early dialog for itself (fork.go).

// provisional is a reliable 18x of ours.
type provisional struct {
	res *sip.Response
	raw []byte
	seq uint32 // RSeq
	sdp bool   // it carries a description
}

// reliability is the sending side of one INVITE.
type reliability struct {
	seq     uint32        // the last RSeq used
	out     *provisional  // on its way
	every   time.Duration // until it is repeated
	waiting []*provisional

	described bool    // a reliable 18x carries our description: nothing after it does
	agreed    bool    // and it was acknowledged: offer and answer have passed
	answer    *[]byte // the 2xx that waits for that PRACK
}

// reliably says whether a 18x is sent reliably: always to who requires it or
// where the policy does; to who supports it, when it carries a description.
func (l *Leg) reliably(sdp []byte) bool {
	switch {
	case l.policy.prack == ReliableOff || !l.can.reliable:
		return false
	case l.policy.prack == ReliableRequired || requires(l.invite.req, tagReliable):
		return true
	}
	return sdp != nil || l.rel.described
}

// sendReliable queues a 18x behind the one that waits for its PRACK (RFC 3262
// §3: the first must be acknowledged before the second; so are all of ours).
func (l *Leg) sendReliable(res *sip.Response, sdp bool) {
	r := &l.rel
	if r.seq == 0 {
		r.seq = rand.Uint32N(1<<31-2) + 1
	} else {
		r.seq++
	}
	res.AppendHeader(sip.NewHeader("Require", tagReliable))
	res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(r.seq), 10)))
	r.described = r.described || sdp
	r.waiting = append(r.waiting, &provisional{res: res, seq: r.seq, sdp: sdp})
	l.nextReliable()
}

func (l *Leg) nextReliable() {
	r := &l.rel
	if r.out != nil || len(r.waiting) == 0 || l.invite == nil {
		return
	}
	r.out, r.waiting = r.waiting[0], r.waiting[1:]
	r.out.raw = raw(r.out.res)
	l.invite.respond(r.out.res)
	r.every = t1
	l.after(dueReliable, t1)
	l.after(dueNoPrack, giveUp)
}

// repeatReliable repeats the 18x: after T1, then doubling (RFC 3262 §3).
func (l *Leg) repeatReliable() {
	r := &l.rel
	if r.out == nil || l.invite == nil {
		return
	}
	l.e.count.repeated.Add(1)
	_ = l.invite.flow.write(r.out.raw)
	r.every *= 2
	l.after(dueReliable, r.every)
}

// noPrack: RFC 3262 §3 wants the INVITE refused with a 5xx.
func (l *Leg) noPrack() {
	if l.phase != invited || l.rel.out == nil {
		return
	}
	l.refuseInvite(504, "No PRACK")
	l.depart(Ended{By: Failed, Code: 504, Text: "no PRACK"})
}

// onPrack is the PRACK of one of our 18x (RFC 3262 §3).
func (l *Leg) onPrack(req *sip.Request, f *flow, key string) {
	r := &l.rel
	out := r.out
	if out == nil || !l.inbound || !acknowledges(req, out.seq, l.first.seq) {
		l.respond(key, f, req, 481)
		return
	}
	sdp, _ := sdpOf(req)
	offer := sdp != nil && (!out.sdp || l.heard != nil)
	if offer && (!r.described || l.theirs != nil) { // nothing is agreed on yet: there is no room for another offer
		l.respond(key, f, req, 500, retryAfter())
		return
	}
	r.out = nil
	l.due[dueReliable], l.due[dueNoPrack] = time.Time{}, time.Time{}
	r.agreed = r.agreed || out.sdp
	switch {
	case offer:
		l.theirs = &theirs{update: req, flow: f, key: key}
		l.emit(Reoffered{Leg: l.id, Offer: sdp})
	default:
		l.respond(key, f, req, 200)
		if out.sdp && l.heard == nil { // our offer, its answer
			l.heard = sdp
			l.emit(Pracked{Leg: l.id, SDP: sdp})
		}
	}
	l.nextReliable()
	l.tryAnswer()
	l.tryReoffer()
}

// tryAnswer sends the 2xx that waited (RFC 3262 §3: not before the PRACK of a
// 18x that carries a description).
func (l *Leg) tryAnswer() {
	if a := l.rel.answer; a != nil && l.mayAnswer() {
		l.rel.answer = nil
		l.doAnswer(*a)
	}
}

func (l *Leg) mayAnswer() bool {
	return (!l.rel.described || l.rel.agreed) && (l.theirs == nil || l.theirs.invite != nil)
}

// stopReliable: the final response is out. A PRACK that is under way is still
// answered; what was not sent never is.
func (l *Leg) stopReliable() {
	l.rel.waiting, l.rel.answer = nil, nil
	l.due[dueReliable], l.due[dueNoPrack] = time.Time{}, time.Time{}
}

// acknowledges reads RAck: response number, CSeq number and method.
func acknowledges(req *sip.Request, rseq, cseq uint32) bool {
	h := req.GetHeader("rack")
	if h == nil {
		return false
	}
	w := strings.Fields(h.Value())
	if len(w) != 3 || w[2] != "INVITE" {
		return false
	}
	r, err1 := strconv.ParseUint(w[0], 10, 32)
	c, err2 := strconv.ParseUint(w[1], 10, 32)
	return err1 == nil && err2 == nil && uint32(r) == rseq && uint32(c) == cseq
}

// rseqOf is the RSeq of a reliable 18x; 0: it is not one.
func rseqOf(res *sip.Response) uint32 {
	h := res.GetHeader("rseq")
	if h == nil || res.StatusCode <= 100 || !requires(res, tagReliable) {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Value()), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// acknowledgeReliable sends the PRACK of a fork's 18x; sdp is the answer to the
// offer that it carried.
func (l *Leg) acknowledgeReliable(k *fork, sdp []byte) {
	l.within(k, func() {
		req, f := l.request(sip.PRACK)
		req.AppendHeader(sip.NewHeader("RAck", strconv.FormatUint(uint64(k.rseq), 10)+" "+strconv.FormatUint(uint64(l.call.seq), 10)+" INVITE"))
		setSDP(req, sdp)
		_, _ = l.send(req, f)
	})
}

// retryAfter is when an offer that came at the wrong time may come again (RFC
// 3311 §5.2: 0 to 10 s at random).
func retryAfter() sip.Header {
	return sip.NewHeader("Retry-After", strconv.Itoa(1+rand.IntN(10)))
}
