package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

const forwardFlow = "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare]}]\n"

// far is who a forward over the trunk spare reaches.
func (s *story) far(script simphone.Script) *simphone.Phone {
	s.Helper()
	p := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
	p.OnCall(script)
	return p
}

func TestForwardPassesEarlyMediaAndTheFarAnswer(t *testing.T) {
	narrate(t, "forward", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Early().After(3 * time.Second).Answer())
		c := s.dial()
		if err := c.WaitRinging(s.within(5 * time.Second)); err != nil {
			s.fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "far") // early media
		s.answered(c)
		f := s.gets(far)
		s.hear(c, farTone)
		s.hear(f, customerTone)
		s.bye(f)
		s.ended(c)
	})
}

func TestForwardThatFailsPassesAMappedFailure(t *testing.T) {
	narrate(t, "forward-busy", supportTeam+forwardFlow, func(s *story) {
		s.far(simphone.Ring().After(time.Second).Decline(486))
		c := s.dial()
		if e := s.ended(c); e.Code != 486 {
			t.Errorf("the caller's leg: got %v, want 486", e)
		}
	})
}

func TestForwardMovesOnFromATrunkThatIsSilent(t *testing.T) {
	out := "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare, acme]}]\n"
	narrate(t, "forward-failover", supportTeam+out, func(s *story) {
		s.carrier.OnCall(simphone.Ring().After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		f := s.gets(s.carrier)
		s.hear(c, customerTone)
		s.bye(f)
		s.ended(c)
		time.Sleep(40 * time.Second)
	})
}

// RFC 3261 §13.2.2.4: a 200 needs no 180 before it.
func TestForwardAnsweredByABare200KeepsTalking(t *testing.T) {
	narrate(t, "forward-bare-200", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.After(time.Second).Answer())
		c := s.dial()
		s.answered(c)
		f := s.gets(far)
		time.Sleep(10 * time.Second) // a deadline for the first sign of it would have passed
		s.hear(c, farTone)
		s.hear(f, customerTone)
		s.bye(c)
		s.ended(f)
	})
}

func TestTrunkThatIsTryingIsNotSilent(t *testing.T) {
	narrate(t, "forward-trying", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.After(6 * time.Second).Ring().After(2 * time.Second).Answer())
		c := s.dial()
		s.answered(c)
		f := s.gets(far)
		s.hear(c, farTone)
		s.bye(f)
		s.ended(c)
	})
}

// RFC 3261 §16.6: Timer C. A number that rang is not tried over the next trunk: it would ring there again.
func TestForwardThatRingsForEverMovesOnAfter3Minutes(t *testing.T) {
	then := "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare, acme]}, {queue: support}]\n"
	narrate(t, "forward-rings-on", supportTeam+then, func(s *story) {
		far := s.far(simphone.After(time.Second).Ring()) // else its end and the repeated 180 fall on one instant
		s.carrier.OnCall(simphone.Decline(486))          // not asked
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		s.ended(s.rings(far))
		a := s.gets(ann)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		s.recorded().wantTones(t, annTone)
	})
}

func TestAnsweredCallerHearsRingbackWhileTheForwardRingsAndThenTheNextStep(t *testing.T) {
	then := "flows:\n  main: [{play: welcome}, {forward: \"+14155550199\", trunks: [spare]}, {queue: support}]\n"
	narrate(t, "forward-after-prompt", supportTeam+then, func(s *story) {
		s.far(simphone.Ring())
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		s.answered(c)
		time.Sleep(time.Minute)
		ringing := s.sound(c, 6*time.Second)
		if !ringing.Has(440) || !ringing.Has(480) {
			t.Errorf("while the forward rings: got %v, want the ring-back of the US", ringing)
		}
		s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		if r := s.card(); r.Ended.Sub(r.Answered) < 3*time.Minute {
			t.Errorf("the call: got %v, want the forward's 3 minutes at least", r.Ended.Sub(r.Answered))
		}
	})
}

func TestForwardHasItsOwnRingAndItsOwnPath(t *testing.T) {
	then := "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare], ring: 20s, unanswered: [{queue: support}]}]\n"
	narrate(t, "forward-own-ring", supportTeam+then, func(s *story) {
		far := s.far(simphone.Ring())
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		began := time.Now()
		c := s.dial()
		s.ended(s.rings(far))
		if lasted := time.Since(began); lasted < 20*time.Second || lasted > 21*time.Second {
			t.Errorf("the forward rang: got %v, want 20 s", lasted)
		}
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}

// RFC 3261 §13.2.1: an answer that a 18x has given holds.
func TestForwardsAnswerOfThe183HoldsWhenThe200HasNone(t *testing.T) {
	narrate(t, "forward-200-without-sdp", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Early().After(2 * time.Second).Answer())
		far.Behave(func(h *simphone.Habits) {
			h.Message = func(m *simphone.Message) {
				if m.Code == 200 {
					m.Body = nil
				}
			}
		})
		c := s.dial()
		s.answered(c)
		f := s.gets(far)
		s.hear(c, farTone)
		s.hear(f, customerTone)
		s.bye(c)
		s.ended(f)
	})
}

