package simphone

import (
	"fmt"
	"slices"
	"time"
)

// inviteArrived makes a Call of an INVITE outside a dialog.
func (p *Phone) inviteArrived(t *serverTx) {
	m := t.req
	num, _ := m.CSeq()
	c := &Call{p: p, inbound: true, id: m.Get("Call-ID"), in: t, invite: m, peer: m.Peer, remoteCSeq: num,
		local: m.Get("To"), remote: withoutTag(m.Get("From")), localTag: randomToken(), remoteTag: m.FromTag(),
		target: uriOf(m.Get("Contact")), routes: m.All("Record-Route"), cseq: 100}
	t.call = c
	p.calls = append(p.calls, c)
	p.arrived = append(p.arrived, c)
	if !p.habits.NoTrying {
		t.respond(m.reply(100, "", ""))
	}
	if d, err := parseSDP(m.Body); err == nil {
		c.holds = append(c.holds, d.dir)
	}
	if len(p.scripts) == 0 {
		return
	}
	script := p.scripts[0]
	if len(p.scripts) > 1 {
		p.scripts = p.scripts[1:]
	}
	c.play(script.steps)
}

// withoutTag cuts the tag parameter off a From or To value.
func withoutTag(v string) string {
	tag := param(v, "tag")
	if tag == "" {
		return v
	}
	for _, s := range []string{";tag=" + tag, "; tag=" + tag} {
		if before, after, ok := cutLast(v, s); ok {
			return before + after
		}
	}
	return v
}

func cutLast(s, sep string) (before, after string, ok bool) {
	for i := len(s) - len(sep); i >= 0; i-- {
		if s[i:i+len(sep)] == sep {
			return s[:i], s[i+len(sep):], true
		}
	}
	return s, "", false
}

// Ring sends a provisional response without sound: 180, or another.
func (c *Call) Ring(code int) { c.p.do(func() { c.ring(code) }) }

func (c *Call) ring(code int) {
	if c.state < Answered {
		c.provisional(code, nil)
	}
}

func (c *Call) provisional(code int, sdp []byte) {
	r := c.in.req.reply(code, "", c.localTag)
	r.Add("Contact", "<"+c.p.cfg.Contact+">")
	if sdp != nil {
		r.setBody("application/sdp", sdp)
	}
	if c.reliably && (listed(c.in.req, "Supported", "100rel") || listed(c.in.req, "Require", "100rel")) {
		c.sendReliably(r, sdp != nil)
	}
	c.sendResponse(c.in, r)
	c.progress = append(c.progress, r)
	c.state = Ringing
}

// Early sends a 183 with a description and lets the phone's tone be heard before
// the answer.
func (c *Call) Early() { c.p.do(c.early) }

func (c *Call) early() {
	if c.state >= Answered {
		return
	}
	sdp, ok := c.respondSDP()
	if !ok {
		return
	}
	c.provisional(183, sdp)
	c.sess.start()
}

// respondSDP is the description of a 183 or 200: the answer to the INVITE's offer,
// or our offer where it had none. It refuses the call if that cannot be.
func (c *Call) respondSDP() ([]byte, bool) {
	if c.sess == nil {
		sess, err := c.p.newSession(nil)
		if err != nil {
			c.decline(500)
			return nil, false
		}
		c.sess = sess
	}
	if len(c.in.req.Body) == 0 {
		c.weOffered = true
		return c.sess.offer(&c.p.habits), true
	}
	sdp, err := c.sess.answer(&c.p.habits, c.in.req.Body)
	if err != nil {
		c.decline(488)
		return nil, false
	}
	return sdp, true
}

// Answer sends the 200; it is repeated until the ACK (RFC 3261 §13.3.1.4), and
// without one for 64*T1 the call is hung up.
func (c *Call) Answer() { c.p.do(c.answer) }

func (c *Call) answer() {
	if c.state >= Answered {
		return
	}
	if c.rel != nil && c.rel.sdp { // RFC 3262 §3: not before its PRACK
		c.answerWant = true
		return
	}
	sdp, ok := c.respondSDP()
	if !ok {
		return
	}
	c.state = Answered
	c.accepted(c.in, sdp, true)
	c.sess.start()
}

// accepted sends a 2xx to an INVITE and repeats it until its ACK.
func (c *Call) accepted(t *serverTx, sdp []byte, transaction bool) {
	r := t.req.reply(200, "", c.localTag)
	r.Add("Contact", "<"+c.p.cfg.Contact+">")
	r.Add("Allow", allow)
	r.setBody("application/sdp", sdp)
	c.ok2xx = r
	num, _ := t.req.CSeq()
	if transaction {
		c.sendResponse(t, r)
	} else {
		c.p.send(r, replyAddr(t.req)) // a fork: the transaction has its final response
	}
	if !c.p.habits.NoRetransmit {
		c.repeatOK(t, r, c.p.cfg.T1)
	}
	c.p.after(64*c.p.cfg.T1, func() {
		if c.ackedSeq >= num || c.end != nil {
			return
		}
		c.repeat.stop()
		c.bye(nil)
		c.finish(End{By: Failed, Err: fmt.Errorf("%w: no ACK", ErrTimeout)})
	})
}

