package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/internal/simphone"
)

// The tests of this file run the whole house in real time on the kernel's
// sockets, and its sound on the kernel's seam (epoll): what the stories of
// the simulated network cannot show.

// onKernel opens the house of a site in this process, until the test ends.
func onKernel(t *testing.T, yaml string) *site {
	t.Helper()
	s := newSite(t, yaml)
	cfg, err := config.Read(s.file, checks())
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	h, err := openHouse(cfg, world{}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	h.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", log)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		status, err := h.board.Status(ctx)
		if n := status.Counts.Mismatches + status.Counts.Faults; n > 0 || err != nil {
			t.Errorf("mismatches and faults: got %d, %v, want 0\n%s", n, err, log)
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		h.stop(now)
	})
	return s
}

// hearEachOther wants both sides to hear the other's tone alone, for half a
// second without a pause.
func (s *site) hearEachOther(customerLeg, agentLeg *simphone.Call, tone float64) {
	s.Helper()
	customerLeg.MustHearOnly(s, tone)
	agentLeg.MustHearOnly(s, customerTone)
}

func TestOnTheKernelBothHearEachOther(t *testing.T) {
	t.Parallel()
	s := onKernel(t, siteTeam+siteFlow)
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().After(700*time.Millisecond).Answer())
	c := carrier.Dial(ourNumber, simphone.From(customer))
	c.MustAnswer(t)
	if sound, err := c.Listen(s.Context(), 500*time.Millisecond); err != nil || sound.Silent() || sound.Has(annTone) {
		t.Errorf("while it rings: got %v, %v, want music", sound, err)
	}
	a := ann.MustCall(t)
	a.MustAnswer(t)
	s.hearEachOther(c, a, annTone)
	c.MustBye(t)
	a.MustEnd(t, simphone.Theirs, 0)
	for name, h := range map[string]simphone.Heard{"the caller": c.Heard(), "ann": a.Heard()} {
		if h.Lost+h.Reordered+h.Duplicates+h.Garbage+h.TimestampJumps > 0 || len(h.SSRCs) != 1 || len(h.Sources) != 1 {
			t.Errorf("%s's receiver: got %+v, want one stream without a flaw", name, h)
		}
	}
}

func TestOnTheKernelTheNextAgentIsRungAndHeard(t *testing.T) {
	t.Parallel()
	s := onKernel(t, "teams:\n  support: {agents: [ann, bob], ring: 1s, wrap_up: 0s}\n"+siteFlow)
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring())
	bob := s.agent(4, "bob", bobTone, simphone.Ring().After(200*time.Millisecond).Answer())
	c := carrier.Dial(ourNumber, simphone.From(customer))
	a := ann.MustCall(t)
	if e := a.MustEnd(t, simphone.Theirs, 487); e.Reason == "" {
		t.Errorf("ann's leg: got %v, want a Reason", e)
	}
	b := bob.MustCall(t)
	b.MustAnswer(t)
	s.hearEachOther(c, b, bobTone)
	b.MustBye(t)
	c.MustEnd(t, simphone.Theirs, 0)
}

func TestOnTheKernelHoldGivesMusicAndResumeTheVoice(t *testing.T) {
	t.Parallel()
	s := onKernel(t, siteTeam+siteFlow)
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(carrier, ann, annTone)
	a.MustHold(t, simphone.HoldSendOnly)
	s.eventually("the caller hears music, not ann", func() bool {
		sound, err := c.Listen(s.Context(), 300*time.Millisecond)
		return err == nil && !sound.Silent() && !sound.Has(annTone)
	})
	if sound := a.Last(200 * time.Millisecond); sound.Has(customerTone) {
		t.Errorf("ann, who holds: got %v, want not the caller", sound)
	}
	a.MustResume(t)
	s.hearEachOther(c, a, annTone)
	c.MustBye(t)
}

func TestOnTheKernelPhonesOfDifferentCodecsHearEachOther(t *testing.T) {
	t.Parallel()
	s := onKernel(t, siteTeam+siteFlow)
	carrier := s.carrier()
	ann := s.phone(3, simphone.Config{User: "ann", Password: "ann-password-1", Domain: "pbx.example.com", Tone: annTone, Codecs: []simphone.Codec{simphone.PCMA}})
	ann.OnCall(simphone.Ring().Answer())
	ann.MustRegister(t, time.Hour)
	c := carrier.Dial(ourNumber, simphone.From(customer), simphone.Codecs(simphone.PCMU))
	a := ann.MustCall(t)
	a.MustAnswer(t)
	s.hearEachOther(c, a, annTone)
	if c.Codec() != simphone.PCMU || a.Codec() != simphone.PCMA {
		t.Errorf("codecs: got %v and %v, want PCMU and PCMA", c.Codec(), a.Codec())
	}
	c.MustBye(t)
}
