package main

import (
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// asks has a carrier ask for a session timer.
func asks(se string) simphone.Option { return simphone.WithHeader("Session-Expires", se) }

var knowsTimers = simphone.WithHeader("Supported", "timer")

// RFC 4028: a long call is refreshed on each leg, as each peer can: the carrier
// by UPDATE, a phone without it by a re-INVITE that changes nothing.
func TestLongCallIsRefreshedOnEachLeg(t *testing.T) {
	narrate(t, "timer-both", supportTeam+queueFlow+"session_timers: {expires: 2m}\n", func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		ann.Behave(func(h *simphone.Habits) {
			h.Message = func(m *simphone.Message) {
				if m.Get("Allow") != "" {
					m.Set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS")
				}
			}
		})
		c := s.dial()
		s.answered(c)
		a := s.gets(ann)
		time.Sleep(130 * time.Second)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// A carrier that promised to refresh and does not has gone: the call ends 32 s
// before its time, with a reason.
func TestCarrierThatDoesNotRefreshIsHungUp(t *testing.T) {
	narrate(t, "timer-expired", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial(knowsTimers, asks("120;refresher=uac"))
		s.answered(c)
		a := s.gets(ann)
		s.ended(c)
		s.ended(a)
	})
}

func TestCarrierThatRefreshesKeepsItsCall(t *testing.T) {
	narrate(t, "timer-theirs", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial(knowsTimers, asks("120;refresher=uac"))
		s.answered(c)
		a := s.gets(ann)
		for range 2 {
			time.Sleep(60 * time.Second)
			m, err := c.Request(s.within(5*time.Second), "UPDATE", knowsTimers, asks("120;refresher=uac"))
			if err != nil {
				s.fatal(err)
			}
			if got := m.Get("Session-Expires"); got != "120;refresher=uac" {
				t.Errorf("UPDATE: got Session-Expires %q, want 120;refresher=uac", got)
			}
		}
		if err := c.Reinvite(s.within(5*time.Second), knowsTimers, asks("120;refresher=uac")); err != nil {
			s.fatal(err)
		}
		time.Sleep(80 * time.Second)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestTooShortASessionIsRefusedWithOurLeast(t *testing.T) {
	narrate(t, "timer-422", supportTeam+queueFlow, func(s *story) {
		c := s.dial(knowsTimers, asks("30"))
		if e := s.ended(c); e.Code != 422 {
			t.Errorf("got %v, want 422", e)
		}
	})
}

// A phone that does not know the call any more ends its leg alone: the caller
// hears music and goes to the front.
func TestPhoneThatForgotTheCallGivesTheCallerBack(t *testing.T) {
	narrate(t, "timer-forgotten", supportTeam+queueFlow+"session_timers: {expires: 90s}\n", func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		a := s.gets(ann)
		ann.Behave(func(h *simphone.Habits) { h.Replies = map[string]int{"UPDATE": 481} })
		s.ended(a)
		s.wantHears(c, "music")
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
	})
}