func (c *Call) repeatOK(t *serverTx, r *Message, d time.Duration) {
	num, _ := t.req.CSeq()
	c.repeat = c.p.after(d, func() {
		if c.ackedSeq < num && c.end == nil {
			c.p.send(r, replyAddr(t.req))
			c.repeatOK(t, r, min(2*d, c.p.cfg.T2))
		}
	})
}

// Fork answers the INVITE twice, with two To tags, as behind a forking proxy; the
// second dialog is Twin.
func (c *Call) Fork() { c.p.do(c.fork) }

func (c *Call) fork() {
	c.answer()
	if c.state != Answered || c.twin != nil {
		return
	}
	t := *c
	t.localTag, t.sess, t.twin, t.repeat, t.ok2xx = randomToken(), nil, nil, nil, nil
	t.progress, t.holds, t.routes = slices.Clone(c.progress), slices.Clone(c.holds), slices.Clone(c.routes)
	c.twin = &t
	c.p.calls = append(c.p.calls, &t)
	if sdp, ok := t.respondSDP(); ok {
		t.accepted(t.in, sdp, false)
		t.sess.start()
	}
}

// EarlyFork sends a 183 of another phone behind a forking proxy: with a To tag,
// a description and a tone of its own. Its call is Twin.
func (c *Call) EarlyFork(hz float64) { c.p.do(func() { c.earlyFork(hz) }) }

func (c *Call) earlyFork(hz float64) {
	if c.state >= Answered || c.twin != nil {
		return
	}
	t := *c
	t.localTag, t.sess, t.twin, t.repeat, t.ok2xx, t.rel, t.rseq = randomToken(), nil, nil, nil, nil, nil, 0
	t.progress, t.holds, t.routes = slices.Clone(c.progress), slices.Clone(c.holds), slices.Clone(c.routes)
	c.twin = &t
	c.p.calls = append(c.p.calls, &t)
	t.early()
	if t.sess != nil {
		t.sess.mu.Lock()
		t.sess.tone = hz
		t.sess.mu.Unlock()
	}
}

// AnswerFork answers as the phone of EarlyFork; the first one falls silent.
func (c *Call) AnswerFork() {
	c.p.do(func() {
		if c.twin != nil && c.state < Answered {
			c.sess.close()
			c.twin.answer()
		}
	})
}

// Decline refuses an unanswered inbound call: 486 is what softphones send for
// their Reject button.
func (c *Call) Decline(code int, opts ...Option) { c.p.do(func() { c.decline(code, opts...) }) }

func (c *Call) decline(code int, opts ...Option) {
	if c.state >= Answered || !c.inbound {
		return
	}
	r := c.in.req.reply(code, "", c.localTag)
	collect(opts).apply(r)
	c.sendResponse(c.in, r)
	c.finish(End{By: Ours, Code: code})
}

func (c *Call) sendResponse(t *serverTx, r *Message) {
	if c.p.habits.Message != nil {
		c.p.habits.Message(r)
	}
	t.respond(r)
}

// cancelArrived answers a CANCEL: RFC 3261 §9.2.
func (p *Phone) cancelArrived(t *serverTx) {
	inv := p.servers[serverKey(t.req, "INVITE")]
	if inv == nil || inv.call == nil {
		t.respond(t.req.reply(481, "", randomToken()))
		return
	}
	c := inv.call
	if c.crossAnswer {
		c.answer() // as if it had been under way already
	}
	t.respond(t.req.reply(200, "", c.localTag))
	if c.state < Answered {
		c.sendResponse(inv, inv.req.reply(487, "", c.localTag))
		c.finish(End{By: Theirs, Code: 487, Reason: t.req.Get("Reason")})
	}
}

// ackArrived takes the ACK of a 2xx.
func (p *Phone) ackArrived(m *Message) {
	c := p.find(m)
	if c == nil {
		return
	}
	num, _ := m.CSeq()
	if num <= c.ackedSeq {
		return
	}
	c.ackedSeq, c.confirmed = num, true
	c.repeat.stop()
	if c.weOffered && len(m.Body) > 0 && c.sess != nil {
		if err := c.sess.accept(m.Body); err != nil {
			c.bye(nil)
			c.finish(End{By: Failed, Err: err})
		}
		if d, err := parseSDP(m.Body); err == nil {
			c.holds = append(c.holds, d.dir)
		}
	}
}

// find is the call of a request in a dialog.
func (p *Phone) find(m *Message) *Call {
	for _, c := range slices.Backward(p.calls) {
		if c.id == m.Get("Call-ID") && c.localTag == m.ToTag() && (c.remoteTag == "" || c.remoteTag == m.FromTag()) {
			return c
		}
	}
	return nil
}
