package sip

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInboundCallIsAnsweredAndHungUpByThem(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("in1")
		c.up()
		c.request("BYE", "Reason: Q.850;cause=16;text=\"bye, now\"\r\n", "")
		c.expect("SIP/2.0 200")
		got := want[Ended](r)
		if got.By != Theirs || got.Code != 0 || got.Cause != (Reason{Protocol: "Q.850", Cause: 16, Text: "bye, now"}) {
			t.Errorf("got %+v, want Theirs, 0, Q.850 cause 16", got)
		}
		r.silent(time.Minute)
	})
}

func TestInviteTellsWhoCallsWhom(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("who")
		c.send(c.message("INVITE", c.branch, 1, "P-Asserted-Identity: <tel:+1-415-555-0199;x=y>\r\nPrivacy: id\r\nDiversion: <sip:x@y>;reason=no-answer\r\n", rigSDP))
		ev := want[Invited](r)
		if ev.Trunk != "acme" || ev.Dialled != "+14155550100" || ev.From != (NameAddr{"Bob", "+14155550123", "10.0.0.2"}) {
			t.Errorf("got %+v, want acme, +14155550100, Bob", ev)
		}
		if ev.PAI.User != "+14155550199" || !ev.Anonymous || len(ev.Diversion) != 1 || ev.Diversion[0] != "<sip:x@y>;reason=no-answer" || string(ev.Offer) != rigSDP {
			t.Errorf("got PAI %q anonymous %v diversion %q offer %q", ev.PAI.User, ev.Anonymous, ev.Diversion, ev.Offer)
		}
		if ev.Bind.String() != "10.0.0.1" || ev.Advertise != ev.Bind {
			t.Errorf("media address: got %v, %v, want 10.0.0.1 both", ev.Bind, ev.Advertise)
		}
		ev.Leg.Reject(404, "")
		c.expect("SIP/2.0 100")
		c.expect("SIP/2.0 404")
		if e := want[Ended](r); e.By != Ours || e.Code != 404 {
			t.Errorf("got %+v, want Ours 404", e)
		}
		// No ACK: timer G repeats the refusal, timer H ends it.
		if n := len(c.drain(40 * time.Second)); n != 10 {
			t.Errorf("404 repeated: got %d, want 10 in 32 s", n)
		}
	})
}

func TestOutboundCallIsAnsweredAndHungUpByUs(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE sip:ann@10.0.0.3")
		for _, h := range []string{"User-Agent: Trunkline", "Allow: INVITE, ACK", "Contact: <sip:trunkline@10.0.0.1:5060>"} {
			if !strings.Contains(inv.text, h) {
				t.Errorf("INVITE: got %q, want %q in it", inv.text, h)
			}
		}
		p.respond(inv, 180, "a", "", "")
		if ev := want[Progressed](r); ev.Code != 180 {
			t.Errorf("got %d, want 180", ev.Code)
		}
		p.respond(inv, 200, "a", "", rigSDP)
		if ev := want[Answered](r); string(ev.SDP) != rigSDP {
			t.Errorf("got SDP %q, want %q", ev.SDP, rigSDP)
		}
		p.expect("ACK sip:callee@10.0.0.3:5060")
		l.Hangup(0, Reason{Protocol: "Q.850", Cause: 16})
		if ev := want[Ended](r); ev.By != Ours {
			t.Errorf("got %+v, want Ours", ev)
		}
		bye := p.expect("BYE sip:callee@10.0.0.3:5060")
		if got := bye.hdr("Reason"); got != "Q.850;cause=16" {
			t.Errorf("Reason: got %q, want Q.850;cause=16", got)
		}
		p.respond(bye, 200, "", "", "")
		l.Hangup(0, Reason{})
		r.silent(time.Minute)
		p.nothing(time.Minute)
	})
}

func TestRefusalIsAcknowledgedAndToldWithItsReason(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 486, "a", "Reason: SIP;cause=486\r\n", "")
		ev := want[Ended](r)
		if ev.By != Theirs || ev.Code != 486 || ev.Cause.Cause != 486 {
			t.Errorf("got %+v, want Theirs 486", ev)
		}
		ack := p.expect("ACK ")
		if ack.hdr("Via") != inv.hdr("Via") || ack.tag("To") != "a" {
			t.Errorf("ACK: got Via %q To %q, want the INVITE's Via %q and the response's To", ack.hdr("Via"), ack.hdr("To"), inv.hdr("Via"))
		}
		// A repeated refusal is acknowledged at once, each time (sipgo sleeps T2).
		start := time.Now()
		for range 3 {
			p.respond(inv, 486, "a", "", "")
		}
		for range 3 {
			p.expect("ACK ")
		}
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("re-ACK took %v, want at once", d)
		}
	})
}

// Trap: timer B of an INVITE whose 1xx was handled before Init returned stayed
// armed and killed calls that rang longer than 32 s.
func TestRingingLongerThanTimerBGoesOn(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 180, "a", "", "")
		want[Progressed](r)
		r.silent(3 * time.Minute)
		p.respond(inv, 200, "a", "", rigSDP)
		want[Answered](r)
		p.expect("ACK ")
		l.Hangup(0, Reason{})
		want[Ended](r)
	})
}

