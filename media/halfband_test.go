package media

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trunkline/internal/tone"
)

func TestHalfBandFilterSample(t *testing.T) {
	if want := [bandTaps]int32{10391, -3342, 1865, -1194, 799, -539, 358, -230, 140, -80, 40, -16}; bandFilter != want {
		t.Errorf("got taps %v, want %v", bandFilter, want)
	}
	var room bandRoom
	one := make([]int16, 64)
	one[20] = 10000
	var down halver
	got := make([]int16, 32)
	down.halve(got, one, &room)
	// An impulse at an even place meets the taps at odd distances.
	if want := impulse(10000, 20, 32); !slices.Equal(got, want) {
		t.Errorf("halved impulse: got %v, want %v", got, want)
	}
	var up doubler
	wide := make([]int16, 128)
	clear(one)
	one[20] = 10000
	up.double(wide, one, &room)
	for i, v := range wide {
		var want int16
		d := i - 2*(20+bandTaps) // the impulse is 12 samples late
		switch {
		case d == 0:
			want = 10000
		case d%2 != 0 && abs(d) <= bandReach:
			want = rounded(2 * 10000 * bandFilter[(abs(d)-1)/2])
		}
		if v != want {
			t.Errorf("doubled impulse at %+d: got %d, want %d", d, v, want)
		}
	}
}

// impulse is what halving makes of an impulse at an even place.
func impulse(v int32, at, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		if d := abs(at + bandReach - 2*i); d <= bandReach && d%2 == 1 {
			out[i] = rounded(v * bandFilter[(d-1)/2])
		}
	}
	return out
}

func TestConstantAndFullScaleComeThroughTheHalfBandFilter(t *testing.T) {
	var room bandRoom
	for _, v := range []int16{1, -1, 1000, 32767, -32768} {
		var down halver
		var up doubler
		in, out, wide := make([]int16, 320), make([]int16, 160), make([]int16, 320)
		for i := range in {
			in[i] = v
		}
		down.halve(out, in, &room)
		up.double(wide, in[:160], &room)
		if out[159] != v || wide[318] != v || wide[319] != v {
			t.Errorf("%d: got %d halved, %d and %d doubled, want it as it was", v, out[159], wide[318], wide[319])
		}
	}
	// The worst that a filter can meet: full scale with the signs of its taps. No sum may wrap.
	in := make([]int16, 2*bandReach+2)
	for i := range in {
		in[i] = 32767
		if d := abs(i - bandReach); d%2 == 1 && bandFilter[(d-1)/2] < 0 {
			in[i] = -32768
		}
	}
	var down halver
	out := make([]int16, len(in)/2)
	down.halve(out, in, &room)
	down.halve(out, make([]int16, 46), &room)
	if slices.Max(out) != 32767 {
		t.Errorf("got %v, want it clipped at full scale", out)
	}
}

func TestHalfBandFilterPassesSpeechAndStopsTheRest(t *testing.T) {
	var room bandRoom
	for hz, want := range map[float64]float64{300: -12, 1000: -12, 3300: -12, 4700: -70, 6000: -70, 7500: -70} {
		in, out := make([]int16, 1600), make([]int16, 800)
		tone.Sine(in, WideRate, hz, -12, 0)
		var down halver
		down.halve(out, in, &room)
		heard := hz
		if hz > SampleRate/2 {
			heard = WideRate/2 - hz // where it would fold to
		}
		got := tone.Level(out[100:], SampleRate, heard)
		if want == -12 && math.Abs(got-want) > 0.2 || want != -12 && got > want {
			t.Errorf("%v Hz halved: got %.1f dBFS, want %v", hz, got, want)
		}
	}
	for _, hz := range []float64{300, 1000, 3300} {
		in, out := make([]int16, 800), make([]int16, 1600)
		tone.Sine(in, SampleRate, hz, -12, 0)
		var up doubler
		up.double(out, in, &room)
		if got := tone.Level(out[100:], WideRate, hz); math.Abs(got+12) > 0.2 {
			t.Errorf("%v Hz doubled: got %.1f dBFS, want -12", hz, got)
		}
		if got := tone.Level(out[100:], WideRate, SampleRate-hz); got > -65 {
			t.Errorf("%v Hz doubled: got its mirror at %.1f dBFS, want it gone", hz, got)
		}
	}
}

// Whatever the packets' lengths, a stream is converted to the same samples.
func TestHalfBandFilterDoesNotSeePackets(t *testing.T) {
	var room bandRoom
	in := make([]int16, 4800)
	for i := range in {
		in[i] = int16(rand.Uint32())
	}
	var whole, cut halver
	var wholeUp, cutUp doubler
	want, got := []int16{}, []int16{}
	wantUp, gotUp := []int16{}, []int16{}
	b := make([]int16, 4800)
	for at := 0; at < len(in); at += 960 {
		want = append(want, b[:whole.halve(b, in[at:at+960], &room)]...)
		wantUp = append(wantUp, b[:wholeUp.double(b, in[at:at+960], &room)]...)
	}
	for at := 0; at < len(in); {
		n := min(2*(1+rand.IntN(400)), len(in)-at)
		got = append(got, b[:cut.halve(b, in[at:at+n], &room)]...)
		gotUp = append(gotUp, b[:cutUp.double(b, in[at:at+n], &room)]...)
		at += n
	}
	if !slices.Equal(got, want) || !slices.Equal(gotUp, wantUp) {
		t.Error("got other samples of other packets, want the same")
	}
}
