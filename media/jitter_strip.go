package media

import "math/bits"

// strip is a stretch of a source's line: sound by its place, a count of samples,
// and which of it has come and was not heard. It forgets what is playoutRing behind.
type strip struct {
	ring [playoutRing]int16
	have [playoutRing / 64]uint64 // a bit a sample
}

// put lays sound at a place: it has come.
func (t *strip) put(at int64, pcm []int16) {
	n := copy(t.ring[uint64(at)%playoutRing:], pcm)
	copy(t.ring[:], pcm[n:])
	t.mark(at, len(pcm), ^uint64(0))
}

// mark notes of n samples that they have come (all bits of to set) or not (none).
func (t *strip) mark(at int64, n int, to uint64) {
	for i := uint64(at) % playoutRing; n > 0; i = i &^ 63 % playoutRing {
		k := min(64-int(i%64), n)
		bit := ^uint64(0) >> (64 - k) << (i % 64)
		t.have[i/64] = t.have[i/64]&^bit | to&bit
		i, n = i+64, n-k
	}
}

// run is how many samples from a place on have come, at most n.
func (t *strip) run(at int64, n int) int { return t.alike(at, n, 0) }

// hole is how many have not, at most n.
func (t *strip) hole(at int64, n int) int { return t.alike(at, n, ^uint64(0)) }

// alike is how many samples from a place on have bits that are not those of other.
func (t *strip) alike(at int64, n int, other uint64) int {
	got := 0
	for i := uint64(at) % playoutRing; got < n; {
		k := min(bits.TrailingZeros64(^(t.have[i/64]^other)>>(i%64)), 64-int(i%64))
		got += k
		if i += uint64(k); i%64 != 0 || k == 0 {
			break
		}
		i %= playoutRing
	}
	return min(got, n)
}

// read copies what lies at a place, whether it has come or not.
func (t *strip) read(pcm []int16, at int64) {
	n := copy(pcm, t.ring[uint64(at)%playoutRing:])
	copy(pcm[n:], t.ring[:])
}

// readFloat is read for sums.
func (t *strip) readFloat(out []float32, at int64) {
	for i := range out {
		out[i] = float32(t.ring[uint64(at+int64(i))%playoutRing])
	}
}
