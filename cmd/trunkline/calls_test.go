package main

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
)

func TestCallIsAnsweredAndBothHearEachOther(t *testing.T) {
	narrate(t, "answered", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(2*time.Second).Answer())
		c := s.dial()
		s.answered(c)
		s.wantHears(c, "music")
		a := s.gets(ann)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		time.Sleep(2 * time.Second)
		s.bye(c)
		if e := s.ended(a); e.By != simphone.Theirs {
			t.Errorf("agent's leg: got %v, want ended by the switch", e)
		}
		s.recorded().wantTones(t, annTone)
	})
}

func TestRingOutMovesOnToTheNextAgentAt30s(t *testing.T) {
	narrate(t, "ring-out", supportTeam+queueFlow, func(s *story) {
		s.agent("ann", annTone, simphone.Ring())
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.bye(b)
		s.ended(c)
	})
}

func TestDeclineMovesOnToTheNextAgent(t *testing.T) {
	narrate(t, "decline", supportTeam+queueFlow, func(s *story) {
		s.agent("ann", annTone, simphone.Ring().After(3*time.Second).Decline(486))
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.bye(c)
		s.ended(b)
	})
}

func TestBusyWithoutRingingIsBusy(t *testing.T) {
	narrate(t, "busy", supportTeam+queueFlow, func(s *story) {
		s.agent("ann", annTone, simphone.Decline(486))
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
	})
}

func TestNoRingingWithin4sIsUnreachable(t *testing.T) {
	narrate(t, "unreachable", supportTeam+queueFlow, func(s *story) {
		s.agent("ann", annTone, simphone.Ignore())
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
		time.Sleep(40 * time.Second) // the CANCEL to ann runs out
	})
}

func TestAllPhonesOfAnAgentRingAndTheFirstAnswerWins(t *testing.T) {
	narrate(t, "two-phones", supportTeam+queueFlow, func(s *story) {
		desk := s.agent("ann", annTone, simphone.Ring())
		cell := s.agent("ann", annTone, simphone.Ring().After(2*time.Second).Answer())
		c := s.dial()
		other := s.rings(desk)
		a := s.gets(cell)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		if e := s.ended(other); e.Reason != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("the other phone's Reason: got %s, want call completed elsewhere", e.Reason)
		}
		s.bye(c)
		s.ended(a)
	})
}

func TestAnswerThatCrossesOurCancelIsAcknowledgedAndHungUp(t *testing.T) {
	narrate(t, "cancel-crosses-200", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().AnswerOnCancel())
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.rings(ann)
		b := s.gets(bob)
		if e := s.ended(a); e.By != simphone.Theirs || e.Reason == "" {
			t.Errorf("ann's late answer: got %v, want a BYE with a Reason", e)
		}
		if !a.Confirmed() {
			t.Error("ann's late 200 was not ACKed")
		}
		s.wantHears(c, "bob")
		s.bye(c)
		s.ended(b)
	})
}

func TestCallerWhoHangsUpWhileRingingIsAbandoned(t *testing.T) {
	narrate(t, "abandoned", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		c := s.dial()
		s.answered(c)
		a := s.rings(ann)
		time.Sleep(5 * time.Second)
		s.bye(c)
		if e := s.ended(a); e.Code != 487 || e.Reason == "" {
			t.Errorf("ann's leg: got %v, want a CANCEL with a Reason", e)
		}
	})
}

func TestCallerWhoCancelsBeforeTheAnswerIsAbandoned(t *testing.T) {
	late := "flows:\n  main: {answer: late, steps: [{queue: support}]}\n"
	narrate(t, "abandoned-late", supportTeam+late, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring())
		c := s.dial()
		a := s.rings(ann)
		time.Sleep(5 * time.Second)
		if err := c.Cancel(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		if e, _ := c.End(); e.Code != 487 {
			t.Errorf("the caller's leg: got %v, want 487", e)
		}
		s.ended(a)
	})
}

func TestLateFlowRingsTheCallerUntilAnAgentAnswers(t *testing.T) {
	late := "flows:\n  main: {answer: late, steps: [{queue: support}]}\n"
	narrate(t, "answer-late", supportTeam+late, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(3*time.Second).Answer())
		c := s.dial()
		a := s.gets(ann)
		s.answered(c)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(a)
		s.ended(c)
	})
}

