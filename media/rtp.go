package media

import (
	"encoding/binary"
)

const (
	headerSize = 12                       // of RTP without CSRCs and extension (RFC 3550 §5.1)
	maxPayload = maxDatagram - headerSize // bytes
)

// packet is one received RTP packet in the buffer it came in.
type packet struct {
	buf   [maxDatagram]byte
	start int // of the payload in buf, ≥ headerSize
	end   int

	marker bool
	pt     uint8
	seq    uint16
	ts     uint32
	ssrc   uint32

	ticks  int     // how long its sound is, at 8 kHz
	came   int64   // when, engine time
	steady bool    // its timestamp follows time: no telephone-event
	next   *packet // in the shard's list of free ones
}

// payload is what the packet carries.
func (p *packet) payload() []byte { return p.buf[p.start:p.end] }

// parse reads the header of the n bytes in buf. It returns false for what is
// not RTP version 2 or does not fit its own lengths (RFC 3550 §5.1, §A.1).
func (p *packet) parse(n int) bool {
	if n < headerSize || n > maxDatagram || p.buf[0]>>6 != 2 {
		return false
	}
	b := p.buf[:n]
	p.start, p.end = headerSize+4*int(b[0]&0x0f), n
	if b[0]&0x10 != 0 { // extension, RFC 3550 §5.3.1
		if p.start+4 > n {
			return false
		}
		p.start += 4 + 4*int(binary.BigEndian.Uint16(b[p.start+2:]))
	}
	if p.start > n {
		return false
	}
	if b[0]&0x20 != 0 { // padding: its last byte counts itself
		pad := int(b[n-1])
		if pad == 0 || p.start+pad > n {
			return false
		}
		p.end -= pad
	}
	p.ticks = p.end - p.start // a byte each, but in Opus
	p.marker, p.pt = b[1]&0x80 != 0, b[1]&0x7f
	p.seq = binary.BigEndian.Uint16(b[2:])
	p.ts = binary.BigEndian.Uint32(b[4:])
	p.ssrc = binary.BigEndian.Uint32(b[8:])
	return true
}

// outHeader is the header of a packet that we send.
type outHeader struct {
	marker bool
	pt     uint8
	seq    uint16
	ts     uint32
	ssrc   uint32
}

// write puts the header into the first headerSize bytes of b.
func (h outHeader) write(b []byte) {
	_ = b[headerSize-1]
	b[0] = 2 << 6
	b[1] = h.pt & 0x7f
	if h.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.seq)
	binary.BigEndian.PutUint32(b[4:], h.ts)
	binary.BigEndian.PutUint32(b[8:], h.ssrc)
}

// isRTCP tells the two apart where they share a port (RFC 5761 §4).
func isRTCP(b []byte) bool {
	return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223
}
