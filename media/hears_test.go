package media

import (
	"testing"
	"time"
)

const ms = time.Millisecond

var tones = []float64{440, 620, 950, 1300}

func TestTwoSeatsHearEachOther(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.hears(a.next(24)[10:], tones, 620)
		b.hears(b.next(24)[10:], tones, 440)
		if got := a.s.Stats(); got.Received == 0 || got.Lost+got.Late+got.Duplicate+got.Garbage != 0 {
			t.Errorf("got stats %+v, want packets and nothing amiss", got)
		}
	})
}

func TestTwoCodecsHearEachOther(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMA, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.hears(a.next(30)[15:], tones, 620)
		b.hears(b.next(30)[15:], tones, 440)
	})
}

func TestPtimesFrom10To60HearEachOther(t *testing.T) {
	for _, ptime := range []time.Duration{10 * ms, 30 * ms, 40 * ms, 60 * ms} {
		t.Run(ptime.String(), func(t *testing.T) {
			onBothSeams(t, func(r *rig) {
				a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, ptime)
				a.say(440)
				b.say(620)
				r.bridge.Join(a.s, b.s)
				n := int(720 * ms / ptime)
				got := b.next(n)
				for _, p := range got[1:] {
					if n := len(p.payload()); time.Duration(n)*perSample != ptime {
						t.Fatalf("got a packet of %d bytes, want %v", n, ptime)
					}
				}
				b.hears(got[n/2:], tones, 440)
				heard := a.heard()
				a.hears(heard[len(heard)-15:], tones, 620)
			})
		})
	}
}

func TestThreeSeatsHearTheOthersButNotThemselves(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMA, 20*ms)
		a.say(440)
		b.say(620)
		c.say(950)
		r.bridge.Join(a.s, b.s, c.s)
		a.hears(a.next(30)[15:], tones, 620, 950)
		b.hears(b.next(20), tones, 440, 950)
		c.hears(c.next(20), tones, 440, 620)
	})
}

func TestMutedSeatIsHeardByNobody(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		b.next(10)
		a.s.Mute(true)
		b.hears(b.next(24)[10:], tones)
		a.hears(a.next(20), tones, 620)
		a.s.Mute(false)
		b.hears(b.next(24)[10:], tones, 440)
	})
}

func TestPartedSeatHearsItsBackground(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.s.Background(Tone(1300, time.Second))
		a.hears(a.next(24)[10:], tones, 620)
		r.bridge.Part(b.s)
		a.hears(a.next(24)[10:], tones, 1300)
		b.hears(b.next(20), tones)
		r.bridge.Join(b.s)
		a.hears(a.next(24)[10:], tones, 620)
		b.hears(b.next(24)[10:], tones, 440)
	})
}

func TestPlayGoesBeforeTheSeatAndTheOtherStillHears(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.next(5)
		a.s.Play(Tone(1300, 5*time.Second), 7)
		a.hears(a.next(24)[10:], tones, 1300)
		b.hears(b.next(20), tones, 440)
		a.s.StopPlay()
		a.hears(a.next(24)[10:], tones, 620)
		got := r.await("Played", func(e Event) bool { _, ok := e.(Played); return ok })
		if want := (Played{Session: a.s.ID(), Play: 7, Cut: true}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestHeldPeerIsSentNothingAndComesBackWithoutAHole(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.next(10)
		a.offer("sendonly") // a holds us
		if !a.s.Held() {
			t.Errorf("got Held false after sendonly, want true")
		}
		b.next(5) // what was under way has arrived
		first := len(a.heard())
		b.hears(b.next(20), tones, 440) // its hold music
		if got := len(a.heard()) - first; got > 1 {
			t.Errorf("got %d packets at the peer that holds us, want none", got)
		}
		a.offer("sendrecv")
		a.next(10)
		a.hears(a.next(20), tones, 620)
		a.oneStream(a.heard(), r.slack())
	})
}
