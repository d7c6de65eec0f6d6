package call

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
	"trunkline/routing"
)

// inBubble runs f with a house of some agents, and closes it.
func inBubble(t *testing.T, agents int, f func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, agents)
		defer b.end()
		f(b)
	})
}

// talk connects a caller with the phone of an agent who answers.
func (b *bench) talk(carrier, agent *simphone.Phone) (callerLeg, agentLeg *simphone.Call) {
	b.Helper()
	c := carrier.Dial(early, simphone.From("+14155550123"))
	a := agent.MustCall(b)
	a.MustAnswer(b)
	c.MustHear(b, 1000)
	a.MustHear(b, 440)
	return c, a
}

// wantFaults wants so many panics counted, and said.
func (b *bench) wantFaults(n uint64) {
	b.Helper()
	b.onLoop(func(s *Switchboard) {
		if s.counts.Faults != n {
			b.Errorf("faults: got %d, want %d", s.counts.Faults, n)
		}
	})
	if !strings.Contains(b.log.String(), "a defect in") {
		b.Error("the log does not tell of the defect")
	}
}

// A call whose state is broken panics at its next event. It ends with the
// ending fault, all its legs are hung up; the other call does not notice.
func TestPanicCostsTheCallThatItBelongsTo(t *testing.T) {
	for name, ruin := range map[string]func(*liveCall){
		"no bridge":         func(c *liveCall) { c.bridge = nil },
		"no far session":    func(c *liveCall) { c.far.session = nil },
		"no caller session": func(c *liveCall) { c.caller.session = nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(b *bench) {
				carrier := b.carrier(5060)
				first, second := b.agent(0, simphone.Ring().Answer()), b.agent(1, simphone.Ring().Answer())
				c1, a1 := b.talk(carrier, first)
				c2, a2 := b.talk(carrier, second)
				b.onLoop(func(s *Switchboard) {
					for _, c := range s.calls {
						if c.far.agent == agentName(0) {
							ruin(c)
						}
					}
				})
				a1.Hold(b.Context(), simphone.HoldInactive) // whatever becomes of it: the event that meets the ruin
				c1.MustEnd(b, simphone.Theirs, 0)
				a1.MustEnd(b, simphone.Theirs, 0)
				c2.MustHear(b, 1000)
				a2.MustHear(b, 440)
				b.wantFaults(1)
				c2.MustBye(b)
				b.settle(time.Minute)
				b.wantNothingLeft()
				again, _ := b.talk(carrier, first) // the agent is free again
				again.MustBye(b)
				b.settle(time.Minute)
				if card := b.cards()[0]; card.Ending.Cause != CauseFault {
					t.Errorf("the first call's ending: got %s, want fault", card.Ending)
				}
			})
		})
	}
}

// A panic inside the router costs the event, not the calls: it is rebuilt
// from its journal, and what differs from the live legs is mended.
func TestPanicInTheRouterIsSurvived(t *testing.T) {
	inBubble(t, 3, func(b *bench) {
		carrier := b.carrier(5060)
		first := b.agent(0, simphone.Ring().Answer())
		c, a := b.talk(carrier, first)
		second := b.agent(1, simphone.Ring().After(3*time.Second).Answer(), simphone.Ring().Answer())
		waiting := carrier.Dial(early, simphone.From("+14155550124"))
		ringing := second.MustCall(b)
		b.onLoop(func(s *Switchboard) {
			s.brain.router = nil
			s.route(routing.Tick{}) // panics
		})
		third := b.agent(2, simphone.Ring().Answer())
		b.wantFaults(1)
		b.onLoop(func(s *Switchboard) {
			if n := len(s.brain.router.Open()); n != 2 {
				b.Errorf("works in the rebuilt router: got %d, want 2", n)
			}
		})
		ringing.MustAnswer(b)
		waiting.MustHear(b, 1000)
		c.MustHear(b, 1000)
		a.MustBye(b)
		c.MustEnd(b, simphone.Theirs, 0)
		waiting.MustBye(b)
		b.settle(time.Minute)
		b.wantTrueCards()
		b.wantNothingLeft()
		third.MustUnregister(b)
		third.MustRegister(b, time.Minute)
		time.Sleep(time.Minute)
		for range 3 { // all three take calls again
			b.talkAny(carrier)
		}
		b.onLoop(func(s *Switchboard) {
			if n := len(s.brain.router.Open()); n != 3 {
				b.Errorf("agents in calls: got %d, want all 3", n)
			}
		})
	})
}

