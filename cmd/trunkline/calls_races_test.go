package main

import (
	"errors"
	"sync"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simnet"
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

// races tells a story once for each lead of one act over another: long before
// it and after it, and as their messages, or what these bring about, cross on
// the way. both does the two; the first comes lead before the second.
func races(t *testing.T, yaml string, f func(s *story, lead time.Duration, both func(first, second func()))) {
	const way = simnet.DefaultLatency
	for _, lead := range []time.Duration{-6 * way, -3 * way / 2, -way / 2, 0, way / 2, 3 * way / 2, 5 * way / 2, 6 * way} {
		t.Run(lead.String(), func(t *testing.T) {
			live(t, yaml, func(s *story) {
				f(s, lead, func(first, second func()) {
					s.at(func() { time.Sleep(max(0, -lead)); first() }, func() { time.Sleep(max(0, lead)); second() })
				})
			})
		})
	}
}

// wantTransferred wants ann to have handed the customer to bob: both talks on
// the card, ann once in wrap-up.
func (s *story) wantTransferred() {
	s.Helper()
	r := s.liveRecord()
	var talks []routing.AgentID
	for _, g := range r.Segments {
		if g.Kind == call.SegmentTalk && (len(talks) == 0 || talks[len(talks)-1] != g.Agent) {
			talks = append(talks, g.Agent)
		}
	}
	if len(talks) != 2 || talks[0] != "ann" || talks[1] != "bob" {
		s.Errorf("who talked: got %v, want ann and then bob", talks)
	}
	if len(r.Transfers) != 1 || r.Transfers[0].Outcome != routing.OutcomeAccepted || r.Transfers[0].SIP != 200 {
		s.Errorf("receipt: got %+v, want it accepted", r.Transfers)
	}
	if v := s.agentNow("ann"); v.Reason != "Call wrap up" || len(v.Open) != 0 {
		s.Errorf("ann: got %+v, want her free, in wrap-up", v)
	}
	if v := s.agentNow("bob"); len(v.Open) != 1 {
		s.Errorf("bob: got %+v, want him in the call", v)
	}
}

// wantFree wants nobody to be in a call.
func (s *story) wantFree(agents ...routing.AgentID) {
	s.Helper()
	for _, id := range agents {
		if v := s.agentNow(id); len(v.Open) != 0 {
			s.Errorf("%s: got %+v, want no call", id, v)
		}
	}
}

func TestTransferAnsweredAsTheInitiatorHangsUp(t *testing.T) {
	for _, ask := range []bool{false, true} { // who asks hangs up as the third says hello
		races(t, supportTeam+queueFlow, func(s *story, _ time.Duration, both func(first, second func())) {
			c, a, bob := s.talk(simphone.Ring())
			s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: ask})
			b := s.rings(bob)
			time.Sleep(time.Second)
			both(b.Answer, func() { _ = a.Hangup(s.ctx) })
			s.ended(a)
			s.hear(c, bobTone)
			s.hear(b, customerTone)
			s.wantTransferred()
			s.bye(c)
			s.ended(b)
			s.othersTone = 0
		})
	}
}

// Product §5: everything ends, and the third party's phone shows no missed call.
func TestCustomerHangsUpAsTheThirdAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		third call.Destination
		ask   bool
	}{
		{"colleague", to("bob"), false}, {"colleague who is asked", to("bob"), true}, {"number", call.Destination{Number: number}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			races(t, outsideFlow, func(s *story, lead time.Duration, both func(first, second func())) {
				cust, a, third := s.talk(simphone.Ring())
				if c.third.Number != "" {
					third = s.outside(simphone.Ring())
				}
				s.order(call.Order{Verb: call.Transfer, By: "ann", To: c.third, Ask: c.ask})
				b := s.rings(third)
				time.Sleep(time.Second)
				both(b.Answer, func() { _ = cust.Hangup(s.ctx) })
				s.ended(a)
				s.ended(b)
				time.Sleep(time.Second)
				r := s.card()
				if r.Ending.By != call.ByCaller || len(r.Transfers) != 1 || r.Transfers[0].Outcome == "" {
					t.Errorf("card: got %v, %+v, want it ended by the customer, with a receipt", r.Ending, r.Transfers)
				}
				if taken := r.Transfers[0].Outcome == routing.OutcomeAccepted; taken != (lead > 0 && !c.ask) && lead != 0 {
					t.Errorf("receipt: got %+v, want it accepted only where the third was asked nothing and came first", r.Transfers)
				}
				s.wantFree("ann", "bob")
				if v := s.agentNow("ann"); v.Reason != "Call wrap up" {
					t.Errorf("ann, who talked: got %+v, want her in wrap-up", v)
				}
				if v := s.agentNow("bob"); v.NoAnswers != 0 {
					t.Errorf("bob: got %+v, want no missed call counted", v)
				}
			})
		})
	}
}

