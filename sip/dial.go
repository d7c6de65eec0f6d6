package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// maxTries bounds the INVITEs of one Dial that answer challenges: one, and two
// for stale nonces.
const maxTries = 3

// dialState is an outbound leg until the final response.
type dialState struct {
	Dial
	to    destination
	flow  *flow
	tx    *clientTx
	proof proof         // credentials of the INVITE on its way
	ask   *sip.Response // the challenge to answer with the next one
	try   int           // INVITEs sent to this place
	next  int           // of to.places
	why   Reason        // for the CANCEL and the BYE once hung up
	end   Ended         // what Ended will say once hung up
	rang  bool          // a provisional response is in: a CANCEL may be sent
	early bool          // one that is more than 100 is in: the call has got somewhere
	told  bool          // the switchboard knows that somebody is there
	gave  bool          // CANCEL is out

	seq    uint32 // CSeq of the INVITE on its way
	raised int    // 422s obeyed
	forks  []*fork
}

// Dial starts an outbound leg. It never blocks and never fails: what became
// of it arrives as events, Ended last.
func (e *Endpoint) Dial(d Dial) *Leg {
	if d.ID == "" {
		d.ID = newLegID()
	}
	l := e.newLeg(d.ID, dialling)
	id := sip.CallIDHeader(random(22))
	l.callID = &id
	l.localTag = e.newTag()
	l.call, l.agent = &dialState{Dial: d}, d.To.Contact.account()
	if !e.legs.add(l) {
		// It must leave nothing behind: nobody would end it, nor wait for it.
		l.closed, l.phase = true, gone
		e.spawn(func() { l.end(Ended{By: Failed, Code: 503, Text: "shutting down", Err: errClosed}) })
		return l
	}
	// The INVITE leaves here, not on the leg's goroutine: those of one caller go
	// in the order of its Dials, so who waited longest is rung first. A datagram
	// does not block, and over TCP it is queued.
	l.begin()
	e.spawn(l.run)
	return l
}

// begin is startDial before the leg's goroutine runs. Nobody else has the leg
// yet; responses wait in its box. What goes wrong is told from the leg's own
// goroutine, like every event.
func (l *Leg) begin() {
	defer func() {
		if r := recover(); r != nil {
			l.e.panicked("leg", r)
			l.post(func() {
				l.crash(fmt.Errorf("panic: %v", r))
				l.phase = gone
			})
		}
	}()
	if failed := l.startDial(); failed != nil {
		l.post(func() { l.depart(*failed) })
	}
}

// startDial sends the INVITE, or says why it cannot.
func (l *Leg) startDial() *Ended {
	c := l.call
	to, err := l.e.resolve(c.To)
	if err != nil {
		code := 503
		if c.To.Contact != "" {
			code = 480
		}
		return &Ended{By: Failed, Code: code, Text: err.Error(), Err: err}
	}
	if !to.phone {
		to.uri.User = escapeUser(c.User)
	}
	c.to = to
	l.policy = l.e.policyTo(c.To)
	l.phone, l.device, l.target, l.login = to.phone, c.To.Contact, to.uri, to.login
	l.parties()
	if c.AnswerWithin > 0 {
		l.after(dueAnswer, c.AnswerWithin)
	}
	if len(to.places) > 0 {
		return l.nextPlace(&Ended{By: Failed, Code: 503, Text: "no address that we have a socket for", Err: errNoSocket})
	}
	return l.attempt()
}

// attempt sends the INVITE to where it goes now.
func (l *Leg) attempt() *Ended {
	c := l.call
	f, err := l.e.flowTo(c.to.addr, c.to.way, c.to.prefer)
	if err != nil {
		return &Ended{By: Failed, Code: 503, Text: err.Error(), Err: err}
	}
	c.flow, l.in = f, f
	l.e.befriend(f)
	l.contact = l.e.contact(f, c.to.uri.Scheme == "sips")
	return l.sendInvite()
}

