package media

import (
	"sync"
	"time"
)

// A Clip is a piece of sound ready to be played: 8 kHz mono samples and the same encoded in every
// codec (G722 once it is Widened), cut in whole 20 ms frames (the last one is filled with silence). It is immutable and may
// be played by any number of sessions at once. The zero Clip has no frames.
type Clip struct {
	pcm     []int16        // a multiple of FrameSamples
	encoded [codecs][]byte // same length as pcm; in G722 from the first Widen on
	parts   []*Clip        // in place of sound of its own: one after the other; none of them has parts
	samples int
	onset   bool // looped, it starts with its beginning: a tone, not in the middle of its pause. Music goes on for all alike

	wide sync.Once
}

// NewClip returns a clip of a copy of these 8 kHz mono samples.
func NewClip(pcm []int16) *Clip {
	frames := (len(pcm) + FrameSamples - 1) / FrameSamples
	c := &Clip{pcm: make([]int16, frames*FrameSamples), samples: frames * FrameSamples}
	copy(c.pcm, pcm)
	for _, codec := range []Codec{PCMU, PCMA} {
		c.encoded[codec] = make([]byte, len(c.pcm))
		codec.Encode(c.encoded[codec], c.pcm)
	}
	return c
}

// Widen encodes the clip in G722 too, unless that is done already: a millisecond for each second of
// sound. A session that may speak G722 sees to it at its Play or Background; who has a long clip
// does it before.
func (c *Clip) Widen() {
	for _, part := range c.parts {
		part.Widen()
	}
	c.wide.Do(func() {
		var up doubler
		var room bandRoom
		var pcm [2 * FrameSamples]int16
		coder, b := G722.NewCoder(), make([]byte, len(c.pcm))
		for i := 0; i < len(c.pcm); i += FrameSamples {
			up.double(pcm[:], c.pcm[i:i+FrameSamples], &room)
			coder.Encode(b[i:], pcm[:])
		}
		c.encoded[G722] = b
	})
}

// Frames returns how many 20 ms frames the clip has.
func (c *Clip) Frames() int { return c.samples / FrameSamples }

// Duration returns how long the clip plays: whole frames.
func (c *Clip) Duration() time.Duration { return time.Duration(c.Frames()) * 20 * time.Millisecond }

// Frame returns the 160 samples of frame i, 0 <= i < Frames. The caller must not change them.
func (c *Clip) Frame(i int) []int16 {
	part, at := c.at(i * FrameSamples)
	return part.pcm[at : at+FrameSamples : at+FrameSamples]
}

// Encoded returns the 160 bytes of frame i in that codec. The caller must not change them.
func (c *Clip) Encoded(codec Codec, i int) []byte {
	part, at := c.at(i * FrameSamples)
	return part.encoded[codec][at : at+FrameSamples : at+FrameSamples]
}

// at is the part whose sound a sample is, 0 <= sample < samples, and its place there.
func (c *Clip) at(sample int) (part *Clip, place int) {
	for _, one := range c.parts {
		if sample < one.samples {
			return one, sample
		}
		sample -= one.samples
	}
	return c, sample
}

// read fills dst with the clip's bytes in a codec from a sample on, and returns how many there are left to it.
func (c *Clip) read(dst []byte, codec Codec, from int) (n int) {
	for n < len(dst) && from+n < c.samples {
		part, at := c.at(from + n)
		n += copy(dst[n:], part.encoded[codec][at:])
	}
	return n
}

// Join returns a clip of these one after the other, without a gap: it shares their sound and their encodings. Of one, it is
// that clip itself.
func Join(all ...*Clip) *Clip {
	if len(all) == 1 {
		return all[0]
	}
	out := &Clip{parts: make([]*Clip, 0, len(all))}
	for _, c := range all {
		if out.samples += c.samples; len(c.parts) > 0 {
			out.parts = append(out.parts, c.parts...)
		} else {
			out.parts = append(out.parts, c)
		}
	}
	return out
}
