package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
)

// greets wants callers of the box to be greeted by somebody's recording, or (music) by a prompt.
func (s *story) greets(want string) {
	s.Helper()
	s.muteCustomer = true
	c := s.dial()
	s.answered(c)
	got := s.listens(c)
	for i := 0; i < 4 && got != want; i++ {
		got = s.listens(c)
	}
	if got != want {
		s.Errorf("callers are greeted by %s, want %s\n%s", got, want, s.log)
	}
	s.bye(c)
	time.Sleep(3 * time.Second)
}

// awaits listens until a call hears something.
func (s *story) awaits(c *simphone.Call, want string) {
	s.Helper()
	for range 60 {
		if s.listens(c) == want {
			return
		}
	}
	s.Fatalf("the call never hears %s\n%s", want, s.log)
}

// A team's greeting is recorded by phone: heard, accepted, there after a restart, and taken away again.
func TestGreetingIsRecordedByPhone(t *testing.T) {
	live(t, voicemailFlow, func(s *story) {
		ann := s.agent("ann", annTone)
		s.greets("music")
		a := ann.Dial("*97")
		s.answered(a)
		s.press(a, "0") // greetings
		s.press(a, "2") // of the team
		s.press(a, "1") // record
		time.Sleep(10 * time.Second)
		s.press(a, "#")
		time.Sleep(2 * time.Second)
		s.press(a, "1") // hear it
		s.awaits(a, "ann")
		s.greets("music") // not accepted yet
		s.press(a, "3")
		time.Sleep(2 * time.Second)
		s.bye(a)
		time.Sleep(3 * time.Second)
		s.greets("ann")
		s.restart()
		s.greets("ann")
		if r := s.cards(); len(r[len(r)-1].Recordings) != 0 {
			t.Errorf("the card: got %+v, want no recording of the greeting", r[len(r)-1].Recordings)
		}
		if all := s.messages(); len(all) != 0 {
			t.Errorf("messages: got %+v, want none", all)
		}
		a = ann.Dial("*97")
		s.answered(a)
		s.press(a, "0")
		s.press(a, "2")
		s.press(a, "2") // what callers hear
		s.awaits(a, "ann")
		s.press(a, "3") // as configured
		time.Sleep(2 * time.Second)
		s.bye(a)
		s.greets("music")
		var states []string
		for _, f := range s.facts() {
			if f.Kind == call.FactGreeting && f.Team == "support" && f.By == "ann" {
				states = append(states, f.State)
			}
		}
		if got := strings.Join(states, ", "); got != "recorded, as configured" {
			t.Errorf("facts: got %s, want the greeting recorded and taken away by ann", got)
		}
	})
}

// Who hangs up before accepting has changed nothing.
func TestGreetingThatIsNotAcceptedIsDropped(t *testing.T) {
	live(t, voicemailFlow, func(s *story) {
		ann := s.agent("ann", annTone)
		for _, after := range []string{"", "#"} {
			a := ann.Dial("*97")
			s.answered(a)
			s.press(a, "021")
			time.Sleep(10 * time.Second)
			if after != "" {
				s.press(a, after)
				time.Sleep(2 * time.Second)
			}
			s.bye(a)
			time.Sleep(3 * time.Second)
			s.greets("music")
		}
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

const codeFlow = "teams:\n  support: {name: Support, agents: [ann, bob], wrap_up: 0s, voicemail: {pin: \"4711\"}}\n" +
	"flows:\n  main: [{menu: welcome, choices: {1: [{voicemail: support}], 2: [{mailbox: support}, {play: goodbye}]}, timeout: 2s}, {hangup: }]\n"

// From outside a box opens by its code, typed in a flow; three tries a call, and after nine wrong ones none for a time.
func TestMailboxOpensFromOutsideByItsCode(t *testing.T) {
	live(t, codeFlow, func(s *story) {
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		s.press(c, "1")
		time.Sleep(20 * time.Second)
		s.bye(c)
		time.Sleep(3 * time.Second)
		if all := s.messages(); len(all) != 1 {
			t.Fatalf("messages: got %+v, want one\n%s", all, s.log)
		}
		home := s.host("home", "10.0.0.8:5060", simphone.Config{User: "home"})
		c = home.Dial(ourNumber, simphone.From("+14155550188"))
		s.answered(c)
		s.press(c, "2")
		s.press(c, "4712#")
		time.Sleep(6 * time.Second) // it is said
		s.press(c, "4711#")
		s.awaits(c, "customer")
		s.bye(c)
		if all := s.messages(); len(all) != 1 || !all[0].Heard.IsZero() {
			t.Errorf("messages: got %+v, want it not heard to its end", all)
		}
		for n := range 3 {
			if n > 0 {
				s.restart() // which gives no further tries
			}
			c = home.Dial(ourNumber, simphone.From("+14155550188"))
			s.answered(c)
			s.press(c, "2")
			for range 3 {
				s.press(c, "9999#")
				time.Sleep(8 * time.Second)
			}
			s.ended(c)
		}
		s.restart()
		c = home.Dial(ourNumber, simphone.From("+14155550188"))
		s.answered(c)
		s.press(c, "2")
		s.press(c, "4711#")
		s.ended(c)
		if n := strings.Count(s.log.String(), "closed to other phones"); n != 1 {
			t.Errorf("the log: got %d words about the closed box, want 1\n%s", n, s.log)
		}
		if strings.Contains(s.log.String(), "4711") || strings.Contains(s.log.String(), "9999") {
			t.Error("the log tells codes that were typed")
		}
		time.Sleep(16 * time.Minute)
		c = home.Dial(ourNumber, simphone.From("+14155550188"))
		s.answered(c)
		s.press(c, "2")
		s.press(c, "4712#") // three tries a call again
		time.Sleep(6 * time.Second)
		s.press(c, "4711#")
		s.awaits(c, "customer")
		time.Sleep(30 * time.Second)
		s.press(c, "2") // deleted
		s.ended(c)
		time.Sleep(2 * time.Second)
		if all := s.messages(); len(all) != 0 {
			t.Errorf("messages: got %+v, want it deleted", all)
		}
	})
}

// Behind the code stands an agent's extension: a colleague's phone opens that box by its pin; without a pin it does not.
func TestMailboxOfAnotherAgentAsksForItsCode(t *testing.T) {
	live(t, voicemailFlow, func(s *story) {
		ann := s.agent("ann", annTone)
		if e := s.ended(ann.Dial("*97102")); e.Code != 403 {
			t.Errorf("a box without a pin: got %+v, want 403", e)
		}
		if e := s.ended(ann.Dial("*97109")); e.Code == 0 {
			t.Errorf("an extension of nobody: got %+v, want a refusal", e)
		}
		s.reload(voicemailFlow, `extension: "102"`, `extension: "102", voicemail: {pin: "290614"}`)
		s.muteCustomer = true
		c := s.dial()
		s.answered(c)
		time.Sleep(20 * time.Second)
		s.bye(c)
		time.Sleep(3 * time.Second)
		a := ann.Dial("*97102")
		s.answered(a)
		s.press(a, "290614#")
		s.awaits(a, "customer")
		time.Sleep(30 * time.Second)
		s.bye(a)
		if all := s.messages(); len(all) != 1 || all[0].By != "bob" {
			t.Errorf("messages: got %+v, want it heard in bob's name", all)
		}
	})
}
