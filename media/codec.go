package media

import (
	"fmt"
	"strings"

	"github.com/zaf/g711"
)

// A Codec is one of the two speech codecs every trunk and phone has. The zero value is PCMU.
// Telephone-event is no codec: it is negotiated beside one (Params.Events).
type Codec uint8

// The codecs, both 8000 samples a second, one byte a sample (RFC 3551 §4.5.14).
const (
	PCMU Codec = iota // G.711 µ-law
	PCMA              // G.711 A-law

	codecs // how many there are
)

// Sizes of the 20 ms frame that everything inside is counted in.
const (
	SampleRate   = 8000 // samples a second of everything inside
	FrameSamples = 160  // samples of one frame: 20 ms
)

// ParseCodec returns the codec of that name; case does not matter ("pcmu" is PCMU).
// The error says what would be right.
func ParseCodec(name string) (Codec, error) {
	for c := Codec(0); c < codecs; c++ {
		if strings.EqualFold(strings.TrimSpace(name), c.String()) {
			return c, nil
		}
	}
	return 0, fmt.Errorf("media: codec %q is not known, want PCMU or PCMA", name)
}

// String returns the codec's encoding name as in a=rtpmap.
func (c Codec) String() string {
	switch c {
	case PCMU:
		return "PCMU"
	case PCMA:
		return "PCMA"
	}
	return fmt.Sprintf("Codec(%d)", uint8(c))
}

// PayloadType returns the codec's static RTP payload type (RFC 3551 §6).
func (c Codec) PayloadType() uint8 {
	if c == PCMA {
		return 8
	}
	return 0
}

// Silence returns the byte that decodes to (nearly) zero: 0xFF in PCMU, 0xD5 in PCMA.
func (c Codec) Silence() byte {
	if c == PCMA {
		return 0xD5
	}
	return 0xFF
}

// Decode writes the samples of src to dst and returns how many: the shorter of the two lengths.
// It does not allocate.
func (c Codec) Decode(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	if c == PCMA {
		for i, b := range src {
			dst[i] = g711.DecodeAlawFrame(b)
		}
		return n
	}
	for i, b := range src {
		dst[i] = g711.DecodeUlawFrame(b)
	}
	return n
}

// Encode writes the bytes of src's samples to dst and returns how many: the shorter of the two
// lengths. It does not allocate.
func (c Codec) Encode(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	if c == PCMA {
		for i, s := range src {
			dst[i] = g711.EncodeAlawFrame(s)
		}
		return n
	}
	for i, s := range src {
		dst[i] = g711.EncodeUlawFrame(s)
	}
	return n
}

// Transcode writes src, which is in codec c, to dst in codec to, and returns how many bytes: the
// shorter of the two lengths. dst and src may be the same slice. It does not allocate.
func (c Codec) Transcode(dst []byte, to Codec, src []byte) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	switch {
	case c == PCMU && to == PCMA:
		for i, b := range src {
			dst[i] = g711.Ulaw2AlawFrame(b)
		}
	case c == PCMA && to == PCMU:
		for i, b := range src {
			dst[i] = g711.Alaw2UlawFrame(b)
		}
	default:
		copy(dst, src)
	}
	return n
}
