//go:build peers && linux

package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// microphone gives a page a voice: a tone where its microphone would be, since
// the fake device of Chromium is one for all its pages; and an ear.
const microphone = `localStorage.setItem('device', 'browser');
navigator.mediaDevices.getUserMedia = async () => {
  const ctx = new AudioContext(), osc = ctx.createOscillator(), vol = ctx.createGain(), out = ctx.createMediaStreamDestination();
  osc.frequency.value = %v; vol.gain.value = 0.3; osc.connect(vol).connect(out); osc.start();
  return out.stream;
};
window.ear = null;
const old = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (d) {
  this.addEventListener('track', () => {}, { once: true });
  const r = old.call(this, d);
  r.then(() => { const t = this.getReceivers()[0]?.track; if (!t) return;
    const ctx = new AudioContext(), a = ctx.createAnalyser(); a.fftSize = 8192;
    ctx.createMediaStreamSource(new MediaStream([t])).connect(a); window.ear = { ctx, a, pc: this }; });
  return r;
};
// loudest is the loudest frequency that comes within a second, and how loud.
window.loudest = async () => { if (!ear) return [0, -200];
  const bins = new Float32Array(ear.a.frequencyBinCount); let hz = 0, db = -200;
  for (let i = 0; i < 20; i++) { await new Promise(r => setTimeout(r, 50)); ear.a.getFloatFrequencyData(bins);
    bins.forEach((v, i) => { if (v > db) { db = v; hz = i * ear.ctx.sampleRate / ear.a.fftSize; } }); }
  return [hz, db]; };`

// webBrowser is a Chromium that may use WebRTC on loopback.
func (s *site) webBrowser() context.Context {
	s.Helper()
	return s.browser(chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
}

// openPhone opens a Help Desk that is its agent's phone, with a voice.
func (s *site) openPhone(browser context.Context, who string, hz float64) *helpDesk {
	s.Helper()
	return s.open(browser, who, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(microphone, hz)})
}

// hears waits until the page hears a tone above all else.
func (d *helpDesk) hears(hz float64) {
	d.Helper()
	var got []float64
	for range 10 {
		if got = evaluate[[]float64](d, `loudest()`); math.Abs(got[0]-hz) < 12 && got[1] > -60 {
			return
		}
	}
	d.Errorf("the page: got %.0f Hz at %.0f dB, want %.0f Hz", got[0], got[1], hz)
}

func TestPagesThePhoneInTheBrowser(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	b := s.webBrowser()
	ann, bob := s.openPhone(b, "ann", annTone), s.openPhone(b, "bob", bobTone)
	ann.sees("Available")
	bob.sees("Available")
	ann.sees("This browser")

	c := s.caller()
	first, second := ann, bob
	s.comes("one of the two is rung", func() bool {
		for _, d := range []*helpDesk{ann, bob} {
			if evaluate[bool](d, `document.body.innerText.includes('Incoming call')`) {
				first = d
				return true
			}
		}
		return false
	})
	firstTone, secondTone := annTone, bobTone
	if first == bob {
		second, firstTone, secondTone = ann, bobTone, annTone
	}
	first.press("Decline")
	second.sees("Incoming call")
	second.shot("browser-offer")
	second.press("Answer")
	s.must(c.WaitAnswered(s.within(step)))
	second.sees("Talking")
	second.sees("Recording")
	s.must(c.Hears(s.within(step), secondTone))
	second.hears(customerTone)
	second.clean("browser-talking")

	second.press("Hold")
	second.sees("On hold")
	s.comes("the customer does not hear the agent", func() bool { return c.Hears(s.within(300*time.Millisecond), secondTone) != nil })
	second.press("Resume")
	second.sees("Talking")
	s.must(c.Hears(s.within(step), secondTone))
	second.press("Mute")
	second.sees("Unmute")
	second.press("Unmute")
	s.must(c.Hears(s.within(step), secondTone))
	second.press("Pause rec.")
	second.sees("Recording paused")
	second.press("Record")
	second.sees("Recording")
	second.comes("figures of the sound", `document.querySelector('[data-figures]')?.textContent.includes('PCMU')`)

	second.do(chromedp.Reload())
	second.sees("Talking")
	second.hears(customerTone)
	s.must(c.Hears(s.within(step), secondTone))

	other := "Ann Lee"
	if first == bob {
		other = "Bob Ray"
	}
	second.press("Transfer")
	second.sees(other)
	evaluate[bool](second, fmt.Sprintf(`(() => { const row = [...document.querySelectorAll('.floats li')].find(l => l.innerText.includes(%q)); row.querySelector('button').click(); return true; })()`, other))
	first.sees("Incoming call")
	first.press("Answer")
	first.sees("Talking")
	s.must(c.Hears(s.within(step), firstTone))
	first.hears(customerTone)
	second.sees("Wrap-up")

	first.press("Details")
	first.press("End")
	first.sees("Switch to active")
	first.comes("a player", `document.querySelector('canvas.wave')`)
	for _, d := range []*helpDesk{ann, bob} {
		if got := d.reports(); len(got) > 0 {
			t.Errorf("the page: got %v, want no report", got)
		}
	}
}

func TestPagesCheckMySetUp(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	ann := s.openPhone(s.webBrowser(), "ann", annTone)
	ann.sees("Available")
	ann.press("This browser")
	ann.press("Check my set-up…")
	ann.sees("Echo test")
	ann.comes("a level", `document.querySelector('meter')?.value > 20`)
	ann.press("Echo test")
	ann.sees("Connected in")
	ann.hears(annTone)
	ann.comes("figures", `document.querySelector('[data-figures]')?.textContent.includes('PCMU')`)
	ann.clean("set-up")
	ann.press("Stop")
	ann.press("On my desk phone")
	ann.press("Close")
	ann.sees("No phone")
	if got := ann.reports(); len(got) > 0 {
		t.Errorf("the page: got %v, want no report", got)
	}
}

// A click on a number calls it from the page; colleagues' browsers ring too.
func TestPagesCallsFromTheBrowser(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow)
	s.serve()
	b := s.webBrowser()
	ann, bob := s.openPhone(b, "ann", annTone), s.openPhone(b, "bob", bobTone)
	ann.sees("Available")
	bob.sees("Available")
	ann.press("Make a call")
	ann.do(chromedp.SendKeys("dialog input", "bob\r"))
	bob.sees("A colleague calls")
	bob.press("Answer")
	bob.hears(annTone)
	ann.hears(bobTone)
	ann.press("End")
	bob.comes("the call is over", `!document.body.innerText.includes('Talking')`)
	if got := strings.Join(append(ann.reports(), bob.reports()...), "\n"); got != "" {
		t.Errorf("the pages: got %s, want no report", got)
	}
}
