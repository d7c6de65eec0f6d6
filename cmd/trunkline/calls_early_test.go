package main

import (
	"testing"
	"time"

	"trunkline/internal/simphone"
)

var reliably = simphone.WithHeader("Supported", "100rel")

// RFC 3262 on both legs: the far end's 183 is acknowledged, and the caller's
// acknowledges ours.
func TestReliableEarlyMediaOnBothLegs(t *testing.T) {
	narrate(t, "prack-early", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Reliably().Early().After(2 * time.Second).Ring().After(time.Second).Answer())
		c := s.dial(reliably)
		if err := c.WaitRinging(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		s.hear(c, farTone)
		s.answered(c)
		f := s.gets(far)
		s.hear(c, farTone)
		s.hear(f, customerTone)
		s.bye(c)
		s.ended(f)
	})
}

// RFC 3262 §5: a caller without an offer that requires reliability gets ours
// in the 180, and hears the early media.
func TestOfferlessCallerGetsOurOfferInAReliable18x(t *testing.T) {
	narrate(t, "prack-offerless", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Early().After(3 * time.Second).Answer())
		c := s.dial(simphone.NoOffer(), simphone.WithHeader("Require", "100rel"))
		if err := c.WaitRinging(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		time.Sleep(2 * time.Second)
		s.hear(c, farTone)
		s.answered(c)
		f := s.gets(far)
		s.hear(f, customerTone)
		s.bye(c)
		s.ended(f)
	})
}

// A caller that never acknowledges a description is refused (RFC 3262 §3), and
// nobody goes on ringing for it.
func TestCallerThatNeverAcknowledgesEarlyMediaIsRefused(t *testing.T) {
	narrate(t, "prack-never", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Early())
		s.carrier.Behave(func(h *simphone.Habits) { h.NoPrack = true })
		c := s.dial(reliably)
		if e := s.ended(c); e.Code != 504 {
			t.Errorf("the caller: got %v, want 504", e)
		}
		s.ended(s.rings(far))
	})
}

// A 180 without a description after a 183 with one: who is told of it keeps the
// early media, so our 180 carries the description again.
func TestRingingAfterEarlyMediaKeepsIt(t *testing.T) {
	narrate(t, "early-183-180", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Early().After(time.Second).Ring().After(3 * time.Second).Answer())
		c := s.dial()
		if err := c.WaitRinging(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		s.hear(c, farTone)
		s.answered(c)
		f := s.gets(far)
		s.hear(f, customerTone)
		s.bye(c)
		s.ended(f)
	})
}

func TestEarlyMediaAfterRinging(t *testing.T) {
	narrate(t, "early-180-183", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Progress(182).Early().After(3 * time.Second).Answer())
		c := s.dial()
		if err := c.WaitRinging(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		s.wantHears(c, "nothing") // the caller's own side plays the ringing
		time.Sleep(time.Second)
		s.hear(c, farTone)
		s.answered(c)
		f := s.gets(far)
		s.hear(c, farTone)
		s.bye(c)
		s.ended(f)
	})
}

// 181 and 182 are no ringing: they are passed on as what they are.
func TestForwardedAndQueuedAreNoRinging(t *testing.T) {
	narrate(t, "early-181-182", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Script{}.Progress(181).After(time.Second).Progress(182).After(time.Second).Progress(183).After(time.Second).Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		if got := c.Progress(); len(got) != 4 || got[0] != 181 || got[1] != 182 || got[2] != 183 || got[3] != 180 {
			t.Errorf("18x at the caller: got %v, want 181, 182, 183, 180", got)
		}
		f := s.gets(far)
		s.bye(f)
		s.ended(c)
	})
}

// An answered caller hears our ring-back until early media comes, the early
// media while it lasts, and the ring-back again when the next trunk is tried.
func TestRingbackGivesWayToEarlyMediaAndComesBack(t *testing.T) {
	flow := supportTeam + "flows:\n  main: [{play: welcome}, {forward: \"+14155550199\", trunks: [spare, acme]}]\n"
	narrate(t, "early-ringback", flow, func(s *story) {
		far := s.far(simphone.After(3 * time.Second).Ring().After(5 * time.Second).Early().After(3 * time.Second).Decline(503))
		s.carrier.OnCall(simphone.Ring().After(9 * time.Second).Answer())
		c := s.dial()
		s.answered(c)
		f := s.rings(far)
		ringing := func(when string) {
			t.Helper()
			if got := s.sound(c, 6*time.Second); /* 2 s of tone, 4 s of silence */ !got.Has(440) || !got.Has(480) || got.Has(farTone) {
				t.Errorf("%s: got %v, want the ring-back", when, got)
			}
		}
		ringing("before the early media")
		time.Sleep(2500 * time.Millisecond)
		s.hear(c, farTone)
		s.ended(f)
		time.Sleep(time.Second)
		ringing("over the next trunk")
		a := s.gets(s.carrier)
		s.bye(a)
		s.ended(c)
	})
}

// Behind a proxy that forks, the caller hears the phone that began last, and in
// the end the one that answers.
func TestEarlyMediaOfSeveralPhones(t *testing.T) {
	const other = 600.0
	for _, twin := range []bool{false, true} {
		name := map[bool]string{false: "early-forks-first", true: "early-forks-second"}[twin]
		narrate(t, name, supportTeam+forwardFlow, func(s *story) {
			far := s.far(simphone.Early())
			c := s.dial()
			f := s.rings(far)
			if err := c.WaitRinging(s.within(5 * time.Second)); err != nil {
				s.fatal(err)
			}
			s.hear(c, farTone)
			f.EarlyFork(other)
			time.Sleep(100 * time.Millisecond)
			s.hear(c, other)
			f.Early() // the first says it again: that takes nothing back
			time.Sleep(100 * time.Millisecond)
			s.hear(c, other)
			tone := farTone
			if twin {
				tone = other
				f.AnswerFork()
				f = f.Twin()
			} else {
				f.Answer()
			}
			s.answered(c)
			time.Sleep(100 * time.Millisecond)
			s.hear(c, tone)
			s.hear(f, customerTone)
			s.bye(c)
			s.ended(f)
		})
	}
}
