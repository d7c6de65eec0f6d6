package simphone

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// registration is the phone's binding at the switch, and its credentials. Owned
// by the loop.
type registration struct {
	callID, tag string
	cseq        uint32
	expires     time.Duration // asked for
	granted     time.Duration
	until       time.Time
	refresh     *alarm
	err         error // of the last refresh

	challenge   challenge // last one seen, used again with the next nonce count
	count       int
	credentials string
}

// Register binds the phone's Contact for that long and blocks until the answer;
// it returns the expiry that was granted. It is renewed at half of it until
// Unregister or Close; Registered tells whether that works.
func (p *Phone) Register(ctx context.Context, expires time.Duration, opts ...Option) (granted time.Duration, err error) {
	var final *Message
	finished := false
	p.do(func() {
		p.reg.expires = expires
		p.register(expires, collect(opts), func(m *Message) { final, finished = m, true })
	})
	if err := p.wait(ctx, func() bool { return finished }); err != nil {
		return 0, fmt.Errorf("simphone: REGISTER: %w", err)
	}
	if err := outcome("REGISTER", final); err != nil {
		return 0, err
	}
	p.do(func() { granted = p.reg.granted })
	return granted, nil
}

// Unregister removes the binding: expires=0.
func (p *Phone) Unregister(ctx context.Context) error {
	_, err := p.Register(ctx, 0)
	return err
}

// Registered reports whether the binding is in force, and the error of the last
// attempt if it failed.
func (p *Phone) Registered() (ok bool, err error) {
	p.do(func() { ok, err = p.reg.until.After(time.Now()), p.reg.err })
	return ok, err
}

// Forget stops refreshing without a word on the wire.
func (p *Phone) Forget() { p.do(func() { p.reg.refresh.stop() }) }

func (p *Phone) register(expires time.Duration, o *options, done func(*Message)) {
	r := &p.reg
	r.refresh.stop()
	m := p.outside("REGISTER", "sip:"+p.cfg.Domain, p.aor(), p.aor())
	if r.callID == "" {
		r.callID, r.tag = m.Get("Call-ID"), m.FromTag()
	}
	r.cseq++
	m.Set("Call-ID", r.callID) // RFC 3261 §10.2: all registrations of a phone share it
	m.Set("From", p.aor()+";tag="+r.tag)
	m.Set("CSeq", strconv.FormatUint(uint64(r.cseq), 10)+" REGISTER")
	m.Set("Contact", fmt.Sprintf("<%s>;expires=%d", p.cfg.Contact, int(expires/time.Second)))
	o.apply(m)
	if r.challenge.nonce != "" && p.cfg.Password != "" && !p.habits.NoAuth {
		p.authorize(m, r.challenge)
	}
	p.exchange(&exchange{req: m, to: p.cfg.Peer, onDone: func(final *Message) {
		p.registered(final, expires)
		if done != nil {
			done(final)
		}
	}})
}

// registered takes the registrar's answer and sets the next refresh.
func (p *Phone) registered(final *Message, expires time.Duration) {
	r := &p.reg
	if r.err = outcome("REGISTER", final); r.err != nil {
		if expires > 0 {
			r.refresh = p.after(30*time.Second, func() { p.register(r.expires, nil, nil) })
		}
		return
	}
	r.granted = 0
	for _, c := range final.All("Contact") {
		if uriOf(c) == p.cfg.Contact {
			n, _ := strconv.Atoi(param(c, "expires"))
			r.granted = time.Duration(n) * time.Second
		}
	}
	r.until = time.Now().Add(r.granted)
	if expires > 0 && r.granted > 0 {
		r.refresh = p.after(r.granted/2, func() { p.register(r.expires, nil, nil) })
	}
}
