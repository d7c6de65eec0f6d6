package media

// playout is the sound of one session for mixers to read: the peer's packets,
// placed by their timestamps on a line of their own, are rendered onto the
// engine's in pieces of at most 10 ms when somebody first asks for them. What
// has not come by then is concealed, or is comfort noise, or silence. It is
// pure: time is an argument, in nanoseconds for packets and in samples for
// readers.
//
// Packets are heard so much later than the best of them would have come as all
// but one in a hundred have lately needed, and 10 ms more, within least and
// most. The delay is changed where nobody hears it: in pauses at once, within
// silence by 10 ms, within speech by a period of the voice that is left out or
// said twice, at most ten times a second. So a clock that runs fast or slow is
// followed too.
type playout struct {
	least, most int64 // samples

	line   tempo
	delays spread
	came   int   // packets, to know when delays are to be believed
	target int64 // samples

	// The source's line. A place is a count of samples.
	placed bool
	ts     uint32 // a timestamp
	at     int64  // and its place
	seq    uint16 // of the packet that is furthest
	end    int64  // after the last sample that has come
	strip

	// The engine's line.
	reading bool
	from    int64 // the place of what is rendered next
	done    int64 // up to where it is rendered, in samples of the engine
	starved int   // samples since the last that had come
	spliced int64 // when the delay was changed within speech
	out     [playoutOut]int16

	plc   concealer
	noise comfort
	noisy bool // the peer has said that it is silent, and how it sounds

	treble *treble // nil: nobody hears the upper band

	pauses bool       // the peer sends nothing in its pauses, and does not say how they sound
	ground background // that of its voice
}

const (
	playoutRing   = 4096     // samples: 512 ms
	playoutAhead  = 3072     // of them may be ahead of what is heard; the rest is what was
	playoutOut    = 2048     // samples: readers may be 256 ms apart
	playoutMargin = plcFrame // a piece may be rendered that much before its time
	firstDelay    = 480      // samples: 60 ms, until enough packets have come
	firstPackets  = 50
	starvedMost   = plcFrames * plcFrame // samples: then the source has paused
	spliceSlack   = 160                  // samples that the delay may be off
	spliceEvery   = 800                  // samples
)

func newPlayout(c Config) *playout {
	o := &playout{least: int64(c.JitterMin / perSample), most: int64(c.JitterMax / perSample)}
	o.target = min(max(firstDelay, o.least), o.most)
	o.starved = starvedMost
	return o
}

// renew forgets the source's line: the packets to come have another.
func (o *playout) renew() { o.placed, o.line.known, o.noisy, o.pauses = false, false, false, false }

// write takes a packet with its samples, and those of its upper band if it has
// one. It returns false when all of them came too late to be heard.
func (o *playout) write(p *packet, pcm, high []int16, now int64) bool {
	o.measure(p, now)
	pos := o.at + int64(int32(p.ts-o.ts))
	if o.placed && p.seq == o.seq+1 && !o.noisy && pos-o.end >= starvedMost {
		o.pauses = true
	}
	if !o.placed || pos > o.from+playoutAhead-int64(len(pcm)) || pos < o.from-playoutAhead {
		pos = o.anchor(p, now)
	}
	if pos+int64(len(pcm)) <= o.from {
		return false
	}
	if pos > o.end {
		if p.seq == o.seq+1 { // nothing is missing: the source was silent meanwhile
			o.rest(pos)
		}
		if o.starved > 0 && o.from >= o.end {
			o.resume(p, pos)
		}
	}
	o.bound(p, pos)
	heard := max(o.from-pos, 0) // of it, already
	o.put(pos+heard, pcm[heard:])
	if o.treble != nil {
		o.treble.put(pos+heard, high[min(2*heard, int64(len(high))):], len(pcm[heard:]))
	}
	if end := pos + int64(len(pcm)); end > o.end {
		o.end, o.seq, o.ts, o.at = end, p.seq, p.ts, pos
	}
	o.noisy = false
	return true
}

// silent takes a packet that has no sound: comfort noise, or an event.
func (o *playout) silent(p *packet, comfortable bool) {
	if !o.placed {
		return
	}
	if p.seq == o.seq+1 {
		o.seq = p.seq
	}
	if comfortable {
		o.noise.describe(p.payload())
		o.noisy = true
	}
}

// measure learns from a packet's delay.
func (o *playout) measure(p *packet, now int64) {
	excess, anew := o.line.note(p.ts, now)
	if anew {
		o.placed = false
		return
	}
	o.delays.add(excess)
	o.came++
	o.target = o.delays.above(100)/perSampleN + playoutMargin
	if o.came < firstPackets {
		o.target = max(o.target, firstDelay)
	}
	o.target = min(max(o.target, o.least), o.most)
}

