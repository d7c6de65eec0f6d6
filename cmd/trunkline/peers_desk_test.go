//go:build peers && linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"trunkline/internal/simphone"
)

// deskPhone is an agent's phone on the kernel: it rings, and answers by itself
// when it is asked to in one of the ways that phones know.
func (s *site) deskPhone(user string, hz float64) *simphone.Phone {
	s.Helper()
	conn, err := net.ListenPacket("udp4", netip.AddrPortFrom(s.host(1), 0).String())
	s.must(err)
	p, err := simphone.New(simphone.Config{Conn: conn, Peer: s.sip, User: user, Password: user + "-password-1", Domain: "pbx.example.com", Tone: hz})
	s.must(err)
	s.Cleanup(func() { _ = p.Close() })
	p.OnCall(simphone.Ring().Then(func(c *simphone.Call) {
		if strings.Contains(c.Invite().Get("Call-Info"), "answer-after=0") {
			c.Answer()
		}
	}))
	_, err = p.Register(s.within(step), time.Hour)
	s.must(err)
	return p
}

// caller is a carrier's side that dials our number.
func (s *site) caller(options ...simphone.Option) *simphone.Call {
	s.Helper()
	conn, err := net.ListenPacket("udp4", netip.AddrPortFrom(s.host(2), 0).String())
	s.must(err)
	p, err := simphone.New(simphone.Config{Conn: conn, Peer: s.sip, User: strings.TrimPrefix(customer, "+"), Tone: customerTone})
	s.must(err)
	s.Cleanup(func() { _ = p.Close() })
	return p.Dial(ourNumber, append([]simphone.Option{simphone.From(customer)}, options...)...)
}

// browser starts headless Chromium that talks to loopback and nowhere else.
func (s *site) browser(more ...chromedp.ExecAllocatorOption) context.Context {
	s.Helper()
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), append(more,
		chromedp.ExecPath("/usr/bin/chromium"), chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.UserDataDir(s.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("mute-audio", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.*"), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-background-timer-throttling", true))...)
	s.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	s.Cleanup(cancel)
	s.must(chromedp.Do(ctx))
	return ctx
}

// helpDesk is one person's tab.
type helpDesk struct {
	*site
	ctx context.Context
	at  string // where the page is from
}

// reported notes what the page did that its policy forbids, and its errors.
const reported = `window.reports = [];
addEventListener('securitypolicyviolation', e => reports.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sourceFile + ':' + e.lineNumber));
addEventListener('error', e => reports.push('error: ' + (e.message || e.target?.src)));
addEventListener('unhandledrejection', e => reports.push('rejection: ' + e.reason));`

// open opens a tab at the Help Desk, signed in as somebody; each has cookies of
// their own.
func (s *site) open(browser context.Context, who string, scripts ...page.AddScriptToEvaluateOnNewDocumentParams) *helpDesk {
	s.Helper()
	return s.openAt(browser, "http://"+s.http, who, scripts...)
}

// openAt opens it by another address.
func (s *site) openAt(browser context.Context, at, who string, scripts ...page.AddScriptToEvaluateOnNewDocumentParams) *helpDesk {
	s.Helper()
	d := s.tab(browser, at+"/", scripts...)
	d.at = at
	d.comes("the form", `document.querySelector('input[name=account]') !== null`)
	d.do(chromedp.SendKeys("input[name=account]", who), chromedp.SendKeys("input[name=password]", deskPassword+"\r"))
	d.comes(who+" is signed in", `document.querySelector('header.top, main.card') !== null`) // or in use elsewhere
	s.Cleanup(func() {
		if s.Failed() {
			d.shot("failed-" + who)
			s.Logf("%s's page: %v\n%s", who, d.reports(), evaluate[string](d, `document.body.innerText`))
		}
	})
	return d
}

// tab opens an address, with cookies of its own.
func (s *site) tab(browser context.Context, url string, scripts ...page.AddScriptToEvaluateOnNewDocumentParams) *helpDesk {
	s.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	s.Cleanup(cancel)
	d := &helpDesk{s, ctx, url}
	for _, script := range append(scripts, page.AddScriptToEvaluateOnNewDocumentParams{Source: reported}) {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, script)
		s.must(err)
	}
	d.do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url))
	return d
}

