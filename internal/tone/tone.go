// Package tone measures and makes tones, for tests that ask who hears whom.
//
// It owns a G.711 of its own, so that a test phone built on it shares nothing with the house it
// tests. Only tests and internal packages may import it. It imports nothing of ours.
//
// Levels are in dBFS: a sine whose peaks touch full scale has 0 dBFS. Silence is Silence.
package tone

import "math"

// Silence is the level of nothing at all, in dBFS.
const Silence = -120.0

// Level returns the level of the sine of hz in pcm, in dBFS, measured by Goertzel's algorithm under
// a Hann window: a neighbour 4/len(pcm)·rate Hz away does not disturb it. Shorter than 20 ms is
// too short to tell.
func Level(pcm []int16, rate int, hz float64) float64 {
	if len(pcm) == 0 {
		return Silence
	}
	x, sum := windowed(pcm)
	return levelOf(x, sum, rate, hz)
}

// windowed returns pcm under a Hann window, and the sum of the window. The window's cosine is turned
// on from sample to sample, which is a tenth of the price of asking for each.
func windowed(pcm []int16) (x []float64, sum float64) {
	x = make([]float64, len(pcm))
	step := math.Pi / float64(len(pcm))
	sin, cos := math.Sincos(step)
	turnSin, turnCos := math.Sincos(2 * step)
	for i, v := range pcm {
		hann := 0.5 - 0.5*cos
		sum += hann
		x[i] = hann * float64(v)
		sin, cos = sin*turnCos+cos*turnSin, cos*turnCos-sin*turnSin
	}
	return x, sum
}

// levelOf is Goertzel's algorithm. The race detector, which would make it the dearest thing that the
// tests do, need not watch it: x is its caller's own.
//
//go:norace
func levelOf(x []float64, sum float64, rate int, hz float64) float64 {
	coeff := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2 float64
	for _, v := range x {
		s1, s2 = v+coeff*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - coeff*s1*s2
	return decibel(2 * math.Sqrt(max(power, 0)) / sum / 32767)
}

// Dominant returns which of the candidates is the loudest in pcm, and its level in dBFS. Without
// candidates it tries every 10 Hz from 100 to 3800.
func Dominant(pcm []int16, rate int, candidates ...float64) (hz, level float64) {
	if len(candidates) == 0 {
		for f := 100.0; f <= 3800; f += 10 {
			candidates = append(candidates, f)
		}
	}
	if len(pcm) == 0 {
		return candidates[0], Silence
	}
	x, sum := windowed(pcm)
	level = math.Inf(-1)
	for _, f := range candidates {
		if l := levelOf(x, sum, rate, f); l > level {
			hz, level = f, l
		}
	}
	return hz, level
}

// RMS returns the level of the whole of pcm in dBFS: a full-scale sine has 0.
func RMS(pcm []int16) float64 {
	if len(pcm) == 0 {
		return Silence
	}
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return decibel(math.Sqrt(2*sum/float64(len(pcm))) / 32767)
}

// Sine fills pcm with the sine of hz at a level in dBFS, as samples start, start+1, … of an endless
// one: consecutive calls with consecutive starts join without a click.
func Sine(pcm []int16, rate int, hz, level float64, start int) {
	a := 32767 * math.Pow(10, level/20)
	for i := range pcm {
		periods := hz * float64(start+i) / float64(rate)
		pcm[i] = int16(math.Round(a * math.Sin(2*math.Pi*(periods-math.Floor(periods)))))
	}
}

func decibel(amplitude float64) float64 {
	if amplitude <= 1e-6 {
		return Silence
	}
	return 20 * math.Log10(amplitude)
}
