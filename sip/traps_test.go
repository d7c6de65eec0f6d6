package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// The tests of this file pin the traps of sipgo (v1.7.2) and of B2BUAs built on
// it: each fails without our cure.

// One goroutine a message lost the order of 226 in 2,000 ACK+BYE pairs.
func TestAckAndByeSentTogetherArriveInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		for batch := range 20 {
			var cs []*caller1
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
		time.Sleep(5 * time.Minute)
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

// Without WithClientConnectionAddr sipgo opened another socket a peer.
func TestRequestsLeaveFromTheListenersAddress(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		l, inv := r.callAnn(p)
		l.Hangup(0, Reason{})
		bye := p.expect("BYE ")
		if inv.from != rigSwitch || bye.from != rigSwitch {
			t.Errorf("sent from %s and %s, want %s", inv.from, bye.from, rigSwitch)
		}
	})
}

// sipgo refuses to send more than 1,300 bytes by UDP: ErrUDPMTUCongestion.
func TestMessagesAbove1300BytesAreSent(t *testing.T) {
	big := rigSDP + strings.Repeat("a=x-filler:0123456789012345678901234567890123456789\r\n", 100)
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		cs := r.e.Contacts("ann")
		r.e.Dial(Dial{To: Target{Contact: cs[0].ID}, Offer: []byte(big)})
		inv := p.expect("INVITE ")
		if !strings.HasSuffix(inv.text, big) {
			t.Errorf("got %d bytes, want the whole offer", len(inv.text))
		}
		p.respond(inv, 486, "a", "", "")
		want[Ended](r)
		c := r.peer(rigTrunk).call("big")
		l := c.ring()
		l.Answer([]byte(big))
		if m := c.expect("SIP/2.0 200"); !strings.HasSuffix(m.text, big) {
			t.Errorf("got %d bytes, want the whole answer", len(m.text))
		}
		c.ack()
	})
}

// No recover() anywhere in sipgo: one nil dereference ended every call.
func TestPanicInOneLegEndsThatLegOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		a, b := p.call("a"), p.call("b")
		la, lb := a.up(), b.up()
		la.post(func() { panic("boom") })
		ev := want[Ended](r)
		if ev.Leg != la.ID() || ev.By != Failed || ev.Err == nil {
			t.Errorf("got %+v, want leg a, Failed, with the error", ev)
		}
		if m := p.expect("BYE "); m.hdr("Call-ID") != "a" {
			t.Errorf("BYE of %q, want a", m.hdr("Call-ID"))
		}
		lb.Hangup(0, Reason{})
		if ev := want[Ended](r); ev.Leg != lb.ID() || ev.By != Ours {
			t.Errorf("got %+v, want leg b, Ours", ev)
		}
		if n := r.e.Stats().Panics; n != 1 {
			t.Errorf("panics: got %d, want 1", n)
		}
	})
}

func TestPanicOnOneMessageCostsThatMessageOnly(t *testing.T) {
	var boom atomic.Bool
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("m")
		boom.Store(true)
		c.invite()
		c.nothing(100 * time.Millisecond)
		if n := r.e.Stats().Panics; n != 1 {
			t.Errorf("panics: got %d, want 1", n)
		}
		c.up()
	}, func(c *Config) {
		c.Trace = func(Message) {
			if boom.Swap(false) {
				panic("boom")
			}
		}
	})
}

// sipgo kept every source address for ever: 300,000 forged ones took 102 MiB.
func TestForgedSourcesLeaveNothingBehind(t *testing.T) {
	inBubble(t, func(r *rig) {
		to := netip.MustParseAddrPort(rigSwitch)
		for i := range 20000 {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), uint16(1024+i))
			text := "junk"
			switch i % 4 {
			case 1:
				text = strings.ReplaceAll("OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%\r\nFrom: <sip:a@b>;tag=%\r\nTo: <sip:a@b>\r\nCall-ID: %\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", "%", fmt.Sprint(i))
			case 2:
				text = strings.ReplaceAll("BYE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%\r\nFrom: <sip:a@b>;tag=%\r\nTo: <sip:a@b>;tag=x\r\nCall-ID: %\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n", "%", fmt.Sprint(i))
			case 3:
				text = strings.ReplaceAll("INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%;rport\r\nFrom: <sip:a@b>;tag=%\r\nTo: <sip:a@b>\r\nContact: <sip:a@b>\r\nCall-ID: %\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", "%", fmt.Sprint(i))
			}
			r.net.Send(from, to, []byte(text))
			if i%500 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		e := r.e
		if n := e.memory.len() + len(e.servers.m) + len(e.clients.m) + len(e.friends.m) + e.legs.len(); n != 0 {
			t.Errorf("entries left: got %d, want 0", n)
		}
		if s := e.Stats(); s.Strangers != 15000 || s.Challenged != 5000 || s.Sent != 5000 {
			t.Errorf("got %d in silence, %d challenged, %d sent, want 15000, 5000, 5000", s.Strangers, s.Challenged, s.Sent)
		}
	})
}