func TestHoldCrossesHold(t *testing.T) {
	races(t, supportTeam+queueFlow, func(s *story, _ time.Duration, both func(first, second func())) {
		c, a, _ := s.talk(simphone.Ring())
		both(func() { s.does(a.Hold(s.ctx, simphone.HoldSendOnly)) }, func() { s.does(c.Hold(s.ctx, simphone.HoldSendOnly)) })
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "nothing")
		s.wantHears(a, "nothing")
		both(func() { s.does(a.Resume(s.ctx)) }, func() { s.order(call.Order{Verb: call.Hold, By: "ann"}) })
		time.Sleep(200 * time.Millisecond)
		s.does(c.Resume(s.ctx))
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music") // ann holds still, by order
		both(func() { s.order(call.Order{Verb: call.Resume, By: "ann"}) }, func() { s.does(c.Hold(s.ctx, simphone.HoldInactive)) })
		time.Sleep(200 * time.Millisecond)
		s.wantHears(a, "music")
		s.does(c.Resume(s.ctx))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// RFC 3261 §14: a hold that crosses the refresh of the session is refused with
// 491 by both, and both try again; the call lives through it.
func TestHoldCrossesARefresh(t *testing.T) {
	live(t, supportTeam+queueFlow+"session_timers: {expires: 2m}\n", func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		ann.Behave(func(h *simphone.Habits) {
			h.Message = func(m *simphone.Message) {
				if m.Get("Allow") != "" {
					m.Set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS") // so it is refreshed by a re-INVITE
				}
			}
		})
		c := s.dial()
		s.answered(c)
		a := s.gets(ann)
		reinvites := func() (n int) {
			for _, m := range ann.Received() {
				if m.Method == "INVITE" && m.ToTag() != "" {
					n++
				}
			}
			return n
		}
		up := time.Now()
		for reinvites() == 0 {
			time.Sleep(time.Millisecond)
		}
		period := time.Since(up) // the next one leaves so long after this one
		time.Sleep(period - simnet.DefaultLatency - time.Millisecond)
		crossed := reinvites()
		err := a.Hold(s.ctx, simphone.HoldSendOnly)
		var refused *simphone.StatusError
		if !errors.As(err, &refused) || refused.Code != 491 || reinvites() != crossed+1 {
			t.Fatalf("the hold that crosses a refresh: got %v, with %d refreshes beside it, want 491 and one", err, reinvites()-crossed)
		}
		time.Sleep(5 * time.Second)
		if got := reinvites(); got != crossed+2 {
			t.Errorf("refreshes: got %d, want the one that was refused again after 2 to 4 s", got-crossed)
		}
		s.hear(c, annTone)
		s.does(a.Hold(s.ctx, simphone.HoldSendOnly))
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music")
		time.Sleep(period) // a refresh does not unhold
		s.wantHears(c, "music")
		s.does(a.Resume(s.ctx))
		s.hear(c, annTone)
		time.Sleep(3 * time.Minute)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestTwoTransfersAtOnce(t *testing.T) {
	races(t, supportTeam+queueFlow, func(s *story, lead time.Duration, both func(first, second func())) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		carol := s.agent("carol", carolTone, simphone.Ring().After(2*time.Second).Answer())
		var keyed, ordered error
		both(func() {
			_, keyed = a.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:bob@pbx.example.com>"))
		}, func() {
			ordered = s.try(call.Order{Verb: call.Transfer, By: "ann", To: to("carol")})
		})
		if (keyed == nil) == (ordered == nil) {
			t.Errorf("two at once: got %v and %v, want one of them refused", keyed, ordered)
		}
		if ordered != nil && !errors.Is(ordered, call.ErrNotNow) {
			t.Errorf("the order: got %v, want %v", ordered, call.ErrNotNow)
		}
		won, tone, lost := bob, bobTone, carol
		if keyed != nil {
			won, tone, lost = carol, carolTone, bob
		}
		w := s.gets(won)
		s.ended(a)
		s.hear(c, tone)
		s.hear(w, customerTone)
		if n := len(lost.Calls()); n != 0 {
			t.Errorf("the other's phone: got %d calls, want none", n)
		}
		if tr := s.liveRecord().Transfers; len(tr) != 1 || tr[0].Outcome != routing.OutcomeAccepted {
			t.Errorf("receipts: got %+v, want one, accepted", tr)
		}
		s.bye(c)
		s.ended(w)
		s.othersTone = 0
	})
}

// A phone that hangs up as it transfers: what was taken is done.
func TestReferAndByeAtOnce(t *testing.T) {
	races(t, supportTeam+queueFlow, func(s *story, lead time.Duration, both func(first, second func())) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		both(func() {
			_, _ = a.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:bob@pbx.example.com>"))
		}, func() { _ = a.Hangup(s.ctx) })
		s.ended(a)
		b, err := bob.WaitCall(s.within(time.Second))
		if taken := err == nil; taken != (lead > 0) && lead != 0 {
			t.Errorf("a REFER that comes %v before the BYE: got taken %t", lead, taken)
		}
		if err != nil {
			s.ended(c)
			time.Sleep(time.Second)
			if r := s.card(); r.Ending.By != call.ByAgent || len(r.Transfers) != 0 {
				t.Errorf("card: got %v with %+v, want ann's hanging up and no transfer", r.Ending, r.Transfers)
			}
			return
		}
		s.answered(b)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.wantTransferred()
		s.bye(c)
		s.ended(b)
		s.othersTone = 0
	})
}

// withoutBob reloads the configuration without him.
func (s *story) withoutBob() {
	s.Helper()
	cfg := *s.house.config()
	cfg.Agents = append(cfg.Agents[:0:0], cfg.Agents[0], cfg.Agents[2])
	cfg.Teams = append(cfg.Teams[:0:0], cfg.Teams...)
	cfg.Teams[0].Agents = []string{"ann", "carol"}
	_, err := s.house.reload(s.within(5*time.Second), &cfg, "")
	s.does(err)
}

// A reload in the middle that takes the target away.
func TestReloadInTheMiddleOfATransfer(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.rings(bob)
		time.Sleep(time.Second)
		s.withoutBob()
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

// The same as the target answers: whoever answered first keeps the call, also
// when the configuration does not know them any more.
func TestReloadAsTheTransferIsAnswered(t *testing.T) {
	races(t, supportTeam+queueFlow, func(s *story, lead time.Duration, both func(first, second func())) {
		c, a, bob := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.rings(bob)
		time.Sleep(time.Second)
		both(b.Answer, s.withoutBob)
		time.Sleep(time.Second)
		switch heard := s.listens(c); {
		case heard == "bob" && lead > 0:
			s.hear(b, customerTone)
			s.ended(a)
		case heard == "ann" && lead <= simnet.DefaultLatency:
			s.ended(b)
			s.hear(a, customerTone)
		default:
			t.Errorf("the customer hears %s, want bob if he answered first, else ann", heard)
		}
		s.bye(c)
		time.Sleep(time.Second)
		s.wantFree("ann")
		s.othersTone = 0
	})
}

// Cancelled as it is answered: whoever wins, nobody is left in silence.
func TestTransferCancelledAsItIsAnswered(t *testing.T) {
	for _, ask := range []bool{false, true} {
		races(t, supportTeam+queueFlow, func(s *story, lead time.Duration, both func(first, second func())) {
			c, a, bob := s.talk(simphone.Ring())
			s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: ask})
			b := s.rings(bob)
			time.Sleep(time.Second)
			var cancelled error
			both(b.Answer, func() { cancelled = s.try(call.Order{Verb: call.Cancel, By: "ann"}) })
			if cancelled != nil { // he has the customer
				s.hear(c, bobTone)
				s.hear(b, customerTone)
				s.wantTransferred()
			} else {
				s.ended(b)
				s.hear(c, annTone)
				s.hear(a, customerTone)
				s.wantFree("bob")
			}
			s.bye(c)
			s.ended(b)
			s.ended(a)
			s.othersTone = 0
		})
	}
}
