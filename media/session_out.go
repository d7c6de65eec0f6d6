package media

import "time"

// sender is what goes to the peer: one SSRC, sequence numbers without a hole
// of our making, timestamps that follow elapsed time, whatever the source.
type sender struct {
	pace  timer // course mixed, playing, looping, stillness: the next frame
	phase int64 // of the frames: sessions are spread over 20 ms

	started bool
	turned  bool   // the source has changed: mark the next packet
	seq     uint16 // of the last packet
	ts      uint32 // of the last packet, at 8 kHz
	at      int64  // the moment ts stands for
	wire    clockOut
	dur     uint32 // samples of the last packet
	last    int64  // when it went out

	// Relay: what is added to the source's numbers.
	from      *Session // whose, nil: the sums must be made anew
	fromEpoch uint32   // which of its time lines
	seqPlus   uint16
	tsPlus    uint32

	// An event within paced sound.
	eventFrom *Session
	eventIn   uint32 // its timestamp at the source
	eventOut  uint32 // and here
	eventBy   int64  // its packets are expected until then: no silence meanwhile

	pad       keypad    // what is pressed for the peer
	mouth     speech    // what is encoded for the peer
	pack      *repacker // nil: never needed yet
	hush      []byte    // the last of what is relayed was this comfort noise
	repacking bool      // the relayed source's packets are cut to our length

	octets, packets uint32 // for RTCP
	shownProven     bool
}

// mostLimited is how much sound goes out before the ACK, in samples: 1 s.
const mostLimited = SampleRate

// maySend says whether the peer wants sound, and may have it.
func (s *Session) maySend() bool {
	return s.terms.Send && s.latch.to.IsValid() && !(s.limited && s.spent+s.frame > mostLimited)
}

// stamp moves the timestamp on to at, by no less than the last packet's length.
func (o *sender) stamp(at int64, dur int) {
	if !o.started {
		o.started, o.at, o.dur = true, at, uint32(dur)
		return
	}
	elapsed := (at - o.at) / int64(perSample)
	elapsed = max(elapsed, int64(o.dur))
	o.ts += uint32(elapsed)
	o.at += elapsed * int64(perSample)
	o.dur = uint32(dur)
}

// firstTick is when pacing begins: on the session's phase, and not before the
// last packet has been heard.
func (s *Session) firstTick(now int64) int64 {
	earliest := now
	if s.started {
		earliest = max(now, s.at+int64(s.dur)*int64(perSample))
	}
	periods := (earliest - s.phase + s.period - 1) / s.period
	return s.phase + periods*s.period
}

// mostBehind is how many frames a late shard catches up.
const mostBehind = 5

// tick is the moment of a paced frame.
func (s *Session) tick(due, now int64) {
	if due > now { // the wheel was too small for it
		s.shard.wheel.arm(&s.pace, due)
		return
	}
	if behind := (now - due) / s.period; behind > mostBehind {
		due += (behind - mostBehind) * s.period
		s.counts.skipped.Add(uint64(behind - mostBehind))
	}
	s.shard.wheel.arm(&s.pace, due+s.period) // first: a panic costs the frame, not the stream
	if s.course == playing && s.played >= s.clip.samples {
		s.endPlay(false, now)
	}
	if !s.pace.set { // what comes next is relayed
		return
	}
	if s.limited && s.spent+s.frame > mostLimited || !s.latch.to.IsValid() && !s.terms.Held {
		s.turned = true
		return // a Play waits with it
	}
	if s.course == keying {
		s.keyTick(due, now)
		return
	}
	if payload := s.fill(due); s.maySend() && due >= s.eventBy {
		s.from = nil
		s.stamp(due, s.frame)
		s.seq++
		s.send(outHeader{marker: s.turned, pt: s.terms.SendPT, seq: s.seq, ts: s.ts, ssrc: s.ssrc}, payload, due)
		s.turned = false
	} else {
		s.turned = true
	}
}

