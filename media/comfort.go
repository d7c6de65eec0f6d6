package media

import "math"

// comfort is the comfort noise of RFC 3389: white noise at the level that the
// peer says its background has, through the filter that it describes, if it
// does. It keeps no time and does not allocate.
type comfort struct {
	gain    float32 // RMS of what goes into the filter
	order   int
	reflect [comfortOrder]float32
	state   [comfortOrder + 1]float32 // of the lattice
	seed    uint32
}

// comfortOrder is the longest filter that is followed; RFC 3389 leaves it open,
// G.711 Appendix II has 10.
const comfortOrder = 16

// describe takes the payload of a comfort noise packet: the level in -dBov,
// then the reflection coefficients, 8 bits each (RFC 3389 §3.1, §3.2). An empty
// one is silence.
func (c *comfort) describe(payload []byte) {
	if len(payload) == 0 {
		c.gain, c.order = 0, 0
		return
	}
	// 0 dBov is a square wave of the greatest amplitude (§3.1).
	power := float64(math.MaxInt16) * math.Pow(10, -float64(payload[0]&0x7f)/20)
	c.order = min(len(payload)-1, comfortOrder)
	kept := 1.0
	for i := range c.order {
		k := (float64(payload[1+i]) - 127) * 258 / 32768 // §3.2
		c.reflect[i] = float32(k)
		kept *= 1 - k*k
	}
	// An all-pole filter raises the power of white noise by 1/Π(1-k²).
	c.gain = float32(power * math.Sqrt(max(kept, 0)))
}

// fill makes noise.
func (c *comfort) fill(pcm []int16) {
	for i := range pcm {
		v := c.white() * c.gain
		for m := c.order - 1; m >= 0; m-- { // the lattice's synthesis filter
			k := c.reflect[m]
			v -= k * c.state[m]
			c.state[m+1] = c.state[m] + k*v
		}
		c.state[0] = v
		pcm[i] = clipped(v)
	}
}

// white is evenly distributed, with an RMS of 1.
func (c *comfort) white() float32 {
	c.seed = c.seed*1664525 + 1013904223
	return float32(int32(c.seed)) * (1.7320508 / (1 << 31))
}

// background is how loud a voice's background is: what is heard between its words,
// for a peer that sends nothing in its pauses. It falls to what is quieter for 40 ms,
// and rises by 6 dB in 3.5 s.
type background struct {
	power  float32
	lately [backgroundPast]float32 // of pieces
	heard  int
	noise  comfort
}

const (
	backgroundMost = 330  // RMS, -40 dBFS: what is louder is no background
	backgroundPast = 4    // pieces that must be quiet
	backgroundRise = .004 // a piece
)

// learn takes a piece of the voice.
func (g *background) learn(pcm []int16) {
	sum := int64(0)
	for _, v := range pcm {
		sum += int64(v) * int64(v)
	}
	if sum == 0 { // what was put where nothing came
		return
	}
	g.lately[g.heard%backgroundPast] = float32(sum) / float32(len(pcm))
	mean := (g.lately[0] + g.lately[1] + g.lately[2] + g.lately[3]) / backgroundPast
	if g.heard++; g.heard <= backgroundPast || mean < g.power {
		g.power = mean
	} else {
		g.power += g.power*backgroundRise + .01
	}
}

// fill makes noise as loud as the background; silence where that is not known: a
// voice without a pause has shown none.
func (g *background) fill(pcm []int16) {
	if g.noise.gain = float32(math.Sqrt(float64(g.power))); g.noise.gain > backgroundMost {
		g.noise.gain = 0
	}
	g.noise.fill(pcm)
}
