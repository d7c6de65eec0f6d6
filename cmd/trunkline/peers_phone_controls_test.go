//go:build peers && linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"trunkline/api"
	"trunkline/internal/simphone"
)

// hearsAll waits until the page hears all of these tones at once.
func (d *webDesk) hearsAll(tones ...float64) {
	d.Helper()
	list, _ := json.Marshal(tones)
	d.site.comes(fmt.Sprintf("%s hears %v", d.id, tones), func() bool { return evaluate[bool](d.helpDesk, "allOf("+string(list)+")") })
}

// gets waits until a call has heard these digits.
func (s *site) gets(c *simphone.Call, digits string) {
	s.Helper()
	s.comes("the digits "+digits, func() bool { return c.Heard().Digits == digits })
}

func TestPagesABrowserAsksFirstAndHandsOver(t *testing.T) {
	t.Parallel()
	s := deskSite(t, strings.Replace(siteTeam, "wrap_up: 45s", "wrap_up: 0s", 1)+siteFlow)
	s.serve()
	b := s.webBrowser()
	ann, bob := s.openPhone(b, "ann", annTone), s.openPhone(b, "bob", bobTone)
	ann.sees("Available")
	bob.sees("Available")
	c := s.caller()
	first, second := s.rung(ann, bob)

	// An order over the API acts at once: the page, whose phone it is, is told.
	s.bearer(api.ScopeAgent, first.id).order(s.live().ID, "answer", "", 204)
	s.must(c.WaitAnswered(s.within(step)))
	s.must(c.Hears(s.within(step), first.hz))
	first.press("Keypad")
	first.comes("the keypad has the focus", `document.activeElement.getAttribute('aria-label')?.startsWith('Keys')`)
	first.do(chromedp.KeyEvent("7"))
	s.gets(c, "7")
	evaluate[bool](first.helpDesk, `(() => { const data = new DataTransfer(); data.setData('text', ' 4-2# '); return document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true })) || true; })()`)
	s.gets(c, "742#")
	first.press("5")
	s.gets(c, "742#5")
	first.press("Keypad")

	first.transferTo("Ask first", second.name)
	second.sees("Transfer from " + first.name + ", who asks you first")
	second.press("Decline")
	first.sees("The transfer came to nothing: " + second.name + " declined")
	first.transferTo("Ask first", second.name)
	second.press("Answer")
	first.sees("With " + second.name + "; the customer waits")
	first.clean("browser-asking")
	first.hears(second.hz)
	second.hears(first.hz)
	s.hears("the customer, meanwhile,", c)
	first.press("Swap")
	first.sees("With the customer; " + second.name + " waits")
	first.hears(customerTone)
	s.hears("the customer", c, first.hz)
	first.press("Merge")
	first.sees("All three, with " + second.name)
	first.hearsAll(customerTone, second.hz)
	second.hearsAll(customerTone, first.hz)
	s.hears("the customer, of three,", c, first.hz, second.hz)
	first.narrow(func() { first.clean("browser-merged-360") })
	first.press("Cancel transfer")
	second.comes("no call", `!document.querySelector('.float [data-do=end]')`)
	first.hears(customerTone)
	s.hears("the customer", c, first.hz)
	first.transferTo("Ask first", second.name)
	second.press("Answer")
	first.hears(second.hz)
	first.press("Complete")
	first.sees("The call was transferred.")
	s.hears("the customer", c, second.hz)
	second.hears(customerTone)
	second.press("End")
	if _, err := c.WaitEnded(s.within(step)); err != nil {
		t.Error(err)
	}
	s.quietPages(first.helpDesk, second.helpDesk)
	s.flawless()
}

// A customer asks for a call back by a key, and gets it; then a click on the number
// calls once more, and a colleague is called by name.
func TestPagesCallbacksAndCallsFromTheBrowser(t *testing.T) {
	t.Parallel()
	s := deskSite(t, strings.Replace(siteTeam, "wrap_up: 45s", "wrap_up: 0s", 1)+"flows:\n  main: [{callback: support}, {hangup: }]\n")
	far := s.siteFar(simphone.Ring().Answer(), simphone.Ring().Answer())
	s.serve()
	c := s.caller(simphone.SaysTone(0))
	s.must(c.WaitAnswered(s.within(step)))
	s.comes("the callback is asked for", func() bool {
		if _, over := c.End(); !over {
			c.SendDigits("1")
			s.lasts(step / 10)
		}
		_, over := c.End()
		return over
	})

	b := s.webBrowser()
	ann := s.openPhone(b, "ann", annTone)
	ann.sees("Call back")
	ann.clean("callback-offer")
	ann.press("Answer")
	f := far.MustCall(s)
	s.must(f.Hears(s.within(step), annTone))
	ann.hears(farTone)
	ann.press("End")
	ann.sees("Available")
	ann.press("Callbacks")
	ann.press("Answered")
	ann.sees("answered (Ann Lee)")
	ann.clean("callback-answered")

	ann.press("Calls")
	ann.comes("the call back in the list", `document.querySelector('main a.item')?.click() ?? document.querySelector('main h2')`)
	ann.press("Call +1 415 555 0123")
	ann.comes("the number is written", `document.querySelector('dialog input').value === '+14155550123'`)
	ann.press("Call")
	f = far.MustCall(s)
	s.must(f.Hears(s.within(step), annTone))
	ann.hears(farTone)
	ann.press("End")
	ann.sees("Available")

	bob := s.openPhone(b, "bob", bobTone)
	bob.sees("Available")
	ann.press("Make a call")
	ann.do(chromedp.SendKeys("dialog input", "bob\r"))
	bob.sees("A colleague calls")
	bob.press("Answer")
	bob.hears(annTone)
	ann.hears(bobTone)
	ann.press("End")
	bob.comes("the call is over", `!document.body.innerText.includes('Talking')`)
	s.quietPages(ann.helpDesk, bob.helpDesk)
	s.flawless()
}
