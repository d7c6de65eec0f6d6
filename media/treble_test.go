package media

import (
	"math/rand/v2"
	"testing"
	"time"

	"trunkline/internal/tone"
)

// Both bands together are the voice, to the sample, whatever the packets' lengths.
func TestTwoBandsAreTheVoice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	said := make([]int16, 16000)
	for i := range said {
		said[i] = int16(rng.IntN(20001) - 10000)
	}
	var down halver
	var up doubler
	var over overtone
	var room bandRoom
	var got []int16
	for at := 0; at < len(said); {
		n := min([]int{320, 20, 960, 160}[rng.IntN(4)], len(said)-at)
		wide := said[at : at+n]
		narrow, high, both := make([]int16, n/2), make([]int16, n), make([]int16, n)
		down.halve(narrow, wide, &room)
		over.split(high, wide, narrow, &room)
		up.double(both, narrow, &room)
		for i := range both {
			got = append(got, both[i]+high[i])
		}
		at += n
	}
	for i, v := range got {
		want := int16(0)
		if i >= overtoneLate {
			want = said[i-overtoneLate]
		}
		if v != want {
			t.Fatalf("sample %d: got %d, want %d, %d samples late", i, v, want, overtoneLate)
		}
	}
}

// A voice that a playout gives back in two bands is the voice, to the sample, when
// nothing is missing.
func TestPlayoutKeepsBothBandsTogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, ptime := range []int{80, 160, 480} {
		o := newPlayout(Config{JitterMax: 200 * ms})
		o.treble = &treble{}
		var down halver
		var up doubler
		var over overtone
		var room bandRoom
		var said, got []int16
		for i := range 8000 / ptime {
			wide, narrow, high := make([]int16, 2*ptime), make([]int16, ptime), make([]int16, 2*ptime)
			for k := range wide {
				wide[k] = int16(rng.IntN(10001) - 5000)
			}
			said = append(said, wide...)
			down.halve(narrow, wide, &room)
			over.split(high, wide, narrow, &room)
			now := int64(time.Second) + int64(i*ptime)*perSampleN
			for at := int64(8000 + len(got)/2); (at+160)*perSampleN <= now; at += 160 {
				var sum [160]int32
				var more [320]int32
				o.add(sum[:], at)
				o.addHigh(more[:], at)
				var pcm [160]int16
				for k, v := range sum {
					pcm[k] = int16(v)
				}
				both := make([]int16, 320)
				up.double(both, pcm[:], &room)
				for k, v := range more {
					got = append(got, both[k]+int16(v))
				}
			}
			o.write(&packet{seq: uint16(i), ts: uint32(i * ptime), came: now, steady: true}, narrow, high, now)
		}
		late := 2*(firstDelay+plcOverlap) + overtoneLate
		if len(got) < late+8000 {
			t.Fatalf("got %d samples, want a second's", len(got))
		}
		for k := range 8000 { // half a second: then the delay shrinks
			if got[late+k] != said[k] {
				t.Fatalf("packets of %d: sample %d: got %d, want %d", ptime, k, got[late+k], said[k])
			}
		}
	}
}

// Who hears in wideband hears what is said in wideband, of three as of two; for
// others it does not fold into the speech band.
func TestThreeSeatsHearEachOtherInWideband(t *testing.T) {
	wide := []float64{440, 950, 2000, 5000, 6000}
	for _, c := range []struct {
		name  string
		codec [3]Codec
		ptime [3]time.Duration
	}{
		{"all three", [3]Codec{G722, G722, G722}, [3]time.Duration{20 * ms, 20 * ms, 20 * ms}},
		{"two of them", [3]Codec{G722, G722, PCMU}, [3]time.Duration{20 * ms, 10 * ms, 20 * ms}},
		{"two, apart", [3]Codec{PCMA, G722, G722}, [3]time.Duration{20 * ms, 30 * ms, 20 * ms}},
		{"one", [3]Codec{G722, PCMA, PCMU}, [3]time.Duration{20 * ms, 20 * ms, 20 * ms}},
	} {
		t.Run(c.name, func(t *testing.T) {
			widely(t, func(r *rig) {
				var seats [3]*phone
				says := [3]float64{5000, 6000, 950}
				for i := range seats {
					seats[i] = r.phone(c.codec[i], c.ptime[i])
					if says[i] > 4000 && c.codec[i] != G722 {
						says[i] = 440 // what it can say
					}
					seats[i].say(says[i])
				}
				r.bridge.Join(seats[0].s, seats[1].s, seats[2].s)
				for i, p := range seats {
					var want []float64
					for k := range seats {
						if k != i && (p.codec == G722 || says[k] < 4000) {
							want = append(want, says[k])
						}
					}
					n := int(time.Second / p.ptime)
					got := p.next(n)[n/2:]
					all := wide
					if p.codec != G722 {
						all = []float64{440, 950, 2000, 3000} // 5 and 6 kHz would fold to 3 and 2
					}
					p.hears(got, all, want...)
					if p.codec == G722 && says[(i+1)%3] > 4000 {
						if level := tone.Level(p.sound(got), WideRate, says[(i+1)%3]); level < -14 {
							r.Errorf("seat %d: got %v Hz at %.1f dBFS, want it as loud as it was said, at -12", i, says[(i+1)%3], level)
						}
					}
				}
			})
		})
	}
}

// It goes on through losses, reordering and a clock that runs fast, which change the
// delay within speech, and comes and goes with who is there.
func TestWidebandMixOutlivesLossAndMoves(t *testing.T) {
	widely(t, func(r *rig) {
		a, b, c := r.phone(G722, 20*ms), r.phone(G722, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s, c.s)
		talk := func(n int, lost func(int) bool) {
			for i := range n {
				if lost(i) {
					a.seq, a.ts = a.seq+1, a.ts+160
					a.saids += 320
				} else {
					a.speak(6000)
				}
				<-time.After(19800 * time.Microsecond) // its clock is fast by a hundredth
			}
		}
		high := func() float64 {
			from := len(b.heard())
			talk(60, func(i int) bool { return i%20 == 7 })
			return tone.Level(b.sound(b.heard()[from+10:]), WideRate, 6000)
		}
		if level := high(); level < -20 {
			r.Errorf("of three: got 6 kHz at %.1f dBFS through loss, want most of -12", level)
		}
		r.bridge.Part(c.s) // two again: relayed
		if level := high(); level < -20 {
			r.Errorf("of two: got 6 kHz at %.1f dBFS, want most of -12", level)
		}
		r.bridge.Join(c.s)
		if level := high(); level < -20 {
			r.Errorf("of three again: got 6 kHz at %.1f dBFS, want most of -12", level)
		}
	})
}

// What the lower band has is not in the upper one: where that is lost, nothing is
// heard twice or missing below.
func TestTheUpperBandHasNothingOfTheLower(t *testing.T) {
	for _, c := range []struct {
		hz, least, most float64 // dBFS in the upper band
	}{{300, -200, -55}, {1000, -200, -55}, {3000, -200, -55}, {5000, -13, -11}, {7000, -13, -11}} {
		said, narrow, high := make([]int16, 960), make([]int16, 480), make([]int16, 960)
		var down halver
		var over overtone
		var room bandRoom
		tone.Sine(said, WideRate, c.hz, -12, 0)
		down.halve(narrow, said, &room)
		over.split(high, said, narrow, &room)
		if got := tone.Level(high[100:], WideRate, c.hz); got < c.least || got > c.most {
			t.Errorf("%v Hz: got %.1f dBFS in the upper band, want between %v and %v", c.hz, got, c.least, c.most)
		}
	}
}
