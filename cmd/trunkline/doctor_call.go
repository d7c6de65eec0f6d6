package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// sound listens at both ends.
func (c *loop) sound(ctx context.Context, step string) {
	wait(ctx, 500*time.Millisecond) // the carrier's gateway may take a moment
	if c.back == nil {
		heard := c.out.ear.listen(ctx, 2*time.Second)
		f := sip.Finding{Step: step, OK: heard.Packets > 0 && !heard.Silent(), Text: "heard from the other side: " + describe(heard)}
		switch {
		case heard.Has(outTone):
			f.Text = "our own tone comes back from the other side: sound goes both ways"
		case f.OK:
			f.Details = []string{"whether the other side hears us cannot be told from here"}
		case heard.Packets == 0:
			f.Cure = oneWayIn
		}
		c.say(f)
		return
	}
	type hearing struct{ packets, tone, other bool }
	listen := func(p *patient, tone float64, into chan<- hearing) {
		s := p.ear.listen(ctx, 2*time.Second)
		into <- hearing{s.Packets > 0, s.Has(tone), s.Packets > 0 && !s.Silent()}
	}
	atBack, atOut := make(chan hearing, 1), make(chan hearing, 1)
	go listen(c.back, outTone, atBack)
	go listen(c.out, backTone, atOut)
	for _, end := range []struct {
		name string
		hearing
	}{{"what we say on the call out", <-atBack}, {"what we say on the call that came in", <-atOut}} {
		f := sip.Finding{Step: step, OK: end.tone}
		switch {
		case end.tone:
			f.Text = end.name + " arrives"
		case !end.packets:
			f.Text, f.Cure = end.name+" does not arrive: no packets at all", oneWayIn
		case end.other:
			f.Text, f.Cure = end.name+" does not arrive: something else is heard", "is it another call's, or an announcement of the carrier? Ask it"
		default:
			f.Text, f.Cure = end.name+" does not arrive: silence", "the carrier's gateway sends silence: is the codec agreed on the one it uses?"
		}
		c.say(f)
	}
}

const oneWayIn = "no RTP reaches us: open the UDP ports of media.ports in the firewall, forward them at the NAT, and list our public address under nat.external"

// keys presses some at one end, and looks for them at the other.
func (c *loop) keys(ctx context.Context) {
	const sent = "159#"
	if c.back == nil {
		c.say(sip.Finding{Step: "keys", OK: true, Text: "not tried: nobody of ours is at the other end"})
		return
	}
	c.out.session.SendDigits(sent, 0, 0)
	c.back.session.SendDigits(sent, 0, 0)
	until := time.Now().Add(4 * time.Second)
	for time.Now().Before(until) && ctx.Err() == nil && (c.out.keysPressed() != sent || c.back.keysPressed() != sent) {
		wait(ctx, 100*time.Millisecond)
	}
	for _, end := range []struct{ name, got string }{{"on the call out", c.back.keysPressed()}, {"on the call that came in", c.out.keysPressed()}} {
		f := sip.Finding{Step: "keys", OK: end.got == sent, Text: fmt.Sprintf("keys %s pressed %s arrive", sent, end.name)}
		if !f.OK {
			f.Text = fmt.Sprintf("keys %s pressed %s arrive as %q", sent, end.name, end.got)
			f.Cure = "ask the carrier for RFC 4733 (telephone-event) on this trunk"
		}
		c.say(f)
	}
}

// changed is our offer with another direction.
func (c *loop) changed(direction string) []byte {
	c.version++
	lines := bytes.Split(c.out.session.Offer(), []byte("\r\n"))
	for i, l := range lines {
		switch text := string(l); {
		case text == "a=sendrecv", text == "a=sendonly", text == "a=inactive", text == "a=recvonly":
			lines[i] = []byte("a=" + direction)
		case strings.HasPrefix(text, "o="):
			if f := strings.Fields(text); len(f) > 2 {
				if v, err := strconv.ParseUint(f[2], 10, 64); err == nil {
					f[2] = strconv.FormatUint(v+uint64(c.version), 10)
					lines[i] = []byte(strings.Join(f, " "))
				}
			}
		}
	}
	return bytes.Join(lines, []byte("\r\n"))
}

// reoffer sends a re-INVITE on the call out, and says what the carrier made of it.
func (c *loop) reoffer(ctx context.Context, step string, offer []byte) bool {
	c.offer = offer
	c.out.leg.Reoffer(offer)
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ev, err := c.out.await(bounded, func(ev sip.Event) bool { _, ok := ev.(sip.ReofferDone); return ok })
	f := sip.Finding{Step: step}
	switch {
	case err != nil:
		f.Text, f.Cure = fmt.Sprintf("the re-INVITE got no answer: %v", err), "the carrier does not take changes of a call in progress: ask it"
	case ev.(sip.ReofferDone).Code != 200:
		f.Text = fmt.Sprintf("the carrier refuses the re-INVITE: %d", ev.(sip.ReofferDone).Code)
		f.Cure = "holding and session timers want it: ask the carrier"
	default:
		f.OK = true
		answer := ev.(sip.ReofferDone).SDP
		f.Text = map[string]string{
			"hold": "the carrier takes a hold", "resume": "the carrier takes the resuming", "refresh": "the carrier takes a refresh of the session",
		}[step]
		if step == "hold" && !bytes.Contains(answer, []byte("a=recvonly")) && !bytes.Contains(answer, []byte("a=inactive")) {
			f.Details = []string{"its answer does not say recvonly: it may go on sending sound"}
		}
		if step != "hold" {
			if err := c.out.session.SetAnswer(answer); err != nil && step == "resume" {
				f.OK, f.Text, f.Cure = false, "the answer after the hold cannot be used: "+err.Error(), "ask the carrier"
			}
		}
	}
	c.say(f)
	return f.OK
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
