//go:build peers && linux

package main

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"trunkline/internal/realpeer"
	"trunkline/internal/testca"
)

// A softphone over TLS is rung over its own connection, with encrypted sound.
func TestPeersBaresipOverTLS(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	testca.New(t).Write(s.dir, s.host(1).String())
	secure := netip.AddrPortFrom(s.host(1), s.freePort("tcp"))
	s.edit("listen: {sip: [", fmt.Sprintf("tls: {cert: cert.pem, key: key.pem}\nlisten: {sip: [\"tls://%s\", ", secure))
	s.serve()
	cfg := s.account("ann", annTone)
	cfg.Transport, cfg.Registrar, cfg.MediaEnc = "tls", secure.String(), "srtp"
	ann := s.baresip(cfg)
	s.comes("ann is registered", func() bool { return len(s.agentStatus("ann").Phones) == 1 })
	carrier := s.sipp(realpeer.SippConfig{Hz: customerTone})
	s.must(ann.Accept(s.within(step)))
	s.tape(time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(1)
	wantOffers(t, card, "ann accepted")
	s.phoneHeard("ann", ann, customerTone)
	s.recorded(card.Recordings[0].Path, customerTone, annTone)
	s.flawless()
}
