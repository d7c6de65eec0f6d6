package sip

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
)

// several is a trunk at three addresses, in any order.
func several(n *names) func(*Config) {
	return func(c *Config) {
		c.Trunks = []Trunk{{ID: "acme", Host: "sip.acme.example"}}
		c.Lookup = n.lookup
	}
}

func threePlaces() *names {
	return &names{addrs: map[string][]string{"sip.acme.example": {"10.0.0.4", "10.0.0.5", "10.0.0.6"}}}
}

// RFC 3261 would wait 32 s for Timer B.
func TestSilentPlaceIsLeftAfterFourSecondsAndWhatItSaysLateIsRefused(t *testing.T) {
	inBubble(t, func(r *rig) {
		time.Sleep(time.Second)
		a, b := r.peer("10.0.0.4:5060"), r.peer("10.0.0.5:5060")
		began := time.Now()
		l := r.dialTrunk()
		first := a.expect("INVITE ")
		second := b.expect("INVITE ")
		if d := second.at.Sub(began); d < 3900*time.Millisecond || d > 4100*time.Millisecond {
			t.Errorf("the next place: got after %v, want 4 s", d)
		}
		if second.hdr("Call-ID") != first.hdr("Call-ID") || second.tag("From") != first.tag("From") || second.hdr("Via") == first.hdr("Via") || seqOf(second) != seqOf(first)+1 {
			t.Errorf("got %q, want the same call with another branch", second.text)
		}
		b.respond(second, 180, "b", "", "")
		want[Progressed](r)
		b.respond(second, 200, "b", "", rigSDP)
		want[Answered](r)
		b.expect("ACK ")
		// The first wakes up: 180, then 200 that crosses the CANCEL.
		for range 3 {
			a.expect("INVITE ") // repetitions, at 0.5, 1.5 and 3.5 s
		}
		a.nothing(20 * time.Second)
		a.respond(first, 180, "a", "", "")
		cancel := a.expect("CANCEL ")
		if cancel.hdr("Via") != first.hdr("Via") || cancel.hdr("CSeq") != strings.Replace(first.hdr("CSeq"), "INVITE", "CANCEL", 1) {
			t.Errorf("got %q, want the CANCEL of the first INVITE", cancel.text)
		}
		a.respond(cancel, 200, "a", "", "")
		a.respond(first, 200, "a", "", rigSDP)
		a.expect("ACK ")
		a.respond(a.expect("BYE "), 200, "a", "", "")
		r.silent(time.Second) // the call with the second goes on
		l.Hangup(0, Reason{})
		b.respond(b.expect("BYE "), 200, "b", "", "")
		want[Ended](r)
		// It is remembered: the next call goes to the second at once.
		r.dialTrunk()
		inv := b.expect("INVITE ")
		b.respond(inv, 486, "x", "", "")
		want[Ended](r)
		b.expect("ACK ")
		// For a bounded time.
		time.Sleep(blameMost)
		a.drain(time.Millisecond)
		r.dialTrunk()
		inv = a.expect("INVITE ")
		a.respond(inv, 486, "x", "", "")
		want[Ended](r)
	}, several(threePlaces()))
}

func TestPlacesThatRefuseAreLeftAtOnceInTheirOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		time.Sleep(time.Second)
		a, b, c := r.peer("10.0.0.4:5060"), r.peer("10.0.0.5:5060"), r.peer("10.0.0.6:5060")
		began := time.Now()
		r.dialTrunk()
		a.respond(a.expect("INVITE "), 503, "x", "Retry-After: 600\r\n", "")
		a.expect("ACK ")
		b.respond(b.expect("INVITE "), 408, "x", "", "")
		b.expect("ACK ")
		inv := c.expect("INVITE ")
		c.respond(inv, 503, "x", "", "")
		c.expect("ACK ")
		if ev := want[Ended](r); ev.Code != 503 || ev.By != Theirs || time.Since(began) > time.Second {
			t.Errorf("got %+v after %v, want the last place's 503 at once", ev, time.Since(began))
		}
		// 503 with Retry-After is heeded: five minutes later the others are good
		// again, the first is not.
		time.Sleep(blameMost + time.Second)
		r.dialTrunk()
		b.respond(b.expect("INVITE "), 486, "x", "", "")
		b.expect("ACK ")
		if ev := want[Ended](r); ev.Code != 486 {
			t.Errorf("got %+v, want busy: it is the called party's word, no place's", ev)
		}
		a.nothing(time.Second)
		time.Sleep(5 * time.Minute)
		r.dialTrunk()
		a.respond(a.expect("INVITE "), 486, "x", "", "")
		a.expect("ACK ")
		want[Ended](r)
	}, several(threePlaces()))
}

