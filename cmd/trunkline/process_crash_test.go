package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/recorder"
	"trunkline/store"
)

// kept is the sound of a recording as any player reads it.
type kept struct {
	left, right []int16
}

// readWAV reads a stereo WAV of 16-bit PCM at 8 kHz by its header alone, and
// fails where the header and the file differ.
func readWAV(t *testing.T, path string) kept {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" || string(b[36:40]) != "data" {
		t.Fatalf("%s: got %d bytes, want a WAV file", path, len(b))
	}
	le := binary.LittleEndian
	if channels, rate, bits := le.Uint16(b[22:]), le.Uint32(b[24:]), le.Uint16(b[34:]); channels != 2 || rate != 8000 || bits != 16 {
		t.Fatalf("%s: got %d channels, %d Hz, %d bits, want 2, 8000, 16", path, channels, rate, bits)
	}
	if riff, data := int(le.Uint32(b[4:]))+8, int(le.Uint32(b[40:]))+44; riff != len(b) || data != len(b) {
		t.Errorf("%s: the header tells of %d and %d bytes, the file has %d", path, riff, data, len(b))
	}
	var k kept
	for at := 44; at+4 <= len(b); at += 4 {
		k.left = append(k.left, int16(le.Uint16(b[at:])))
		k.right = append(k.right, int16(le.Uint16(b[at+2:])))
	}
	return k
}

func (k kept) length() time.Duration { return time.Duration(len(k.left)) * time.Second / 8000 }

// wantTones wants the customer's tone on the left and the agent's on the
// right, in the middle of the recording and each on its side alone.
func (k kept) wantTones(t *testing.T, agent float64) {
	t.Helper()
	if len(k.left) < 8000 {
		t.Fatalf("recording: got %v, want a second at least", k.length())
	}
	left, right := k.middle()
	if !left.Has(customerTone) || left.Has(agent) {
		t.Errorf("left side: got %v, want the customer's %v Hz alone", left, customerTone)
	}
	if !right.Has(agent) || right.Has(customerTone) {
		t.Errorf("right side: got %v, want the agent's %v Hz alone", right, agent)
	}
}

// middle is half a second of both sides, in the middle of the recording.
func (k kept) middle() (left, right simphone.Sound) {
	at := len(k.left) / 2
	return simphone.Sound{Samples: k.left[at-2000 : at+2000]}, simphone.Sound{Samples: k.right[at-2000 : at+2000]}
}

// facts are all facts of a site whose switch does not run; their numbers go
// on by one.
func (s *site) facts() []call.Fact {
	s.Helper()
	st, err := store.Open(filepath.Join(s.dir, "data"), store.Options{})
	if err != nil {
		s.Fatal(err)
	}
	defer st.Close()
	facts, err := st.Facts(0, 100_000)
	if err != nil {
		s.Fatal(err)
	}
	for i, f := range facts {
		if f.Seq != uint64(i+1) {
			s.Fatalf("fact %d of the journal: got number %d, want no gap", i+1, f.Seq)
		}
	}
	return facts
}

func TestBinaryKilledSwitchComesBackWithAllThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	first, _ := s.talk(carrier, ann, annTone)
	first.MustBye(s) // ann is in her wrap-up now
	s.sealed()
	bob := s.agent(4, "bob", bobTone, simphone.Ring().Answer())
	c, _ := s.talk(carrier, bob, bobTone)
	talked := time.Now()
	if got := s.ask("agent", "bob", "away", "lunch"); !strings.Contains(got, "lunch") {
		t.Errorf("agent bob away lunch: got %q", got)
	}
	lasting := s.card()
	s.eventually("two seconds of sound are on disk", func() bool {
		info, err := os.Stat(lasting.Recordings[0].Path)
		return err == nil && info.Size() > 44+2*32000
	})
	s.ask("agent", "ann", "away", "dentist") // the last word before the crash
	s.kill()
	died := time.Now()

	s.serve()
	status := s.status()
	phones := map[string]int{}
	for _, a := range status.Agents {
		phones[a.ID] = len(a.Phones)
		if want := map[string]string{"ann": "dentist", "bob": "lunch"}[a.ID]; a.Status != "away" || a.Reason != want {
			t.Errorf("%s: got %s (%s), want away (%s)", a.ID, a.Status, a.Reason, want)
		}
		if len(a.Talking)+len(a.Ringing) > 0 {
			t.Errorf("%s: got %v %v, want no calls", a.ID, a.Talking, a.Ringing)
		}
	}
	if phones["ann"] != 1 || phones["bob"] != 1 {
		t.Errorf("phones known after the crash: got %v, want one each", phones)
	}
	card := s.card()
	if card.ID != lasting.ID || card.Ending.Cause != call.CauseInterrupted || card.InProgress {
		t.Fatalf("the call of the crash: got %s %v, want %s interrupted", card.ID, card.Ending, lasting.ID)
	}
	if card.Ended.After(died) || card.Ended.Before(talked) {
		t.Errorf("the call's end: got %v, want between %v and %v", card.Ended, talked, died)
	}
	sound := readWAV(t, card.Recordings[0].Path)
	sound.wantTones(t, bobTone)
	if got, want := card.Recordings[0].Duration, sound.length().Seconds(); !card.Recordings[0].Sealed || got != want {
		t.Errorf("recording on the card: got %.3f s (sealed %v), want %.3f", got, card.Recordings[0].Sealed, want)
	}
	side, err := recorder.ReadSidecar(card.Recordings[0].Path)
	if err != nil || !side.Sealed || len(side.Marks) == 0 || side.Marks[len(side.Marks)-1].Kind != recorder.MarkRepaired {
		t.Errorf("sidecar: got %+v, %v, want sealed and marked repaired", side, err)
	}

	// Without registering again, bob's phone rings as soon as he is back.
	_ = c
	s.ask("agent", "bob", "active")
	again, _ := s.talk(carrier, bob, bobTone)
	again.MustBye(s)
	s.signal(syscall.SIGTERM)
	s.ends(s.child, 10*time.Second, exitOK)
	seen := map[call.FactKind]int{}
	for _, f := range s.facts() {
		seen[f.Kind]++
	}
	if seen[call.FactStarted] != 2 || seen[call.FactStopped] != 1 || seen[call.FactEnded] != 3 || seen[call.FactMismatch] != 0 {
		t.Errorf("facts: got %v, want 2 starts, 1 stop, 3 ends, no mismatch", seen)
	}
}

