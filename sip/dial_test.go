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
