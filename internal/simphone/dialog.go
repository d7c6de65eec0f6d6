package simphone

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// request dispatches a request in a new server transaction.
func (p *Phone) request(t *serverTx) {
	m := t.req
	if p.habits.silent(m.Method) {
		return
	}
	if code := p.habits.Replies[m.Method]; code != 0 {
		t.respond(m.reply(code, "", randomToken()))
		return
	}
	if m.Method == "CANCEL" {
		p.cancelArrived(t)
		return
	}
	if m.ToTag() != "" {
		c := p.find(m)
		if c == nil {
			t.respond(m.reply(481, "", ""))
			return
		}
		c.requested(t)
		return
	}
	switch m.Method {
	case "INVITE":
		p.inviteArrived(t)
	case "OPTIONS", "MESSAGE", "NOTIFY", "INFO":
		r := m.reply(200, "", randomToken())
		r.Add("Allow", allow)
		t.respond(r)
	case "BYE", "UPDATE":
		t.respond(m.reply(481, "", randomToken()))
	default:
		t.respond(m.reply(501, "", randomToken()))
	}
}

// requested answers a request in the dialog.
func (c *Call) requested(t *serverTx) {
	m := t.req
	num, _ := m.CSeq()
	if num <= c.remoteCSeq { // RFC 3261 §12.2.2
		t.respond(m.reply(500, "", c.localTag))
		return
	}
	c.remoteCSeq = num
	switch {
	case m.Method == "BYE":
		c.sendResponse(t, m.reply(200, "", c.localTag))
		if c.state < Answered && c.inbound { // RFC 3261 §15.1.2: an early dialog
			c.sendResponse(c.in, c.in.req.reply(487, "", c.localTag))
		}
		c.finish(End{By: Theirs, Reason: m.Get("Reason")})
	case m.Method == "PRACK":
		c.prackArrived(t)
	case c.end != nil:
		t.respond(m.reply(481, "", c.localTag))
	case m.Method == "INVITE" || m.Method == "UPDATE":
		c.reoffered(t)
	case slices.Contains([]string{"INFO", "OPTIONS", "MESSAGE", "NOTIFY"}, m.Method):
		t.respond(m.reply(200, "", c.localTag))
		if c.talkAnswer && m.Method == "NOTIFY" && m.Get("Event") == "talk" {
			c.answer()
		}
	default:
		t.respond(m.reply(501, "", c.localTag))
	}
}

// reoffered answers the peer's re-INVITE or UPDATE.
func (c *Call) reoffered(t *serverTx) {
	m, h := t.req, &c.p.habits
	switch {
	case h.Reinvite != 0:
		t.respond(m.reply(h.Reinvite, "", c.localTag))
		return
	case c.inviting: // RFC 3261 §14.2
		t.respond(m.reply(491, "", c.localTag))
		return
	case c.sess == nil:
		t.respond(m.reply(500, "", c.localTag))
		return
	}
	if u := uriOf(m.Get("Contact")); u != "" { // a target refresh
		c.target = u
	}
	var sdp []byte
	c.weOffered = len(m.Body) == 0
	if c.weOffered {
		sdp = c.sess.offer(h)
	} else {
		var err error
		if sdp, err = c.sess.answer(h, m.Body); err != nil {
			t.respond(m.reply(488, "", c.localTag))
			return
		}
		if d, err := parseSDP(m.Body); err == nil {
			c.holds = append(c.holds, d.dir)
		}
	}
	if m.Method == "INVITE" {
		c.accepted(t, sdp, true)
		return
	}
	r := m.reply(200, "", c.localTag)
	r.Add("Contact", "<"+c.p.cfg.Contact+">")
	if len(m.Body) > 0 {
		r.setBody("application/sdp", sdp)
	}
	c.sendResponse(t, r)
}

// bye sends a BYE; done (nil is legal) is told the final response.
func (c *Call) bye(done func(*Message), opts ...Option) {
	c.cseq++
	m := c.request("BYE", c.cseq)
	collect(opts).apply(m)
	c.p.exchange(&exchange{req: m, to: c.next(), call: c, onDone: func(m *Message) {
		if done != nil {
			done(m)
		}
	}})
}

// Bye hangs an answered call up and blocks for the response; the call has ended
// for us at once.
func (c *Call) Bye(ctx context.Context, opts ...Option) error {
	var final *Message
	finished, legal := false, true
	c.p.do(func() {
		if legal = c.state == Answered; legal {
			c.bye(func(m *Message) { final, finished = m, true }, opts...)
			c.finish(End{By: Ours})
		}
	})
	if !legal {
		return fmt.Errorf("simphone: BYE: the call is %v", c.State())
	}
	if err := c.p.wait(ctx, func() bool { return finished }); err != nil {
		return err
	}
	return outcome("BYE", final)
}

