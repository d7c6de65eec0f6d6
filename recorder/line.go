package recorder

import (
	"math"
	"slices"
	"sync"
	"time"
)

// The time line's delays, as parts of a second. A packet waits settle before
// it is placed, so that packets are sorted and a stream's anchor can look
// ahead; the disk gets what is older than horizon, by which time every packet
// that came up to mostLate after its place has been placed, settle and one
// tick of the collector later. Behind a stream that stands still it waits for
// longest: when the machine or the way has stood still, all comes at once.
const (
	settle     = 600 * time.Millisecond
	mostLate   = 1200 * time.Millisecond
	longest    = 4 * time.Second
	horizon    = mostLate + settle + tick
	mendAhead  = 100 * time.Millisecond                            // gaps are concealed so long before they are taken out
	chunk      = 400 * time.Millisecond                            // what the disk gets at once
	windowSpan = horizon + tick + mostEarly + 120*time.Millisecond // of one packet
	windowMost = windowSpan + longest                              // while a stream stands still
	forever    = math.MaxInt64
)

// line is one recording's time line, the collector's alone. Places are in
// samples from the start.
type line struct {
	rate   int64
	base   int64 // what lies before was taken out
	end    int64 // end of the last sound placed
	clock  int64 // where the clock was at the last look
	step   int64 // what a wall clock set anew must be corrected by
	lanes  [2]lane
	pauses []span
	marks  []Mark

	ends    int64 // once closing
	asked   int64 // where the clock was then
	closing bool

	out     *[]byte // frames taken out for the disk, up to base
	outFrom int64
	sound   bool // there is some in out

	work [4 * maxPacket]int16 // of one packet at a time
}

// span is a stretch of the time line; to is forever while it lasts.
type span struct{ from, to int64 }

// lane is one side: the packets that settle, its streams, and the sound that is
// not taken out yet, a ring.
type lane struct {
	dropped uint64 // of the ring's, those already marked
	backlog []packet
	pcm     []int16 // the backlog's samples
	streams [4]stream
	window  []int16
	gaps    []gap // lost sound, in order, not concealed yet
	cues    []cue
}

// packet is a heard one with its arrival's place.
type packet struct {
	ssrc, ts uint32
	seq      uint16
	marker   bool
	kind     kind
	at       int64
	rate     int64 // of its samples
	from, n  int   // in lane.pcm
}

// gap is where packets were lost.
type gap struct {
	from, to      int64
	before, after bool // there is speech on that side to conceal it from
}

func (l *line) samples(d time.Duration) int64 { return int64(d) * l.rate / int64(time.Second) }

// hear takes a packet from the ring into its lane's backlog, behind those of its
// stream with smaller numbers. at is its arrival by its own clock. If that is
// not about now the wall clock was set while we recorded: the time line goes by
// the running clock.
func (l *line) hear(side int, h heard, at, clock int64, a, b []int16) {
	at += l.step
	if at < l.clock-l.rate || at > clock+l.rate/2 {
		l.step += clock - at
		at = clock
	}
	v := &l.lanes[side]
	if h.kind == leaves || h.kind == returns {
		v.cues = append(v.cues, cue{h.ssrc, at, h.kind == leaves})
		return
	}
	p := packet{h.ssrc, h.ts, h.seq, h.marker, h.kind, at, int64(h.rate), len(v.pcm), int(h.n)}
	i := len(v.backlog)
	for i > 0 && v.backlog[i-1].ssrc == p.ssrc {
		d := int16(p.seq - v.backlog[i-1].seq)
		if d == 0 && p.ts == v.backlog[i-1].ts {
			return // the network's duplicate
		}
		if d >= 0 || d < -seenPackets { // in order, or numbers that begin anew
			break
		}
		i--
	}
	v.backlog = slices.Insert(v.backlog, i, p)
	v.pcm = append(append(v.pcm, a...), b...)
}

// place puts a side's settled packets, those that arrived by then and those
// before them in order, on the time line and returns how many samples came too
// late or too early for it.
func (l *line) place(side int, by int64) (lost int64) {
	v := &l.lanes[side]
	n := len(v.backlog)
	for n > 0 && v.backlog[n-1].at > by {
		n--
	}
	for i := range n {
		l.heed(v, v.backlog[i].at-1)
		lost += l.say(v, i)
	}
	l.heed(v, by)
	if n == 0 {
		return lost
	}
	v.backlog = v.backlog[:copy(v.backlog, v.backlog[n:])]
	v.compact()
	return lost
}

// compact drops the samples that no packet of the backlog owns.
func (v *lane) compact() {
	cut := len(v.pcm)
	for _, p := range v.backlog {
		cut = min(cut, p.from)
	}
	v.pcm = v.pcm[:copy(v.pcm, v.pcm[cut:])]
	for i := range v.backlog {
		v.backlog[i].from -= cut
	}
}

