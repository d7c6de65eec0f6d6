//go:build peers && linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"trunkline/api"
	"trunkline/internal/simphone"
)

// drag moves the mouse, pressed, from a part of an element's width and the middle of its
// height, by so many pixels.
func (d *helpDesk) drag(selector string, part, dx, dy float64) {
	d.Helper()
	at := evaluate[[]float64](d, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.x + r.width * %v, r.y + r.height / 2]; })()`, selector, part))
	mouse := func(kind input.DispatchMouseEventType, x, y float64) {
		_, err := chromedp.Call(d.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: "left", Buttons: 1, ClickCount: 1})
		d.must(err)
	}
	mouse("mousePressed", at[0], at[1])
	mouse("mouseMoved", at[0]+dx/2, at[1]+dy/2)
	mouse("mouseMoved", at[0]+dx, at[1]+dy)
	mouse("mouseReleased", at[0]+dx, at[1]+dy)
}

// Before answering, an agent sees who calls, what is known of them, and what they
// have chosen; who waits; and afterwards how it ended, in words.
func TestPagesAnAgentKnowsWhoCallsBeforeAnswering(t *testing.T) {
	t.Parallel()
	s := deskSite(t, "teams:\n  support: {name: Support, agents: [ann], wrap_up: 0s, ring: 3s}\n"+strings.Replace(peersMenu, "name: Gold, ", "", 1))
	s.serve()
	s.deskPhone("ann", annTone)
	sue := s.bearer(api.ScopeSupervisor, "")
	post := func(path, body string) string {
		t.Helper()
		code, text := sue.request("POST", path, body)
		if code != 200 {
			t.Fatalf("%s: got %d %s", path, code, text)
		}
		return strings.SplitN(strings.SplitN(text, `"id":"`, 2)[1], `"`, 2)[0]
	}
	id := post("/v1/contacts", `{"name": "Kim Roe", "kind": "user", "numbers": ["`+customer+`"], "external_id": "K-17", "attributes": {"plan": "yearly"}, "tags": ["patient"]}`)
	post("/v1/contacts/"+id+"/notes", `{"text": "Likes <b>short</b> answers"}`)
	ann := s.open(s.browser(), "ann")
	ann.sees("Your queues")
	ann.sees("nobody waits")
	calls := func() *simphone.Call {
		t.Helper()
		c := s.caller()
		s.must(c.WaitAnswered(s.within(step)))
		c.SendDigits("2")
		s.comes("the second menu", func() bool { return len(s.status().Calls) == 1 && len(s.recordOf(s.live().ID).Choices) == 1 })
		c.SendDigits("47")
		ann.sees("Incoming call · Support")
		return c
	}
	c := calls()
	for _, known := range []string{"Kim Roe", "K-17", "yearly", "patient", "user", "Billing → 47", "1 waiting"} {
		ann.sees(known)
	}
	ann.press("See details")
	ann.sees("Likes <b>short</b> answers")
	ann.sees("The first call of this customer.")
	ann.clean("offer-known")
	ann.narrow(func() { ann.clean("offer-known-360") })
	s.must(c.Hangup(s.within(step)))
	ann.sees("The caller hung up before anybody answered.")

	for range 3 {
		c = calls()
		ann.sees("Last call ") // without another click
		ann.sees("The time to answer is over.")
		s.must(c.Hangup(s.within(step)))
		ann.comes("it is over", `!document.querySelector('.float.rings')`)
	}
	ann.sees("Away, not answering") // and one act to come back
	ann.clean("not-answering")
	ann.press("Switch to active")
	ann.comes("she is back", `!document.querySelector('header').innerText.includes('Away')`)
	ann.comes("a card", `document.querySelector('main a.item')?.click() ?? document.querySelector('main h2')`)
	ann.sees("Chose 47")
	ann.comes("the contact is one click away", `[...document.querySelectorAll('main a')].find(a => a.innerText === 'Kim Roe')?.click() ?? location.hash.startsWith('#/people/')`)
	ann.sees("Likes <b>short</b> answers")
	s.quietPages(ann)
	s.flawless()
}

// A call is made from anywhere: by a number as other programs write it, by keys, by a name
// among people; and shows one of the numbers that the agent may show.
func TestPagesACallIsMadeFromAnywhere(t *testing.T) {
	t.Parallel()
	s := deskSite(t, soloTeam+siteFlow)
	answers := make([]simphone.Script, 8)
	for i := range answers {
		answers[i] = simphone.Ring().Answer()
	}
	far := s.siteFar(answers...)
	s.edit("ann: {name: Ann Lee,", "ann: {name: Ann Lee, caller_id: \"+14155550110\",")
	s.edit("agents: [ann], wrap_up: 0s", "agents: [ann], wrap_up: 0s, caller_id: \"+14155550120\"")
	s.serve()
	sue := s.bearer(api.ScopeSupervisor, "")
	if code, text := sue.request("POST", "/v1/contacts", `{"name": "Kim Roe", "numbers": ["+14155550188"]}`); code != 200 {
		t.Fatalf("a contact: got %d %s", code, text)
	}
	ann := s.openPhone(s.webBrowser(), "ann", annTone)
	ann.sees("Available")
	made := func(how, want, shows string) {
		t.Helper()
		c := far.MustCall(s)
		if got := c.Invite().URI; !strings.Contains(got, want+"@") {
			t.Errorf("%s: got a call to %s, want %s", how, got, want)
		}
		if got := c.Invite().Get("From"); !strings.Contains(got, shows) {
			t.Errorf("%s: got it from %s, want %s", how, got, shows)
		}
		s.must(c.Hears(s.within(step), annTone))
		ann.press("End")
		ann.sees("Available")
	}
	for _, pasted := range []string{"Tel.: (415) 555‑0199", "tel:+1-415-555-0199;ext=5", "+1 415\u00a0555 0199\u202c", "011 1 415 555.0199"} {
		ann.press("Make a call")
		ann.comes("the field has the focus", `document.activeElement === document.querySelector('dialog input')`)
		evaluate[bool](ann.helpDesk, fmt.Sprintf(`(() => { const data = new DataTransfer(); data.setData('text', %q); return document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })) || true; })()`, pasted))
		ann.press("Call")
		made(pasted, "+14155550199", "+14155550110")
	}
	ann.press("Make a call")
	for _, key := range "4155550166" {
		ann.press(string(key))
	}
	ann.clean("dialler-shown")
	ann.narrow(func() { ann.clean("dialler-shown-360") })
	ann.comes("another number is shown", `(() => { const s = document.querySelector('dialog select'); if (!s) return false; s.value = '+14155550120'; s.dispatchEvent(new Event('change', { bubbles: true })); return true; })()`)
	ann.press("Call")
	made("by keys", "+14155550166", "+14155550120")
	ann.press("Make a call")
	ann.do(chromedp.SendKeys("dialog input", "kim"))
	ann.press("Call Kim Roe at +1 415 555 0188")
	made("by name", "+14155550188", "+14155550110")
	ann.press("People")
	ann.comes("her page", `[...document.querySelectorAll('main a.item')].find(a => a.innerText.includes('Kim Roe'))?.click() ?? document.querySelector('main h1')?.innerText === 'Kim Roe'`)
	ann.press("+1 415 555 0188")
	ann.press("Call")
	made("from the person", "+14155550188", "+14155550110")

	// Whoever is in a call hands it to a number in any way of writing, too.
	c := s.caller()
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	ann.press("Transfer")
	ann.do(chromedp.SendKeys(".float input", "(415) 555-0144"))
	ann.press("Transfer: (415) 555-0144")
	if got := far.MustCall(s).Invite().URI; !strings.Contains(got, "+14155550144@") {
		t.Errorf("a transfer: got a call to %s", got)
	}
	s.hears("the customer", c, farTone)
	s.must(c.Hangup(s.within(step)))
	s.quietPages(ann.helpDesk)
	s.flawless()
}

// recordOf is a call's card as it is now.
func (s *site) recordOf(id string) api.Card {
	s.Helper()
	card, err := s.client().Call(s.within(step), id)
	s.must(err)
	return card
}

// saidScript prints words with their times, as a driver does that knows them.
const saidScript = `#!/bin/sh
echo '{"text": "Please cancel my order.", "segments": [{"start": 1.0, "end": 3.0, "text": "Please cancel my order."}],
 "words": [{"word": "please", "start": 1.0, "end": 1.5}, {"word": "cancel", "start": 1.5, "end": 2.25}, {"word": "my", "start": 2.25, "end": 2.5}, {"word": "order", "start": 2.5, "end": 3.0}]}'
