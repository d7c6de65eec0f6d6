package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The tests of this file pin the traps of sipgo (v1.7.2) and of B2BUAs built on
// it: each fails without our cure.

// One goroutine a message lost the order of 226 in 2,000 ACK+BYE pairs.
func TestAckAndByeSentTogetherArriveInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		for batch := range 20 {
			var cs []*wireCall
			for i := range 15 {
				c := p.call(fmt.Sprintf("o%d-%d", batch, i))
				c.ring().Answer([]byte(rigSDP))
				p.expect("SIP/2.0 200")
				cs = append(cs, c)
			}
			for _, c := range cs {
				c.ack()
				c.request("BYE", "", "")
			}
			confirmed := map[LegID]bool{}
			for range 2 * len(cs) {
				switch ev := r.next(time.Second).(type) {
				case Confirmed:
					confirmed[ev.Leg] = true
				case Ended:
					if !confirmed[ev.Leg] {
						t.Fatalf("%v: Ended before Confirmed", ev.Leg)
					}
				}
			}
			p.drain(50 * time.Millisecond)
		}
	})
}

func TestRequestsSentTogetherArriveInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("infos")
		c.up()
		const n = 500
		for i := range n {
			c.request("INFO", fmt.Sprintf("Content-Type: x/%d\r\n", i), "")
		}
		for i := range n {
			if ev := want[Info](r); ev.ContentType != fmt.Sprintf("x/%d", i) {
				t.Fatalf("INFO %d: got %q", i, ev.ContentType)
			}
			c.expect("SIP/2.0 200")
		}
	})
}

func TestRequestOfThePastIs500(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("past")
		c.up()
		c.seq = 10
		c.request("INFO", "", "")
		c.expect("SIP/2.0 200")
		want[Info](r)
		c.seq = 4
		c.request("BYE", "", "") // RFC 3261 §12.2.2
		c.expect("SIP/2.0 500")
		r.silent(time.Second)
	})
}

// Responses too: a 183 that lost its race against the 200 was dropped, and its
// early media with it.
func TestProgressAndAnswerSentTogetherArriveInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		for range 100 {
			l := r.dialAnn()
			inv := p.expect("INVITE ")
			p.respond(inv, 180, "a", "", "")
			p.respond(inv, 183, "a", "", rigSDP)
			p.respond(inv, 200, "a", "", rigSDP)
			for _, code := range []int{180, 183} {
				if ev := want[Progressed](r); ev.Code != code {
					t.Fatalf("got %d, want %d", ev.Code, code)
				}
			}
			want[Answered](r)
			p.expect("ACK ")
			l.Hangup(0, Reason{})
			want[Ended](r)
			p.respond(p.expect("BYE "), 200, "", "", "")
		}
	})
}

func TestByeThatOvertakesTheAckWaitsForIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("early")
		l := c.ring()
		l.Answer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.seq = 1
		bye := c.message("BYE", "z9hG4bK-early-bye", 2, "", "")
		c.send(bye)
		time.Sleep(50 * time.Millisecond)
		c.ack()
		want[Confirmed](r)
		if ev := want[Ended](r); ev.By != Theirs {
			t.Errorf("got %+v, want Theirs", ev)
		}
		c.expect("SIP/2.0 200")
		c.nothing(time.Minute)
	})
}

func TestByeWithoutAnyAckEndsTheLegSoon(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("noack")
		l := c.ring()
		l.Answer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.request("BYE", "", "")
		if ev := want[Ended](r); ev.By != Theirs {
			t.Errorf("got %+v, want Theirs", ev)
		}
		for _, m := range c.drain(time.Minute) {
			if !strings.HasPrefix(m.text, "SIP/2.0 200") {
				t.Errorf("got %q, want only 200s", m.text)
			}
		}
	})
}

func TestReinviteThatOvertakesTheAckWaitsForIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("early2")
		l := c.ring()
		l.Answer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.send(c.message("INVITE", "z9hG4bK-early2-re", 2, "", rigSDP))
		r.silent(100 * time.Millisecond)
		c.ack()
		want[Confirmed](r)
		want[Reoffered](r)
		l.AnswerReoffer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.seq = 2
		c.ack()
		want[Reconfirmed](r)
	})
}

// sipgo's WaitAnswer sends neither ACK nor BYE: the phone sits in silence.
func TestA200ThatCrossesOurCancelIsAcknowledgedAndHungUp(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l := r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 180, "a", "", "")
		want[Progressed](r)
		l.Hangup(0, Reason{Cause: 408, Text: "no answer"})
		can := p.expect("CANCEL ")
		p.respond(inv, 200, "a", "", rigSDP)
		p.respond(can, 481, "a", "", "")
		p.expect("ACK ")
		bye := p.expect("BYE ")
		if got := bye.hdr("Reason"); got != `SIP;cause=408;text="no answer"` {
			t.Errorf("BYE's Reason: got %q", got)
		}
		p.respond(bye, 200, "", "", "")
		want[Answered](r)
		if ev := want[Ended](r); ev.By != Ours {
			t.Errorf("got %+v, want Ours", ev)
		}
	})
}

