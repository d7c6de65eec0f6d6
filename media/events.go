package media

import "time"

// Event is what the engine tells its owner: Played, TimedOut or Digit.
type Event interface{ event() }

// Played says that a Play has ended. Cut is true when it was stopped or
// replaced before its last sample was sent.
type Played struct {
	Session SessionID
	Play    PlayID
	Cut     bool
}

// TimedOut says that no RTP has come for a session's Timeout, or for its
// HeldTimeout while it is held. It is emitted once until sound returns.
type TimedOut struct {
	Session SessionID
	Held    bool
	For     time.Duration // since the last packet, or since the timer began
}

// Digit is one key press by RFC 4733, told once per RTP timestamp however
// often its packets are repeated.
type Digit struct {
	Session SessionID
	Digit   rune // 0-9 * # A-D
	At      time.Time
}

func (Played) event()   {}
func (TimedOut) event() {}
func (Digit) event()    {}

// Tap takes what a session says while it is seated and not muted, in the order
// it was spoken. Sound is called on a shard's thread: it must neither block nor
// allocate, and pcm is valid during the call only. ts counts at rate, ssrc
// names the time line that ts belongs to, at is the wall clock of the packet's
// arrival in Unix nanoseconds.
type Tap interface {
	Sound(side int, ssrc, ts uint32, at int64, rate int, pcm []int16)
}
