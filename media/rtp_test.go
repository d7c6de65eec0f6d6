package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
	"pgregory.net/rapid"
)

// The packet path reads headers in place, without pion's allocations for
// CSRCs and extensions; what it reads is what pion reads.
func TestHeaderIsReadAsPionReadsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "datagram")
		if len(b) > 0 && rapid.Bool().Draw(t, "version 2") {
			b[0] = 2<<6 | b[0]&0x3f
			if rapid.Bool().Draw(t, "plain") {
				b[0] &= 0xc3
			}
		}
		var ours packet
		copy(ours.buf[:], b)
		read := ours.parse(len(b))
		var theirs rtp.Packet
		err := theirs.Unmarshal(b)
		switch {
		case err != nil || theirs.Version != 2:
			return // what pion refuses, ours may read: a bad extension's insides are not ours to judge
		case !read && theirs.Padding:
			return // pion lets a padding of 0 pass; RFC 3550 §A.1 does not
		case !read:
			t.Fatalf("%x: got refused, want what pion reads: %v", b, theirs.Header)
		}
		if ours.seq != theirs.SequenceNumber || ours.ts != theirs.Timestamp || ours.ssrc != theirs.SSRC ||
			ours.pt != theirs.PayloadType || ours.marker != theirs.Marker {
			t.Fatalf("%x: got %+v, want %+v", b, outHeader{ours.marker, ours.pt, ours.seq, ours.ts, ours.ssrc}, theirs.Header)
		}
		if !bytes.Equal(ours.payload(), theirs.Payload) {
			t.Fatalf("%x: payload: got %x, want %x", b, ours.payload(), theirs.Payload)
		}
	})
}

func TestHeaderIsWrittenAsPionReadsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := outHeader{
			marker: rapid.Bool().Draw(t, "marker"), pt: uint8(rapid.IntRange(0, 127).Draw(t, "pt")),
			seq: rapid.Uint16().Draw(t, "seq"), ts: rapid.Uint32().Draw(t, "ts"), ssrc: rapid.Uint32().Draw(t, "ssrc"),
		}
		b := make([]byte, headerSize)
		h.write(b)
		var got rtp.Header
		if _, err := got.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		if got.Version != 2 || (outHeader{got.Marker, got.PayloadType, got.SequenceNumber, got.Timestamp, got.SSRC}) != h {
			t.Errorf("got %+v, want %+v", got, h)
		}
	})
}
