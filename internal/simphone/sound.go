package simphone

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"strings"

	"trunkline/internal/tone"
)

// Sound is a stretch of what was heard: 8 kHz samples on the RTP time line, with
// silence where packets are missing.
type Sound struct {
	Samples []int16
	Packets int
	Missing int // samples that were filled with silence
}

// maxHole is how far (in samples) timestamps may jump inside one Sound before the
// rest is put right behind instead.
const maxHole = 10 * 8000

// assemble lays packets on a time line, one SSRC after the other.
func assemble(in []packet) Sound {
	out := Sound{Packets: len(in)}
	var ssrcs []uint32
	for _, p := range in {
		ssrcs = once(ssrcs, p.ssrc)
	}
	for _, ssrc := range ssrcs {
		run := slices.DeleteFunc(slices.Clone(in), func(p packet) bool { return p.ssrc != ssrc })
		slices.SortStableFunc(run, func(a, b packet) int { return int(int64(a.seq) - int64(b.seq)) })
		base, ts0 := len(out.Samples), run[0].ts
		for _, p := range run {
			at := base + int(int32(p.ts-ts0))
			if at < len(out.Samples)-frameSamples || at > len(out.Samples)+maxHole {
				base, ts0 = len(out.Samples), p.ts // a new time line
				at = base
			}
			for len(out.Samples) < at {
				out.Samples = append(out.Samples, 0)
				out.Missing++
			}
			out.Samples = out.Samples[:at]
			for _, b := range p.payload {
				out.Samples = append(out.Samples, p.codec.decode(b))
			}
		}
	}
	return out
}

// nothing is the level of digital silence.
const nothing = -200.0

// audible is the level from which a tone counts as heard: G.711's own noise under
// a tone at -13 dBFS stays below -48.
const audible = -36.0

// RMS is the level of everything in dBFS, where a sine of full scale has 0.
func (s Sound) RMS() float64 {
	sum := 0.0
	for _, v := range s.Samples {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return nothing
	}
	return 20 * math.Log10(math.Sqrt(2*sum/float64(len(s.Samples)))/32768)
}

// Silent reports whether nothing audible was heard: no packet, or silence.
func (s Sound) Silent() bool { return s.RMS() < audible }

// Level is the level of one frequency in dBFS, see tone.Level: over
// half a second, what is 10 Hz away no longer counts.
func (s Sound) Level(hz float64) float64 {
	if len(s.Samples) < frameSamples {
		return nothing
	}
	level := tone.Level(s.Samples, 8000, hz)
	if level <= tone.Silence {
		return nothing
	}
	return level
}

// Has reports whether a tone of that frequency is audible.
func (s Sound) Has(hz float64) bool { return s.Level(hz) > audible }

// Tone is a line of the spectrum.
type Tone struct {
	Hz   float64
	DBFS float64
}

func (t Tone) String() string { return fmt.Sprintf("%.0f Hz at %.0f dBFS", t.Hz, t.DBFS) }

// Tones are the audible tones, loudest first: peaks of the spectrum that are at
// most 20 dB below the loudest. Frequencies are good to 2 Hz from half a second up.
func (s Sound) Tones() []Tone {
	if len(s.Samples) < frameSamples {
		return nil
	}
	size := 1024
	for size < 2*len(s.Samples) && size < 1<<16 {
		size *= 2
	}
	x := make([]complex128, size)
	n := min(len(s.Samples), size/2)
	for i, v := range s.Samples[:n] {
		x[i] = complex(float64(v)*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(n))), 0)
	}
	fft(x)
	mag := make([]float64, size/2)
	for i := range mag {
		mag[i] = 20*math.Log10(4*cmplx.Abs(x[i])/float64(n)/32768+1e-12) + 0
	}
	var out []Tone
	for i := 1; i < len(mag)-1; i++ {
		if mag[i] <= audible || mag[i] < mag[i-1] || mag[i] <= mag[i+1] {
			continue
		}
		a, b, c := mag[i-1], mag[i], mag[i+1] // parabola through the peak
		shift := 0.0
		if d := a - 2*b + c; d != 0 {
			shift = 0.5 * (a - c) / d
		}
		out = append(out, Tone{(float64(i) + shift) * 8000 / float64(size), b - 0.25*(a-c)*shift})
	}
	slices.SortFunc(out, func(a, b Tone) int { return int(math.Copysign(1, b.DBFS-a.DBFS)) })
	for i, t := range out {
		if t.DBFS < out[0].DBFS-20 {
			return out[:i]
		}
	}
	return out
}

// fft is in place; len(x) is a power of two.
func fft(x []complex128) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		if j ^= bit; i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		step := cmplx.Rect(1, -2*math.Pi/float64(size))
		for start := 0; start < n; start += size {
			w := complex(1, 0)
			for k := start; k < start+size/2; k++ {
				a, b := x[k], w*x[k+size/2]
				x[k], x[k+size/2] = a+b, a-b
				w *= step
			}
		}
	}
}

// LongestSilence is the longest run of silent 20 ms frames, in samples / 8000 s.
func (s Sound) LongestSilence() (seconds float64) {
	run, best := 0, 0
	for i := 0; i+frameSamples <= len(s.Samples); i += frameSamples {
		if (Sound{Samples: s.Samples[i : i+frameSamples]}).Silent() {
			run += frameSamples
			best = max(best, run)
		} else {
			run = 0
		}
	}
	return float64(best) / 8000
}

// String says what is heard: "440 Hz at -13 dBFS", "silence", "nothing (no packets)".
func (s Sound) String() string {
	switch {
	case s.Packets == 0 && len(s.Samples) == 0:
		return "nothing (no packets)"
	case s.Silent():
		return "silence"
	}
	var parts []string
	for _, t := range s.Tones() {
		parts = append(parts, t.String())
	}
	if parts == nil {
		return fmt.Sprintf("noise at %.0f dBFS", s.RMS())
	}
	return strings.Join(parts, ", ")
}
