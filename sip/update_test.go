package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// RFC 3311 §5.2, before our answer.
func TestUpdateBeforeTheAnswerOfAnInboundCall(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("early")
		l := c.invited("Supported: 100rel\r\nAllow: INVITE, UPDATE\r\n", rigSDP).Leg
		l.Progress(180, nil)
		c.toTag = c.expect("SIP/2.0 180").tag("To")
		c.request("UPDATE", "", "") // the target alone
		if m := c.expect("SIP/2.0 200"); m.hdr("Contact") == "" || m.hdr("Session-Expires") != "" {
			t.Errorf("got %q, want our Contact, no timer before the answer", m.text)
		}
		c.request("UPDATE", "", rigSDP) // their first offer has no answer yet
		if m := c.expect("SIP/2.0 500"); m.hdr("Retry-After") == "" {
			t.Errorf("got %q, want Retry-After", m.text)
		}
		l.Reoffer([]byte("v=early\r\n")) // waits for an agreement
		l.Progress(183, []byte(rigSDP))
		_, n := c.reliable(183)
		c.request("UPDATE", "", rigSDP) // the answer is on its way, not there
		c.expect("SIP/2.0 500")
		c.prack(n, "")
		c.expect("SIP/2.0 200")
		ours := c.expect("UPDATE sip:bob@")
		if !strings.HasSuffix(ours.text, "v=early\r\n") || ours.hdr("Session-Expires") != "" {
			t.Errorf("UPDATE: got %q, want our offer", ours.text)
		}
		c.request("UPDATE", "", rigSDP) // glare
		c.expect("SIP/2.0 491")
		c.respond(ours, 200, "", "", rigSDP)
		if ev := want[ReofferDone](r); ev.Code != 200 || string(ev.SDP) != rigSDP {
			t.Errorf("got %+v, want 200 with the answer", ev)
		}
		c.request("UPDATE", "", rigSDP+"a=inactive\r\n")
		want[Reoffered](r)
		c.request("UPDATE", "", rigSDP) // a second before we answer the first
		c.expect("SIP/2.0 500")
		l.Answer(nil)
		c.nothing(100 * time.Millisecond)
		l.AnswerReoffer([]byte(rigSDP + "a=inactive\r\n"))
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.hdr("CSeq"), "UPDATE") || !strings.HasSuffix(m.text, "inactive\r\n") {
			t.Errorf("got %q, want our answer", m.text)
		}
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.hdr("CSeq"), "INVITE") {
			t.Errorf("got %q, want the 200 of the INVITE", m.text)
		}
	})
}

func TestUpdateBeforeTheAnswerOfAnOutboundCall(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		l := r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		inv := p.expect("INVITE ")
		seq := 10
		update := func(tag, body string) {
			seq++
			ct := ""
			if body != "" {
				ct = "Content-Type: application/sdp\r\n"
			}
			p.send(fmt.Sprintf("UPDATE sip:trunkline@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-u%d;rport\r\nMax-Forwards: 70\r\n"+
				"From: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d UPDATE\r\nContact: <sip:moved@10.0.0.2:5060>\r\n%sContent-Length: %d\r\n\r\n%s",
				p.at, seq, inv.hdr("To"), tag, inv.hdr("From"), inv.hdr("Call-ID"), seq, ct, len(body), body))
		}
		update("a", "")
		p.expect("SIP/2.0 481") // no such early dialog
		p.respond(inv, 180, "a", "Allow: UPDATE\r\n", "")
		want[Progressed](r)
		update("a", rigSDP) // our offer has no answer yet
		p.expect("SIP/2.0 491")
		p.respond(inv, 183, "a", "Require: 100rel\r\nRSeq: 1\r\n", rigSDP)
		p.respond(p.expect("PRACK "), 200, "", "", "")
		want[Progressed](r)
		update("a", rigSDP)
		want[Reoffered](r)
		l.AnswerReoffer([]byte(rigSDP + "ours"))
		if m := p.expect("SIP/2.0 200"); !strings.HasSuffix(m.text, "ours") {
			t.Errorf("got %q, want our answer", m.text)
		}
		l.Reoffer([]byte("v=early\r\n"))
		if m := p.expect("UPDATE sip:moved@10.0.0.2:5060 "); !strings.HasSuffix(m.text, "v=early\r\n") || m.tag("To") != "a" {
			t.Errorf("got %q, want our offer to the refreshed target", m.text)
		} else {
			p.respond(m, 488, "", "", "")
		}
		if ev := want[ReofferDone](r); ev.Code != 488 {
			t.Errorf("got %+v, want 488", ev)
		}
		p.respond(inv, 200, "a", "", rigSDP)
		want[Answered](r)
		p.expect("ACK ")
		seq = 5
		update("a", "") // an old CSeq
		p.expect("SIP/2.0 500")
	})
}

// RFC 3311 §5.2, in the confirmed dialog.
func TestUpdateGlareAfterTheAnswer(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("glare")
		l := c.up()
		l.Reoffer([]byte("v=ours\r\n"))
		ours := c.expect("INVITE ")
		c.request("UPDATE", "", rigSDP)
		c.expect("SIP/2.0 491")
		c.request("UPDATE", "", "") // no offer: nothing in its way
		c.expect("SIP/2.0 200")
		c.respond(ours, 200, "", "", rigSDP)
		c.expect("ACK ")
		want[ReofferDone](r)
		// Our offer is in the 200 of their re-INVITE.
		c.request("INVITE", "", "")
		want[Reoffered](r)
		l.AnswerReoffer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		seq := c.seq
		c.request("UPDATE", "", rigSDP)
		c.expect("SIP/2.0 491")
		c.send(c.message("ACK", "z9hG4bK-glare-a", seq, "", rigSDP))
		want[Reconfirmed](r)
	})
}

// Every message that makes or refreshes a dialog tells the same of us.
func TestAllowAndSupportedAreTheSameOnEveryMessage(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		c := p.call("same")
		c.send(c.message("INVITE", c.branch, 1, "Supported: 100rel\r\n", rigSDP))
		c.expect("SIP/2.0 100")
		l := want[Invited](r).Leg
		l.Progress(183, []byte(rigSDP))
		early, n := c.reliable(183)
		c.prack(n, "")
		c.expect("SIP/2.0 200")
		l.Answer(nil)
		ms := []wireMsg{early, c.expect("SIP/2.0 200")}
		c.send(c.message("ACK", "z9hG4bK-same-a", 1, "", ""))
		want[Confirmed](r)
		l.Reoffer([]byte(rigSDP))
		ms = append(ms, c.expect("INVITE "))
		c.respond(ms[2], 488, "", "", "")
		c.expect("ACK ")
		c.request("UPDATE", "", "")
		ms = append(ms, c.expect("SIP/2.0 200"))
		c.request("OPTIONS", "", "")
		ms = append(ms, c.expect("SIP/2.0 200"))
		r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		for !strings.HasPrefix(ms[len(ms)-1].text, "INVITE sip:1@") {
			ms = append(ms, <-p.in)
		}
		for _, m := range ms {
			first, _, _ := strings.Cut(m.text, "\r\n")
			if m.hdr("Allow") != "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK" || m.hdr("Supported") != "100rel, timer" {
				t.Errorf("%s: got Allow %q, Supported %q", first, m.hdr("Allow"), m.hdr("Supported"))
			}
		}
	})
}
