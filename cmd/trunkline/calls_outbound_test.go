package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// outside is what the far end of trunk spare does with calls.
func (s *story) outside(scripts ...simphone.Script) *simphone.Phone {
	s.Helper()
	far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
	far.OnCall(scripts...)
	return far
}

// Product §7: recorded as the team says, wrap-up after.
func TestAgentDialsANumber(t *testing.T) {
	narrate(t, "dial", outsideFlow, func(s *story) {
		far := s.outside(simphone.Ring().After(2 * time.Second).Answer())
		ann := s.agent("ann", annTone)
		s.net.ClearLadder()
		a := ann.Dial("4155550177")
		f := s.gets(far)
		s.answered(a)
		s.hear(a, farTone)
		s.hear(f, annTone)
		if got := f.Caller(); got != ourNumber {
			t.Errorf("the number shown: got %s, want the trunk's %s", got, ourNumber)
		}
		if v := s.agentNow("ann"); v.Available || len(v.Open) != 1 {
			t.Errorf("ann: got %+v, want her in a call", v)
		}
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		time.Sleep(200 * time.Millisecond)
		s.wantHears(f, "music")
		s.order(call.Order{Verb: call.Resume, By: "ann"})
		s.hear(f, annTone)
		s.bye(f)
		s.ended(a)
		if v := s.agentNow("ann"); v.Reason != "Call wrap up" {
			t.Errorf("ann: got %+v, want her in wrap-up", v)
		}
		sound := s.recorded()
		sound.wantSaid(t, 400*time.Millisecond, farTone, annTone)
		s.othersTone = farTone
	})
}

func TestAgentDialsAndNobodyAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		far   simphone.Script
		code  int
		cause call.Cause
	}{
		{"busy", simphone.Ring().After(time.Second).Decline(486), 486, call.CauseBusy},
		{"declined", simphone.Ring().After(time.Second).Decline(603), 603, call.CauseDeclined},
		{"unknown", simphone.Decline(404), 404, call.CauseRejected},
		{"no-answer", simphone.Ring().After(40 * time.Second).Decline(480), 480, call.CauseNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			narrate(t, "dial-"+c.name, outsideFlow, func(s *story) {
				s.outside(c.far)
				ann := s.agent("ann", annTone)
				s.net.ClearLadder()
				a := ann.Dial(number)
				if e := s.ended(a); e.Code != c.code {
					t.Errorf("ann hears: got %v, want %d", e, c.code)
				}
				time.Sleep(time.Second)
				r := s.card()
				if r.Ending.Cause != c.cause || r.Ending.By != call.ByCallee || r.Direction != call.Outbound || r.Duration(r.Ended) != 0 {
					t.Errorf("card: got %+v, want %s by the customer, no duration", r, c.cause)
				}
				if v := s.agentNow("ann"); !v.Available {
					t.Errorf("ann: got %+v, want her available at once", v)
				}
			})
		})
	}
}

// Early media of the far side is heard, and a trunk that fails is passed over.
func TestAgentHearsEarlyMedia(t *testing.T) {
	narrate(t, "dial-early", supportTeam+queueFlow+"dial: {trunks: [acme, spare]}\n", func(s *story) {
		s.carrier.OnCall(simphone.Decline(503))
		far := s.outside(simphone.Early().After(3 * time.Second).Answer())
		ann := s.agent("ann", annTone)
		s.net.ClearLadder()
		a := ann.Dial(number)
		s.does(a.WaitRinging(s.within(5 * time.Second)))
		s.hear(a, farTone)
		f := s.gets(far)
		s.answered(a)
		s.hear(a, farTone)
		s.bye(a)
		s.ended(f)
		s.othersTone = farTone
	})
}

func TestDialRulesBindAgents(t *testing.T) {
	narrate(t, "dial-denied", outsideFlow, func(s *story) {
		s.outside(simphone.Answer())
		ann := s.agent("ann", annTone)
		s.net.ClearLadder()
		for _, c := range []struct {
			text string
			want int
		}{{"+19005550177", 403}, {"+442079460000", 403}, {"nobody", 484}, {"12", 484}, {"support", 404}} {
			if e := s.ended(ann.Dial(c.text)); e.Code != c.want {
				t.Errorf("%s: got %v, want %d", c.text, e, c.want)
			}
		}
		bob := s.agent("bob", bobTone)
		if e := s.ended(bob.Dial(number, simphone.FromURI("sip:ann@pbx.example.com"))); e.Code != 403 {
			t.Errorf("bob who says he is ann: got %v, want 403", e)
		}
	})
}

