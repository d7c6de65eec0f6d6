package main

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// spare is a second phone of an agent, not registered yet.
func (s *story) spare(name string, tone float64, scripts ...simphone.Script) *simphone.Phone {
	s.Helper()
	s.hosts++
	p := s.host(name+"2", fmt.Sprintf("10.0.0.%d:5060", s.hosts), simphone.Config{
		User: name, Password: name + "-password-1", Domain: "pbx.example.com", Tone: tone,
	})
	p.OnCall(scripts...)
	return p
}

// registers registers a phone.
func (s *story) registers(p *simphone.Phone) {
	s.Helper()
	_, err := p.Register(s.within(5*time.Second), time.Hour)
	s.does(err)
}

// Product §5: the customer hears music; the agent comes back by any phone.
func TestLostAgentReclaimsByRegisteringAgain(t *testing.T) {
	narrate(t, "reclaim-registered", supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		second := s.spare("ann", annTone, simphone.Ring().After(3*time.Second).Answer())
		c := s.dial()
		s.gets(ann)
		s.hear(c, annTone)
		ann.Die()
		s.registers(second) // the old phone is asked whether it still has the call: it does not answer
		time.Sleep(4500 * time.Millisecond)
		s.wantHears(c, "music")
		a := s.gets(second)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// A phone that started anew answers 481 for the call it has forgotten.
func TestLostAgentWhoDoesNotComeBack(t *testing.T) {
	narrate(t, "reclaim-over", supportTeam+queueFlow, func(s *story) {
		s.muteCustomer = false
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		ann.Die()
		time.Sleep(12 * time.Second) // not heard for 3 s, asked for 4 s
		s.wantHears(c, "music")
		if got := s.agentNow("ann"); len(got.Open) != 1 {
			t.Errorf("ann, who may come back: got %+v, want her held busy", got.Open)
		}
		b := s.gets(bob)
		s.hear(c, bobTone)
		if got := s.agentNow("ann"); len(got.Open) != 0 {
			t.Errorf("ann, who did not come back: got %+v, want her free", got.Open)
		}
		s.bye(c)
		s.ended(b)
		_ = a
	})
}

// atTwoPhones is a call that ann has at the first of her two phones.
func (s *story) atTwoPhones() (second *simphone.Phone, c, a *simphone.Call) {
	s.Helper()
	ann := s.agent("ann", annTone, simphone.Ring().Answer())
	second = s.spare("ann", carolTone)
	s.registers(second)
	second.OnCall(simphone.Ignore())
	c = s.dial()
	a = s.gets(ann)
	s.hear(c, annTone)
	return second, c, a
}

// A call moves to another phone of the same agent (RFC 3891).
func TestInviteWithReplacesMovesTheCall(t *testing.T) {
	narrate(t, "replaces", supportTeam+queueFlow, func(s *story) {
		second, c, a := s.atTwoPhones()
		own, peer := a.Tags()
		bad := second.Dial("trunkline", simphone.WithHeader("Replaces", a.ID()+";to-tag=none;from-tag="+own))
		if e := s.ended(bad); e.Code != 481 {
			t.Errorf("INVITE that replaces nothing: got %v, want 481", e)
		}
		moved := second.Dial("trunkline", simphone.WithHeader("Replaces", a.ID()+";to-tag="+peer+";from-tag="+own))
		s.answered(moved)
		s.ended(a)
		s.hear(c, carolTone)
		s.hear(moved, customerTone)
		s.bye(c)
		s.ended(moved)
	})
}

// refers has a phone press its transfer key.
func (s *story) refers(c *simphone.Call, to string) {
	s.Helper()
	_, err := c.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:"+to+"@pbx.example.com>"))
	s.does(err)
}

// frags are the status lines that a phone was notified of.
func frags(p *simphone.Phone) []string {
	var all []string
	for _, m := range p.Received() {
		if m.Method == "NOTIFY" {
			all = append(all, fmt.Sprintf("%s %s", m.Get("Subscription-State")[:6], m.Body))
		}
	}
	return all
}

func TestPhonesTransferKey(t *testing.T) {
	narrate(t, "refer", supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().After(2*time.Second).Answer())
		s.set("bob", false)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.set("bob", true)
		s.refers(a, "bob")
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.ended(a)
		want := []string{"active SIP/2.0 100 Trying\r\n", "active SIP/2.0 180 Ringing\r\n", "termin SIP/2.0 200 OK\r\n"}
		if got := frags(ann); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("NOTIFYs: got %q, want %q", got, want)
		}
		s.bye(c)
		s.ended(b)
	})
}