// Hangup ends a call in whatever state it is: CANCEL, 486 or BYE. It blocks until
// the call has ended.
func (c *Call) Hangup(ctx context.Context) error {
	c.p.do(func() {
		switch {
		case c.state == Ended:
		case c.state == Answered:
			c.bye(nil)
			c.finish(End{By: Ours})
		case c.inbound:
			c.decline(486)
		default:
			c.cancel()
		}
	})
	_, err := c.WaitEnded(ctx)
	return err
}

// HoldKind is one of the ways in which phones hold.
type HoldKind int

// The ways that were seen in the field.
const (
	HoldSendOnly  HoldKind = iota // a=sendonly (linphone, most)
	HoldInactive                  // a=inactive
	HoldZero                      // c=0.0.0.0 and no direction (RFC 2543)
	HoldOfferless                 // a re-INVITE without a description; its answer, in the ACK, is sendonly
)

// Hold holds the call by a re-INVITE and blocks for its outcome: nil, a
// *StatusError (491: both at once) or ErrTimeout.
func (c *Call) Hold(ctx context.Context, kind HoldKind) error {
	return c.Reinvite(ctx, holdOptions(kind)...)
}

func holdOptions(kind HoldKind) []Option {
	return map[HoldKind][]Option{
		HoldSendOnly:  {InDirection(SendOnly)},
		HoldInactive:  {InDirection(Inactive)},
		HoldZero:      {func(o *options) { o.zero = true }},
		HoldOfferless: {InDirection(SendOnly), NoOffer()},
	}[kind]
}

// Resume ends a hold.
func (c *Call) Resume(ctx context.Context) error { return c.Reinvite(ctx, InDirection(SendRecv)) }

// Reinvite sends a re-INVITE: without options a refresh of the session as it is.
func (c *Call) Reinvite(ctx context.Context, opts ...Option) error {
	var err error
	finished := false
	c.p.do(func() { c.reinvite(collect(opts), func(e error) { err, finished = e, true }) })
	if werr := c.p.wait(ctx, func() bool { return finished || c.end != nil }); werr != nil {
		return fmt.Errorf("simphone: re-INVITE: %w", werr)
	}
	if !finished {
		e, _ := c.End()
		return fmt.Errorf("simphone: re-INVITE: the call %v", e)
	}
	return err
}

func (c *Call) reinvite(o *options, done func(error)) {
	switch {
	case c.state != Answered:
		done(fmt.Errorf("simphone: re-INVITE: the call is %v", c.state))
		return
	case c.inviting:
		done(fmt.Errorf("simphone: re-INVITE: one is running"))
		return
	}
	c.inviting = true
	was := c.sess.direct(o)
	c.cseq++
	m := c.request("INVITE", c.cseq)
	if c.weOffered = !o.noOffer; c.weOffered {
		m.setBody("application/sdp", c.sess.offer(&c.p.habits))
	}
	o.apply(m)
	e := &exchange{req: m, to: c.next(), call: c}
	e.onResponse = func(m *Message) {
		if m.Code >= 200 && m.ToTag() == c.remoteTag && !c.p.habits.NoACK && !time.Now().Before(c.ackAt) {
			c.p.send(c.ack, c.next())
		}
	}
	e.onDone = func(final *Message) {
		c.inviting = false
		err := outcome("INVITE", final)
		if err == nil {
			err = c.reinvited(final)
		} else {
			c.sess.restore(was) // RFC 3261 §14.1: the session stays as it was
		}
		done(err)
	}
	c.p.exchange(e)
}

// reinvited takes the 2xx of our re-INVITE.
func (c *Call) reinvited(m *Message) error {
	if u := uriOf(m.Get("Contact")); u != "" {
		c.target = u
	}
	var answer []byte
	var err error
	if c.weOffered {
		err = c.sess.accept(m.Body)
	} else {
		answer, err = c.sess.answer(&c.p.habits, m.Body)
	}
	if d, perr := parseSDP(m.Body); perr == nil {
		c.holds = append(c.holds, d.dir)
	}
	c.ackWith(m, answer)
	return err
}

// held is what a refused re-INVITE puts back.
type held struct {
	want Direction
	zero bool
}

// direct sets the direction that the next description asks for.
func (s *session) direct(o *options) held {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := held{s.want, s.zero}
	if o.dir != "" || o.zero {
		s.zero = o.zero
		s.want = o.dir
		if o.zero {
			s.want = SendOnly // we speak on, and hear nothing
		}
	}
	if o.codecs != nil {
		s.codecs = o.codecs
	}
	return was
}

func (s *session) restore(was held) {
	s.mu.Lock()
	s.want, s.zero = was.want, was.zero
	s.mu.Unlock()
}