// Unparsable datagrams were logged whole, at ERROR, each.
func TestUnparsablePacketsAreCountedAndNotQuoted(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		for i := range 1000 {
			p.send(fmt.Sprintf("INVITE sip:secret%d@x SIP/2.0\r\nVia: garbage4711\r\n\r\n", i))
		}
		p.nothing(time.Second)
		if n := r.e.Stats().Malformed; n != 1000 {
			t.Errorf("malformed: got %d, want 1000", n)
		}
		log := r.log.String()
		if strings.Contains(log, "secret") || strings.Contains(log, "4711") || strings.Count(log, "\n") > 3 {
			t.Errorf("log: got %q, want a line or two without the packet", log)
		}
	})
}

// A UDP server transaction of sipgo held a goroutine, and 8 KB, for 32 s.
func TestFinishedCallsHoldNoGoroutineAndNoTransaction(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		before := runtime.NumGoroutine()
		for i := range 200 {
			c := p.call(fmt.Sprintf("g%d", i))
			c.up()
			c.request("BYE", "", "")
			c.expect("SIP/2.0 200")
			want[Ended](r)
		}
		time.Sleep(time.Millisecond)
		if n := runtime.NumGoroutine(); n > before+5 {
			t.Errorf("goroutines: got %d more, want none", n-before)
		}
		if n := len(r.e.servers.m) + len(r.e.clients.m) + r.e.legs.len(); n != 0 {
			t.Errorf("transactions and legs: got %d, want 0", n)
		}
		time.Sleep(33 * time.Second)
		if _, _, ok := r.e.memory.get("x"); ok || r.e.memory.len() != 0 {
			t.Errorf("remembered keys after 33 s: got %d, want 0", r.e.memory.len())
		}
	})
}

// Any read error but ErrClosed ended sipgo's listener for good.
func TestReadErrorDoesNotEndTheListener(t *testing.T) {
	bad := &flaky{}
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("err")
		for range 3 {
			bad.fail.Store(true)
			c.send("junk that makes ReadFrom return")
			time.Sleep(time.Second)
		}
		c.up()
	}, func(c *Config) {
		bad.PacketConn = c.UDP[0]
		c.UDP[0] = bad
	})
}

type flaky struct {
	net.PacketConn
	fail atomic.Bool
}

func (f *flaky) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := f.PacketConn.ReadFrom(b)
	if err == nil && f.fail.Swap(false) {
		return 0, nil, errors.New("connection refused")
	}
	return n, a, err
}

// sipgo's knobs are package variables without locks: set once, in one place.
func TestKnobsHaveTheStandardsValues(t *testing.T) {
	setKnobs()
	setKnobs()
	if sip.T1 != t1 || sip.T2 != t2 || sip.Timer_B != giveUp || sip.Timer_H != giveUp || sip.SIPDebug {
		t.Errorf("got T1 %v, T2 %v, B %v, H %v", sip.T1, sip.T2, sip.Timer_B, sip.Timer_H)
	}
}

func TestByeCrossingByeIsAnswered200(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("cross")
		l := c.up()
		l.Hangup(0, Reason{})
		c.request("BYE", "", "") // on the wire before ours arrives
		want[Ended](r)
		bye := c.expect("BYE ")
		c.expect("SIP/2.0 200")
		c.respond(bye, 481, "", "", "")
		c.nothing(time.Minute)
		r.silent(time.Second)
	})
}

func TestInDialogRequestForNoDialogIs481ToAKnownPeerOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("none")
		c.toTag = "nothing"
		c.request("BYE", "", "")
		c.expect("SIP/2.0 481")
		c.send(c.message("CANCEL", "z9hG4bK-nope", 1, "", ""))
		c.expect("SIP/2.0 481")
		c.request("INVITE", "", rigSDP)
		c.expect("SIP/2.0 481")
		s := r.peer("10.9.9.9:5060").call("none")
		s.toTag = "nothing"
		s.request("BYE", "", "")
		s.send(s.message("CANCEL", "z9hG4bK-nope", 1, "", ""))
		s.request("INFO", "", "")
		s.nothing(time.Minute)
	})
}
