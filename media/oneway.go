package media

import (
	"net/netip"
	"time"
)

// Cause is the likely reason why a peer is not heard.
type Cause string

// The causes, the first that fits.
const (
	CauseOnHold    Cause = "on_hold"    // its description says that it will not send (a=recvonly)
	CauseRefused   Cause = "refused"    // what we send is refused by ICMP: nobody listens at its port
	CauseStranger  Cause = "stranger"   // packets come, from an address that is not the peer's
	CauseMuted     Cause = "muted"      // its RTCP is alive, its RTP is not: muted at the device, or no microphone
	CauseNoPackets Cause = "no_packets" // nothing has ever come: a firewall, a wrong address
	CauseStopped   Cause = "stopped"    // RTP came and stopped, and nothing says why
	CauseSilence   Cause = "silence"    // packets come with nothing but digital silence in them
)

// OneWay says that a peer whom somebody listens to has not been heard for For, which is less than
// 3 s at the first time. It is told again when what happens later makes another cause likelier.
type OneWay struct {
	Session SessionID
	Cause   Cause
	For     time.Duration
	From    netip.AddrPort // CauseStranger: where the packets come from
}

// HeardAgain ends a OneWay: sound has come, after For without.
type HeardAgain struct {
	Session SessionID
	For     time.Duration
}

// Stopped says that the packets of a peer whom somebody listens to have stopped for about a second,
// and that it is not known to fall silent with its speaker: it may be gone. It is told once until
// packets come again.
type Stopped struct{ Session SessionID }

func (Stopped) event()    {}
func (OneWay) event()     {}
func (HeardAgain) event() {}

// unheardAfter is how long a peer may not be heard before it is said. It is looked at every
// choresEvery, and said within 3 s.
const unheardAfter = int64(2800 * time.Millisecond)

// stoppedAfter is how long packets may be away before it is said.
const stoppedAfter = int64(900 * time.Millisecond)

// A phone that is known to fall silent when its speaker does is not watched for it: one that sends
// comfort noise, or that has paused before. Who mutes the phone pauses too, but not so often so briefly.
const (
	leastPause   = SampleRate / 5
	provenPauses = 2
)

// watch looks whether a peer that should be heard is.
type watch struct {
	on    bool  // somebody listens, and the peer may speak
	from  int64 // since when
	told  bool  // OneWay is out
	still bool  // Stopped is out

	listened int64  // since when somebody listens, for Stopped; 0: nobody does
	cause    Cause  // what it said
	since    int64  // of the silence it told of
	seq      uint16 // of the last packet
	ts       uint32 // and the timestamp after it
	begun    bool   // there is one

	packet   int64 // when the last came
	sounding int64 // when the last came that was not digital silence; comfort noise is not
	pausing  bool  // the peer is in a pause that it announced (comfort noise), or is one that pauses
	pauses   int   // how often its packets have stopped for a moment without one being lost: silence suppression

	stranger  int64 // when the last stranger's packet came
	whence    netip.AddrPort
	reported  int64 // when its last RTCP came
	refusals  uint32
	refusedAt int64
}

// note is a packet of the peer's as it comes. It is on the packet path.
func (w *watch) note(s *Session, p *packet, now int64) {
	body := p.payload()
	opus := s.terms.isOpus(p.pt)
	noise := p.pt == comfortNoise || opus && len(body) < opusSilence
	if w.begun && p.seq == w.seq+1 && int32(p.ts-w.ts) >= leastPause && w.on && !w.told && w.packet > w.from {
		w.pauses++
	}
	w.packet = now
	w.begun, w.seq, w.ts = true, p.seq, p.ts+uint32(p.ticks)
	w.pausing = noise || w.pauses >= provenPauses
	if noise || s.isEvent(p.pt) || !mute(s.codecOf(p.pt), body) {
		w.sounding = now
	}
}

// mute says whether a payload holds digital silence: bytes that all mean zero. Of G.722, in which
// silence has no byte, it says only of those that are all the same.
func mute(c Codec, payload []byte) bool {
	if len(payload) == 0 {
		return true
	}
	var zero, minus byte
	switch c {
	case PCMU:
		zero, minus = 0xFF, 0x7F
	case PCMA:
		zero, minus = 0xD5, 0x55
	default:
		zero, minus = payload[0], payload[0]
	}
	for _, b := range payload { // ends at the first byte of speech
		if b != zero && b != minus {
			return false
		}
	}
	return true
}

// begin restarts the clock: before it nobody could expect sound.
func (w *watch) begin(now int64) { w.from, w.told = now, false }

// stop looks whether the peer's packets have stopped. Unlike look it minds a muted peer too: who is
// gone is not heard again when the mute ends.
func (s *Session) stop(now int64) {
	w := &s.watch
	if w.still && s.cfg.Browser { // it cannot be asked whether it is there: its packets tell
		if now-w.packet < stoppedAfter {
			w.still = false
			s.engine.cfg.Emit(Resumed{Session: s.id})
		}
		return
	}
	if !s.terms.Send || !s.terms.Receive || s.table == nil || len(s.table.seats) < 2 {
		w.listened, w.still = 0, false
		return
	}
	if w.listened == 0 {
		w.listened = now
	}
	still := !w.pausing && now-max(w.packet, w.listened) >= stoppedAfter
	if still && !w.still {
		s.engine.cfg.Emit(Stopped{Session: s.id})
	}
	w.still = still
}

// look is the watch's chore.
func (s *Session) look(now int64) {
	w := &s.watch
	if s.rtp == nil { // a browser that is not found yet
		return
	}
	if n := s.rtp.refusals.Load(); n != w.refusals {
		w.refusals, w.refusedAt = n, now
	}
	on := s.agreed && !s.dormant && !s.muted && s.terms.Send && s.table != nil && len(s.table.seats) > 1
	if on != w.on {
		w.on = on
		w.begin(now)
	}
	if !on {
		return
	}
	since, packets := max(w.packet, w.from), true
	if now-since < unheardAfter || w.pausing {
		since, packets = max(w.sounding, w.from), false
		if now-since < unheardAfter || w.pausing {
			s.heardAgain(now)
			return
		}
	}
	if !w.told {
		w.since = since
	}
	cause := CauseSilence
	if packets {
		cause = s.unheard(since, now)
	}
	if w.told && (cause == w.cause || cause == CauseStopped) {
		return
	}
	w.told, w.cause = true, cause
	one := OneWay{Session: s.id, Cause: cause, For: time.Duration(now - w.since)}
	if cause == CauseStranger {
		one.From = w.whence
	}
	s.engine.cfg.Emit(one)
}

func (s *Session) heardAgain(now int64) {
	w := &s.watch
	if w.told {
		w.told = false
		s.engine.cfg.Emit(HeardAgain{Session: s.id, For: time.Duration(max(w.packet, w.sounding) - w.since)})
	}
}

// unheard is the likely cause of no packets since a moment.
func (s *Session) unheard(since, now int64) Cause {
	w := &s.watch
	switch {
	case !s.terms.Receive:
		return CauseOnHold
	case w.refusedAt > since:
		return CauseRefused
	case w.stranger > since:
		return CauseStranger
	case w.reported > since:
		return CauseMuted
	case w.packet == 0:
		return CauseNoPackets
	}
	return CauseStopped
}
