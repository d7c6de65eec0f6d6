package main

import (
	"errors"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// order gives an order about the one call in progress, which must be carried out.
func (s *story) order(o call.Order) {
	s.Helper()
	if err := s.try(o); err != nil {
		s.fatal(err)
	}
}

// try gives an order about the one call in progress.
func (s *story) try(o call.Order) error {
	s.Helper()
	status := s.now()
	if len(status.Calls) == 0 {
		s.fatal(errors.New("calls in progress: got none, want one"))
	}
	o.Call = status.Calls[0].ID
	return s.house.board.Do(s.within(5*time.Second), o)
}

// refused wants an order to be refused for a reason.
func (s *story) refused(o call.Order, want error) {
	s.Helper()
	if err := s.try(o); !errors.Is(err, want) {
		s.Errorf("%s: got %v, want %v", o.Verb, err, want)
	}
}

// away sets an agent away, so that the first call is another's.
func (s *story) set(agent routing.AgentID, active bool) {
	s.Helper()
	s.does(s.house.board.SetAgent(s.within(5*time.Second), agent, active, "lunch"))
}

func to(agent routing.AgentID) call.Destination { return call.Destination{Agent: agent} }

// talk has ann take the customer's call, with bob there too.
func (s *story) talk(bob ...simphone.Script) (customer, ann *simphone.Call, bobs *simphone.Phone) {
	s.Helper()
	bobs = s.agent("bob", bobTone, bob...)
	s.set("bob", false)
	phone := s.agent("ann", annTone, simphone.Ring().Answer())
	customer = s.dial()
	ann = s.gets(phone)
	s.hear(customer, annTone)
	s.set("bob", true)
	return customer, ann, bobs
}

const outsideFlow = supportTeam + queueFlow + "dial: {trunks: [spare]}\n"

// number is where transfers to the outside go; the carrier of trunk spare.
const number = "+14155550177"

// Product §5: the customer and the initiator stay together while the third rings.
func TestBlindTransferToATeammate(t *testing.T) {
	narrate(t, "transfer-blind", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(3 * time.Second).Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		s.hear(c, annTone)
		s.hear(a, customerTone)
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		if e := s.ended(a); e.By != simphone.Theirs {
			t.Errorf("ann's leg: got %v, want it released", e)
		}
		if v := s.agentNow("ann"); v.Reason != "Call wrap up" {
			t.Errorf("ann: got %+v, want her in wrap-up", v)
		}
		time.Sleep(time.Second)
		s.bye(c)
		s.ended(b)
	})
}

func (s *story) agentNow(id routing.AgentID) call.AgentStatus {
	s.Helper()
	for _, a := range s.now().Agents {
		if a.ID == id {
			return a
		}
	}
	s.Fatalf("agent %s: got none, want one", id)
	return call.AgentStatus{}
}

func TestDeclinedTransferLeavesTheCallAsItWas(t *testing.T) {
	narrate(t, "transfer-declined", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(time.Second).Decline(486))
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		s.ended(s.rings(bob))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		r := s.liveRecord() // declined, as it rang; what the phone said of it is kept
		if o := r.Offers[len(r.Offers)-1]; o.Outcome != routing.OutcomeDeclined || o.SIP != 486 {
			t.Errorf("offer: got %+v, want declined by 486", o)
		}
		if tr := r.Transfers[0]; tr.Outcome != routing.OutcomeDeclined || tr.SIP != 486 || tr.Q850 != 17 {
			t.Errorf("receipt: got %+v, want declined, 486, 17", tr)
		}
		// By hand it is rung again, whatever was refused.
		bob.OnCall(simphone.Ring().After(time.Second).Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.gets(bob)
		s.hear(c, bobTone)
		s.bye(b)
		s.ended(c)
	})
}

