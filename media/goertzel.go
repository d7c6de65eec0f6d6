package media

import (
	"math"
	"time"
)

// dialTones hears the keypad's tones in a peer's sound (ITU-T Q.24): a pair of them in two blocks of
// 12.75 ms in a row is a press, three blocks without it are its end. It is pure.
type dialTones struct {
	kept   bool          // the tone that is down is not for the others
	n      int           // samples of the block so far
	state  [8][2]float64 // of the Goertzel filters, rows then columns
	energy float64

	last   int8 // event + 1 of the block before; 0: none
	down   int8 // of the press; 0: none
	missed int  // blocks in a row without it
	length int  // blocks from its first to its last
	since  int  // blocks since its first
}

// Criteria of a block: 102 samples set the neighbours of a tone apart by one filter's width.
const (
	toneBlock  = 102
	toneHits   = 2
	toneMisses = 3
	toneTwist  = 6.3   // 8 dB, either way
	tonePeak   = 4.0   // 6 dB above every other of its group
	toneShare  = 0.75  // of all the block's energy: speech has more beside
	toneFaint  = 130.0 // amplitude of the weaker tone, -48 dBFS
)

var toneHz = [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

var toneFactor = func() (f [8]float64) {
	for i, hz := range toneHz {
		f[i] = 2 * math.Cos(2*math.Pi*hz/SampleRate)
	}
	return f
}()

// toneEvent is the event of each row and column.
var toneEvent = [4][4]int8{{1, 2, 3, 12}, {4, 5, 6, 13}, {7, 8, 9, 14}, {10, 0, 11, 15}}

// hear takes samples and calls tell for each press and, with its length, each end.
func (d *dialTones) hear(pcm []int16, tell func(event int8, end bool, length time.Duration)) {
	for _, v := range pcm {
		x := float64(v)
		d.energy += x * x
		for i := range d.state {
			st := &d.state[i]
			st[0], st[1] = x+toneFactor[i]*st[0]-st[1], st[0]
		}
		if d.n++; d.n == toneBlock {
			d.block(d.judge(), tell)
			d.n, d.energy = 0, 0
			d.state = [8][2]float64{}
		}
	}
}

// judge is the pair in the block, as event + 1, or 0.
func (d *dialTones) judge() int8 {
	var power [8]float64
	for i, st := range d.state {
		power[i] = st[0]*st[0] + st[1]*st[1] - toneFactor[i]*st[0]*st[1]
	}
	row, col := loudest(power[:4]), loudest(power[4:])
	if row < 0 || col < 0 {
		return 0
	}
	r, c := power[row], power[4+col]
	const scale = toneBlock * toneBlock / 4.0 // of an amplitude's square
	switch {
	case min(r, c) < toneFaint*toneFaint*scale, r > toneTwist*c, c > toneTwist*r:
		return 0
	case r+c < toneShare*d.energy*toneBlock/2:
		return 0
	}
	return toneEvent[row][col] + 1
}

// loudest is the one that stands out among a group, or -1.
func loudest(group []float64) int {
	best := 0
	for i, p := range group {
		if p > group[best] {
			best = i
		}
	}
	for i, p := range group {
		if i != best && p*tonePeak > group[best] {
			return -1
		}
	}
	return best
}

// block takes what one block holds.
func (d *dialTones) block(found int8, tell func(int8, bool, time.Duration)) {
	const of = toneBlock * time.Second / SampleRate
	d.since++
	switch {
	case d.down != 0 && found == d.down:
		d.missed, d.length = 0, d.since
	case d.down != 0:
		if d.missed++; d.missed >= toneMisses || found != 0 && found == d.last {
			tell(d.down-1, true, time.Duration(d.length)*of)
			d.down = 0
		}
	}
	if d.down == 0 && found != 0 && found == d.last {
		d.down, d.missed, d.length, d.since = found, 0, toneHits, toneHits
		tell(d.down-1, false, 0)
	}
	d.last = found
}

// heed listens for tones in the peer's sound, where its digits come so.
func (s *Session) heed(pcm []int16, now int64) {
	if s.tones == nil {
		return
	}
	s.tones.hear(pcm, func(event int8, end bool, length time.Duration) {
		digit := rune(keys[event])
		if end {
			s.up(digit, s.tones.kept, length, now)
		} else {
			s.tones.kept, _ = s.pressed(digit, false, now)
		}
	})
}
