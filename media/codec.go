package media

import (
	"fmt"
	"strings"

	"github.com/gotranspile/g722"
	"github.com/zaf/g711"
)

// A Codec is one of the speech codecs we do. The zero value is PCMU. Telephone-event is no codec:
// it is negotiated beside one (Params.Events).
//
// All codecs here but Opus have an RTP clock of 8 kHz and send one byte for each tick of it, whatever
// they are sampled at: lengths of payloads and differences of timestamps are one count. Opus is
// decoded and passed on, never encoded (see opus.go).
type Codec uint8

// The codecs (RFC 3551 §4.5.2, §4.5.14).
const (
	PCMU Codec = iota // G.711 µ-law, 8 kHz
	PCMA              // G.711 A-law, 8 kHz
	G722              // G.722 at 64 kbit/s, 16 kHz

	Opus // RFC 7587, of browsers alone

	codecs = Opus // how many can be encoded
)

// Sizes of the 20 ms frame that everything inside is counted in.
const (
	SampleRate   = 8000  // samples a second of narrowband sound, and the RTP clock of every codec
	WideRate     = 16000 // samples a second of wideband sound
	FrameSamples = 160   // samples of one frame at SampleRate: 20 ms
)

// A Coder turns one stream's payloads into samples and samples into payloads, in their order: what
// a codec has to bring. It may keep state from each call to the next, for each direction apart, and
// belongs to one goroutine. Neither method allocates.
type Coder interface {
	// Decode writes the samples of a payload to dst, at the codec's Rate, and returns how many: as
	// many as both have room for.
	Decode(dst []int16, payload []byte) int
	// Encode writes the payload of the samples to dst and returns its length: what both have room for.
	Encode(dst []byte, pcm []int16) int
}

// A kind is what is to be known of a codec.
type kind struct {
	name    string // as in a=rtpmap
	pt      uint8  // static payload type (RFC 3551 §6)
	rate    int    // samples a second
	silence byte   // fills a payload of silence
	coder   func() Coder

	impairment, robustness float64 // Ie and Bpl of the E-model, see quality.go
}

var kinds = [codecs + 1]kind{
	PCMU: {"PCMU", 0, SampleRate, 0xFF, func() Coder { return PCMU }, 0, 25.1},
	PCMA: {"PCMA", 8, SampleRate, 0xD5, func() Coder { return PCMA }, 0, 25.1},
	G722: {"G722", 9, WideRate, 0xFF, newG722, 0, 13},
	Opus: {"opus", 111, WideRate, 0, newOpus, 0, 20},
}

// ParseCodec returns the codec of that name; case does not matter ("pcmu" is PCMU).
// The error says what would be right.
func ParseCodec(name string) (Codec, error) {
	for c := range codecs {
		if strings.EqualFold(strings.TrimSpace(name), c.String()) {
			return c, nil
		}
	}
	return 0, fmt.Errorf("media: codec %q is not known, want PCMU, PCMA or G722", name)
}

// String returns the codec's encoding name as in a=rtpmap.
func (c Codec) String() string {
	if c <= Opus {
		return kinds[c].name
	}
	return fmt.Sprintf("Codec(%d)", uint8(c))
}

// PayloadType returns the codec's static RTP payload type (RFC 3551 §6); Opus has none, and mostly 111.
func (c Codec) PayloadType() uint8 { return kinds[c].pt }

// Rate returns how many samples a second its Coder takes and gives. The RTP clock is 8000 all the
// same (RFC 3551 §4.5.2).
func (c Codec) Rate() int { return kinds[c].rate }

// NewCoder returns the coder of one stream.
func (c Codec) NewCoder() Coder { return kinds[c].coder() }

// Silence returns a byte of which a payload of silence may be made: it decodes to (nearly) zero,
// 0xFF in PCMU, 0xD5 in PCMA; in G722, 0xFF becomes a steady -28, wherever the decoder was.
func (c Codec) Silence() byte { return kinds[c].silence }

// Decode makes G.711, which has no state, its own Coder. Of a codec with state it returns 0: that
// needs NewCoder.
func (c Codec) Decode(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	switch c {
	case PCMU:
		expand(dst, src, &muToLinear)
	case PCMA:
		expand(dst, src, &aToLinear)
	default:
		return 0
	}
	return n
}

// Encode is Decode's counterpart.
func (c Codec) Encode(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	switch c {
	case PCMU:
		compress(dst, src, &linearToMu)
	case PCMA:
		compress(dst, src, &linearToA)
	default:
		return 0
	}
	return n
}

// Transcode writes src, which is in codec c, to dst in codec to, both of them G.711, and returns how
// many bytes: the shorter of the two lengths. dst and src may be the same slice. It is a look-up a
// byte, by the ITU's own tables: no sample is made.
func (c Codec) Transcode(dst []byte, to Codec, src []byte) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	switch {
	case c == PCMU && to == PCMA:
		translate(dst, src, &muToA)
	case c == PCMA && to == PCMU:
		translate(dst, src, &aToMu)
	default:
		copy(dst, src)
	}
	return n
}

func translate(dst, src []byte, table *[256]byte) {
	for i, b := range src {
		dst[i] = table[b]
	}
}

func expand(dst []int16, src []byte, table *[256]int16) {
	for i, b := range src {
		dst[i] = table[b]
	}
}

// compress: the laws know samples of 14 bits and less.
func compress(dst []byte, src []int16, table *[1 << 14]byte) {
	for i, s := range src {
		dst[i] = table[uint16(s)>>2]
	}
}

// The tables of ITU-T G.711, as the library has them: between the laws (tables 3 and 4), and of
// each.
var (
	muToA      = tableOf(g711.Ulaw2AlawFrame)
	aToMu      = tableOf(g711.Alaw2UlawFrame)
	muToLinear = tableOf(g711.DecodeUlawFrame)
	aToLinear  = tableOf(g711.DecodeAlawFrame)
	linearToMu = lawOf(g711.EncodeUlawFrame)
	linearToA  = lawOf(g711.EncodeAlawFrame)
)

func tableOf[T byte | int16](f func(byte) T) (t [256]T) {
	for i := range t {
		t[i] = f(byte(i))
	}
	return t
}

func lawOf(f func(int16) byte) (t [1 << 14]byte) {
	for i := range t {
		t[i] = f(int16(uint16(i) << 2))
	}
	return t
}

// wideband is the coder of one G.722 stream.
type wideband struct {
	enc *g722.Encoder
	dec *g722.Decoder
}

func newG722() Coder {
	return &wideband{g722.NewEncoder(g722.Rate64000, 0), g722.NewDecoder(g722.Rate64000, 0)}
}

// Decode: two samples of a byte.
func (w *wideband) Decode(dst []int16, payload []byte) int {
	n := min(len(dst)/2, len(payload))
	return w.dec.Decode(dst[:2*n], payload[:n])
}

// Encode: a byte of two samples. An odd one at the end is left out.
func (w *wideband) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm)/2)
	return w.enc.Encode(dst[:n], pcm[:2*n])
}
