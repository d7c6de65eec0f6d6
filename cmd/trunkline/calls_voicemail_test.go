package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

const voicemailFlow = "teams:\n  support: {name: Support, agents: [ann, bob], wrap_up: 0s}\nflows:\n  main: [{voicemail: support}, {hangup: }]\n"

// messages are those in the boxes.
func (s *story) messages() []call.Message {
	s.Helper()
	synctest.Wait()
	all, err := s.house.board.Messages(s.ctx, call.Box{})
	if err != nil {
		s.fatal(err)
	}
	return all
}

// A message is what the caller says after the tone; hanging up sends it. It is heard by a phone code, and deleted.
func TestVoicemailIsLeftAndFetched(t *testing.T) {
	live(t, voicemailFlow, func(s *story) {
		ann := s.agent("ann", annTone)
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		time.Sleep(20 * time.Second) // greeting, instructions, tone
		s.bye(c)
		time.Sleep(3 * time.Second)
		all := s.messages()
		if len(all) != 1 || all[0].Box != (call.Box{Team: "support"}) || string(all[0].Caller) != customer || !all[0].Heard.IsZero() {
			t.Fatalf("messages: got %+v, want one new one for support\n%s", all, s.log)
		}
		if d := all[0].Duration; d < 3*time.Second || d > 20*time.Second {
			t.Errorf("length: got %v, want what was said after the tone", d)
		}
		s.restart()
		a := ann.Dial("*97")
		s.answered(a)
		for range 60 { // counts and head are heard before it
			if s.listens(a) == "customer" {
				break
			}
		}
		s.wantHears(a, "customer")
		time.Sleep(30 * time.Second) // to its menu
		if all = s.messages(); len(all) != 1 || all[0].By != "ann" {
			t.Errorf("messages: got %+v, want it heard by ann", all)
		}
		s.press(a, "2")
		s.ended(a)
		time.Sleep(2 * time.Second)
		if all = s.messages(); len(all) != 0 {
			t.Errorf("messages: got %+v, want it deleted", all)
		}
	})
}

// A kill between the caller's hanging up and the seal of what was said: the message is whole, and becomes words like others.
func TestMessageWhoseSealIsCutOffBecomesWords(t *testing.T) {
	live(t, voicemailFlow+"transcripts: {driver: command, command: [/bin/echo, my invoice is wrong, \"{file}\"]}\n", func(s *story) {
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		time.Sleep(20 * time.Second)
		s.bye(c)
		if err := s.house.store.Sync(s.within(time.Second)); err != nil {
			t.Fatal(err)
		}
		if all := s.messages(); len(all) != 1 || all[0].Sealed {
			t.Fatalf("before: got %+v, want one message that is not sealed", all)
		}
		dir, killed := s.house.config().Data(), t.TempDir()
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		s.restart(func() {
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(killed))); err != nil {
				t.Fatal(err)
			}
		})
		time.Sleep(time.Second)
		for range 2 {
			all := s.messages()
			if len(all) != 1 || !all[0].Sealed || all[0].Duration < 3*time.Second {
				t.Fatalf("after: got %+v, want the message, sealed", all)
			}
			rec := s.card().Recordings[0]
			if rec.ID != all[0].ID || rec.Duration != all[0].Duration || !strings.Contains(rec.Note, "interrupted") {
				t.Errorf("the card: got %+v, want the message's %v of an interrupted switch", rec, all[0].Duration)
			}
			words, err := s.house.recorder.Transcript(rec.ID)
			if err != nil || len(words.Said) == 0 || !strings.Contains(words.Said[0].Text, "my invoice is wrong") {
				t.Errorf("words: got %+v, %v, want what was said", words, err)
			}
			s.restart()
		}
	})
}

// Who hangs up in the greeting, or says nothing, leaves no message.
func TestNoVoicemailOfWhoSaysNothing(t *testing.T) {
	live(t, voicemailFlow, func(s *story) {
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		time.Sleep(2 * time.Second)
		s.bye(c)
		quiet := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far"})
		c = quiet.Dial(ourNumber, simphone.From(customer))
		s.answered(c)
		s.ended(c) // silence ends it
		time.Sleep(2 * time.Second)
		if all := s.messages(); len(all) != 0 {
			t.Errorf("messages: got %+v, want none", all)
		}
		for _, r := range s.cards() {
			if len(r.Recordings) != 0 {
				t.Errorf("the card: got %+v, want no recording", r.Recordings)
			}
		}
	})
}

// A lamp on a phone shows what waits: asked for by SUBSCRIBE, and unasked.
func TestMessagesLightTheLamps(t *testing.T) {
	live(t, voicemailFlow, func(s *story) {
		ann := s.agent("ann", annTone)
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		time.Sleep(20 * time.Second)
		s.bye(c)
		time.Sleep(3 * time.Second)
		var last string
		for _, m := range ann.Received() {
			if m.Method == "NOTIFY" && m.Get("Event") == "message-summary" {
				last = string(m.Body)
			}
		}
		if !strings.Contains(last, "Messages-Waiting: yes") || !strings.Contains(last, "Voice-Message: 1/0 (0/0)") {
			t.Errorf("the phone was told: got %q, want one new message", last)
		}
	})
}

// In a flow the caller is asked for the number, and confirms it by a key.
func TestCallbackIsAskedForInAFlow(t *testing.T) {
	yaml := strings.Replace(callbackTeam, "main: [{queue: support}]", "main: [{callback: support}, {hangup: }]", 1)
	live(t, yaml, func(s *story) {
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		time.Sleep(time.Second)
		s.press(c, "1")
		s.ended(c)
		all, err := s.house.board.Callbacks(s.ctx)
		if err != nil || len(all) != 1 || all[0].Number != customer || all[0].Team != "support" {
			t.Fatalf("callbacks: got %+v, %v, want one to the caller\n%s", all, err, s.log)
		}
		s.house.written()
		if r := s.card(); r.Promised != all[0].ID || all[0].Call != string(r.ID) {
			t.Errorf("the card: got %q, want the callback %s", r.Promised, all[0].ID)
		}
		c = s.dial(simphone.From("+14155550199"))
		s.answered(c)
		time.Sleep(time.Second)
		s.press(c, "2")
		time.Sleep(time.Second)
		s.press(c, "4155550177#")
		time.Sleep(time.Second)
		s.press(c, "1")
		s.ended(c)
		if all, _ = s.house.board.Callbacks(s.ctx); len(all) != 2 || all[1].Number != number {
			t.Errorf("callbacks: got %+v, want a second one to the number typed", all)
		}
		c = s.dial(simphone.From("+19005550177")) // not ours to dial: another is asked for
		s.answered(c)
		time.Sleep(time.Second)
		s.press(c, "1")
		time.Sleep(time.Second)
		s.bye(c)
		if all, _ = s.house.board.Callbacks(s.ctx); len(all) != 2 {
			t.Errorf("callbacks: got %+v, want no one to a premium number", all)
		}
	})
}
