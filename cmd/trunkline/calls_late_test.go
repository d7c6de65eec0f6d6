package main

import (
	"context"
	"testing"
	"time"

	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
)

const lateFlow = "flows:\n  main: {answer: late, steps: [{queue: support}]}\n"

func TestLateFlowSendsNoSoundBeforeTheAnswer(t *testing.T) {
	act(t, supportTeam+lateFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(25*time.Second).Answer())
		c := s.dial()
		a := s.rings(ann)
		time.Sleep(24 * time.Second)
		if flows := s.net.Flows(); len(flows) > 0 {
			t.Errorf("sound before the answer: got %v, want none", s.net.Sound())
		}
		s.answered(c)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		s.recorded().wantTones(t, annTone)
	})
}

// RFC 3261 §13.3.1.1.
func TestLateFlowRepeatsIts180EveryMinute(t *testing.T) {
	narrate(t, "late-repeats-180", supportTeam+lateFlow, func(s *story) {
		c := s.dial()
		time.Sleep(4*time.Minute + time.Second)
		if got := c.Progress(); len(got) != 5 {
			t.Errorf("18x in 4 minutes: got %v, want one at once and one a minute", got)
		}
		if err := c.Cancel(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
	})
}

func TestCarrierThatDiesDuringALateRingIsBoundedByMaxDuration(t *testing.T) {
	narrate(t, "late-carrier-dies", "calls: {max_duration: 150s}\n"+supportTeam+lateFlow, func(s *story) {
		s.dial()
		time.Sleep(time.Second)
		s.carrier.Die()
		time.Sleep(148 * time.Second)
		if got := len(s.now().Calls); got != 1 {
			t.Errorf("calls before the limit: got %d, want 1", got)
		}
		time.Sleep(2 * time.Second)
		if got := len(s.now().Calls); got != 0 {
			t.Errorf("calls after the limit: got %d, want none", got)
		}
		time.Sleep(40 * time.Second) // the final response is repeated until its ACK
	})
}

// media.rtp_timeout is 60 s; the caller has rung for longer when ann answers.
func TestCallerOfALateFlowOwesNoSoundBeforeTheAnswer(t *testing.T) {
	const patience = "teams:\n  support: {name: Support, agents: [ann], ring: 2m}\n"
	for _, c := range []struct {
		name   string
		speaks bool
		ending string
	}{{"who speaks then", true, "hangup by caller"}, {"who never speaks", false, "no_sound by system"}} {
		t.Run(c.name, func(t *testing.T) {
			act(t, patience+lateFlow, func(s *story) {
				s.agent("ann", annTone, simphone.Ring().After(90*time.Second).Answer())
				call := s.dial()
				call.StopRTP(true)
				s.muteCustomer = true
				s.answered(call)
				if c.speaks {
					time.Sleep(50 * time.Second)
					call.StopRTP(false)
					time.Sleep(2 * time.Minute)
					s.hear(call, annTone)
					s.bye(call)
				}
				s.ended(call)
				time.Sleep(time.Second)
				r := s.card()
				if r.Ending.String() != c.ending {
					t.Errorf("ending: got %s, want %s", r.Ending, c.ending)
				}
				if d := r.Ended.Sub(r.Answered); !c.speaks && (d < time.Minute || d > time.Minute+time.Second) {
					t.Errorf("ended after the answer: got %v, want 60 s", d)
				}
			})
		})
	}
}

// RFC 3261 §9.2: a CANCEL changes nothing once the 200 is out; the carrier
// hangs up what it did not want.
func TestCancelThatCrossesOur200EndsInABye(t *testing.T) {
	narrate(t, "cancel-crosses-our-200", supportTeam+lateFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(3*time.Second).Answer())
		s.net.Delay(simnet.All(simnet.Response(200, "INVITE"), simnet.Between(switchAddr.Addr(), s.carrier.Addr().Addr())), 200*time.Millisecond)
		c := s.dial()
		a := s.rings(ann)
		s.answered(a)
		time.Sleep(100 * time.Millisecond)
		if err := c.Cancel(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		s.ended(a)
	})
}

func TestStopWithdrawsTheOfferThatRings(t *testing.T) {
	for _, c := range []struct{ name, flow string }{{"stopped-ringing", queueFlow}, {"stopped-late", lateFlow}} {
		t.Run(c.name, func(t *testing.T) {
			narrate(t, c.name, supportTeam+c.flow, func(s *story) {
				ann := s.agent("ann", annTone, simphone.Ring())
				call := s.dial()
				a := s.rings(ann)
				time.Sleep(5 * time.Second)
				now, cancel := context.WithCancel(s.ctx)
				cancel()
				if err := s.house.board.Drain(now, time.Second); err != nil {
					t.Error(err)
				}
				s.ended(call)
				s.ended(a)
				if got := s.card().Offers[0].Outcome; got != "withdrawn" {
					t.Errorf("offer: got %s, want withdrawn: nobody gave up", got)
				}
			})
		})
	}
}
