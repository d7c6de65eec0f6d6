package main

import (
	"sync"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// at runs several acts at one virtual instant; whichever comes first, the end
// must be right. So these stories have no golden times.
func (s *story) at(acts ...func()) {
	var all sync.WaitGroup
	for _, f := range acts {
		all.Go(f)
	}
	all.Wait()
}

func TestTransferAnsweredAsTheInitiatorHangsUp(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.rings(bob)
		time.Sleep(time.Second)
		s.at(b.Answer, func() { _ = a.Hangup(s.ctx) })
		s.ended(a)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.bye(c)
		s.ended(b)
		s.othersTone = 0
	})
}

func TestCustomerHangsUpAsTheThirdAnswers(t *testing.T) {
	for _, ask := range []bool{false, true} {
		live(t, supportTeam+queueFlow, func(s *story) {
			c, a, bob := s.talk(simphone.Ring())
			s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: ask})
			b := s.rings(bob)
			time.Sleep(time.Second)
			s.at(b.Answer, func() { _ = c.Hangup(s.ctx) })
			s.ended(a)
			s.ended(b)
			time.Sleep(time.Second)
			if r := s.card(); r.Ending.By != call.ByCaller || len(r.Transfers) != 1 || r.Transfers[0].Outcome == "" {
				t.Errorf("card: got %v, %+v, want it ended by the customer, with a receipt", r.Ending, r.Transfers)
			}
		})
	}
}

func TestHoldCrossesHold(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.at(func() { _ = a.Hold(s.ctx, simphone.HoldSendOnly) }, func() { _ = c.Hold(s.ctx, simphone.HoldSendOnly) },
			func() { _ = s.try(call.Order{Verb: call.Hold, By: "ann"}) })
		time.Sleep(2 * time.Second)
		s.at(func() { _ = a.Resume(s.ctx) }, func() { _ = c.Resume(s.ctx) },
			func() { _ = s.try(call.Order{Verb: call.Resume, By: "ann"}) })
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestTwoTransfersAtOnce(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		carol := s.agent("carol", carolTone, simphone.Ring().After(2*time.Second).Answer())
		_ = carol
		var errs [2]error
		s.at(func() { errs[0] = s.try(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")}) },
			func() { errs[1] = s.try(call.Order{Verb: call.Transfer, By: "ann", To: to("carol")}) })
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("two at once: got %v and %v, want one of them refused", errs[0], errs[1])
		}
		s.ended(a)
		_ = bob
		time.Sleep(time.Second)
		if calls := s.now().Calls; len(calls) != 1 || calls[0].Agent == "ann" {
			t.Errorf("calls: got %+v, want the customer with the third", calls)
		}
		s.bye(c)
	})
}

// A reload in the middle that takes the target away.
func TestReloadInTheMiddleOfATransfer(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.rings(bob)
		time.Sleep(time.Second)
		cfg := *s.house.config()
		cfg.Agents = append(cfg.Agents[:0:0], cfg.Agents[0], cfg.Agents[2])
		cfg.Teams = append(cfg.Teams[:0:0], cfg.Teams...)
		cfg.Teams[0].Agents = []string{"ann", "carol"}
		_, err := s.house.reload(s.within(5*time.Second), &cfg, "")
		s.does(err)
		s.ended(b)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		if tr := s.liveRecord().Transfers; len(tr) != 1 || tr[0].Outcome == "" || tr[0].Outcome == routing.OutcomeAccepted {
			t.Errorf("receipt: got %+v, want it failed", tr)
		}
		s.bye(c)
		s.ended(a)
	})
}

// Cancelled as it is answered: whoever wins, nobody is left in silence.
func TestTransferCancelledAsItIsAnswered(t *testing.T) {
	for _, ask := range []bool{false, true} {
		live(t, supportTeam+queueFlow, func(s *story) {
			c, a, bob := s.talk(simphone.Ring())
			s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: ask})
			b := s.rings(bob)
			time.Sleep(time.Second)
			s.at(b.Answer, func() { _ = s.try(call.Order{Verb: call.Cancel, By: "ann"}) })
			time.Sleep(2 * time.Second)
			if heard := s.listens(c); heard != "ann" && heard != "bob" && heard != "music" {
				t.Errorf("the customer hears %s, want somebody or music", heard)
			}
			_ = a
			s.bye(c)
			s.ended(b)
		})
	}
}