// What rings has got somewhere: 503 is then the called party's.
func TestNoFailoverOnceItRings(t *testing.T) {
	inBubble(t, func(r *rig) {
		time.Sleep(time.Second)
		a, b := r.peer("10.0.0.4:5060"), r.peer("10.0.0.5:5060")
		r.dialTrunk()
		inv := a.expect("INVITE ")
		a.respond(inv, 180, "x", "", "")
		want[Progressed](r)
		time.Sleep(time.Minute)
		a.respond(inv, 503, "x", "", "")
		if ev := want[Ended](r); ev.Code != 503 {
			t.Errorf("got %+v, want 503", ev)
		}
		b.nothing(time.Minute)
	}, several(threePlaces()))
}

// Scar of others: 100, and then nothing until Timer C's three minutes.
func TestPlaceThatOnlySaysTryingIsCancelledAndLeft(t *testing.T) {
	inBubble(t, func(r *rig) {
		time.Sleep(time.Second)
		a, b := r.peer("10.0.0.4:5060"), r.peer("10.0.0.5:5060")
		r.dialTrunk()
		first := a.expect("INVITE ")
		a.respond(first, 100, "", "", "")
		want[Progressed](r)
		second := b.expect("INVITE ")
		if d := second.at.Sub(first.at); d < 39*time.Second || d > 41*time.Second {
			t.Errorf("got after %v, want 40 s", d)
		}
		cancel := a.expect("CANCEL ")
		a.respond(cancel, 200, "a", "", "")
		a.respond(first, 487, "a", "", "")
		a.expect("ACK ")
		b.respond(second, 486, "b", "", "")
		b.expect("ACK ")
		want[Ended](r)
		a.nothing(time.Minute)
	}, several(threePlaces()))
}

func TestHangupWhileMovingOnLeavesNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		time.Sleep(time.Second)
		a, b := r.peer("10.0.0.4:5060"), r.peer("10.0.0.5:5060")
		l := r.dialTrunk()
		first := a.expect("INVITE ")
		second := b.expect("INVITE ")
		l.Hangup(0, Reason{})
		want[Ended](r)
		a.drain(time.Second)
		a.respond(first, 200, "a", "", rigSDP) // both pick up, too late
		b.respond(second, 200, "b", "", rigSDP)
		for _, p := range []*wirePeer{a, b} {
			p.expect("ACK ")
			p.respond(p.expect("BYE "), 200, "x", "", "")
		}
		time.Sleep(time.Minute)
		if n := r.e.Stats().Legs; n != 0 {
			t.Errorf("legs: got %d, want 0", n)
		}
	}, several(threePlaces()))
}

// The password is proved to the trunk's own addresses only: not to whom its
// Contact or Record-Route names.
func TestOnlyTheTrunksAddressGetsTheDigest(t *testing.T) {
	inBubble(t, func(r *rig) {
		p, thief := r.peer(rigTrunk), r.peer("10.0.0.66:5060")
		l := r.dialTrunk()
		p.respond(p.expect("INVITE "), 200, "x", "Record-Route: <sip:10.0.0.66;lr>\r\n", rigSDP)
		want[Answered](r)
		thief.expect("ACK ")
		l.Hangup(0, Reason{})
		thief.respond(thief.expect("BYE "), 401, "", "WWW-Authenticate: Digest realm=\"c\", nonce=\"n2\", qop=\"auth\"\r\n", "")
		want[Ended](r)
		for _, m := range thief.drain(time.Minute) {
			if strings.Contains(m.text, "Authorization") {
				t.Errorf("a stranger got %q", m.text)
			}
		}
	}, withPassword)
}

func TestOptionsTellWhoIsThereAndBringBackWhoWasBad(t *testing.T) {
	says := &trunkSays{}
	inBubble(t, func(r *rig) {
		a, b := r.peer("10.0.0.4:5060"), r.peer("10.0.0.5:5060")
		answering := func(d time.Duration, ps ...*wirePeer) {
			until := time.Now().Add(d)
			for time.Now().Before(until) {
				for _, p := range ps {
					for _, m := range p.drain(100 * time.Millisecond) {
						if strings.HasPrefix(m.text, "OPTIONS sip:sip.acme.example ") {
							p.respond(m, 404, "x", "", "") // any final answer is life
						}
					}
				}
			}
		}
		answering(70*time.Second, a, b)
		says.want(t, "acme", TrunkAlive, true, "answers OPTIONS; 1 of 3 addresses do not")
		// A place that fails is tried last until it answers OPTIONS.
		r.e.carriers.blame(place{netip.MustParseAddrPort("10.0.0.4:5060"), onUDP}, "test", 0)
		if _, spots, _ := r.e.carriers.target("acme"); spots[0].addr.String() != "10.0.0.5:5060" {
			t.Errorf("got %v first, want 10.0.0.5", spots[0])
		}
		answering(31*time.Second, a, b)
		if _, spots, _ := r.e.carriers.target("acme"); spots[0].addr.String() != "10.0.0.4:5060" || spots[2].addr.String() != "10.0.0.6:5060" {
			t.Errorf("got %v, want 10.0.0.4 first again and the silent one last", spots)
		}
		time.Sleep(2 * time.Minute) // nobody answers
		says.want(t, "acme", TrunkUnreachable, false, "unreachable: no answer to OPTIONS from")
		answering(31*time.Second, b)
		got := says.want(t, "acme", TrunkAlive, true, "answers OPTIONS")
		if got.Target != "udp:10.0.0.5:5060" {
			t.Errorf("target: got %s, want the one that answers", got.Target)
		}
	}, several(threePlaces()), says.listen, func(c *Config) { c.Trunks[0].Options = 30 * time.Second })
}