func TestTransferToWhoIsNotOnlineIsRefused(t *testing.T) {
	narrate(t, "transfer-offline", supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.set("bob", false)
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")}, call.ErrOffline)
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: to("carol")}, call.ErrOffline)
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: to("ann")}, call.ErrNoTarget)
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: to("dave")}, call.ErrNoTarget)
		s.refused(call.Order{Verb: call.Transfer, By: "bob", To: to("carol")}, call.ErrNotInCall)
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Team: "support"}}, call.ErrOffline)
		s.refused(call.Order{Verb: call.Swap, By: "ann"}, call.ErrNotNow)
		s.hear(c, annTone)
		s.bye(c)
		s.ended(a)
	})
}

func TestTransferToATeamRingsTheNext(t *testing.T) {
	narrate(t, "transfer-team", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(time.Second).Decline(603))
		carol := s.agent("carol", carolTone, simphone.Ring().After(time.Second).Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Team: "support"}})
		s.ended(s.rings(bob))
		k := s.gets(carol)
		s.hear(c, carolTone)
		s.ended(a)
		s.bye(c)
		s.ended(k)
	})
}

func TestTeamThatRefusesATransferLeavesItWithTheInitiator(t *testing.T) {
	narrate(t, "transfer-team-refused", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(time.Second).Decline(603))
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Team: "support"}})
		s.ended(s.rings(bob))
		time.Sleep(time.Second)
		s.hear(c, annTone)
		if tr := s.liveRecord().Transfers; len(tr) != 1 || tr[0].Outcome != routing.OutcomeDeclined {
			t.Errorf("receipt: got %+v, want it declined", tr)
		}
		s.bye(a)
		s.ended(c)
	})
}

// liveRecord is the card of the one call in progress.
func (s *story) liveRecord() call.Record {
	s.Helper()
	r, there, err := s.house.board.Record(s.within(time.Second), s.now().Calls[0].ID)
	if err != nil || !there {
		s.fatal(errors.Join(err, errors.New("no card of a live call")))
	}
	return r
}

// Who is at the limit is waited for as long as they would ring.
func TestTransferToWhoIsAtTheLimitWaits(t *testing.T) {
	narrate(t, "transfer-busy", supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().Answer(), simphone.Ring().Answer())
		other := s.dial()
		b := s.gets(bob)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		c := s.carrier.Dial(ourNumber, simphone.From("+14155550124"))
		a := s.gets(ann)
		s.hear(c, annTone)
		calls := s.now().Calls
		s.does(s.house.board.Do(s.within(time.Second), call.Order{Verb: call.Transfer, Call: calls[1].ID, By: "ann", To: to("bob")}))
		time.Sleep(31 * time.Second)
		s.hear(c, annTone)
		r, _, _ := s.house.board.Record(s.within(time.Second), calls[1].ID)
		if r.Transfers[0].Outcome != routing.OutcomeBusy {
			t.Errorf("receipt: got %+v, want busy", r.Transfers)
		}
		s.bye(c)
		s.ended(a)
		s.bye(other)
		s.ended(b)
	})
}

// Ask first: the customer hears music, the agent the third; swap, merge, complete.
func TestAskFirst(t *testing.T) {
	narrate(t, "transfer-ask", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: true})
		s.wantHears(c, "music")
		s.refused(call.Order{Verb: call.Complete, By: "ann"}, call.ErrNotNow)
		b := s.gets(bob)
		s.hear(a, bobTone)
		s.wantHears(b, "ann")
		s.wantHears(c, "music")
		s.order(call.Order{Verb: call.Swap, By: "ann"})
		s.hear(a, customerTone)
		s.wantHears(c, "ann")
		s.wantHears(b, "music")
		s.order(call.Order{Verb: call.Swap, By: "ann"})
		s.hear(a, bobTone)
		s.order(call.Order{Verb: call.Merge, By: "ann"})
		time.Sleep(500 * time.Millisecond)
		s.wantHears(c, has("ann", "bob"))
		s.wantHears(a, has("bob", "customer"))
		s.wantHears(b, has("ann", "customer"))
		s.order(call.Order{Verb: call.Complete, By: "ann"})
		s.ended(a)
		time.Sleep(500 * time.Millisecond)
		s.wantHears(c, "bob")
		s.wantHears(b, "customer")
		s.bye(c)
		s.ended(b)
	})
}

