package recorder

import (
	"math"
	"slices"
)

// Lost packets are concealed from both sides: what was said before the gap is
// continued by repeating its last pitch period (as ITU-T G.711 Appendix I does),
// what comes after it is continued backwards in the same way, and the one fades
// into the other. A recording has no deadline, so it can know both. Where the
// voice's pitch changes the repetition follows it, so that it arrives at the far
// side in step, and the last samples on both sides are bent towards their
// repetition, so that nothing clicks.

// measures are those of concealing, in samples at 8 kHz; at 16 kHz there are twice
// as many. They are those that P.862 liked best for recorded speech: for a packet
// that was lost alone the waveform must go on, for several the pitch must be right.
type measures struct {
	least, most int // of a pitch period
	compared    int // of sound, to find it
}

var (
	alone  = measures{30, 120, 32}
	inARow = measures{24, 160, 64}
)

const (
	fewSamples = 200 // more are more than one packet
	contextLen = 240 // samples of each side that are of use
	bent       = 30  // at most so many of them are changed
	keepWhole  = 160 // from a side it is as loud as it was for 20 ms
	fadeOver   = 320 // and fades within 40 ms more
	concealed  = keepWhole + fadeOver
	inStep     = 3.0 // what half a cycle off the expected phase costs, in parts of a perfect likeness
	phases     = 128 // of a cycle that are tried
)

// conceal fills a gap between what was said before it and after it; either may
// be short or empty, and is then no help. scale is 1 at 8 kHz, 2 at 16 kHz. A
// long gap is silent where both sides have faded. It returns how many samples
// before the gap and after it it has changed.
func conceal(before, gap, after []int16, scale int) (ends, begins int) {
	m := alone
	if len(gap) > fewSamples*scale {
		m = inARow
	}
	near, far := backwards(before), forwards(after)
	f, b := m.cycle(near, scale), m.cycle(far, scale)
	if f.wave != nil {
		ends = bend(near, len(f.wave), scale)
		for i := range ends {
			before[len(before)-1-i] = round(near[i])
		}
	}
	if b.wave != nil {
		begins = bend(far, len(b.wave), scale)
		for i := range begins {
			after[i] = round(far[i])
		}
	}
	slices.Reverse(f.wave) // it was found from the gap on
	f, b = alike(f, b)
	n := len(gap)
	way := between(f, b, n)
	for i := range gap {
		if near := min(i, n-1-i); near >= concealed*scale {
			gap[i] = 0
			continue
		}
		v, w := 0.0, float64(i+1)/float64(n+1)
		if left := loud(i, scale); f.wave != nil && left > 0 {
			if b.wave != nil {
				left *= 1 - w
			}
			v += f.at(way.phase(i)) * left
		}
		if right := loud(n-1-i, scale); b.wave != nil && right > 0 {
			if f.wave != nil {
				right *= w
			}
			v += b.at(way.phase(i)-way.cycles) * right
		}
		gap[i] = round(v)
	}
	return ends, begins
}

func backwards(pcm []int16) []float64 {
	out := make([]float64, len(pcm))
	for i, v := range pcm {
		out[len(pcm)-1-i] = float64(v)
	}
	return out
}

func forwards(pcm []int16) []float64 {
	out := make([]float64, len(pcm))
	for i, v := range pcm {
		out[i] = float64(v)
	}
	return out
}

func round(v float64) int16 { return int16(math.Round(min(max(v, -32768), 32767))) }

// loud is how loud a continuation still is so far from its side.
func loud(i, scale int) float64 {
	return min(max(1-float64(i/scale-keepWhole)/fadeOver, 0), 1)
}

// cycle is one period of a sound, which is repeated.
type cycle struct{ wave []float64 }

// cycle finds the period of what was said nearest to a gap: near begins at the gap
// and goes away from it. There is none where there is too little to go by.
func (m measures) cycle(near []float64, scale int) cycle {
	pitch := m.pitch(near, scale)
	if pitch == 0 {
		return cycle{}
	}
	wave := append([]float64(nil), near[:pitch]...)
	// The nearest quarter of the period runs into what lies beyond its other end.
	quarter := min(pitch/4, len(near)-pitch)
	for i := range quarter {
		w := float64(quarter-i) / float64(quarter+1)
		wave[i] = near[i]*(1-w) + near[pitch+i]*w
	}
	return cycle{wave}
}

