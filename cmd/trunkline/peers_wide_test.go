//go:build peers && linux

package main

import (
	"testing"
	"time"

	"trunkline/internal/realpeer"
)

// baresip that speaks G.722 and nothing else talks to a carrier who speaks G.711:
// each hears the other, and the recording has what only wideband carries.
func TestPeersBaresipTalksWideband(t *testing.T) {
	t.Parallel()
	const high = 5000.0
	for _, c := range []struct {
		name string
		hz   float64
		both bool // a tone that the carrier's codec carries too
	}{{"within the telephone's band", annTone, true}, {"above it", high, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteTeam+siteFlow)
			s.edit("media: {", "media: {codecs: [G722, PCMU, PCMA], ")
			s.serve()
			cfg := s.account("ann", c.hz)
			cfg.Wide = true
			ann := s.baresip(cfg)
			s.comes("ann is registered", func() bool { return len(s.agentStatus("ann").Phones) > 0 })
			ear := s.ear(customerTone)
			carrier := s.sipp(realpeer.SippConfig{Ear: ear})
			s.must(ann.Accept(s.within(step)))
			if c.both {
				s.customerHears(ear, c.hz)
			}
			s.tape(4 * time.Second) // of 16 kHz: 2 s
			s.must(ann.Hangup(s.within(step)))
			s.over(carrier)
			card := s.closed(1)
			s.phoneHeard("ann", ann, customerTone)
			s.recorded(card.Recordings[0].Path, customerTone, c.hz)
			if rec, err := realpeer.ReadWAV(card.Recordings[0].Path, 1); err != nil || rec.Rate != 16000 {
				t.Errorf("recording: got %d Hz (%v), want 16000", rec.Rate, err)
			}
			for _, leg := range card.Sound {
				want := "PCMU"
				if leg.Agent == "ann" {
					want = "G722"
				}
				if leg.Codec != want {
					t.Errorf("%s: got %s, want %s", leg.Leg, leg.Codec, want)
				}
			}
			s.flawless()
		})
	}
}
