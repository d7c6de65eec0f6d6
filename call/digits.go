package call

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/sip"
)

// The content types that carry a digit in INFO: nobody has standardised them,
// every carrier that wants INFO takes the first.
const (
	dtmfRelay = "application/dtmf-relay" // Signal=5, Duration=160
	dtmfPlain = "application/dtmf"       // 5
)

// Bounds of what an INFO says of a digit's length.
const (
	digitLength   = 160 * time.Millisecond
	shortestDigit = 50 * time.Millisecond
	longestDigit  = 8 * time.Second
)

// infoDigit reads the digit of an INFO; false: it is about something else.
func infoDigit(contentType string, body []byte) (digit rune, length time.Duration, ok bool) {
	kind, _, _ := mime.ParseMediaType(contentType)
	length = digitLength
	text := ""
	switch kind {
	case dtmfPlain:
		text = string(bytes.TrimSpace(body))
		// Some write it as in the other type.
		if _, value, found := strings.Cut(text, "="); found {
			text, _, _ = strings.Cut(value, "\n")
		}
	case dtmfRelay:
		for line := range strings.Lines(string(body)) {
			key, value, _ := strings.Cut(line, "=")
			value = strings.TrimSpace(value)
			switch strings.ToLower(strings.TrimSpace(key)) {
			case "signal":
				text = value
			case "duration":
				if n, err := strconv.Atoi(value); err == nil && n > 0 {
					length = time.Duration(min(n, int(longestDigit/time.Millisecond))) * time.Millisecond
				}
			}
		}
	default:
		return 0, 0, false
	}
	text = strings.ToUpper(strings.TrimSpace(text))
	switch text { // RFC 4733's event numbers, as some gateways write them
	case "10":
		text = "*"
	case "11":
		text = "#"
	case "12", "13", "14", "15":
		text = string('A' + text[1] - '2')
	}
	if len(text) != 1 || !strings.Contains("0123456789*#ABCD", text) {
		return 0, 0, false
	}
	return rune(text[0]), max(length, shortestDigit), true
}

// info is an INFO of a line's. A digit in it counts like one in the sound, and
// goes on to whoever hears the line, unless it belongs to a code.
func (s *Switchboard) info(l *line, e sip.Info) {
	c := l.call
	digit, length, ok := infoDigit(e.ContentType, e.Body)
	if !ok || c.ended || l.muted {
		return
	}
	if l.session == nil {
		s.pressed(l, digit)
		return
	}
	l.session.Inform(digit, length)
}

// digitEnded is the end of a digit that is for those who hear the line: who
// wants INFO is sent it, with its length; media sees to all others.
func (s *Switchboard) digitEnded(l *line, e media.DigitEnded) {
	c := l.call
	if e.Kept || l.muted || c.far == nil || !c.answered {
		return
	}
	in := seated(c.talking())
	if !slices.Contains(in, l) {
		return
	}
	for _, other := range in {
		if other != l && other.session != nil && other.session.DTMF() == media.DTMFInfo {
			other.leg.Info(dtmfRelay, fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", e.Digit, max(e.For, shortestDigit).Milliseconds()))
		}
	}
}

// mostPressed is how many digits one order may press.
const mostPressed = 32

// keypad presses keys for whoever hears the agent, in the way that their leg
// takes digits. They are not logged.
func (s *Switchboard) keypad(c *liveCall, l *line, digits string) error {
	digits = strings.ToUpper(digits)
	if digits == "" || len(digits) > mostPressed || strings.Trim(digits, "0123456789*#ABCD") != "" {
		return ErrNoDigits
	}
	in := seated(c.talking())
	if !slices.Contains(in, l) {
		return fmt.Errorf("%w: nobody hears the agent", ErrNotNow)
	}
	for _, other := range in {
		switch {
		case other == l || other.session == nil:
		case other.session.DTMF() == media.DTMFInfo:
			for _, d := range digits {
				other.leg.Info(dtmfRelay, fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", d, digitLength.Milliseconds()))
			}
		default:
			other.session.SendDigits(digits, 0, 0)
		}
	}
	return nil
}
