package main

import (
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// What the wallboard says of an agent it says since its own beginning: the ring,
// the talk with its holds, the wrap-up, and the rest after it.
func TestEachThingThatAnAgentDoesHasItsBeginning(t *testing.T) {
	live(t, "teams:\n  support: {name: Support, agents: [ann, bob, carol], wrap_up: 10s}\n"+queueFlow, func(s *story) {
		began := func(what string, at time.Time) {
			t.Helper()
			if got := s.agentNow("ann").Doing.Sub(at); got.Abs() > 300*time.Millisecond {
				t.Errorf("%s: got it since %v after its beginning, want since then", what, got)
			}
		}
		phone := s.agent("ann", annTone, simphone.Ring().After(4*time.Second).Answer())
		there := time.Now()
		time.Sleep(20 * time.Second)
		began("there", there)
		rang := time.Now()
		c := s.dial()
		time.Sleep(3 * time.Second)
		began("ringing", rang)
		a := s.gets(phone)
		s.answered(a)
		time.Sleep(5 * time.Second)
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		time.Sleep(5 * time.Second)
		began("in a call, on hold", rang.Add(4*time.Second))
		s.order(call.Order{Verb: call.Resume, By: "ann"})
		time.Sleep(time.Second)
		freed := time.Now()
		s.bye(a)
		s.ended(c)
		time.Sleep(3 * time.Second)
		began("wrap-up", freed)
		time.Sleep(15 * time.Second)
		began("there again", freed.Add(10*time.Second))
	})
}

// Without a wrap-up an agent is free since the end of the call.
func TestAnAgentIsFreeSinceTheLastCall(t *testing.T) {
	live(t, "teams:\n  support: {name: Support, agents: [ann, bob, carol], wrap_up: 0s}\n"+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		time.Sleep(5 * time.Second)
		freed := time.Now()
		s.bye(a)
		s.ended(c)
		time.Sleep(7 * time.Second)
		if got := s.agentNow("ann").Doing.Sub(freed); got.Abs() > 300*time.Millisecond {
			t.Errorf("free: got it since %v after the call, want since its end", got)
		}
	})
}