func (d *helpDesk) do(steps ...chromedp.Action[chromedp.Void]) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, step)
	defer cancel()
	d.must(chromedp.Do(ctx, steps...))
}

// evaluate gives what an expression is in the page.
func evaluate[T any](d *helpDesk, js string) T {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, step)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		d.Fatalf("%s: %v", js, err)
	}
	return v
}

// comes waits until an expression is true in the page.
func (d *helpDesk) comes(what, js string) {
	d.Helper()
	d.site.comes(what, func() bool { return evaluate[bool](d, "Boolean("+js+")") })
}

// sees waits until the page shows a text.
func (d *helpDesk) sees(text string) {
	d.Helper()
	quoted, _ := json.Marshal(text)
	d.comes("the page shows "+text, "document.body.innerText.includes("+string(quoted)+")")
}

// press clicks the button or link of a name, as a screen reader says it.
func (d *helpDesk) press(name string) {
	d.Helper()
	quoted, _ := json.Marshal(name)
	d.comes("a button "+name, `(() => { const b = [...document.querySelectorAll('button, a')].find(b => (b.getAttribute('aria-label') ?? b.innerText).trim() === `+string(quoted)+` && !b.disabled && b.offsetParent); b?.click(); return b; })()`)
}

func (d *helpDesk) reports() []string { return evaluate[[]string](d, `window.reports ?? []`) }

// shot keeps a picture of the page with the test's artifacts.
func (d *helpDesk) shot(name string) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, step)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(d.ArtifactDir(), name+".png"), png, 0o600)
	}
	if err != nil {
		d.Logf("the picture %s: %v", name, err)
	}
}

// clean wants axe to find nothing against WCAG 2.2 AA in the page as it is, in
// both themes.
func (d *helpDesk) clean(screen string) {
	d.Helper()
	axe, err := os.ReadFile("../../testdata/desk/axe.min.js")
	d.must(err)
	evaluate[bool](d, string(axe)+`; true`)
	for _, theme := range []string{"light", "dark"} {
		found := evaluate[[]string](d, fmt.Sprintf(`(async () => { document.documentElement.dataset.theme = %q;
			const r = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
			return r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? '')).join(' | ')); })()`, theme))
		if len(found) > 0 {
			d.Errorf("%s, %s: got %s, want nothing", screen, theme, strings.Join(found, "\n"))
		}
		d.shot(screen + "-" + theme)
	}
	evaluate[bool](d, `delete document.documentElement.dataset.theme`)
	if wide := evaluate[int](d, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		d.Errorf("%s: got a page that is %d px too wide, by %s", screen, wide, evaluate[string](d, `[...document.querySelectorAll('body *')]
			.filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 300)).join('\n')`))
	}
}

// narrow shows the page as on a small phone, for f.
func (d *helpDesk) narrow(f func()) {
	d.Helper()
	d.do(chromedp.EmulateViewport(360, 740))
	f()
	d.do(chromedp.EmulateViewport(1280, 800))
}