// anchor begins a new line with a packet and returns its place.
func (o *playout) anchor(p *packet, now int64) int64 {
	if !o.reading {
		o.done = max(o.done, now/perSampleN)
	}
	pos := o.from + playoutRing // none of the old is in the way
	clear(o.have[:])
	o.placed, o.ts, o.at, o.seq, o.end = true, p.ts, pos, p.seq, pos
	o.from = pos
	o.starved = max(o.starved, starvedMost)
	o.resume(p, pos)
	return pos
}

// wanted is when a timestamp is to be heard, in samples of the engine.
func (o *playout) wanted(ts uint32) int64 { return o.line.expected(ts)/perSampleN + o.target }

// resume decides when a packet after a pause is heard.
func (o *playout) resume(p *packet, pos int64) {
	if o.starved < starvedMost {
		return // as soon as it would have been without what is missing
	}
	o.skip(pos)
	o.from = pos - min(max(o.wanted(p.ts)-o.done, 0), playoutAhead)
	o.end = o.from
	o.rest(pos)
}

// bound sees to it that no packet is heard later than most: what is before it
// is left out then.
func (o *playout) bound(p *packet, pos int64) {
	heard := o.done + pos - o.from
	if over := heard - o.line.expected(p.ts)/perSampleN - o.most - playoutMargin; over > 0 {
		o.skip(o.from + min(over, max(pos-o.from, 0)))
	}
}

// rest fills the line up to a place with what a silent source sounds like.
func (o *playout) rest(to int64) {
	var pcm [plcFrame]int16
	for at := max(o.end, o.from, to-playoutAhead); at < to; at += plcFrame {
		piece := pcm[:min(to-at, plcFrame)]
		switch {
		case o.noisy:
			o.noise.fill(piece)
		case o.pauses:
			o.ground.fill(piece)
		}
		o.put(at, piece)
		if o.treble != nil {
			o.treble.put(at, nil, len(piece))
		}
	}
}

// add adds the samples from at on to sum.
func (o *playout) add(sum []int32, at int64) {
	to := at + int64(len(sum))
	if jump := at - o.done; !o.reading || jump > playoutOut/2 { // nobody has listened meanwhile
		o.reading = true
		if jump > 0 {
			o.skip(o.from + jump)
			o.done = at
			o.starved, o.plc = starvedMost, concealer{}
		}
	}
	for o.done < to {
		o.render()
	}
	from := max(at, o.done-playoutOut)
	sum = sum[from-at:]
	for first := uint64(from) % playoutOut; len(sum) > 0; first = 0 {
		out := o.out[first:min(first+uint64(len(sum)), playoutOut)]
		for i, v := range out {
			sum[i] += int32(v)
		}
		sum = sum[len(out):]
	}
}

// addHigh adds the upper band of what add has added from at on.
func (o *playout) addHigh(sum []int32, at int64) {
	if from := max(at, o.done-playoutOut); o.treble != nil {
		o.treble.add(sum[2*(from-at):], from)
	}
}

// render makes the next piece of sound.
func (o *playout) render() {
	var piece [plcFrame]int16
	var high [2 * plcFrame]int16
	n := o.run(o.from, plcFrame)
	switch {
	case n > 0:
		if n = o.splice(piece[:], high[:], n); n == 0 {
			n = o.run(o.from, plcFrame)
			o.take(piece[:n], high[:2*n])
		}
		o.starved = 0
		o.ground.learn(piece[:n])
		o.plc.good(piece[:n])
	case o.from < o.end: // lost
		n = o.hole(o.from, int(min(o.end-o.from, plcFrame)))
		o.from += int64(n)
		o.plc.conceal(piece[:n])
	case o.noisy:
		n = plcFrame
		o.noise.fill(piece[:])
		o.starved = starvedMost
		o.plc.good(piece[:])
	case o.pauses && o.starved >= starvedMost:
		n = plcFrame
		o.ground.fill(piece[:])
		o.plc.good(piece[:])
	default: // late, lost or a pause
		n = plcFrame
		if o.starved < starvedMost {
			o.from += int64(n)
			o.starved += n
		}
		o.plc.conceal(piece[:])
	}
	k := copy(o.out[uint64(o.done)%playoutOut:], piece[:n])
	copy(o.out[:], piece[k:n])
	if o.treble != nil {
		o.treble.emit(o.done, high[:2*n])
	}
	o.done += int64(n)
}

// skip leaves out what is before a place.
func (o *playout) skip(to int64) {
	if to-o.from >= playoutRing {
		clear(o.have[:])
		o.from = to
	}
	if to > o.from {
		o.mark(o.from, int(to-o.from), 0)
		o.from = to
	}
}

// take moves on by a piece.
func (o *playout) take(pcm, high []int16) {
	o.read(pcm, o.from)
	if o.treble != nil {
		o.treble.read(high, o.from)
	}
	o.skip(o.from + int64(len(pcm)))
}
