package sip

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Each leg's goroutine sent its own INVITE: who waited longest was not who was
// rung first.
func TestInvitesLeaveInTheOrderOfTheDials(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigTrunk)
		const n = 100
		legs := make([]*Leg, n)
		for i := range n {
			legs[i] = r.e.Dial(Dial{To: Target{Trunk: "acme"}, User: fmt.Sprintf("+1415%04d", i)})
		}
		for i := range n {
			m := p.expect("INVITE ")
			if want := fmt.Sprintf("INVITE sip:+1415%04d@", i); !strings.HasPrefix(m.text, want) {
				t.Fatalf("INVITE %d: got %.40q, want %q", i, m.text, want)
			}
			p.respond(m, 486, "x", "", "")
		}
		for range n {
			if ev := want[Ended](r); ev.Code != 486 {
				t.Fatalf("got %+v, want 486", ev)
			}
		}
	})
}

// The switchboard dials while it holds its own state: nothing may come back
// to it before Dial has returned.
func TestAFailedDialIsNotToldFromInsideDial(t *testing.T) {
	inBubble(t, func(r *rig) {
		var from atomic.Pointer[[]byte]
		r.onEmit = func(Event) {
			stack := debug.Stack()
			from.Store(&stack)
		}
		r.e.Dial(Dial{To: Target{Trunk: "nobody"}})
		if ev := want[Ended](r); ev.Code != 503 {
			t.Errorf("got %+v, want 503", ev)
		}
		if s := string(*from.Load()); strings.Contains(s, "(*Endpoint).Dial(") {
			t.Errorf("Ended came from inside Dial:\n%s", s)
		}
	})
}

func TestAPanicWhileDiallingEndsThatLegOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		p := r.peer(rigPhone)
		synctest.Wait() // Serve has taken the sockets
		sockets := r.e.udp
		r.e.udp = []*udpSocket{nil}
		r.dialAnn()
		r.e.udp = sockets
		if ev := want[Ended](r); ev.By != Failed || ev.Code != 500 {
			t.Errorf("got %+v, want Failed 500", ev)
		}
		if s := r.e.Stats(); s.Panics != 1 {
			t.Errorf("panics: got %d, want 1", s.Panics)
		}
		r.callAnn(p)
		time.Sleep(time.Second)
		if n := r.e.Stats().Legs; n != 1 {
			t.Errorf("legs: got %d, want 1", n)
		}
	})
}

// RFC 7332 §3: a call that comes round to us again and again must end.
func TestMaxForwardsIsToldAndPassedOn(t *testing.T) {
	inBubble(t, func(r *rig) {
		p, q := r.peer(rigTrunk), r.peer(rigPhone)
		for _, c := range []struct {
			header string
			want   int
		}{{"", 70}, {"Max-Forwards: 2\r\n", 2}, {"Max-Forwards: 255\r\n", 255}} {
			call := p.call("mf" + fmt.Sprint(c.want))
			call.send(strings.Replace(call.message("INVITE", call.branch, 1, "", rigSDP), "Max-Forwards: 70\r\n", c.header, 1))
			ev := want[Invited](r)
			if ev.MaxForwards != c.want {
				t.Errorf("%q: got %d, want %d", c.header, ev.MaxForwards, c.want)
			}
			ev.Leg.Reject(404, "")
			want[Ended](r)
		}
		ann := r.e.Contacts("ann")[0].ID
		for i, want := range []string{"70", "1", "254"} {
			r.e.Dial(Dial{To: Target{Contact: ann}, MaxForwards: []int{0, 1, 254}[i]})
			m := q.expect("INVITE ")
			if got := m.hdr("Max-Forwards"); got != want {
				t.Errorf("Max-Forwards of the INVITE: got %s, want %s", got, want)
			}
			q.respond(m, 486, "x", "", "")
			q.expect("ACK ")
		}
	})
}
