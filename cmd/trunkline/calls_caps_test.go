package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// capped is base with caps on agents and on trunk spare.
func (s *story) capped(yaml, agents, spare string) {
	s.Helper()
	s.reload(yaml, "options: false", "options: false, call_limit: 9, dial: {"+agents+"}",
		`accept_from: [10.0.0.8/32], caller_id: "+14155550100"}`, `accept_from: [10.0.0.8/32], caller_id: "+14155550100", dial: {`+spare+"}}")
}

// refusedBy wants the last refusal told by its rule: in the facts and the log, with these counts.
func (s *story) refusedBy(rule string, rules, caps uint64) {
	s.Helper()
	if err := s.house.store.Sync(s.ctx); err != nil {
		s.Fatal(err)
	}
	facts, err := s.house.store.Facts(0, 10_000)
	if err != nil {
		s.Fatal(err)
	}
	last := ""
	for _, f := range facts {
		if f.Kind == call.FactDialRefused {
			last = f.Reason
		}
	}
	if last != rule || !strings.Contains(s.log.String(), rule) {
		s.Errorf("the last refusal: got rule %q, want %q, in the log too", last, rule)
	}
	if got := s.now().Counts; got.DialRefused != rules || got.DialCapped != caps {
		s.Errorf("counts: got %d by rules and %d by caps, want %d and %d", got.DialRefused, got.DialCapped, rules, caps)
	}
}

func TestNumbersThatTheRulesForbidAreRefusedByName(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		s.outside(simphone.Answer())
		ann := s.agent("ann", annTone)
		for _, c := range []struct {
			dialled, rule string
			code          int
		}{
			{"+19005550177", "premium rate is not dialled unless dial.allow has its prefix", 403},
			{"+442079460000", "it is international, and dial.allow has no prefix of it", 403},
			{"011442079460000", "it is international, and dial.allow has no prefix of it", 403},
			{"12345", "it is no number that could be dialled from US", 484},
			{"zoe", "it is neither a number nor the name of an agent", 484},
		} {
			before := s.now().Counts.DialRefused
			if got := s.ended(ann.Dial(c.dialled)); got.Code != c.code {
				t.Errorf("%s: got %+v, want %d", c.dialled, got, c.code)
			}
			s.refusedBy(c.rule, before+1, 0)
		}
	})
}

func TestCallsAtOnceAreCapped(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		s.capped(outsideFlow, "max_calls: 2", "")
		far := s.outside(simphone.Answer())
		ann := s.agent("ann", annTone)
		first, second := ann.Dial("4155550177"), ann.Dial("4155550178")
		s.answered(first)
		s.answered(second)
		if got := s.ended(ann.Dial("4155550179")); got.Code != 403 {
			t.Errorf("a third call: got %+v, want 403", got)
		}
		s.refusedBy("agents.ann.dial.max_calls: 2 at once", 0, 1)
		if _, err := s.house.board.Dial(s.ctx, "ann", "4155550179", ""); !errors.Is(err, call.ErrNotAllowed) {
			t.Errorf("a third call by order: got %v, want %v", err, call.ErrNotAllowed)
		}
		// An emergency passes every cap.
		help := ann.Dial("911")
		s.answered(help)
		if !strings.Contains(s.log.String(), "EMERGENCY") {
			t.Error("the emergency call is not announced in the log")
		}
		s.bye(help)
		s.bye(first)
		time.Sleep(time.Second)
		again := ann.Dial("4155550179")
		s.answered(again)
		s.bye(again)
		s.bye(second)
		time.Sleep(time.Second)
		if n := len(far.Calls()); n < 4 {
			t.Errorf("the carrier got %d calls, want 4", n)
		}
		s.othersTone = farTone
	})
}

// Minutes are those that were answered; they outlive a restart, and end with the day.
func TestMinutesADayAreCapped(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		s.capped(outsideFlow, "max_minutes_per_day: 2", "")
		s.outside(simphone.Ring().After(30*time.Second).Answer(), simphone.Answer(), simphone.Answer(), simphone.Answer(), simphone.Answer())
		ann, bob := s.agent("ann", annTone), s.agent("bob", bobTone)
		talk := func(d time.Duration) {
			t.Helper()
			c := ann.Dial("4155550177")
			s.answered(c)
			time.Sleep(d)
			s.bye(c)
			time.Sleep(time.Second)
		}
		talk(65 * time.Second) // rings for 30 s, which are not counted
		talk(50 * time.Second)
		talk(10 * time.Second)
		if got := s.ended(ann.Dial("4155550177")); got.Code != 403 {
			t.Errorf("after 2 minutes: got %+v, want 403", got)
		}
		s.refusedBy("agents.ann.dial.max_minutes_per_day: 2", 0, 1)
		other := bob.Dial("4155550177") // bob has minutes of his own
		s.answered(other)
		s.bye(other)
		boot, err := s.house.store.Load()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]time.Duration{"agent ann": 125 * time.Second, "trunk spare": 125 * time.Second, "switch": 125 * time.Second}
		for _, row := range boot.Spent {
			if w := want[row.Account()]; w > 0 && (row.Time < w-time.Second || row.Time > w+2*time.Second) {
				t.Errorf("%s: got %v kept, want %v", row.Account(), row.Time, w)
			}
			delete(want, row.Account())
		}
		for missing := range want {
			t.Errorf("%s: nothing kept, a restart would forget it", missing)
		}
		time.Sleep(24 * time.Hour)
		s.registers(ann)
		next := ann.Dial("4155550177")
		s.answered(next)
		s.bye(next)
		s.othersTone = farTone
	})
}

// A trunk at its cap is passed by, and the next is tried.
func TestATrunkAtItsCapIsPassedBy(t *testing.T) {
	yaml := supportTeam + queueFlow + "dial: {trunks: [spare, acme]}\n"
	live(t, yaml, func(s *story) {
		s.capped(yaml, "max_calls: 9", "max_calls: 1")
		s.outside(simphone.Answer())
		s.carrier.OnCall(simphone.Answer())
		ann := s.agent("ann", annTone)
		first, second := ann.Dial("4155550177"), ann.Dial("4155550178")
		s.answered(first)
		s.answered(second)
		s.refusedBy("trunks.spare.dial.max_calls: 1 at once", 0, 1)
		got := map[string]int{}
		for _, tr := range s.now().Trunks {
			got[string(tr.ID)] = tr.Calls
		}
		if got["spare"] != 1 || got["acme"] != 1 {
			t.Errorf("got calls %v, want one over each trunk", got)
		}
		s.bye(first)
		s.bye(second)
		s.othersTone = farTone
	})
}

// A transfer to a number is a number dialled.
func TestTransfersAreCapped(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		s.capped(outsideFlow, "max_minutes_per_day: 1", "")
		s.outside(simphone.Answer())
		ann := s.agent("ann", annTone)
		c := ann.Dial("4155550177")
		s.answered(c)
		time.Sleep(2 * time.Minute) // the call that is up counts as it grows
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}}, call.ErrNotAllowed)
		s.refusedBy("agents.ann.dial.max_minutes_per_day: 1", 0, 1)
		s.hear(c, farTone)
		s.bye(c)
		s.othersTone = farTone
	})
}
