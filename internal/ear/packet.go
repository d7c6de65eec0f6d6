package ear

import (
	"encoding/binary"
	"time"

	"trunkline/internal/tone"
)

const (
	rate      = 8000
	perSample = time.Second / rate
	headSize  = 12
)

// Law is a G.711 law: a payload type of RFC 3551.
type Law uint8

// The two laws, and what is sent in place of sound: comfort noise (RFC 3389).
const (
	Mulaw   Law = 0
	Alaw    Law = 8
	Comfort Law = 13
)

// Packet is an RTP packet of G.711, and when it is on the wire.
type Packet struct {
	At     time.Duration // sent, or arrived; from the call's start
	Law    Law
	Seq    uint16
	TS     uint32
	SSRC   uint32
	Marker bool
	Body   []byte
}

// Bytes is the packet as it is sent (RFC 3550 §5.1).
func (p Packet) Bytes() []byte {
	b := make([]byte, headSize, headSize+len(p.Body))
	b[0], b[1] = 2<<6, byte(p.Law)
	if p.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.Seq)
	binary.BigEndian.PutUint32(b[4:], p.TS)
	binary.BigEndian.PutUint32(b[8:], p.SSRC)
	return append(b, p.Body...)
}

// Parse reads a packet that has arrived; false: it is not sound of G.711.
func Parse(b []byte, at time.Duration) (Packet, bool) {
	if len(b) <= headSize || b[0] != 2<<6 {
		return Packet{}, false
	}
	p := Packet{At: at, Law: Law(b[1] & 0x7f), Marker: b[1]&0x80 != 0, Seq: binary.BigEndian.Uint16(b[2:]),
		TS: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]), Body: append([]byte(nil), b[headSize:]...)}
	return p, p.Law == Mulaw || p.Law == Alaw
}

// PCM decodes the packet.
func (p Packet) PCM() []int16 {
	pcm := make([]int16, len(p.Body))
	for i, b := range p.Body {
		if p.Law == Mulaw {
			pcm[i] = tone.DecodeMulaw(b)
		} else {
			pcm[i] = tone.DecodeAlaw(b)
		}
	}
	return pcm
}

// Talk packs speech into packets of a length, the first sent at a time. What is
// left over at the end is not sent.
func Talk(pcm []int16, law Law, ptime, at time.Duration) []Packet {
	n := int(ptime / perSample)
	var all []Packet
	for i := 0; i+n <= len(pcm); i += n {
		body := make([]byte, n)
		for k, s := range pcm[i : i+n] {
			if law == Mulaw {
				body[k] = tone.EncodeMulaw(s)
			} else {
				body[k] = tone.EncodeAlaw(s)
			}
		}
		all = append(all, Packet{At: at + time.Duration(i)*perSample, Law: law, Seq: uint16(65500 + i/n), TS: uint32(0xffff0000 + i),
			SSRC: 0x1234, Marker: i == 0, Body: body})
	}
	return all
}
