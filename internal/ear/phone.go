package ear

import "time"

// frame is the unit of playing and concealing: 10 ms (G.711 Appendix I).
const frame = 80

// Hear is what a phone plays that delays its first packet by a fixed buffer and
// places the others by their timestamps from there: a packet that comes after
// its moment is thrown away, what is missing is concealed, comfort noise is
// nothing to it. Another SSRC begins a new count. It returns the sound that begins when the first packet is played,
// and that moment.
func Hear(arrived []Packet, buffer time.Duration) (pcm []int16, from time.Duration) {
	if len(arrived) == 0 {
		return nil, 0
	}
	var line []int16
	var there []bool
	begin := sample(arrived[0].At + buffer)
	var ssrc, ts0 uint32
	var base int64
	for i, p := range arrived {
		if p.Law == Comfort {
			continue
		}
		if i == 0 || p.SSRC != ssrc {
			ssrc, ts0 = p.SSRC, p.TS
			base = max(sample(p.At+buffer), begin+int64(len(line)))
			if i == 0 {
				base = begin
			}
		}
		at := base + int64(int32(p.TS-ts0))
		if at < begin || at < sample(p.At) {
			continue // late
		}
		at -= begin
		said := p.PCM()
		for int64(len(line)) < at+int64(len(said)) {
			line, there = append(line, 0), append(there, false)
		}
		for k, v := range said {
			line[at+int64(k)], there[at+int64(k)] = v, true
		}
	}
	var c Concealer
	out := make([]int16, 0, len(line)+frame)
	for at := 0; at+frame <= len(line); at += frame {
		whole := true
		for _, t := range there[at : at+frame] {
			whole = whole && t
		}
		if whole {
			out = append(out, c.Good(line[at:at+frame])...)
		} else {
			out = append(out, c.Lost()...)
		}
	}
	return out, arrived[0].At + buffer
}

func sample(d time.Duration) int64 { return int64(d / perSample) }