// put adds samples to what a side says at a place, and returns how many fall
// outside of what can still be written, not counting what was said before the
// start. Two parties of one side may speak at once.
func (l *line) put(v *lane, pos int64, pcm []int16) (lost int64) {
	if v.window == nil {
		v.window = make([]int16, l.samples(windowSpan))
	}
	if early := l.base - pos; early > 0 {
		n := min(early, int64(len(pcm)))
		lost += n - min(n, max(0, -pos))
		pcm, pos = pcm[n:], pos+n
	}
	v.grow(l.base, min(pos+int64(len(pcm))-l.base, l.samples(windowMost)))
	if over := pos + int64(len(pcm)) - l.base - int64(len(v.window)); over > 0 {
		n := min(over, int64(len(pcm)))
		lost += n
		pcm = pcm[:int64(len(pcm))-n]
	}
	if len(pcm) == 0 {
		return lost
	}
	l.end = max(l.end, pos+int64(len(pcm)))
	for _, part := range v.parts(pos, len(pcm)) {
		for i := range part {
			part[i] = int16(min(max(int32(part[i])+int32(pcm[i]), -32768), 32767))
		}
		pcm = pcm[len(part):]
	}
	return lost
}

// grow makes room in the window for n samples from base on: it is only as long
// as has been needed.
func (v *lane) grow(base, n int64) {
	old := v.window
	if n <= int64(len(old)) {
		return
	}
	kept := make([]int16, len(old))
	v.read(kept, base)
	v.window = make([]int16, n+n/8)
	v.write(kept, base)
}

// standing is up to where the time line may be taken out: what the streams that
// stand still say next goes on from there.
func (l *line) standing(clock int64) int64 {
	to := int64(forever)
	for side := range l.lanes {
		for i := range l.lanes[side].streams {
			s := &l.lanes[side].streams[i]
			if s.live && clock-s.last < l.samples(longest+settle) {
				to = min(to, max(s.end, s.pos)-l.samples(mendAhead))
			}
		}
	}
	return to
}

// parts is the stretch of the window at a place: two pieces where it wraps.
func (v *lane) parts(pos int64, n int) [2][]int16 {
	at := int(pos % int64(len(v.window)))
	first := min(n, len(v.window)-at)
	return [2][]int16{v.window[at : at+first], v.window[:n-first]}
}

// lose notes a stretch of lost sound, to be concealed before it is taken out.
func (v *lane) lose(g gap) {
	if g.to > g.from {
		v.gaps = append(v.gaps, g)
	}
}

// mend conceals the gaps that begin before a place.
func (l *line) mend(before int64) {
	for side := range l.lanes {
		v := &l.lanes[side]
		for len(v.gaps) > 0 && v.gaps[0].from < before {
			g := v.gaps[0]
			v.gaps = v.gaps[:copy(v.gaps, v.gaps[1:])]
			l.conceal(v, g)
		}
	}
}

func (l *line) conceal(v *lane, g gap) {
	if v.window == nil || g.from < l.base || g.to+1 > l.base+int64(len(v.window)) {
		return
	}
	scale := int(l.rate / 8000)
	var before, after [2 * contextLen]int16
	n, m := 0, 0
	if g.before {
		n = int(min(g.from-l.base, int64(contextLen*scale)))
		v.read(before[:n], g.from-int64(n))
	}
	if g.after {
		to := min(g.to+int64(contextLen*scale), l.base+int64(len(v.window)))
		if len(v.gaps) > 0 {
			to = min(to, max(v.gaps[0].from, g.to))
		}
		m = int(to - g.to)
		v.read(after[:m], g.to)
	}
	fill := make([]int16, g.to-g.from)
	ends, begins := conceal(before[:n], fill, after[:m], scale)
	v.write(before[n-ends:n], g.from-int64(ends))
	v.write(after[:begins], g.to)
	l.put(v, g.from, fill)
}

// write puts sound in the place of what was there.
func (v *lane) write(pcm []int16, pos int64) {
	for _, part := range v.parts(pos, len(pcm)) {
		pcm = pcm[copy(part, pcm):]
	}
}

func (v *lane) read(out []int16, pos int64) {
	for _, part := range v.parts(pos, len(out)) {
		out = out[copy(out, part):]
	}
}

// take brings the frames up to a place from the windows to out, with pauses
// silent, and clears them.
func (l *line) take(to int64) {
	l.mend(to + l.samples(mendAhead))
	if l.out == nil {
		l.out = buffers.Get().(*[]byte)
		*l.out, l.outFrom, l.sound = (*l.out)[:0], l.base, false
	}
	n, at := int(to-l.base), len(*l.out)
	*l.out = slices.Grow(*l.out, n*frameSize)[:at+n*frameSize]
	clear((*l.out)[at:])
	for side := range l.lanes {
		if l.copyWindow((*l.out)[at:], side, n) {
			l.sound = true
		}
	}
	if l.pausedIn(l.base, to) {
		for i := range int64(n) {
			if l.pausedIn(l.base+i, l.base+i+1) {
				clear((*l.out)[at+int(i)*frameSize:][:frameSize])
			}
		}
	}
	l.base = to
	for len(l.pauses) > 0 && l.pauses[0].to <= l.base {
		l.pauses = l.pauses[1:]
	}
}

func (l *line) copyWindow(out []byte, side, n int) (sound bool) {
	v := &l.lanes[side]
	if v.window == nil {
		return false
	}
	var any int16
	at := side * 2
	for _, part := range v.parts(l.base, min(n, len(v.window))) { // beyond it lies silence
		for _, s := range part {
			any |= s
			out[at], out[at+1] = byte(s), byte(s>>8)
			at += frameSize
		}
		clear(part)
	}
	return any != 0
}

func (l *line) pausedIn(from, to int64) bool {
	return slices.ContainsFunc(l.pauses, func(s span) bool { return s.from < to && from < s.to })
}

// buffers holds the *[]byte that travel from the collector to the disks.
var buffers = sync.Pool{New: func() any { return new([]byte) }}
