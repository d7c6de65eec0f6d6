package media

import "time"

// Event is what the engine tells its owner: Played, TimedOut, Digit, DigitEnded,
// OneWay, HeardAgain or Stopped.
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

// DigitEnded is the end of a Digit's press, or of one heard as a tone in the sound, with its length.
// Digits of a code that turned out to be none (Session.Codes) end a second time, no longer Kept, when
// they go to whoever hears the session.
type DigitEnded struct {
	Session SessionID
	Digit   rune
	For     time.Duration
	Kept    bool // it is not for whoever hears the session
}

func (DigitEnded) event() {}

// Tap takes what a session says while it is seated and not muted: every packet
// of the peer's as it comes, before the jitter buffer judges it. Who has no
// deadline, a recording, sorts them itself and can use those that are too late
// for the other party; so there may be duplicates, and any order. Strangers'
// packets never come.
//
// All is called on a shard's thread: it must neither block nor allocate, and
// pcm is valid during the call only. ssrc names the time line and the numbering
// that ts and seq belong to; ts counts at 8 kHz, the RTP clock of all codecs
// here (G.722 too, RFC 3551 §4.5.2), marker is the packet's; at is the wall
// clock of its arrival in Unix nanoseconds; rate is that of pcm in Hz. A packet
// that is not to be heard (an event, one of a muted or unseated session) comes
// with no pcm: it was not lost.
//
// A packet of comfort noise (RFC 3389) comes as Comfort instead, with 80 ms of what
// it describes, at 8 kHz. Still, if on, tells of the stream that what it does not
// send from then on is silence, and no pause in its talk: the session is muted,
// has no seat, is held, has another SSRC now, or is tapped no more; if not, that
// this is over.
type Tap interface {
	Sound(side int, ssrc, ts uint32, seq uint16, marker bool, at int64, rate int, pcm []int16)
	Comfort(side int, ssrc, ts uint32, seq uint16, at int64, pcm []int16)
	Still(side int, ssrc uint32, at int64, on bool)
}
