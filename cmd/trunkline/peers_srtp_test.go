//go:build peers && linux

package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/internal/realpeer"
)

// srtpPhone is a baresip of ann's that encrypts.
func (s *site) srtpPhone(mediaenc string) *realpeer.Baresip {
	s.Helper()
	cfg := s.account("ann", annTone)
	cfg.MediaEnc = mediaenc
	b := s.baresip(cfg)
	s.comes("ann is registered", func() bool { return len(s.agentStatus("ann").Phones) > 0 })
	return b
}

// baresip with its srtp module, as best effort and as must: offered, held, resumed.
func TestPeersBaresipTalksEncrypted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ srtp, mediaenc string }{{"required", "srtp-mand"}, {"optional", "srtp"}} {
		t.Run(c.mediaenc, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteTeam+siteFlow)
			s.edit("password: ann-password-1", "password: ann-password-1, srtp: "+c.srtp)
			s.serve()
			ann := s.srtpPhone(c.mediaenc)
			ear := s.ear(customerTone)
			carrier := s.sipp(realpeer.SippConfig{Ear: ear})
			s.must(ann.Accept(s.within(step)))
			s.customerHears(ear, annTone)
			s.lasts(2 * time.Second) // a phone that held writes down no more of what it hears
			_, err := ann.Command(s.within(step), "hold", "")
			s.must(err)
			s.state("hold")
			s.customerHearsMusic(ear)
			_, err = ann.Command(s.within(step), "resume", "")
			s.must(err)
			s.state("talk")
			s.customerHears(ear, annTone)
			s.tape(2 * time.Second)
			s.must(ann.Hangup(s.within(step)))
			s.over(carrier)
			card := s.closed(1)
			wantOffers(t, card, "ann accepted")
			if len(card.SRTP) != 1 || card.SRTP[0].Agent != "ann" || card.SRTP[0].Suite == "" {
				t.Errorf("card: got %+v, want ann's leg encrypted", card.SRTP)
			}
			s.phoneHeard("ann", ann, customerTone)
			s.recorded(card.Recordings[0].Path, customerTone, annTone)
		})
	}
}

// A phone that offers RTP/SAVP alone dials out: its agent has srtp: auto, the carrier none.
func TestPeersBaresipDialsOutEncrypted(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	far := s.forwarding(realpeer.SippConfig{Echo: true, Ring: 300 * time.Millisecond})
	s.serve()
	ann := s.srtpPhone("srtp-mand")
	s.must(ann.Dial(s.within(step), "+14155550199"))
	_, err := ann.WaitEvent(s.within(step), "CALL_ESTABLISHED")
	s.must(err)
	s.lasts(2 * time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(far)
	s.phoneHeard("ann", ann, annTone)
	if card := s.closed(1); len(card.SRTP) != 1 || card.SRTP[0].Agent != "ann" {
		t.Errorf("card: got %+v, want ann's leg encrypted, and the trunk's not", card.SRTP)
	}
}

// Where its agent's srtp is off, it is refused.
func TestPeersBaresipThatMustEncryptIsRefusedWithoutSRTP(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.edit("password: ann-password-1", "password: ann-password-1, srtp: off")
	s.serve()
	ann := s.srtpPhone("srtp-mand")
	s.must(ann.Dial(s.within(step), "+14155550199"))
	ended, err := ann.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	if !strings.Contains(ended.Param, "488") {
		t.Errorf("got %+v, want 488", ended)
	}
}
