package sip

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

func prack(mode Reliability) func(*Config) { return func(c *Config) { c.Trunks[0].Prack = mode } }

// invited sends an INVITE with these header lines, body or none, and returns its leg.
func (c *wireCall) invited(more, body string) Invited {
	c.r.t.Helper()
	c.send(c.message("INVITE", c.branch, c.seq, more, body))
	c.expect("SIP/2.0 100")
	return want[Invited](c.r)
}

// reliable wants a reliable 18x, and returns it with its RSeq.
func (c *wireCall) reliable(code int) (wireMsg, uint32) {
	c.r.t.Helper()
	m := c.expect(fmt.Sprintf("SIP/2.0 %d", code))
	n, err := strconv.ParseUint(m.hdr("RSeq"), 10, 32)
	if m.hdr("Require") != "100rel" || err != nil || n == 0 || n >= 1<<31 {
		c.r.t.Fatalf("got %q, want Require: 100rel and an RSeq", m.text)
	}
	c.toTag = m.tag("To")
	return m, uint32(n)
}

// prack acknowledges a 18x of the INVITE with CSeq 1.
func (c *wireCall) prack(rseq uint32, body string) {
	c.request("PRACK", fmt.Sprintf("RAck: %d 1 INVITE\r\n", rseq), body)
}

func TestReliableRingingIsRepeatedUntilItsPrack(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("rel")
		l := c.invited("Require: 100rel\r\n", rigSDP).Leg
		l.Progress(180, nil)
		_, n := c.reliable(180)
		start := time.Now()
		var at []time.Duration
		for range 4 {
			m, again := c.reliable(180)
			if again != n {
				t.Fatalf("repeated with RSeq %d, want %d", again, n)
			}
			at = append(at, m.at.Sub(start).Round(100*time.Millisecond))
		}
		if got := fmt.Sprint(at); got != "[500ms 1.5s 3.5s 7.5s]" {
			t.Errorf("repeated at %v, want T1 doubling", got)
		}
		l.Progress(183, []byte(rigSDP)) // waits for the PRACK of the first
		c.nothing(time.Second)
		c.prack(n+1, "")
		c.expect("SIP/2.0 481")
		c.prack(n, "")
		c.expect("SIP/2.0 200")
		m, next := c.reliable(183)
		if next != n+1 || !strings.HasSuffix(m.text, rigSDP) {
			t.Errorf("got RSeq %d, want %d with our description", next, n+1)
		}
		l.Answer([]byte(rigSDP)) // RFC 3262 §3: not before the PRACK of what carries a description
		c.nothing(300 * time.Millisecond)
		c.prack(next, "")
		c.expect("SIP/2.0 200")
		if m = c.expect("SIP/2.0 200"); !strings.HasSuffix(m.hdr("CSeq"), "INVITE") || strings.Contains(m.text, "v=0") {
			t.Errorf("got %q, want the 200 of the INVITE without a description: it was agreed on", m.text)
		}
		c.send(c.message("ACK", "z9hG4bK-rel-ack", 1, "", ""))
		want[Confirmed](r)
		c.prack(next, "")
		c.expect("SIP/2.0 481")
		r.silent(time.Minute)
	})
}

func TestReliableOnlyWhereItIsWanted(t *testing.T) {
	for _, c := range []struct {
		mode      Reliability
		more      string
		sdp, want bool
	}{
		{"", "", true, false},
		{"", "Supported: 100rel\r\n", false, false},
		{"", "Supported: timer, 100rel\r\n", true, true},
		{ReliableSupported, "k: 100rel\r\n", true, true},
		{ReliableRequired, "Supported: 100rel\r\n", false, true},
		{ReliableOff, "Supported: 100rel\r\n", true, false},
	} {
		inBubble(t, func(r *rig) {
			p := r.peer(rigTrunk).call("where")
			l := p.invited(c.more, rigSDP).Leg
			var sdp []byte
			if c.sdp {
				sdp = []byte(rigSDP)
			}
			l.Progress(183, sdp)
			m := p.expect("SIP/2.0 183")
			if got := m.hdr("RSeq") != ""; got != c.want {
				t.Errorf("%q, policy %q, sdp %v: got reliable %v, want %v", c.more, c.mode, c.sdp, got, c.want)
			}
			if got := strings.Contains(m.hdr("Supported"), "100rel"); got != (c.mode != ReliableOff) {
				t.Errorf("policy %q: Supported %q", c.mode, m.hdr("Supported"))
			}
			if got := strings.Contains(m.hdr("Allow"), "PRACK"); got != (c.mode != ReliableOff) {
				t.Errorf("policy %q: Allow %q", c.mode, m.hdr("Allow"))
			}
			l.Hangup(0, Reason{})
			want[Ended](r)
		}, prack(c.mode))
	}
}

