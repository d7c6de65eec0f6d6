package media

import (
	"net/netip"
	"slices"
)

// receiver is what comes from the peer.
type receiver struct {
	latch latch
	order jitter
	gap   timer // when the oldest gap is given up
	keys  digits
	hurry presses
	codes codes
	tones *dialTones // nil: its digits are no tones
	ear   speech     // the peer's sound in its order
	taped Coder      // G.722: the same for the tap, as it comes
	tapes Coder      // and Opus; nil: none has come
	clock clockIn    // of a peer who may send Opus
	sound *playout   // nil until somebody mixes this session
	took  uint16     // number of the packet whose turn was last
	taken bool       // there is one, of this stream

	heard bool   // a stream is known
	who   uint32 // its SSRC
	epoch uint32 // counts its time lines: SSRC changes and jumps begin one

	reception
	watch watch
}

// receive takes one datagram, which is in the shard's packet.
func (s *Session) receive(sock *socket, from netip.AddrPort, n int, now int64) {
	p := s.shard.in
	if n > maxDatagram {
		s.counts.garbage.Add(1)
		return
	}
	if sock.door != nil && (s.isOthers(sock, from, n) || !s.agreed) {
		return // a browser's DTLS may be done a moment before ours: it is no stranger, but there is no key yet
	}
	if sock.control || s.terms.Mux && isRTCP(p.buf[:n]) {
		s.control(p.buf[:n], from, now)
		return
	}
	if s.seal != nil {
		var ok bool
		if n, ok = s.unseal(p, from, n); !ok {
			return
		}
	}
	if !p.parse(n) || s.agreed && !s.known(p.pt) {
		s.counts.garbage.Add(1)
		return
	}
	was := s.latch.to
	how := stranger
	if s.agreed {
		how = s.latch.hear(from, p.ssrc, p.seq)
	}
	switch {
	case how == stranger:
		s.counts.strangers.Add(1)
		s.watch.stranger, s.watch.whence = now, from
		return
	case how == candidate:
		return
	case s.latch.to != was || s.latch.proven != s.shownProven:
		s.showRemote()
	}
	p.came, p.steady = now, !s.isEvent(p.pt)
	if s.terms.Opus {
		if s.terms.isOpus(p.pt) {
			p.ticks = opusLength(p.payload())
		}
		s.clock.tick(p, s.terms.isOpus(p.pt))
	}
	s.waiting, s.timedOut = now, false
	s.counts.last.Store(now + 1)
	s.counts.received.Add(1)
	s.counts.receivedBytes.Add(uint64(p.end - p.start))
	if !s.heard || p.ssrc != s.who {
		s.meet(p, now)
	}
	s.watch.note(s, p, now)
	s.reception.note(p, &s.counts, now, p.steady)
	if s.tap != nil {
		s.record(p)
	}
	if !s.ended {
		s.sort(p, now)
	}
}

// comfortNoise is the static payload type of RFC 3389. Some peers send it
// without a word: it is the peer's silence.
const (
	comfortNoise uint8 = 13
	comfortName        = "cn/8000"
)

var comfortFormat = format{comfortNoise, "CN/8000"}

func takesComfort(formats []format) bool {
	return slices.Contains(formats, format{comfortNoise, comfortName})
}

// known says whether a payload type was negotiated.
func (s *Session) known(pt uint8) bool {
	_, ok := s.terms.CodecOf(pt)
	return ok || s.isEvent(pt) || pt == comfortNoise
}

// codecOf is the codec of a packet of the peer's, the one agreed on where the packet has none.
func (s *Session) codecOf(pt uint8) Codec {
	if c, ok := s.terms.CodecOf(pt); ok {
		return c
	}
	return s.terms.Codec
}

func (s *Session) isEvent(pt uint8) bool { return s.terms.Events && pt == s.terms.EventRecvPT }

// meet begins a new stream of the peer: its first, or another SSRC.
func (s *Session) meet(p *packet, now int64) {
	again := s.heard
	if again {
		s.flush(now)
		s.counts.resyncs.Add(1)
		s.leaveTap(now)
	}
	s.heard, s.who = true, p.ssrc
	s.counts.ssrc.Store(p.ssrc)
	s.order.forget()
	s.taken = false
	s.reception.begin(p.seq)
	s.newLine()
	if again {
		s.meetTap(now) // it may have been told of this one before
	}
}

// newLine says that the timestamps to come have nothing to do with those before.
func (s *Session) newLine() {
	s.epoch++
	if s.sound != nil {
		s.sound.renew()
	}
}

