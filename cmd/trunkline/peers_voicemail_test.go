//go:build peers && linux

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"trunkline/call"
	"trunkline/internal/realpeer"
)

// leaves has a carrier's caller leave a message.
func (s *site) leaves() {
	s.Helper()
	s.over(s.sipp(realpeer.SippConfig{Hz: customerTone, Talk: 12 * time.Second}))
}

// lit waits until the page's lamp says how many messages are new.
func (d *helpDesk) lit(n int) {
	d.Helper()
	if n == 0 {
		d.comes("the lamp is off", `!document.querySelector('a.lamp')`)
		return
	}
	d.comes(fmt.Sprintf("the lamp says %d", n), fmt.Sprintf(`document.querySelector('a.lamp')?.innerText.trim() === '%d'`, n))
}

// Messages of a team's box and of an agent's own: each is seen, played, read,
// called back and deleted by who hears the box, and by nobody else.
func TestPagesVoicemail(t *testing.T) {
	t.Parallel()
	s := deskSite(t, "teams:\n  support: {name: Support, agents: [ann, bob], wrap_up: 0s}\n  sales: {name: Sales, agents: [bob], wrap_up: 0s}\n"+
		"flows:\n  main: [{voicemail: support}]\n"+`transcripts: {driver: command, command: [/bin/echo, "my <i>invoice</i> is wrong", "{file}"]}`+"\n")
	s.siteFar()
	s.serve()
	b := s.browser()
	ann, bob, sue := s.open(b, "ann"), s.open(b, "bob"), s.open(b, "sue")
	s.deskPhone("ann", annTone)
	ann.do(chromedp.Navigate("http://" + s.http + "/#/voicemail"))
	ann.sees("No messages here.")
	ann.lit(0)
	ann.clean("voicemail-empty")
	s.leaves()
	ann.lit(1)
	bob.lit(1)
	sue.lit(1)
	ann.sees("1 new, 0 heard")
	s.edit("[{voicemail: support}]", "[{voicemail: ann}]")
	if _, err := s.client().Reload(s.within(step)); err != nil {
		t.Fatal(err)
	}
	s.leaves()
	ann.lit(2)
	sue.lit(2)
	ann.sees("2 new, 0 heard")
	bob.lit(1) // ann's own is not his
	if got := evaluate[string](bob, `fetch('/v1/voicemail').then(r => r.json()).then(l => l.map(m => m.box.team ?? m.box.agent).join())`); got != "support" {
		t.Errorf("bob's boxes: got %s, want support alone", got)
	}

	ann.press("2 new messages") // the lamp leads there
	ann.comes("two messages", `document.querySelectorAll('.message').length === 2`)
	evaluate[bool](ann, `document.querySelectorAll('.message')[1].click(), true`) // the team's, which is older
	ann.comes("what it sounds like", `document.querySelector('audio')?.duration > 3`)
	ann.sees("my <i>invoice</i> is wrong") // as text
	ann.clean("voicemail")
	ann.narrow(func() { ann.clean("voicemail-360") })
	ann.press("Play")
	ann.comes("it plays", `document.querySelector('audio').currentTime > 0.3`)
	ann.lit(1)
	ann.sees("heard by you")
	bob.lit(0) // one of them has heard it
	ann.press("Pause")

	ann.press("+1 415 555 0123")
	ann.sees("Your phone rings first.")
	ann.comes("the caller's number", `document.querySelector('dialog input').value.includes('4155550123')`)
	ann.keys("Escape")

	// By keyboard: the new one is marked, without being played.
	ann.press("New alone")
	evaluate[bool](ann, `document.querySelector('[aria-pressed=true]').focus(), true`)
	ann.keys("Tab", "Enter")
	ann.reach("Mark as heard")
	ann.keys("Enter")
	ann.lit(0)
	ann.press("New alone")
	ann.sees("0 new, 2 heard")
	ann.reach("Delete…")
	ann.keys("Enter")
	ann.sees("Delete this message?")
	ann.clean("voicemail-delete")
	ann.reach("Delete")
	ann.keys("Enter")
	ann.sees("0 new, 1 heard")

	bob.do(chromedp.Navigate("http://" + s.http + "/#/voicemail"))
	bob.sees("heard by Ann Lee")
	sue.do(chromedp.Navigate("http://" + s.http + "/#/voicemail"))
	sue.comes("the supervisor sees the box", `document.querySelectorAll('.message').length === 1`)
	s.quietPages(ann, bob, sue)
	s.kill()
	said := map[call.FactKind]int{}
	var read []call.Box // whose messages have words
	for _, f := range s.facts() {
		if f.Kind == call.FactTranscript {
			read = append(read, call.Box{Team: f.Team, Agent: f.Agent})
		}
		if f.Reason == "by ann" {
			said[f.Kind]++
		}
	}
	if said[call.FactVoicemailHeard] != 2 || said[call.FactVoicemailDeleted] != 1 {
		t.Errorf("facts by ann: got %v, want two messages heard, one deleted", said)
	}
	if want := []call.Box{{Team: "support"}, {Agent: "ann"}}; !slices.Equal(read, want) {
		t.Errorf("facts of words: got %v, want those of messages with their boxes: %v", read, want)
	}
}
