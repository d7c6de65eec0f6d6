package main

import (
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// press has a phone press keys, and gives them time.
func (s *story) press(c *simphone.Call, digits string) {
	s.Helper()
	c.SendDigits(digits)
	time.Sleep(time.Duration(len(digits))*250*time.Millisecond + 300*time.Millisecond)
}

// The keys of the agent's phone give the same orders; the customer's give none.
func TestKeysDuringACall(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.press(c, "*8*1")
		s.hear(a, customerTone)
		if r := s.liveRecord(); len(r.Recordings[0].Pauses) != 0 {
			t.Errorf("keys of the customer: got %+v, want them ignored", r.Recordings[0].Pauses)
		}
		s.press(a, "*8")
		s.wantHears(c, "music")
		s.press(a, "*8")
		s.hear(c, annTone)
		s.press(a, "*1")
		time.Sleep(2 * time.Second)
		s.press(a, "*1")
		s.hear(c, annTone)
		if r := s.liveRecord(); len(r.Recordings[0].Pauses) != 1 || r.Recordings[0].Pauses[0].By != "ann" || r.Recordings[0].Pauses[0].To.IsZero() {
			t.Errorf("pauses by key: got %+v, want one of ann's that is over", r.Recordings[0].Pauses)
		}
		s.bye(c)
		s.ended(a)
	})
}

func TestTransferByKeys(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		s.press(a, "*3102#")
		s.wantHears(c, "music")
		b := s.gets(bob)
		s.hear(a, bobTone)
		s.press(a, "*4")
		s.hear(a, customerTone)
		s.press(a, "*6")
		s.ended(a)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
	})
}

// Without # the number is whole when no more digits come.
func TestTransferByKeysWithoutAnEnd(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
		far.OnCall(simphone.Ring().After(time.Second).Answer())
		c, a, _ := s.talk(simphone.Ring())
		s.press(a, "*24155550177")
		f := s.gets(far)
		s.ended(a)
		s.hear(c, farTone)
		s.bye(c)
		s.ended(f)
	})
}
