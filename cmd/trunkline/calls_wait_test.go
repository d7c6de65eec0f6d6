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

// Whose figures a wait is in does not change when a supervisor moves the call:
// today's figures and the report, which folds the facts, agree.
func TestAMovedCallersWaitIsTheFirstTeams(t *testing.T) {
	yaml := "teams:\n  support: {name: Support, agents: [ann], service_level: 10s}\n  sales: {name: Sales, agents: [bob], service_level: 1s}\n" + queueFlow
	act(t, yaml, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		for _, answered := range []bool{true, false} {
			s.set("bob", answered)
			c := s.dial()
			s.answered(c)
			time.Sleep(3 * time.Second)
			s.order(call.Order{Verb: call.Move, To: call.Destination{Team: "sales"}, Who: "the story"})
			if answered {
				s.gets(bob)
				s.hear(c, bobTone)
			}
			time.Sleep(2 * time.Second)
			s.bye(c)
			time.Sleep(time.Second)
		}
		s.does(s.house.store.Sync(s.ctx))
		facts, err := s.house.store.Facts(0, 10_000)
		s.does(err)
		told := call.NewReport(time.UTC, 10*time.Second)
		for _, f := range facts {
			told.Fact(f)
		}
		for _, q := range s.now().Queues {
			want := call.TeamDay{Team: q.Team, Day: q.Today.Day}
			if q.Team == "support" {
				want.Answered, want.AnsweredIn, want.Abandoned, want.AbandonedIn, want.Waited = 1, 1, 1, 1, q.Today.Waited
			}
			if q.Today != want || q.Team == "support" && q.Today.Waited < 4*time.Second {
				s.Errorf("today: got %+v, want %+v after 4 s or more", q.Today, want)
			}
			for _, f := range told.Teams() {
				if f.Team == q.Team && (f.Answered != want.Answered || f.AnsweredWithin != want.AnsweredIn || f.Abandoned != want.Abandoned || f.AbandonedWithin != want.AbandonedIn) {
					s.Errorf("the report: got %+v, want %+v as in today's figures", f, want)
				}
			}
		}
	})
}