func TestLostAckEndsTheCallAfter32s(t *testing.T) {
	narrate(t, "lost-ack", supportTeam+queueFlow, func(s *story) {
		s.carrier.Behave(func(h *simphone.Habits) { h.NoACK = true })
		c := s.dial()
		s.answered(c)
		if e := s.ended(c); e.By != simphone.Theirs {
			t.Errorf("the call: got %v, want a BYE of the switch", e)
		}
	})
}

func TestHoldFromThePhoneGivesTheCustomerMusic(t *testing.T) {
	for _, kind := range []struct {
		name string
		kind simphone.HoldKind
	}{{"sendonly", simphone.HoldSendOnly}, {"inactive", simphone.HoldInactive}, {"zero-address", simphone.HoldZero}} {
		t.Run(kind.name, func(t *testing.T) {
			narrate(t, "hold-"+kind.name, supportTeam+queueFlow, func(s *story) {
				ann := s.agent("ann", annTone, simphone.Ring().Answer())
				c := s.dial()
				a := s.gets(ann)
				s.hear(c, annTone)
				if err := a.Hold(s.within(5*time.Second), kind.kind); err != nil {
					s.fatal(err)
				}
				time.Sleep(3 * time.Second)
				s.wantHears(c, "music")
				if err := a.Resume(s.within(5 * time.Second)); err != nil {
					s.fatal(err)
				}
				s.hear(c, annTone)
				s.hear(a, customerTone)
				s.bye(c)
				s.ended(a)
				sound := s.recorded()
				if left, right := sound.middle(); !left.Silent() || !right.Silent() {
					t.Errorf("recorded during the hold: left %v, right %v, want silence on both sides", left, right)
				}
			})
		})
	}
}

func TestCallerWaitsUntilAnAgentRegisters(t *testing.T) {
	narrate(t, "nobody-present", supportTeam+queueFlow, func(s *story) {
		c := s.dial()
		s.answered(c)
		time.Sleep(90 * time.Second)
		s.wantHears(c, "music")
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestAgentsLegLostWithoutByeReturnsTheCallerToTheFront(t *testing.T) {
	narrate(t, "agent-lost", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		s.gets(ann)
		s.hear(c, annTone)
		ann.Die()
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.bye(c)
		s.ended(b)
		time.Sleep(40 * time.Second)
	})
}

func TestMaxDurationEndsTheCall(t *testing.T) {
	narrate(t, "max-duration", "calls: {max_duration: 90s}\n"+supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		if e := s.ended(c); e.Reason == "" {
			t.Errorf("the caller's leg: got %v, want a Reason", e)
		}
		s.ended(a)
	})
}

func TestCallerWhoGoesSilentIsEndedAfterTheTimeout(t *testing.T) {
	narrate(t, "caller-silent", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(a, customerTone)
		c.StopRTP(true)
		s.ended(c)
		s.ended(a)
	})
}

func TestUnknownNumberIs404(t *testing.T) {
	narrate(t, "no-such-number", supportTeam+queueFlow, func(s *story) {
		s.net.ClearLadder()
		c := s.carrier.Dial("+14155559999", simphone.From(customer))
		if e := s.ended(c); e.Code != 404 {
			t.Errorf("got %v, want 404", e)
		}
	})
}

func TestPromptPlaysThenTheFlowEnds(t *testing.T) {
	narrate(t, "play-then-end", supportTeam+"flows:\n  main: [{play: welcome}, {hangup: }]\n", func(s *story) {
		c := s.dial()
		s.answered(c)
		s.wantHears(c, "music") // a voice: sound that is no tone of ours
		s.ended(c)
	})
}

func TestOfferlessInviteIsAnsweredWithOurOffer(t *testing.T) {
	narrate(t, "offerless", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial(simphone.NoOffer())
		a := s.gets(ann)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestRecordingsPastTheirRetentionAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "retention: {recordings: 24h}\n"+supportTeam+queueFlow)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
		time.Sleep(3 * time.Second)
		file := s.cards()[0].Recordings[0].Path
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("the recording: %v", err)
		}
		time.Sleep(30 * time.Minute)
		if _, err := os.Stat(file); err != nil {
			t.Errorf("after half an hour of 24: %v", err)
		}
		time.Sleep(50 * time.Hour)
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after its day and 24 hours: got %v, want it gone", err)
		}
	})
}
