package main

import (
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// referring has trunk acme make blind transfers itself.
const referring = supportTeam + queueFlow + "dial: {trunks: [spare]}\n"

func (s *story) notifies(c *simphone.Call, state, frag string) {
	s.Helper()
	_, err := c.Request(s.within(5*time.Second), "NOTIFY", simphone.WithHeader("Event", "refer"),
		simphone.WithHeader("Subscription-State", state), simphone.Body("message/sipfrag;version=2.0", []byte("SIP/2.0 "+frag+"\r\n")))
	s.does(err)
}

func TestTheCarrierTransfers(t *testing.T) {
	for _, c := range []struct {
		name, state, frag string
		outcome           routing.Outcome
		cause             call.Cause
	}{
		{"accepted", "terminated;reason=noresource", "200 OK", routing.OutcomeAccepted, call.CauseTransferred},
		{"busy", "terminated;reason=noresource", "486 Busy Here", routing.OutcomeBusy, call.CauseHangup},
	} {
		t.Run(c.name, func(t *testing.T) {
			narrate(t, "refer-out-"+c.name, referring, func(s *story) {
				s.trunkRefers()
				s.carrier.Behave(func(h *simphone.Habits) { h.Replies = map[string]int{"REFER": 202} })
				cust, a, _ := s.talk(simphone.Ring())
				s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}})
				s.hear(cust, annTone)
				s.notifies(cust, "active;expires=60", "180 Ringing")
				s.hear(cust, annTone)
				s.notifies(cust, c.state, c.frag)
				if c.outcome == routing.OutcomeAccepted {
					s.ended(cust)
					s.ended(a)
				} else {
					s.hear(cust, annTone)
					s.bye(cust)
					s.ended(a)
				}
				time.Sleep(time.Second)
				r := s.card()
				if len(r.Transfers) != 1 || r.Transfers[0].Outcome != c.outcome || r.Ending.Cause != c.cause {
					t.Errorf("card: got %+v, %v, want %s, %s", r.Transfers, r.Ending, c.outcome, c.cause)
				}
			})
		})
	}
}

// A carrier that refuses the REFER leaves the transfer to the switch.
func TestACarrierThatDoesNotTransferLeavesItToTheSwitch(t *testing.T) {
	narrate(t, "refer-out-refused", referring, func(s *story) {
		s.trunkRefers()
		far := s.outside(simphone.Ring().After(time.Second).Answer())
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}})
		f := s.gets(far)
		s.ended(a)
		s.hear(c, farTone)
		s.bye(c)
		s.ended(f)
	})
}

// One that takes it and then says nothing: the call is as it was.
func TestACarrierThatTakesATransferAndSaysNothing(t *testing.T) {
	narrate(t, "refer-out-silent", referring, func(s *story) {
		s.trunkRefers()
		s.carrier.Behave(func(h *simphone.Habits) { h.Replies = map[string]int{"REFER": 202} })
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}})
		time.Sleep(36 * time.Second)
		s.hear(c, annTone)
		if tr := s.liveRecord().Transfers; tr[0].Outcome != routing.OutcomeNoAnswer {
			t.Errorf("receipt: got %+v, want no answer", tr)
		}
		s.bye(c)
		s.ended(a)
	})
}

// trunkRefers reloads with transfer: refer at trunk acme.
func (s *story) trunkRefers() {
	s.Helper()
	cfg := *s.house.config()
	cfg.Trunks = append(cfg.Trunks[:0:0], cfg.Trunks...)
	cfg.Trunks[0].Transfer = "refer"
	_, err := s.house.reload(s.within(5*time.Second), &cfg, "")
	s.does(err)
}
