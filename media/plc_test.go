package media

import (
	"math"
	"slices"
	"testing"

	"trunkline/internal/tone"
)

// periodic is a sound of a period of so many samples, from sample at on.
func periodic(n, period, at int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		x := 2 * math.Pi * float64((at+i)%period) / float64(period)
		pcm[i] = int16(math.Round(6000*math.Sin(x) + 3000*math.Sin(2*x+1)))
	}
	return pcm
}

func TestConcealerIsAPureDelayWhenNothingIsLost(t *testing.T) {
	c := &concealer{}
	var in, out []int16
	for i := range 20 {
		pcm := periodic(80, 57, 80*i)
		in = append(in, pcm...)
		c.good(pcm)
		out = append(out, pcm...)
	}
	if !slices.Equal(out[plcOverlap:], in[:len(in)-plcOverlap]) || !slices.Equal(out[:plcOverlap], make([]int16, plcOverlap)) {
		t.Error("got other samples out than in, want the same 30 later")
	}
}

func TestPitchIsFoundFrom5To15Milliseconds(t *testing.T) {
	for period := plcPitchMin; period <= plcPitchMax; period++ {
		var said [plcHistory]float32
		for i, v := range periodic(plcHistory, period, 0) {
			said[i] = float32(v)
		}
		got := pitchOf(&said)
		if got != period && got != 2*period && got != 3*period {
			t.Errorf("period %d: got %d, want it or a multiple", period, got)
		}
	}
}

// The table of a loss: what is heard of a sound of 10 ms periods, that goes on
// exactly as it was, times the gain that each frame of the loss has.
func TestPeriodicSoundGoesOnExactlyAndFades(t *testing.T) {
	gain := func(frame, i int) float64 {
		if frame == 0 {
			return 1
		}
		if frame >= plcFrames {
			return 0
		}
		return max(1-.2*(float64(frame-1)+float64(i)/80), 0)
	}
	for lost := 1; lost <= 8; lost++ {
		c := &concealer{}
		var out []int16
		for i := range 10 {
			pcm := periodic(80, 80, 80*i)
			c.good(pcm)
			out = append(out, pcm...)
		}
		for range lost {
			var pcm [80]int16
			c.conceal(pcm[:])
			out = append(out, pcm[:]...)
		}
		for i := range 3 {
			pcm := periodic(80, 80, 80*(10+lost+i))
			c.good(pcm)
			out = append(out, pcm...)
		}
		want := periodic(len(out), 80, 0)
		for f := range lost {
			for i := range 80 {
				at := 800 + 80*f + i
				want[at] = int16(float64(want[at]) * gain(f, i))
			}
		}
		overlap := min(20+(lost-1)*32, 80) // a quarter of the period, and 4 ms a frame
		back := max(1-.2*float64(lost-1), 0)
		for i := range overlap {
			at := 800 + 80*lost + i
			w := float64(i+1) / float64(overlap)
			want[at] = int16(float64(want[at]) * (back*(1-w) + w))
		}
		for i := range len(out) - plcOverlap {
			if d := int(out[i+plcOverlap]) - int(want[i]); d < -2 || d > 2 {
				t.Fatalf("%d frames lost: sample %d: got %d, want %d", lost, i-800, out[i+plcOverlap], want[i])
			}
		}
	}
}

// A constant, by hand: its "pitch" is the longest there is, so the overlaps are
// 30 samples; the exact samples of a loss of seven frames.
func TestLossOfAConstantBySamples(t *testing.T) {
	c := &concealer{}
	var out []int16
	for range 6 {
		pcm := slices.Repeat([]int16{1000}, 80)
		c.good(pcm)
		out = append(out, pcm...)
	}
	out = out[:0]
	for range 7 {
		var pcm [80]int16
		c.conceal(pcm[:])
		out = append(out, pcm[:]...)
	}
	for _, want := range []struct{ at, v int }{
		{0, 1000}, {109, 1000}, // the delay and the first frame: as it was
		{110, 1000}, {110 + 40, 900}, {110 + 79, 802}, // the second fades by a fifth
		{190, 800}, {190 + 40, 700}, {270, 600}, {350, 400}, {430, 200}, {430 + 40, 100}, {430 + 79, 2},
		{510, 0}, {559, 0}, // 60 ms
	} {
		if got := int(out[want.at]); got < want.v-1 || got > want.v+1 {
			t.Errorf("sample %d: got %d, want %d", want.at, got, want.v)
		}
	}
}

func TestConcealedSpeechlikeSoundHasNoClick(t *testing.T) {
	c := &concealer{}
	var out []int16
	for i := range 40 {
		pcm := make([]int16, 80)
		tone.Sine(pcm, SampleRate, 217, -12, 80*i)
		if i%7 == 5 {
			c.conceal(pcm)
		} else {
			c.good(pcm)
		}
		out = append(out, pcm...)
	}
	most := 0
	for i := 800; i < len(out); i++ {
		d := int(out[i]) - int(out[i-1])
		most = max(most, d, -d)
	}
	// The steepest step of the sine itself is 2π·217/8000·amplitude.
	if limit := int(math.Ceil(1.3 * 2 * math.Pi * 217 / 8000 * 8231)); most > limit {
		t.Errorf("got a step of %d, want at most %d", most, limit)
	}
}

func TestConcealerDoesNotAllocate(t *testing.T) {
	c := &concealer{}
	pcm := make([]int16, 80)
	if n := testing.AllocsPerRun(100, func() { c.conceal(pcm); c.good(pcm) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestComfortNoiseHasItsLevelAndItsColour(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload []byte
		db      float64
	}{
		{"white", []byte{40}, -40},
		{"no payload is silence", nil, math.Inf(-1)},
		{"two poles", []byte{40, 30, 200}, -40},
		{"ten of them", []byte{60, 40, 180, 127, 140, 120, 127, 127, 130, 127, 127}, -60},
	} {
		c := &comfort{seed: 1}
		c.describe(test.payload)
		pcm := make([]int16, 80000)
		c.fill(pcm)
		sum, first := 0.0, 0.0
		for i, v := range pcm {
			sum += float64(v) * float64(v)
			if i > 0 {
				first += float64(v) * float64(pcm[i-1])
			}
		}
		if got := 10 * math.Log10(sum/80000/32767/32767); math.Abs(got-test.db) > 1 && got != test.db {
			t.Errorf("%s: got %.1f dBov, want %.1f", test.name, got, test.db)
		}
		if test.name == "two poles" { // k1 = -0.76: the first autocorrelation is -k1/(1+…)… positive, low-pass
			if r := first / sum; r < 0.3 {
				t.Errorf("got a first autocorrelation of %.2f, want low-pass noise", r)
			}
		}
	}
}
