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

	"trunkline/internal/raced"
)

// More of the traps: sockets, sizes, panics, what is left behind.

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
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("m")
		from := netip.MustParseAddrPort(rigTrunk)
		r.e.receive([]byte(c.message("INVITE", c.branch, 1, "", "")), &flow{remote: from, source: from}) // no socket: nil
		if n := r.e.Stats().Panics; n != 1 {
			t.Errorf("panics: got %d, want 1", n)
		}
		c.up()
	})
}

// A tracer that panics, also from the timers of transactions, harms nobody.
func TestPanicOfTheTracerCostsNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		r.dialAnn()
		time.Sleep(3 * time.Second)
		if n := len(p.drain(time.Second)); n != 4 {
			t.Errorf("INVITE sent %d times, want 4", n)
		}
		r.peer(rigTrunk).call("t").up()
	}, func(c *Config) { c.Trace = func(Message) { panic("boom") } })
}

// sipgo kept every source address for ever: 300,000 forged ones took 102 MiB.
func TestForgedSourcesLeaveNothingBehind(t *testing.T) {
	inBubble(t, func(r *rig) {
		to := netip.MustParseAddrPort(rigSwitch)
		sources := raced.Or(4000, 20_000)
		for i := range sources {
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
				time.Sleep(100 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		e := r.e
		if n := e.memory.len() + len(e.servers.m) + len(e.clients.m) + len(e.friends.m) + e.legs.len(); n != 0 {
			t.Errorf("entries left: got %d, want 0", n)
		}
		asked := uint64(sources / 4)
		if s := e.Stats(); s.Strangers != 3*asked || s.Challenged != asked || s.Sent != asked {
			t.Errorf("got %d in silence, %d challenged, %d sent, want %d, %d, %d", s.Strangers, s.Challenged, s.Sent, 3*asked, asked, asked)
		}
	})
}

// Unparsable datagrams were logged whole, at ERROR, each.
func TestUnparsablePacketsAreCountedAndNotQuoted(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		for i := range 1000 {
			p.send(fmt.Sprintf("INVITE sip:secret%d@x SIP/2.0\r\na line without a colon 4711\r\n\r\n", i))
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
