//go:build peers && linux

package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/realpeer"
)

func TestPeersFirstAgentDeclinesAndTheSecondTalks(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann, bob := s.registered("ann", annTone), s.registered("bob", bobTone)
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone})
	s.must(ann.Reject(s.within(step)))
	s.must(bob.Accept(s.within(step)))
	s.tape(2 * time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(1)
	wantOffers(t, card, "ann declined", "bob accepted")
	if want := (call.Ending{By: call.ByAgent, Cause: call.CauseHangup}); card.Ending != want {
		t.Errorf("ending: got %v, want %v", card.Ending, want)
	}
	s.phoneHeard("bob", bob, customerTone)
	s.recorded(card.Recordings[0].Path, customerTone, bobTone)
	if a := s.agentStatus("ann"); !a.Available || a.NoAnswers != 0 {
		t.Errorf("ann after her refusal: got %+v, want available, no call missed", a)
	}

	// The carrier's own ear: it sends back what it hears. Bob wraps up, so the
	// next call is ann's, who now accepts.
	carrier = s.sipp(realpeer.SippConfig{Echo: true})
	s.must(ann.Accept(s.within(step)))
	s.tape(2 * time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	card = s.closed(2)
	wantOffers(t, card, "ann accepted")
	s.phoneHeard("ann, through the carrier,", ann, annTone)
	s.recorded(card.Recordings[0].Path, annTone, annTone)
	s.flawless()
}

func TestPeersCallAnsweredOnOnePhoneIsNoMissedCallOnTheOther(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	desk, cell := s.registered("ann", annTone), s.registered("ann", bobTone)
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone})
	s.must(desk.WaitCall(s.within(step)))
	s.must(cell.Accept(s.within(step)))
	_, err := desk.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	s.wantReason(desk, `cause=200;text="Call completed elsewhere"`)
	s.tape(time.Second)
	s.must(cell.Hangup(s.within(step)))
	s.over(carrier)
	wantOffers(t, s.closed(1), "ann accepted")
	s.phoneHeard("ann's cell phone", cell, customerTone)
	s.flawless()
}

// wantReason wants the CANCEL that a phone got to say why.
func (s *site) wantReason(phone *realpeer.Baresip, want string) {
	s.Helper()
	var cancel string
	s.comes("the phone has written down the CANCEL", func() bool {
		_, after, found := strings.Cut(phone.Log(), "CANCEL sip:")
		cancel, _, _ = strings.Cut(after, "\r\n\r\n")
		return found
	})
	for line := range strings.Lines(cancel) {
		if strings.HasPrefix(line, "Reason: ") && strings.Contains(line, want) {
			return
		}
	}
	s.Errorf("CANCEL: got\n%s\nwant a Reason with %s", cancel, want)
}

func TestPeersCarrierGivesUpWhileAPhoneRings(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+"flows:\n  main: {answer: late, steps: [{queue: support}]}\n")
	s.serve()
	ann := s.registered("ann", annTone)
	carrier := s.sipp(realpeer.SippConfig{Cancel: 2 * time.Second})
	_, err := ann.WaitEvent(s.within(step), "CALL_INCOMING")
	s.must(err)
	_, err = ann.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	s.over(carrier)
	s.wantReason(ann, "SIP")
	card := s.closed(1)
	wantOffers(t, card, "ann abandoned")
	if want := (call.Ending{By: call.ByCaller, Cause: call.CauseCancelled, Code: 487}); card.Ending != want || !card.Answered.IsZero() {
		t.Errorf("ending: got %v, answered %v, want %v, never answered", card.Ending, card.Answered, want)
	}
	if a := s.agentStatus("ann"); !a.Available {
		t.Errorf("ann: got %+v, want available at once", a)
	}
	s.flawless()
}

func TestPeersPhoneIsCalledOverItsOwnTCPConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	cfg := s.account("ann", annTone)
	cfg.Transport = "tcp"
	ann := s.baresip(cfg)
	s.comes("ann is registered", func() bool { return len(s.agentStatus("ann").Phones) == 1 })
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone})
	s.must(ann.Accept(s.within(step)))
	to, from := s.connections(ann)
	if to != 0 || from != 1 {
		t.Errorf("connections: got %d to the phone and %d from it, want its own one alone", to, from)
	}
	s.tape(time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(1)
	wantOffers(t, card, "ann accepted")
	s.phoneHeard("ann", ann, customerTone)
	s.recorded(card.Recordings[0].Path, customerTone, annTone)
	s.flawless()
}

func TestPeersWrongPasswordIsNamedWithItsCure(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	cfg := s.account("ann", annTone)
	cfg.Password = "not-anns-password"
	ann := s.baresip(cfg)
	s.must(ann.WaitLog(s.within(step), "reg: sip:ann@"+s.sip.String()+": 401")) // it has given up
	s.logged("phone refused")
	line := s.lineWith("phone refused")
	for _, want := range []string{"agent=ann", "addr=127.0.0.1", "password of agent", "enter the configuration's in the phone"} {
		if !strings.Contains(line, want) {
			t.Errorf("log: got no %q in %s", want, line)
		}
	}
	if strings.Contains(s.child.log.String(), cfg.Password) {
		t.Error("the log tells the password")
	}
	if a := s.agentStatus("ann"); len(a.Phones) > 0 {
		t.Errorf("ann's phones: got %v, want none", a.Phones)
	}
	bob := s.registered("bob", bobTone)
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone})
	s.must(bob.Accept(s.within(step)))
	s.tape(time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	wantOffers(t, s.closed(1), "bob accepted")
	s.flawless()
}
