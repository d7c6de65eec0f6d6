package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"trunkline/call"
)

// A greeting that is uploaded is what callers of the box hear, over restarts, until it is dropped; what is no sound changes
// nothing.
func TestAnUploadedGreetingIsHeardUntilItIsDropped(t *testing.T) {
	wav, err := os.ReadFile(tonePrompt(t, promptTone, 4*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	live(t, voicemailFlow, func(s *story) {
		s.muteCustomer = true
		greeted := func(want float64, text string) {
			s.Helper()
			c := s.dial()
			s.answered(c)
			time.Sleep(500 * time.Millisecond)
			sound, err := c.Listen(s.ctx, time.Second)
			if err != nil || sound.Has(promptTone) != (want == promptTone) || sound.Silent() {
				s.Errorf("%s: got %v, %v", text, sound.Tones(), err)
			}
			s.bye(c)
			time.Sleep(time.Second)
		}
		box, err := s.house.board.BoxNamed(s.ctx, "support")
		if err != nil || box != (call.Box{Team: "support"}) {
			s.Fatalf("the box: got %v, %v", box, err)
		}
		greeted(0, "before")
		if err := s.house.board.SetGreeting(s.ctx, box, wav, "sue"); err != nil {
			s.fatal(err)
		}
		greeted(promptTone, "uploaded")
		if err := s.house.board.SetGreeting(s.ctx, box, []byte("RIFFxxxxWAVE"), "sue"); !errors.Is(err, call.ErrBadGreeting) {
			s.Errorf("no sound: got %v, want ErrBadGreeting", err)
		}
		s.restart()
		greeted(promptTone, "after a restart and a bad one")
		if got, recorded, err := s.house.board.Greeting(s.ctx, box); err != nil || !recorded || len(got) < len(wav) {
			s.Errorf("download: got %d bytes, %t, %v, want what was uploaded", len(got), recorded, err)
		}
		if err := s.house.board.SetGreeting(s.ctx, box, nil, "sue"); err != nil {
			s.fatal(err)
		}
		greeted(0, "dropped")
		if _, recorded, err := s.house.board.Greeting(s.ctx, box); err != nil || recorded {
			s.Errorf("download: got recorded %t, %v, want the shipped one", recorded, err)
		}
	})
}
