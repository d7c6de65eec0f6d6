package media

// repacker cuts a relayed source's sound into packets of our length. Nothing is decoded and nothing
// waits for a clock that need not: a packet leaves as soon as its last byte is there, or, when
// several come in one, at their own pace. Timestamps are the source's. What is missing stays
// missing: a hole ends the packet before it, which is then a short one, and is left in the
// sequence numbers too.
type repacker struct {
	timer timer // the next packet that waits for its pace, or the end of waiting for more

	going  bool   // n, ts and seq go on
	n      int    // bytes that wait
	ts     uint32 // of the first of them, at the source
	seq    uint16 // of the source's last packet
	marker bool   // of the packet that the first of them came in
	next   int64  // not before this does a packet leave that nothing pushes
	bytes  [2*maxFrame + maxPayload]byte
}

// repackFor makes the session ready to be relayed other's packets in our length. Called when who
// hears whom is decided, so that the packet path need not allocate.
func (s *Session) repackFor(other *Session) {
	if other.terms.Ptime == s.terms.Ptime || other.terms.OpusFirst && s.terms.Opus { // Opus is not cut
		s.repacking = false
		return
	}
	s.repacking = true
	if s.pack == nil {
		s.pack = &repacker{}
		s.pack.timer = timer{owner: s, fire: s.repackDue}
	}
}

// unpack forgets what waits: its source is no longer heard.
func (s *Session) unpack() {
	s.repacking = false
	if s.pack != nil {
		s.shard.wheel.disarm(&s.pack.timer)
		s.pack.going, s.pack.n = false, 0
	}
}

// relay has the peer hear a packet of the relayed source: as it is, or in our codec and length.
// pcm is its sound, nil: not decoded yet.
func (s *Session) relay(from *Session, p *packet, pcm []int16, now int64) {
	if p.pt == comfortNoise {
		s.forwardComfort(from, p, now)
		return
	}
	s.hush = s.hush[:0]
	switch {
	case !from.terms.isOpus(p.pt):
		s.convert(from, from.codecOf(p.pt), p.payload(), pcm)
	case s.terms.Opus: // untouched
		s.forward(from, p, s.terms.OpusPT, now)
		return
	case !s.unpackOpus(from, p, pcm):
		return
	}
	if s.repacking {
		s.repack(from, p, now)
		return
	}
	s.forward(from, p, s.terms.SendPT, now)
}

func (s *Session) repack(from *Session, p *packet, now int64) {
	if !s.pursue(from, p, now) {
		return
	}
	r, payload := s.pack, p.payload()
	if r.n == 0 {
		r.ts, r.marker = p.ts, p.marker
	}
	if len(payload) > len(r.bytes)-r.n { // longer than any frame: nothing is gained by cutting it
		s.emit(r.n, now)
		r.ts = p.ts
	}
	r.n += copy(r.bytes[r.n:], payload)
	for r.n >= s.frame && (r.n > len(payload) || now >= r.next) { // what came before this packet is overdue
		s.emit(s.frame, now)
	}
	s.await(now)
}

// pursue sees to it that the sums by which the source's timestamps go on where ours are hold for
// this packet, and that a hole before it stays one. False: the peer does not want it.
func (s *Session) pursue(from *Session, p *packet, now int64) bool {
	r := s.pack
	if !s.maySend() {
		s.from, r.going, r.n = nil, false, 0
		return false
	}
	if s.from != from || s.fromEpoch != from.epoch || s.strayed(from, p, now) {
		s.emit(r.n, now)
		s.join(from, p, now)
		r.going = false
	}
	end := r.ts + uint32(r.n)
	if r.going && p.ts != end {
		s.emit(r.n, now)
		if lost := p.seq - r.seq - 1; lost > 0 {
			gap := max(int32(p.ts-end), 0) / int32(s.frame)
			s.seq += uint16(max(1, min(gap, 1000)))
		}
		r.marker = false
	}
	if !r.going || r.n == 0 {
		r.ts = p.ts
	}
	r.going, r.seq = true, p.seq
	return true
}

// emit sends the first n bytes that wait as one packet.
func (s *Session) emit(n int, now int64) {
	r := s.pack
	if n <= 0 {
		return
	}
	if s.maySend() {
		whole := s.shard.out[:headerSize+n]
		copy(whole[headerSize:], r.bytes[:n])
		s.seq++
		ts := r.ts + s.tsPlus
		s.keepTime(ts, n, now)
		h := outHeader{marker: r.marker || s.turned, pt: s.terms.SendPT, seq: s.seq, ts: ts, ssrc: s.ssrc}
		s.turned = false
		s.send(h, whole, now)
	}
	r.marker = false
	r.next = now + int64(n)*int64(perSample) - slot/2
	copy(r.bytes[:], r.bytes[n:r.n])
	r.n -= n
	r.ts += uint32(n)
}

// await arms the timer for what waits.
func (s *Session) await(now int64) {
	r := s.pack
	switch {
	case r.n == 0:
		s.shard.wheel.disarm(&r.timer)
	case r.n >= s.frame:
		s.shard.wheel.arm(&r.timer, r.next)
	default: // the rest may never come: a pause of the source's
		s.shard.wheel.arm(&r.timer, now+2*int64(maxFrame)*int64(perSample))
	}
}

// repackDue is the moment of await.
func (s *Session) repackDue(_, now int64) {
	s.emit(min(s.pack.n, s.frame), now)
	s.await(now)
}

// repackBetween relays a packet that is no sound, under a payload type, between
// repacked sound.
func (s *Session) repackBetween(from *Session, p *packet, pt uint8, now int64) {
	if s.pack.n > 0 && s.from == from {
		s.emit(s.pack.n, now)
	}
	if !s.pursue(from, p, now) {
		return
	}
	s.pack.going = false // what follows need not go on where an event began
	s.seq++
	ts := p.ts + s.tsPlus
	s.keepTime(ts, 1, now)
	h := outHeader{marker: p.marker || s.turned, pt: pt, seq: s.seq, ts: ts, ssrc: s.ssrc}
	s.turned = false
	s.send(h, p.buf[p.start-headerSize:p.end], now)
}
