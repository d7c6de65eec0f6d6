package media

import "github.com/pion/opus"

// Opus (RFC 6716, RFC 7587) is what browsers send when they may choose. There is no encoder without
// C, so it is decoded, and between two who do it passed on untouched; what we say ourselves is in
// the other codec that was agreed on beside it (RFC 3264 §6.1 lets either side send any of the answer's).
// Its RTP clock is 48 kHz: timestamps are brought to ours as they come (clockIn), and back as they
// go (clockOut).
const (
	opusEncoding = "opus/48000/2" // always two channels, RFC 7587 §7
	opusTicks    = 48000 / SampleRate
	opusLongest  = 120 * SampleRate / 1000 // of a packet, RFC 6716 §3.2.5
)

// opusSilence is how long a packet without sound may be: a TOC and nothing (RFC 6716 §2.1.9), or
// a frame of digital silence.
const opusSilence = 3

// opusLength is how much time a packet stands for, in ticks of 8 kHz; 0: it is none (RFC 6716 §3.1, §3.2).
func opusLength(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	frame := 0 // ticks
	switch config := b[0] >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [...]int{80, 160, 320, 480}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = [...]int{80, 160}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 20 << (config & 3)
	}
	frames := 1
	switch b[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(b) < 2 {
			return 0
		}
		frames = int(b[1] & 0x3f)
	}
	if n := frame * frames; n <= opusLongest {
		return n
	}
	return 0
}

// opusCoder decodes one Opus stream, to one channel of 16 kHz.
type opusCoder struct{ dec opus.Decoder }

func newOpus() Coder {
	c := &opusCoder{}
	c.begin()
	return c
}

func (c *opusCoder) begin() { c.dec, _ = opus.NewDecoderWithOutput(WideRate, 1) }

// Decode writes the samples of a packet; none of what is no Opus. What the library breaks down at
// costs its state, and the packet.
func (c *opusCoder) Decode(dst []int16, payload []byte) (n int) {
	most := opusLength(payload) * (WideRate / SampleRate)
	if most == 0 || most > len(dst) {
		return 0
	}
	defer func() {
		if recover() != nil {
			c.begin()
			n = 0
		}
	}()
	n, err := c.dec.DecodeToInt16(payload, dst[:most])
	if err != nil {
		return 0
	}
	return n
}

// Encode is of no use.
func (c *opusCoder) Encode([]byte, []int16) int { return 0 }

// clockIn brings the timestamps of a stream whose packets are of two clocks to one line at 8 kHz.
type clockIn struct {
	known bool
	fast  bool // the last sound was Opus
	ssrc  uint32
	ts    uint32 // the last, as it came
	wide  int64  // and on the line, in ticks of its clock
	came  int64
}

// tick puts a packet's timestamp on the line. What is no sound has the clock of the sound before it.
func (c *clockIn) tick(p *packet, fast bool) {
	if !p.steady || p.pt == comfortNoise {
		fast = c.fast
	}
	scale := func(fast bool) int64 { return int64(scaleOf(fast)) }
	switch {
	case !c.known || p.ssrc != c.ssrc:
		*c = clockIn{known: true, ssrc: p.ssrc, wide: 1<<40 + int64(p.ts)}
	case fast != c.fast: // the two have no moment in common but this one
		c.wide = (c.wide/scale(c.fast) + (p.came-c.came)/perSampleN) * scale(fast)
	default:
		c.wide += int64(int32(p.ts - c.ts))
	}
	c.fast, c.ts, c.came = fast, p.ts, p.came
	p.ts = uint32(c.wide / scale(fast))
}

// clockOut makes of our time line at 8 kHz the timestamps of what goes out: of Opus six times as
// fast, and without a leap where the clock changes (RFC 7160 §4).
type clockOut struct {
	fast      bool
	plus      uint32
	ts, there uint32 // the last on our line, and as it went out
}

func (c *clockOut) scale() uint32 { return scaleOf(c.fast) }

// scaleOf is how many ticks a stream's clock has for one of ours: of Opus, or not.
func scaleOf(fast bool) uint32 {
	if fast {
		return opusTicks
	}
	return 1
}

// at is a moment of our line in the clock that runs.
func (c *clockOut) at(ts uint32) uint32 { return ts*c.scale() + c.plus }

// stamp is what a packet goes out with.
func (c *clockOut) stamp(ts uint32, fast bool) uint32 {
	if fast != c.fast {
		c.fast = fast
		c.plus = c.there + (ts-c.ts)*c.scale() - ts*c.scale()
	}
	c.ts, c.there = ts, c.at(ts)
	return c.there
}

// isOpus says whether a payload type is the peer's Opus.
func (p *Params) isOpus(pt uint8) bool { return p.Opus && pt == p.OpusPT }

// unpackOpus puts a packet of Opus in our codec, in its place. False: there was nothing in it, and
// the hole is left for the phone's own concealment.
func (s *Session) unpackOpus(from *Session, p *packet, pcm []int16) bool {
	b := &s.shard.bench
	room := p.buf[p.start:min(p.start+opusLongest, len(p.buf))]
	n := 0
	switch {
	case pcm == nil && s.terms.Codec.Rate() == WideRate:
		n = s.mouth.coder.Encode(room, b.wide[:from.ear.hearOpus(p.payload(), b)])
	case pcm == nil:
		pcm, _ = from.listen(Opus, p.payload(), b)
		n = s.mouth.encode(room, pcm, b)
	default:
		n = s.mouth.encode(room, pcm, b)
	}
	p.end = p.start + n
	return n > 0
}
