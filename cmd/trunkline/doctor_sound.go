package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"trunkline/sip"
)

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
