package ear

import "math"

// Concealer is the packet loss concealment of ITU-T G.711 Appendix I, written
// from what the Recommendation says: the last pitch period is repeated, from the
// second and third lost frame on the last two and three of them; from the second
// on it fades by a fifth a frame. Overlaps of a quarter of a period join the
// pieces. What it returns is overlapDelay samples behind what it is given.
type Concealer struct {
	history [historyLen]float64
	lost    int // frames in a row

	// Of this loss.
	said  [historyLen]float64 // what is repeated
	last  [overlapDelay]float64
	pitch int // samples
	count int // of periods that are repeated
	at    int // the place in them
}

const (
	pitchMin     = 40  // samples: 200 Hz
	pitchMax     = 120 // 66 Hz
	overlapDelay = pitchMax / 4
	historyLen   = 3*pitchMax + overlapDelay
	compared     = 160 // samples: 20 ms
	fadeBy       = 0.2 // a frame
)

// Good takes a frame that came, and returns one.
func (c *Concealer) Good(in []int16) []int16 {
	pcm := make([]float64, len(in))
	for i, v := range in {
		pcm[i] = float64(v)
	}
	if c.lost > 0 { // longer overlaps after longer losses
		old := make([]float64, min(c.pitch/4+(c.lost-1)*32, frame))
		c.repeat(old)
		gain := max(1-fadeBy*float64(c.lost-1), 0)
		for i := range old {
			old[i] *= gain
		}
		blend(pcm, old, pcm, len(old))
		c.lost = 0
	}
	return c.push(pcm)
}

// Lost returns a frame in place of one that did not come.
func (c *Concealer) Lost() []int16 {
	pcm := make([]float64, frame)
	switch {
	case c.lost == 0:
		c.said, c.count, c.at = c.history, 1, 0
		c.pitch = findPitch(c.said[:])
		copy(c.last[:], c.said[historyLen-c.pitch/4:])
		c.join()
		copy(c.history[historyLen-c.pitch/4:], c.said[historyLen-c.pitch/4:])
		c.repeat(pcm)
	case c.lost <= 2: // one period more, joined to what was
		old, at := make([]float64, c.pitch/4), c.at
		c.repeat(old)
		for c.at = at; c.at >= c.pitch; c.at -= c.pitch {
		}
		c.count++
		c.join()
		c.repeat(pcm)
		blend(pcm, old, pcm, len(old))
	case c.lost <= 5:
		c.repeat(pcm)
	}
	if c.lost > 0 {
		for i := range pcm {
			pcm[i] *= max(1-fadeBy*(float64(c.lost-1)+float64(i)/frame), 0)
		}
	}
	c.lost++
	return c.push(pcm)
}

// join makes the end of what is repeated run into its beginning.
func (c *Concealer) join() {
	n := c.pitch / 4
	begin := historyLen - c.count*c.pitch
	blend(c.said[historyLen-n:], c.last[:], c.said[begin-n:], n)
}

// repeat goes on with the last periods, round and round.
func (c *Concealer) repeat(out []float64) {
	length := c.count * c.pitch
	for i := range out {
		out[i] = c.said[historyLen-length+c.at]
		c.at = (c.at + 1) % length
	}
}

// blend goes from one to the other within n samples.
func blend(out, from, to []float64, n int) {
	for i := range n {
		w := float64(i+1) / float64(n+1)
		out[i] = from[i]*(1-w) + to[i]*w
	}
}

// push lets a frame through the history and returns the one that leaves.
func (c *Concealer) push(pcm []float64) []int16 {
	copy(c.history[:], c.history[len(pcm):])
	copy(c.history[historyLen-len(pcm):], pcm)
	out := make([]int16, len(pcm))
	for i := range out {
		v := c.history[historyLen-len(pcm)-overlapDelay+i]
		out[i] = int16(math.Round(min(max(v, -32768), 32767)))
	}
	return out
}

// findPitch is the lag at which the last 20 ms are most like what was before.
func findPitch(said []float64) int {
	last := said[len(said)-compared:]
	best, pitch := math.Inf(-1), pitchMax
	for lag := pitchMin; lag <= pitchMax; lag++ {
		before := said[len(said)-compared-lag:]
		sum, energy := 0.0, 0.0
		for i, v := range last {
			sum += v * before[i]
			energy += before[i] * before[i]
		}
		if r := sum / math.Sqrt(max(energy, 250)); r > best {
			best, pitch = r, lag
		}
	}
	return pitch
}
