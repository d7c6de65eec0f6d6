package media

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Params is what an offer and its answer agreed on, as seen from our side.
type Params struct {
	// Remote is where the peer wants RTP; invalid when it gave 0.0.0.0 or :: (then Send is false).
	Remote netip.AddrPort
	// RemoteRTCP is where the peer wants RTCP: a=rtcp, else Remote's port + 1, or Remote itself
	// when muxed. Invalid when Remote is, or when there is no such port.
	RemoteRTCP netip.AddrPort
	Extended   Extended // what the peer wants of RTCP beyond reports
	Mux        bool     // RTCP and RTP share one port, both ways (RFC 5761)

	Codec  Codec
	SendPT uint8 // payload type of the codec in what we send
	RecvPT uint8 // payload type of the codec in what the peer sends

	// Opus was agreed on beside Codec: the peer may send it, and is sent it by who sends it too.
	// First: it was listed first, and so is what the peer sends.
	Opus, OpusFirst bool
	OpusPT          uint8 // its payload type, both ways

	Comfort bool // comfort noise under its static number (RFC 3389), both ways

	Events      bool  // telephone-event/8000 was agreed on (RFC 4733)
	EventSendPT uint8 // its payload type in what we send
	EventRecvPT uint8 // its payload type in what the peer sends

	// Keying is what the sound is encrypted with; zero: it is plain RTP.
	Keying Keying

	Ptime time.Duration // of the packets we send: 10 to 60 ms in steps of 10 ms

	Send    bool // we may send: the peer listens
	Receive bool // the peer may send to us
	Held    bool // the peer holds us, it will not hear us: always !Send

	// Moved says that Remote or RemoteRTCP is another than the last valid one, or the first: the
	// latch must be opened again. Going on hold at 0.0.0.0 and coming back is no move.
	Moved bool
}

// CodecOf returns the codec of a received payload type; false when it is none. Besides the agreed
// one it is G.711 of either law under its static number: a peer whose answer listed both may send
// either, and change from packet to packet (RFC 3264 §7).
func (p Params) CodecOf(pt uint8) (Codec, bool) {
	if pt == p.RecvPT {
		return p.Codec, true
	}
	if p.isOpus(pt) {
		return Opus, true
	}
	for _, c := range [...]Codec{PCMU, PCMA} {
		if pt == c.PayloadType() && !(p.Events && pt == p.EventRecvPT) {
			return c, true
		}
	}
	return 0, false
}

// NegotiationConfig is what a Negotiation starts from.
type NegotiationConfig struct {
	ID       uint64     // the session id of o=, constant for the session's life; best at random
	Address  netip.Addr // ours, as the peer is told
	RTP      uint16     // our port for RTP
	RTCP     uint16     // our port for RTCP; 0: RTP + 1
	Codecs   []Codec    // what we do, in order of preference; empty: PCMU, PCMA
	SRTP     SRTP       // whether the sound is encrypted
	NoEvents bool       // telephone-event is neither offered nor accepted
	Opus     bool       // it is accepted, beside one of Codecs: the peer is a browser
	Prefer   *Codec     // listed first in offers, taken from offers that have it; nil: none
}

// A Negotiation is the offer/answer state of one session (RFC 3264). It is pure: no clock, no
// network. It belongs to one goroutine. An operation that returns an error has changed nothing.
//
// We never hold: our own wish is always sendrecv, the direction of a description is what the peer
// leaves of it. Offers carry no rtcp-mux unless the peer brought it: the port pair is open anyway
// before the answer is known, so muxing would save nothing, and an attribute less is one less for
// an old gateway to stumble over.
type Negotiation struct {
	config NegotiationConfig
	prefer *Codec

	comfort bool // comfort noise is offered: whoever is talked to does it, or the peer has

	// What we said last.
	version uint64 // of o=; 0: nothing yet
	last    string // without its o=

	// What the session consists of: RFC 3264 §8 forbids m= lines to vanish or change places.
	timing string
	layout []section     // kind, proto, formats; empty: nothing agreed on or offered yet
	audio  int           // index of ours in layout
	ptime  time.Duration // that we ask for: what the peer asked for last, so that two seats can be relayed

	// Payload types: a number keeps its meaning for the session's life (RFC 3264 §8.3.2).
	bound    map[uint8]string // encoding; none: free
	extended Extended         // of RTCP, that the peer's last offer asked for
	eventPT  uint8            // of telephone-event in what we receive

	keys keyring // of SRTP

	// Our offer that an answer belongs to.
	offered     bool
	offerEvents uint8 // payload type of telephone-event in it
	offerSend   bool
	offerRecv   bool
	offerMux    bool

	// What was agreed on.
	agreed bool
	params Params
	remote [2]netip.AddrPort // last valid RTP and RTCP addresses of the peer
}

