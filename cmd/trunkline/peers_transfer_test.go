//go:build peers && linux

package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/internal/realpeer"
	"trunkline/routing"
)

// transferred wants the one transfer on the card of the call that is over.
func (s *site) transferred(by, to routing.AgentID) {
	s.Helper()
	card := s.closed(1)
	if len(card.Transfers) != 1 || card.Transfers[0].By != by || card.Transfers[0].To.Agent != to || card.Transfers[0].Outcome != routing.OutcomeAccepted {
		s.Errorf("transfers on the card: got %+v, want one of %s to %s", card.Transfers, by, to)
	}
	wantSegments(s.T, card.Record, "flow", "queue", "talk "+string(by), "talk "+string(to))
}

func TestPeersBaresipTransfers(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.registered("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	bob := s.registered("bob", bobTone)

	_, err := ann.Command(s.within(step), "transfer", "sip:bob@"+s.sip.String())
	s.must(err)
	s.must(bob.Accept(s.within(step)))
	s.customerHears(ear, bobTone)
	_, err = ann.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	s.tape(2 * time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	s.transferred("ann", "bob")
	s.phoneHeard("bob", bob, customerTone)
	s.flawless()
}

func TestPeersLinphoneTransfers(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.linphone("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Answer(s.within(step)))
	s.customerHears(ear, annTone)
	bob := s.registered("bob", bobTone)

	s.must(ann.Command("transfer sip:bob@" + s.sip.String()))
	s.must(bob.Accept(s.within(step)))
	s.customerHears(ear, bobTone)
	s.tape(2 * time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	s.transferred("ann", "bob")
	s.flawless()
}

// The keys of a real phone: hold, and a transfer after a word with the third.
func TestPeersBaresipPressesKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.registered("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	press := func(keys string) {
		t.Helper()
		for _, k := range keys {
			_, err := ann.Command(s.within(step), "sndcode", string(k))
			s.must(err)
			s.lasts(200 * time.Millisecond)
		}
	}
	press("*8")
	s.state("hold")
	s.customerHearsMusic(ear)
	press("*8")
	s.state("talk")
	s.customerHears(ear, annTone)
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	s.flawless()
}

// An agent's softphone dials out: sipp is the second carrier that answers.
func TestPeersBaresipDialsOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(siteTeam, "wrap_up", `caller_id: "+14155550188", wrap_up`, 1)+siteFlow)
	far := s.forwarding(realpeer.SippConfig{Echo: true, Ring: 300 * time.Millisecond})
	s.serve()
	ann := s.registered("ann", annTone)
	s.must(ann.Dial(s.within(step), "+14155550199"))
	_, err := ann.WaitEvent(s.within(step), "CALL_ESTABLISHED")
	s.must(err)
	s.lasts(2 * time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(far)
	if want := "<sip:+14155550188@"; !strings.Contains(far.Messages(), want) {
		t.Errorf("the far end: got no %s of the team in\n%s", want, far.Messages())
	}
	s.phoneHeard("ann", ann, annTone)
	s.flawless()
}
