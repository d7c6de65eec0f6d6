package media

import (
	"testing"

	"github.com/zaf/g711"

	"trunkline/internal/tone"
)

func TestCodecNames(t *testing.T) {
	for name, want := range map[string]Codec{"PCMU": PCMU, "pcmu": PCMU, " PCMA ": PCMA, "Pcma": PCMA, "g722": G722} {
		if got, err := ParseCodec(name); err != nil || got != want {
			t.Errorf("ParseCodec(%q): got %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "G729", "PCMU/8000", "0"} {
		if got, err := ParseCodec(name); err == nil {
			t.Errorf("ParseCodec(%q): got %v, want an error", name, got)
		}
	}
	if PCMU.PayloadType() != 0 || PCMA.PayloadType() != 8 || G722.PayloadType() != 9 {
		t.Errorf("got payload types %d, %d and %d, want 0, 8 and 9 (RFC 3551 §6)", PCMU.PayloadType(), PCMA.PayloadType(), G722.PayloadType())
	}
	if got := Codec(9).String(); got != "Codec(9)" {
		t.Errorf("got %s, want Codec(9)", got)
	}
}

// The codecs are held against an implementation that shares nothing with them.
func TestCodecsAgreeWithAnIndependentG711(t *testing.T) {
	for c, other := range map[Codec]struct {
		decode func(byte) int16
		encode func(int16) byte
	}{PCMU: {tone.DecodeMulaw, tone.EncodeMulaw}, PCMA: {tone.DecodeAlaw, tone.EncodeAlaw}} {
		var one [1]int16
		var b [1]byte
		for v := range 256 {
			c.Decode(one[:], []byte{byte(v)})
			if want := other.decode(byte(v)); one[0] != want {
				t.Errorf("%v decodes %#x to %d, want %d", c, v, one[0], want)
			}
			c.Encode(b[:], one[:])
			if again := other.decode(b[0]); again != one[0] { // two bytes may mean zero
				t.Errorf("%v: %#x is %d and encodes as %#x, which is %d", c, v, one[0], b[0], again)
			}
		}
		for s := -32768; s <= 32767; s++ {
			one[0] = int16(s)
			c.Encode(b[:], one[:])
			got, want := other.decode(b[0]), other.decode(other.encode(int16(s)))
			// Both are half a step from the sample at most; a step is 1/32 of the sample's size.
			if d := abs(int(got) - s); d > abs(s)/32+20 && abs(s) < 32000 || abs(int(got)-int(want)) > abs(s)/16+16 {
				t.Fatalf("%v encodes %d as %d, want %d", c, s, got, want)
			}
		}
	}
}

// The encoders' tables have an entry for four samples: the laws tell no more apart.
func TestEncodersAreExactForEverySample(t *testing.T) {
	for c, encode := range map[Codec]func(int16) byte{PCMU: g711.EncodeUlawFrame, PCMA: g711.EncodeAlawFrame} {
		var b [1]byte
		for s := -32768; s <= 32767; s++ {
			if c.Encode(b[:], []int16{int16(s)}); b[0] != encode(int16(s)) {
				t.Fatalf("%v encodes %d as %#x, want %#x", c, s, b[0], encode(int16(s)))
			}
		}
	}
}

func abs(v int) int { return max(v, -v) }

func TestTranscodingIsDecodingAndEncoding(t *testing.T) {
	var all, got [256]byte
	var pcm, there, want [256]int16
	for i := range all {
		all[i] = byte(i)
	}
	for _, from := range []Codec{PCMU, PCMA} {
		for _, to := range []Codec{PCMU, PCMA} {
			if n := from.Transcode(got[:], to, all[:]); n != 256 {
				t.Fatalf("got %d bytes, want 256", n)
			}
			from.Decode(pcm[:], all[:])
			to.Decode(there[:], got[:])
			var b [256]byte
			to.Encode(b[:], pcm[:])
			to.Decode(want[:], b[:])
			for i := range all {
				if d := abs(int(there[i]) - int(want[i])); d > abs(int(want[i]))/16+16 {
					t.Errorf("%v %#x to %v: got %d, want %d", from, i, to, there[i], want[i])
				}
			}
		}
	}
	same := []byte{1, 2, 3}
	if PCMU.Transcode(same, PCMA, same); same[0] != tone.EncodeAlaw(tone.DecodeMulaw(1)) {
		t.Errorf("got %#x, want it transcoded in place", same[0])
	}
}

func TestCodecsStopAtTheShorterSlice(t *testing.T) {
	var pcm [4]int16
	var b [4]byte
	for _, c := range []Codec{PCMU, PCMA} {
		got := []int{c.Decode(pcm[:2], b[:]), c.Decode(pcm[:], b[:3]), c.Encode(b[:1], pcm[:]), c.Encode(b[:], nil), c.Transcode(b[:2], PCMA, b[:])}
		for i, want := range []int{2, 3, 1, 0, 2} {
			if got[i] != want {
				t.Errorf("%v: got %v, want 2 3 1 0 2", c, got)
			}
		}
		if c.Decode(pcm[:1], []byte{c.Silence()}); abs(int(pcm[0])) > 8 {
			t.Errorf("%v: silence decodes to %d, want about 0", c, pcm[0])
		}
	}
}

func TestCodecsDoNotAllocate(t *testing.T) {
	var pcm [FrameSamples]int16
	var b [FrameSamples]byte
	for _, c := range []Codec{PCMU, PCMA} {
		if n := testing.AllocsPerRun(100, func() {
			c.Decode(pcm[:], b[:])
			c.Encode(b[:], pcm[:])
			c.Transcode(b[:], PCMU+PCMA-c, b[:])
		}); n != 0 {
			t.Errorf("%v: got %v allocations a frame, want 0", c, n)
		}
	}
}