func TestPhonesTransferKeyRefused(t *testing.T) {
	narrate(t, "refer-declined", supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().After(2*time.Second).Decline(486))
		s.set("bob", false)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		for _, c := range []struct {
			to   string
			want int
		}{{"carol", 480}, {"x", 404}} {
			_, err := a.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:"+c.to+"@pbx.example.com>"))
			if e, ok := err.(*simphone.StatusError); !ok || e.Code != c.want {
				t.Errorf("REFER to %s: got %v, want %d", c.to, err, c.want)
			}
		}
		if _, err := c.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:bob@pbx.example.com>")); err == nil {
			t.Error("REFER of the carrier: got it taken, want it refused")
		}
		s.set("bob", true)
		s.refers(a, "bob")
		s.ended(s.rings(bob))
		s.hear(c, annTone)
		want := []string{"active SIP/2.0 100 Trying\r\n", "active SIP/2.0 180 Ringing\r\n", "termin SIP/2.0 486 Busy Here\r\n"}
		if got := frags(ann); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("NOTIFYs: got %q, want %q", got, want)
		}
		s.bye(c)
		s.ended(a)
	})
}

// A phone that hangs up as soon as its REFER is taken.
func TestReferThenByeAtOnce(t *testing.T) {
	narrate(t, "refer-bye", supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.After(50*time.Millisecond).Ring().After(2*time.Second).Answer()) // it rings when she has gone
		s.set("bob", false)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		s.set("bob", true)
		s.refers(a, "bob")
		s.bye(a)
		b := s.gets(bob)
		s.hear(c, bobTone)
		if tr := s.liveRecord().Transfers; len(tr) != 1 || tr[0].Outcome != "accepted" {
			t.Errorf("receipt: got %+v, want it accepted", tr)
		}
		s.bye(c)
		s.ended(b)
	})
}

// refersWith has an agent's phone leave one call's party with the other's.
func (s *story) refersWith(on, with *simphone.Call) error {
	s.Helper()
	own, peer := with.Tags()
	replaces := url.QueryEscape(with.ID() + ";to-tag=" + peer + ";from-tag=" + own)
	_, err := on.Request(s.within(5*time.Second), "REFER", simphone.WithHeader("Refer-To", "<sip:x@pbx.example.com?Replaces="+replaces+">"))
	return err
}

// A desk phone's own way to ask first: it holds the customer, calls a
// colleague or a number, and joins the two (RFC 3891).
func TestPhoneJoinsItsTwoCalls(t *testing.T) {
	for _, c := range []struct {
		name, dial string
		other      bool // the REFER comes on the call with who was asked
		tone       float64
	}{
		{"colleague", "102", false, bobTone},
		{"number", number, false, farTone},
		{"on-the-other", "102", true, bobTone},
	} {
		t.Run(c.name, func(t *testing.T) {
			narrate(t, "refer-replaces-"+c.name, outsideFlow, func(s *story) {
				bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
				s.set("bob", false)
				far := s.outside(simphone.Ring().After(time.Second).Answer())
				ann := s.agent("ann", annTone, simphone.Ring().Answer())
				cust := s.dial()
				a := s.gets(ann)
				s.hear(cust, annTone)
				s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
				s.set("bob", true)
				asks := ann.Dial(c.dial)
				asked := bob
				if c.tone == farTone {
					asked = far
				}
				third := s.gets(asked)
				s.answered(asks)
				s.hear(asks, c.tone)
				s.wantHears(cust, "music")
				on, with := a, asks
				if c.other {
					on, with = asks, a
				}
				s.does(s.refersWith(on, with))
				s.ended(a)
				s.ended(asks)
				s.hear(cust, c.tone)
				s.hear(third, customerTone)
				if got := frags(ann); len(got) == 0 || got[len(got)-1] != "termin SIP/2.0 200 OK\r\n" {
					t.Errorf("NOTIFYs: got %q, want the last to say 200", got)
				}
				s.bye(cust)
				s.ended(third)
				if v := s.agentNow("ann"); v.Reason != "Call wrap up" || len(v.Open) != 0 {
					t.Errorf("ann: got %+v, want her free, in wrap-up", v)
				}
			})
		})
	}
}

func TestPhoneJoinsOnlyItsOwnCalls(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		c2 := s.carrier.Dial(ourNumber, simphone.From("+14155550124"))
		b := s.gets(bob)
		s.hear(c, annTone)
		for _, with := range []*simphone.Call{b, a} {
			if err := s.refersWith(a, with); err == nil {
				t.Error("REFER with a call that is another's, or the same: got it taken, want it refused")
			}
		}
		s.hear(c, annTone)
		s.bye(c)
		s.bye(c2)
		s.ended(a)
		s.ended(b)
	})
}

// Whoever listens to a phone that is gone hears nothing for no more than two
// seconds; to one that is only silent, no music.
func TestNoDeadAirWhenAPhoneIsGone(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.dial()
		a := s.gets(ann)
		s.hear(c, annTone)
		a.StopRTP(true)
		time.Sleep(4 * time.Second)
		if sound := c.Last(3 * time.Second); !sound.Silent() {
			t.Errorf("beside a phone that is silent: got %v, want no music", sound)
		}
		a.StopRTP(false)
		s.hear(c, annTone)
		ann.Die()
		time.Sleep(2 * time.Second)
		s.wantHears(c, "music")
		if got := s.liveRecord(); got.Segments[len(got.Segments)-1].Kind != "talk" {
			t.Errorf("segments: got %+v, want no end of the talk before it is sure", got.Segments)
		}
		ann.Revive()
		time.Sleep(1500 * time.Millisecond) // the OPTIONS at 3.5 s is answered
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}