func TestNoResponseAtAllIs408After32Seconds(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		start := time.Now()
		r.dialAnn()
		ev := want[Ended](r)
		if ev.By != Failed || ev.Code != 408 || ev.Err == nil {
			t.Errorf("got %+v, want Failed 408 with an error", ev)
		}
		if d := time.Since(start); d < 31*time.Second || d > 33*time.Second {
			t.Errorf("after %v, want 32 s", d)
		}
		if n := len(p.drain(time.Second)); n != 7 {
			t.Errorf("INVITE sent %d times, want 7 (timer A)", n)
		}
	})
}

func TestCancelWhileRinging(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 180, "a", "", "")
		want[Progressed](r)
		l.Hangup(0, Reason{Cause: 200, Text: "Call completed elsewhere"})
		can := p.expect("CANCEL ")
		if can.hdr("Via") != inv.hdr("Via") || can.hdr("Reason") != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("CANCEL: got Via %q Reason %q", can.hdr("Via"), can.hdr("Reason"))
		}
		p.respond(can, 200, "a", "", "")
		r.silent(time.Second)
		p.respond(inv, 487, "a", "", "")
		p.expect("ACK ")
		if ev := want[Ended](r); ev.By != Ours || ev.Code != 487 {
			t.Errorf("got %+v, want Ours 487", ev)
		}
	})
}

func TestCancelOfAPhoneThatVanishedEndsAfter32Seconds(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 180, "a", "", "")
		want[Progressed](r)
		l.Hangup(0, Reason{})
		start := time.Now()
		if ev := want[Ended](r); ev.By != Ours {
			t.Errorf("got %+v, want Ours", ev)
		}
		if d := time.Since(start); d < 31*time.Second || d > 33*time.Second {
			t.Errorf("ended after %v, want 32 s", d)
		}
		p.drain(time.Minute)
		if n := r.e.Stats().Legs; n != 0 {
			t.Errorf("legs: got %d, want 0", n)
		}
	})
}

func TestServeEndsTheLegsThatAreLeft(t *testing.T) {
	inBubble(t, func(r *rig) {
		p, q := r.peer(rigTrunk), r.peer(rigPhone)
		p.call("up").up()
		p.call("ringing").ring()
		r.dialAnn()
		q.respond(q.expect("INVITE "), 180, "a", "", "")
		want[Progressed](r)
		start := time.Now()
		r.stop()
		<-r.done
		if d := time.Since(start); d > 2*serveGrace+time.Second {
			t.Errorf("Serve returned after %v, want at most %v", d, 2*serveGrace)
		}
		for range 3 {
			if ev := want[Ended](r); ev.By != Failed || ev.Code != 503 {
				t.Errorf("got %+v, want Failed 503", ev)
			}
		}
		var got []string
		for _, m := range append(p.drain(time.Second), q.drain(time.Second)...) {
			got = append(got, strings.Join(strings.Fields(m.text)[:2], " "))
		}
		slices.Sort(got)
		if s := strings.Join(got, "; "); s != "BYE sip:bob@10.0.0.2:5060; CANCEL sip:ann@10.0.0.3:5060; SIP/2.0 503" {
			t.Errorf("on the wire: got %q, want BYE, CANCEL, 503", s)
		}
		r.e.Dial(Dial{To: Target{Trunk: "acme"}}) // after the end: fails as an event
		if ev := want[Ended](r); ev.By != Failed {
			t.Errorf("got %+v, want Failed", ev)
		}
	})
}

// RFC 3261 §9.1: no CANCEL before a provisional response. The switchboard does
// not wait for it.
func TestHangupBeforeRingingCancelsAtTheFirstProvisional(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		l.Hangup(0, Reason{})
		want[Ended](r)
		p.nothing(4 * time.Second) // neither CANCEL nor the INVITE again
		p.respond(inv, 180, "a", "", "")
		can := p.expect("CANCEL ")
		p.respond(can, 200, "a", "", "")
		p.respond(inv, 487, "a", "", "")
		p.expect("ACK ")
		p.nothing(time.Minute)
	})
}

// The switchboard has given the leg up; what still comes is hung up with the
// reason it gave.
func TestAnAnswerAfterAHangupBeforeAnyProvisionalIsHungUp(t *testing.T) {
	for _, late := range []time.Duration{3 * time.Second, 31 * time.Second} {
		inBubble(t, func(r *rig) {
			p := r.peer(rigPhone)
			l := r.dialAnn()
			inv := p.expect("INVITE ")
			l.Hangup(0, Reason{Cause: 408, Text: "no answer"})
			want[Ended](r)
			p.nothing(late)
			p.respond(inv, 200, "a", "", rigSDP)
			p.expect("ACK sip:callee@10.0.0.3")
			bye := p.expect("BYE sip:callee@10.0.0.3")
			if got := bye.hdr("Reason"); got != `SIP;cause=408;text="no answer"` || bye.tag("To") != "a" {
				t.Errorf("BYE: got Reason %q To %q, want the reason of the hang-up, tag a", got, bye.hdr("To"))
			}
			p.respond(inv, 200, "a", "", rigSDP) // repeated: acknowledged again
			p.expect("ACK ")
			p.respond(bye, 200, "", "", "")
			p.nothing(time.Minute)
			r.silent(time.Second)
			if n := r.e.Stats().Legs; n != 0 {
				t.Errorf("legs: got %d, want 0", n)
			}
		})
	}
}