// The end of one call frees an agent, who is offered the next: if that one is
// broken, it pays, and the first still ends in order.
func TestPanicCostsTheCallThatIsBrokenNotTheOneWhoseEventItWas(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		carrier := b.carrier(5060)
		agent := b.agent(0, simphone.Ring().Answer())
		c, a := b.talk(carrier, agent)
		broken := carrier.Dial(early, simphone.From("+14155550124"))
		broken.MustAnswer(b)
		sound := carrier.Dial(early, simphone.From("+14155550125"))
		sound.MustAnswer(b)
		b.onLoop(func(s *Switchboard) {
			for _, live := range s.calls {
				if live.record.Caller == "+14155550124" {
					live.bridge = nil
				}
			}
		})
		c.MustBye(b)
		a.MustEnd(b, simphone.Theirs, 0)
		broken.MustEnd(b, simphone.Theirs, 0) // after the wrap-up of 2 s
		next := agent.MustCall(b)
		next.MustAnswer(b)
		sound.MustHear(b, 1000)
		b.wantFaults(1)
		sound.MustBye(b)
		b.settle(time.Minute)
		b.wantTrueCards()
		b.wantNothingLeft()
		causes := map[Cause]int{}
		for _, card := range b.cards() {
			causes[card.Ending.Cause]++
		}
		if causes[CauseHangup] != 2 || causes[CauseFault] != 1 {
			t.Errorf("endings: got %v, want 2 hang-ups and 1 fault", causes)
		}
	})
}

// talkAny has a caller answered by any agent.
func (b *bench) talkAny(carrier *simphone.Phone) {
	b.Helper()
	carrier.Dial(early, simphone.From("+14155550125")).MustHear(b, 1000)
}

// A router that panics at each step, also when it is rebuilt, is made anew
// from the configuration at last.
func TestRouterThatCannotBeRebuiltIsMadeAnew(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		carrier := b.carrier(5060)
		first := b.agent(0, simphone.Ring().Answer())
		c, _ := b.talk(carrier, first)
		b.onLoop(func(s *Switchboard) {
			s.brain.router = nil
			s.brain.events = append(s.brain.events, timed{s.now, nil})
			s.brain.last = routing.Snapshot{}
		})
		time.Sleep(3 * time.Second) // the reconciler tells it of the call
		b.wantFaults(2)             // its deadlines were asked for twice
		c.MustHear(b, 1000)
		b.onLoop(func(s *Switchboard) {
			if open := s.brain.router.Open(); len(open) != 1 || open[0].Agent != agentName(0) {
				b.Errorf("works in the new router: got %+v, want the call of %s", open, agentName(0))
			}
			if s.counts.Mismatches == 0 {
				b.Error("mismatches: got 0, want the call that the new router did not know")
			}
		})
		c.MustBye(b)
		b.settle(time.Minute)
		b.wantNothingLeft()
	})
}

// A recording's tap that panics is the sound's affair: the call goes on.
func TestPanicInATapCostsNoCall(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		carrier := b.carrier(5060)
		c, a := b.talk(carrier, b.agent(0, simphone.Ring().Answer()))
		b.onLoop(func(s *Switchboard) {
			for _, c := range s.calls {
				c.caller.session.Tap(ruined{}, sideCaller)
			}
		})
		time.Sleep(2 * time.Second)
		c.MustHear(b, 1000)
		c.MustBye(b)
		a.MustEnd(b, simphone.Theirs, 0)
		b.settle(time.Minute)
		b.wantTrueCards()
		b.wantNothingLeft()
		b.wantNoDefects()
	})
}

// ruined is a tap that panics.
type ruined struct{}

func (ruined) Sound(int, uint32, uint32, uint16, bool, int64, int, []int16) {
	panic("a defect in a tap")
}

func (ruined) Comfort(int, uint32, uint32, uint16, int64, []int16) { panic("a defect in a tap") }
func (ruined) Still(int, uint32, int64, bool)                      {}

// When the oldest entry of the mailbox has waited more than 100 ms, new calls
// are refused; what belongs to live calls is done.
func TestOverloadRefusesNewCallsOnly(t *testing.T) {
	inBubble(t, 2, func(b *bench) {
		carrier := b.carrier(5060)
		first := b.agent(0, simphone.Ring().Answer())
		second := b.agent(1, simphone.Ring().Answer())
		c, _ := b.talk(carrier, first)
		d, _ := b.talk(carrier, second)
		b.board.box.post(letter{order: func(time.Time) { time.Sleep(150 * time.Millisecond) }}) // the loop is behind
		refused := carrier.Dial(early, simphone.From("+14155550124"))
		time.Sleep(10 * time.Millisecond)
		c.MustBye(b)
		e := refused.MustEnd(b, simphone.Theirs, 503)
		if e.Code == 503 && e.At.IsZero() {
			t.Errorf("the refusal: got %v", e)
		}
		d.MustHear(b, 1000)
		b.onLoop(func(s *Switchboard) {
			if s.counts.Refused != 1 || s.counts.Calls != 2 {
				b.Errorf("counts: got %+v, want 1 refused of 2 others", s.counts)
			}
		})
		taken, _ := b.talk(carrier, first) // and it is over
		taken.MustBye(b)
		d.MustBye(b)
		b.settle(time.Minute)
		if got := len(b.cards()); got != 3 {
			t.Errorf("cards: got %d, want 3: a call refused for overload costs nothing", got)
		}
		b.wantTrueCards()
		b.wantNothingLeft()
		b.wantNoDefects()
	})
}

