package media

// speech is one stream's coder with what stands between its rate and that of the mix, 8 kHz. Its
// two directions do not touch each other.
type speech struct {
	codec Codec
	coder Coder // nil: of none yet
	down  halver
	up    doubler

	opus     Coder // nil: nothing of it has come yet
	opusDown halver

	high *overtone // nil: who hears the mix has no use for the upper band
}

// speaks makes it speak that codec, with nothing heard or said yet if it was not.
func (v *speech) speaks(c Codec) {
	if v.coder == nil || v.codec != c {
		*v = speech{codec: c, coder: c.NewCoder()}
	}
}

// bench is where a shard lays out the sound it works on. It keeps nothing.
type bench struct {
	wide [mostWide]int16
	pcm  [maxPayload]int16
	high [mostWide]int16
	room bandRoom
}

// decode returns the samples of the stream's next payload at 8 kHz, and what it has beyond them if
// that is of use, valid until the bench is used again.
func (v *speech) decode(payload []byte, b *bench) (pcm, high []int16) {
	payload = payload[:min(len(payload), maxPayload)]
	if v.codec.Rate() == SampleRate {
		return b.pcm[:v.coder.Decode(b.pcm[:], payload)], nil
	}
	return v.part(&v.down, v.coder.Decode(b.wide[:], payload), b)
}

// part makes two bands of so many samples on the bench.
func (v *speech) part(down *halver, n int, b *bench) (pcm, high []int16) {
	pcm = b.pcm[:down.halve(b.pcm[:], b.wide[:n], &b.room)]
	if v.high != nil {
		high = b.high[:2*len(pcm)]
		v.high.split(high, b.wide[:n], pcm, &b.room)
	}
	return pcm, high
}

// hearOpus decodes the stream's next packet of Opus onto the bench, at 16 kHz, and returns how many
// samples. Its decoder is made when the first one comes: few streams have any.
func (v *speech) hearOpus(payload []byte, b *bench) int {
	if v.opus == nil {
		v.opus = newOpus()
	}
	return v.opus.Decode(b.wide[:], payload)
}

// decodeOpus is decode for a packet of Opus.
func (v *speech) decodeOpus(payload []byte, b *bench) (pcm, high []int16) {
	return v.part(&v.opusDown, v.hearOpus(payload, b), b)
}

// encode writes the stream's next samples, at 8 kHz and at most maxPayload, to dst and returns how
// many bytes. pcm may lie on the bench.
func (v *speech) encode(dst []byte, pcm []int16, b *bench) int {
	if v.codec.Rate() == SampleRate {
		return v.coder.Encode(dst, pcm)
	}
	return v.coder.Encode(dst, b.wide[:v.up.double(b.wide[:], pcm, &b.room)])
}

// encodeBoth is encode with what lies beyond the 8 kHz, twice as many samples.
func (v *speech) encodeBoth(dst []byte, pcm []int16, high []int32, b *bench) int {
	wide := b.wide[:v.up.double(b.wide[:], pcm, &b.room)]
	for i, x := range high[:len(wide)] {
		wide[i] = int16(min(max(int32(wide[i])+x, -32768), 32767))
	}
	return v.coder.Encode(dst, wide)
}

// convert puts a payload of another codec into ours, in its place: all codecs have a byte for each
// tick, so a packet's length, timestamp and number stay as they are, and a hole stays a hole for
// the phone's own concealment. Between the G.711 laws it is a table.
func (s *Session) convert(from *Session, c Codec, payload []byte, pcm []int16) {
	switch to := s.terms.Codec; {
	case c == to:
	case c != G722 && to != G722:
		c.Transcode(payload, to, payload)
	default:
		b := &s.shard.bench
		if pcm == nil {
			pcm, _ = from.listen(c, payload, b)
		}
		s.mouth.encode(payload, pcm, b)
	}
}

// listen decodes the next of the peer's payloads, whose turn it is, at 8 kHz, and what it has beyond. A peer may send the
// other law of G.711 than was agreed on (RFC 3264 §7), which has no state.
func (s *Session) listen(c Codec, payload []byte, b *bench) (pcm, high []int16) {
	if c == Opus {
		return s.ear.decodeOpus(payload, b)
	}
	if c != s.ear.codec && c != G722 {
		return b.pcm[:c.Decode(b.pcm[:], payload)], nil
	}
	return s.ear.decode(payload, b)
}