func TestBinaryWrapUpSurvivesACrash(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, _ := s.talk(carrier, ann, annTone)
	c.MustBye(s)
	var until time.Time
	s.eventually("ann is in her wrap-up", func() bool {
		a := s.status().Agents[0]
		until = a.Until
		return a.Status == "away" && !until.IsZero()
	})
	s.sealed() // the end of the call, and with it the wrap-up, is on disk
	s.kill()
	s.serve()
	if a := s.status().Agents[0]; a.Status != "away" || !a.Until.Equal(until) {
		t.Errorf("ann: got %s until %v, want away until %v", a.Status, a.Until, until)
	}
}

// Killed again and again in the middle of everything: every call that the
// journal knows has exactly one end, the numbers go on, and the switch works.
func TestBinaryKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	s := newSite(t, "teams:\n  support: {agents: [ann, bob], wrap_up: 0s}\n"+siteFlow)
	carrier := s.carrier()
	var ann *simphone.Phone
	for round := range 6 {
		s.serve()
		if ann == nil {
			ann = s.agent(3, "ann", annTone, simphone.Ring().Answer().After(50*time.Millisecond).Bye())
			s.agent(4, "bob", bobTone, simphone.Ring().After(20*time.Millisecond).Answer())
			s.ask("calls") // it waits for the disk: the registrations are there
		}
		var last *simphone.Call
		for range 4 {
			last = carrier.Dial(ourNumber, simphone.From(customer))
		}
		if round%2 == 0 {
			last.MustAnswer(t)
		}
		for range rand.IntN(20) {
			s.beat()
		}
		s.kill()
	}
	s.serve()
	if left := s.status().Calls; len(left) != 0 {
		t.Errorf("calls after the crashes: got %+v, want none", left)
	}
	ann.OnCall(simphone.Ring().Answer())
	s.ask("agent", "ann", "active")
	s.ask("agent", "bob", "away")
	carrier.Dial(ourNumber, simphone.From("+14155550199"))
	for a := ann.MustCall(t); a.Caller() != "+14155550199"; { // those of before the crashes come first
		a = ann.MustCall(t)
	}
	s.signal(syscall.SIGTERM)
	s.logged(`msg="stopping`)
	s.signal(syscall.SIGTERM)
	s.ends(s.child, 5*time.Second, exitOK)
	arrived, ended := map[call.ID]int{}, map[call.ID]int{}
	for _, f := range s.facts() {
		switch f.Kind {
		case call.FactArrived:
			arrived[f.Call]++
		case call.FactEnded:
			ended[f.Call]++
		case call.FactMismatch:
			t.Errorf("a difference between router and legs: got %+v", f)
		}
	}
	for id, n := range arrived {
		if n != 1 || ended[id] != 1 {
			t.Errorf("call %s: got %d arrivals and %d ends, want one each", id, n, ended[id])
		}
	}
	for id := range ended {
		if arrived[id] != 1 {
			t.Errorf("call %s: got an end and %d arrivals", id, arrived[id])
		}
	}
	for _, r := range s.records() {
		if n := len(r.Segments); n == 0 || !r.Segments[n-1].To.Equal(r.Ended) {
			t.Errorf("card %s: got segments %+v, want them to end with the call at %v", r.ID, r.Segments, r.Ended)
		}
		for _, rec := range r.Recordings {
			if !rec.Sealed {
				t.Errorf("card %s: got recording %s not sealed", r.ID, rec.ID)
			}
		}
	}
}

// The order is answered when it is on disk: each is followed by a crash at once.
func TestBinaryAcknowledgedOrderIsOnDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	client := s.client()
	for i := range 3 {
		want := fmt.Sprintf("reason %d", i)
		if _, err := client.SetAgent(s.within(10*time.Second), "ann", false, want); err != nil {
			t.Fatal(err)
		}
		s.kill()
		s.serve()
		if a := s.status().Agents[0]; a.Status != "away" || a.Reason != want {
			t.Errorf("ann: got %s (%s), want away (%s)", a.Status, a.Reason, want)
		}
	}
}

// records are the kept cards of a site whose switch does not run, newest first.
func (s *site) records() []call.Record {
	s.Helper()
	st, err := store.Open(filepath.Join(s.dir, "data"), store.Options{})
	if err != nil {
		s.Fatal(err)
	}
	defer st.Close()
	records, err := st.Records(store.Filter{})
	if err != nil || len(records) == 0 {
		s.Fatalf("records: got %d, %v, want some", len(records), err)
	}
	return records
}
