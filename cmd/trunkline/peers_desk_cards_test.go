//go:build peers && linux

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"trunkline/api"
)

// Notes and tags are written in the call, and are on its card; people are brought in
// from a file, and merged.
func TestPagesNotesTagsAndPeople(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	s.deskPhone("ann", annTone)
	b := s.browser()
	ann := s.open(b, "ann")
	ann.sees("Available")
	c := s.caller()
	ann.press("Answer")
	s.must(c.WaitAnswered(s.within(step)))
	ann.sees("Talking")
	ann.press("Notes")
	ann.do(chromedp.SendKeys(".float textarea", "Wants <i>two</i> of them"))
	ann.press("Save the note")
	ann.comes("the note is kept", `document.querySelector('.float textarea').value === '' && document.querySelector('.float').innerText.includes('Ann Lee · ')`)
	ann.do(chromedp.SendKeys(".float input[aria-label='New tag']", "urgent\r"), chromedp.SendKeys(".float input[aria-label='New tag']", "sale\r"))
	ann.press("Take the tag urgent off")
	ann.clean("notes")
	ann.do(chromedp.SendKeys(".float textarea", "half wri"))
	s.must(c.Hangup(s.within(step))) // while she writes
	ann.sees("Wrap-up of this call")
	ann.comes("she writes on", `document.activeElement.value === 'half wri'`)
	ann.do(chromedp.KeyEvent("tten"))
	ann.clean("wrap-up")
	ann.narrow(func() { ann.clean("wrap-up-360") })
	ann.do(chromedp.Reload())
	ann.comes("it is there after a reload", `document.querySelector('.float textarea')?.value === 'half written'`)
	ann.press("Save the note")
	ann.press("Details")
	ann.comes("the card has them", `(() => { const m = document.querySelector('main').innerText; return m.includes('Wants <i>two</i> of them') && m.includes('half written') && m.includes('sale') && !m.includes('urgent'); })()`)
	if card := s.closed(1); len(card.Notes) != 2 || card.Notes[0].By != "ann" || fmt.Sprint(card.Tags) != "[sale]" {
		t.Errorf("the card: got %+v, %v", card.Notes, card.Tags)
	}

	// Who wrote a note changes and deletes it; a colleague sees it and cannot.
	button := func(d *helpDesk, verb string, n int) {
		t.Helper()
		d.comes(verb, fmt.Sprintf(`(all => all.length === %d && (all.at(-1).click(), true))([...document.querySelectorAll('main button')].filter(b => b.getAttribute('aria-label')?.startsWith(%q)))`, n, verb))
	}
	button(ann, "Change the note of Ann Lee", 2)
	ann.comes("it is written in", `document.activeElement.value === 'Wants <i>two</i> of them'`)
	ann.do(chromedp.KeyEvent(" <b>now</b>"))
	ann.clean("note-changes")
	ann.press("Save the change")
	ann.comes("it is changed", `(m => m.includes('Wants <i>two</i> of them <b>now</b>') && m.includes(' · changed '))(document.querySelector('main').innerText)`)
	root := s.open(b, "root")
	root.do(chromedp.Navigate("http://" + s.http + "/#/calls/" + string(s.closed(1).ID)))
	button(root, "Delete the note of Ann Lee", 2)
	root.sees("Delete this note?")
	root.clean("note-delete-asked")
	root.press("Delete the note")
	root.comes("it is gone", `(m => !m.includes('Wants <i>two</i>') && m.includes('half written'))(document.querySelector('main').innerText)`)
	ann.comes("and with ann, by itself", `!document.querySelector('main').innerText.includes('Wants <i>two</i>')`)
	button(root, "Change the note of Ann Lee", 1)
	root.comes("it is written in", `document.activeElement.value === 'half written'`)
	root.do(chromedp.KeyEvent("!"))
	root.press("Save the change")
	root.comes("whose change it is", `document.querySelector('main').innerText.includes(' by root')`)

	root.press("People")
	root.press("Import")
	evaluate[bool](root, `(() => { const f = new DataTransfer(); f.items.add(new File(['name,number,tags\nKim Roe,+14155550123,gold\nPat Dow,+14155550188,\nNobody,12ab,\n'], 'people.csv', { type: 'text/csv' }));
		const i = document.querySelector('dialog input[type=file]'); i.files = f.files; return i.dispatchEvent(new Event('change', { bubbles: true })); })()`)
	root.press("Try it")
	root.sees("Nothing was changed yet. 3 lines: 1 new, 1 changed, 0 as they were, 1 left out.")
	root.sees("Line 4, number:")
	root.clean("import")
	root.press("Import them")
	root.sees("Done. 3 lines")
	root.press("Close")
	root.sees("Kim Roe")
	root.sees("Pat Dow")
	root.clean("people")
	root.narrow(func() { root.clean("people-360") })
	evaluate[bool](root, `[...document.querySelectorAll('main a.item')].find(a => a.innerText.includes('Kim Roe')).click() ?? true`)
	root.sees("gold")
	root.press("More")
	root.press("Merge with another…")
	root.do(chromedp.SendKeys("dialog input", "Pat"))
	root.sees("Pat Dow")
	root.clean("merge")
	root.press("Merge")
	root.comes("one person with both numbers", `(() => { const m = document.querySelector('main').innerText; return m.includes('+1 415 555 0123') && m.includes('+1 415 555 0188') && !document.querySelector('dialog'); })()`)
	root.clean("person")
	people, err := s.client().Contacts(s.within(step), "", 10)
	s.must(err)
	if len(people) != 1 || len(people[0].Numbers) != 2 || people[0].Name != "Kim Roe" {
		t.Errorf("people: got %+v, want one with both numbers", people)
	}
	s.quietPages(ann, root)
	s.flawless()
}

