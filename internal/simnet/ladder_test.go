package simnet

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/golden"
)

// msg builds a SIP message out of its lines.
func msg(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

func TestLadderTellsTheCallWithoutIdentifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		n.Name(hostA, "carrier")
		n.Name(hostB, "switch")
		c, s := listen(t, n, "10.0.0.1:5060"), listen(t, n, "10.0.0.2:5080")
		head := []string{"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKdeadbeef", "f: \"Lee\" <sip:+14155550123@10.0.0.1>;tag=a1", "i: x@y"}
		with := func(first string, more ...string) string {
			return msg(append(append([]string{first}, head...), more...)...)
		}
		invite := with("INVITE sip:+14155550100@10.0.0.2:5080;user=phone SIP/2.0", "To: <sip:+14155550100@10.0.0.2>", "CSeq: 1 INVITE") + "v=0\r\nc=IN IP4 10.0.0.1\r\n"
		n.Drop(First(1, Request("ACK")))
		n.Delay(Request("CANCEL"), time.Second)
		send(t, c, s, invite)
		time.Sleep(500 * time.Millisecond)
		send(t, c, s, invite)
		send(t, s, c, with("SIP/2.0 180 Ringing", "t: <sip:+14155550100@10.0.0.2>;tag=zz", "CSeq: 1 INVITE"))
		send(t, c, s, with("CANCEL sip:+14155550100@10.0.0.2:5080 SIP/2.0", "To: <sip:+14155550100@10.0.0.2>", "CSeq: 1 CANCEL", `Reason: SIP;cause=200;text="Call completed elsewhere 01ARZ3NDEKTSV4RRFFQ69G5FAV"`))
		send(t, c, s, with("ACK sip:01ARZ3NDEKTSV4RRFFQ69G5FAV@10.0.0.2:5080 SIP/2.0", "To: <sip:x@y>;tag=zz", "CSeq: 1 ACK"))
		send(t, c, s, with("INVITE sip:01ARZ3NDEKTSV4RRFFQ69G5FAV@10.0.0.2:5080 SIP/2.0", "To: <sip:x@y>;tag=zz", "CSeq: 2 INVITE")+"v=0\r\na=sendonly\r\n")
		send(t, s, c, with("SIP/2.0 503 Service Unavailable", "To: <sip:x@y>;tag=zz", "CSeq: 2 INVITE", "Retry-After: 30"))
		time.Sleep(time.Second)
		send(t, c, s, with("REGISTER sip:10.0.0.2 SIP/2.0", "To: <sip:ann@10.0.0.2>", "CSeq: 3 REGISTER", "Authorization: Digest username=\"ann\"", "Contact: <sip:ann@10.0.0.1:5060>;expires=0"))
		send(t, c, s, "garbage")
		golden.EqualLines(t, "testdata/notes.ladder", n.Ladder())

		n.ClearLadder()
		send(t, c, s, with("OPTIONS sip:10.0.0.2 SIP/2.0", "To: <sip:10.0.0.2>", "CSeq: 4 OPTIONS"))
		if g, w := strings.Join(n.Ladder(), "\n"), "   0.000s  carrier -> switch  OPTIONS sip:switch"; g != w {
			t.Errorf("got %q after ClearLadder, want %q", g, w)
		}
	})
}

func TestLadderDoesNotDependOnWhichGoroutineWasFirst(t *testing.T) {
	ladder := func(order []int) (out string) {
		synctest.Test(t, func(t *testing.T) {
			n := New()
			a, b, c := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1"), listen(t, n, "10.0.0.3:1")
			writes := []func(){
				func() { send(t, a, b, msg("BYE sip:b SIP/2.0", "Call-ID: 1")) },
				func() { send(t, a, b, msg("CANCEL sip:b SIP/2.0", "Call-ID: 2")) },
				func() { send(t, a, c, msg("ACK sip:c SIP/2.0", "Call-ID: 3")) },
				func() { send(t, b, a, msg("SIP/2.0 200 OK", "CSeq: 1 INVITE", "Call-ID: 1")) },
			}
			for _, i := range order {
				writes[i]()
			}
			out = strings.Join(n.Ladder(), "\n")
		})
		return out
	}
	want := ladder([]int{0, 1, 2, 3})
	for _, o := range [][]int{{3, 2, 1, 0}, {1, 3, 0, 2}} {
		if g := ladder(o); g != want {
			t.Errorf("order %v: got\n%s\nwant\n%s", o, g, want)
		}
	}
}

func TestArrivalsOfOneInstantAreOrderedByAddress(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			n := New()
			dst := listen(t, n, "10.0.0.9:1")
			var wg sync.WaitGroup
			for _, a := range []string{"10.0.0.3:1", "10.0.0.1:1", "10.0.0.2:1"} {
				c := listen(t, n, a)
				wg.Go(func() { send(t, c, dst, c.LocalAddr().String()) })
			}
			wg.Wait()
			if g, w := strings.Join(got(t, dst, time.Second), " "), "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1"; g != w {
				t.Errorf("got %s, want %s", g, w)
			}
		})
	}
}

func TestRtpIsSummedUpNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		n.Name(hostA, "carrier")
		n.Name(hostB, "switch")
		a, b := listen(t, n, "10.0.0.1:4000"), listen(t, n, "10.0.0.2:4000")
		for range 50 {
			send(t, a, b, "\x80\x08"+strings.Repeat("\x00", 170))
			time.Sleep(20 * time.Millisecond)
		}
		send(t, a, b, "\x80\xc8"+strings.Repeat("\x00", 26)) // RTCP SR
		if l := n.Ladder(); len(l) != 0 {
			t.Errorf("got %q, want no line for RTP", l)
		}
		if g, w := strings.Join(n.Sound(), "\n"), "carrier => switch  PCMA  0.0s to 1.0s"; g != w {
			t.Errorf("got %q, want %q", g, w)
		}
		if f := n.Flows(); len(f) != 1 || f[0].Packets != 50 {
			t.Errorf("got %+v, want one flow of 50 packets", f)
		}
	})
}