func TestPagesAgentTakesACallAtTheHelpDesk(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow+"transcripts: {driver: command, command: [/bin/echo, \"please <b>call</b> me back\", \"{file}\"]}\n")
	s.serve()
	phone := s.deskPhone("ann", annTone)
	ann := s.open(s.browser(), "ann")
	ann.sees("Available")
	ann.clean("calls-empty")

	hostile := `<img src=x onerror=alert(1)>`
	call := s.caller(simphone.Display(hostile))
	ann.sees("Incoming call")
	ann.sees(hostile)
	ann.clean("offer")
	ann.narrow(func() { ann.shot("offer-360") })
	if n := evaluate[int](ann, `document.querySelectorAll('img').length`); n != 0 {
		t.Errorf("images: got %d, want the caller's name to be text", n)
	}
	ann.press("Answer")
	s.must(call.WaitAnswered(s.within(step)))
	ann.sees("Talking")
	ann.sees("Recording")
	ann.clean("talking")
	ann.narrow(func() { ann.shot("talking-360") })

	ann.press("Hold")
	ann.sees("On hold")
	ann.press("Resume")
	ann.sees("Talking")
	ann.press("Mute")
	ann.sees("Unmute")
	ann.press("Unmute")
	ann.press("Pause rec.")
	ann.sees("Recording paused by Ann Lee")
	ann.press("Record")
	ann.press("Keypad")
	ann.press("5")
	ann.clean("keypad")
	ann.press("Transfer")
	ann.sees("Bob Ray")
	ann.clean("transfer")
	ann.narrow(func() { ann.shot("transfer-360") })
	ann.press("Transfer")
	ann.press("Details")
	ann.sees("What happened")
	ann.clean("card-live")
	ann.press("End")
	ann.sees("Switch to active")
	ann.sees("Wrap-up")
	ann.comes("a player", `document.querySelector('canvas.wave')`)
	ann.sees("please <b>call</b> me back") // as text, in both voices
	ann.clean("card")
	ann.narrow(func() { ann.clean("card-360") })
	ann.press("Switch to active")
	ann.sees("Available")
	ann.do(chromedp.Navigate("http://" + s.http + "/#/calls"))
	ann.sees("with Ann Lee")
	ann.clean("calls")
	ann.narrow(func() { ann.clean("calls-360") })
	if got := ann.reports(); len(got) > 0 {
		t.Errorf("the page: got %v, want no report", got)
	}
	_ = phone
}

// keys presses keys as a person would: names of keys, with their modifiers.
func (d *helpDesk) keys(keys ...string) {
	d.Helper()
	for _, k := range keys {
		switch k {
		case "Tab":
			d.do(chromedp.KeyEvent(kb.Tab))
		case "Enter":
			d.do(chromedp.KeyEvent(kb.Enter))
		case "Escape":
			d.do(chromedp.KeyEvent(kb.Escape))
		default: // Ctrl+Shift+letter
			evaluate[bool](d, fmt.Sprintf(`dispatchEvent(new KeyboardEvent('keydown', { code: 'Key%s', ctrlKey: true, shiftKey: true, bubbles: true, cancelable: true }))`, k)+` || true`)
		}
	}
}

// reach tabs until the element in focus has a name, once there is one that has.
func (d *helpDesk) reach(name string) {
	d.Helper()
	quoted, _ := json.Marshal(name)
	d.comes("there is "+name, `[...document.querySelectorAll('a, button, input, select, textarea, [tabindex]')].some(e =>
		(e.getAttribute('aria-label') ?? e.innerText ?? '').trim() === `+string(quoted)+`)`)
	for range 80 {
		d.keys("Tab")
		if evaluate[bool](d, `(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.innerText ?? '').trim() === `+string(quoted)) {
			return
		}
	}
	d.Fatalf("the key Tab: got nowhere to %s in 80 steps", name)
}

func TestPagesAWholeCallByKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	s.deskPhone("bob", bobTone)
	ann := s.openPhone(s.webBrowser(), "ann", annTone).helpDesk
	ann.sees("Available")
	ann.comes("a field", `document.querySelector('main input')`)
	evaluate[bool](ann, `document.querySelector('main input').focus(), true`)
	call := s.caller()
	ann.sees("Incoming call")
	if on := evaluate[string](ann, `document.activeElement.tagName`); on != "INPUT" {
		t.Errorf("the focus: got it moved to %s, want it left where somebody writes", on)
	}
	if said := evaluate[string](ann, `document.querySelector('[data-announce]').textContent`); !strings.HasPrefix(said, "Incoming call from") {
		t.Errorf("announced: got %q", said)
	}
	ann.keys("A")
	s.must(call.WaitAnswered(s.within(step)))
	ann.sees("Talking")
	s.must(call.Hears(s.within(step), annTone))
	ann.keys("M")
	ann.sees("Unmute")
	ann.keys("M", "H")
	ann.sees("On hold")
	ann.keys("H")
	ann.sees("Talking")
	ann.reach("Transfer")
	ann.keys("Enter")
	ann.sees("Bob Ray")
	ann.reach("Ask first: Bob Ray")
	ann.keys("Enter")
	ann.sees("Calling Bob Ray")
	bob := s.open(s.browser(), "bob")
	bob.sees("Transfer from Ann Lee, who asks you first")
	bob.press("Answer")
	ann.sees("With Bob Ray; the customer waits")
	bob.sees("asks you first")
	ann.reach("Swap")
	ann.keys("Enter")
	ann.sees("With the customer; Bob Ray waits")
	ann.reach("Merge")
	ann.keys("Enter")
	ann.sees("All three, with Bob Ray")
	ann.reach("Complete")
	ann.keys("Enter")
	ann.sees("The call was transferred.")
	ann.sees("Wrap-up")
	bob.sees("Talking")
	bob.keys("E")
	if _, err := call.WaitEnded(s.within(step)); err != nil {
		t.Error(err)
	}
	for _, d := range []*helpDesk{ann, bob} {
		if got := d.reports(); len(got) > 0 {
			t.Errorf("the page: got %v, want no report", got)
		}
	}
}