func TestA200LongAfterTheLegEndedIsAcknowledgedAndHungUp(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		r.dialAnn()
		inv := p.expect("INVITE ")
		p.respond(inv, 486, "a", "", "")
		want[Ended](r)
		p.expect("ACK ")
		time.Sleep(20 * time.Second)
		for range 2 { // the peer repeats it; one BYE is enough
			p.respond(inv, 200, "late", "", rigSDP)
		}
		p.expect("ACK sip:callee@10.0.0.3")
		bye := p.expect("BYE sip:callee@10.0.0.3")
		if bye.tag("To") != "late" || bye.hdr("Reason") == "" {
			t.Errorf("BYE: got To %q Reason %q, want tag late and a reason", bye.hdr("To"), bye.hdr("Reason"))
		}
		p.respond(bye, 200, "", "", "")
		p.expect("ACK ")
		p.nothing(time.Minute)
	})
}

func TestSecond2xxOfAForkIsAcknowledgedAndHungUp(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, inv := r.callAnn(p)
		p.respond(inv, 200, "callee2", "", rigSDP)
		ack := p.expect("ACK ")
		bye := p.expect("BYE ")
		if ack.tag("To") != "callee2" || bye.tag("To") != "callee2" {
			t.Errorf("got tags %q, %q, want callee2", ack.tag("To"), bye.tag("To"))
		}
		p.respond(bye, 200, "", "", "")
		r.silent(time.Second) // the first answer stands
		// A repetition of the first: its ACK again, nothing else.
		p.respond(inv, 200, "callee1", "", rigSDP)
		if a := p.expect("ACK "); a.tag("To") != "callee1" {
			t.Errorf("got %q, want callee1", a.tag("To"))
		}
		p.nothing(time.Minute)
		l.Hangup(0, Reason{})
		if b := p.expect("BYE "); b.tag("To") != "callee1" {
			t.Errorf("got %q, want callee1", b.tag("To"))
		}
	})
}

// sipgo repeats after max(2*T1, T2), blocks for 32 s, and sends no BYE.
func TestLostAckRepeatsThe200AndEndsWithABye(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("lost")
		l := c.ring()
		l.Answer([]byte(rigSDP))
		first := c.expect("SIP/2.0 200")
		at := 0.0
		// RFC 3261 §13.3.1.4: T1, 2*T1, … up to T2.
		for _, wait := range []float64{.5, 1, 2, 4, 4, 4, 4, 4, 4, 4} {
			at += wait
			m := c.expect("SIP/2.0 200")
			if m.text != first.text {
				t.Errorf("repetition differs: got %q, want %q", m.text, first.text)
			}
			if d := m.at.Sub(first.at).Seconds(); d < at-.01 || d > at+.01 {
				t.Errorf("repeated after %.2f s, want %.2f", d, at)
			}
		}
		bye := c.expect("BYE ")
		if d := bye.at.Sub(first.at).Seconds(); d < 31.9 || d > 32.1 {
			t.Errorf("BYE after %.2f s, want 32", d)
		}
		ev := want[Ended](r)
		if ev.By != Failed || ev.Code != 408 || ev.Text != "no ACK" {
			t.Errorf("got %+v, want Failed 408 no ACK", ev)
		}
		c.respond(bye, 200, "", "", "")
		c.nothing(time.Minute)
	})
}

func TestHangupBeforeTheAckSendsByeAfterIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("hup")
		l := c.ring()
		l.Answer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		l.Hangup(0, Reason{})
		if ev := want[Ended](r); ev.By != Ours {
			t.Errorf("got %+v, want Ours", ev)
		}
		c.nothing(400 * time.Millisecond) // RFC 3261 §15
		c.ack()
		bye := c.expect("BYE ")
		c.respond(bye, 200, "", "", "")
		c.nothing(time.Minute)
	})
}

// The ACK of a 2xx may reuse the INVITE's branch: sipgo then gives it to the
// transaction, not to OnAck, and parks a goroutine for 32 s.
func TestAckThatReusesTheInvitesBranchConfirms(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("branch")
		l := c.ring()
		l.Answer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.send(c.message("ACK", c.branch, 1, "", ""))
		want[Confirmed](r)
		c.nothing(time.Minute)
	})
}

// A handler that returned before its final response killed the transaction.
func TestInviteMayRingForMinutesAndItsRepetitionsGetTheLastProvisional(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("long")
		l := c.ring()
		c.drain(5*time.Minute + 30*time.Second)
		c.invite()
		c.expect("SIP/2.0 180")
		r.silent(time.Second)
		l.Answer([]byte(rigSDP))
		c.expect("SIP/2.0 200")
		c.invite() // RFC 6026 §7.1: absorbed
		c.ack()
		want[Confirmed](r)
		c.nothing(time.Minute)
	})
}
