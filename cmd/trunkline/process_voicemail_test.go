package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/internal/testmail"
)

// boxed are the messages that the API lists.
func (s *site) boxed() (all []api.VoicemailMessage) {
	s.Helper()
	code, body := s.bearer(api.ScopeSupervisor, "").request("GET", "/v1/voicemail", "")
	if err := json.Unmarshal([]byte(body), &all); code != 200 || err != nil {
		s.Fatalf("GET /v1/voicemail: got %d, %v, %s", code, err, body)
	}
	return all
}

// speaks calls the box and speaks after the tone, until the recording has n bytes; path is its file.
func (s *site) speaks(carrier *simphone.Phone, n int64) (c *simphone.Call, path string) {
	s.Helper()
	c = carrier.Dial(ourNumber, simphone.From(customer))
	c.MustAnswer(s)
	c.SendDigits("#") // past the greeting
	s.eventually("the message is on its way to the disk", func() bool {
		if r := s.card().Recordings; len(r) == 1 {
			path = r[0].Path
			info, err := os.Stat(path)
			return err == nil && info.Size() > n
		}
		return false
	})
	return c, path
}

// mailedTeam has a box that is mailed to two people.
func mailedTeam(server string) string {
	return "teams:\n  support: {name: Support, agents: [ann, bob], voicemail: {email: [desk@example.com]}}\nflows:\n  main: [{voicemail: support}, {hangup: }]\n" +
		"voicemail: {mail: {server: \"" + server + "\", from: trunkline@example.com, plain: true}}\n"
}

// What was said until the switch was killed is a message: in the box, on the card, mailed, and on the phones' lamps.
func TestBinaryMessageOfACrashIsInTheBox(t *testing.T) {
	t.Parallel()
	server := testmail.Serve(t, nil)
	s := newSite(t, mailedTeam(server.Addr()))
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	_, path := s.speaks(carrier, 44+4*32000)
	s.kill()
	s.serve()
	s.logged("a message that the switch's end cut short is in its box")
	all := s.boxed()
	if len(all) != 1 || all[0].Box.Team != "support" || all[0].Caller != customer || !all[0].New || all[0].Seconds < 3 || all[0].Seconds > 30 {
		t.Fatalf("messages: got %+v, want what the customer had said, for support", all)
	}
	card := s.card()
	if card.Ending.Cause != "interrupted" || len(card.Recordings) != 1 || !card.Recordings[0].Sealed || card.Recordings[0].Duration != all[0].Seconds {
		t.Errorf("the card: got %+v, want it interrupted, with the message sealed", card)
	}
	sound := readWAV(t, path)
	if left, right := sound.middle(); !left.Has(customerTone) || !right.Silent() {
		t.Errorf("the message: got %v and %v, want the customer on the left alone", left, right)
	}
	if got := server.Wait(1)[0]; !strings.Contains(string(got.Text), "Message for support") {
		t.Errorf("the mail: got %s", got.Text)
	}
	ann.MustRegister(s, time.Hour)
	s.eventually("the lamp is lit", func() bool {
		for _, m := range ann.Received() {
			if m.Method == "NOTIFY" && strings.Contains(string(m.Body), "Voice-Message: 1/0 (0/0)") {
				return true
			}
		}
		return false
	})
	s.kill()
	s.serve()
	if again := s.boxed(); len(again) != 1 || again[0].ID != all[0].ID {
		t.Errorf("messages after another crash: got %+v, want the same one", again)
	}
}

// A full disk while a message is recorded: the caller hears a word and goes on, nothing is half kept, and it is said loudly.
func TestBinaryFullDiskKeepsNoHalfMessage(t *testing.T) {
	t.Parallel()
	s := newSite(t, strings.Replace(mailedTeam("127.0.0.1:1"), "{hangup: }", "{menu: goodbye, choices: {9: [{hangup: }]}, timeout: 30s}, {hangup: }", 1))
	s.serve()
	carrier := s.carrier()
	c, path := s.speaks(carrier, 44+32000)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s.limitFiles(uint64(info.Size()) + 16_000)
	s.logged("nothing of it is kept")
	s.eventually("the caller hears a word", func() bool {
		sound, err := c.Listen(s.Context(), 300*time.Millisecond)
		return err == nil && !sound.Silent()
	})
	s.eventually("the sound is gone", func() bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	})
	s.limitFiles(^uint64(0)) // space again
	if all := s.boxed(); len(all) != 0 {
		t.Errorf("messages: got %+v, want none", all)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "data", "recordings", "*", "*", "*", "*")); len(left) != 0 {
		t.Errorf("files: got %v, want nothing of the message", left)
	}
	c.MustBye(s)
	s.eventually("the call's card is closed", func() bool { return !s.card().InProgress })
	if r := s.card().Recordings; len(r) != 0 {
		t.Errorf("the card: got %+v, want no recording", r)
	}
	again, _ := s.speaks(carrier, 44+4*32000)
	again.MustBye(s)
	s.eventually("the next message is kept", func() bool { return len(s.boxed()) == 1 })
	s.kill()
	failed := 0
	for _, f := range s.facts() {
		if f.Kind == call.FactVoicemailFailed && f.Team == "support" && f.Reason != "" {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("facts: got %d of a message that failed, want 1", failed)
	}
}