// NewNegotiation returns the state before the first offer.
func NewNegotiation(c NegotiationConfig) *Negotiation {
	if len(c.Codecs) == 0 {
		c.Codecs = []Codec{PCMU, PCMA}
	}
	if c.RTCP == 0 {
		c.RTCP = c.RTP + 1
	}
	c.Address = c.Address.Unmap()
	n := &Negotiation{config: c, timing: "0 0", ptime: defaultPtime, eventPT: 101, bound: make(map[uint8]string)}
	if c.Prefer != nil {
		n.Prefer(*c.Prefer)
	}
	return n
}

// Prefer puts c first in the offers to come, and takes it from the peer's offers that have it. A
// codec that we do not do is ignored.
func (n *Negotiation) Prefer(c Codec) {
	if slices.Contains(n.config.Codecs, c) || c == Opus && n.config.Opus {
		n.prefer = &c
	}
}

// Comfort has offers to come list comfort noise (RFC 3389): whoever hears the
// peer takes it.
func (n *Negotiation) Comfort() { n.comfort = true }

// Params returns what was agreed on last; false before the first agreement.
func (n *Negotiation) Params() (Params, bool) { return n.params, n.agreed }

// Offer returns our offer: everything we do, in the direction that is agreed on now, so that
// neither a refresh nor the answer to a re-INVITE without a description ends the peer's hold. An
// unchanged offer keeps its version in o=.
func (n *Negotiation) Offer() []byte {
	n.offered, n.offerSend, n.offerRecv, n.offerMux = true, true, true, false
	if n.agreed {
		n.offerSend, n.offerRecv, n.offerMux = n.params.Send, n.params.Receive, n.params.Mux
	}
	if len(n.layout) == 0 {
		n.layout, n.audio = []section{{kind: "audio", proto: n.firstProto()}}, 0
	}
	if n.offerEvents = n.freeEventPT(); !n.config.NoEvents {
		n.bound[n.offerEvents] = telephoneEvent
	}
	formats := []format{}
	for _, c := range n.codecs() {
		formats = append(formats, format{c.PayloadType(), c.String() + "/8000"})
	}
	if n.comfort {
		formats = append(formats, comfortFormat)
	}
	if !n.config.NoEvents {
		formats = append(formats, format{n.offerEvents, telephoneEvent})
	}
	return n.describe(n.layout, n.audio, n.section(formats, n.offerSend, n.offerRecv, n.offerMux, n.offerKeys()))
}

// SetAnswer takes the peer's answer to the last Offer. It may be called again with a later answer
// to the same offer: the 200's after the 183's. The error wraps ErrMalformed or ErrNoCodec.
func (n *Negotiation) SetAnswer(answer []byte) (Params, error) {
	if !n.offered {
		return Params{}, fmt.Errorf("%w: an answer to no offer of ours", ErrMalformed)
	}
	d, err := parseDescription(answer)
	if err != nil {
		return Params{}, err
	}
	a, err := n.answered(d)
	if err != nil {
		return Params{}, err
	}
	f, codec := n.pick(a.formats, nil)
	p := Params{
		Codec: codec, SendPT: f.pt, RecvPT: codec.PayloadType(), Ptime: a.ptime,
		// What we did not offer cannot be answered: an answer without a direction to an offer of
		// recvonly is no end of the hold.
		Send: n.offerSend && a.receives, Receive: n.offerRecv && a.sends,
		Mux: n.offerMux && a.mux, Keying: n.answeredKeys(a),
	}
	p.Comfort = n.comfort && takesComfort(a.formats)
	if e, ok := n.findEvents(a.formats); ok {
		p.Events, p.EventSendPT, p.EventRecvPT = true, e.pt, n.offerEvents
	}
	n.eventPT = n.offerEvents
	return n.agree(p, a), nil
}

// Renewed takes the answer to our last description, whatever it was, sent once more as an offer: a
// session refresh (RFC 4028 §7.4) repeats it with the same version. The error wraps ErrMalformed
// or ErrNoCodec; what was agreed on before stays.
func (n *Negotiation) Renewed(answer []byte) (Params, error) {
	if !n.agreed {
		return Params{}, fmt.Errorf("%w: a refresh of nothing", ErrMalformed)
	}
	was, events, send, recv, mux := n.offered, n.offerEvents, n.offerSend, n.offerRecv, n.offerMux
	n.offered, n.offerSend, n.offerRecv, n.offerMux = true, n.params.Send, n.params.Receive, n.params.Mux
	n.offerEvents = n.eventPT
	codec, recvPT := n.params.Codec, n.params.RecvPT
	p, err := n.SetAnswer(answer)
	if err != nil {
		n.offered, n.offerEvents, n.offerSend, n.offerRecv, n.offerMux = was, events, send, recv, mux
		return p, err
	}
	if p.Codec == codec { // under the number that it has in our description
		p.RecvPT = recvPT
		n.params = p
	}
	return p, nil
}