`

// Calls are found by number, name, note, filters and what was said; the player goes
// where somebody clicks, as fast as they like.
func TestPagesCallsAreFoundAndPlayed(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "said")
	if err := os.WriteFile(script, []byte(saidScript), 0o700); err != nil {
		t.Fatal(err)
	}
	s := deskSite(t, strings.Replace(siteTeam, "wrap_up: 45s", "wrap_up: 0s", 1)+siteFlow+"transcripts: {driver: command, command: ["+script+", \"{file}\"]}\n")
	s.serve()
	s.deskPhone("ann", annTone)
	ann := s.open(s.browser(), "ann")
	ann.sees("Available")
	c := s.caller(simphone.Display("Pat Dow"))
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	ann.press("Notes")
	ann.do(chromedp.SendKeys(".float textarea", "about the blue one"))
	ann.press("Save the note")
	s.tape(4 * time.Second)
	ann.press("End")
	s.closed(1)
	c = s.caller(simphone.From("+442079460000"))
	ann.sees("Incoming call")
	s.must(c.Hangup(s.within(step)))
	both := func() {
		t.Helper()
		ann.comes("both calls", `document.querySelectorAll('main a.item').length === 2`)
	}
	both()
	ann.press("More filters")
	for _, x := range [][3]string{
		{"Search", "020 7946 0000", "+442079460000"}, {"Search", "pat d", "Pat Dow"}, {"Search", "BLUE", "Pat Dow"},
		{"Kind", "missed", "+442079460000"}, {"Kind", "recorded", "Pat Dow"}, {"Outcome", "accepted", "Pat Dow"},
	} {
		ann.filter(x[0], x[1])
		ann.comes(x[0]+" "+x[1]+" finds "+x[2], fmt.Sprintf(`(all => all.length === 1 && all[0].innerText.includes(%q))([...document.querySelectorAll('main a.item')])`, x[2]))
		ann.press("Clear")
		both()
	}
	ann.filter("Tag", "no such")
	ann.sees("No calls here that fit.")
	ann.clean("calls-filters")
	ann.narrow(func() { ann.clean("calls-filters-360") })
	ann.press("Clear")
	ann.comes("the transcript is there", `fetch('/v1/transcripts?text=cancel').then(r => r.json()).then(v => v.found.length > 0)`)
	ann.filter("Said in the call", "nobody")
	ann.sees("Nobody said that.")
	ann.filter("Said in the call", "cancel ord")
	ann.comes("a place", `document.querySelector('main a.item')?.innerText.includes('Please cancel my order.') && (document.querySelector('main a.item').click(), true)`)
	at := func(what string, from, to float64) {
		t.Helper()
		ann.comes(what, fmt.Sprintf(`(a => a && a.currentTime >= %v && a.currentTime <= %v)(document.querySelector('audio'))`, from, to))
	}
	at("it begins where that was said", 0.99, 1.01)
	ann.comes("a click on a word goes there", `(w => w && (w.click(), true))([...document.querySelectorAll('.said [data-at]')].find(w => w.innerText === 'order'))`)
	at("the word", 2.49, 2.51)
	ann.comes("the word is marked", `document.querySelector('.said .now')?.innerText === 'order'`)
	long := evaluate[float64](ann, `document.querySelector('audio').duration`)
	ann.drag("canvas.wave", 0.25, 0, 0)
	at("a click in the picture goes there", long*0.24, long*0.26)
	width := evaluate[float64](ann, `document.querySelector('canvas.wave').clientWidth`)
	ann.drag("canvas.wave", 0.25, width/2, 0)
	at("so does dragging", long*0.74, long*0.76)
	for _, speed := range []string{"0.5", "2"} {
		ann.comes("speed "+speed, fmt.Sprintf(`(() => { const s = document.querySelector('select.speed'); s.value = %q; s.dispatchEvent(new Event('change', { bubbles: true })); return document.querySelector('audio').playbackRate === %s; })()`, speed, speed))
	}
	ann.press("−10 s, back")
	at("back", 0, 0.01)
	ann.press("Play")
	ann.comes("it plays at twice the pace", `(async () => { const a = document.querySelector('audio'), t = a.currentTime, p = performance.now(); if (a.paused || !t) return false;
		await new Promise(r => setTimeout(r, 500)); const pace = (a.currentTime - t) / ((performance.now() - p) / 1000); return pace > 1.6 && pace < 2.4; })()`)
	ann.press("More about this recording")
	if got := evaluate[string](ann, `[...document.querySelectorAll('.pop a')].map(a => a.innerText + ' ' + a.getAttribute('href').split('/').pop()).join(', ')`); !strings.Contains(got, "Download transcript text, Download transcript as WebVTT vtt, Download transcript as JSON json") || !strings.HasPrefix(got, "Download recording ") {
		t.Errorf("the menu: got %s", got)
	}
	ann.clean("card-words")
	ann.press("Back to the calls")
	ann.sees("cancel my order") // what was looked for is there still
	s.quietPages(ann)
	s.flawless()
}

// The call stays in view on every screen, where its agent has moved it, also after a reload.
func TestPagesTheCallIsMovedAndComesAlong(t *testing.T) {
	t.Parallel()
	s := deskSite(t, soloTeam+siteFlow)
	s.serve()
	s.deskPhone("ann", annTone)
	ann := s.open(s.browser(), "ann")
	ann.sees("Available")
	c := s.caller()
	ann.press("Answer")
	s.must(c.WaitAnswered(s.within(step)))
	ann.sees("Talking")
	place := func() [2]float64 {
		t.Helper()
		return [2]float64(evaluate[[]float64](ann, `(r => [r.x, r.y])(document.querySelector('.float').getBoundingClientRect())`))
	}
	stays := func(what string, want [2]float64) {
		t.Helper()
		if got := place(); got != want {
			t.Errorf("%s: got it at %v, want %v", what, got, want)
		}
	}
	from := place()
	ann.drag(".float .who", 0.5, -300, -150)
	stays("dragged", [2]float64{from[0] - 300, from[1] - 150})
	evaluate[bool](ann, `document.querySelector('.floats > button').focus(), true`)
	ann.do(chromedp.KeyEvent("\u0302")) // the arrow to the left
	want := [2]float64{from[0] - 332, from[1] - 150}
	stays("moved by a key", want)
	for _, screen := range []string{"Callbacks", "People", "Calls"} {
		ann.press(screen)
		ann.comes(screen, fmt.Sprintf(`document.querySelector('main h1')?.innerText.toLowerCase().includes(%q)`, strings.ToLower(screen)))
		stays(screen, want)
		ann.sees("Talking")
	}
	ann.shot("moved")
	ann.do(chromedp.Reload())
	ann.sees("Talking")
	stays("after a reload", want)
	ann.press("Fold the controls")
	ann.comes("it is small", `document.querySelector('.float').offsetHeight < 150`)
	ann.press("Show the controls")
	ann.press("Hold")
	ann.comes("for how long it is held, beside the time in the call", `/^On hold 0:0\d/m.test(document.querySelector('.float').innerText)`)
	evaluate[bool](ann, `document.querySelector('.status > button').click(), true`) // its name has the time in the state
	ann.press("Away: Lunch")
	ann.sees("In a call, then away")
	ann.press("End")
	ann.sees("Away, Lunch")
	s.quietPages(ann)
}
