package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/desk"
	"trunkline/media"
	"trunkline/sip"
)

// What the two ends of the test call say.
const (
	outTone  = 1000 // Hz
	backTone = 600
)

// loop is the doctor's call: out over a trunk and, where the carrier sends it
// back to a number of ours, in again.
type loop struct {
	d      *doctor
	cfg    *config.Config
	trunk  *config.Trunk
	number desk.Number
	ours   bool // the number is: the call comes back
	say    func(sip.Finding)

	out, back *patient // back nil: the call did not come back
	offer     []byte   // our last
	version   int      // added to the offer's, which a hold must raise (RFC 3264 §8)
}

func (c *loop) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if !c.connect(ctx) {
		return
	}
	defer c.out.hangup(c.d)
	if c.back != nil {
		defer c.back.hangup(c.d)
		minding, stop := context.WithCancel(ctx)
		minded := make(chan struct{})
		go func() {
			defer close(minded)
			c.back.mind(minding)
		}()
		defer func() {
			stop()
			<-minded
		}()
	}
	c.sound(ctx, "sound")
	c.keys(ctx)
	if c.reoffer(ctx, "hold", c.changed("sendonly")) {
		c.reoffer(ctx, "resume", c.changed("sendrecv"))
		c.sound(ctx, "sound after the hold")
	}
	c.reoffer(ctx, "refresh", c.offer)
	c.end(ctx)
}

// connect dials, and answers the call when it comes back.
func (c *loop) connect(ctx context.Context) bool {
	id := sip.TrunkID(c.trunk.ID)
	shown := desk.Number(c.trunk.CallerID)
	if shown == "" && c.ours {
		shown = c.number
	}
	out := desk.Format(c.trunk.Format.Out)
	a := &awaited{trunk: id, dialled: ending(string(c.number)), caller: ending(string(shown)), came: make(chan sip.Invited, 1)}
	if c.ours {
		c.d.expect(a)
		defer c.d.expect(nil)
	}
	began := time.Now()
	if err := c.dial(id, c.number.Format(out, c.cfg.Country), shown.Format(out, c.cfg.Country)); err != nil {
		c.say(sip.Finding{Step: "call", Text: "no sound can be opened for a call: " + err.Error(), Cure: "see media.ports and the log"})
		return false
	}
	answered := make(chan error, 1)
	waiting, cancel := context.WithTimeout(ctx, answeredWithin)
	defer cancel()
	go func() {
		ev, err := c.out.await(waiting, func(ev sip.Event) bool { _, ok := ev.(sip.Answered); return ok })
		if err == nil {
			err = c.out.session.SetAnswer(ev.(sip.Answered).SDP)
		}
		answered <- err
	}()
	var came *sip.Invited
	for {
		select {
		case in := <-a.came:
			came = &in
			if err := c.answer(in); err != nil {
				in.Leg.Reject(488, "")
				c.say(sip.Finding{Step: "call", Text: "the call came back, and its session description cannot be answered: " + err.Error(), Cure: "see which codecs the carrier offers, and media.codecs"})
			}
		case err := <-answered:
			if err != nil {
				c.failed(err, came)
				c.out.hangup(c.d)
				if c.back != nil {
					c.back.hangup(c.d)
				}
				return false
			}
			c.connected(time.Since(began), came)
			return true
		}
	}
}

// dial sends the call out.
func (c *loop) dial(id sip.TrunkID, number, shown string) error {
	to := sip.Target{Trunk: id}
	bind, told := c.d.h.sip.MediaAddr(to)
	p := newPatient()
	leg := sip.LegID("doctor-" + randomText(16))
	if err := c.open(p, media.SessionID(leg), media.SessionConfig{Bind: bind, Advertise: told, Trust: c.trunk.MediaFrom, SRTP: c.protection().Media(c.trunk.Transport == "tls")}); err != nil {
		return err
	}
	c.out, c.offer = p, p.session.Offer()
	c.d.mu.Lock()
	c.d.legs[leg] = p
	c.d.mu.Unlock()
	p.session.Background(media.Tone(outTone, time.Second))
	p.leg = c.d.h.sip.Dial(sip.Dial{
		ID: leg, To: to, User: number, From: sip.NameAddr{User: shown, Host: c.d.h.booted.Domain},
		Offer: c.offer, Media: bind, AnswerWithin: answeredWithin,
	})
	return nil
}

func (c *loop) protection() call.Protection { return call.Protection(c.trunk.SRTP) }

