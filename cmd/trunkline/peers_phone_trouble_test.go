//go:build peers && linux

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"trunkline/internal/simphone"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// soloTeam is of one agent, without wrap-up.
const soloTeam = "teams:\n  support: {name: Support, agents: [ann], wrap_up: 0s}\n"

// What is wrong with a microphone, or with the way to the switch, is said with its
// cure, and mended without losing the call.
func TestPagesSayWhatKeepsTheSoundAway(t *testing.T) {
	t.Parallel()
	s := deskSite(t, soloTeam+siteFlow)
	s.serve()
	ann := s.openPhone(s.webBrowser(), "ann", annTone)
	ann.sees("Available")
	c := s.caller()
	ann.sees("Incoming call")
	for _, x := range [][2]string{{"NotAllowedError", "The microphone is blocked: allow it for this page"}, {"NotFoundError", "No microphone was found: plug one in"}, {"NotReadableError", "The microphone is in use by another program"}} {
		evaluate[bool](ann.helpDesk, `window.micError = '`+x[0]+`', true`)
		if x[0] == "NotAllowedError" {
			ann.press("Answer")
		} else {
			ann.press("Try again")
		}
		ann.sees(x[1])
	}
	ann.clean("no-microphone")
	evaluate[bool](ann.helpDesk, `window.micError = '', window.noPath = true`)
	ann.press("Try again")
	ann.sees("No audio path: this browser and the switch cannot reach each other over UDP. Have your network let UDP through to")
	ann.clean("no-path")
	ann.press("Decline")
	ann.sees("You declined.")
	s.must(c.Hangup(s.within(step)))

	evaluate[bool](ann.helpDesk, `window.noPath = false, true`)
	c = s.caller()
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	unplug := `mic.stop(), navigator.mediaDevices.dispatchEvent(new Event('devicechange'))`
	evaluate[bool](ann.helpDesk, `window.micError = 'NotFoundError', `+unplug)
	ann.sees("You are not heard. No microphone was found: plug one in")
	ann.hears(customerTone)
	evaluate[bool](ann.helpDesk, `window.micError = '', navigator.mediaDevices.dispatchEvent(new Event('devicechange'))`)
	ann.sees("you are heard by")
	ann.comes("the problem is gone", `!document.body.innerText.includes('You are not heard')`)
	s.must(c.Hears(s.within(step), annTone))
	evaluate[bool](ann.helpDesk, unplug) // another one is there
	s.must(c.Hears(s.within(step), annTone))

	// A reload without a microphone: the call is kept, and taken up when there is one.
	ann.do(chromedp.Navigate("about:blank"))
	script, err := chromedp.Call(ann.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.micError = 'NotFoundError'`})
	s.must(err)
	ann.do(chromedp.Navigate("http://" + s.http + "/"))
	ann.sees("No microphone was found")
	_, err = chromedp.Call(ann.ctx, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams(script))
	s.must(err)
	evaluate[bool](ann.helpDesk, `window.micError = '', true`)
	ann.press("Try again")
	s.must(c.Hears(s.within(step), annTone))
	ann.press("End")
	s.quietPages(ann.helpDesk)
	s.flawless()
}

// A tab that crashes, and one that takes over: the customer hears music, and the
// agent goes on.
func TestPagesACallOutlivesItsTab(t *testing.T) {
	t.Parallel()
	s := deskSite(t, soloTeam+siteFlow)
	s.serve()
	b := s.webBrowser()
	ann := s.openPhone(b, "ann", annTone)
	ann.sees("Available")
	c := s.caller()
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	go func() { _, _ = chromedp.Call(ann.ctx, page.Crash, cdp.Empty{}) }() // which answers nothing
	s.hears("the customer", c)
	first := s.openPhone(b, "ann", annTone)
	first.sees("Talking")
	s.must(c.Hears(s.within(step), annTone))
	first.hears(customerTone)

	second := s.openPhone(b, "ann", bobTone) // its voice tells the tabs apart
	second.sees("In use elsewhere")
	second.press("Use it here")
	second.sees("Talking")
	s.must(c.Hears(s.within(step), bobTone))
	second.hears(customerTone)
	first.sees("In use elsewhere")
	first.comes("it is silent", `!window.ear || ear.pc.connectionState === 'closed'`)

	second.press("End")
	wantOffers(t, s.closed(1), "ann accepted")
	s.quietPages(first.helpDesk, second.helpDesk)
	s.flawless()
}

// talkOverAWire is an agent who talks in a page behind a wire, and the caller.
func talkOverAWire(t *testing.T) (*site, *wire, *webDesk, *simphone.Call) {
	t.Helper()
	s := deskSite(t, soloTeam+siteFlow)
	port := s.freePort("udp")
	s.edit("calls: {max: 50}", fmt.Sprintf("calls: {max: 50}\nwebrtc: {port: %d}", port))
	s.serve()
	w := s.wire(netip.AddrPortFrom(s.host(1), port))
	ann := s.openPhoneAt(s.webBrowser(), "http://"+w.door.Addr().String(), "ann", annTone, w.script())
	ann.sees("Available")
	c := s.caller()
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	ann.hears(customerTone)
	return s, w, ann, c
}

// Whoever loses the network, for longer than a stumble, is back in the call when it is back.
func TestPagesACallOutlivesItsNetwork(t *testing.T) {
	t.Parallel()
	s, w, ann, c := talkOverAWire(t)
	w.cut.Store(true)
	s.hears("the customer, while the network is away,", c)
	ann.sees("The sound is interrupted")
	ann.comes("the page knows", `document.body.innerText.includes('Connecting…')`)
	ann.shot("network-away")
	w.cut.Store(false)
	s.must(c.Hears(s.within(step), annTone))
	ann.hears(customerTone)
	ann.press("End")
	wantOffers(t, s.closed(1), "ann accepted")
	s.quietPages(ann.helpDesk)
	s.flawless()
}

// Whose address changes in the middle of a call, behind a router that starts anew, talks on by
// the same connection: the page does not even know.
func TestPagesACallFollowsItsAgentsAddress(t *testing.T) {
	t.Parallel()
	s, w, ann, c := talkOverAWire(t)
	evaluate[bool](ann.helpDesk, `window.first = ear.pc, true`)
	for _, host := range []byte{10, 11} {
		w.move(host)
		s.lasts(2 * time.Second)
		s.must(c.Hears(s.within(step), annTone))
		ann.hears(customerTone)
	}
	if !evaluate[bool](ann.helpDesk, `window.first === ear.pc && ear.pc.iceConnectionState === 'connected'`) {
		t.Error("got another connection, want the same: the browser's own checks tell its address")
	}
	ann.press("End")
	wantOffers(t, s.closed(1), "ann accepted")
	s.quietPages(ann.helpDesk)
	s.flawless()
}

// A call that began at a desk phone goes on in the page, and in another browser's; also when the
// phone has died.
func TestPagesACallGoesOnInThisBrowser(t *testing.T) {
	t.Parallel()
	const second = 2350.0 // the other browser's voice
	s := deskSite(t, soloTeam+siteFlow)
	s.serve()
	desk := s.deskPhone("ann", annTone)
	b := s.webBrowser()
	phone := `localStorage.setItem('device', 'phone')`
	ann := s.openPhone(b, "ann", bobTone, phone)
	ann.sees("Desk phone")
	c := s.caller()
	ann.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	ann.press("Mute") // it stays muted in the browser
	ann.sees("Unmute")
	evaluate[bool](ann.helpDesk, `let asked = 0; Object.defineProperty(window, 'micError', { configurable: true, get: () => asked++ ? 'NotFoundError' : '' }), true`) // it is unplugged once it was allowed
	ann.press("Go on in this browser")
	ann.sees("No microphone was found")
	evaluate[bool](ann.helpDesk, `delete window.micError`)
	ann.press("Try again")
	ann.comes("the page is the phone", `window.ear && ear.pc.connectionState === 'connected' && document.querySelector('header').innerText.includes('This browser')`)
	ann.hears(customerTone)
	ann.comes("she is muted still", `document.querySelector('[data-do=mute]').innerText.includes('Unmute')`)
	ann.press("Unmute")
	s.must(c.Hears(s.within(step), bobTone))
	ann.comes("it is not offered again", `!document.body.innerText.includes('Go on in this browser')`)
	ann.clean("went-on")
	ann.press("Hold")
	ann.sees("On hold")

	_, err := desk.Register(s.within(step), 0) // which would be rung for it first
	s.must(err)
	other := s.openPhone(b, "ann", second, phone)
	other.press("Use it here")
	other.sees("The call was in another browser. The customer hears music")
	other.clean("another-browser")
	other.press("Go on in this one")
	other.comes("the other page is the phone", `window.ear && ear.pc.connectionState === 'connected'`)
	other.sees("On hold")
	other.press("Resume")
	s.must(c.Hears(s.within(step), second))
	other.hears(customerTone)
	ann.sees("In use elsewhere")
	other.press("End")
	wantOffers(t, s.closed(1), "ann accepted")
	other.comes("the call is over", `!document.querySelector('.float [data-do=end]')`)

	_, err = desk.Register(s.within(step), time.Hour)
	s.must(err)
	other.press("This browser, desk phone")
	other.press("Ring on my desk phone alone")
	c = s.caller()
	other.press("Answer")
	s.must(c.Hears(s.within(step), annTone))
	desk.Die()
	other.sees("Your phone lost the call.")
	other.press("Go on in this browser")
	s.must(c.Hears(s.within(step), second))
	other.hears(customerTone)
	other.press("End")
	wantOffers(t, s.closed(2), "ann accepted")
	s.quietPages(ann.helpDesk, other.helpDesk)
	s.flawless()
}

// A page that stands still shows no offer: the next teammate is rung after two
// seconds, and nothing is counted. One that sleeps is no phone until it wakes.
func TestPagesAPageThatStandsStillIsPassedOver(t *testing.T) {
	t.Parallel()
	s := deskSite(t, strings.Replace(siteTeam, "wrap_up: 45s", "wrap_up: 0s", 1)+siteFlow)
	s.serve()
	b := s.webBrowser()
	ann := s.openPhone(b, "ann", annTone)
	ann.sees("Available")
	evaluate[bool](ann.helpDesk, `setTimeout(() => { for (const end = Date.now() + 6000; Date.now() < end;); }, 0) > 0`)
	c := s.caller()
	s.comes("ann is passed over", func() bool {
		calls := s.status().Calls
		if len(calls) != 1 {
			return false
		}
		card, err := s.client().Call(s.within(step), calls[0].ID)
		return err == nil && len(card.Offers) > 0 && card.Offers[0].Outcome == "unreachable"
	})
	bob := s.openPhone(b, "bob", bobTone)
	bob.press("Answer")
	s.must(c.Hears(s.within(step), bobTone))
	bob.press("End")
	card := s.closed(1)
	wantOffers(t, card, "ann unreachable", "bob accepted")
	if took := card.Offers[0].Ended.Sub(card.Offers[0].Made); !card.Offers[0].Rang.IsZero() || took < 1900*time.Millisecond || took > 3500*time.Millisecond {
		t.Errorf("ann's offer: got %v, rang %v, want it over after 2 s, unrung", took, card.Offers[0].Rang)
	}
	if a := s.agentStatus("ann"); a.NoAnswers != 0 {
		t.Errorf("ann's missed calls: got %d, want none", a.NoAnswers)
	}
	ann.sees("Your phone could not be made to ring.")
	s.comes("ann is back", func() bool { return s.agentStatus("ann").Available })

	_, err := chromedp.Call(ann.ctx, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: "frozen"})
	s.must(err)
	s.comes("ann's page is not there", func() bool { return !s.agentStatus("ann").Available })
	_, err = chromedp.Call(ann.ctx, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: "active"})
	s.must(err)
	s.comes("ann's page is there again", func() bool { return s.agentStatus("ann").Available })
	s.quietPages(ann.helpDesk, bob.helpDesk)
	s.flawless()
}
