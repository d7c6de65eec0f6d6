package media

import (
	"fmt"
	"strings"
	"time"
)

// keys are the digits of RFC 4733's events 0 to 15; higher events are tones
// and flashes, no digits.
const keys = "0123456789*#ABCD"

// DTMF is how digits pass between us and a peer.
type DTMF uint8

// The ways of a digit. INFO is not media's: whoever owns the dialog sends it
// and hands what comes to SendDigits.
const (
	DTMFAuto   DTMF = iota // telephone-events (RFC 4733) where the peer does them, else tones in the sound
	DTMFEvents             // telephone-events alone
	DTMFInfo               // SIP INFO: no events are offered, no tones are made
	DTMFInband             // tones in the sound: no events are offered
)

var dtmfNames = [...]string{"auto", "rfc4733", "info", "inband"}

// ParseDTMF returns the way of that name: auto, rfc4733, info or inband.
func ParseDTMF(name string) (DTMF, error) {
	for i, n := range dtmfNames {
		if name == n {
			return DTMF(i), nil
		}
	}
	return 0, fmt.Errorf("media: dtmf %q is not known, want %s", name, strings.Join(dtmfNames[:], ", "))
}

// String returns the name that ParseDTMF takes.
func (d DTMF) String() string {
	if int(d) < len(dtmfNames) {
		return dtmfNames[d]
	}
	return fmt.Sprintf("DTMF(%d)", uint8(d))
}

// signals says whether telephone-events are offered and accepted.
func (d DTMF) signals() bool { return d == DTMFAuto || d == DTMFEvents }

// tones says whether digits are tones in the sound of a peer with these terms.
func (d DTMF) tones(p Params) bool { return !p.Events && (d == DTMFAuto || d == DTMFInband) }

// digits tells key presses from the packets that repeat them. A press is known
// by its RTP timestamp: the marker bit may be lost, and end packets come three
// times (RFC 4733 §2.5.1.4). It belongs to one SSRC, which need not be that of the
// sound: gateways press keys with another one while the sound goes on.
type digits struct {
	known bool
	ssrc  uint32
	ts    uint32 // of the last press, of its last segment

	kept   bool // it is not for the others: see codes
	aside  bool // its packets are not sent on: it is kept, or pressed anew for the others
	was    bool // so was the press before it
	down   bool // it has not ended
	event  byte
	dur    uint32 // of its last segment so far
	before uint32 // of those before
	last   int64  // when its last packet came
}

// longestSegment is how long an event may be until another segment of it
// begins, with a timestamp of its own (RFC 4733 §2.5.1.3).
const longestSegment = 0xFFFF

// press takes one event packet, and returns the digit when it is a new press.
func (d *digits) press(ssrc, ts uint32, payload []byte, now int64) (digit rune, fresh bool) {
	if len(payload) < 4 || int(payload[0]) >= len(keys) {
		return 0, false
	}
	dur := uint32(payload[2])<<8 | uint32(payload[3])
	ahead, known := int32(ts-d.ts), d.known && ssrc == d.ssrc
	switch {
	case known && ahead < 0:
		return 0, false
	case known && ahead == 0:
		d.dur = max(d.dur, dur)
		d.last = now
		return 0, false
	case known && d.down && payload[0] == d.event && d.dur > longestSegment*3/4 && ahead >= longestSegment-SampleRate/10 && ahead <= longestSegment+SampleRate/10:
		d.before += uint32(ahead)
		d.ts, d.dur, d.last = ts, dur, now
		return 0, false
	}
	*d = digits{known: true, ssrc: ssrc, ts: ts, down: true, event: payload[0], dur: dur, last: now}
	return rune(keys[payload[0]]), true
}

// lift ends the press that is down, and returns how long it was.
func (d *digits) lift() time.Duration {
	d.down = false
	return time.Duration(d.before+d.dur) * perSample
}