// Answer takes the peer's offer, the first or a later one, and returns our answer: as many m=
// lines in the same order, the first audio that we can do accepted, the others refused. The error
// wraps ErrMalformed or ErrNoCodec; what was agreed on before stays.
func (n *Negotiation) Answer(offer []byte) ([]byte, Params, error) {
	d, err := parseDescription(offer)
	if err != nil {
		return nil, Params{}, err
	}
	a, err := n.acceptable(d)
	if err != nil {
		return nil, Params{}, err
	}
	f, codec := n.pick(a.formats, n.prefer)
	p := Params{
		Codec: codec, SendPT: f.pt, RecvPT: f.pt, Ptime: a.ptime,
		Send: a.receives, Receive: a.sends, // RFC 3264 §6.1
		Mux: a.mux,
	}
	var keys []cryptoLine
	p.Keying, keys = n.takeKeys(a)
	f.encoding = codec.String() + "/8000"
	formats := []format{f}
	if p.Comfort = takesComfort(a.formats); p.Comfort {
		n.comfort = true
		formats = append(formats, comfortFormat)
	}
	if e, ok := n.findEvents(a.formats); ok {
		p.Events, p.EventSendPT, p.EventRecvPT = true, e.pt, e.pt
		n.eventPT = e.pt
		formats = append(formats, e)
	}
	for _, f := range a.formats {
		n.bound[f.pt] = cmp.Or(f.encoding, "unknown")
	}
	n.extended = a.extended
	n.offered = false // an offer of ours that crossed this one is void
	n.layout, n.audio, n.ptime = layoutOf(d), a.index, a.ptime
	n.timing = "0 0"
	if isTiming(d.timing) {
		n.timing = d.timing // RFC 3264 §6: the answer's t= equals the offer's
	}
	answer := n.describe(n.layout, n.audio, n.section(formats, p.Send, p.Receive, p.Mux, keys))
	return answer, n.agree(p, a), nil
}

// agree keeps what was agreed on with the peer's audio a and completes its addresses.
func (n *Negotiation) agree(p Params, a audio) Params {
	p.Held, p.Extended = !p.Send, a.extended
	p.Remote, p.RemoteRTCP = a.rtp, a.rtcp
	if p.Mux {
		p.RemoteRTCP = a.rtp
	}
	if now := [2]netip.AddrPort{p.Remote, p.RemoteRTCP}; p.Remote.IsValid() && now != n.remote {
		p.Moved, n.remote = true, now
	}
	n.keys.used(n.params.Keying.Suite, p.Keying.Suite)
	n.params, n.agreed = p, true
	return p
}

// acceptable returns the first audio of an offer that we can do, an encrypted one before a plain
// one where we encrypt. When there is none, the error is about the first audio line.
func (n *Negotiation) acceptable(d *description) (audio, error) {
	reason, about := fmt.Errorf("%w: no m= line", ErrNoCodec), -1
	var plain *audio
	for i := range d.sections {
		a, err := d.readAudio(i)
		if err == nil {
			err = n.usable(&d.sections[i], a)
		}
		if err == nil {
			err = n.protected(&d.sections[i], a, false)
		}
		switch {
		case err == nil && (n.config.SRTP == SRTPOff || len(a.keys) > 0):
			return a, nil
		case err == nil:
			if plain == nil {
				plain = &a
			}
			continue
		}
		if errors.Is(err, ErrMalformed) {
			return audio{}, err
		}
		if about < 0 || d.sections[i].isAudio() && !d.sections[about].isAudio() {
			reason, about = err, i
		}
	}
	if plain != nil {
		return *plain, nil
	}
	return audio{}, reason
}

// answered returns the audio of an answer: the section in our audio's place or, since some peers
// lose or shuffle the refused ones, the first audio there is.
func (n *Negotiation) answered(d *description) (audio, error) {
	i := n.audio
	if i >= len(d.sections) || !d.sections[i].isAudio() {
		i = max(0, slices.IndexFunc(d.sections, func(s section) bool { return s.isAudio() }))
	}
	if i >= len(d.sections) {
		return audio{}, fmt.Errorf("%w: no m= line", ErrNoCodec)
	}
	a, err := d.readAudio(i)
	if err != nil {
		return audio{}, err
	}
	for i, f := range a.formats {
		// An answer may leave out what our offer said of a payload type.
		if f.encoding == "" && f.pt == n.offerEvents {
			a.formats[i].encoding = telephoneEvent
		}
	}
	if err := n.usable(&d.sections[i], a); err != nil {
		return audio{}, err
	}
	return a, n.protected(&d.sections[i], a, true)
}

// usable says whether we can do the peer's audio.
func (n *Negotiation) usable(s *section, a audio) error {
	if f, _ := n.pick(a.formats, nil); f.encoding == "" {
		names := []string{}
		for _, c := range n.config.Codecs {
			names = append(names, c.String())
		}
		return s.refused("want " + strings.Join(names, " or "))
	}
	if a.rtp.IsValid() && a.rtp.Addr().Is4() != n.config.Address.Is4() {
		return s.refused("its address " + a.rtp.Addr().String() + " cannot be reached from ours, " + n.config.Address.String())
	}
	return nil
}
