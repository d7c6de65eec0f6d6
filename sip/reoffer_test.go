package sip

import (
	"strings"
	"testing"
	"time"
)

func TestReinviteIsAnsweredByTheSwitchboard(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("re")
		l := c.up()
		c.request("INVITE", "", rigSDP+"a=sendonly\r\n")
		if ev := want[Reoffered](r); !strings.HasSuffix(string(ev.Offer), "a=sendonly\r\n") {
			t.Errorf("got %q, want the offer", ev.Offer)
		}
		l.AnswerReoffer([]byte(rigSDP + "a=recvonly\r\n"))
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.text, "a=recvonly\r\n") {
			t.Errorf("got %q, want our answer", m.text)
		}
		c.ack()
		if ev := want[Reconfirmed](r); ev.SDP != nil {
			t.Errorf("got %q, want none", ev.SDP)
		}
		// Offerless: our 200 offers, the ACK answers.
		c.request("INVITE", "", "")
		if ev := want[Reoffered](r); ev.Offer != nil {
			t.Errorf("got %q, want nil", ev.Offer)
		}
		l.AnswerReoffer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.send(c.message("ACK", "z9hG4bK-re-x", c.seq, "", rigSDP))
		if ev := want[Reconfirmed](r); string(ev.SDP) != rigSDP {
			t.Errorf("got %q, want the answer", ev.SDP)
		}
		c.request("INVITE", "", rigSDP)
		want[Reoffered](r)
		l.RejectReoffer(488)
		c.expect("SIP/2.0 488")
		c.send(c.message("ACK", "z9hG4bK-re-4", c.seq, "", ""))
		c.request("BYE", "", "")
		c.expect("SIP/2.0 200")
		want[Ended](r)
	})
}

func TestUpdateRefreshesOrReoffers(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("upd")
		l := c.up()
		c.request("UPDATE", "", "")
		c.expect("SIP/2.0 200")
		r.silent(time.Second)
		c.request("UPDATE", "", rigSDP)
		want[Reoffered](r)
		c.seq--
		c.request("UPDATE", "", rigSDP) // repeated while it waits: absorbed
		c.nothing(100 * time.Millisecond)
		l.AnswerReoffer([]byte(rigSDP))
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.text, rigSDP) {
			t.Errorf("got %q, want our answer", m.text)
		}
		c.nothing(time.Minute)
	})
}

func TestOurReofferIsAcknowledgedAndOneAtATime(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, _ := r.callAnn(p)
		l.Reoffer([]byte("v=first\r\n"))
		l.Reoffer([]byte("v=second\r\n"))
		inv := p.expect("INVITE sip:callee@")
		p.nothing(300 * time.Millisecond)
		p.respond(inv, 200, "", "Contact: <sip:moved@10.0.0.3:5099>\r\n", rigSDP)
		if a := p.expect("ACK sip:moved@10.0.0.3:5099"); !strings.HasPrefix(a.hdr("CSeq"), "2 ") {
			t.Errorf("ACK's CSeq: got %q, want 2", a.hdr("CSeq"))
		}
		if ev := want[ReofferDone](r); ev.Code != 200 || string(ev.SDP) != rigSDP {
			t.Errorf("got %+v, want 200 with the answer", ev)
		}
		inv = p.expect("INVITE sip:moved@10.0.0.3:5099")
		if !strings.HasSuffix(inv.text, "v=second\r\n") {
			t.Errorf("got %q, want the second offer", inv.text)
		}
		p.respond(inv, 200, "", "", rigSDP)
		p.expect("ACK ")
		want[ReofferDone](r)
		p.respond(inv, 200, "", "", rigSDP) // its ACK was lost
		p.expect("ACK ")
		p.nothing(time.Minute)
	})
}

func TestGlareIsRefusedAndTriedAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, first := r.callAnn(p)
		l.Reoffer([]byte(rigSDP))
		ours := p.expect("INVITE ")
		// Theirs crosses ours: both refuse with 491.
		theirs := strings.NewReplacer("PEERTAG", "callee1", "OURTAG", first.tag("From"), "CALLID", first.hdr("Call-ID")).Replace(
			"INVITE sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bKglare;rport\r\nMax-Forwards: 70\r\nFrom: <sip:ann@x>;tag=PEERTAG\r\nTo: <sip:x@y>;tag=OURTAG\r\nCall-ID: CALLID\r\nCSeq: 7 INVITE\r\nContact: <sip:callee@10.0.0.3:5060>\r\nContent-Length: 0\r\n\r\n")
		p.send(theirs)
		p.expect("SIP/2.0 491")
		p.send(strings.ReplaceAll(theirs, "INVITE", "ACK"))
		p.respond(ours, 491, "", "", "")
		start := p.expect("ACK ").at
		again := p.expect("INVITE ")
		if d := again.at.Sub(start); d < 2*time.Second || d > 4100*time.Millisecond {
			t.Errorf("tried again after %v, want 2.1 to 4 s: the Call-ID is ours", d)
		}
		p.respond(again, 200, "", "", rigSDP)
		p.expect("ACK ")
		if ev := want[ReofferDone](r); ev.Code != 200 {
			t.Errorf("got %+v, want 200", ev)
		}
		p.nothing(time.Minute)
	})
}

func TestReofferRefusedLeavesTheCallUp(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, _ := r.callAnn(p)
		l.Reoffer([]byte(rigSDP))
		inv := p.expect("INVITE ")
		p.respond(inv, 488, "", "", "")
		p.expect("ACK ")
		if ev := want[ReofferDone](r); ev.Code != 488 {
			t.Errorf("got %+v, want 488", ev)
		}
		r.silent(time.Minute)
		l.Reoffer([]byte(rigSDP))
		p.respond(p.expect("INVITE "), 481, "", "", "")
		p.expect("ACK ")
		if ev := want[ReofferDone](r); ev.Code != 481 {
			t.Errorf("got %+v, want 481", ev)
		}
		p.expect("BYE ")
		if ev := want[Ended](r); ev.By != Failed || ev.Code != 481 {
			t.Errorf("got %+v, want Failed 481", ev)
		}
	})
}

func TestReofferWithoutAnyAnswerEndsTheLeg(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, _ := r.callAnn(p)
		l.Reoffer([]byte(rigSDP))
		if ev := want[ReofferDone](r); ev.Code != 408 {
			t.Errorf("got %+v, want 408", ev)
		}
		if ev := want[Ended](r); ev.By != Failed {
			t.Errorf("got %+v, want Failed", ev)
		}
	})
}

func TestReinviteBeforeTheAnswerIs500(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("too-early")
		c.ring()
		c.request("INVITE", "", rigSDP)
		if m := c.expect("SIP/2.0 500"); m.hdr("Retry-After") == "" {
			t.Errorf("got %q, want Retry-After (RFC 3261 §14.2)", m.text)
		}
		r.silent(time.Second)
	})
}

func TestByeEndsALegWithAReinviteInTheAir(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, _ := r.callAnn(p)
		l.Reoffer([]byte(rigSDP))
		inv := p.expect("INVITE ")
		l.Hangup(0, Reason{})
		want[Ended](r)
		bye := p.expect("BYE ")
		p.respond(bye, 200, "", "", "")
		p.respond(inv, 487, "", "", "")
		p.expect("ACK ")
		p.nothing(time.Minute)
	})
}

// linphone's hold writes From and To without the port that the INVITE had: a
// dialog is its Call-ID and tags, whatever the addresses say (RFC 3261 §12.2.2).
func TestDialogIsFoundByItsTagsAlone(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("port")
		l := c.up()
		c.seq++
		m := c.message("INVITE", "z9hG4bK-port-2", c.seq, "", rigSDP)
		m = strings.Replace(m, "<sip:+14155550123@10.0.0.2>", "<sip:other@10.0.0.2:5099>", 1)
		c.send(strings.Replace(m, "To: <sip:+14155550100@10.0.0.1>", "To: <sip:else@elsewhere.example>", 1))
		want[Reoffered](r)
		l.AnswerReoffer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.ack()
		want[Reconfirmed](r)
	})
}
