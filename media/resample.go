package media

import "math"

// A resampler turns a stream at one rate into one at 8 kHz by a polyphase filter: a sinc under a
// Kaiser window, flat to 3.4 kHz, 70 dB down from 4.2 kHz. What could alias into the speech band
// is gone before the rate is reduced.
type resampler struct {
	up, down int // 8000/rate in lowest terms
	half     int // input samples on each side of an output sample
	phases   [][]float32

	history []float32 // input from position base on
	base    int       // index of history[0] in the input; starts at -half: silence before it
	next    int       // index of the next output sample
}

// Where the filter's slope lies: -6 dB in the middle of it.
const (
	passband = 3400.0
	stopband = 4200.0
	kaiser   = 6.76 // 70 dB
	slopes   = 4.29 // (70 dB - 7.95) / 14.36: window length times slope width
)

// newResampler returns a resampler from rate, which is above 8000.
func newResampler(rate int) *resampler {
	g := gcd(SampleRate, rate)
	r := &resampler{up: SampleRate / g, down: rate / g}
	r.half = int(math.Ceil(slopes * float64(rate) / (stopband - passband) / 2))
	r.base = -r.half
	r.history = make([]float32, r.half)
	cut := (passband + stopband) / float64(rate) // of Nyquist's frequency
	r.phases = make([][]float32, r.up)
	for p := range r.phases {
		taps := make([]float32, 2*r.half+1)
		shift := float64(p) / float64(r.up)
		for i := range taps {
			x := float64(i-r.half) - shift
			taps[i] = float32(cut * sinc(cut*x) * kaiserWindow(x/float64(r.half+1)))
		}
		r.phases[p] = taps
	}
	return r
}

// write takes input and appends to out the samples that it completes.
func (r *resampler) write(out []int16, in []float32) []int16 {
	r.history = append(r.history, in...)
	for {
		at := r.next * r.down
		center, phase := at/r.up, at%r.up
		first := center - r.half - r.base
		if first+2*r.half+1 > len(r.history) {
			r.forget(first)
			return out
		}
		var sum float32
		for i, h := range r.phases[phase] {
			sum += h * r.history[first+i]
		}
		out = append(out, clip16(sum))
		r.next++
	}
}

// flush appends the samples that reach past the end of an input of n samples.
func (r *resampler) flush(out []int16, n int) []int16 {
	out = r.write(out, make([]float32, r.half+1))
	return out[:min(len(out), (n*r.up+r.down-1)/r.down)]
}

// forget drops the history before index n.
func (r *resampler) forget(n int) {
	if n = min(n, len(r.history)); n > 0 {
		r.history = append(r.history[:0], r.history[n:]...)
		r.base += n
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiserWindow is the Kaiser window at x of -1 to 1, 0 outside.
func kaiserWindow(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(kaiser*math.Sqrt(1-x*x)) / bessel(kaiser)
}

// bessel is the modified Bessel function I0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// clip16 rounds to the nearest sample.
func clip16(v float32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(v)))))
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