// Emergency numbers are dialled as they are, past limits, and announced.
func TestEmergencyNumberIsDialledAsItIs(t *testing.T) {
	narrate(t, "dial-emergency", outsideFlow+"calls: {max: 1}\n", func(s *story) {
		far := s.outside(simphone.Ring().Answer())
		ann := s.agent("ann", annTone)
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		s.net.ClearLadder()
		a := ann.Dial("911")
		f := s.gets(far)
		if got := f.Invite().User(); got != "911" {
			t.Errorf("dialled: got %s, want 911", got)
		}
		s.answered(a)
		if e := s.ended(bob.Dial(number)); e.Code != 503 {
			t.Errorf("a second call: got %v, want 503: calls.max", e)
		}
		b := bob.Dial("911")
		f2 := s.gets(far)
		s.answered(b)
		s.bye(b)
		s.ended(f2)
		s.bye(a)
		s.ended(f)
		s.othersTone = farTone
	})
}

// Agents call each other: not recorded, no wrap-up, and it counts to the limit.
func TestAgentCallsAnother(t *testing.T) {
	narrate(t, "internal", supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().After(2*time.Second).Answer())
		ann := s.agent("ann", annTone)
		carol := s.agent("carol", carolTone)
		s.net.ClearLadder()
		a := ann.Dial("102")
		b := s.gets(bob)
		s.answered(a)
		s.hear(a, bobTone)
		s.hear(b, annTone)
		if e := s.ended(carol.Dial("bob")); e.Code != 486 {
			t.Errorf("bob at his limit: got %v, want 486", e)
		}
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		time.Sleep(200 * time.Millisecond)
		s.wantHears(b, "music")
		s.does(a.Resume(s.within(5 * time.Second)))
		s.hear(b, annTone)
		s.bye(b)
		s.ended(a)
		for _, id := range []routing.AgentID{"ann", "bob"} {
			if v := s.agentNow(id); !v.Available {
				t.Errorf("%s: got %+v, want available at once: an internal call has no wrap-up", id, v)
			}
		}
	})
}

// Who was called by a colleague hands the call on and leaves at once. Whoever is
// rung has it; where nobody answers it ends: an agent waits in no queue.
func TestCalledColleagueTransfersAndLeaves(t *testing.T) {
	for _, c := range []struct {
		name  string
		carol simphone.Script
		want  []call.SegmentKind
	}{
		{"answered", simphone.Ring().After(2 * time.Second).Answer(), []call.SegmentKind{call.SegmentDial, call.SegmentTalk, call.SegmentDial, call.SegmentTalk}},
		{"declined", simphone.Ring().After(2 * time.Second).Decline(603), []call.SegmentKind{call.SegmentDial, call.SegmentTalk, call.SegmentDial}},
		{"rings for ever", simphone.Ring(), []call.SegmentKind{call.SegmentDial, call.SegmentTalk, call.SegmentDial}},
	} {
		t.Run(c.name, func(t *testing.T) {
			live(t, supportTeam+queueFlow, func(s *story) {
				bob := s.agent("bob", bobTone, simphone.Ring().Answer())
				carol := s.agent("carol", carolTone, c.carol)
				ann := s.agent("ann", annTone)
				a := ann.Dial("bob")
				b := s.gets(bob)
				s.answered(a)
				s.hear(a, bobTone)
				s.refers(b, "carol")
				s.bye(b)
				k := s.rings(carol)
				s.wantHears(a, "music")
				if c.name == "answered" {
					s.answered(k)
					s.hear(a, carolTone)
					s.hear(k, annTone)
					s.bye(a)
				}
				s.ended(k)
				s.ended(a)
				time.Sleep(time.Second)
				r := s.card()
				var kinds []call.SegmentKind
				for _, g := range r.Segments {
					kinds = append(kinds, g.Kind)
				}
				if !slices.Equal(kinds, c.want) || r.Direction != call.Internal || len(r.Offers) > 1 {
					t.Errorf("card: got %v with offers %+v, want %v and nobody else rung", kinds, r.Offers, c.want)
				}
				if c.name != "answered" && (r.Ending.By != call.ByCallee || r.Ending.Cause != call.CauseHangup) {
					t.Errorf("ending: got %v, want the callee's hanging up", r.Ending)
				}
				for _, id := range []routing.AgentID{"ann", "bob", "carol"} {
					if v := s.agentNow(id); len(v.Open) != 0 || v.Reason == "Call wrap up" {
						t.Errorf("%s: got %+v, want free and without wrap-up", id, v)
					}
				}
				s.unheard = true
			})
		})
	}
}

