package main

import (
	"bytes"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// does is for a verb of a call that must succeed.
func (s *story) does(err error) {
	s.Helper()
	if err != nil {
		s.fatal(err)
	}
}

// wantSaid wants half a second of a recording, from at, to have a tone on
// each side alone; 0 is silence.
func (k kept) wantSaid(t *testing.T, at time.Duration, left, right float64) {
	t.Helper()
	from := int(at / (time.Second / 8000))
	if len(k.left) < from+4000 {
		t.Fatalf("recording: got %v, want %v at least", k.length(), at+time.Second/2)
	}
	for _, side := range []struct {
		name  string
		sound simphone.Sound
		want  float64
		other float64
	}{
		{"left", simphone.Sound{Samples: k.left[from : from+4000]}, left, right},
		{"right", simphone.Sound{Samples: k.right[from : from+4000]}, right, left},
	} {
		switch {
		case side.want == 0 && !side.sound.Silent():
			t.Errorf("%s side at %v: got %v, want silence", side.name, at, side.sound)
		case side.want != 0 && (!side.sound.Has(side.want) || side.other != 0 && side.sound.Has(side.other)):
			t.Errorf("%s side at %v: got %v, want %v Hz alone", side.name, at, side.sound, side.want)
		}
	}
}

// 1.3 s of talk, 3 s of hold, talk again.
func TestHoldByTheCarrierGivesTheAgentMusic(t *testing.T) {
	narrate(t, "hold-by-carrier", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.does(c.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		time.Sleep(2 * time.Second)
		s.wantHears(a, "music")
		before := c.Heard().Packets
		time.Sleep(time.Second)
		if n := c.Heard().Packets - before; n > 0 {
			t.Errorf("packets to the one who holds: got %d in a second, want none", n)
		}
		s.does(c.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 400*time.Millisecond, customerTone, annTone)
		sound.wantSaid(t, 3*time.Second, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

func TestBothSidesHoldAndTalkOnlyWhenNeitherDoes(t *testing.T) {
	narrate(t, "hold-both", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		s.does(c.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		time.Sleep(time.Second)
		s.does(a.Resume(s.within(5 * time.Second)))
		time.Sleep(500 * time.Millisecond)
		s.wantHears(a, "music") // the carrier still holds
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		s.does(c.Resume(s.within(5 * time.Second)))
		time.Sleep(500 * time.Millisecond)
		s.wantHears(c, "music") // now ann does
		s.does(a.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 400*time.Millisecond, customerTone, annTone)
		sound.wantSaid(t, sound.length()/2, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

func TestAgentWhoHoldsInTheAnswerGivesTheCustomerMusic(t *testing.T) {
	narrate(t, "hold-in-answer", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		ann.Behave(func(h *simphone.Habits) {
			h.SDP = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("a=sendrecv"), []byte("a=sendonly")) }
		})
		c := s.dial()
		a := s.gets(ann)
		time.Sleep(500 * time.Millisecond)
		s.wantHears(c, "music")
		ann.Behave(func(h *simphone.Habits) { h.SDP = nil })
		s.does(a.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(a)
		s.ended(c)
		sound := s.recorded()
		sound.wantSaid(t, 500*time.Millisecond, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

func TestCarrierWhoHoldsWhileWaitingGivesTheAgentMusic(t *testing.T) {
	narrate(t, "hold-while-waiting", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(5*time.Second).Answer())
		c := s.dial()
		s.answered(c)
		time.Sleep(time.Second)
		s.does(c.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		a := s.gets(ann)
		time.Sleep(500 * time.Millisecond)
		s.wantHears(a, "music")
		s.does(c.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 500*time.Millisecond, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

// RFC 3261 §14.2: whoever asks for our offer has not said that the hold is over.
func TestOfferlessReinviteDoesNotUnhold(t *testing.T) {
	narrate(t, "hold-offerless", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		time.Sleep(time.Second)
		s.does(a.Reinvite(s.within(5*time.Second), simphone.NoOffer()))
		time.Sleep(time.Second)
		s.wantHears(c, "music")
		s.does(c.Reinvite(s.within(5*time.Second), simphone.NoOffer()))
		time.Sleep(time.Second)
		s.wantHears(c, "music")
		s.does(a.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 400*time.Millisecond, customerTone, annTone)
		sound.wantSaid(t, sound.length()/2, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}

func TestHoldByAnOfferlessReinvite(t *testing.T) {
	narrate(t, "hold-by-ack", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldOfferless))
		time.Sleep(time.Second)
		s.wantHears(c, "music")
		s.does(a.Resume(s.within(5 * time.Second)))
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, 2*time.Second, 0, 0)
		sound.wantSaid(t, sound.length()-time.Second, customerTone, annTone)
	})
}