func TestReliabilityThatCannotBeIsRefused(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("x")
		c.send(c.message("INVITE", c.branch, 1, "Require: 100rel\r\n", rigSDP))
		if m := c.expect("SIP/2.0 420"); m.hdr("Unsupported") != "100rel" {
			t.Errorf("got %q, want Unsupported: 100rel", m.text)
		}
	}, prack(ReliableOff))
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("x")
		c.send(c.message("INVITE", c.branch, 1, "Supported: timer\r\n", rigSDP))
		if m := c.expect("SIP/2.0 421"); m.hdr("Require") != "100rel" {
			t.Errorf("got %q, want Require: 100rel", m.text)
		}
		r.silent(time.Second)
	}, prack(ReliableRequired))
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		if m := p.expect("INVITE "); m.hdr("Require") != "100rel" {
			t.Errorf("got %q, want Require: 100rel", m.text)
		}
	}, prack(ReliableRequired))
}

func TestWithoutAPrackTheCallIsRefused(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("never")
		l := c.invited("Require: 100rel\r\n", rigSDP).Leg
		l.Progress(183, []byte(rigSDP))
		l.Answer([]byte(rigSDP))
		start := time.Now()
		if ev := want[Ended](r); ev.By != Failed || ev.Code != 504 || !near(time.Since(start), 32*time.Second) {
			t.Errorf("got %+v after %v, want Failed 504 after 32 s", ev, time.Since(start))
		}
		ms := c.drain(time.Second)
		if last := ms[len(ms)-1]; !strings.HasPrefix(last.text, "SIP/2.0 504") {
			t.Errorf("got %q, want 504", last.text)
		}
	})
}

func TestCancelWhileThePrackIsAwaited(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("can")
		l := c.invited("Require: 100rel\r\n", rigSDP).Leg
		l.Progress(183, []byte(rigSDP))
		_, n := c.reliable(183)
		l.Answer([]byte(rigSDP))
		tag := c.toTag
		c.toTag = ""
		c.send(c.message("CANCEL", c.branch, 1, "", ""))
		c.expect("SIP/2.0 200")
		c.expect("SIP/2.0 487")
		c.toTag = tag
		c.send(c.message("ACK", c.branch, 1, "", ""))
		if ev := want[Ended](r); ev.By != Theirs || ev.Code != 487 {
			t.Errorf("got %+v, want Theirs 487", ev)
		}
		c.prack(n, "") // it was under way
		c.expect("SIP/2.0 481")
		c.nothing(time.Minute)
	})
}

// RFC 3262 §5: an INVITE without an offer gets it in the first reliable 18x,
// the answer comes in the PRACK.
func TestOurOfferInA18xIsAnsweredByThePrack(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("less")
		ev := c.invited("Require: 100rel\r\n", "")
		if !ev.Reliable || ev.Offer != nil {
			t.Errorf("got %+v, want reliable and offerless", ev)
		}
		l := ev.Leg
		l.Progress(180, nil) // there is no offer in it: it cannot go out
		c.nothing(time.Second)
		l.Progress(180, []byte(rigSDP))
		m, n := c.reliable(180)
		if !strings.HasSuffix(m.text, rigSDP) {
			t.Errorf("got %q, want our offer", m.text)
		}
		c.prack(n, rigSDP)
		c.expect("SIP/2.0 200")
		if ev := want[Pracked](r); string(ev.SDP) != rigSDP {
			t.Errorf("got %q, want the answer", ev.SDP)
		}
		l.Answer([]byte(rigSDP))
		if m := c.expect("SIP/2.0 200"); strings.Contains(m.text, "v=0") {
			t.Errorf("got %q, want no description again", m.text)
		}
		c.send(c.message("ACK", "z9hG4bK-less-ack", 1, "", ""))
		if ev := want[Confirmed](r); ev.SDP != nil {
			t.Errorf("got %q, want none", ev.SDP)
		}
	})
}

func TestOfferInAPrackIsAnsweredInItsResponse(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("po")
		l := c.invited("Supported: 100rel\r\n", rigSDP).Leg
		l.Progress(183, []byte(rigSDP))
		_, n := c.reliable(183)
		c.prack(n, rigSDP+"a=sendonly\r\n")
		if ev := want[Reoffered](r); !strings.HasSuffix(string(ev.Offer), "sendonly\r\n") {
			t.Errorf("got %q, want their offer", ev.Offer)
		}
		l.Answer([]byte(rigSDP)) // waits: one offer at a time
		c.nothing(100 * time.Millisecond)
		l.AnswerReoffer([]byte(rigSDP + "a=recvonly\r\n"))
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.hdr("CSeq"), "PRACK") || !strings.HasSuffix(m.text, "recvonly\r\n") {
			t.Errorf("got %q, want our answer to the PRACK", m.text)
		}
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.hdr("CSeq"), "INVITE") {
			t.Errorf("got %q, want the 200 of the INVITE", m.text)
		}
	})
}