// fill puts the frame that is due at a moment behind the header in the shard's
// out buffer, and returns both.
func (s *Session) fill(due int64) []byte {
	whole := s.shard.out[:headerSize+s.frame]
	b := whole[headerSize:]
	codec := s.terms.Codec
	n := 0
	switch s.course {
	case playing:
		n = s.clip.read(b, codec, s.played)
		s.played += s.frame
	case looping:
		at := int(max(due-s.begun, 0) / int64(perSample) % int64(s.background.samples))
		for n < len(b) {
			n += s.background.read(b[n:], codec, at)
			at = 0
		}
	case mixed:
		if s.maySend() {
			n = s.say(b, due)
		}
	}
	for i := n; i < len(b); i++ {
		b[i] = codec.Silence()
	}
	return whole
}

// say writes to b what the others have said in the frame before a moment.
func (s *Session) say(b []byte, due int64) int {
	m, bench := &s.shard.mix, &s.shard.bench
	from := due/int64(perSample) - int64(s.frame)
	wide := s.terms.Codec.Rate() == WideRate
	sum, high := m.sum[:s.frame], m.high[:0]
	clear(sum)
	if wide {
		high = m.high[:2*s.frame]
		clear(high)
	}
	s.eachHeard(func(other *Session) {
		other.sound.add(sum, from)
		if wide {
			other.sound.addHigh(high, from)
		}
	})
	pcm := m.saturated(s.frame)
	if wide {
		return s.mouth.encodeBoth(b, pcm, high, bench)
	}
	return s.mouth.encode(b, pcm, bench)
}

// eachHeard calls do with all whom the session hears: the other seats, and who whispers to it.
func (s *Session) eachHeard(do func(*Session)) {
	for _, other := range s.within().seats {
		if other != s && other.isMixed && !other.muted {
			do(other)
		}
	}
	if s.table == nil {
		return
	}
	for _, w := range s.table.observers {
		if w.whispers == s && w.isMixed && !w.muted {
			do(w)
		}
	}
}

// send writes the header before the payload in b, and sends both.
func (s *Session) send(h outHeader, b []byte, now int64) {
	h.ts = s.wire.stamp(h.ts, s.terms.isOpus(h.pt) || h.pt != s.terms.SendPT && s.wire.fast)
	h.write(b)
	s.transmit(b)
	s.last = now
	n := len(b) - headerSize
	s.octets += uint32(n)
	s.packets++
	s.counts.sent.Add(1)
	s.counts.sentBytes.Add(uint64(n))
	if s.limited {
		s.spent += max(n, s.frame)
	}
}

// snap is how far a packet may be from the end of the one before and still
// follow it without a hole in the timestamps.
const snap = int64(5 * time.Millisecond)

// join makes the sums by which a source's numbers go on where ours are.
func (s *Session) join(from *Session, p *packet, now int64) {
	if end := s.at + int64(s.dur)*int64(perSample); s.started && now-end > 0 && now-end < snap {
		now = end
	}
	s.stamp(now, max(p.ticks, 1))
	s.from, s.fromEpoch = from, from.epoch
	s.seqPlus, s.tsPlus = s.seq+1-p.seq, s.ts-p.ts
	s.turned = true
}

// mostOff is how far a relayed source's time line may be from ours before the
// next change of source counts from its last packet's arrival instead.
const mostOff = int64(100 * time.Millisecond)

// forward relays a packet as it is: a packet that was lost stays a gap.
func (s *Session) forward(from *Session, p *packet, pt uint8, now int64) {
	if !s.maySend() {
		s.from = nil // what is not sent leaves no hole
		return
	}
	if s.from != from || s.fromEpoch != from.epoch || s.strayed(from, p, now) {
		s.join(from, p, now)
	}
	s.seq = p.seq + s.seqPlus
	ts := p.ts + s.tsPlus
	s.keepTime(ts, p.ticks, now)
	h := outHeader{marker: p.marker || s.turned, pt: pt, seq: s.seq, ts: ts, ssrc: s.ssrc}
	s.turned = false
	s.send(h, p.buf[p.start-headerSize:p.end], now)
}

