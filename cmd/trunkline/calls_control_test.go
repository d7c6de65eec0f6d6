package main

import (
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// Product §5: the other side hears music, the holder nothing.
func TestHoldByOrder(t *testing.T) {
	narrate(t, "order-hold", supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		s.order(call.Order{Verb: call.Hold, By: "ann"}) // once is enough
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music")
		s.wantHears(a, "silence")
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly)) // the phone's key too
		s.order(call.Order{Verb: call.Resume, By: "ann"})
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music") // the phone still holds
		s.does(a.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// A hold outlives a transfer that fails, and ends with one that succeeds.
func TestHoldDuringATransfer(t *testing.T) {
	narrate(t, "order-hold-transfer", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music")
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.ended(a)
		s.bye(c)
		s.ended(b)
	})
}

func TestMuteByOrder(t *testing.T) {
	narrate(t, "order-mute", supportTeam+queueFlow, func(s *story) {
		s.muteCustomer = false
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Mute, By: "ann"})
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "silence")
		s.wantHears(a, "customer")
		s.order(call.Order{Verb: call.Unmute, By: "ann"})
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 2*time.Second, customerTone, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

func TestPausedRecordingIsSilentAndMarked(t *testing.T) {
	narrate(t, "order-pause", supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Pause, By: "ann", Reason: "card number"})
		s.order(call.Order{Verb: call.Pause, By: "ann"})
		time.Sleep(3 * time.Second)
		s.order(call.Order{Verb: call.Continue, By: "ann"})
		s.hear(c, annTone)
		s.order(call.Order{Verb: call.Pause, By: "ann", Reason: "again", For: 2 * time.Second}) // goes on by itself
		time.Sleep(4 * time.Second)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 400*time.Millisecond, customerTone, annTone)
		sound.wantSaid(t, 2*time.Second, 0, 0)
		sound.wantSaid(t, 4200*time.Millisecond, customerTone, annTone)
		sound.wantSaid(t, 6*time.Second, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

func TestHangUpByOrder(t *testing.T) {
	for _, by := range []string{"ann", ""} {
		t.Run("by "+by, func(t *testing.T) {
			narrate(t, "order-hangup-"+map[string]string{"ann": "agent", "": "operator"}[by], supportTeam+queueFlow, func(s *story) {
				c, a, _ := s.talk(simphone.Ring())
				o := call.Order{Verb: call.Hangup}
				if by != "" {
					o.By = "ann"
				}
				s.order(o)
				s.ended(c)
				s.ended(a)
			})
		})
	}
}

func TestKeypadIsPressedTowardsTheCustomer(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Keypad, By: "ann", Digits: "42#"})
		time.Sleep(2 * time.Second)
		if got := c.Heard().Digits; got != "42#" {
			t.Errorf("the customer's side got %q, want 42#", got)
		}
		s.refused(call.Order{Verb: call.Keypad, By: "ann", Digits: "4x"}, call.ErrNoDigits)
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		s.refused(call.Order{Verb: call.Keypad, By: "ann", Digits: "4"}, call.ErrNotNow)
		s.order(call.Order{Verb: call.Resume, By: "ann"})
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}
