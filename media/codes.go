package media

import (
	"slices"
	"strings"
	"time"
)

// Between two digits of a code, and of a number behind one (RFC 3435's default
// inter-digit time): later ones belong to nothing any more.
const (
	betweenKeys   = int64(2 * time.Second)
	betweenDigits = int64(4 * time.Second)
)

// codes are the digits of a peer's that are meant for the house and not for
// whoever it talks to, "*1": the beginning of one is kept back until it is a
// code, and for good, or is none.
type codes struct {
	whole   []string // such as "*1"
	numbers []string // those of them that a number follows, up to # or *

	typed  string // kept back so far
	event  bool   // it is no tone that the others hear
	number bool   // a number is being typed
	last   int64  // when its last digit came
}

// take takes a digit. kept: it is not for others. late: what was kept back before
// it, and turns out to be for them.
func (c *codes) take(digit rune, event bool, now int64) (kept bool, late string) {
	late = c.expire(now)
	if c.number {
		c.number, c.last = digit != '#' && digit != '*', now
		return true, late
	}
	text := c.typed + string(digit)
	c.typed, c.event, c.last = "", event, now
	switch {
	case slices.Contains(c.whole, text):
		c.number = slices.Contains(c.numbers, text)
		return true, late
	case slices.ContainsFunc(c.whole, func(code string) bool { return strings.HasPrefix(code, text) }):
		c.typed = text
		return true, late
	case len(text) > 1: // the last one may begin another
		late += text[:len(text)-1]
		kept, _ = c.take(digit, event, now)
		return kept, late
	}
	return false, late
}

// expire returns what was kept back too long ago to become a code.
func (c *codes) expire(now int64) (late string) {
	if c.number && now-c.last > betweenDigits {
		c.number = false
	}
	if c.typed != "" && now-c.last > betweenKeys {
		late, c.typed = c.typed, ""
	}
	return late
}

// become changes what is kept back, and returns what was and is the beginning of
// nothing any more. A number that is being typed goes on if one may follow any code.
func (c *codes) become(whole, numbers []string) (late string) {
	c.whole, c.numbers = whole, numbers
	c.number = c.number && len(numbers) > 0
	if !slices.ContainsFunc(whole, func(code string) bool { return strings.HasPrefix(code, c.typed) }) {
		late, c.typed = c.typed, ""
	}
	return late
}

// Codes names what the peer may type for the house: codes such as "*1", and those
// of them that a number follows, up to #, to * or to 4 s of nothing. Whoever it
// talks to is not told of these digits; Digit tells of them as of all. What begins
// like a code and is none within 2 s goes on, late and complete. Sound in which a
// phone makes tones is passed as it is. It may be called again at any time: what is
// kept back and begins no code any more goes on.
func (s *Session) Codes(whole, numbers []string) {
	s.post(func(now int64) { s.release(s.codes.become(whole, numbers), s.codes.event, now) })
}

// Inform takes a digit of the peer's that came by SIP INFO, as one that comes in
// its sound.
func (s *Session) Inform(digit rune, length time.Duration) {
	s.post(func(now int64) {
		if s.ended || !strings.ContainsRune(keys, digit) {
			return
		}
		kept := s.typedOne(digit, true, now)
		if !kept && s.audible() {
			s.passOn(string(digit), length, func(*Session) bool { return true }, now)
		}
		s.engine.cfg.Emit(DigitEnded{Session: s.id, Digit: digit, For: length, Kept: kept})
	})
}

// audible says whether those at the table are to hear the session.
func (s *Session) audible() bool { return s.table != nil && !s.muted }

// typedOne tells of a digit, and lets the others have those before it that turn
// out to be for them. kept: this one is not.
func (s *Session) typedOne(digit rune, event bool, now int64) (kept bool) {
	s.counts.digits.Add(1)
	s.engine.cfg.Emit(Digit{Session: s.id, Digit: digit, At: s.engine.epoch.Add(time.Duration(now))})
	was := s.codes.event
	kept, late := s.codes.take(digit, event, now)
	s.release(late, was, now)
	return kept
}

// release lets the others have digits that were kept back.
func (s *Session) release(late string, event bool, now int64) {
	if late == "" || !s.audible() {
		return
	}
	s.passOn(late, digitLength, func(other *Session) bool { return event || other.terms.Events }, now)
	for _, digit := range late {
		s.engine.cfg.Emit(DigitEnded{Session: s.id, Digit: digit, For: digitLength})
	}
}

// passOn presses digits for those of the others at the table who take any.
func (s *Session) passOn(digits string, length time.Duration, whom func(*Session) bool, now int64) {
	for _, other := range s.table.seats {
		if other != s && whom(other) {
			other.enqueue(digits, length, digitGap, now)
		}
	}
}