// open gives a patient a seat of its own: both ends hear only the carrier.
func (c *loop) open(p *patient, id media.SessionID, sound media.SessionConfig) (err error) {
	sound.ID = id
	if sound.DTMF, err = media.ParseDTMF(c.trunk.DTMF); err != nil {
		return err
	}
	p.bridge = c.d.h.media.NewBridge(media.BridgeID(id))
	session, err := p.bridge.NewSession(sound)
	if err != nil {
		p.bridge.Close()
		return err
	}
	p.session = session
	session.Tap(&p.ear, 0)
	p.bridge.Join(session)
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.d.sessions[id] = p
	return nil
}

// answer takes the call that has come back.
func (c *loop) answer(in sip.Invited) error {
	c.d.mu.Lock()
	p := c.d.legs[in.Leg.ID()]
	c.d.mu.Unlock()
	p.leg = in.Leg
	err := c.open(p, media.SessionID(in.Leg.ID()), media.SessionConfig{Bind: in.Bind, Advertise: in.Advertise, Trust: c.trunk.MediaFrom, SRTP: c.protection().Media(in.Private)})
	if err != nil {
		return err
	}
	c.back = p
	answer := p.session.Offer
	description := []byte(nil)
	if in.Offer != nil {
		if description, err = p.session.Answer(in.Offer); err != nil {
			return err
		}
	} else {
		description = answer()
	}
	p.session.Background(media.Tone(backTone, time.Second))
	p.leg.Progress(180, nil)
	p.leg.Answer(description)
	return nil
}

// expect says which call is the doctor's; nil: none any more.
func (d *doctor) expect(a *awaited) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.awaited = a
}

func (c *loop) failed(err error, came *sip.Invited) {
	f := sip.Finding{Step: "call", Text: fmt.Sprintf("the call to %s was not answered: %v", c.number, err)}
	var e ended
	switch code := 0; {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		f.Text = fmt.Sprintf("the call to %s was not answered within %v", c.number, answeredWithin)
		f.Cure = "give a number that answers, with --number"
	case errors.As(err, &e):
		code = e.Code
		f.Cure = map[int]string{
			401: "correct username and password of the trunk", 407: "correct username and password of the trunk",
			403: "the carrier does not permit it: is caller_id a number that it gave us, and are outgoing calls in the contract?",
			404: "the carrier does not know the number: try another format.out (plus, e164, national)",
			484: "the carrier wants the number written otherwise: try another format.out (plus, e164, national)",
			488: "we have no codec in common: see media.codecs", 408: "no answer: see the steps above; is the firewall open?",
			503: "the carrier is out of service, or does not know us: see the steps above",
		}[code]
	}
	if came != nil {
		f.Details = append(f.Details, "it came back to us all the same")
	}
	if f.Cure == "" {
		f.Cure = "ask the carrier what it means; trunkline serve --trace logs the messages"
	}
	c.say(f)
}

func (c *loop) connected(took time.Duration, came *sip.Invited) {
	f := sip.Finding{Step: "call", OK: true, Text: fmt.Sprintf("a call to %s was answered after %v", c.number, took.Round(10*time.Millisecond))}
	switch {
	case c.back != nil:
		f.Text += ", by us: it came back in"
		f.Details = append(f.Details, fmt.Sprintf("came in from %s for %s, showing %s", came.Source, came.Dialled, came.From.User))
		if came.PAI.User != "" {
			f.Details = append(f.Details, "P-Asserted-Identity: "+came.PAI.User)
		}
	case c.ours:
		f.OK = false
		f.Text += ", but it did not come back to us"
		f.Cure = "the carrier sends calls for this number elsewhere, or changes who calls: check where it sends the number, and that caller_id is ours"
	}
	if codec, ok := c.out.session.Codec(); ok {
		f.Details = append(f.Details, "codec "+codec.String())
	}
	if suite := c.out.session.Suite(); suite != "" {
		f.Details = append(f.Details, "encrypted with "+suite)
	}
	c.say(f)
}

// end hangs up, and looks for the BYE at the other end.
func (c *loop) end(ctx context.Context) {
	began := time.Now()
	c.out.leg.Hangup(0, sip.Reason{})
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if c.back == nil {
		return
	}
	for bounded.Err() == nil {
		if c.back.over() {
			c.say(sip.Finding{Step: "end", OK: true, Text: fmt.Sprintf("hanging up reaches the other end in %v", time.Since(began).Round(time.Millisecond))})
			return
		}
		wait(bounded, 20*time.Millisecond)
	}
	c.say(sip.Finding{Step: "end", Text: "hanging up does not reach the other end", Cure: "the carrier loses BYEs: is our Contact reachable from it?"})
}

// over reports that the leg has ended.
func (p *patient) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ev := range p.events {
		if _, ok := ev.(sip.Ended); ok {
			return true
		}
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
