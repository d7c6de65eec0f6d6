package main

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// asks has a phone send a REFER outside any dialog, whose NOTIFYs it takes.
func (s *story) asks(p *simphone.Phone, to string, more ...simphone.Option) (*simphone.Message, error) {
	s.Helper()
	p.Behave(func(h *simphone.Habits) { h.Replies = map[string]int{"NOTIFY": 200} })
	return p.Request(s.within(5*time.Second), "REFER", "trunkline", append([]simphone.Option{simphone.WithHeader("Refer-To", "<"+to+">")}, more...)...)
}

// asked wants it to be taken.
func (s *story) asked(p *simphone.Phone, to string, more ...simphone.Option) {
	s.Helper()
	m, err := s.asks(p, to, more...)
	s.does(err)
	if m.Code != 202 || m.Get("Contact") == "" {
		s.Errorf("REFER to %s: got %d, Contact %q, want 202 with one", to, m.Code, m.Get("Contact"))
	}
}

// target names a call as the switch sees it, or, the other way round, as the phone does.
func target(c *simphone.Call, switched bool) simphone.Option {
	own, peer := c.Tags()
	if switched {
		own, peer = peer, own
	}
	return simphone.WithHeader("Target-Dialog", fmt.Sprintf("%s;local-tag=%s;remote-tag=%s", c.ID(), peer, own))
}

// inPlaceOf is a Refer-To with Replaces.
func inPlaceOf(c *simphone.Call) string {
	own, peer := c.Tags()
	return "sip:x@pbx.example.com?Replaces=" + url.QueryEscape(c.ID()+";to-tag="+peer+";from-tag="+own)
}

func (s *story) wantFrags(p *simphone.Phone, want ...string) {
	s.Helper()
	time.Sleep(100 * time.Millisecond)
	if got := frags(p); fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("NOTIFYs: got %q, want %q", got, want)
	}
}

const (
	trying   = "active SIP/2.0 100 Trying\r\n"
	ringing  = "active SIP/2.0 180 Ringing\r\n"
	accepted = "termin SIP/2.0 200 OK\r\n"
)

// RFC 4538: a REFER outside a dialog names the call that it transfers.
func TestReferOutsideADialogTransfersTheCallItNames(t *testing.T) {
	for _, switched := range []bool{false, true} {
		narrate(t, "refer-outside", supportTeam+queueFlow, func(s *story) {
			c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
			ann := s.phoneOf("ann")
			s.asked(ann, "sip:bob@pbx.example.com", target(a, switched), simphone.WithHeader("Require", "tdialog"))
			s.hear(c, annTone)
			b := s.gets(bob)
			s.hear(c, bobTone)
			s.ended(a)
			s.wantFrags(ann, trying, ringing, accepted)
			s.bye(c)
			s.ended(b)
		})
	}
}

func TestReferOutsideADialogIsRefused(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(time.Second).Decline(486))
		ann := s.phoneOf("ann")
		stray := s.host("stray", "10.0.0.77:5060", simphone.Config{User: "carol", Password: "carol-password-1", Domain: "pbx.example.com"})
		gone := s.spare("bob", bobTone)
		s.registers(gone)
		s.does(gone.Unregister(s.within(5 * time.Second)))
		wrong := s.host("wrong", "10.0.0.78:5060", simphone.Config{User: "ann", Password: "not-hers", Domain: "pbx.example.com"})
		quiet := simphone.WithHeader("Target-Dialog", "none;local-tag=a;remote-tag=b")
		for _, x := range []struct {
			what string
			p    *simphone.Phone
			to   string
			more []simphone.Option
			code int
		}{
			{"another agent's call", bob, "sip:carol@pbx.example.com", []simphone.Option{target(a, true)}, 403},
			{"another agent's call, by Replaces", bob, inPlaceOf(a), nil, 403},
			{"the customer's own leg", ann, "sip:bob@pbx.example.com", []simphone.Option{target(c, true)}, 403},
			{"no call", ann, "sip:bob@pbx.example.com", []simphone.Option{quiet}, 481},
			{"a call that the phone has itself, alone", ann, inPlaceOf(a), nil, 491},
			{"nobody there", ann, "sip:carol@pbx.example.com", []simphone.Option{target(a, true)}, 480},
			{"a number that the rules forbid", ann, "sip:+19005550100@pbx.example.com", nil, 403},
			{"no number", ann, "sip:nobody@pbx.example.com", nil, 404},
			{"no SIP", ann, "mailto:bob@example.com", nil, 400},
			{"no call at all", ann, "sip:bob@pbx.example.com;method=BYE", nil, 403},
			{"what we do not understand", ann, "sip:bob@pbx.example.com", []simphone.Option{simphone.WithHeader("Require", "foo")}, 420},
			{"the carrier", s.carrier, "sip:bob@pbx.example.com", []simphone.Option{target(c, true)}, 403},
			{"a phone that nobody knows", stray, "sip:bob@pbx.example.com", nil, 0},
			{"a phone that is not registered any more", gone, "sip:bob@pbx.example.com", nil, 403},
			{"a wrong password", wrong, "sip:bob@pbx.example.com", []simphone.Option{target(a, true)}, 0},
		} {
			_, err := s.asks(x.p, x.to, x.more...)
			var e *simphone.StatusError
			switch {
			case err == nil:
				t.Errorf("%s: got it taken, want it refused", x.what)
			case x.code != 0 && (!errors.As(err, &e) || e.Code != x.code):
				t.Errorf("%s: got %v, want %d", x.what, err, x.code)
			}
		}
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// RFC 4488: who does not want to know is not told.
func TestReferOutsideADialogWithoutASubscription(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(time.Second).Answer())
		ann := s.phoneOf("ann")
		m, err := s.asks(ann, "sip:bob@pbx.example.com", target(a, true), simphone.WithHeader("Refer-Sub", "false"))
		s.does(err)
		if m.Get("Refer-Sub") != "false" {
			t.Errorf("202: got Refer-Sub %q, want false", m.Get("Refer-Sub"))
		}
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.wantFrags(ann)
		s.bye(c)
		s.ended(b)
	})
}