func TestForwardAnsweredWithoutAnyDescriptionMovesOn(t *testing.T) {
	then := "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare]}, {queue: support}]\n"
	narrate(t, "forward-no-sdp", supportTeam+then, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Answer())
		far.Behave(func(h *simphone.Habits) {
			h.Message = func(m *simphone.Message) {
				if m.Code == 200 {
					m.Body = nil
				}
			}
		})
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestFarLegLostWithoutByeIsLegLostByForward(t *testing.T) {
	narrate(t, "forward-leg-lost", supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Answer().After(time.Second).Hold(simphone.HoldSendOnly))
		far.Behave(func(h *simphone.Habits) { h.NoACK = true }) // and so it never ends its re-INVITE
		c := s.dial()
		s.answered(c)
		s.hear(c, farTone)
		if e := s.ended(c); e.By != simphone.Theirs {
			t.Errorf("the caller's leg: got %v, want a BYE of the switch", e)
		}
		time.Sleep(40 * time.Second)
		if got := s.card().Ending.String(); got != "leg_lost by forward" {
			t.Errorf("ending: got %s, want leg_lost by forward", got)
		}
	})
}

func TestForwardThatRings60sThenAnswersLives(t *testing.T) {
	for _, script := range []struct {
		name   string
		script simphone.Script
	}{
		{"ringing", simphone.Ring().After(61 * time.Second).Answer()},
		{"early media", simphone.Early().After(61 * time.Second).Answer()},
	} {
		t.Run(script.name, func(t *testing.T) {
			act(t, supportTeam+forwardFlow, func(s *story) {
				far := s.far(script.script)
				s.carrier.Behave(func(h *simphone.Habits) { h.ACKAfter = 400 * time.Millisecond })
				c := s.dial()
				c.StopRTP(true) // it says nothing before it is answered
				s.answered(c)
				f := s.gets(far)
				time.Sleep(time.Second) // answering takes a moment
				c.StopRTP(false)
				s.hear(f, customerTone)
				time.Sleep(2 * time.Minute)
				s.hear(c, farTone)
				s.hear(f, customerTone)
				s.bye(c)
				s.ended(f)
			})
		})
	}
}

func TestForwardShowsWhoCalls(t *testing.T) {
	const trunks, caller = "", ", caller_id: caller"
	for _, c := range []struct {
		name, show      string
		dial            []simphone.Option
		from, diversion string
	}{
		{"the trunk's number and the caller in Diversion", trunks, nil,
			"<sip:+14155550100@pbx.example.com>", "<sip:+14155550123@pbx.example.com>;reason=unconditional"},
		{"not the caller's name", trunks, []simphone.Option{simphone.Display("Jo Doe")},
			"<sip:+14155550100@pbx.example.com>", "<sip:+14155550123@pbx.example.com>;reason=unconditional"},
		{"the caller, where the step says so", caller, []simphone.Option{simphone.Display("Jo Doe")},
			`"Jo Doe" <sip:+14155550123@pbx.example.com>`, "<sip:+14155550123@pbx.example.com>;reason=unconditional"},
		{"anonymous stays anonymous", caller, []simphone.Option{simphone.Anonymous()},
			`"Anonymous" <sip:anonymous@anonymous.invalid>`, ""},
		{"an anonymous caller is not in Diversion", trunks, []simphone.Option{simphone.Anonymous()},
			"<sip:+14155550100@pbx.example.com>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare]" + c.show + "}]\n"
			act(t, supportTeam+out, func(s *story) {
				far := s.far(simphone.Ring().After(time.Second).Answer())
				call := s.dial(c.dial...)
				wantShown(t, s.rings(far).Invite(), c.from, c.diversion)
				s.answered(call)
				s.bye(call)
			})
		})
	}
}

func TestForwardOverATrunkWithoutCallerIDShowsTheDialledNumber(t *testing.T) {
	act(t, supportTeam+forwardFlow, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Answer())
		s.reload(supportTeam+forwardFlow, ", caller_id: \"+14155550100\"", "")
		c := s.dial()
		wantShown(t, s.rings(far).Invite(), "<sip:+14155550100@pbx.example.com>", "<sip:+14155550123@pbx.example.com>;reason=unconditional")
		s.answered(c)
		s.bye(c)
	})
}

// What a contact is called here was not said by the carrier of this call.
func TestContactsNameNeverLeavesTheHouse(t *testing.T) {
	out := "flows:\n  main: [{forward: \"+14155550199\", trunks: [spare], caller_id: caller}]\n"
	act(t, supportTeam+out, func(s *story) {
		far := s.far(simphone.Ring().After(time.Second).Answer())
		c := s.dial(simphone.Display("Jo Doe"))
		s.rings(far)
		s.answered(c)
		s.bye(c)
		c = s.dial()
		wantShown(t, s.rings(far).Invite(), "<sip:+14155550123@pbx.example.com>", "<sip:+14155550123@pbx.example.com>;reason=unconditional")
		s.answered(c)
		s.bye(c)
		if got := s.card().Name; got != "Jo Doe" {
			t.Errorf("the card's name: got %q, want the contact's, Jo Doe", got)
		}
	})
}

// wantShown compares what an INVITE shows of the caller. Privacy goes with
// anonymous alone.
func wantShown(t *testing.T, invite *simphone.Message, from, diversion string) {
	t.Helper()
	shown, _, _ := strings.Cut(invite.Get("From"), ";tag=")
	if shown != from {
		t.Errorf("From: got %s, want %s", shown, from)
	}
	if got := invite.Get("Diversion"); got != diversion {
		t.Errorf("Diversion: got %q, want %q", got, diversion)
	}
	if got, want := invite.Get("Privacy") != "", strings.Contains(from, "anonymous.invalid"); got != want {
		t.Errorf("Privacy: got %q with From %s, want it: %v", invite.Get("Privacy"), shown, want)
	}
}
