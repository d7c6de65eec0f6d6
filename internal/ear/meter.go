package ear

import "math"

// The meter is a Bark spectral distance: both sounds are laid side by side,
// cut into frames of 32 ms, and each frame's spectrum is summed in the critical
// bands of the ear and compressed to loudness. What differs, in parts of what
// was said, is the distance.
//
// Its limits: it is no P.862 and its scores are not comparable with those of any
// other meter; it ranks conditions on the same speech. It knows neither how long
// a fault is remembered nor that what is added annoys more than what is missing,
// and it forgives a delay, also one that changes, up to 40 ms in 200.
const (
	window  = 256 // samples: 32 ms
	hop     = 128
	bands   = 17   // of a Bark each, up to 3.7 kHz
	best    = 4.5  // of no distance
	slope   = 5    // of the score
	loudest = 0.23 // the exponent of loudness (Zwicker)
	silence = 3200 // power in a band that is not heard
	pause   = 20   // loudness of a frame in which nobody speaks
)

// Score says how near what was heard is to what was said: 4.5 is the same.
// heard begins with what was said, up to 100 ms late.
func Score(said, heard []int16) float64 {
	a, b := loudness(said), loudness(align(said, heard))
	sum, n := 0.0, 0
	for f := range a {
		level, off := 0.0, 0.0
		for k := range bands {
			level += a[f][k]
			off += math.Abs(a[f][k] - b[f][k])
		}
		if level < pause { // what is added to a pause counts, in parts of a quiet voice
			level = pause
			if off < level/4 {
				continue
			}
		}
		d := min(off/level, 1.5)
		sum += d * d
		n++
	}
	if n == 0 {
		return best
	}
	return max(best-slope*math.Sqrt(sum/float64(n)), 0)
}

// align moves what was heard under what was said, piece by piece.
func align(said, heard []int16) []int16 {
	const piece, reach, late = 1600, 320, 1000
	out := make([]int16, len(said))
	delay := lag(said, heard, 0, len(said), late/2-100, late/2+100, 0)
	for from := 0; from < len(said); from += piece {
		to := min(from+piece, len(said))
		delay = lag(said, heard, from, to, delay, reach, 0.0002)
		for i := from; i < to; i++ {
			if k := i + delay; k >= 0 && k < len(heard) {
				out[i] = heard[k]
			}
		}
	}
	return out
}

// lag is the delay around another at which a piece is most like itself; that
// other one when nothing is to be seen. A sample of change must be worth stay:
// hums are alike at many delays.
func lag(said, heard []int16, from, to, around, reach int, stay float64) int {
	const coarse = 3
	most, found := 0.0, around
	try := func(d int) {
		sum, energy := 0.0, 1.0
		for i := max(from, -d); i < to && i+d < len(heard); i += 4 {
			h := float64(heard[i+d])
			sum += float64(said[i]) * h
			energy += h * h
		}
		if r := sum / math.Sqrt(energy) * (1 - stay*math.Abs(float64(d-around))); r > most {
			most, found = r, d
		}
	}
	try(around)
	for d := around - reach; d <= around+reach; d += coarse {
		try(d)
	}
	for near, d := found, 1-coarse; d < coarse; d++ {
		try(near + d)
	}
	return found
}

// loudness is what the ear has of each frame in each band.
func loudness(pcm []int16) [][bands]float64 {
	var all [][bands]float64
	for at := 0; at+window <= len(pcm); at += hop {
		var one [bands]float64
		for k, power := range spectrum(pcm[at : at+window]) {
			if z := bark(float64(k) * rate / window); z >= 0.5 && z < bands+0.5 {
				one[int(z-0.5)] += power
			}
		}
		for k, power := range one {
			one[k] = max(math.Pow(power/silence, loudest)-1, 0)
		}
		all = append(all, one)
	}
	return all
}

// bark is a frequency's critical band rate (Traunmüller).
func bark(hz float64) float64 { return 26.81*hz/(1960+hz) - 0.53 }

// spectrum is the power in each bin under a Hann window.
func spectrum(pcm []int16) (power [window / 2]float64) {
	var re, im [window]float64
	for i, v := range pcm { // in the order of reversed bits
		r := 0
		for b := range 8 {
			r |= i >> b & 1 << (7 - b)
		}
		re[r] = float64(v) * (0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+.5)/window))
	}
	for size := 2; size <= window; size *= 2 {
		for k := range size / 2 {
			wr, wi := math.Cos(2*math.Pi*float64(k)/float64(size)), -math.Sin(2*math.Pi*float64(k)/float64(size))
			for at := k; at < window; at += size {
				o := at + size/2
				tr, ti := re[o]*wr-im[o]*wi, re[o]*wi+im[o]*wr
				re[o], im[o] = re[at]-tr, im[at]-ti
				re[at], im[at] = re[at]+tr, im[at]+ti
			}
		}
	}
	for k := range power {
		power[k] = (re[k]*re[k] + im[k]*im[k]) / window
	}
	return power
}