// An attended transfer outside both dialogs: the call by Target-Dialog or, as
// the agent has no other, not at all.
func TestReferOutsideADialogJoinsTwoCalls(t *testing.T) {
	for _, named := range []bool{true, false} {
		live(t, outsideFlow, func(s *story) {
			bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
			s.set("bob", false)
			ann := s.agent("ann", annTone, simphone.Ring().Answer())
			c := s.dial()
			a := s.gets(ann)
			s.hear(c, annTone)
			s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
			s.set("bob", true)
			asks := ann.Dial("102")
			b := s.gets(bob)
			s.answered(asks)
			s.hear(asks, bobTone)
			if named {
				s.asked(ann, inPlaceOf(asks), target(a, true))
			} else {
				s.asked(ann, inPlaceOf(asks))
			}
			s.ended(a)
			s.ended(asks)
			s.hear(c, bobTone)
			s.hear(b, customerTone)
			s.wantFrags(ann, trying, accepted)
			s.bye(c)
			s.ended(b)
		})
	}
}

// A call of the agent moves to the phone that asks.
func TestReferOutsideADialogMovesTheCall(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		second, c, a := s.atTwoPhones()
		second.OnCall(simphone.Ring().After(time.Second).Decline(486))
		s.asked(second, inPlaceOf(a))
		time.Sleep(2 * time.Second)
		s.hear(c, annTone)
		s.wantFrags(second, trying, ringing, "termin SIP/2.0 486 Busy Here\r\n")
		second.OnCall(simphone.Ring().After(time.Second).Answer())
		s.asked(second, inPlaceOf(a))
		s.ended(a)
		s.hear(c, carolTone)
		s.wantFrags(second, trying, ringing, "termin SIP/2.0 486 Busy Here\r\n", trying, ringing, accepted)
		s.bye(c)
	})
}

// A plain number: the phone that asks is rung, and no other, then the number.
func TestReferOutsideADialogDials(t *testing.T) {
	for _, x := range []struct {
		name  string
		to    string
		far   simphone.Script
		last  string
		talks bool
	}{
		{"number", number, simphone.Ring().After(time.Second).Answer(), accepted, true},
		{"busy", number, simphone.Ring().After(time.Second).Decline(486), "termin SIP/2.0 486 Busy Here\r\n", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			live(t, outsideFlow, func(s *story) {
				far := s.outside(x.far)
				ann := s.agent("ann", annTone, simphone.Ring().Answer())
				second := s.spare("ann", annTone, simphone.Ring().After(time.Second).Answer())
				s.registers(second)
				s.asked(second, "sip:"+x.to+"@pbx.example.com")
				a := s.gets(second)
				if x.talks {
					f := s.gets(far)
					s.hear(a, farTone)
					s.hear(f, annTone)
					if f.Caller() != ourNumber {
						t.Errorf("the number shown: got %s, want the trunk's", f.Caller())
					}
					s.bye(f)
				}
				s.ended(a)
				s.wantFrags(second, trying, ringing, x.last)
				if got := len(ann.Calls()); got != 0 {
					t.Errorf("the agent's other phone: got %d calls, want none", got)
				}
				time.Sleep(time.Second)
				if r := s.card(); r.Direction != call.Outbound || r.Agent != "ann" {
					t.Errorf("card: got %+v, want an outbound call of ann's", r)
				}
				s.othersTone = farTone
			})
		})
	}
}