func TestAgentCallsAnotherWhoDeclines(t *testing.T) {
	narrate(t, "internal-declined", supportTeam+queueFlow, func(s *story) {
		s.agent("bob", bobTone, simphone.Ring().After(2*time.Second).Decline(603))
		ann := s.agent("ann", annTone)
		s.net.ClearLadder()
		if e := s.ended(ann.Dial("bob")); e.Code != 603 {
			t.Errorf("ann hears: got %v, want 603", e)
		}
		if e := s.ended(ann.Dial("carol")); e.Code != 480 {
			t.Errorf("carol without a phone: got %v, want 480", e)
		}
	})
}

// Click to dial: the agent's phone first, then the number.
func TestClickToDial(t *testing.T) {
	narrate(t, "click", outsideFlow, func(s *story) {
		far := s.outside(simphone.Ring().After(2 * time.Second).Answer())
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		s.net.ClearLadder()
		if _, err := s.house.board.Dial(s.within(time.Second), "bob", number, ""); !errors.Is(err, call.ErrOffline) {
			t.Errorf("bob without a phone: got %v, want %v", err, call.ErrOffline)
		}
		if _, err := s.house.board.Dial(s.within(time.Second), "ann", "+19005550177", ""); !errors.Is(err, call.ErrNotAllowed) {
			t.Errorf("premium rate: got %v, want %v", err, call.ErrNotAllowed)
		}
		_, err := s.house.board.Dial(s.within(time.Second), "ann", number, "")
		s.does(err)
		a := s.gets(ann)
		time.Sleep(200 * time.Millisecond)
		s.wantHears(a, "music") // it rings
		f := s.gets(far)
		s.hear(a, farTone)
		s.hear(f, annTone)
		s.order(call.Order{Verb: call.Hangup, By: "ann"})
		s.ended(a)
		s.ended(f)
		s.othersTone = farTone
	})
}

// An outbound call is transferred as any other.
func TestOutboundCallIsTransferred(t *testing.T) {
	narrate(t, "dial-transfer", outsideFlow, func(s *story) {
		far := s.outside(simphone.Ring().Answer())
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		ann := s.agent("ann", annTone)
		s.net.ClearLadder()
		a := ann.Dial(number)
		f := s.gets(far)
		s.answered(a)
		s.hear(f, annTone)
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.gets(bob)
		s.hear(f, bobTone)
		s.hear(b, farTone)
		s.ended(a)
		if got := b.Caller(); got != number {
			t.Errorf("bob sees: got %s, want the customer's %s", got, number)
		}
		s.bye(b)
		s.ended(f)
		s.othersTone = farTone
	})
}

func TestCodesSetTheStatus(t *testing.T) {
	narrate(t, "codes", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone)
		s.net.ClearLadder()
		s.ended(ann.Dial("*41"))
		if v := s.agentNow("ann"); v.Status != routing.StatusAway {
			t.Errorf("*41: got %+v, want away", v)
		}
		s.ended(ann.Dial("*40"))
		if v := s.agentNow("ann"); v.Status != routing.StatusActive {
			t.Errorf("*40: got %+v, want active", v)
		}
		echo := ann.Dial("*43")
		s.answered(echo)
		s.hear(echo, annTone)
		s.bye(echo)
		if e := s.ended(ann.Dial("*44")); e.Code != 404 {
			t.Errorf("*44 with nobody waiting: got %v, want 404", e)
		}
	})
}

func TestPickingUpAWaitingCall(t *testing.T) {
	narrate(t, "pickup", supportTeam+queueFlow, func(s *story) {
		s.set("ann", false)
		bob := s.agent("bob", bobTone, simphone.Ring())
		ann := s.agent("ann", annTone)
		c := s.dial()
		b := s.rings(bob)
		time.Sleep(time.Second)
		a := ann.Dial("*44")
		s.answered(a)
		s.ended(b)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestReclaimingByCode(t *testing.T) {
	narrate(t, "reclaim-code", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		second := s.spare("ann", annTone, simphone.Ignore())
		c := s.dial()
		s.gets(ann)
		s.hear(c, annTone)
		ann.Die()
		time.Sleep(12 * time.Second)
		s.wantHears(c, "music")
		a := second.Dial("*11")
		s.answered(a)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}
