package media

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
)

// Lengths of the digits that we send. Q.24 wants 40 ms of each heard; phones send about 100.
const (
	digitLength  = 100 * time.Millisecond
	digitGap     = 100 * time.Millisecond
	longestDigit = 10 * time.Second
	mostDigits   = 100             // that wait at once
	leastHeld    = SampleRate / 20 // samples: a key that was let go before that goes on
)

// SendDigits presses keys for the peer, one after the other: digits of 0-9 * # A-D (others are left
// out), each for length, with gap between them; zero is 100 ms for either, 10 s the most. They go as
// telephone-events where the peer does them, else as tones; the peer hears nothing else meanwhile.
// With DTMFInfo nothing is sent. Digits of an earlier call that still wait go first; more than 100 are
// dropped.
func (s *Session) SendDigits(digits string, length, gap time.Duration) {
	if length <= 0 {
		length = digitLength
	}
	if gap <= 0 {
		gap = digitGap
	}
	s.post(func(now int64) { s.enqueue(strings.ToUpper(digits), length, gap, now) })
}

func (s *Session) enqueue(digits string, length, gap time.Duration, now int64) {
	if s.ended || !s.hasKeys() {
		return
	}
	length, gap = min(length, longestDigit), min(gap, longestDigit)
	for _, d := range digits {
		if i := strings.IndexRune(keys, d); i >= 0 && len(s.pad.queue) < mostDigits {
			s.pad.queue = append(s.pad.queue, key{byte(i), int(length / perSample), int(gap / perSample)})
		}
	}
	s.rekey(now)
}

// hasKeys says whether keys can be pressed for the peer.
func (s *Session) hasKeys() bool { return s.terms.Events || s.cfg.DTMF.tones(s.terms) }

// key is one press that waits.
type key struct {
	event    byte
	len, gap int // samples
}

// keypad is what is being pressed for the peer. Nothing else is sent to it then: its course is keying.
type keypad struct {
	queue []key

	down  bool // a key is
	held  bool // until letGo, as the other side holds it
	event byte
	left  int    // samples until it goes up; of a held key: none
	dur   int    // samples that it has been down, of this segment
	said  int    // all samples, for the tone's phase
	ts    uint32 // of the event
	ends  int    // end packets still to be sent
	gap   int    // samples until the next may go down
	end   uint16 // the duration that they say
}

func (k *keypad) busy() bool { return k.down || k.ends > 0 || k.gap > 0 || len(k.queue) > 0 }

// rekey sees to the course after a change of what is to be pressed.
func (s *Session) rekey(now int64) {
	if s.pad.busy() != (s.course == keying) {
		s.reroute(now)
		s.rerouteTable(now)
	}
}

// hold presses a key for the peer until letGo, as somebody at the table does.
func (s *Session) hold(digit rune, now int64) {
	i := strings.IndexRune(keys, digit)
	if i < 0 || len(s.pad.queue) >= mostDigits {
		return
	}
	if s.pad.down || len(s.pad.queue) > 0 { // it cannot be held at the same time, but it shall not be lost
		s.pad.queue = append(s.pad.queue, key{byte(i), int(digitLength / perSample), int(digitGap / perSample / 2)})
	} else {
		s.pad.press(key{event: byte(i)})
		s.pad.held = true
	}
	s.rekey(now)
}

// letGo ends that.
func (s *Session) letGo(digit rune, now int64) {
	if k := &s.pad; k.down && k.held && rune(keys[k.event]) == digit {
		k.held, k.left = false, max(0, leastHeld-k.said)
		s.rekey(now)
	}
}

func (k *keypad) press(next key) {
	k.down, k.event, k.left, k.gap = true, next.event, next.len, next.gap
	k.dur, k.said, k.ends = 0, 0, 0
}

