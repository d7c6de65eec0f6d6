//go:build peers && linux

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/realpeer"
	"trunkline/routing"
)

// microphone gives a page a voice: a tone where its microphone would be, since
// the fake device of Chromium is one for all its pages; and an ear.
const microphone = `localStorage.setItem('device', 'browser');
navigator.mediaDevices.getUserMedia = async () => {
  if (window.micError) throw new DOMException(micError, micError);
  const ctx = new AudioContext(), osc = ctx.createOscillator(), vol = ctx.createGain(), out = ctx.createMediaStreamDestination();
  osc.frequency.value = %v; vol.gain.value = 0.3; osc.connect(vol).connect(out); osc.start();
  window.mic = out.stream.getAudioTracks()[0];
  return out.stream;
};
window.ear = null;
const old = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (d) {
  if (window.noPath) d = { ...d, sdp: d.sdp.replace(/(a=candidate:\S+ 1 udp \d+ \S+) \d+/gi, '$1 9') };
  this.addEventListener('track', () => {}, { once: true });
  const r = old.call(this, d);
  r.then(() => { const t = this.getReceivers()[0]?.track; if (!t) return;
    const ctx = new AudioContext(), a = ctx.createAnalyser(); a.fftSize = 8192;
    ctx.createMediaStreamSource(new MediaStream([t])).connect(a); window.ear = { ctx, a, pc: this }; });
  return r;
};
// allOf says whether all of these frequencies come at once within a second.
window.allOf = async tones => { if (!ear) return false;
  const bins = new Float32Array(ear.a.frequencyBinCount), at = hz => Math.round(hz * ear.a.fftSize / ear.ctx.sampleRate);
  for (let i = 0; i < 20; i++) { await new Promise(r => setTimeout(r, 50)); ear.a.getFloatFrequencyData(bins);
    if (tones.every(hz => Math.max(...bins.slice(at(hz) - 1, at(hz) + 2)) > -55)) return true; }
  return false; };
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

// webDesk is a Help Desk that is its agent's phone.
type webDesk struct {
	*helpDesk
	id, name string
	hz       float64
}

// openPhone opens a Help Desk that is its agent's phone, with a voice; scripts run
// in each of its documents.
func (s *site) openPhone(browser context.Context, who string, hz float64, scripts ...string) *webDesk {
	s.Helper()
	return s.openPhoneAt(browser, "http://"+s.http, who, hz, scripts...)
}

// openPhoneAt opens it by another address.
func (s *site) openPhoneAt(browser context.Context, at, who string, hz float64, scripts ...string) *webDesk {
	s.Helper()
	all := []page.AddScriptToEvaluateOnNewDocumentParams{{Source: fmt.Sprintf(microphone, hz)}}
	for _, script := range scripts {
		all = append(all, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	}
	return &webDesk{s.openAt(browser, at, who, all...), who, map[string]string{"ann": "Ann Lee", "bob": "Bob Ray"}[who], hz}
}

// silent waits until the page hears nothing that anybody says.
func (d *webDesk) silent() {
	d.Helper()
	d.site.comes("the page hears nothing", func() bool { return evaluate[[]float64](d.helpDesk, `loudest()`)[1] < -70 })
}

// customerHearsNothing waits until the carrier's ear hears half a second of silence.
func (s *site) customerHearsNothing(e *realpeer.Ear) {
	s.Helper()
	from := time.Now()
	s.comes("the customer hears nothing", func() bool {
		rec := e.Since(from)
		for at := 0.0; at+0.5 <= rec.Seconds(); at += 0.1 {
			if len(rec.Tones(at)) == 0 {
				return true
			}
		}
		return false
	})
}

// quietPages wants no report of pages: no error, nothing that their policy forbids.
func (s *site) quietPages(all ...*helpDesk) {
	s.Helper()
	for _, d := range all {
		if got := d.reports(); len(got) > 0 {
			s.Errorf("the page: got %v, want no report", got)
		}
	}
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

// rung is whichever of the pages is rung, and the other one.
func (s *site) rung(all ...*webDesk) (first, second *webDesk) {
	s.Helper()
	s.comes("a page is rung", func() bool {
		for i, d := range all {
			if evaluate[bool](d.helpDesk, `document.querySelector('.float.rings') !== null`) {
				first, second = d, all[(i+1)%len(all)]
				return true
			}
		}
		return false
	})
	return first, second
}

// transferTo presses a button in the line of a teammate in the picker.
func (d *helpDesk) transferTo(button, name string) {
	d.Helper()
	d.press("Transfer")
	d.sees(name)
	d.press(button + ": " + name)
}

// Two agents in two tabs with two voices, and a carrier: the whole of a call.
func TestPagesTwoAgentsAndACarrier(t *testing.T) {
	t.Parallel()
	s := deskSite(t, siteTeam+siteFlow+"transcripts: {driver: command, command: [/bin/echo, \"please call me back\", \"{file}\"]}\n")
	s.serve()
	b := s.webBrowser()
	ann, bob := s.openPhone(b, "ann", annTone), s.openPhone(b, "bob", bobTone)
	ann.sees("Available")
	bob.sees("Available")
	ann.sees("This browser")

	ear := s.ear(customerTone)
	carrier := s.sipp(realpeer.SippConfig{Ear: ear})
	first, second := s.rung(ann, bob)
	first.sees("Incoming call")
	first.press("Decline")
	first.sees("You declined.")
	second.sees("Incoming call")
	second.shot("browser-offer")
	second.press("Answer")
	second.sees("Talking")
	second.sees("Recording")
	s.customerHears(ear, second.hz)
	second.hears(customerTone)
	second.clean("browser-talking")

	second.press("Hold")
	second.sees("On hold")
	s.customerHearsMusic(ear)
	second.silent()
	second.press("Resume")
	second.sees("Talking")
	s.customerHears(ear, second.hz)
	second.press("Mute")
	second.sees("Unmute")
	s.customerHearsNothing(ear)
	second.hears(customerTone)
	second.press("Unmute")
	s.customerHears(ear, second.hz)
	second.press("Pause rec.")
	second.sees("Recording paused by " + second.name)
	second.press("Record")
	second.comes("it is recorded again", `/Recording$/m.test(document.querySelector('.rec')?.innerText)`)
	second.comes("figures of the sound", `document.querySelector('[data-figures]')?.textContent.includes('PCMU')`)

	second.do(chromedp.Navigate("about:blank")) // as a reload, but slow enough to be heard
	s.customerHearsMusic(ear)
	second.do(chromedp.Navigate("http://" + s.http + "/"))
	second.sees("Talking")
	second.hears(customerTone)
	s.customerHears(ear, second.hz)

	second.transferTo("Transfer", first.name)
	first.sees("Transfer from " + second.name)
	first.press("Answer")
	first.sees("Talking")
	s.customerHears(ear, first.hz)
	first.hears(customerTone)
	second.sees("The call was transferred.")
	second.sees("Wrap-up")
	first.press("Details")
	s.comes("the page's reports", func() bool { // the first within 4 s
		return slices.ContainsFunc(s.live().Sound, func(q api.Sound) bool {
			return q.Agent == routing.AgentID(first.id) && q.RoundTrip > 0 && q.Told.Packets > 0
		})
	})
	first.press("End")
	s.over(carrier)
	first.sees("Wrap-up")
	first.comes("a player", `document.querySelector('canvas.wave')`)
	first.sees("please call me back")
	card := s.closed(1)
	wantOffers(t, card, first.id+" declined", second.id+" accepted", first.id+" accepted")
	last := card.Recordings[len(card.Recordings)-1]
	for side, tones := range [][]float64{{customerTone}, {second.hz, first.hz}} { // what the switch itself heard, by Goertzel
		rec, err := realpeer.ReadWAV(last.Path, side)
		s.must(err)
		for _, hz := range tones {
			if !rec.Hears(hz) || rec.HearsOther(tones...) {
				t.Errorf("channel %d of the recording: got %v, want %v alone", side, rec, tones)
			}
		}
	}
	for _, q := range card.Sound { // of each leg: the carrier's, and the pages'
		if q.Codec != "PCMU" || q.Heard.Packets == 0 || q.Heard.MOS < 4 || q.Heard.Jitter > 100*time.Millisecond {
			t.Errorf("how %s %s sounded: got %+v", q.Party, q.Agent, q)
		}
		if q.Agent == routing.AgentID(first.id) && (q.RoundTrip <= 0 || q.RoundTrip > time.Second || q.Told.Packets == 0 || q.Told.MOS < 4) {
			t.Errorf("what %s's page says of it: got %+v", q.Agent, q)
		}
	}
	for _, text := range []string{"there and back", "From there", "To there", "MOS 4"} {
		first.sees(text)
	}
	first.comes("the sound plays", `(async () => { const a = document.querySelector('audio'); await a.play(); a.playbackRate = 2; return a.duration > 1; })()`)
	first.press("Switch to active")
	first.sees("Available")
	first.clean("browser-card")

	if n := evaluate[int](first.helpDesk, `fetch('/v1/calls/`+string(card.ID)+`/recordings/`+last.ID+`', { method: 'DELETE' }).then(r => r.status)`); n != 403 {
		t.Errorf("deletion by an agent: got %d, want 403", n)
	}
	root := s.open(b, "root")
	root.do(chromedp.Navigate("http://" + s.http + "/#/calls/" + string(card.ID)))
	for range card.Recordings {
		root.press("More about this recording")
		root.press("Delete recording and transcript")
		root.sees("deleted for good") // asked once
		root.clean("delete-asked")
		before := evaluate[int](root, `[...document.querySelectorAll('p')].filter(p => p.innerText.startsWith('The recording was deleted')).length`)
		root.press("Delete")
		root.comes("the card says who and when", fmt.Sprintf(`[...document.querySelectorAll('p')].filter(p => /The recording was deleted on .*\d.* by root/.test(p.innerText)).length === %d`, before+1))
	}
	first.sees("The recording was deleted on") // without a reload
	for _, r := range card.Recordings {
		if _, err := os.Stat(r.Path); !os.IsNotExist(err) {
			t.Errorf("the sound: got %v, want it gone", err)
		}
	}
	s.quietPages(ann.helpDesk, bob.helpDesk, root)
	s.flawless()
	s.kill()
	deleted := 0
	for _, f := range s.facts() {
		if f.Kind == call.FactRecordingDeleted && f.Call == card.ID && f.Reason == "by root" {
			deleted++
		}
	}
	if deleted != len(card.Recordings) {
		t.Errorf("audit lines: got %d, want %d", deleted, len(card.Recordings))
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
