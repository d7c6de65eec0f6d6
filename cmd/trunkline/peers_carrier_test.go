//go:build peers && linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/realpeer"
)

// It takes 64*T1 until the 200 is given up (RFC 3261 §13.3.1.4).
func TestPeersCarrierThatNeverAcknowledgesIsHungUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.registered("ann", annTone)
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone, NoACK: true})
	s.must(ann.Accept(s.within(step)))
	s.must(carrier.Wait(s.within(40 * time.Second)))
	_, err := ann.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	card := s.closed(1)
	wantOffers(t, card, "ann accepted")
	if want := (call.Ending{By: call.ByTrunk, Cause: call.CauseNoAck}); card.Ending != want {
		t.Errorf("ending: got %v, want %v", card.Ending, want)
	}
	if d := card.Ended.Sub(card.Answered); d < 31*time.Second || d > 36*time.Second {
		t.Errorf("the 200 was given up after %v, want 32 s", d)
	}
	if n := strings.Count(carrier.Messages(), "SIP/2.0 200 "); n < 7 {
		t.Errorf("the 200: got %d of them, want it sent again and again", n)
	}
	s.flawless()
}

// manyAgents are agents with phones that cannot register, all on one host.
func manyAgents(n int, phones string) (agents, team string) {
	var names []string
	for i := range n {
		name := fmt.Sprintf("a%02d", i)
		agents += fmt.Sprintf("  %s: {phones: [\"sip:%s@%s\"], call_limit: 10}\n", name, name, phones)
		names = append(names, name)
	}
	return agents, fmt.Sprintf("teams:\n  many: {agents: [%s], wrap_up: 0s}\n", strings.Join(names, ", "))
}

func TestPeersHundredCallsAtTwentyASecondAllSucceed(t *testing.T) {
	t.Parallel()
	const calls = 100
	s := newSite(t, "flows:\n  main: [{queue: many}]\n")
	phones := s.sipp(realpeer.SippConfig{IP: s.host(5), Listen: true, Calls: calls, Ring: 100 * time.Millisecond, Echo: true})
	agents, team := manyAgents(12, phones.Addr().String())
	s.edit("agents:\n", "agents:\n"+agents)
	s.edit("flows:\n", team+"flows:\n")
	s.edit("calls: {max: 50}", "calls: {max: 100}")
	s.edit(`caller_id: "+14155550100"}`, `caller_id: "+14155550100", max_calls: 100}`)
	s.edit("20000-20399", "20000-20999")
	s.serve()
	carrier := s.sipp(realpeer.SippConfig{Calls: calls, Rate: 20, Talk: 1500 * time.Millisecond, Hz: customerTone})
	s.must(carrier.Wait(s.within(2 * step)))
	s.over(phones)
	var cards []api.Card
	s.comes("all calls are over and on disk", func() bool {
		var err error
		cards, err = s.client().Calls(s.within(step), 2*calls)
		s.must(err)
		return len(cards) == calls && !slices.ContainsFunc(cards, func(c api.Card) bool { return c.InProgress })
	})
	took := map[string]int{}
	for _, c := range cards {
		if c.Ending != (call.Ending{By: call.ByCaller, Cause: call.CauseHangup}) || len(c.Offers) != 1 || c.Offers[0].Outcome != "accepted" {
			t.Errorf("card %s: got %v, offers %v, want one that was accepted and the caller's hang-up", c.ID, c.Ending, c.Offers)
			continue
		}
		took[string(c.Offers[0].Agent)]++
	}
	if len(took) != 12 {
		t.Errorf("calls by agent: got %v, want some for each of 12", took)
	}
	for _, level := range []string{"level=WARN", "level=ERROR"} {
		if line := s.lineWith(level); line != "" {
			t.Errorf("log: got %s, want no trouble", line)
		}
	}
	s.flawless()
}

// forwarding lets our number ring at a second carrier, a sipp of host 6.
func (s *site) forwarding(far realpeer.SippConfig) *realpeer.Sipp {
	s.Helper()
	far.IP, far.Listen, far.Calls = s.host(6), true, 1
	f := s.sipp(far)
	s.edit("trunks:\n", fmt.Sprintf("trunks:\n  beta: {host: \"%s\", options: 0s, accept_from: [%s/32], caller_id: \"+14155550177\"}\n", f.Addr(), f.Addr().Addr()))
	return f
}

const forwardToBeta = "flows:\n  main: [{forward: \"+14155550199\", trunks: [beta]}]\n"

func TestPeersForwardPassesEarlyMedia(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+forwardToBeta)
	far := s.forwarding(realpeer.SippConfig{Early: true, Ring: 5 * time.Second, Hz: farTone})
	s.serve()
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear, Talk: 6 * time.Second})
	s.customerHears(ear, farTone)
	if card := s.card(); !card.Answered.IsZero() {
		t.Error("the customer hears the far end: got the call answered, want it before the answer")
	}
	s.comes("the far end answers", func() bool { return !s.card().Answered.IsZero() })
	s.customerHears(ear, farTone)
	s.over(carrier)
	s.over(far)
	card := s.closed(1)
	wantSegments(t, card.Record, "flow", "forward")
	if want := (call.Ending{By: call.ByCaller, Cause: call.CauseHangup}); card.Ending != want {
		t.Errorf("ending: got %v, want %v", card.Ending, want)
	}
	for _, want := range []string{"INVITE sip:+14155550199@" + far.Addr().String(), "<sip:+14155550177@", "Diversion: "} {
		if !strings.Contains(far.Messages(), want) {
			t.Errorf("the forward's messages: got no %q in\n%s", want, far.Messages())
		}
	}
	s.flawless()
}

func TestPeersForwardCarriesSoundBothWays(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+forwardToBeta)
	far := s.forwarding(realpeer.SippConfig{Echo: true, Ring: 100 * time.Millisecond})
	s.serve()
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear, Talk: 6 * time.Second})
	s.customerHears(ear, customerTone) // there and back
	s.over(carrier)
	s.over(far)
	s.flawless()
}

func TestPeersForwardThatIsRefusedFailsWithAMappedCode(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+forwardToBeta)
	far := s.forwarding(realpeer.SippConfig{Refuse: 486, Ring: 300 * time.Millisecond})
	s.serve()
	s.over(s.sipp(realpeer.SippConfig{Expect: 486}))
	s.over(far)
	if card, want := s.closed(1), (call.Ending{By: call.ByFlow, Cause: call.CauseForwardFailed, Code: 486}); card.Ending != want {
		t.Errorf("ending: got %v, want %v", card.Ending, want)
	}
	s.flawless()
}
