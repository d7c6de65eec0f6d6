//go:build peers && linux

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/realpeer"
	"trunkline/recorder"
)

// A sentence that the recogniser of Debian understands, mostly, when flite says it.
const sentence = "please cancel my subscription and call me back tomorrow morning at nine o'clock"

// speech makes a WAV file of the sentence as a phone says it, again and again.
func speech(t *testing.T) string {
	t.Helper()
	wide, narrow := filepath.Join(t.TempDir(), "wide.wav"), filepath.Join(t.TempDir(), "narrow.wav")
	for _, argv := range [][]string{
		{"flite", "-voice", "rms", "-t", sentence, "-o", wide},
		{"sox", wide, "-r", "8000", "-c", "1", "-b", "16", narrow, "pad", "1", "2", "repeat", "3"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", argv[0], err, out)
		}
	}
	return narrow
}

// What an agent says on a phone is on the call card in words, on the agent's
// side, and goes with the recording.
func TestPeersWhatWasSaidIsWrittenDown(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../../testdata/asr/pocketsphinx.sh")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, siteTeam+siteFlow+"transcripts: {driver: command, command: ["+script+", \"{file}\"]}\n")
	s.serve()
	account := s.account("ann", annTone)
	account.Says = speech(t)
	ann := s.baresip(account)
	s.comes("ann is registered", func() bool { return len(s.agentStatus("ann").Phones) > 0 })
	carrier := s.sipp(realpeer.SippConfig{})
	s.must(ann.Accept(s.within(step)))
	s.tape(9 * time.Second)
	s.must(ann.Hangup(s.within(step)))
	s.over(carrier)
	card := s.closed(1)
	var got api.Transcript
	s.comes("the recording is transcribed", func() bool {
		var err error
		got, err = s.client().Transcript(s.within(step), string(card.ID), card.Recordings[0].ID)
		s.must(err)
		return got.State == string(recorder.TranscriptDone) || got.State == string(recorder.TranscriptFailed)
	})
	if got.Words == nil {
		t.Fatalf("transcript: got %+v, want it done", got)
	}
	said := ""
	for _, one := range got.Words.Said {
		if one.Side != 1 {
			t.Errorf("the caller, who said nothing, said %q", one.Text)
		}
		said += " " + one.Text
	}
	for _, word := range []string{"subscription", "tomorrow", "morning", "nine"} {
		if !strings.Contains(said, word) {
			t.Errorf("said: got %q, want %q in it", said, word)
		}
	}
	found, err := s.client().FindWords(s.within(step), "subscription", 5)
	s.must(err)
	if len(found.Found) == 0 || found.Found[0].Call != string(card.ID) {
		t.Errorf("search: got %+v, want the call", found)
	}
	s.flawless()
}
