package recorder

import "math"

// Lost packets are concealed from both sides: what was said before the gap is
// continued by repeating its last pitch period (as ITU-T G.711 Appendix I does),
// what comes after it is continued backwards in the same way, and the one fades
// into the other. A recording has no deadline, so it can know both.

// The measures of concealing, in samples at 8 kHz; at 16 kHz there are twice as
// many. They are those that P.862 liked best for recorded speech.
const (
	pitchMin   = 30  // 3.75 ms: 267 Hz
	pitchMax   = 120 // 15 ms: 67 Hz
	compared   = 32  // 4 ms of sound are compared to find the pitch
	contextLen = 2 * pitchMax
	keepWhole  = 240 // from a side it is as loud as it was for 30 ms
	fadeOver   = 400 // and fades within 50 ms more
	concealed  = keepWhole + fadeOver
)

// conceal fills a gap between what was said before it and after it; either may
// be short or empty, and is then no help. scale is 1 at 8 kHz, 2 at 16 kHz. A
// long gap is silent where both sides have faded.
func conceal(before, gap, after []int16, scale int) {
	n := len(gap)
	var sides [2][2 * concealed]float64
	reach := min(n, concealed*scale)
	f, b := sides[0][:reach], sides[1][:reach]
	hasBefore, hasAfter := extend(f, before, scale, false), extend(b, after, scale, true)
	for i := range gap {
		v, w, k := 0.0, float64(i+1)/float64(n+1), n-1-i
		if i < reach && hasBefore {
			v = f[i] * loud(i, scale)
			if hasAfter {
				v *= 1 - w
			}
		}
		if k < reach && hasAfter {
			far := b[k] * loud(k, scale)
			if hasBefore {
				far *= w
			}
			v += far
		}
		gap[i] = int16(math.Round(min(max(v, -32768), 32767)))
	}
}

// loud is how loud a continuation still is so far from its side.
func loud(i, scale int) float64 {
	return min(max(1-float64(i/scale-keepWhole)/fadeOver, 0), 1)
}

// extend continues what was said into out by its last period, or backwards by
// its first one. It returns false when there is too little to go by.
func extend(out []float64, said []int16, scale int, backwards bool) bool {
	var buf [2 * contextLen]float64
	n := min(len(said), contextLen*scale)
	near := buf[:n] // the last one is next to the gap
	for i := range near {
		if backwards {
			near[i] = float64(said[n-1-i])
		} else {
			near[i] = float64(said[len(said)-n+i])
		}
	}
	pitch := findPitch(near, scale)
	if pitch == 0 {
		return false
	}
	// The last quarter of the period runs into what lies before its beginning.
	quarter := min(pitch/4, n-pitch)
	for i := range quarter {
		w := float64(i+1) / float64(quarter+1)
		near[n-quarter+i] = near[n-quarter+i]*(1-w) + near[n-pitch-quarter+i]*w
	}
	for i := range out {
		out[i] = near[n-pitch+i%pitch]
	}
	return true
}

// findPitch is the lag at which the end of what was said is most like what was
// before it; 0: there is too little.
func findPitch(said []float64, scale int) int {
	least := pitchMin * scale
	n := compared * scale
	most := min(pitchMax*scale, len(said)-n)
	if most < least {
		return 0
	}
	last := said[len(said)-n:]
	best, pitch := math.Inf(-1), most
	for lag := least; lag <= most; lag++ {
		before := said[len(said)-n-lag:]
		sum, energy := 0.0, 1.0
		for i, v := range last {
			sum += v * before[i]
			energy += before[i] * before[i]
		}
		if r := sum / math.Sqrt(energy); r > best {
			best, pitch = r, lag
		}
	}
	return pitch
}
