package media

import "math"

// A concealer hides lost packets by ITU-T G.711 Appendix I, in frames of 10 ms
// at 8 kHz: it repeats the last pitch period, found by autocorrelation between
// 5 and 15 ms; the second and third lost frame repeat the last two and three;
// from the second on the sound fades by a fifth a frame, and after 60 ms it is
// silence. What is repeated is joined to what was, and what comes afterwards to
// what was repeated, by overlap and add. Everything it returns is 30 samples
// (3.75 ms) late: so late that the end of what was good can still be bent
// towards what replaces its continuation. It belongs to one stream, keeps no
// time and does not allocate.
type concealer struct {
	history [plcHistory]int16 // the last that was returned or is to be
	lost    int               // frames in a row

	// Of the loss that is on.
	said  [plcHistory]float32 // history as it was when it began, its end joined to the repetition
	tail  [plcOverlap]float32 // its last quarter of a period, as it was
	pitch int                 // samples
	quart int                 // a quarter of it
	loop  int                 // samples that are repeated: one to three periods
	at    int                 // the place in them
}

const (
	plcFrame    = 80              // samples
	plcPitchMin = 40              // samples: 200 Hz
	plcPitchMax = 120             // 66 2/3 Hz
	plcOverlap  = plcPitchMax / 4 // also the delay
	plcHistory  = 3*plcPitchMax + plcOverlap
	plcCompared = 160 // samples that are compared: 20 ms
	plcCoarse   = 2   // every other of them, at every other lag, at first
	plcPower    = 250 // least energy that counts: what is below is noise
	plcLonger   = 32  // samples of overlap more at the end for each frame of the loss
	plcFade     = 0.2 // a frame
	plcFrames   = 6   // 60 ms: then silence
)

// good takes a frame that came, at most plcFrame samples, and puts the one that
// is to be heard in its place.
func (c *concealer) good(pcm []int16) {
	if c.lost > 0 { // §I.2.7: longer losses end with longer overlaps
		n := min(c.quart+(c.lost-1)*plcLonger, plcFrame, len(pcm))
		var old [plcFrame]int16
		c.repeat(old[:n])
		step := 1 / float32(n)
		gain := max(1-float32(c.lost-1)*plcFade, 0)
		left, right := (1-step)*gain, step
		for i := range n {
			pcm[i] = clipped(left*float32(old[i]) + right*float32(pcm[i]))
			left -= step * gain
			right += step
		}
		c.lost = 0
	}
	c.push(pcm)
}

// conceal puts sound into a frame that did not come, at most plcFrame samples.
func (c *concealer) conceal(pcm []int16) {
	switch {
	case c.lost == 0:
		c.begin()
		c.repeat(pcm)
	case c.lost <= 2: // §I.2.5: one period more, which the last of the old runs into
		var old [plcOverlap]int16
		at := c.at
		c.repeat(old[:c.quart])
		for c.at = at; c.at > c.pitch; {
			c.at -= c.pitch
		}
		c.loop += c.pitch
		c.joinEnd()
		c.repeat(pcm)
		n := min(c.quart, len(pcm))
		step := 1 / float32(n)
		for i := range n {
			right := float32(i+1) * step
			pcm[i] = clipped((1-right)*float32(old[i]) + right*float32(pcm[i]))
		}
		c.fade(pcm)
	case c.lost < plcFrames:
		c.repeat(pcm)
		c.fade(pcm)
	default:
		clear(pcm)
	}
	c.lost++
	c.push(pcm)
}

// begin finds what is to be repeated, and bends the end of what was good
// towards it.
func (c *concealer) begin() {
	for i, v := range c.history {
		c.said[i] = float32(v)
	}
	c.pitch = pitchOf(&c.said)
	c.quart = c.pitch / 4
	c.loop, c.at = c.pitch, 0
	copy(c.tail[:], c.said[plcHistory-c.quart:])
	c.joinEnd()
	for i := plcHistory - c.quart; i < plcHistory; i++ {
		c.history[i] = int16(c.said[i])
	}
}

// joinEnd makes the end of what is repeated run into its beginning.
func (c *concealer) joinEnd() {
	end, begin := c.said[plcHistory-c.quart:], c.said[plcHistory-c.loop-c.quart:]
	step := 1 / float32(c.quart)
	for i := range end {
		right := float32(i+1) * step
		end[i] = float32(clipped((1-right)*c.tail[i] + right*begin[i]))
	}
}

// repeat goes on with what is repeated, round and round.
func (c *concealer) repeat(out []int16) {
	loop := c.said[plcHistory-c.loop:]
	for i := range out {
		out[i] = int16(loop[c.at])
		if c.at++; c.at == c.loop {
			c.at = 0
		}
	}
}

// fade turns a frame down, the further the longer the loss lasts.
func (c *concealer) fade(pcm []int16) {
	gain := 1 - float32(c.lost-1)*plcFade
	for i, v := range pcm {
		pcm[i] = int16(float32(v) * gain)
		gain = max(gain-plcFade/plcFrame, 0)
	}
}

// push lets a frame into the history and returns in its place what is heard now.
func (c *concealer) push(pcm []int16) {
	n := len(pcm)
	copy(c.history[:], c.history[n:])
	copy(c.history[plcHistory-n:], pcm)
	copy(pcm, c.history[plcHistory-plcOverlap-n:])
}

// pitchOf is the lag at which the last 20 ms of a history are most like what
// was before them (§I.2.2): by a normalised correlation, coarse, then fine
// around the best.
func pitchOf(said *[plcHistory]float32) int {
	last := said[plcHistory-plcCompared:]
	best, found := float32(math.Inf(-1)), 0
	for i := 0; i <= plcPitchMax-plcPitchMin; i += plcCoarse {
		if r := likeness(last, said[plcHistory-plcCompared-plcPitchMax+i:], plcCoarse); r >= best {
			best, found = r, i
		}
	}
	from, to := max(found-plcCoarse+1, 0), min(found+plcCoarse-1, plcPitchMax-plcPitchMin)
	best = float32(math.Inf(-1))
	for i := from; i <= to; i++ {
		if r := likeness(last, said[plcHistory-plcCompared-plcPitchMax+i:], 1); r > best {
			best, found = r, i
		}
	}
	return plcPitchMax - found
}

// likeness correlates every step-th of the last samples with those before,
// normalised by the latter's energy.
func likeness(last, before []float32, step int) float32 {
	before = before[:len(last)]
	var energy, sum float32
	for i := 0; i < len(last); i += step {
		energy += before[i] * before[i]
		sum += before[i] * last[i]
	}
	return sum / float32(math.Sqrt(float64(max(energy, plcPower))))
}

func clipped(v float32) int16 { return int16(min(max(v, math.MinInt16), math.MaxInt16)) }
