package media

import (
	"time"

	"trunkline/internal/tone"
)

// sound decodes packets, one after the other.
func (p *phone) sound(packets []heardPacket) []int16 {
	var pcm []int16
	coder := p.codec.NewCoder()
	for i := range packets {
		b := packets[i].payload()
		if packets[i].pt != p.codec.PayloadType() {
			continue
		}
		dst := make([]int16, 2*len(b))
		pcm = append(pcm, dst[:coder.Decode(dst, b)]...)
	}
	return pcm
}

// hears fails unless of these tones exactly the wanted are heard in packets:
// above -30 dBFS, the others below -45.
func (p *phone) hears(packets []heardPacket, all []float64, want ...float64) {
	p.r.Helper()
	pcm := p.sound(packets)
	for _, hz := range all {
		wanted := false
		for _, w := range want {
			wanted = wanted || w == hz
		}
		switch level := tone.Level(pcm, p.codec.Rate(), hz); {
		case wanted && level < -30:
			p.r.Errorf("%v Hz: got %.1f dBFS, want it heard", hz, level)
		case !wanted && level > -45:
			p.r.Errorf("%v Hz: got %.1f dBFS, want it silent", hz, level)
		}
	}
}

// oneStream fails unless packets are one stream without a hole: one SSRC,
// consecutive sequence numbers, timestamps that follow elapsed time to within
// so much.
func (p *phone) oneStream(packets []heardPacket, within time.Duration) {
	p.r.Helper()
	first := &packets[0]
	for i := range packets {
		got, before := &packets[i], &packets[max(i-1, 0)]
		if got.ssrc != first.ssrc {
			p.r.Fatalf("packet %d: got SSRC %x, want %x", i, got.ssrc, first.ssrc)
		}
		if want := first.seq + uint16(i); got.seq != want {
			p.r.Fatalf("packet %d: got sequence number %d, want %d", i, got.seq, want)
		}
		if i > 0 && int32(got.ts-before.ts) <= 0 {
			p.r.Fatalf("packet %d: got timestamp %d after %d", i, got.ts, before.ts)
		}
		elapsed := got.at.Sub(first.at)
		if off := time.Duration(int32(got.ts-first.ts))*perSample - elapsed; off > within || off < -within {
			p.r.Fatalf("packet %d: got a timestamp %v off from elapsed %v, want within %v", i, off, elapsed, within)
		}
	}
}

func level(pcm []int16, hz float64) float64 { return tone.Level(pcm, SampleRate, hz) }