// has names several who are heard, as listens does.
func has(a, b string) string { return a + "+" + b }

func TestAskFirstCancelled(t *testing.T) {
	narrate(t, "transfer-ask-cancelled", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: true})
		b := s.rings(bob)
		time.Sleep(time.Second)
		s.order(call.Order{Verb: call.Cancel, By: "ann"})
		s.ended(b)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// Whoever is asked and hangs up leaves the customer with the initiator.
func TestAskFirstAndTheThirdHangsUp(t *testing.T) {
	narrate(t, "transfer-ask-refused", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: true})
		b := s.gets(bob)
		s.hear(a, bobTone)
		s.bye(b)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// The desk phone's way to complete: hang up while the third is there.
func TestInitiatorHangsUpWhileAsking(t *testing.T) {
	narrate(t, "transfer-ask-hangup", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: true})
		b := s.gets(bob)
		s.hear(a, bobTone)
		s.bye(a)
		s.hear(c, bobTone)
		s.hear(b, customerTone)
		s.bye(b)
		s.ended(c)
	})
}

func TestInitiatorGoneAndTheThirdAnswers(t *testing.T) {
	narrate(t, "transfer-gone-answered", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(4 * time.Second).Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		s.rings(bob)
		s.bye(a)
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music")
		time.Sleep(4 * time.Second)
		s.hear(c, bobTone)
		s.bye(c)
	})
}

func TestInitiatorGoneAndTheThirdDeclines(t *testing.T) {
	narrate(t, "transfer-gone-declined", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(4 * time.Second).Decline(603))
		carol := s.agent("carol", carolTone, simphone.Ring().After(time.Second).Answer())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		s.rings(bob)
		s.bye(a)
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "music")
		k := s.gets(carol) // from the front of the queue
		s.hear(c, carolTone)
		s.bye(c)
		s.ended(k)
	})
}

// The third party's phone shows no missed call.
func TestCustomerGoneDuringATransfer(t *testing.T) {
	narrate(t, "transfer-abandoned", supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		b := s.rings(bob)
		time.Sleep(time.Second)
		s.bye(c)
		s.ended(a)
		s.ended(b)
	})
}

// After a successful external transfer the recording stops.
func TestTransferToANumber(t *testing.T) {
	narrate(t, "transfer-number", outsideFlow, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
		far.OnCall(simphone.Ring().After(3 * time.Second).Answer())
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}})
		s.hear(c, annTone)
		f := s.gets(far)
		s.hear(c, farTone)
		s.hear(f, customerTone)
		s.ended(a)
		s.bye(f)
		s.ended(c)
	})
}

func TestTransferToABusyNumber(t *testing.T) {
	narrate(t, "transfer-number-busy", outsideFlow, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
		far.OnCall(simphone.Ring().After(time.Second).Decline(486))
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}, Ask: true})
		s.wantHears(c, "music")
		s.ended(s.rings(far))
		s.hear(c, annTone)
		s.hear(a, customerTone)
		if tr := s.liveRecord().Transfers; len(tr) != 1 || tr[0].Outcome != routing.OutcomeBusy || tr[0].SIP != 486 || tr[0].Q850 != 17 {
			t.Errorf("receipt: got %+v, want busy, 486, 17", tr)
		}
		s.bye(c)
		s.ended(a)
	})
}

func TestTransferToANumberThatRingsForEver(t *testing.T) {
	narrate(t, "transfer-number-no-answer", outsideFlow, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
		far.OnCall(simphone.Ring())
		c, a, _ := s.talk(simphone.Ring())
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}})
		time.Sleep(31 * time.Second)
		s.hear(c, annTone)
		if tr := s.liveRecord().Transfers; tr[0].Outcome != routing.OutcomeNoAnswer {
			t.Errorf("receipt: got %+v, want no answer", tr)
		}
		s.refused(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: "not a number"}}, call.ErrNoTarget)
		s.bye(c)
		s.ended(a)
	})
}
