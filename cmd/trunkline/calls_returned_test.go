package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// handsOnAndGoes has ann transfer her call to bob, who declines, and hang up
// meanwhile: the customer has nobody.
func (s *story) handsOnAndGoes(a *simphone.Call, bob *simphone.Phone) {
	s.Helper()
	s.set("carol", false)
	s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
	b := s.rings(bob)
	s.bye(a)
	s.set("ann", false)
	s.set("bob", false)
	s.ended(b)
	time.Sleep(100 * time.Millisecond)
	if tr := s.liveRecord().Transfers; len(tr) != 1 || tr[0].Outcome != routing.OutcomeDeclined {
		s.Errorf("receipt: got %+v, want it declined", tr)
	}
}

const withBack = "teams:\n  support: {agents: [ann, bob], wrap_up: 0s}\n  back: {agents: [carol]}\n"

// Front of its queue, else the queue's overflow: another team, the end of the
// wait, or what is done while nobody is there.
func TestReturnedCallTakesItsQueuesOverflow(t *testing.T) {
	for name, flow := range map[string]string{
		"another team":         "[{queue: support, overflow: [{after: 20s, teams: [back]}]}]",
		"unanswered":           "[{queue: support, max_wait: 20s, unanswered: [{queue: back}]}]",
		"the next step":        "[{queue: support, max_wait: 20s}, {queue: back}]",
		"nobody is there":      "[{queue: support, nobody: [{queue: back}]}]",
		"nobody is unanswered": "[{queue: support, unanswered: [{queue: back}], nobody: unanswered}]",
	} {
		t.Run(name, func(t *testing.T) {
			live(t, withBack+"flows:\n  main: "+flow+"\n", func(s *story) {
				carol := s.agent("carol", carolTone, simphone.Ring().Answer())
				c, a, bob := s.talk(simphone.Ring().After(time.Second).Decline(603))
				s.handsOnAndGoes(a, bob)
				s.wantHears(c, "music")
				s.set("carol", true)
				time.Sleep(25 * time.Second)
				k := s.gets(carol)
				s.hear(c, carolTone)
				s.bye(c)
				s.ended(k)
			})
		})
	}
}

// A customer who was called has come through no flow: they wait by the rules
// that the flows have for the team.
func TestReturnedCalledCustomerTakesTheTeamsOverflow(t *testing.T) {
	for name, flow := range map[string]string{
		"another team": "[{menu: welcome, choices: {\"1\": [{queue: support, overflow: [{after: 20s, teams: [back]}]}]}, otherwise: [{hangup: 480}]}]",
		"unanswered":   "[{play: welcome}, {queue: support, max_wait: 20s, unanswered: [{queue: back}]}]",
		"the end":      "[{hours: {week: {mon-sun: 00:00-24:00}}, open: [{queue: support, max_wait: 20s}]}, {queue: back}]",
	} {
		t.Run(name, func(t *testing.T) {
			live(t, withBack+"dial: {trunks: [spare]}\nflows:\n  main: "+flow+"\n", func(s *story) {
				s.othersTone = farTone
				far := s.outside(simphone.Ring().Answer())
				bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Decline(603))
				carol := s.agent("carol", carolTone, simphone.Ring().Answer())
				ann := s.agent("ann", annTone)
				a := ann.Dial(number)
				f := s.gets(far)
				s.answered(a)
				s.hear(f, annTone)
				s.handsOnAndGoes(a, bob)
				s.wantHears(f, "music")
				s.set("carol", true)
				time.Sleep(25 * time.Second)
				s.gets(carol)
				s.hear(f, carolTone)
				s.bye(f)
			})
		})
	}
}

// A customer who is called back before an agent's phone rings waits like any
// other of the team when nobody takes them.
func TestCustomerWhoIsCalledFirstTakesTheTeamsOverflow(t *testing.T) {
	teams := strings.Replace(withBack, "wrap_up: 0s", "wrap_up: 0s, callback_first: customer", 1)
	for name, flow := range map[string]string{
		"another team": "[{queue: support, overflow: [{after: 20s, teams: [back]}]}]",
		"unanswered":   "[{queue: support, max_wait: 20s, unanswered: [{queue: back}]}]",
		"the end":      "[{queue: support, max_wait: 20s}, {queue: back}]",
	} {
		t.Run(name, func(t *testing.T) {
			live(t, teams+"dial: {trunks: [spare]}\nflows:\n  main: "+flow+"\n", func(s *story) {
				s.othersTone = farTone
				far := s.outside(simphone.Ring().Answer())
				s.agent("ann", annTone, simphone.Ring().After(time.Second).Decline(603))
				carol := s.agent("carol", carolTone, simphone.Ring().Answer())
				cb := s.promise()
				f := s.gets(far)
				time.Sleep(5 * time.Second)
				s.wantHears(f, "music")
				began := time.Now()
				k := s.gets(carol)
				if waited := time.Since(began); waited > 20*time.Second {
					t.Errorf("got another agent after %v, want 20 s after the answer", waited)
				}
				s.hear(f, carolTone)
				s.hear(k, farTone)
				s.bye(f)
				s.ended(k)
				s.becomes(cb.ID, routing.CallbackAnswered, "requested", "calling", "answered")
			})
		})
	}
}

// The team of a customer who was called is gone from the configuration when
// their agent is lost: its agents, who are still there, take them.
func TestReloadThatRemovesATeamLetsCalledCustomersReturn(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		s.othersTone = farTone
		far := s.outside(simphone.Ring().Answer())
		ann := s.agent("ann", annTone)
		a := ann.Dial(number)
		f := s.gets(far)
		s.answered(a)
		s.hear(f, annTone)
		s.reload(helpTeam + "dial: {trunks: [spare]}\nflows:\n  main: [{queue: help}]\n")
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		ann.Die()
		s.gets(bob)
		s.hear(f, bobTone)
		s.bye(f)
	})
}

// Nobody of the team is left at all: no music for ever.
func TestReloadThatRemovesATeamAndItsAgentsEndsTheWait(t *testing.T) {
	const alone = "teams:\n  support: {agents: [ann]}\n  help: {agents: [bob]}\n"
	const without = "teams:\n  help: {agents: [bob]}\n"
	gone := "  ann: {name: Ann Lee, password: ann-password-1, options: false}\n"
	t.Run("called", func(t *testing.T) {
		live(t, alone+queueFlow+"dial: {trunks: [spare]}\n", func(s *story) {
			s.othersTone, s.unheard = farTone, true
			far := s.outside(simphone.Ring().Answer())
			ann := s.agent("ann", annTone)
			a := ann.Dial(number)
			f := s.gets(far)
			s.answered(a)
			s.hear(f, annTone)
			s.reload(without+"dial: {trunks: [spare]}\nflows:\n  main: [{queue: help}]\n", gone, "")
			ann.Die()
			s.ended(f)
			if r := s.card(); r.Ended.Sub(r.Initiated) > time.Minute {
				t.Errorf("got %s after %v, want an end soon", r.Ending, r.Ended.Sub(r.Initiated))
			}
		})
	})
	t.Run("caller", func(t *testing.T) {
		live(t, alone+"flows:\n  main: [{queue: support, max_wait: 1h}, {queue: help}]\n", func(s *story) {
			bob := s.agent("bob", bobTone, simphone.Ring().Answer())
			c := s.dial()
			s.answered(c)
			time.Sleep(2 * time.Second)
			s.reload(without+"flows:\n  main: [{queue: help}]\n", gone, "")
			s.gets(bob)
			s.hear(c, bobTone)
			s.bye(c)
		})
	})
}
