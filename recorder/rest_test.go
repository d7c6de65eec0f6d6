package recorder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// murmur is noise at a level.
func murmur(n int, rms float64, seed uint64) []int16 {
	rng := rand.New(rand.NewPCG(seed, 0))
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(rms * rng.NormFloat64())
	}
	return pcm
}

func rms(pcm []int16) float64 { return math.Sqrt(loudOf(pcm)) }

func TestNoiseGoesOnWithoutASeam(t *testing.T) {
	var one background
	one.learn(murmur(8000, 50, 1), 8000)
	two := one
	whole, parts := make([]int16, 3200), make([]int16, 3200)
	if !one.begin(100, 3300) || !two.begin(100, 777) {
		t.Fatal("got no noise to make, want some of what was heard")
	}
	one.fill(whole)
	two.fill(parts[:677])
	two.begin(777, 3300)
	two.fill(parts[677:])
	if !slices.Equal(whole, parts) {
		t.Error("got other noise in two parts than in one, want the same")
	}
	for at := 80; at < len(whole); at += 80 {
		if got := rms(whole[at : at+80]); got < 20 || got > 100 {
			t.Errorf("samples %d to %d: got a level of %.0f, want about 50", at, at+80, got)
		}
	}
}

func TestABackgroundIsWhatIsQuietest(t *testing.T) {
	for _, c := range []struct {
		name string
		told func(g *background)
		want float64 // 0: no noise is made
	}{
		{"nothing was heard", func(*background) {}, 0},
		{"a room", func(g *background) { g.learn(murmur(8000, 80, 1), 8000) }, 80},
		{"a voice, then its room", func(g *background) {
			g.learn(murmur(16000, 4000, 1), 8000)
			g.learn(murmur(1600, 80, 2), 8000)
		}, 80},
		{"a louder room", func(g *background) {
			g.learn(murmur(8000, 40, 1), 8000)
			g.learn(murmur(16000, 160, 2), 8000)
		}, 160},
		{"digital silence, then a room", func(g *background) {
			g.learn(make([]int16, 8000), 8000)
			g.learn(murmur(16000, 60, 2), 8000)
		}, 60},
		{"a room that is silent", func(g *background) {
			g.learn(murmur(8000, 4000, 1), 8000)
			g.learn(make([]int16, 1600), 8000)
		}, 0},
		{"a voice without a pause", func(g *background) { g.learn(murmur(16000, 4000, 1), 8000) }, 0},
		{"noise that was described", func(g *background) {
			g.learn(murmur(16000, 60, 1), 8000)
			g.describe(murmur(640, 200, 2), 8000)
			g.learn(murmur(16000, 60, 3), 8000)
		}, 200},
		{"silence that was described", func(g *background) {
			g.learn(murmur(16000, 60, 1), 8000)
			g.describe(make([]int16, 640), 8000)
		}, 0},
	} {
		var g background
		c.told(&g)
		pcm := make([]int16, 8000)
		if g.begin(0, 8000) {
			g.fill(pcm)
		}
		if got := rms(pcm); got < c.want*.75 || got > c.want*1.25 {
			t.Errorf("%s: got noise at a level of %.1f, want %.0f, a quarter more or less", c.name, got, c.want)
		}
	}
}

// The pauses of a voice of 8 kHz sound alike in a file of 16 kHz; keys that are
// pressed meanwhile end none.
func TestPausesAreFilledAtBothRates(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		inBubble(t, nil, func(t *testing.T, h *house) {
			now := time.Now()
			rec := h.Start(StartConfig{ID: NewID(now), At: now, Rate: rate})
			room, seq, ts := murmur(8000*12, 60, 1), uint16(0), uint32(0)
			talk := func(n int) {
				for range n {
					rec.Sound(0, 9, ts, seq, false, time.Now().UnixNano(), 8000, room[ts:ts+160])
					time.Sleep(20 * ms)
					seq, ts = seq+1, ts+160
				}
			}
			talk(100)
			time.Sleep(time.Second)
			ts += 8000
			talk(50)
			for range 5 { // a key, within a pause that lasts
				time.Sleep(200 * ms)
				rec.Sound(0, 9, ts+1600, seq, true, time.Now().UnixNano(), 8000, nil)
				seq, ts = seq+1, ts+1600
			}
			time.Sleep(4 * time.Second)
			rec.Close(time.Now())
			s := h.waitSealed(rec.ID())
			left, _ := readWAVAt(t, s.Path, rate)
			for at := 0; at+rate/10 <= 9*rate-rate/50; at += rate / 10 {
				if got := rms(left[at : at+rate/10]); got < 35 || got > 95 {
					t.Errorf("%d Hz, %v: got a level of %.0f, want about 60", rate, time.Duration(at)*time.Second/time.Duration(rate), got)
				}
			}
		})
	}
}

// Late packets of the talk before a stream is not to be heard any more are kept.
func TestATailUnderWayIsNotOverlaidByNoise(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(50)
		time.Sleep(time.Second)
		v.ts += 8000 // it is known to send nothing in its pauses
		v.speak(49)
		ts, pcm := v.packet()
		rec.Still(0, 1, time.Now().Add(20*ms).UnixNano(), true)
		time.Sleep(60 * ms)
		rec.Sound(0, 1, ts, v.seq, false, time.Now().UnixNano(), 8000, pcm)
		_, left, _ := h.end(rec)
		wantRun(t, left, 16000, 8000, 8000)
		wantSilence(t, left, 24000, len(left))
	})
}
