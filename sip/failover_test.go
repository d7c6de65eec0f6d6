package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"
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
