package main

import (
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

const waitFlow = "teams:\n  support: {agents: [ann], wrap_up: 0s}\n  sales: {agents: [bob], wrap_up: 0s}\nflows:\n" +
	"  main: [{queue: support, announce: {prompts: [still-waiting], first: 5s, every: 30s}, exit: {\"1\": [{hangup: 480}]}, overflow: [{after: 20s, teams: [sales]}], unanswered: [{hangup: 480}]}]\n"

func TestAnAgentWhoAnswersWithinAnAnnouncementIsHeardAtOnce(t *testing.T) {
	act(t, waitFlow, func(s *story) {
		c := s.dial()
		s.answered(c)
		time.Sleep(4 * time.Second)
		ann := s.agent("ann", annTone, simphone.Ring().After(1500*time.Millisecond).Answer())
		a := s.gets(ann) // the announcement began half a second before, and has four
		time.Sleep(40 * time.Millisecond)
		s.hear(c, annTone)
		s.bye(a)
		s.ended(c)
	})
}

func TestAWaitingCallersExitKeyAndTheTeamsThatOpenLater(t *testing.T) {
	act(t, waitFlow, func(s *story) {
		bob := s.agent("bob", annTone, simphone.Ring().After(time.Second).Answer(), simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		time.Sleep(6 * time.Second)
		s.press(c, "1")
		s.ended(c)
		c = s.dial()
		s.answered(c)
		began := time.Now()
		b := s.gets(bob)
		if waited := time.Since(began); waited < 20*time.Second || waited > 23*time.Second {
			s.Errorf("the other team was rung after %v, want 20 s", waited)
		}
		s.bye(b)
		s.ended(c)
		day := s.now().Queues[0].Today
		if day.Answered != 1 || day.Left != 1 {
			s.Errorf("today: got %+v, want one answered, one led on", day)
		}
		if err := s.house.board.SetQueue(s.ctx, "support", true, "the story"); err != nil {
			s.Error(err)
		}
		if err := s.house.board.Do(s.ctx, call.Order{Verb: call.Prioritize, Call: "nonesuch"}); err == nil {
			s.Error("an order on a call that is not there: got no error")
		}
		c = s.dial()
		s.ended(c) // closed: refused, unanswered
	})
}
