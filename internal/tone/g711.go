package tone

import "math/bits"

// DecodeMulaw returns the sample of a G.711 µ-law byte.
func DecodeMulaw(b byte) int16 {
	b = ^b
	v := (int(b&0x0F)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}

// EncodeMulaw returns the G.711 µ-law byte nearest to a sample.
func EncodeMulaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 0x84
	segment := bits.Len(uint(v)) - 8
	return ^(sign | byte(segment)<<4 | byte(v>>(segment+3))&0x0F)
}

// DecodeAlaw returns the sample of a G.711 A-law byte.
func DecodeAlaw(b byte) int16 {
	b ^= 0x55
	v := int(b&0x0F)<<4 + 8
	if segment := b >> 4 & 7; segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return int16(-v)
	}
	return int16(v)
}

// EncodeAlaw returns the G.711 A-law byte nearest to a sample.
func EncodeAlaw(s int16) byte {
	v, sign := int(s)>>4, byte(0x80)
	if v < 0 {
		v, sign = ^v, 0
	}
	code := byte(v)
	if v > 15 {
		segment := bits.Len(uint(v)) - 4
		code = byte(segment)<<4 | byte(v>>(segment-1))&0x0F
	}
	return (sign | code) ^ 0x55
}
