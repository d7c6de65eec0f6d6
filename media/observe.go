package media

import "slices"

// An observer has a place beside a table: it hears who sits there, and is heard
// by one of them at most. It has no part in who is relayed to whom, so that
// those whom it does not whisper to are sent the very packets that they would
// be sent without it; what the observer hears is decoded beside that.

// Observe gives s a place beside the bridge's table instead of a seat: it hears
// all who sit there, and only whisper hears it, while that one sits there; nil:
// nobody does. Its digits go to nobody, and a Tap is told of nothing it says. It may be called
// again, to whisper to somebody else; Join gives it a seat, Part takes it away.
func (b *Bridge) Observe(s, whisper *Session) {
	s.moveTo(b.shard, func(now int64) { s.observe(b.table, whisper, now) })
}

func (s *Session) observe(t *table, whisper *Session, now int64) {
	if s.ended {
		return
	}
	if s.observes != t {
		s.cede(now)
		s.observes = t
		t.observers = append(t.observers, s)
	}
	s.whispers = whisper
	t.reroute(now)
}

// within is the table at which or beside which the session is, or nil.
func (s *Session) within() *table {
	if s.table != nil {
		return s.table
	}
	return s.observes
}

// cedeObserved gives up the place beside a table, if there is one.
func (s *Session) cedeObserved(now int64) {
	if t := s.observes; t != nil {
		t.observers = without(t.observers, s)
		s.observes, s.whispers = nil, nil
		t.reroute(now)
	}
}

// whispered says whether an observer whispers to a seat.
func (t *table) whispered(to *Session) bool {
	for _, w := range t.observers {
		if w.whispers == to && w.agreed && !w.dormant {
			return true
		}
	}
	return false
}

// listened says whether an observer hears those who sit at the table, and in wideband.
func (t *table) listened() (heard, wide bool) {
	for _, w := range t.observers {
		heard = heard || w.course == mixed
		wide = wide || w.hearsWide()
	}
	return heard, wide
}

// rerouteObservers decides anew who must decode them.
func (t *table) rerouteObservers() {
	for _, w := range t.observers {
		w.relayTo = nil
		heard := w.whispers != nil && w.whispers.table == t && w.whispers.course == mixed
		w.mixFor(heard, heard && w.whispers.hearsWide())
	}
}

// mixFor notes whether somebody mixes the session, and hears it in wideband.
func (s *Session) mixFor(somebody, wide bool) {
	defer func() { s.brighten(wide) }()
	was := s.isMixed
	s.isMixed = somebody
	if s.isMixed && s.sound == nil {
		s.sound = newPlayout(s.engine.cfg)
	}
	if s.isMixed && !was {
		s.sound.renew()
	}
	if !s.overheard() {
		s.overhears = nil
		return
	}
	if s.overhears == nil { // here, so that the packet path need not allocate
		s.overhears = &speech{}
	}
	s.overhears.speaks(s.terms.Codec)
}

// overheard says whether the session's packets are relayed to the other seat,
// and an observer hears them too.
func (s *Session) overheard() bool { return s.isMixed && s.relayTo != nil }

// overhear decodes a packet for observers alone: what the relay makes of it, and
// its counts, stay as they are.
func (s *Session) overhear(p *packet, now int64) {
	switch {
	case s.table == nil || s.muted || !s.terms.Receive:
	case !p.steady || p.pt == comfortNoise:
		s.sound.silent(p, p.steady)
	default:
		c, b := s.codecOf(p.pt), &s.shard.bench
		var pcm, high []int16
		switch {
		case c == Opus:
			pcm, high = s.overhears.decodeOpus(p.payload(), b)
		case c == s.overhears.codec:
			pcm, high = s.overhears.decode(p.payload(), b)
		case c == G722: // as little as listen can: it has state
			return
		default:
			pcm = b.pcm[:c.Decode(b.pcm[:], p.payload())]
		}
		s.sound.write(p, pcm, high, now)
	}
}

func without(all []*Session, s *Session) []*Session {
	if i := slices.Index(all, s); i >= 0 {
		return slices.Delete(all, i, i+1)
	}
	return all
}
