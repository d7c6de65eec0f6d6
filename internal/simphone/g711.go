package simphone

import "fmt"

// Codec is an RTP/AVP payload type of G.711 (RFC 3551 §6).
type Codec uint8

// The codecs a phone speaks.
const (
	PCMU Codec = 0
	PCMA Codec = 8
)

func (c Codec) String() string {
	switch c {
	case PCMU:
		return "PCMU"
	case PCMA:
		return "PCMA"
	}
	return fmt.Sprintf("payload type %d", uint8(c))
}

// encode is ITU-T G.711 by its definition: the segment is the position of the
// highest bit.
func (c Codec) encode(s int16) byte {
	if c == PCMA {
		return linearToAlaw(int(s))
	}
	return linearToUlaw(int(s))
}

func (c Codec) decode(b byte) int16 {
	if c == PCMA {
		return alawToLinear(b)
	}
	return ulawToLinear(b)
}

func linearToUlaw(s int) byte {
	const bias, clip = 132, 32635
	sign := byte(0)
	if s < 0 {
		s, sign = -s, 0x80
	}
	s = min(s, clip) + bias
	seg := 7
	for mask := 0x4000; s&mask == 0 && seg > 0; mask >>= 1 {
		seg--
	}
	return ^(sign | byte(seg)<<4 | byte(s>>(seg+3)&0x0f))
}

func ulawToLinear(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3 + 132) << (b >> 4 & 7)
	if v -= 132; b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

func linearToAlaw(s int) byte {
	sign := byte(0x80)
	if s < 0 {
		s, sign = -s-1, 0
	}
	seg := 0
	for v := s >> 8; v != 0 && seg < 7; v >>= 1 {
		seg++
	}
	shift := max(seg, 1) + 3
	return (sign | byte(seg)<<4 | byte(s>>shift&0x0f)) ^ 0x55
}

func alawToLinear(b byte) int16 {
	b ^= 0x55
	v := int(b&0x0f)<<4 + 8
	if seg := b >> 4 & 7; seg > 0 {
		v = (v + 256) << (seg - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}
