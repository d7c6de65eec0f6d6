package media

// A mix is made of two bands. What all seats hear is mixed at 8 kHz, with one jitter
// buffer, one concealer and one clock a voice. What a voice of 16 kHz has beyond
// that is kept beside it, and added for those who can hear it: what is left of
// the voice when it is brought down to 8 kHz and up again is taken away from it.
// So both bands together are the voice, to the sample, and a seat without wideband
// costs nothing more. What is lost is concealed in the lower band alone.

// overtone finds what a voice of 16 kHz has beyond its lower band.
type overtone struct {
	up   doubler
	tail [overtoneLate]int16 // of the voice
}

// overtoneLate is by how much a halver and a doubler, one behind the other, are late.
const overtoneLate = bandReach + 2*bandTaps

// split writes to dst what wide has beyond narrow, which was halved from it.
func (t *overtone) split(dst, wide, narrow []int16, room *bandRoom) {
	n := t.up.double(dst, narrow, room)
	for i := range n {
		x := int32(0)
		if i < overtoneLate {
			x = int32(t.tail[i])
		} else {
			x = int32(wide[i-overtoneLate])
		}
		dst[i] = int16(min(max(x-int32(dst[i]), -32768), 32767))
	}
	if n < overtoneLate {
		copy(t.tail[:], t.tail[n:])
		copy(t.tail[overtoneLate-n:], wide[:n])
	} else {
		copy(t.tail[:], wide[n-overtoneLate:n])
	}
}

// treble is a playout's upper band: places count twice.
type treble struct {
	ring [2 * playoutRing]int16
	out  [2 * playoutOut]int16
	tail [2 * plcOverlap]int16 // it is as late as the concealer makes the lower band
}

// put lays the upper band of n samples at a place; nil: there is none.
func (t *treble) put(at int64, high []int16, n int) {
	first := int(uint64(2*at) % uint64(len(t.ring)))
	if high == nil {
		whole := min(2*n, len(t.ring)-first)
		clear(t.ring[first:][:whole])
		clear(t.ring[:2*n-whole])
		return
	}
	whole := copy(t.ring[first:], high)
	copy(t.ring[:], high[whole:])
}

func (t *treble) read(high []int16, at int64) {
	n := copy(high, t.ring[uint64(2*at)%uint64(len(t.ring)):])
	copy(high[n:], t.ring[:])
}

// fade reads what fades from one place into another.
func (t *treble) fade(high []int16, from, to int64) {
	var then [2 * plcFrame]int16
	t.read(high, from)
	t.read(then[:len(high)], to)
	for i := range high {
		in := float32(i/2+1) / float32(len(high)/2)
		high[i] = clipped(float32(high[i])*(1-in) + float32(then[i])*in)
	}
}

// emit takes what is to be heard from a moment on, in samples of the engine.
func (t *treble) emit(done int64, high []int16) {
	var all [2*plcOverlap + 2*plcFrame]int16
	n := copy(all[:], t.tail[:])
	n += copy(all[n:], high)
	copy(t.tail[:], all[len(high):n])
	k := copy(t.out[uint64(2*done)%uint64(len(t.out)):], all[:len(high)])
	copy(t.out[:], all[k:len(high)])
}

// add adds what is heard from a moment on to a sum.
func (t *treble) add(sum []int32, at int64) {
	for first := uint64(2*at) % uint64(len(t.out)); len(sum) > 0; first = 0 {
		out := t.out[first:min(first+uint64(len(sum)), uint64(len(t.out)))]
		for i, v := range out {
			sum[i] += int32(v)
		}
		sum = sum[len(out):]
	}
}

// saysWide says whether the peer may speak in wideband.
func (s *Session) saysWide() bool { return s.terms.Codec.Rate() == WideRate || s.terms.Opus }

// hearsWide says whether what is mixed for the peer is heard in wideband.
func (s *Session) hearsWide() bool { return s.course == mixed && s.terms.Codec.Rate() == WideRate }

// brighten notes whether the upper band of the session is of use to who hears it.
func (s *Session) brighten(on bool) {
	ear := &s.ear
	if s.overhears != nil {
		ear = s.overhears
	}
	switch on = on && s.isMixed && s.saysWide(); {
	case s.sound == nil:
	case !on:
		s.sound.treble, s.ear.high, ear.high = nil, nil, nil
	case s.sound.treble == nil || ear.high == nil: // here, so that the packet path need not allocate
		s.sound.treble, ear.high = &treble{}, &overtone{}
	}
}