// What a page missed it gets, each fact once, in order; then it goes on.
func TestPagesAThousandMissedFactsAreCaughtUpExactly(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	root := s.open(s.browser(), "root", page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.facts = []`})
	evaluate[bool](root, `import('/net.js').then(m => { window.net = m; m.onFacts(list => window.facts.push(...list)); return true; })`)
	evaluate[bool](root, `import('/state.js').then(m => { window.state = m; return true; })`)
	root.comes("it is connected", `state.staff.value.agents.length > 0`)
	sue := s.bearer(api.ScopeSupervisor, "")
	set := func(times int, reason string) {
		t.Helper()
		for i := range times {
			for _, body := range []string{fmt.Sprintf(`{"active": false, "reason": "%s %d"}`, reason, i), `{"active": true}`} {
				if code, text := sue.request("POST", "/v1/agents/ann/status", body); code != 200 {
					t.Fatalf("status: got %d %s", code, text)
				}
			}
		}
	}
	set(1, "seen")
	root.comes("the facts come", `window.facts.some(f => f.reason?.endsWith('seen 0'))`)
	evaluate[bool](root, `net.tell({ type: 'close' }), true`)
	set(300, "missed")
	root.comes("it has missed them", `!window.facts.some(f => f.reason?.includes('missed'))`)
	evaluate[bool](root, `net.tell({ type: 'connect', phone: false, url: 'ws://' + location.host + '/desk/socket?tab=' + sessionStorage.getItem('tab') }), true`)
	root.comes("it catches up", `window.facts.some(f => f.reason?.endsWith('missed 299'))`)
	set(1, "after")
	root.comes("it goes on", `window.facts.some(f => f.reason?.endsWith('after 0'))`)
	seqs := evaluate[[]int](root, `window.facts.map(f => f.seq)`)
	for i := range seqs {
		if seqs[i] != seqs[0]+i {
			t.Fatalf("facts: got number %d after %d, want each once, in order", seqs[i], seqs[max(0, i-1)])
		}
	}
	if len(seqs) < 1000 {
		t.Errorf("facts: got %d, want more than a thousand", len(seqs))
	}
	s.quietPages(root)
}

// Over https with the certificate that the switch made for itself: the browser gives its
// real microphone to the page.
func TestPagesOverHTTPSHaveAMicrophone(t *testing.T) {
	t.Parallel()
	s, https := secureSite(t, "")
	s.serve()
	b := s.browser(chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true), chromedp.Flag("ignore-certificate-errors", true))
	ann := s.openAt(b, "https://"+https, "ann")
	if !evaluate[bool](ann, `isSecureContext && location.protocol === 'https:'`) {
		t.Error("the page: got no secure context")
	}
	ann.press("No phone")
	ann.press("Ring in this browser")
	ann.sees("This browser")
	ann.sees("Available")
	ann.press("This browser")
	ann.press("Check my set-up…")
	ann.comes("microphones to choose from", `[...document.querySelectorAll('dialog select')][0]?.innerText.includes('Fake')`)
	ann.comes("outputs to choose from", `[...document.querySelectorAll('dialog select')][1]?.options.length > 1`)
	for i, name := range []string{"input", "output", "ring"} {
		evaluate[bool](ann, fmt.Sprintf(`(() => { const s = document.querySelectorAll('dialog select')[%d]; s.selectedIndex = s.options.length - 1; return s.dispatchEvent(new Event('change', { bubbles: true })); })()`, i))
		ann.comes(name+" is kept", `localStorage.getItem('`+name+`')`)
	}
	ann.comes("a level", `document.querySelector('meter')?.value > 5`)
	ann.press("Play a sound")
	ann.press("Ring")
	ann.press("Echo test")
	ann.sees("Connected in")
	ann.comes("figures", `document.querySelector('[data-figures]')?.textContent.includes('PCMU')`)
	ann.press("Stop")
	ann.press("Close")
	c := s.caller()
	ann.press("Answer")
	s.must(c.WaitAnswered(s.within(step)))
	s.comes("the customer hears the microphone", func() bool {
		sound := c.Last(500 * time.Millisecond)
		return !sound.Silent() && !sound.Has(customerTone)
	})
	ann.press("End")
	s.quietPages(ann)
	s.flawless()
}
