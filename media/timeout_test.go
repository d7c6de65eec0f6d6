package media

import (
	"testing"
	"time"
)

func timedOut(e Event) bool { _, ok := e.(TimedOut); return ok }

func TestTimeoutIsToldOnceUntilSoundReturns(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.silentPhone(PCMU, 20*ms, func(c *SessionConfig) { c.Timeout, c.HeldTimeout = 10*time.Second, time.Minute })
		<-time.After(time.Minute) // no agreement, no timer
		a.offer("sendrecv")
		stop := a.say(440)
		<-time.After(time.Minute)
		stop()
		if got := r.has(timedOut); len(got) != 0 {
			t.Errorf("got %v while sound came, want no TimedOut", got)
		}
		<-time.After(9500 * ms)
		if got := r.has(timedOut); len(got) != 0 {
			t.Errorf("got %v after 9.5 s, want none before 10 s", got)
		}
		<-time.After(time.Minute)
		got := r.has(timedOut)
		if len(got) != 1 {
			t.Fatalf("got %v, want one TimedOut", got)
		}
		if e := got[0].(TimedOut); e.Held || e.For < 10*time.Second || e.For > 10*time.Second+200*ms {
			t.Errorf("got %+v, want 10 s, not held", e)
		}
		a.speak(440)
		<-time.After(11 * time.Second)
		if got := r.has(timedOut); len(got) != 2 {
			t.Errorf("got %v, want a second TimedOut after sound had returned", got)
		}
	})
}

func TestHeldLegHasItsOwnTimeout(t *testing.T) {
	for _, direction := range []string{"sendonly", "inactive", "recvonly"} {
		t.Run(direction, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a := r.silentPhone(PCMU, 20*ms, func(c *SessionConfig) { c.Timeout, c.HeldTimeout = 10*time.Second, time.Minute })
				a.offer("sendrecv")
				<-time.After(9 * time.Second)
				a.offer(direction)
				<-time.After(59 * time.Second)
				if got := r.has(timedOut); len(got) != 0 {
					t.Errorf("got %v within HeldTimeout, want none", got)
				}
				<-time.After(2 * time.Second)
				got := r.has(timedOut)
				if len(got) != 1 || !got[0].(TimedOut).Held {
					t.Fatalf("got %v, want one TimedOut with Held", got)
				}
				a.offer("sendrecv")
				<-time.After(9 * time.Second)
				if got := r.has(timedOut); len(got) != 1 {
					t.Errorf("got %v 9 s after resuming, want the timer begun anew", got)
				}
				<-time.After(2 * time.Second)
				if got := r.has(timedOut); len(got) != 2 || got[1].(TimedOut).Held {
					t.Errorf("got %v, want a second one, not held", got)
				}
			})
		})
	}
}