// bend lets the samples nearest to a gap run into their repetition, and returns
// how many it has changed.
func bend(near []float64, pitch, scale int) int {
	n := max(min(pitch/4, bent*scale, len(near)-pitch), 0)
	for i := range n {
		w := float64(n-i) / float64(n+1)
		near[i] = near[i]*(1-w) + near[pitch+i]*w
	}
	return n
}

// pitch is the lag at which the sound nearest to a gap is most like what lies
// beyond; 0: there is too little.
func (m measures) pitch(near []float64, scale int) int {
	n := m.compared * scale
	most := min(m.most*scale, len(near)-n)
	best, pitch := math.Inf(-1), 0
	for lag := m.least * scale; lag <= most; lag++ {
		sum, energy := 0.0, 1.0
		for i, v := range near[lag : lag+n] {
			sum += v * near[i]
			energy += v * v
		}
		if r := sum / math.Sqrt(energy); r > best {
			best, pitch = r, lag
		}
	}
	return pitch
}

// alike makes the cycles of two sides about as long as each other: where one is
// found to be two or three of the other's, so many of that are one.
func alike(f, b cycle) (cycle, cycle) {
	n, m := len(f.wave), len(b.wave)
	switch {
	case n == 0 || m == 0:
	case 2*m > 3*n:
		f.wave = slices.Repeat(f.wave, (m+n/2)/n)
	case 2*n > 3*m:
		b.wave = slices.Repeat(b.wave, (n+m/2)/m)
	}
	return f, b
}

// at is the cycle's sound at a phase, in cycles, by cubic interpolation.
func (c cycle) at(phase float64) float64 {
	n := len(c.wave)
	t := (phase - math.Floor(phase)) * float64(n)
	k := int(t)
	w := t - float64(k)
	x, y, z, q := c.wave[(k+n-1)%n], c.wave[k%n], c.wave[(k+1)%n], c.wave[(k+2)%n]
	return y + w/2*(z-x+w*(2*x-5*y+4*z-q+w*(3*(y-z)+q-x)))
}

// way is how the phase goes on through a gap: from 0 to a number of cycles.
type way struct {
	n            float64 // samples
	from, to     float64 // cycles a sample at its ends
	cycles, bent float64 // in all, and those of them by which the pitches alone would be off
}

// phase is that at a sample.
func (w way) phase(i int) float64 {
	t := float64(i)
	u := t / w.n
	return w.from*t + (w.to-w.from)*t*t/(2*w.n) + w.bent*u*u*(3-2*u)
}

// between finds the way from one side's cycle to the other's: as long as their
// pitches say, and a little more or less where that lets their waves meet.
func between(f, b cycle, n int) way {
	switch {
	case f.wave == nil && b.wave == nil:
		return way{n: float64(n)}
	case b.wave == nil:
		rate := 1 / float64(len(f.wave))
		return way{n: float64(n), from: rate, to: rate}
	case f.wave == nil:
		rate := 1 / float64(len(b.wave))
		return way{n: float64(n), from: rate, to: rate, cycles: rate * float64(n)}
	}
	w := way{n: float64(n), from: 1 / float64(len(f.wave)), to: 1 / float64(len(b.wave))}
	mean := w.n * (w.from + w.to) / 2
	var x, y [phases]float64
	ex, ey := 0.0, 0.0
	for i := range phases {
		x[i], y[i] = f.at(float64(i)/phases), b.at(float64(i)/phases)
		ex, ey = ex+x[i]*x[i], ey+y[i]*y[i]
	}
	best, shift := math.Inf(-1), 0.0
	for d := range phases {
		sum := 0.0
		for i, v := range y {
			sum += v * x[(i+d)%phases]
		}
		s := float64(d) / phases
		off := math.Abs(s - mean - math.Round(s-mean))
		if sum -= inStep * off * math.Sqrt(ex*ey); sum > best {
			best, shift = sum, s
		}
	}
	w.cycles = math.Round(mean-shift) + shift
	w.bent = w.cycles - mean
	return w
}
