package ear

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Network does to a stream what a network, or the sender, does to it. The
// packets it returns are in order of arrival.
type Network func(rng *rand.Rand, sent []Packet) []Packet

// Travel sends packets through a network with a seed; nil: through none.
func Travel(sent []Packet, n Network, seed uint64) []Packet {
	all := slices.Clone(sent)
	if n != nil {
		all = n(rand.New(rand.NewPCG(seed, 0x656172)), all)
	}
	slices.SortStableFunc(all, func(a, b Packet) int { return int(a.At - b.At) })
	return all
}

// Loss loses so much of all packets, each by its own luck.
func Loss(share float64) Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		return slices.DeleteFunc(sent, func(Packet) bool { return rng.Float64() < share })
	}
}

// Bursts loses so much of all packets, so many in a row.
func Bursts(share float64, row int) Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		begin, left := share/float64(row)/(1-share), 0 // of those packets that are in no burst
		return slices.DeleteFunc(sent, func(Packet) bool {
			if left == 0 && rng.Float64() < begin {
				left = row
			}
			if left > 0 {
				left--
				return true
			}
			return false
		})
	}
}

// Jitter delays each packet by its own luck, up to most: later ones overtake.
func Jitter(most time.Duration) Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		for i := range sent {
			sent[i].At += time.Duration(rng.Float64() * float64(most))
		}
		return sent
	}
}

// Stalls lets nothing through for a time every so often; what was held comes at
// once.
func Stalls(lasts, every time.Duration) Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		begin := every/2 + time.Duration(rng.Int64N(int64(every/2)))
		for i := range sent {
			if sent[i].At >= begin+lasts {
				begin += every
			}
			if sent[i].At >= begin {
				sent[i].At = begin + lasts
			}
		}
		return sent
	}
}

// Twice sends so much of all packets twice, the second a little later.
func Twice(share float64) Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		for _, p := range sent {
			if rng.Float64() < share {
				p.At += time.Duration(rng.Int64N(int64(30 * time.Millisecond)))
				sent = append(sent, p)
			}
		}
		return sent
	}
}

// OtherSource has the sender begin a new stream halfway: another SSRC, other
// numbers, other timestamps.
func OtherSource() Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		ssrc, seq, ts := rng.Uint32(), uint16(rng.Uint32()), rng.Uint32()
		for i := len(sent) / 2; i < len(sent); i++ {
			sent[i].SSRC, sent[i].Seq, sent[i].TS = ssrc, sent[i].Seq+seq, sent[i].TS+ts
			sent[i].Marker = i == len(sent)/2
		}
		return sent
	}
}

// Discontinuous has the sender say nothing while its voice is below a level
// (DTX): numbers go on, timestamps tell of the hole, the marker of its end. It
// falls silent 200 ms after the voice does.
func Discontinuous(rms float64) Network { return discontinuous(rms, false) }

// Described is Discontinuous of a sender that says, as it falls silent, how loud
// its background is and how it is tinted (RFC 3389, one coefficient).
func Described(rms float64) Network { return discontinuous(rms, true) }

const hangover = 200 * time.Millisecond

func discontinuous(rms float64, described bool) Network {
	return func(_ *rand.Rand, sent []Packet) []Packet {
		var said []Packet
		var lately []int16
		quiet, seq := time.Hour, sent[0].Seq
		for _, p := range sent {
			pcm, sum := p.PCM(), 0.0
			for _, s := range pcm {
				sum += float64(s) * float64(s)
			}
			was := quiet
			if sum > rms*rms*float64(len(p.Body)) {
				quiet = 0
			} else {
				quiet += time.Duration(len(p.Body)) * perSample
			}
			if quiet <= hangover {
				p.Seq, p.Marker = seq, was > hangover
				seq++
				said = append(said, p)
				lately = append(lately, pcm...)
			} else if described && was <= hangover {
				p.Seq, p.Law, p.Body = seq, Comfort, describe(lately[max(0, len(lately)-1200):])
				seq++
				said = append(said, p)
			}
		}
		return said
	}
}

// describe is the payload of comfort noise for a background: its level in -dBov
// and the first reflection coefficient (RFC 3389 §3).
func describe(pcm []int16) []byte {
	power, next := 1.0, 0.0
	for i, v := range pcm {
		power += float64(v) * float64(v)
		if i > 0 {
			next += float64(v) * float64(pcm[i-1])
		}
	}
	level := 20 * math.Log10(math.MaxInt16/math.Sqrt(power/float64(len(pcm))))
	return []byte{byte(min(math.Round(level), 127)), byte(math.Round(-next/power*32768/258) + 127)}
}

// Skew has the sender's clock run fast by so many parts in a million.
func Skew(ppm float64) Network {
	return func(_ *rand.Rand, sent []Packet) []Packet {
		for i := range sent {
			sent[i].At -= time.Duration(float64(sent[i].At-sent[0].At) * ppm / 1e6)
		}
		return sent
	}
}

// Outages loses everything for a time every so often.
func Outages(lasts, every time.Duration) Network {
	return func(_ *rand.Rand, sent []Packet) []Packet {
		return slices.DeleteFunc(sent, func(p Packet) bool { return p.At%every >= every-lasts })
	}
}

// All does one after the other.
func All(networks ...Network) Network {
	return func(rng *rand.Rand, sent []Packet) []Packet {
		for _, n := range networks {
			sent = n(rng, sent)
		}
		return sent
	}
}
