package media

import "math"

// The sound of G.722 has 16,000 samples a second, all other 8,000. A half-band filter stands
// between: symmetrical about 4 kHz, so every other one of its taps is zero, flat to 3.4 kHz and
// 60 dB down from 4.6. It is a sinc under a Kaiser window in whole numbers of 1/32768: the same
// samples come out on every machine.
const (
	bandTaps   = 12 // on each side that are not zero
	bandReach  = 2*bandTaps - 1
	bandKaiser = 5.65 // 60 dB
	bandOne    = 1 << 15
)

// bandFilter holds the taps at distances 1, 3, 5 … from the middle; the middle one is a half.
var bandFilter = func() (taps [bandTaps]int32) {
	sum := 0.0
	var exact [bandTaps]float64
	for i := range exact {
		x := float64(2*i + 1)
		exact[i] = sinc(x/2) / 2 * bessel(bandKaiser*math.Sqrt(1-x*x/(bandReach+1)/(bandReach+1))) / bessel(bandKaiser)
		sum += 2 * exact[i]
	}
	left := int32(bandOne / 4) // both sides together are a half: a constant comes out as it went in
	for i := len(taps) - 1; i > 0; i-- {
		taps[i] = int32(math.Round(exact[i] / sum * bandOne / 2))
		left -= taps[i]
	}
	taps[0] = left
	return taps
}()

// A halver takes a stream from 16 kHz to 8 kHz, a doubler from 8 to 16. Each keeps the end of what
// it was given, belongs to one goroutine and does not allocate. Sound comes out 1.4 ms late.
type halver struct{ tail [halverTail]int16 }

type doubler struct{ tail [doublerTail]int16 }

const (
	halverTail  = 2 * bandReach
	doublerTail = 2*bandTaps - 1
	mostWide    = 2 * maxPayload // wideband samples that are converted at once: a packet's
)

// bandRoom is where a stream and the tail before it are put side by side. It keeps nothing.
type bandRoom [halverTail + mostWide]int16

// halve writes half as many samples to dst as wide has, which is even and at most mostWide. dst may
// be the beginning of wide.
func (h *halver) halve(dst, wide []int16, room *bandRoom) int {
	all := room[:len(h.tail)+len(wide)]
	copy(all, h.tail[:])
	copy(all[len(h.tail):], wide)
	n := len(wide) / 2
	for i := range n {
		at := all[2*i : 2*i+2*bandReach+1]
		sum := int32(at[bandReach]) * (bandOne / 2)
		for k, tap := range bandFilter {
			sum += tap * (int32(at[bandReach-1-2*k]) + int32(at[bandReach+1+2*k]))
		}
		dst[i] = rounded(sum)
	}
	copy(h.tail[:], all[2*n:])
	return n
}

// double writes twice as many samples to dst as narrow has, at most maxPayload.
func (d *doubler) double(dst, narrow []int16, room *bandRoom) int {
	all := room[:len(d.tail)+len(narrow)]
	copy(all, d.tail[:])
	copy(all[len(d.tail):], narrow)
	for i := range narrow {
		at := all[i : i+2*bandTaps]
		dst[2*i] = at[bandTaps-1]
		var sum int32
		for k, tap := range bandFilter {
			sum += tap * (int32(at[bandTaps-1-k]) + int32(at[bandTaps+k]))
		}
		dst[2*i+1] = rounded(2 * sum)
	}
	copy(d.tail[:], all[len(narrow):])
	return 2 * len(narrow)
}

// rounded is a sum of 1/32768 as a sample.
func rounded(sum int32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, (sum+bandOne/2)>>15)))
}
