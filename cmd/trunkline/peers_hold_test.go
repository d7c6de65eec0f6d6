//go:build peers && linux

package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/realpeer"
)

// shortTimeout makes a leg without sound end after 3 s.
func (s *site) shortTimeout() {
	s.Helper()
	s.edit("ports: 20000-20399", "ports: 20000-20399, rtp_timeout: 3s")
}

const rtpTimeout = 3 * time.Second

func TestPeersLinphoneTalksHoldsAndResumes(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.linphone("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Answer(s.within(step)))
	s.customerHears(ear, annTone)

	s.must(ann.Command("pause"))
	s.state("hold")
	s.customerHearsMusic(ear)
	wantWholeCodecList(t, ann)
	s.must(ann.Command("resume"))
	s.state("talk")
	s.customerHears(ear, annTone)
	s.tape(2 * time.Second)

	s.must(ann.Command("terminate"))
	s.over(carrier)
	card := s.closed(1)
	wantOffers(t, card, "ann accepted")
	wantSegments(t, card.Record, "flow", "queue", "talk ann", "hold ann", "talk ann")
	if want := (call.Ending{By: call.ByAgent, Cause: call.CauseHangup}); card.Ending != want {
		t.Errorf("ending: got %v, want %v", card.Ending, want)
	}
	s.phoneHeard("ann", ann, customerTone)
	s.recorded(card.Recordings[0].Path, customerTone, annTone)
	s.flawless()
}

// wantWholeCodecList wants linphone to have held the call in its own way, which
// is what is tested: sendonly, with all its codecs again and not ours first.
func wantWholeCodecList(t *testing.T, phone *realpeer.Linphone) {
	t.Helper()
	before, _, found := strings.Cut(phone.Messages(), "a=sendonly")
	offer := before[max(0, strings.LastIndex(before, "INVITE sip:")):]
	if !found || !strings.Contains(offer, "a=rtpmap:96 opus/48000") {
		t.Errorf("linphone's hold: got\n%s\nwant an INVITE with a=sendonly and opus first", offer[:min(len(offer), 2000)])
	}
}

// wantSegments wants what a caller was in, in order; a segment with an agent
// reads "talk ann".
func wantSegments(t *testing.T, r call.Record, want ...string) {
	t.Helper()
	var got []string
	for _, g := range r.Segments {
		got = append(got, strings.TrimSpace(string(g.Kind)+" "+string(g.Agent)))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("segments on the card: got %q, want %q", got, want)
	}
}

func TestPeersHoldOutlivesTheTimeoutOfSound(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.shortTimeout()
	s.serve()
	ann := s.registered("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	s.tape(time.Second)

	_, err := ann.Command(s.within(step), "hold", "")
	s.must(err)
	s.state("hold")
	held := time.Now()
	s.customerHearsMusic(ear)
	s.comes("the hold is longer than rtp_timeout", func() bool { return time.Since(held) > rtpTimeout+2*time.Second })
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
	wantSegments(t, card.Record, "flow", "queue", "talk ann", "hold ann", "talk ann")
	if card.HoldTime < rtpTimeout.Seconds() {
		t.Errorf("hold time on the card: got %.1f s, want more than %v", card.HoldTime, rtpTimeout)
	}
	s.phoneHeard("ann, in the end,", ann, customerTone)
	if rec, err := ann.Heard(); err != nil || rec.HearsOther(customerTone) {
		t.Errorf("ann, in the end, heard: got %v, %v, want no music", rec, err)
	}
	s.recorded(card.Recordings[0].Path, customerTone, annTone)
	s.flawless()
}

// One who was answered before goes before one who has waited for longer.
func TestPeersKilledPhoneReturnsTheCallerToTheFront(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.shortTimeout()
	s.edit("wrap_up: 45s", "wrap_up: 45s, reclaim: 3s")
	s.serve()
	ann := s.registered("ann", annTone)
	s.sipp(realpeer.SippConfig{Hz: carolTone}) // declined, it waits to the end
	s.must(ann.Reject(s.within(step)))
	s.comes("ann is available again", func() bool { return s.agentStatus("ann").Available })
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	ann.Kill()
	s.logged("an agent's leg was lost")
	s.customerHearsMusic(ear)
	s.lasts(4 * time.Second) // ann does not come back
	bob := s.registered("bob", bobTone)
	s.must(bob.WaitCall(s.within(step)))
	s.must(bob.Accept(s.within(step)))
	s.customerHears(ear, bobTone)
	s.tape(2 * time.Second)
	s.must(bob.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(2)
	wantOffers(t, card, "ann accepted", "bob accepted")
	wantSegments(t, card.Record, "flow", "queue", "talk ann", "hold ann", "queue", "talk bob")
	s.phoneHeard("bob", bob, customerTone)
	if len(card.Recordings) != 2 {
		t.Fatalf("recordings: got %+v, want one with each agent", card.Recordings)
	}
	s.recorded(card.Recordings[0].Path, customerTone, annTone)
	s.recorded(card.Recordings[1].Path, customerTone, bobTone)
	s.flawless()
}

// RFC 4028 with phones as they are: each is refreshed in its own way, and the
// sound goes on.
func TestPeersCallIsRefreshed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"linphone", "baresip"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, siteTeam+siteFlow+"session_timers: {expires: 90s}\n")
			s.serve()
			ear := s.ear(customerTone)
			if name == "linphone" {
				ann := s.linphone("ann", annTone)
				s.sipp(realpeer.SippConfig{Ear: ear})
				s.must(ann.Answer(s.within(step)))
				s.customerHears(ear, annTone)
				<-time.After(50 * time.Second) // the refresh is at 45 s
				s.customerHears(ear, annTone)
				if !strings.Contains(ann.Messages(), ";refresher=uac") {
					t.Errorf("linphone was not refreshed:\n%s", ann.Messages())
				}
			} else {
				ann := s.registered("ann", annTone)
				s.sipp(realpeer.SippConfig{Ear: ear})
				s.must(ann.Accept(s.within(step)))
				s.customerHears(ear, annTone)
				<-time.After(50 * time.Second)
				s.customerHears(ear, annTone)
			}
			s.state("talk")
		})
	}
}
