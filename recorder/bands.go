package recorder

import "math"

// maxPacket is the most samples that a packet may have: 120 ms at 16 kHz.
const maxPacket = 1920

// bandReach is how many of the slower rate's samples the filter looks to each side.
const bandReach = 12

// bandTaps are the weights at the distances ½, 1½, 2½ … of the slower rate's
// samples: a windowed sinc whose every other tap is zero (a half-band filter).
var bandTaps = func() (taps [bandReach]float64) {
	sum := 0.0
	for k := range taps {
		x := float64(k) + .5
		taps[k] = math.Sin(math.Pi*x) / (math.Pi * x) * (.5 + .5*math.Cos(math.Pi*x/(bandReach+.5)))
		sum += 2 * taps[k]
	}
	for k := range taps {
		taps[k] /= sum
	}
	return taps
}()

// bands changes a stream's sound between 8 and 16 kHz. What it returns is
// behind what it is given by the filter's reach, until it is flushed.
type bands struct {
	from int64
	tail [4 * bandReach]int16 // what came last
}

// behind is how many samples at a rate are still in the filter.
func (b *bands) behind(to int64) int64 {
	if b.from == 0 || b.from == to {
		return 0
	}
	return bandReach * max(to/b.from, 1)
}

// convert appends what a packet has become. whole: it stands alone, and nothing
// of it is kept back.
func (b *bands) convert(out, pcm []int16, from, to int64, whole bool) []int16 {
	if b.from != from {
		*b = bands{from: from}
	}
	if from == to {
		return append(out, pcm...)
	}
	keep := 2 * bandReach // in samples of from
	if from > to {
		keep = 4 * bandReach
	}
	var buf [maxPacket + 8*bandReach]int16
	n := copy(buf[:], b.tail[:keep])
	n += copy(buf[n:], pcm)
	if whole {
		n += keep / 2
	}
	x := buf[:n]
	first := keep / 2
	if whole {
		first = keep
	}
	if from < to {
		for i := first; i < n-bandReach; i++ {
			sum := 0.0
			for k, w := range bandTaps {
				sum += w * (float64(x[i-k]) + float64(x[i+1+k]))
			}
			out = append(out, x[i], clip(sum))
		}
	} else {
		for i := first; i < n-2*bandReach; i += 2 {
			sum := float64(x[i])
			for k, w := range bandTaps {
				sum += w * (float64(x[i-1-2*k]) + float64(x[i+1+2*k]))
			}
			out = append(out, clip(sum/2))
		}
	}
	copy(b.tail[:keep], x[n-keep:])
	return out
}

// flush returns what the filter still holds, and empties it.
func (b *bands) flush(out []int16, to int64) []int16 {
	if b.behind(to) == 0 {
		return nil
	}
	var nothing [2 * bandReach]int16
	n := bandReach
	if b.from > to {
		n = 2 * bandReach
	}
	out = b.convert(out, nothing[:n], b.from, to, false)
	*b = bands{from: b.from}
	return out
}

func clip(v float64) int16 { return int16(math.Round(min(max(v, -32768), 32767))) }
