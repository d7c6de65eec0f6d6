package sip

import (
	"sync/atomic"
	"testing"
)

// A leg was in the table until its goroutine got round to leaving it: now and
// then one was left after its Ended and after Serve.
func TestADialAfterServeLeavesNoLegBehindItsEnded(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.stop()
		<-r.done
		var legs atomic.Int32
		legs.Store(-1)
		r.onEmit = func(Event) { legs.Store(int32(r.e.Stats().Legs)) }
		l := r.e.Dial(Dial{To: Target{Trunk: "acme"}})
		if ev := want[Ended](r); ev.Leg != l.ID() || ev.By != Failed || ev.Code != 503 || ev.Err == nil {
			t.Errorf("got %+v, want Failed 503 with an error", ev)
		}
		if n := legs.Load(); n != 0 {
			t.Errorf("legs when Ended came: got %d, want 0", n)
		}
		l.Hangup(0, Reason{})
	})
}

// An INVITE that passed the check of draining just before the legs were ended
// was never ended itself, and Serve waited for ever.
func TestNoLegBeginsOnceTheLastAreEnded(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.peer(rigTrunk).call("slip")
		r.e.legs.close()
		c.invite()
		if m := c.expect("SIP/2.0 503"); m.hdr("Retry-After") != "30" {
			t.Errorf("Retry-After: got %q, want 30", m.hdr("Retry-After"))
		}
		if n := r.e.Stats().Legs; n != 0 {
			t.Errorf("legs: got %d, want 0", n)
		}
	})
}
