package call

import (
	"testing"
	"time"
)

func TestDigitsOfInfo(t *testing.T) {
	for _, one := range []struct {
		kind, body string
		digit      rune
		length     time.Duration
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal= *\nDuration= 300", '*', 300 * time.Millisecond},
		{"Application/DTMF-Relay; charset=utf-8", "signal=11\r\n", '#', digitLength},
		{"application/dtmf-relay", "Duration=5\r\nSignal=d\r\n", 'D', shortestDigit},
		{"application/dtmf-relay", "Signal=1\r\nDuration=99999999\r\n", '1', longestDigit},
		{"application/dtmf-relay", "Signal=1\r\nDuration=-4\r\n", '1', digitLength},
		{"application/dtmf", "0", '0', digitLength},
		{"application/dtmf", " 13\r\n", 'B', digitLength},
		{"application/dtmf", "Signal=7\r\nDuration=100\r\n", '7', digitLength},
		{"application/dtmf", "16", 0, 0}, // a flash is no digit
		{"application/dtmf", "", 0, 0},
		{"application/dtmf-relay", "Signal=\r\n", 0, 0},
		{"application/dtmf-relay", "Signal=55\r\n", 0, 0},
		{"application/dtmf-relay", "Signal", 0, 0},
		{"application/media_control+xml", "5", 0, 0},
		{"", "5", 0, 0},
	} {
		digit, length, ok := infoDigit(one.kind, []byte(one.body))
		if digit != one.digit || length != one.length || ok != (one.digit != 0) {
			t.Errorf("%s %q: got %q %v %v, want %q %v", one.kind, one.body, digit, length, ok, one.digit, one.length)
		}
	}
}