// The leg's proof that even a call without legs is let go: a fault while the
// only leg has just ended.
func TestCallTooBrokenToEndIsAbandonedWithItsEnding(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		carrier := b.carrier(5060)
		c, a := b.talk(carrier, b.agent(0, simphone.Ring().Answer()))
		b.onLoop(func(s *Switchboard) {
			for _, live := range s.calls {
				live.caller.session, live.bridge, live.far.session = nil, nil, nil // ending it panics too
				s.handling = live
				s.fault("a defect")
			}
		})
		c.MustEnd(b, simphone.Theirs, 0)
		a.MustEnd(b, simphone.Theirs, 0)
		b.settle(time.Minute)
		cards := b.cards()
		if len(cards) != 1 || cards[0].Ending.Cause != CauseFault {
			t.Fatalf("cards: got %+v, want one, ended by a fault", cards)
		}
		b.onLoop(func(s *Switchboard) {
			if len(s.calls)+len(s.lines)+len(s.offers) > 0 || s.trunkOf("acme").calls != 0 {
				b.Errorf("left: got %d calls, %d lines, %d of the trunk, want none", len(s.calls), len(s.lines), s.trunkOf("acme").calls)
			}
		})
		time.Sleep(5 * time.Second) // the reconciler frees the agent
		b.talkAny(carrier)
	})
}

// A callback that rings at an agent is no call yet: a panic in it leaves no
// card, costs nobody else's call, and the promise is kept by the next agent.
func TestPanicInAnOfferedCallbackLeavesNoCard(t *testing.T) {
	inBubble(t, 2, func(b *bench) {
		carrier := b.carrier(5060)
		carrier.OnCall(simphone.Ring().Answer())
		first := b.agent(0, simphone.Ring())
		if _, err := b.board.RequestCallback(b.Context(), CallbackRequest{Number: "+14155550123", Team: "support"}); err != nil {
			t.Fatal(err)
		}
		rings := first.MustCall(b)
		time.Sleep(time.Second)
		b.agent(1, simphone.Ring().Answer())
		b.board.box.post(letter{order: func(time.Time) {
			for _, c := range b.board.calls {
				b.board.handling = c
			}
			panic("on purpose")
		}})
		rings.MustEnd(b, simphone.Theirs, 487)
		b.wantFaults(1)
		if n := len(b.cards()); n != 0 {
			t.Errorf("cards: got %d, want none", n)
		}
		time.Sleep(20 * time.Second) // the next agent has it
		b.onLoop(func(s *Switchboard) {
			if len(s.calls) != 1 {
				b.Errorf("calls: got %d, want the callback's", len(s.calls))
			}
			for _, c := range s.calls {
				if c.tentative || c.out.agent != agentName(1) {
					b.Errorf("the callback: got %+v, want it made by the other agent", c.out)
				}
				s.end(c, Ending{By: BySystem, Cause: CauseOrdered}, reasonNormal)
			}
		})
		b.settle(time.Minute)
		b.wantTrueCards()
		b.wantNothingLeft()
	})
}

// A panic while a callback begins to ring costs its own call, not the one whose
// event has freed an agent for it.
func TestPanicInACallbackThatBeginsToRingCostsNoOtherCall(t *testing.T) {
	inBubble(t, 2, func(b *bench) {
		carrier := b.carrier(5060)
		c, a := b.talk(carrier, b.agent(0, simphone.Ring().Answer()))
		b.agent(1, simphone.Ring())
		if err := b.board.SetAgent(b.Context(), agentName(1), false, "lunch"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.board.RequestCallback(b.Context(), CallbackRequest{Number: "+14155550124", Team: "support"}); err != nil {
			t.Fatal(err)
		}
		b.onLoop(func(s *Switchboard) {
			for _, live := range s.calls {
				s.handling = live
			}
			s.promises.calls = nil // where the callback's call is written down
			s.route(routing.StatusSet{Agent: agentName(1), Active: true})
		})
		b.onLoop(func(s *Switchboard) { s.promises.calls = map[routing.CallbackID]*liveCall{} })
		time.Sleep(time.Second)
		c.MustHear(b, 1000)
		a.MustHear(b, 440)
		b.wantFaults(1)
		c.MustBye(b)
		b.onLoop(func(s *Switchboard) { s.withdrawOffers() })
		b.settle(time.Minute)
		b.wantTrueCards()
		b.wantNothingLeft()
	})
}
