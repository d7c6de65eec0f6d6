package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// Who calls has the same controls as who was called.
func TestAgentWhoCallsAColleagueGivesOrders(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		ann := s.agent("ann", annTone)
		a := ann.Dial("102")
		b := s.gets(bob)
		s.answered(a)
		s.hear(b, annTone)
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		time.Sleep(200 * time.Millisecond)
		s.wantHears(b, "music")
		s.wantHears(a, "silence")
		s.order(call.Order{Verb: call.Resume, By: "ann"})
		s.press(a, "*8")
		s.wantHears(b, "music")
		s.press(a, "*8")
		s.hear(b, annTone)
		s.order(call.Order{Verb: call.Mute, By: "ann"})
		time.Sleep(300 * time.Millisecond)
		s.wantHears(b, "silence")
		s.order(call.Order{Verb: call.Unmute, By: "ann"})
		s.order(call.Order{Verb: call.Keypad, By: "ann", Digits: "7"})
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: to("carol")}, call.ErrNotNow)
		s.refused(call.Order{Verb: call.Pause, By: "ann"}, call.ErrNotNow)
		s.hear(b, annTone)
		if got := b.Heard().Digits; !strings.Contains(got, "7") {
			t.Errorf("bob got %q, want a 7", got)
		}
		s.order(call.Order{Verb: call.Hangup, By: "ann"})
		s.ended(a)
		s.ended(b)
		if e := s.card().Ending; e != (call.Ending{By: call.ByAgent, Cause: call.CauseHangup}) {
			t.Errorf("ending: got %v, want the caller's hang-up", e)
		}
	})
}

// Before anybody has answered, whoever asked for the call ends it by the same order.
func TestAgentHangsUpWhileTheNumberRings(t *testing.T) {
	for _, click := range []bool{false, true} {
		live(t, outsideFlow, func(s *story) {
			far := s.outside(simphone.Ring())
			ann := s.agent("ann", annTone, simphone.Ring().Answer())
			var a *simphone.Call
			if click {
				_, err := s.house.board.Dial(s.within(time.Second), "ann", number, "")
				s.does(err)
				a = s.gets(ann)
			} else {
				a = ann.Dial(number)
			}
			f := s.rings(far)
			time.Sleep(time.Second)
			s.refused(call.Order{Verb: call.Hangup, By: "bob"}, call.ErrNotInCall)
			s.order(call.Order{Verb: call.Hangup, By: "ann"})
			s.ended(a)
			if e := s.ended(f); e.Code != 487 {
				t.Errorf("the number: got %v, want it cancelled", e)
			}
			if e := s.card().Ending; e.String() != "cancelled by agent (487)" {
				t.Errorf("ending: got %v, want cancelled by agent", e)
			}
			if v := s.agentNow("ann"); !v.Available {
				t.Errorf("ann: got %+v, want available", v)
			}
		})
	}
}

// A call that moves to another phone stays muted.
func TestMovedCallStaysMuted(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		s.muteCustomer = false
		second, c, a := s.atTwoPhones()
		s.order(call.Order{Verb: call.Mute, By: "ann"})
		own, peer := a.Tags()
		replaces := a.ID() + ";to-tag=" + peer + ";from-tag=" + own
		if e := s.ended(second.Dial("trunkline", simphone.WithHeader("Replaces", replaces+";early-only"))); e.Code != 486 {
			t.Errorf("Replaces of what must not be answered: got %v, want 486", e)
		}
		moved := second.Dial("trunkline", simphone.WithHeader("Replaces", replaces))
		s.answered(moved)
		s.ended(a)
		s.hear(moved, customerTone)
		s.wantHears(c, "silence")
		s.order(call.Order{Verb: call.Unmute, By: "ann"})
		s.hear(c, carolTone)
		s.bye(c)
		s.ended(moved)
	})
}

// With pause_tone both hear when a recording is paused and goes on, and the
// recording has it on neither side.
func TestPauseIsAnnouncedByATone(t *testing.T) {
	for _, on := range []bool{true, false} {
		yaml := supportTeam + queueFlow
		if on {
			yaml += "controls: {pause_tone: true}\n"
		}
		live(t, yaml, func(s *story) {
			c, a, _ := s.talk(simphone.Ring())
			for _, verb := range []call.Verb{call.Pause, call.Continue} {
				s.order(call.Order{Verb: verb, By: "ann"})
				time.Sleep(150 * time.Millisecond)
				for who, one := range map[string]*simphone.Call{"the customer": c, "ann": a} {
					other := map[string]float64{"the customer": annTone, "ann": customerTone}[who]
					if tones := one.Last(100 * time.Millisecond).Tones(); alone(tones, other) == on {
						t.Errorf("%s, pause_tone %v, after %s: got %v", who, on, verb, tones)
					}
				}
				time.Sleep(2 * time.Second)
				s.hear(c, annTone)
			}
			s.bye(c)
			s.ended(a)
			sound := s.recorded()
			sound.wantSaid(t, 2*time.Second, 0, 0)
			sound.wantSaid(t, sound.length()-1500*time.Millisecond, customerTone, annTone)
		})
	}
}

