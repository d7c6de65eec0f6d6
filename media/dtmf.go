package media

// keys are the digits of RFC 4733's events 0 to 15; higher events are tones
// and flashes, no digits.
const keys = "0123456789*#ABCD"

// digits tells key presses from the packets that repeat them. A press is known
// by its RTP timestamp: the marker bit may be lost, and end packets come three
// times (RFC 4733 §2.5.1.4). It belongs to one SSRC.
type digits struct {
	known bool
	ts    uint32 // of the last press
}

// press takes one event packet, and returns the digit when it is a new press.
func (d *digits) press(ts uint32, payload []byte) (rune, bool) {
	if len(payload) < 4 || int(payload[0]) >= len(keys) {
		return 0, false
	}
	if d.known && int32(ts-d.ts) <= 0 {
		return 0, false
	}
	d.known, d.ts = true, ts
	return rune(keys[payload[0]]), true
}

// released says whether an event packet has the end bit.
func released(payload []byte) bool { return len(payload) >= 2 && payload[1]&0x80 != 0 }
