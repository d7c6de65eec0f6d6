package media

// playout is the sound of one session, laid on the engine's time line in
// samples, for mixers to read. Packets are placed by their RTP timestamp,
// delay samples behind their arrival; what has not come is silence. It is
// pure: time is an argument, in samples.
type playout struct {
	delay int64 // samples between arrival and first use
	most  int64 // a packet that would wait longer begins a new time line

	placed bool
	ts     uint32 // of the packet placed last
	at     int64  // where its first sample was placed
	put    int64  // when
	missed int    // packets in a row that came too late

	end  int64 // after the last sample that was written
	ring [playoutRing]int16
}

const (
	playoutRing = 4096 // samples: 512 ms, above the greatest delay and packet
	missesInRow = 3    // then the time line is anchored anew
	pauseLength = 1600 // samples without a packet after which the next may anchor anew
)

// write places a packet's samples. It returns false when all of them came too
// late to be heard.
func (o *playout) write(ts uint32, pcm []int16, now int64) bool {
	at := o.at + int64(int32(ts-o.ts))
	ahead := at - now
	switch late := ahead+int64(len(pcm)) <= 0; {
	case !o.placed, ahead > o.most, late && now-o.put > pauseLength:
		at = o.anchor(now)
	case late:
		if o.missed++; o.missed < missesInRow {
			return false
		}
		at = o.anchor(now)
	}
	o.missed, o.placed = 0, true
	o.ts, o.at, o.put = ts, at, now
	o.silence(at)
	for i, v := range pcm {
		o.ring[uint64(at+int64(i))%playoutRing] = v
	}
	o.end = max(o.end, at+int64(len(pcm)))
	return true
}

// anchor begins a new time line and returns where it begins. What the old one
// still held for later is dropped.
func (o *playout) anchor(now int64) int64 {
	at := now + o.delay
	o.end = min(o.end, at)
	return at
}

// silence fills up to at.
func (o *playout) silence(at int64) {
	for i := max(o.end, at-playoutRing); i < at; i++ {
		o.ring[uint64(i)%playoutRing] = 0
	}
	o.end = max(o.end, at)
}

// add adds the samples from at on to sum.
func (o *playout) add(sum []int32, at int64) {
	from := max(at, o.end-playoutRing, 0)
	to := min(at+int64(len(sum)), o.end)
	for i := from; i < to; i++ {
		sum[i-at] += int32(o.ring[uint64(i)%playoutRing])
	}
}

// mixer adds several playouts up.
type mixer struct {
	sum [maxPayload]int32
	pcm [maxPayload]int16
}

// saturated returns the first n sums as 16-bit samples, clipped.
func (m *mixer) saturated(n int) []int16 {
	for i, v := range m.sum[:n] {
		m.pcm[i] = int16(min(max(v, -32768), 32767))
	}
	return m.pcm[:n]
}
