package tone

import (
	"math"
	"testing"
)

func TestLevelOfASine(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		pcm := make([]int16, rate/5)
		for _, level := range []float64{-0.1, -10, -40} {
			Sine(pcm, rate, 1004, level, 0)
			if got := Level(pcm, rate, 1004); math.Abs(got-level) > 0.1 {
				t.Errorf("%d Hz: got %.2f dBFS, want %v", rate, got, level)
			}
			if got := RMS(pcm); math.Abs(got-level) > 0.1 {
				t.Errorf("%d Hz: got RMS %.2f dBFS, want %v", rate, got, level)
			}
			if got := Level(pcm, rate, 1200); got > level-40 {
				t.Errorf("%d Hz: got %.2f dBFS of a tone that is not there", rate, got)
			}
		}
	}
}

func TestOneOfTwoTonesIsMeasuredAlone(t *testing.T) {
	a, b := make([]int16, 1600), make([]int16, 1600)
	Sine(a, 8000, 440, -10, 0)
	Sine(b, 8000, 480, -30, 0)
	for i := range a {
		a[i] += b[i]
	}
	if got := Level(a, 8000, 480); math.Abs(got+30) > 0.5 {
		t.Errorf("got %.2f dBFS, want -30 beside a louder neighbour", got)
	}
	if hz, level := Dominant(a, 8000); hz != 440 || math.Abs(level+10) > 0.2 {
		t.Errorf("got %v Hz at %.2f dBFS, want 440 at -10", hz, level)
	}
	if hz, _ := Dominant(a, 8000, 480, 1000); hz != 480 {
		t.Errorf("got %v Hz, want 480 of the candidates", hz)
	}
}

func TestSilence(t *testing.T) {
	for _, pcm := range [][]int16{nil, make([]int16, 160)} {
		if Level(pcm, 8000, 440) != Silence || RMS(pcm) != Silence {
			t.Errorf("got %v and %v dBFS of nothing, want %v", Level(pcm, 8000, 440), RMS(pcm), Silence)
		}
	}
	if _, level := Dominant(make([]int16, 160), 8000); level != Silence {
		t.Errorf("got %v dBFS, want %v", level, Silence)
	}
}

func TestSineGoesOnWithoutAClick(t *testing.T) {
	whole, parts := make([]int16, 1600), make([]int16, 1600)
	Sine(whole, 8000, 437, -10, 0)
	for i := 0; i < 1600; i += 160 {
		Sine(parts[i:i+160], 8000, 437, -10, i)
	}
	for i := range whole {
		if whole[i] != parts[i] {
			t.Fatalf("sample %d: got %d, want %d", i, parts[i], whole[i])
		}
	}
}

// The corners of ITU-T G.711's tables 1a to 2b.
func TestG711Corners(t *testing.T) {
	for b, want := range map[byte]int16{0x00: -32124, 0x80: 32124, 0x7F: 0, 0xFF: 0, 0xFE: 8, 0x7E: -8, 0xEF: 132, 0x8F: 16764, 0x9F: 8316} {
		if got := DecodeMulaw(b); got != want {
			t.Errorf("µ-law %#x: got %d, want %d", b, got, want)
		}
	}
	for b, want := range map[byte]int16{0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xC5: 264, 0x80: 5504} {
		if got := DecodeAlaw(b); got != want {
			t.Errorf("A-law %#x: got %d, want %d", b, got, want)
		}
	}
	for s := -32768; s <= 32767; s++ {
		for name, got := range map[string]int16{"µ-law": DecodeMulaw(EncodeMulaw(int16(s))), "A-law": DecodeAlaw(EncodeAlaw(int16(s)))} {
			if d := math.Abs(float64(int(got) - s)); d > math.Abs(float64(s))/32+20 && s > -32000 && s < 32000 || d > 700 {
				t.Fatalf("%s: %d came back as %d", name, s, got)
			}
		}
	}
}