// parties makes From and To.
func (l *Leg) parties() {
	c := l.call
	n := c.From
	if c.Anonymous { // RFC 3323 §4.1.1.3
		n = NameAddr{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"}
	}
	if n.Host == "" {
		n.Host = l.e.cfg.Domain
	}
	l.from = &sip.FromHeader{
		DisplayName: quotable(n.Display),
		Address:     sip.Uri{Scheme: "sip", User: escapeUser(n.User), Host: clean(n.Host)},
		Params:      sip.HeaderParams{{K: "tag", V: l.localTag}},
	}
	l.to = &sip.ToHeader{Address: sip.Uri{Scheme: c.to.uri.Scheme, User: c.to.uri.User, Host: c.to.uri.Host}}
	if l.to.Address.Scheme == "" {
		l.to.Address.Scheme = "sip"
	}
}

func (l *Leg) sendInvite() *Ended {
	c := l.call
	c.try++
	l.localSeq++
	c.seq, c.forks = l.localSeq, nil
	req := sip.NewRequest(sip.INVITE, c.to.uri)
	req.AppendHeader(l.e.via(c.flow))
	for i := range c.to.routes { // RFC 3608 §6.2: what the registrar gave us
		req.AppendHeader(&sip.RouteHeader{Address: c.to.routes[i]})
	}
	hops := maxForwards()
	if c.MaxForwards > 0 {
		*hops = sip.MaxForwardsHeader(c.MaxForwards)
	}
	req.AppendHeader(hops)
	req.AppendHeader(l.from)
	req.AppendHeader(l.to)
	req.AppendHeader(l.callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: l.localSeq, MethodName: sip.INVITE})
	l.introduce(req)
	if l.policy.prack == ReliableRequired {
		req.AppendHeader(sip.NewHeader("Require", tagReliable))
	}
	l.askTimer(req)
	req.AppendHeader(sip.NewHeader("User-Agent", product))
	l.identity(req)
	setSDP(req, c.Offer)
	if c.ask != nil {
		if err := l.login.authorise(req, c.ask, &c.proof, c.flow.remote.Addr()); err != nil {
			return &Ended{By: Theirs, Code: c.ask.StatusCode, Text: err.Error(), Err: err}
		}
		c.ask = nil
	}
	tx, err := l.send(req, c.flow)
	if err != nil {
		return &Ended{By: Failed, Code: 503, Text: "INVITE not sent", Err: err}
	}
	c.tx = tx
	l.expectProgress()
	return nil
}

func (l *Leg) dialResponse(t *clientTx, res *sip.Response) {
	switch {
	case res.StatusCode < 200:
		t.proceed(res)
		l.progressed(res)
	case res.IsSuccess():
		l.closeTx(t)
		l.accepted(res)
	default:
		t.refused(res)
		l.open--
		l.refused(res)
	}
}

func (l *Leg) progressed(res *sip.Response) {
	c := l.call
	c.rang = true
	sdp, _ := sdpOf(res)
	k := c.fork(res)
	if !l.took(k, res, sdp) {
		return
	}
	if l.phase != dialling {
		l.sendCancel(c.why) // RFC 3261 §9.1: only now may it be sent
		return
	}
	l.gotProgress(res.StatusCode)
	if res.StatusCode == 100 && c.told {
		return
	}
	c.told = true
	l.emit(Progressed{
		Leg: l.id, Code: res.StatusCode, SDP: sdp, At: time.Now(),
		Fork: tagOf(res.To().Params), Offered: k != nil && k.owed, Talks: l.knowsTalk(),
	})
	l.tryReoffer()
}

// accepted is the first 2xx. Hung up or not, it is acknowledged; hung up, it
// is then ended with a BYE.
func (l *Leg) accepted(res *sip.Response) {
	c := l.call
	l.call = nil
	l.due[dueAnswer] = time.Time{}
	l.noProgress()
	l.establish(res, c.flow)
	l.acked = l.acknowledge(c.seq, c.proof.headers)
	sdp, _ := sdpOf(res)
	if k := c.forkOf(l.remoteTag); k != nil {
		l.remoteSeq = k.remoteSeq
		if sdp == nil {
			sdp = k.sdp
		}
	}
	l.agree(c.Offer, sdp)
	l.emit(Answered{Leg: l.id, SDP: sdp, At: time.Now()})
	if l.phase == dialling {
		l.phase = up
		l.timerAnswered(res)
		l.tryReoffer()
		return
	}
	why := c.why
	if why == (Reason{}) {
		why = Reason{Cause: 487, Text: "Call ended"}
	}
	l.sendBye(why)
	l.depart(c.end)
}