// sort lets the packet, and those that waited for it, have their turn.
func (s *Session) sort(p *packet, now int64) {
	waited := s.order.held > 0
	how := s.order.arrive(p, now)
	if s.isMixed && how != duplicate && how != jumped && how != restarts {
		s.voice(p, how == late, now)
	}
	switch how {
	case leaves:
		if s.order.stray != nil { // it was alone
			s.counts.garbage.Add(1)
			s.dropStray()
		}
		if waited {
			s.counts.reordered.Add(1)
		}
		s.take(p, now)
	case waits:
		if s.order.passed(p.seq) {
			s.counts.reordered.Add(1)
		}
		s.order.hold(p)
		s.shard.in = s.shard.borrow()
		s.giveUp(now, now)
		return
	case duplicate:
		s.counts.duplicate.Add(1)
		return
	case late:
		if !s.isMixed || s.overheard() {
			s.counts.late.Add(1)
		}
		return
	case jumped:
		s.dropStray()
		s.order.stray = p
		s.shard.in = s.shard.borrow()
		return
	case resumes:
		s.flush(now)
		s.counts.lost.Add(uint64(s.order.resume(p.seq)))
		s.take(p, now)
	case restarts:
		s.restart(p, now)
	}
	if waited || s.order.held > 0 {
		s.drain(now)
	}
}

// restart goes on where two packets in sequence say that the source is now.
func (s *Session) restart(p *packet, now int64) {
	first := s.order.stray
	s.order.stray = nil
	s.flush(now)
	s.counts.resyncs.Add(1)
	s.newLine()
	s.taken = false
	s.reception.begin(first.seq)
	s.reception.note(p, &s.counts, now, p.steady)
	if s.isMixed {
		s.voice(first, false, now)
		s.voice(p, false, now)
	}
	s.order.start(first.seq)
	s.take(first, now)
	s.shard.giveBack(first)
	s.order.step(true)
	s.take(p, now)
}

// dropStray forgets a packet that was far from all others.
func (s *Session) dropStray() {
	if q := s.order.stray; q != nil {
		s.order.stray = nil
		s.shard.giveBack(q)
	}
}

// voiced reports that the session's packets are decoded as they come, by voice.
func (s *Session) voiced() bool {
	return s.isMixed && s.relayTo == nil && s.within() != nil && !s.muted && s.terms.Receive
}

// voice lets those who mix the session have a packet as soon as it has come:
// the playout sorts by timestamps, and waits as long as it is worth it. behind
// says that its gap has been given up.
func (s *Session) voice(p *packet, behind bool, now int64) {
	if s.overheard() {
		s.overhear(p, now)
		return
	}
	if !s.voiced() {
		return
	}
	if !p.steady || p.pt == comfortNoise {
		s.sound.silent(p, p.steady)
		return
	}
	pcm, high := s.listen(s.codecOf(p.pt), p.payload(), &s.shard.bench)
	if s.tones != nil && !behind {
		s.heed(pcm, now)
	}
	switch heard := s.sound.write(p, pcm, high, now); {
	case heard && behind && !s.order.owed: // before the first
	case heard && behind:
		s.counts.lost.Add(^uint64(0)) // it was not, after all
		s.counts.reordered.Add(1)
	case !heard && !behind:
		s.counts.lost.Add(1)
		s.counts.late.Add(1)
	case !heard:
		s.counts.late.Add(1)
	}
}

// drain gives those their turn whose turn it is, and sets the timer for the
// next gap.
func (s *Session) drain(now int64) {
	for q := s.order.pop(); q != nil; q = s.order.pop() {
		s.take(q, now)
		s.shard.giveBack(q)
	}
	if due, ok := s.order.due(now); ok {
		s.shard.wheel.arm(&s.gap, due)
	} else {
		s.shard.wheel.disarm(&s.gap)
	}
}

// giveUp ends the wait for what is missing before the oldest held packet.
func (s *Session) giveUp(due, now int64) {
	if at, ok := s.order.due(now); ok && at <= now {
		s.counts.lost.Add(uint64(s.order.skip()))
	}
	s.drain(now)
}

// flush gives all held packets their turn, whatever is missing.
func (s *Session) flush(now int64) {
	for s.order.held > 0 {
		s.counts.lost.Add(uint64(s.order.skip()))
		q := s.order.pop()
		s.take(q, now)
		s.shard.giveBack(q)
	}
	s.dropStray()
	s.shard.wheel.disarm(&s.gap)
}

// take is a packet's turn: all before it have had theirs, or never will.
func (s *Session) take(p *packet, now int64) {
	missing := 0
	if s.taken && p.seq-s.took > 1 {
		missing = int(p.seq - s.took - 1)
		s.counts.gaps.Add(1)
	}
	s.losses.took(missing)
	s.taken, s.took = true, p.seq
	if s.isEvent(p.pt) {
		s.press(p, now)
		return
	}
	var pcm []int16 // G.722 may be decoded once only: it has state
	if s.tones != nil && p.pt != comfortNoise && !s.voiced() {
		pcm, _ = s.listen(s.codecOf(p.pt), p.payload(), &s.shard.bench)
		s.heed(pcm, now)
	}
	if s.table == nil || s.muted || s.passedOver(p) {
		return
	}
	if s.relayTo != nil {
		s.relayTo.relay(s, p, pcm, now)
	}
}

// passedOver says that a packet is not to be heard: the peer said that it would
// send nothing, or it is comfort noise for whom does not take any. A relay closes
// the hole.
func (s *Session) passedOver(p *packet) bool {
	if s.terms.Receive && (p.pt != comfortNoise || s.relayTo != nil && s.relayTo.terms.Comfort) {
		return false
	}
	if s.relayTo != nil {
		s.relayTo.passOver()
	}
	return true
}