// A connection that we opened is kept open through NATs (RFC 5626 §4.4.1); what
// answers it is no message that would have to end.
func TestConnectionsThatWeOpenedAreKeptAlive(t *testing.T) {
	carrier, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer carrier.Close()
	r := newKernelRig(t, func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{ID: "tcp", Host: carrier.Addr().String(), Transport: "tcp"})
	})
	r.e.keepAlive = 20 * time.Millisecond
	r.e.Dial(Dial{To: Target{Trunk: "tcp"}, User: "+1415", Offer: []byte(rigSDP)})
	conn, err := carrier.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := &tcpPeer{t: t, Conn: conn, r: bufio.NewReader(conn)}
	inv := p.expect("INVITE ")
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range 3 {
		b := make([]byte, 4)
		if _, err := io.ReadFull(p.r, b); err != nil || string(b) != "\r\n\r\n" {
			t.Fatalf("got %q, %v, want a double CRLF", b, err)
		}
		fmt.Fprint(conn, "\r\n")
	}
	fmt.Fprintf(conn, "SIP/2.0 486 Busy Here\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=x\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		inv.hdr("Via"), inv.hdr("From"), inv.hdr("To"), inv.hdr("Call-ID"))
	if ev, ok := r.next().(Ended); !ok || ev.Code != 486 {
		t.Errorf("got %+v, want 486 after the keep-alives", ev)
	}
	var s stream
	copy(s.room(), "\r\n")
	s.add(2)
	if now := time.Now(); s.deadline(now, false).Sub(now) < silentFor {
		t.Error("a lone CRLF is taken for a message that must end soon")
	}
}

// The socket, the Via, the Contact and the sound's address are of the place's
// family; an offer of one family does not go to places of the other.
func TestPlacesOfBothFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		r := newRigOn(t, n, several(&names{addrs: map[string][]string{"sip.acme.example": {"2001:db8::2", "10.0.0.4"}}}), func(c *Config) {
			pc, err := n.ListenPacket(netip.MustParseAddrPort("[2001:db8::1]:5060"))
			if err != nil {
				t.Fatal(err)
			}
			c.UDP = append(c.UDP, pc)
		})
		defer r.close()
		time.Sleep(time.Second)
		six := r.peer("[2001:db8::2]:5060")
		bind, _ := r.e.MediaAddr(Target{Trunk: "acme"})
		if bind.String() != "2001:db8::1" {
			t.Errorf("sound: got %v, want ours of the family", bind)
		}
		r.dialTrunk()
		inv := six.expect("INVITE sip:+14155550199@sip.acme.example ")
		if !strings.Contains(inv.hdr("Via"), "UDP [2001:db8::1]:5060;") || !strings.Contains(inv.hdr("Contact"), "@[2001:db8::1]:5060>") {
			t.Errorf("Via %q, Contact %q: want our address in brackets", inv.hdr("Via"), inv.hdr("Contact"))
		}
		six.to = "[2001:db8::1]:5060"
		six.respond(inv, 503, "x", "Contact: <sip:c@[2001:db8::2]>\r\n", "")
		six.expect("ACK ")
		if ev := want[Ended](r); ev.Code != 503 {
			t.Errorf("got %+v, want 503: the offer is of the other family", ev)
		}
		// The next call begins with the family that is in good health.
		four := r.peer("10.0.0.4:5060")
		if bind, _ := r.e.MediaAddr(Target{Trunk: "acme"}); bind.String() != "10.0.0.1" {
			t.Errorf("sound of the next call: got %v, want ours of the other family", bind)
		}
		r.dialTrunk()
		four.respond(four.expect("INVITE "), 486, "x", "", "")
		want[Ended](r)
	})
}