// refused is a final response of 300 and above, acknowledged already.
func (l *Leg) refused(res *sip.Response) {
	c := l.call
	if l.phase != dialling {
		l.call = nil
		l.depart(c.end)
		return
	}
	if c.fails(res) {
		l.moveOn(failureOf(res), waitAsked(res))
		return
	}
	brief := res.StatusCode == 422 && c.raised < 2 && l.raise(res) // RFC 4028 §7.3
	if brief {
		c.raised++
	}
	if brief || asks(res) && l.login != nil && c.try < maxTries+c.raised {
		if !brief {
			c.ask = res
		}
		if failed := l.sendInvite(); failed != nil {
			l.depart(*failed)
		}
		return
	}
	l.call = nil
	l.noProgress()
	ev := Ended{By: Theirs, Code: res.StatusCode, Text: res.Reason, Cause: reasonOf(res)}
	if asks(res) {
		ev.Err = errRefused
	}
	l.depart(ev)
}

// dialFailure: nobody answered at all (timer B), or the transport failed. RFC
// 3261 §8.1.3.1 makes them 408 and 503.
func (l *Leg) dialFailure(err error) {
	c := l.call
	if l.phase != dialling {
		l.call = nil
		l.depart(c.end)
		return
	}
	ev := Ended{By: Failed, Code: 503, Text: "transport failed", Err: err}
	if timedOut(err) {
		ev.Code, ev.Text = 408, "no response"
	}
	if len(c.to.places) > 0 && !c.early {
		c.tx = nil
		l.moveOn(ev, 0)
		return
	}
	l.call = nil
	l.noProgress()
	l.depart(ev)
}

// timedOut: nobody answered, as opposed to a transport that failed.
func timedOut(err error) bool {
	return errors.Is(err, sip.ErrTransactionTimeout) || errors.Is(err, context.DeadlineExceeded)
}

// unanswered is AnswerWithin.
func (l *Leg) unanswered() {
	if l.phase == dialling {
		l.giveUpDialling(Ended{By: Ours, Code: 408, Text: "not answered in time"}, Reason{Cause: 408, Text: "no answer"})
	}
}

// giveUpDialling cancels the INVITE. Once it has been answered provisionally
// the leg ends with its final response: a 2xx that crosses the CANCEL is news.
// Before that, nobody may ever answer: the leg ends now, the INVITE is not
// sent again, and whatever still comes is cancelled or hung up in silence.
func (l *Leg) giveUpDialling(ev Ended, why Reason) {
	c := l.call
	c.why, c.end = why, ev
	l.due[dueAnswer] = time.Time{}
	l.noProgress()
	if c.tx == nil {
		l.call = nil
		l.depart(ev)
		return
	}
	if !c.rang {
		c.tx.quiet.Store(true)
		l.depart(ev)
		return
	}
	l.phase = cancelling
	l.sendCancel(why)
	l.after(dueLinger, giveUp) // RFC 3261 §9.1: as if cancelled after 64*T1
}

// sendCancel cancels our INVITE (RFC 3261 §9.1), once.
func (l *Leg) sendCancel(why Reason) {
	c := l.call
	if c.gave || c.tx == nil {
		return
	}
	c.gave = true
	l.cancel(c.tx, why)
}

// cancel sends the CANCEL of an INVITE.
func (l *Leg) cancel(t *clientTx, why Reason) {
	inv := t.req
	req := sip.NewRequest(sip.CANCEL, inv.Recipient)
	req.AppendHeader(inv.Via())
	for _, h := range inv.GetHeaders("route") { // RFC 3261 §9.1
		req.AppendHeader(h)
	}
	req.AppendHeader(maxForwards())
	req.AppendHeader(inv.From())
	req.AppendHeader(inv.To())
	req.AppendHeader(inv.CallID())
	req.AppendHeader(&sip.CSeqHeader{SeqNo: inv.CSeq().SeqNo, MethodName: sip.CANCEL})
	req.AppendHeader(sip.NewHeader("User-Agent", product))
	if h := why.header(); h != nil {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	_, _ = l.send(req, t.flow)
}
