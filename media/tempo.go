package media

import "time"

// tempo is the time line of one source as its packets show it: when the packet
// of a timestamp would have come that the network had delayed least. It
// follows the least delay, falling at once and rising slowly, so that a clock
// that is not ours (±200 ppm) and a route that got longer are followed, and
// jitter is not. It is pure: time is an argument, in nanoseconds.
type tempo struct {
	known bool
	ts    uint32
	at    int64 // when the packet of ts would have come at best
}

const (
	tempoRise  = 9                  // the line rises by 1/512 of each packet's excess
	tempoJump  = int64(time.Second) // further off, it is another line
	perSampleN = int64(perSample)
)

// expected is when the packet of a timestamp would have come at best.
func (t *tempo) expected(ts uint32) int64 {
	return t.at + int64(int32(ts-t.ts))*perSampleN
}

// note takes a packet that has come and returns by how much later than the
// best it did. anew says that its timestamp has nothing to do with those
// before: the line begins here.
func (t *tempo) note(ts uint32, now int64) (excess int64, anew bool) {
	at := t.expected(ts)
	excess = now - at
	switch {
	case !t.known, excess > tempoJump, excess < -tempoJump:
		t.known, t.ts, t.at = true, ts, now
		return 0, true
	case excess < 0:
		t.ts, t.at = ts, now
		return 0, false
	}
	t.ts, t.at = ts, at+excess>>tempoRise
	return excess, false
}

// spread is a distribution of delays that forgets: every packet weighs a
// little more than the one before, so that half of the weight is in the last
// spreadHalf.
type spread struct {
	bins   [spreadBins]uint32
	total  uint64
	weight float32
}

const (
	spreadBins  = 52 // the last one holds all that is longer
	spreadBin   = int64(5 * time.Millisecond)
	spreadHalf  = 150 // packets: 3 s of 20 ms
	spreadGrow  = 1 + 0.6931/spreadHalf
	spreadFirst = 64
	spreadMost  = 1 << 20 // of one packet: then all are scaled down
)

// add counts one delay.
func (d *spread) add(delay int64) {
	if d.weight < spreadFirst {
		d.weight = spreadFirst
	}
	i := min(max(delay/spreadBin, 0), spreadBins-1)
	d.bins[i] += uint32(d.weight)
	d.total += uint64(d.weight)
	if d.weight *= spreadGrow; d.weight >= spreadMost {
		d.weight /= spreadMost / spreadFirst
		d.total = 0
		for i := range d.bins {
			d.bins[i] /= spreadMost / spreadFirst
			d.total += uint64(d.bins[i])
		}
	}
}

// above is the delay that all but a share of 1 in so many stay below.
func (d *spread) above(in uint64) int64 {
	left := d.total / in
	for i := spreadBins - 1; i >= 0; i-- {
		if n := uint64(d.bins[i]); n > left {
			return int64(i+1) * spreadBin
		} else {
			left -= n
		}
	}
	return 0
}
