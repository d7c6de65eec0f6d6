//go:build peers && linux

package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/realpeer"
	"trunkline/internal/simphone"
)

// A real phone is the supervisor's: it hears both, its whisper reaches the real
// phone of the agent and neither the carrier nor the recording.
func TestPeersBaresipWhispers(t *testing.T) {
	t.Parallel()
	s := watchedSite(t)
	s.serve()
	ann := s.registered("ann", annTone)
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	s.must(ann.Accept(s.within(step)))
	s.customerHears(ear, annTone)
	bob := s.registered("bob", bobTone)
	id, sup := s.live().ID, s.bearer(api.ScopeSupervisor, "")
	sup.order(id, "watch", `{"mode": "whisper", "phone": "bob"}`, 204)
	s.must(bob.Accept(s.within(step)))
	s.comes("it is watched", func() bool { w := s.live().Watched; return len(w) == 1 && w[0].By == "bob" })
	from := time.Now()
	s.tape(2 * time.Second)
	if heard := ear.Since(from); !holds(heard, annTone) || holds(heard, bobTone) {
		t.Errorf("the customer: got %v, want ann alone", heard)
	}
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	_, err := bob.WaitEvent(s.within(step), "CALL_CLOSED")
	s.must(err)
	card := s.closed(1)
	s.phoneHeardAll("ann", ann, customerTone, bobTone)
	s.phoneHeardAll("bob", bob, customerTone, annTone)
	s.recorded(card.Recordings[0].Path, customerTone, annTone)
	s.flawless()
}

// holds says whether some half second has a tone, whatever else it has.
func holds(rec realpeer.Recording, hz float64) bool {
	for at := 0.0; at+0.5 <= rec.Seconds(); at += 0.25 {
		if slices.ContainsFunc(rec.Tones(at), func(t simphone.Tone) bool { return math.Abs(t.Hz-hz) < 0.02*hz }) {
			return true
		}
	}
	return false
}

// phoneHeardAll wants these tones in what a phone heard in a call that is over.
func (s *site) phoneHeardAll(who string, phone *realpeer.Baresip, tones ...float64) {
	s.Helper()
	var rec realpeer.Recording
	s.comes(who+" has heard it", func() bool {
		var err error
		rec, err = phone.Heard()
		return err == nil && !slices.ContainsFunc(tones, func(hz float64) bool { return !holds(rec, hz) })
	})
}

// A supervisor whose phone is the page, from the wallboard: hears both, is heard
// by nobody, then by the agent alone, then by all.
func TestPagesASupervisorWatchesFromTheWallboard(t *testing.T) {
	t.Parallel()
	s := deskSite(t, strings.Replace(siteTeam, "[ann, bob]", "[ann]", 1)+siteFlow)
	s.edit("bob: {name: Bob Ray, ", "bob: {name: Bob Ray, role: supervisor, ")
	s.serve()
	b := s.webBrowser()
	ann, bob := s.openPhone(b, "ann", annTone), s.openPhone(b, "bob", bobTone)
	ann.sees("Available")
	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	ann.press("Answer")
	s.customerHears(ear, annTone)
	bob.press("Wallboard")
	bob.press("Listen: Ann Lee")
	bob.sees("Listening to Ann Lee")
	bob.hearsAll(customerTone, annTone)
	bob.clean("watching")
	ann.hears(customerTone)
	bob.press("Whisper")
	ann.hearsAll(customerTone, bobTone)
	from := time.Now()
	s.tape(time.Second)
	if heard := ear.Since(from); holds(heard, bobTone) {
		t.Errorf("the customer: got %v, want no whisper", heard)
	}
	bob.press("Barge")
	s.comes("the customer hears bob", func() bool { return holds(ear.Since(from), bobTone) })
	bob.press("Leave")
	bob.comes("the call is left", `document.querySelector('.float') === null`)
	ann.hears(customerTone)
	ann.press("End")
	s.over(carrier)
	s.quietPages(ann.helpDesk, bob.helpDesk)
}
