package media

import (
	"fmt"
	"testing"
	"time"
)

// widely is an engine that does all codecs.
func widely(t *testing.T, test func(*rig)) {
	t.Parallel()
	all := Config{Codecs: []Codec{G722, PCMU, PCMA}}
	t.Run("bubble", func(t *testing.T) { inBubbleWith(t, all, test) })
	t.Run("kernel", func(t *testing.T) {
		t.Parallel()
		onKernel(t, all, test)
	})
}

func TestEveryCodecHearsEveryOtherAtEveryPtime(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]Codec{{PCMU, PCMA}, {G722, PCMU}, {G722, PCMA}, {G722, G722}} {
		for _, ptimes := range [][2]time.Duration{{20 * ms, 20 * ms}, {20 * ms, 30 * ms}, {10 * ms, 60 * ms}, {40 * ms, 30 * ms}} {
			t.Run(fmt.Sprint(pair, ptimes), func(t *testing.T) {
				widely(t, func(r *rig) {
					a, b := r.phone(pair[0], ptimes[0]), r.phone(pair[1], ptimes[1])
					a.say(440)
					b.say(620)
					r.bridge.Join(a.s, b.s)
					for _, p := range []*phone{a, b} {
						want := map[*phone]float64{a: 620, b: 440}[p]
						n := int(900 * ms / p.ptime)
						got := p.next(n)
						p.hears(got[n/2:], tones, want)
						for _, one := range got[n/2:] {
							if d := time.Duration(len(one.payload())) * perSample; d != p.ptime && !r.ours.IsLoopback() { // on a busy machine the end of a packet may be given up
								r.Fatalf("got a packet of %v, want %v", d, p.ptime)
							}
						}
						p.oneStream(got[n/2:], r.slack())
					}
					for _, p := range []*phone{a, b} {
						if got := p.s.Stats(); got.Garbage+got.Lost+got.Late > 0 {
							r.Errorf("got %+v, want nothing amiss", got)
						}
					}
				})
			})
		}
	}
}

func TestWidebandIsWideFromEndToEnd(t *testing.T) {
	widely(t, func(r *rig) {
		a, b, c := r.phone(G722, 20*ms), r.phone(G722, 20*ms), r.phone(PCMU, 20*ms)
		a.say(6000)
		r.bridge.Join(a.s, b.s)
		b.hears(b.next(40)[20:], []float64{440, 2000, 6000}, 6000)
		r.bridge.Part(b.s)
		r.bridge.Join(c.s)
		c.hears(c.next(40)[20:], []float64{440, 2000}) // 6 kHz does not fold into the speech band
	})
}

func TestThreeSeatsOfThreeCodecsHearEachOther(t *testing.T) {
	widely(t, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(G722, 20*ms), r.phone(PCMA, 30*ms)
		a.say(440)
		b.say(620)
		c.say(950)
		r.bridge.Join(a.s, b.s, c.s)
		a.hears(a.next(40)[20:], tones, 620, 950)
		b.hears(b.next(40)[20:], tones, 440, 950)
		c.hears(c.next(30)[10:], tones, 440, 620)
	})
}

func TestPromptsAndMusicSoundInG722(t *testing.T) {
	widely(t, func(r *rig) {
		a := r.phone(G722, 20*ms)
		a.s.Background(Tone(1300, time.Second))
		a.hears(a.next(40)[15:], tones, 1300)
		a.s.Play(Tone(950, time.Second), 1)
		a.hears(a.next(40)[15:], tones, 950)
		r.await("Played", func(e Event) bool { _, ok := e.(Played); return ok })
		a.s.Background(nil)
		a.next(5)
		a.hears(a.next(20), tones)
	})
}

func TestTapOfG722HasItsRate(t *testing.T) {
	e, sh, _ := stillEngine(t)
	f := seatWide(e, sh, G722, PCMU)
	kept := &notes{}
	f.s.tap = kept
	f.packet(160)
	if want := "9/0 ts 0 marker false 320 at 16000"; len(*kept) != 1 || (*kept)[0] != want {
		t.Errorf("got %q, want %q", *kept, want)
	}
}

// seatWide makes a table of two of these codecs, the first fed.
func seatWide(e *Engine, sh *shard, from, to Codec) *feeder {
	tab := &table{}
	var both [2]*Session
	for i, c := range []Codec{from, to} {
		both[i] = loneSession(e, sh, func(p *Params) { p.Codec, p.SendPT, p.RecvPT = c, c.PayloadType(), c.PayloadType() })
		both[i].sit(tab, 0)
	}
	return &feeder{s: both[0], sh: sh}
}
