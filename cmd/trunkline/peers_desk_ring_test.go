//go:build peers && linux

package main

import (
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// outside notes what a page does outside of its tab: what its AudioContexts sound, and on which
// output; its notifications.
const outside = `window.ctxs = []; window.notes = [];
{ const Old = window.AudioContext; window.AudioContext = class extends Old { constructor(...a) { super(...a); window.ctxs.push(this); this.ear = this.createAnalyser(); this.ear.fftSize = 8192; this.ear.smoothingTimeConstant = 0; } };
const connect = AudioNode.prototype.connect; AudioNode.prototype.connect = function (to, ...a) { if (to === this.context.destination && this.context.ear) connect.call(this, this.context.ear); return connect.call(this, to, ...a); };
const Note = window.Notification; window.Notification = class extends Note { constructor(title, o) { super(title, o); window.notes.push({ title, open: true, it: this }); } close() { super.close(); window.notes.find(n => n.it === this).open = false; } }; }
// rings says whether both notes of the ring tone sound within three seconds.
window.rings = async () => { const heard = new Set();
  for (let i = 0; i < 60; i++) { await new Promise(r => setTimeout(r, 50));
    for (const c of ctxs) { const bins = new Float32Array(c.ear.frequencyBinCount); c.ear.getFloatFrequencyData(bins);
      for (const hz of [660, 880]) { const at = Math.round(hz * c.ear.fftSize / c.sampleRate); if (Math.max(...bins.slice(at - 1, at + 2)) > -50) heard.add(hz); } } }
  return heard.size === 2; };`

// A call rings outside of the tab: by a tone on the device that was chosen for it, in the title, and
// as a notification; all of it ends when somebody answers, or the caller goes.
func TestPagesACallRingsOutsideTheTab(t *testing.T) {
	t.Parallel()
	s := deskSite(t, soloTeam+siteFlow)
	s.serve()
	s.deskPhone("ann", annTone)
	ann := s.open(s.browser(chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true)), "ann", page.AddScriptToEvaluateOnNewDocumentParams{Source: outside})
	ann.sees("Available")

	// A page that nobody has clicked in is dumb, and says so.
	ann.do(chromedp.Reload())
	ann.sees("Click, and calls can ring")
	ann.clean("dumb")
	ann.drag(".brand", 0.5, 0, 0)
	ann.comes("it can sound", `!document.body.innerText.includes('Click, and calls can ring')`)

	for _, what := range []string{"notifications", "microphone"} {
		_, err := chromedp.Call(ann.ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: what}, Setting: "granted", Origin: "http://" + s.http, BrowserContextID: chromedp.FromContext(ann.ctx).BrowserContextID,
		})
		s.must(err)
	}
	ann.press("Desk phone")
	ann.press("Check my set-up…")
	ann.comes("an output for the ring tone", `(() => { const l = [...document.querySelectorAll('dialog label')].find(l => l.innerText.startsWith('Ring on')), i = l?.querySelector('select'), o = i && [...i.options].find(o => o.text.includes('Fake Audio Output 2'));
		if (!o) return false; i.value = o.value; i.dispatchEvent(new Event('change', { bubbles: true })); return localStorage.getItem('ring') === o.value; })()`)
	ann.sees("Notifications are allowed.")
	ann.press("Ring")
	ann.comes("it is tried", `rings()`)
	ann.press("Close")
	ann.comes("and over", `rings().then(on => !on)`)

	c := s.caller()
	ann.sees("Incoming call")
	ann.comes("the tone", `rings()`)
	ann.comes("it is on the device that was chosen", `ctxs.some(c => c.sinkId === localStorage.getItem('ring'))`)
	ann.comes("the title says who", `document.title === '☎ +1 415 555 0123'`)
	ann.comes("and flashes", `document.title === 'Help Desk'`)
	ann.comes("a notification", `notes.length === 1 && notes[0].open && notes[0].title === 'Incoming call: +1 415 555 0123'`)
	ann.press("Answer")
	s.must(c.WaitAnswered(s.within(step)))
	over := func(why string) {
		t.Helper()
		ann.comes("quiet: "+why, `rings().then(on => !on && document.title === 'Help Desk' && notes.every(n => !n.open))`)
	}
	over("it is answered")
	ann.press("End")

	c = s.caller()
	ann.comes("another notification", `notes.length === 2 && notes[1].open`)
	s.must(c.Hangup(s.within(step)))
	over("the caller has gone")

	ann.press("Your account")
	ann.press("Keys and sounds")
	ann.press("Ring tone is on")
	ann.press("Close")
	c = s.caller()
	ann.comes("the title", `document.title.startsWith('☎')`)
	ann.comes("no tone", `rings().then(on => !on)`)
	ann.press("Decline")
	s.must(c.Hangup(s.within(step)))
	s.quietPages(ann)
}
