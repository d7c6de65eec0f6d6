package media

// record tells the tap of a packet that has just come, before it is sorted: a
// recording has no deadline, so what the jitter buffer will call late is of use
// to it, and what it holds back need not wait. After a panic of the tap's the
// packet is lost for the others too, and the shard goes on.
func (s *Session) record(p *packet) {
	if s.tail.until != 0 && p.came > s.tail.until {
		s.tap = nil
		return
	}
	b := &s.shard.bench
	codec, pcm := s.codecOf(p.pt), b.wide[:0]
	switch aloud := s.saysAloud(); {
	case aloud && p.pt == comfortNoise:
		s.tap.Comfort(s.side, p.ssrc, p.ts, p.seq, s.engine.unix(p.came), hum(p, b))
		s.tellStill(p.came)
		return
	case aloud && !s.isEvent(p.pt):
		coder := Coder(codec)
		switch codec {
		case G722:
			coder = s.taped
		case Opus:
			if s.tapes == nil {
				s.tapes = newOpus()
			}
			coder = s.tapes
		}
		pcm = b.wide[:coder.Decode(b.wide[:], p.payload())]
	}
	s.tap.Sound(s.side, p.ssrc, p.ts, p.seq, p.marker, s.engine.unix(p.came), codec.Rate(), pcm)
	s.tellStill(p.came)
}

// hum is 80 ms of the noise that a packet of comfort noise describes.
func hum(p *packet, b *bench) []int16 {
	pcm := b.pcm[:humLength]
	noise := comfort{seed: p.ts}
	noise.describe(p.payload())
	noise.fill(pcm)
	return pcm
}

const humLength = 640 // samples

// isStill says that what the session does not send is silence to a tap, and no
// pause in its talk.
func (s *Session) isStill() bool { return s.tail.until != 0 || s.quiet || !s.saysAloud() }

// tellStill tells the tap when that has changed.
func (s *Session) tellStill(now int64) {
	if s.isStill() != s.stilled {
		s.meetTap(now)
	}
}

// meetTap tells the tap whether the stream is still: it may have left it so before.
func (s *Session) meetTap(now int64) {
	if s.tap == nil || !s.heard {
		return
	}
	s.stilled = s.isStill()
	s.tap.Still(s.side, s.who, s.engine.unix(now), s.stilled)
}

// leaveTap tells the tap that nothing more is to come from the stream.
func (s *Session) leaveTap(now int64) {
	if s.tap != nil && s.heard && !s.stilled {
		s.tap.Still(s.side, s.who, s.engine.unix(now), true)
	}
	s.stilled = false
}