// released says whether an event packet has the end bit.
func released(payload []byte) bool { return len(payload) >= 2 && payload[1]&0x80 != 0 }

// presses bounds how many keys of a peer are told: 32 at once, and one each 40 ms, the least that a tone
// and the pause behind it may take (ITU-T Q.24). Each is an event for everybody who listens.
type presses struct{ until int64 }

const (
	pressEvery  = int64(40 * time.Millisecond)
	pressAtOnce = 32 * pressEvery
)

// take says whether one more is told.
func (p *presses) take(now int64) bool {
	if p.until = max(p.until, now); p.until-now >= pressAtOnce {
		return false
	}
	p.until += pressEvery
	return true
}

// lostEnd is how long no packet of a press comes until it is taken as ended:
// all three of its ends were lost.
const lostEnd = int64(250 * time.Millisecond)

// press is the turn of a telephone-event packet (RFC 4733).
func (s *Session) press(p *packet, now int64) {
	payload := p.payload()
	was := s.keys
	digit, fresh := s.keys.press(p.ssrc, p.ts, payload, now)
	if fresh && was.down {
		s.up(rune(keys[was.event]), was.kept, was.lift(), now)
	}
	switch {
	case fresh && !s.hurry.take(now): // nobody presses keys so fast
		s.counts.garbage.Add(1)
		s.keys.aside, s.keys.down = true, false
	case fresh:
		s.keys.kept, s.keys.aside = s.pressed(digit, true, now)
		s.keys.was = was.aside
	}
	if s.keys.down && released(payload) && p.ts == s.keys.ts && len(payload) >= 4 && payload[0] == s.keys.event {
		s.up(rune(keys[s.keys.event]), s.keys.kept, s.keys.lift(), now)
	}
	if s.table == nil || s.muted || s.passedOver(p) {
		return
	}
	if aside := s.keys.aside; aside && p.ts == s.keys.ts || s.keys.was && int32(p.ts-s.keys.ts) < 0 {
		if s.relayTo != nil {
			s.relayTo.passOver()
		}
		return
	}
	if s.relayTo != nil {
		s.relayTo.forwardEvent(s, p, now)
		return
	}
	for _, other := range s.table.seats {
		if other != s && other.course == mixed {
			other.sendEvent(s, p, now)
		}
	}
}

// pressed is the beginning of a key press of the peer's: it is told, and made
// for those at the table to whom it does not go by itself. event says that it
// comes as telephone-event, not as a tone that they hear. kept: it is not for
// them; aside: its packets are not.
func (s *Session) pressed(digit rune, event bool, now int64) (kept, aside bool) {
	if s.typedOne(digit, event, now) || s.observes != nil { // also the rest of it, should it be given a seat meanwhile
		return true, true
	}
	if !s.audible() {
		return false, false
	}
	for _, other := range s.table.seats { // digits that are late go first
		aside = aside || other != s && other.pad.busy()
	}
	for _, other := range s.table.seats {
		if other == s || other.terms.Events == event && !aside {
			continue // it has the packets, or it hears the tone
		}
		if other.hasKeys() {
			other.hold(digit, now)
		}
	}
	return false, aside
}

// up is the end of a key press.
func (s *Session) up(digit rune, kept bool, d time.Duration, now int64) {
	s.engine.cfg.Emit(DigitEnded{Session: s.id, Digit: digit, For: d, Kept: kept})
	if s.table == nil {
		return
	}
	for _, other := range s.table.seats {
		if other != s {
			other.letGo(digit, now)
		}
	}
}

// overdue ends a press whose ends were all lost, and the wait for the rest of a
// code.
func (s *Session) overdue(now int64) {
	if s.keys.down && now-s.keys.last > lostEnd {
		s.up(rune(keys[s.keys.event]), s.keys.kept, s.keys.lift(), now)
	}
	s.release(s.codes.expire(now), s.codes.event, now)
}
