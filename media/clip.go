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

	wide sync.Once
}

// NewClip returns a clip of a copy of these 8 kHz mono samples.
func NewClip(pcm []int16) *Clip {
	frames := (len(pcm) + FrameSamples - 1) / FrameSamples
	c := &Clip{pcm: make([]int16, frames*FrameSamples)}
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
	c.wide.Do(func() {
		var up doubler
		var room bandRoom
		var pcm [2 * FrameSamples]int16
		coder, b := G722.NewCoder(), make([]byte, len(c.pcm))
		for i := range c.Frames() {
			up.double(pcm[:], c.Frame(i), &room)
			coder.Encode(b[i*FrameSamples:], pcm[:])
		}
		c.encoded[G722] = b
	})
}

// Frames returns how many 20 ms frames the clip has.
func (c *Clip) Frames() int { return len(c.pcm) / FrameSamples }

// Duration returns how long the clip plays: whole frames.
func (c *Clip) Duration() time.Duration { return time.Duration(c.Frames()) * 20 * time.Millisecond }

// Frame returns the 160 samples of frame i, 0 <= i < Frames. The caller must not change them.
func (c *Clip) Frame(i int) []int16 {
	return c.pcm[i*FrameSamples : (i+1)*FrameSamples : (i+1)*FrameSamples]
}

// Encoded returns the 160 bytes of frame i in that codec. The caller must not change them.
func (c *Clip) Encoded(codec Codec, i int) []byte {
	return c.encoded[codec][i*FrameSamples : (i+1)*FrameSamples : (i+1)*FrameSamples]
}

// Join returns a clip of these one after the other, without a gap and without encoding anew; of one, that clip itself.
func Join(all ...*Clip) *Clip {
	if len(all) == 1 {
		return all[0]
	}
	out := &Clip{}
	wide := true
	for _, c := range all {
		out.pcm = append(out.pcm, c.pcm...)
		for codec := range out.encoded {
			out.encoded[codec] = append(out.encoded[codec], c.encoded[codec]...)
		}
		wide = wide && len(c.encoded[G722]) == len(c.pcm)
	}
	if wide {
		out.wide.Do(func() {})
	} else {
		out.encoded[G722] = nil
	}
	return out
}
