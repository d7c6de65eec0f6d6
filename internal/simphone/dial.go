package simphone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Dial calls a number (or a URI) at the peer and returns at once; what becomes of
// it the call's Wait methods tell.
func (p *Phone) Dial(target string, opts ...Option) *Call {
	o := collect(opts)
	uri := p.uri(target)
	c := &Call{p: p, opts: o, id: randomToken() + "@" + p.local.Addr().String(), localTag: randomToken(), peer: p.cfg.Peer}
	c.target, c.remote = uri, "<"+uri+">"
	if o.uri != "" {
		c.target = o.uri
	}
	if o.toUser != "" {
		c.remote = "<" + p.uri(o.toUser) + ">"
	}
	c.local = p.callerID(o)
	p.do(func() { c.start() })
	return c
}

// callerID is the From value of a call.
func (p *Phone) callerID(o *options) string {
	uri := "sip:" + p.cfg.User + "@" + p.cfg.Domain
	switch {
	case o.anonymous:
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`
	case o.fromURI != "":
		uri = o.fromURI
	case o.from != "":
		uri = "sip:" + o.from + "@" + hostText(p.local.Addr())
	}
	if o.display != "" {
		return fmt.Sprintf("%q <%s>", o.display, uri)
	}
	return "<" + uri + ">"
}

// start sends the INVITE.
func (c *Call) start() {
	p := c.p
	p.calls = append(p.calls, c)
	if p.ctx.Err() != nil {
		c.finish(End{By: Failed, Err: ErrClosed})
		return
	}
	sess, err := p.newSession(c.opts)
	if err != nil {
		c.finish(End{By: Failed, Err: err})
		return
	}
	c.sess = sess
	c.cseq = 1
	m := c.request("INVITE", 1)
	if !c.opts.noOffer {
		c.weOffered = true
		m.setBody("application/sdp", sess.offer(&p.habits))
	}
	c.opts.apply(m)
	c.invite = m
	c.out = &exchange{req: m, to: p.cfg.Peer, call: c, onResponse: c.responded, onDone: c.finalResponse,
		onAgain: func(m *Message) { c.invite = m }}
	p.exchange(c.out)
}

// responded takes provisional responses and the 2xx after the first.
func (c *Call) responded(m *Message) {
	if m.Code >= 200 {
		c.success(m)
		return
	}
	if c.state >= Answered {
		return
	}
	if c.cancelWant && !c.cancelled { // RFC 3261 §9.1: not before a provisional response
		c.sendCancel()
	}
	if m.Code == 100 {
		return
	}
	if !c.acknowledged(m) {
		return
	}
	c.progress = append(c.progress, m)
	c.state = Ringing
	if len(m.Body) > 0 && c.weOffered && c.sess.accept(m.Body) == nil {
		c.sess.start() // early media
	}
}

// finalResponse takes the INVITE's first final response; nil: none came.
func (c *Call) finalResponse(m *Message) {
	switch {
	case m == nil:
		c.finish(End{By: Failed, Code: 408, Err: ErrTimeout})
	case m.Code < 300:
		c.success(m)
	default:
		by := Theirs
		if c.cancelled && m.Code == 487 {
			by = Ours
		}
		c.finish(End{By: by, Code: m.Code, Reason: m.Get("Reason")})
	}
}

// success takes a 2xx of the INVITE: the first, one sent again, or a fork's.
func (c *Call) success(m *Message) {
	switch tag := m.ToTag(); {
	case c.ack != nil && tag == c.remoteTag: // sent again: RFC 3261 §13.2.2.4
		if !c.p.habits.NoACK && !time.Now().Before(c.ackAt) {
			c.p.send(c.ack, c.next())
		}
	case c.ack != nil || c.confirmed: // another tag
		c.forked(m)
	case c.end != nil: // given up before
		c.forked(m)
	default:
		c.establish(m)
	}
}

// establish makes the dialog of the first 2xx and ACKs it.
func (c *Call) establish(m *Message) {
	p := c.p
	c.enter(m)
	var err error
	var answer []byte
	switch {
	case c.weOffered && len(m.Body) > 0:
		err = c.sess.accept(m.Body)
	case c.weOffered && len(c.progress) == 0:
		err = errors.New("simphone: a 2xx without an answer")
	case c.agreed:
	case !c.weOffered && len(m.Body) == 0:
		err = errors.New("simphone: a 2xx without an offer")
	case !c.weOffered:
		answer, err = c.sess.answer(&p.habits, m.Body)
	}
	if d, e := parseSDP(m.Body); e == nil {
		c.holds = append(c.holds, d.dir)
	}
	c.state = Answered
	c.ackWith(m, answer)
	switch {
	case err != nil:
		c.bye(nil)
		c.finish(End{By: Failed, Err: err})
	case c.cancelWant && !p.habits.NoByeCrossed: // the 200 crossed our CANCEL, or came before it could go: RFC 3261 §15
		c.bye(nil)
		c.finish(End{By: Ours, Code: 200})
	default:
		c.sess.start()
	}
}

// enter takes the dialog's remote half from a 2xx or a request with a Contact.
func (c *Call) enter(m *Message) {
	c.remoteTag = m.ToTag()
	if u := uriOf(m.Get("Contact")); u != "" {
		c.target = u
	}
	c.routes = m.All("Record-Route")
	slices.Reverse(c.routes) // RFC 3261 §12.1.2
}

// ackWith sends the ACK of a 2xx: its own transaction, in the dialog.
func (c *Call) ackWith(m *Message, answer []byte) {
	num, _ := m.CSeq()
	ack := c.request("ACK", num)
	if answer != nil {
		ack.setBody("application/sdp", answer)
	}
	if c.p.habits.Message != nil {
		c.p.habits.Message(ack)
	}
	c.ack = ack
	c.confirmed, c.ackAt = true, time.Now().Add(c.p.habits.ACKAfter)
	send := func() { c.p.send(c.ack, c.next()) }
	switch d := c.p.habits.ACKAfter; {
	case c.p.habits.NoACK:
	case d > 0:
		c.p.after(d, send)
	default:
		send()
	}
}

// forked ends a dialog that a further 2xx made: RFC 3261 §13.2.2.4.
func (c *Call) forked(m *Message) {
	c.forks++
	num, _ := m.CSeq()
	other := &Call{p: c.p, id: c.id, local: c.local, remote: c.remote, localTag: c.localTag, target: c.target, peer: c.peer, cseq: c.cseq}
	other.enter(m)
	c.p.send(other.request("ACK", num), other.next())
	if !c.p.habits.NoByeForked {
		other.bye(nil)
	}
}

// Cancel gives an unanswered outbound call up and blocks until it has ended. If
// the 200 crosses the CANCEL, the call is ACKed and hung up (Habits.NoByeCrossed
// leaves that out).
func (c *Call) Cancel(ctx context.Context) error {
	c.p.do(c.cancel)
	_, err := c.WaitEnded(ctx)
	return err
}

func (c *Call) cancel() {
	if c.state >= Answered || c.inbound || c.cancelWant {
		return
	}
	c.cancelWant = true
	if c.out.tx.provisional {
		c.sendCancel()
	}
}

// sendCancel writes the CANCEL of RFC 3261 §9.1: the INVITE's Via and CSeq number.
func (c *Call) sendCancel() {
	c.cancelled = true
	inv := c.out.req
	m := &Message{Method: "CANCEL", URI: inv.URI}
	m.Add("Via", inv.All("Via")[0])
	for _, r := range inv.All("Route") {
		m.Add("Route", r)
	}
	m.Add("Max-Forwards", "70")
	m.Add("From", inv.Get("From"))
	m.Add("To", inv.Get("To"))
	m.Add("Call-ID", c.id)
	m.Add("CSeq", cseq(inv)+" CANCEL")
	c.p.exchange(&exchange{req: m, to: c.out.to, call: c, onDone: func(*Message) {}})
	c.p.after(64*c.p.cfg.T1, func() { // §9.1: the INVITE's transaction is taken for ended
		if c.state < Answered {
			c.finish(End{By: Ours, Code: 487, Err: ErrTimeout})
		}
	})
}