// keepTime moves our time line on to a packet of so many samples with a source's timestamp.
func (s *Session) keepTime(ts uint32, dur int, now int64) {
	ahead := int64(int32(ts - s.ts))
	if ahead <= 0 { // an event keeps its first timestamp
		return
	}
	s.ts, s.dur = ts, uint32(dur)
	s.at += ahead * int64(perSample)
	if off := s.at - now; off > mostOff || off < -mostOff {
		s.at = now // the source's clock is not ours
	}
}

// strayed says that the source's timestamps have left elapsed time by more
// than a second at once: a phone that began them anew, or let them stand while
// it was silent. The peer is spared that.
func (s *Session) strayed(from *Session, p *packet, now int64) bool {
	if from.isEvent(p.pt) { // a key that is held down keeps its timestamp
		return false
	}
	ahead := int64(int32(p.ts + s.tsPlus - s.ts))
	off := s.at + ahead*int64(perSample) - now
	return off > int64(time.Second) || off < -int64(time.Second)
}

// forwardEvent relays a telephone-event packet, if the peer takes them.
func (s *Session) forwardEvent(from *Session, p *packet, now int64) {
	switch {
	case !s.terms.Events:
		s.passOver()
	case s.repacking:
		s.repackBetween(from, p, s.terms.EventSendPT, now)
	default:
		s.forward(from, p, s.terms.EventSendPT, now)
	}
}

// forwardComfort relays comfort noise, and remembers it for keepAlive.
func (s *Session) forwardComfort(from *Session, p *packet, now int64) {
	s.hush = append(s.hush[:0], p.payload()[:min(len(p.payload()), cap(s.hush))]...)
	if s.repacking {
		s.repackBetween(from, p, comfortNoise, now)
		return
	}
	s.forward(from, p, comfortNoise, now)
}

// keptBehind is how far behind a keep-alive's timestamp lies: the source's next
// packet, which may come at once, follows it.
const keptBehind = int64(30 * time.Millisecond)

// keepAlive sends a packet of silence within what is relayed, whose source
// says nothing: it takes a number of its own, and the source's time line stays.
func (s *Session) keepAlive(now int64) {
	if s.started && s.from != nil {
		s.seqPlus++
		ahead := max((now-keptBehind-s.at)/int64(perSample), int64(s.dur))
		s.ts += uint32(ahead)
		s.at += ahead * int64(perSample)
		s.dur = 1 // the source may be back at any moment
	} else {
		s.stamp(now, s.frame)
	}
	s.seq++
	if n := len(s.hush); n > 0 && s.from != nil && s.terms.Comfort { // it is still silent, and sounds so
		whole := s.shard.out[:headerSize+n]
		copy(whole[headerSize:], s.hush)
		s.send(outHeader{pt: comfortNoise, seq: s.seq, ts: s.ts, ssrc: s.ssrc}, whole, now)
		return
	}
	s.send(outHeader{pt: s.terms.SendPT, seq: s.seq, ts: s.ts, ssrc: s.ssrc}, s.fill(now), now)
}

// passOver leaves a packet of the relayed source out: what is not sent leaves
// no hole.
func (s *Session) passOver() {
	s.seqPlus--
	if s.repacking {
		s.pack.seq++
	}
}

// sendEvent sends another seat's telephone-event within paced sound: all of
// its packets with the timestamp at which it began here (RFC 4733 §2.1).
func (s *Session) sendEvent(from *Session, p *packet, now int64) {
	if !s.terms.Events || !s.maySend() {
		return
	}
	if s.eventFrom != from || s.eventIn != p.ts {
		s.stamp(now, 1)
		s.eventFrom, s.eventIn, s.eventOut = from, p.ts, s.ts
		s.turned = true
	}
	s.from = nil
	s.eventBy = now + 3*int64(FrameSamples)*int64(perSample)
	if released(p.payload()) {
		s.eventBy = now
	}
	s.seq++
	h := outHeader{marker: s.turned, pt: s.terms.EventSendPT, seq: s.seq, ts: s.eventOut, ssrc: s.ssrc}
	s.turned = false
	s.send(h, p.buf[p.start-headerSize:p.end], now)
}