// alone says that one tone is heard and no other.
func alone(tones []simphone.Tone, hz float64) bool {
	return len(tones) == 1 && math.Abs(tones[0].Hz-hz) < 30
}

// Who transfers is told to the phones of the house, as its phone says it.
func TestPhonesAreToldWhoTransfers(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		far := s.outside(simphone.Ring().Decline(486))
		c, a, bob := s.talk(simphone.Ring().Decline(603), simphone.Ring().Decline(603))
		for _, x := range []struct{ given, want string }{
			{"", "<sip:ann@pbx.example.com>"},
			{`"Ann" <sip:101@pbx.example.com>`, `"Ann" <sip:101@pbx.example.com>`},
		} {
			headers := []simphone.Option{simphone.WithHeader("Refer-To", "<sip:bob@pbx.example.com>")}
			if x.given != "" {
				headers = append(headers, simphone.WithHeader("Referred-By", x.given))
			}
			_, err := a.Request(s.within(5*time.Second), "REFER", headers...)
			s.does(err)
			b := s.rings(bob)
			if got := b.Invite().Get("Referred-By"); got != x.want {
				t.Errorf("Referred-By: got %q, want %q", got, x.want)
			}
			s.ended(b)
			time.Sleep(time.Second)
		}
		s.refers(a, number)
		f := s.rings(far)
		if got := f.Invite().Get("Referred-By"); got != "" {
			t.Errorf("the carrier is told %q, want nothing of the house", got)
		}
		s.ended(f)
		time.Sleep(time.Second)
		_, err := a.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:bob@pbx.example.com;method=BYE>"))
		if e, ok := err.(*simphone.StatusError); !ok || e.Code != 403 {
			t.Errorf("REFER for a BYE: got %v, want 403", err)
		}
		s.bye(c)
		s.ended(a)
	})
}

// RFC 4488: who wants no subscription is sent no NOTIFY.
func TestReferWithoutSubscription(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().Answer())
		res, err := a.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:bob@pbx.example.com>"),
			simphone.WithHeader("Refer-Sub", "false"), simphone.WithHeader("Require", "norefersub"))
		s.does(err)
		if res.Code != 202 || res.Get("Refer-Sub") != "false" {
			t.Errorf("got %d, Refer-Sub %q, want 202 and false", res.Code, res.Get("Refer-Sub"))
		}
		b := s.gets(bob)
		s.ended(a)
		s.hear(c, bobTone)
		if got := frags(s.phoneOf("ann")); len(got) > 0 {
			t.Errorf("NOTIFYs: got %q, want none", got)
		}
		s.bye(c)
		s.ended(b)
	})
}

// phoneOf is the phone of an agent.
func (s *story) phoneOf(name string) *simphone.Phone {
	s.Helper()
	for i, p := range s.phones {
		if s.nameOf(i) == name {
			return p
		}
	}
	s.Fatalf("the phone of %s: got none, want one", name)
	return nil
}

// The network's own cause is on the receipt, and a plain phone is told by a tone.
func TestReceiptHasTheNetworksCause(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
		c, a, _ := s.talk(simphone.Ring())
		s.press(a, "*24155550177#")
		f := s.rings(far)
		f.Ring(180)
		time.Sleep(time.Second)
		f.Decline(480, simphone.WithHeader("Reason", `Q.850;cause=27;text="Destination out of order"`))
		time.Sleep(300 * time.Millisecond)
		if tones := a.Last(200 * time.Millisecond).Tones(); alone(tones, customerTone) {
			t.Errorf("ann, whose transfer by key failed: got %v, want a tone", tones)
		}
		tr := s.liveRecord().Transfers
		if len(tr) != 1 || tr[0].SIP != 480 || tr[0].Q850 != 27 || tr[0].Outcome != routing.OutcomeNoAnswer || tr[0].RingTime(time.Now()) < time.Second/2 {
			t.Errorf("receipt: got %+v, want 480, 27, rung for a second", tr)
		}
		time.Sleep(2 * time.Second)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}

// A phone that hangs up by itself when its transfer fails does not lose the customer.
func TestPhoneThatGivesUpAfterAFailedTransfer(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(time.Second).Decline(603), simphone.Ring().Answer())
		carol := s.agent("carol", carolTone, simphone.Ring().After(time.Second).Answer())
		s.refers(a, "bob")
		s.ended(s.rings(bob))
		s.set("bob", false)
		s.bye(a)
		k := s.gets(carol)
		s.hear(c, carolTone)
		if v := s.agentNow("ann"); v.Reason != "Call wrap up" {
			t.Errorf("ann: got %+v, want her in wrap-up", v)
		}
		time.Sleep(2 * time.Second)
		s.bye(k) // of her own: the call ends
		s.ended(c)
	})
}