// RFC 3262 §4: in their order, each once.
func TestReliable18xIsAcknowledgedInItsOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		inv := p.expect("INVITE ")
		if !strings.Contains(inv.hdr("Supported"), "100rel") || !strings.Contains(inv.hdr("Allow"), "PRACK") {
			t.Errorf("INVITE: got Supported %q, Allow %q", inv.hdr("Supported"), inv.hdr("Allow"))
		}
		rel := func(code int, tag string, n int, body string) {
			p.respond(inv, code, tag, fmt.Sprintf("Require: 100rel\r\nRSeq: %d\r\nRecord-Route: <sip:10.0.0.2;lr>\r\nContact: <sip:%s@10.0.0.2:5060>\r\n", n, tag), body)
		}
		rel(180, "a", 7, "")
		if m := p.expect("PRACK sip:a@10.0.0.2:5060 "); m.hdr("RAck") != "7 1 INVITE" || m.tag("To") != "a" || m.hdr("CSeq") != "2 PRACK" || m.hdr("Route") != "<sip:10.0.0.2;lr>" {
			t.Errorf("PRACK: got %q", m.text)
		} else {
			p.respond(m, 200, "", "", "")
		}
		if ev := want[Progressed](r); ev.Code != 180 || ev.Fork != "a" {
			t.Errorf("got %+v, want 180 of a", ev)
		}
		rel(180, "a", 7, "")           // repeated
		rel(183, "a", 9, rigSDP)       // 8 is missing
		rel(183, "a", 6, rigSDP)       // old
		p.nothing(time.Second)         // none of them is acknowledged,
		r.silent(time.Second)          // nor told
		rel(183, "a", 8, rigSDP)       // now it is here
		m := p.expect("PRACK sip:a@")  //
		p.respond(m, 200, "", "", "")  //
		rel(183, "b", 100, rigSDP+"b") // another phone has its own numbers
		m = p.expect("PRACK sip:b@10.0.0.2:5060 ")
		if m.hdr("RAck") != "100 1 INVITE" || m.tag("To") != "b" || m.hdr("CSeq") != "4 PRACK" {
			t.Errorf("PRACK: got %q", m.text)
		}
		p.respond(m, 200, "", "", "")
		for _, fork := range []string{"a", "b"} {
			if ev := want[Progressed](r); ev.Code != 183 || ev.Fork != fork || ev.SDP == nil {
				t.Errorf("got %+v, want 183 of %s", ev, fork)
			}
		}
		p.respond(inv, 200, "a", "", "") // its description was in the 183
		if ev := want[Answered](r); string(ev.SDP) != rigSDP {
			t.Errorf("got %q, want the description of a's 183", ev.SDP)
		}
		if m := p.expect("ACK "); m.hdr("CSeq") != "1 ACK" || m.tag("To") != "a" {
			t.Errorf("ACK: got %q, want CSeq 1", m.text)
		}
	})
}

func TestTheirOfferInA18xIsAnsweredInOurPrack(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		l := r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1"})
		inv := p.expect("INVITE ")
		p.respond(inv, 183, "a", "Require: 100rel\r\nRSeq: 1\r\n", rigSDP)
		if ev := want[Progressed](r); !ev.Offered || string(ev.SDP) != rigSDP {
			t.Errorf("got %+v, want their offer", ev)
		}
		p.nothing(100 * time.Millisecond)
		l.AnswerReoffer([]byte(rigSDP + "answer"))
		m := p.expect("PRACK ")
		if !strings.HasSuffix(m.text, "answer") || m.hdr("Content-Type") != sdpType {
			t.Errorf("got %q, want our answer", m.text)
		}
		p.respond(m, 200, "", "", "")
	})
}

func TestReliable18xIsAcknowledgedAlsoWhileCancelling(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		l := r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: "1", Offer: []byte(rigSDP)})
		inv := p.expect("INVITE ")
		p.respond(inv, 180, "a", "", "")
		want[Progressed](r)
		l.Hangup(0, Reason{})
		can := p.expect("CANCEL ")
		p.respond(inv, 183, "a", "Require: 100rel\r\nRSeq: 5\r\n", rigSDP)
		p.respond(p.expect("PRACK "), 200, "", "", "")
		p.respond(can, 200, "a", "", "")
		p.respond(inv, 487, "a", "", "")
		p.expect("ACK ")
		want[Ended](r)
		p.nothing(time.Minute)
	})
}

// OPTIONS is answered with what the trunk's policy has, no more.
func TestOptionsTellsThePolicyOfItsTrunk(t *testing.T) {
	for _, c := range []struct {
		mode             Reliability
		allow, supported string
	}{
		{ReliableSupported, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK", "100rel, timer"},
		{ReliableOff, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE", "timer"},
	} {
		inBubble(t, func(r *rig) {
			p := r.peer(rigTrunk).call("opt")
			p.send(p.message("OPTIONS", "z9hG4bK-opt", 1, "", ""))
			if m := p.expect("SIP/2.0 200"); m.hdr("Allow") != c.allow || m.hdr("Supported") != c.supported {
				t.Errorf("%s: got Allow %q, Supported %q, want %q, %q", c.mode, m.hdr("Allow"), m.hdr("Supported"), c.allow, c.supported)
			}
		}, prack(c.mode))
	}
}
