package media

import "math"

// splice changes the delay by a little if it should be changed and nobody will
// hear it: it puts 10 ms into piece that fade from the sound that is due into
// the same a bit later, or earlier, and returns their length. 0: it did not.
func (o *playout) splice(piece []int16, there int) int {
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
	for i := range piece {
		in := float32(i+1) / float32(len(piece))
		a, b := o.sample(o.from+int64(i)), o.sample(o.from+int64(i)+lag)
		piece[i] = clipped(a*(1-in) + b*in)
	}
	to := o.from + lag + plcFrame
	o.skip(to)
	for at := to; at < o.from; at++ { // what was heard is heard again: it has come
		o.put(at, o.ring[uint64(at)%playoutRing])
	}
	o.from = to
	return len(piece)
}

func (o *playout) sample(at int64) float32 { return float32(o.ring[uint64(at)%playoutRing]) }

const (
	quietLevel = 60  // RMS: -55 dBFS
	alike      = 0.9 // the correlation of two periods of a voice
)

// quiet says whether the 20 ms from a place on are silence, so far as they came.
func (o *playout) quiet(at int64) bool {
	var energy float64
	n := o.run(at, 2*plcFrame)
	for i := range n {
		v := float64(o.sample(at + int64(i)))
		energy += v * v
	}
	return energy <= quietLevel*quietLevel*float64(n)
}

// period is the lag, forwards or backwards, at which the sound is most like
// what is due now; 0: at none.
func (o *playout) period(backwards bool) int64 {
	var now, other [2 * plcFrame]float32
	n := plcFrame
	for i := range n {
		now[i] = o.sample(o.from + int64(i))
	}
	best, found := float32(alike), int64(0)
	for lag := int64(plcPitchMin); lag <= plcPitchMax; lag++ {
		at := o.from + lag
		if backwards {
			at = o.from - lag
		} else if o.run(at, n) < n {
			break
		}
		var sum, a, b float32
		for i := range n {
			other[i] = o.sample(at + int64(i))
			sum += now[i] * other[i]
			a += now[i] * now[i]
			b += other[i] * other[i]
		}
		if r := sum / float32(math.Sqrt(float64(max(a*b, 1)))); r > best {
			best, found = r, lag
		}
	}
	if backwards {
		return -found
	}
	return found
}

// mixer adds several playouts up.
type mixer struct {
	sum [maxPayload]int32
	pcm [maxPayload]int16
}

// saturated returns the first n sums as 16-bit samples, clipped.
func (m *mixer) saturated(n int) []int16 {
	for i, v := range m.sum[:n] {
		m.pcm[i] = int16(min(max(v, -32768), 32767))
	}
	return m.pcm[:n]
}
