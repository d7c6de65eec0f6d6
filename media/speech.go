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
	room bandRoom
}

// decode returns the samples of the stream's next payload at 8 kHz, valid until the bench is used
// again.
func (v *speech) decode(payload []byte, b *bench) []int16 {
	payload = payload[:min(len(payload), maxPayload)]
	if v.codec.Rate() == SampleRate {
		return b.pcm[:v.coder.Decode(b.pcm[:], payload)]
	}
	n := v.coder.Decode(b.wide[:], payload)
	return b.pcm[:v.down.halve(b.pcm[:], b.wide[:n], &b.room)]
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
func (v *speech) decodeOpus(payload []byte, b *bench) []int16 {
	return b.pcm[:v.opusDown.halve(b.pcm[:], b.wide[:v.hearOpus(payload, b)], &b.room)]
}

// encode writes the stream's next samples, at 8 kHz and at most maxPayload, to dst and returns how
// many bytes. pcm may lie on the bench.
func (v *speech) encode(dst []byte, pcm []int16, b *bench) int {
	if v.codec.Rate() == SampleRate {
		return v.coder.Encode(dst, pcm)
	}
	return v.coder.Encode(dst, b.wide[:v.up.double(b.wide[:], pcm, &b.room)])
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
			pcm = from.listen(c, payload, b)
		}
		s.mouth.encode(payload, pcm, b)
	}
}

// listen decodes the next of the peer's payloads, whose turn it is, at 8 kHz. A peer may send the
// other law of G.711 than was agreed on (RFC 3264 §7), which has no state.
func (s *Session) listen(c Codec, payload []byte, b *bench) []int16 {
	if c == Opus {
		return s.ear.decodeOpus(payload, b)
	}
	if c != s.ear.codec && c != G722 {
		return b.pcm[:c.Decode(b.pcm[:], payload)]
	}
	return s.ear.decode(payload, b)
}