// A trunk that sends 100 at once and rings later is not silent.
func TestTryingIsToldOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		r.dialAnn()
		inv := p.expect("INVITE ")
		for _, code := range []int{100, 100, 180, 100, 183} {
			p.respond(inv, code, "a", "", "")
		}
		for _, code := range []int{100, 180, 183} {
			if ev := want[Progressed](r); ev.Code != code {
				t.Errorf("got %d, want %d", ev.Code, code)
			}
		}
		r.silent(time.Second)
		p.respond(inv, 486, "a", "", "")
		want[Ended](r)
	})
}

// RFC 3261 §13.3.1.1: proxies cancel an INVITE that hears nothing for minutes.
func TestWhatRingsForLongSaysSoEveryMinute(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("minutes")
		c.invite()
		c.expect("SIP/2.0 100")
		l := want[Invited](r).Leg
		c.nothing(3 * time.Minute) // before any 18x there is nothing to repeat
		l.Progress(180, nil)
		last := c.expect("SIP/2.0 180")
		time.Sleep(30 * time.Second)
		l.Progress(183, []byte(rigSDP))
		last = c.expect("SIP/2.0 183")
		for range 5 {
			m := c.expect("SIP/2.0 183")
			if m.text != last.text || m.at.Sub(last.at) != time.Minute {
				t.Errorf("got %q after %v, want the same after a minute", m.text, m.at.Sub(last.at))
			}
			last = m
		}
		l.Answer([]byte(rigSDP))
		c.toTag = c.expect("SIP/2.0 200").tag("To")
		c.ack()
		want[Confirmed](r)
		c.nothing(5 * time.Minute)
	})
}

func TestAnswerWithinEndsTheLeg(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		cs := r.e.Contacts("ann")
		r.e.Dial(Dial{To: Target{Contact: cs[0].ID}, Offer: []byte(rigSDP), AnswerWithin: 10 * time.Second})
		inv := p.expect("INVITE ")
		p.respond(inv, 180, "a", "", "")
		want[Progressed](r)
		can := p.expect("CANCEL ")
		if d := can.at.Sub(inv.at); d < 9900*time.Millisecond || d > 10100*time.Millisecond {
			t.Errorf("CANCEL after %v, want 10 s", d)
		}
		p.respond(can, 200, "a", "", "")
		p.respond(inv, 487, "a", "", "")
		if ev := want[Ended](r); ev.By != Ours || ev.Code != 408 {
			t.Errorf("got %+v, want Ours 408", ev)
		}
	})
}

func TestDialOfAnUnknownPhoneFailsAsAnEvent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.e.Dial(Dial{To: Target{Contact: "nobody"}})
		if ev := want[Ended](r); ev.By != Failed || ev.Code != 480 {
			t.Errorf("got %+v, want Failed 480", ev)
		}
		r.e.Dial(Dial{To: Target{Trunk: "nobody"}})
		if ev := want[Ended](r); ev.By != Failed || ev.Code != 503 {
			t.Errorf("got %+v, want Failed 503", ev)
		}
	})
}

func TestCallerCancels(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("cancel")
		l := c.ring()
		tag := c.toTag
		c.toTag = ""
		c.send(c.message("CANCEL", c.branch, 1, "Reason: SIP;cause=200;text=\"elsewhere\"\r\n", ""))
		ok := c.expect("SIP/2.0 200")
		term := c.expect("SIP/2.0 487")
		if ok.tag("To") != tag || term.tag("To") != tag {
			t.Errorf("To tags: got %q and %q, want %q of the 180", ok.tag("To"), term.tag("To"), tag)
		}
		if ev := want[Ended](r); ev.By != Theirs || ev.Code != 487 || ev.Cause.Cause != 200 {
			t.Errorf("got %+v, want Theirs 487", ev)
		}
		c.toTag = tag
		c.send(c.message("ACK", c.branch, 1, "", ""))
		l.Answer([]byte(rigSDP)) // too late: ignored
		c.nothing(time.Minute)
	})
}

// Trap: the 487 that the stack sends by itself had another To tag than our 180.
func TestOurToTagIsTheSameInEveryResponse(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("tags")
		l := c.ring()
		l.Progress(183, []byte(rigSDP))
		a := c.expect("SIP/2.0 183").tag("To")
		l.Reject(603, "")
		b := c.expect("SIP/2.0 603").tag("To")
		if c.toTag == "" || a != c.toTag || b != c.toTag {
			t.Errorf("got tags %q, %q, %q, want one", c.toTag, a, b)
		}
		want[Ended](r)
		c.send(c.message("ACK", c.branch, 1, "", ""))
		c.nothing(time.Minute)
	})
}