func TestPagesADeclinedCallRingsTheNextAndAReloadMissesNothing(t *testing.T) {
	t.Parallel()
	s := deskSite(t, strings.Replace(siteTeam, "wrap_up: 45s", "wrap_up: 0s, presence: desk", 1)+siteFlow)
	s.serve()
	s.deskPhone("ann", annTone)
	s.deskPhone("bob", bobTone)
	call := s.caller()
	s.lasts(time.Second)
	if offers := s.card().Offers; len(offers) > 0 {
		t.Fatalf("offers without an open Help Desk: got %v, want none", offers)
	}
	chromium := s.browser()
	ann := s.open(chromium, "ann")
	ann.sees("Incoming call")
	ann.press("Decline")
	ann.sees("You declined.")
	bob := s.open(chromium, "bob")
	bob.sees("Incoming call")
	bob.press("Answer")
	s.must(call.WaitAnswered(s.within(step)))
	bob.sees("Talking")
	bob.do(chromedp.Navigate("about:blank"), chromedp.Navigate("http://"+s.http+"/"))
	bob.sees("Talking")
	bob.sees("Recording")
	second := s.open(chromium, "bob")
	second.sees("In use elsewhere")
	second.clean("elsewhere")
	second.press("Use it here")
	second.sees("Talking")
	bob.sees("In use elsewhere")
	second.press("End")
	second.sees("Available")
	wantOffers(t, s.closed(1), "ann declined", "bob accepted")

	// Click to dial a colleague: ann's phone answers by itself, then bob's rings.
	ann.press("Make a call")
	ann.sees("Your phone rings first.")
	ann.clean("dialler")
	ann.do(chromedp.SendKeys("dialog input", "bob\r"))
	second.sees("A colleague calls")
	second.press("Answer")
	ann.sees("Talking")
	ann.press("End")
	second.sees("Available")
	for _, d := range []*helpDesk{ann, bob, second} {
		if got := d.reports(); len(got) > 0 {
			t.Errorf("the page: got %v, want no report", got)
		}
	}
}

func TestPagesEveryScreenIsAccessible(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	s.deskPhone("ann", annTone)
	call := s.caller()
	root := s.open(s.browser(), "root")
	for _, x := range [][2]string{{"calls", "All calls"}, {"callbacks", "Callbacks"}, {"people", "People"}, {"wall", "Agents"}, {"house", "Trunks"}} {
		root.do(chromedp.Navigate("http://" + s.http + "/#/" + x[0]))
		root.sees(x[1])
		s.lasts(500 * time.Millisecond)
		root.clean("screen-" + x[0])
		root.narrow(func() { root.clean("screen-" + x[0] + "-360") })
	}
	root.do(chromedp.Navigate("http://"+s.http+"/#/people"), chromedp.EmulateViewport(1920, 1080))
	root.press("New")
	root.sees("Numbers, the main one first")
	root.clean("person-new")
	root.keys("Escape")
	root.do(chromedp.Navigate("http://" + s.http + "/#/wall/full"))
	root.sees("Longest wait")
	root.clean("wall-full")
	s.must(call.Hangup(s.within(step)))
	if got := root.reports(); len(got) > 0 {
		t.Errorf("the page: got %v, want no report", got)
	}
}
