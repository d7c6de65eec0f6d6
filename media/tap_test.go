package media

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// notes keeps what a tap is told of each packet.
type notes []string

func (n *notes) Sound(_ int, ssrc, ts uint32, seq uint16, marker bool, _ int64, rate int, pcm []int16) {
	*n = append(*n, fmt.Sprintf("%d/%d ts %d marker %v %d at %d", ssrc, seq, ts, marker, len(pcm), rate))
}

func (n *notes) Comfort(_ int, ssrc, ts uint32, seq uint16, _ int64, pcm []int16) {
	*n = append(*n, fmt.Sprintf("%d/%d ts %d noise of %d", ssrc, seq, ts, len(pcm)))
}

func (n *notes) Still(_ int, ssrc uint32, _ int64, on bool) {
	*n = append(*n, fmt.Sprintf("%d still %v", ssrc, on))
}

// soundAlone is the rest of a tap that takes sound.
type soundAlone struct{}

func (soundAlone) Comfort(int, uint32, uint32, uint16, int64, []int16) {}
func (soundAlone) Still(int, uint32, int64, bool)                      {}

func TestTapIsToldOfEveryPacketAsItComes(t *testing.T) {
	e, sh, _ := stillEngine(t)
	f := seat(e, sh, 2, PCMU)
	kept := &notes{}
	f.s.tap = kept
	f.packet(160)
	late := *f
	f.seq, f.ts = f.seq+1, f.ts+160 // one is missing
	f.packet(160)
	f.now += 500e6
	f.due() // it is given up
	late.now = f.now
	late.packet(160) // it comes: too late for the other party
	late.seq, late.ts = late.seq-1, late.ts-160
	late.packet(160) // and again
	b := f.sh.in.buf[:headerSize+4]
	outHeader{marker: true, pt: f.s.terms.EventRecvPT, seq: f.seq, ts: f.ts, ssrc: 9}.write(b)
	binary.BigEndian.PutUint32(b[headerSize:], 0x050a0000)
	f.s.receive(f.s.rtp, told, len(b), f.now)
	f.seq++
	b = f.sh.in.buf[:headerSize+160]
	outHeader{seq: f.seq, ts: f.ts, ssrc: 9}.write(b)
	f.s.receive(f.s.rtp, third, len(b), f.now) // a stranger's
	b = f.sh.in.buf[:headerSize+2]
	outHeader{pt: comfortNoise, seq: f.seq, ts: f.ts, ssrc: 9}.write(b)
	b[headerSize], b[headerSize+1] = 60, 127
	f.s.receive(f.s.rtp, told, len(b), f.now)
	f.seq++
	f.s.muted = true
	f.packet(160)
	f.s.muted = false
	f.packet(160)
	want := []string{
		"9/0 ts 0 marker false 160 at 8000",
		"9/2 ts 320 marker false 160 at 8000",
		"9/1 ts 160 marker false 160 at 8000",
		"9/1 ts 160 marker false 160 at 8000",
		"9/3 ts 480 marker true 0 at 8000",
		"9/4 ts 480 noise of 640",
		"9/5 ts 480 marker false 0 at 8000",
		"9 still true",
		"9/6 ts 640 marker false 160 at 8000",
		"9 still false",
	}
	if !slices.Equal(*kept, want) {
		t.Errorf("got %q, want %q", *kept, want)
	}
}
