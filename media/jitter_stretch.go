package media

import "math"

// splice changes the delay by a little if it should be changed and nobody will
// hear it: it puts 10 ms into piece that fade from the sound that is due into
// the same a bit later, or earlier, and the upper band into high, and returns their
// length. 0: it did not.
func (o *playout) splice(piece, high []int16, there int) int {
	off := o.done - o.wanted(o.ts+uint32(o.from-o.at))
	if there < plcFrame || off <= spliceSlack && off >= -spliceSlack/4 {
		return 0
	}
	var lag int64
	switch quiet := o.quiet(o.from); {
	case quiet && off > 0:
		lag = plcFrame
	case quiet:
		lag = -plcFrame
	case o.done-o.spliced < spliceEvery:
		return 0
	default:
		lag = o.period(off < 0)
		o.spliced = o.done
	}
	if lag == 0 || lag > 0 && o.run(o.from, int(lag)+plcFrame) < int(lag)+plcFrame {
		return 0
	}
	var now, then [plcFrame]float32
	o.readFloat(now[:], o.from)
	o.readFloat(then[:], o.from+lag)
	for i := range piece {
		in := float32(i+1) / float32(len(piece))
		piece[i] = clipped(now[i]*(1-in) + then[i]*in)
	}
	if o.treble != nil {
		o.treble.fade(high, o.from, o.from+lag)
	}
	to := o.from + lag + plcFrame
	o.skip(to)
	o.mark(to, int(max(o.from-to, 0)), ^uint64(0)) // what was heard is heard again: it has come
	o.from = to
	return len(piece)
}

const (
	quietLevel = 60  // RMS: -55 dBFS
	alike      = 0.9 // the correlation of two periods of a voice
)

// quiet says whether the 20 ms from a place on are silence, so far as they came.
func (o *playout) quiet(at int64) bool {
	var pcm [2 * plcFrame]int16
	n := o.run(at, len(pcm))
	o.read(pcm[:n], at)
	energy, most := int64(0), int64(quietLevel*quietLevel*n)
	for _, v := range pcm[:n] {
		if energy += int64(v) * int64(v); energy > most {
			return false
		}
	}
	return true
}

// period is the lag, forwards or backwards, at which the sound is most like
// what is due now; 0: at none. Every other lag is looked at by every other
// sample first.
func (o *playout) period(backwards bool) int64 {
	const n = plcFrame
	var now [n]float32
	var other [plcPitchMax + n]float32 // what is up to the longest lag away
	o.readFloat(now[:], o.from)
	from, sign, last := o.from, 1, plcPitchMax
	if backwards {
		from, sign = o.from-plcPitchMax, -1
	} else {
		last = min(last, o.run(o.from, plcPitchMax+n)-n)
	}
	o.readFloat(other[:], from)
	at := func(lag int) []float32 {
		if backwards {
			lag = plcPitchMax - lag
		}
		return other[lag:][:n]
	}
	best, found := float32(math.Inf(-1)), 0
	for lag := plcPitchMin; lag <= last; lag += plcCoarse {
		if r := likeness(now[:], at(lag), plcCoarse); r > best {
			best, found = r, lag
		}
	}
	coarse := found
	best, found = alike, 0
	energy := float32(1)
	for _, v := range now {
		energy += v * v
	}
	energy = float32(math.Sqrt(float64(energy)))
	for lag := max(coarse-plcCoarse+1, plcPitchMin); lag <= min(coarse+plcCoarse-1, last); lag++ {
		if r := likeness(now[:], at(lag), 1) / energy; r > best {
			best, found = r, lag
		}
	}
	return int64(sign * found)
}

// mixer adds several playouts up.
type mixer struct {
	sum  [maxPayload]int32
	high [mostWide]int32 // of the upper band
	pcm  [maxPayload]int16
}

// saturated returns the first n sums as 16-bit samples, clipped.
func (m *mixer) saturated(n int) []int16 {
	sum, pcm := m.sum[:n], m.pcm[:n]
	for i := range pcm {
		pcm[i] = int16(min(max(sum[i], -32768), 32767))
	}
	return pcm
}