// keyTick is one packet of the course keying.
func (s *Session) keyTick(due, now int64) {
	k := &s.pad
	if !k.down && k.ends == 0 && k.gap <= 0 && len(k.queue) > 0 {
		k.press(k.queue[0])
		k.queue = append(k.queue[:0], k.queue[1:]...)
	}
	switch {
	case !s.maySend():
		s.turned = true
		*k = keypad{} // nobody listens
	case s.terms.Events && (k.down || k.ends > 0):
		s.keyEvent(due)
	default:
		s.keyTone(due)
	}
	s.rekey(now)
}

// keyEvent sends a packet of the event (RFC 4733 §2.5.1): all with the timestamp at which it began,
// the end three times.
func (s *Session) keyEvent(due int64) {
	k := &s.pad
	s.from = nil
	marker := false
	if k.down {
		if k.dur == 0 && k.said == 0 {
			s.stamp(due, s.frame)
			k.ts, marker = s.ts, true
		}
		if k.dur+s.frame > longestSegment {
			k.ts, k.dur = k.ts+uint32(k.dur), 0
		}
		step := s.frame
		if !k.held {
			step = min(s.frame, k.left) // at its last packet the key has been down for just its length
			k.left -= step
		}
		k.dur, k.said = k.dur+step, k.said+step
		if !k.held && k.left <= 0 {
			k.down, k.ends, k.end = false, 3, uint16(k.dur)
		}
	}
	b := s.shard.out[:headerSize+4]
	b[headerSize], b[headerSize+1] = k.event, 10
	duration := uint16(k.dur)
	if k.ends > 0 {
		k.ends--
		b[headerSize+1] |= 0x80
		duration = k.end
		if k.ends < 2 { // the first is the press's own last packet
			k.gap -= s.frame
		}
	}
	binary.BigEndian.PutUint16(b[headerSize+2:], duration)
	s.seq++
	s.send(outHeader{marker: marker, pt: s.terms.EventSendPT, seq: s.seq, ts: k.ts, ssrc: s.ssrc}, b, due)
	s.turned = true
}

// rows and columns are the frequencies of the keypad (ITU-T Q.23) by event.
var (
	rowOf = [16]float64{941, 697, 697, 697, 770, 770, 770, 852, 852, 852, 941, 941, 697, 770, 852, 941}
	colOf = [16]float64{1336, 1209, 1336, 1477, 1209, 1336, 1477, 1209, 1336, 1477, 1209, 1477, 1633, 1633, 1633, 1633}
)

// Levels of the tones, in dBFS: the higher one a little louder, as lines dampen it more.
const (
	rowLevel = -11.0
	colLevel = -9.0
)

// keyTone sends a frame of the key's tones, or of the silence between keys.
func (s *Session) keyTone(due int64) {
	k := &s.pad
	whole := s.shard.out[:headerSize+s.frame]
	pcm := s.shard.bench.pcm[:s.frame]
	clear(pcm)
	n := len(pcm)
	if k.down && !k.held {
		n = min(n, k.left)
	}
	if k.down {
		k.tone(pcm[:n])
		k.left -= n
		k.said += n
		if !k.held && k.left <= 0 {
			k.down = false
			k.gap -= len(pcm) - n
		}
	} else {
		k.gap -= len(pcm)
	}
	s.mouth.encode(whole[headerSize:], pcm, &s.shard.bench)
	s.from = nil
	s.stamp(due, s.frame)
	s.seq++
	s.send(outHeader{marker: s.turned, pt: s.terms.SendPT, seq: s.seq, ts: s.ts, ssrc: s.ssrc}, whole, due)
	s.turned = false
}

// tone makes the next samples of the key that is down.
func (k *keypad) tone(pcm []int16) {
	row, col := fullScale(rowLevel), fullScale(colLevel)
	for i := range pcm {
		t := 2 * math.Pi * float64(k.said+i) / SampleRate
		pcm[i] = int16(row*math.Sin(rowOf[k.event]*t) + col*math.Sin(colOf[k.event]*t))
	}
}
