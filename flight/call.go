package flight

import (
	"net/netip"
	"time"
)

// Message is one SIP message as it crossed the wire; Raw has no secrets.
type Message struct {
	At        time.Time      `json:"at"`
	In        bool           `json:"in"` // to us
	Transport string         `json:"transport"`
	Local     netip.AddrPort `json:"local"`
	Remote    netip.AddrPort `json:"remote"`
	Raw       []byte         `json:"raw"`
}

// Note is one decision about a call.
type Note struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Sound is how a leg's RTP fares, counted since its beginning.
type Sound struct {
	At        time.Time     `json:"at"`
	Codec     string        `json:"codec,omitempty"`
	Heard     uint64        `json:"heard"` // packets that came
	Lost      uint64        `json:"lost"`  // of them that did not
	Sent      uint64        `json:"sent"`
	Jitter    time.Duration `json:"jitter_ns"`
	RoundTrip time.Duration `json:"round_trip_ns,omitempty"`
	MOS       float64       `json:"mos,omitempty"`
	Local     string        `json:"local,omitempty"`  // where we listen
	Remote    string        `json:"remote,omitempty"` // where we send
}

// Leg is one leg of a call.
type Leg struct {
	CallID string  `json:"call_id"` // as SIP has it
	Name   string  `json:"name"`    // who is there: "trunk acme", "agent ann"
	Sounds []Sound `json:"sounds"`
}

// Call is what is kept of one call, each list in the order of time.
type Call struct {
	ID       string    `json:"id"`
	Ended    time.Time `json:"ended,omitzero"`
	Legs     []Leg     `json:"legs"`
	Messages []Message `json:"messages"`
	Notes    []Note    `json:"notes"`
	Dropped  int       `json:"dropped,omitempty"` // messages and decisions that had no room
}
