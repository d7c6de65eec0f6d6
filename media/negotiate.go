package media

import (
	"net/netip"
	"time"
)

// Params is what an offer and its answer agreed on, as seen from our side.
type Params struct {
	// Remote is where the peer wants RTP: valid unless the peer gave 0.0.0.0 or :: (then Send is false).
	Remote netip.AddrPort
	// RemoteRTCP is where the peer wants RTCP: a=rtcp, else Remote's port + 1, or Remote itself when
	// muxed. Invalid when Remote is, or when there is no such port.
	RemoteRTCP netip.AddrPort
	Mux        bool // RTCP and RTP share one port, both ways (RFC 5761)

	Codec  Codec
	SendPT uint8 // payload type of the codec in what we send
	RecvPT uint8 // payload type of the codec in what the peer sends

	Events      bool  // telephone-event/8000 was agreed on (RFC 4733)
	EventSendPT uint8 // its payload type in what we send
	EventRecvPT uint8 // its payload type in what the peer sends

	Ptime time.Duration // of the packets we send: 10 to 60 ms in steps of 10 ms

	Send    bool // we may send: the peer listens
	Receive bool // the peer may send to us
	Held    bool // the peer holds us, it will not hear us: always !Send

	// Moved says that Remote or RemoteRTCP is another than the last valid one, or the first: the
	// latch must be opened again. Going on hold at 0.0.0.0 and coming back is no move.
	Moved bool
}

// NegotiationConfig is what a Negotiation starts from.
type NegotiationConfig struct {
	ID      uint64     // the session id of o=, constant for the session's life; best at random
	Address netip.Addr // ours, as the peer is told
	RTP     uint16     // our ports
	RTCP    uint16     // 0: RTP + 1
	Codecs  []Codec    // what we do, in order of preference; empty: PCMU, PCMA
	Prefer  *Codec     // listed first in offers, and taken from offers that have it; nil: none
}

// A Negotiation is the offer/answer state of one session (RFC 3264). It is pure: no clock, no
// network. It belongs to one goroutine. An operation that returns an error has changed nothing.
type Negotiation struct {
	config NegotiationConfig
}

// NewNegotiation returns the state before the first offer.
func NewNegotiation(c NegotiationConfig) *Negotiation { return &Negotiation{config: c} }

// Offer returns our offer.
func (n *Negotiation) Offer() []byte { return nil }

// SetAnswer takes the peer's answer to the last Offer.
func (n *Negotiation) SetAnswer(answer []byte) (Params, error) { return Params{}, nil }

// Answer takes the peer's offer and returns our answer to it.
func (n *Negotiation) Answer(offer []byte) ([]byte, Params, error) { return nil, Params{}, nil }

// Prefer puts c first in the offers to come, and takes it from the peer's offers that have it.
func (n *Negotiation) Prefer(c Codec) {}

// Params returns what was agreed on last; false before the first agreement.
func (n *Negotiation) Params() (Params, bool) { return Params{}, false }
