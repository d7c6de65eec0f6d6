package recorder

import (
	"math"
	"slices"
	"sync"
	"time"
)

// The time line's delays, as parts of a second. A packet waits settle before
// it is placed, so that a stream's anchor can look ahead; the disk gets what
// is older than horizon, by which time every packet that a stream's anchor
// lets in has been placed: those come up to 1 s after their place (jumpLate),
// settle and one tick of the collector later.
const (
	settle     = 200 * time.Millisecond
	horizon    = 1400 * time.Millisecond
	jumpLate   = time.Second                                       // later than its timestamp says by more: a new anchor
	jumpEarly  = 300 * time.Millisecond                            // earlier
	skewWindow = 3 * time.Second                                   // over which the least delay is watched
	skewLimit  = 20 * time.Millisecond                             // how far it may drift before the stream is moved
	chunk      = 800 * time.Millisecond                            // what the disk gets at once
	windowSpan = horizon + tick + jumpEarly + 120*time.Millisecond // of one packet
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
	window [][2]int16
	lanes  [2]lane
	pauses []span
	marks  []Mark

	out     *[]byte // frames taken out for the disk, up to base
	outFrom int64
	sound   bool // there is some in out
}

// span is a stretch of the time line; to is forever while it lasts.
type span struct{ from, to int64 }

// lane is one side: the packets that settle, and its streams.
type lane struct {
	dropped uint64 // of the ring's, those already marked
	backlog []packet
	pcm     []int16 // the backlog's samples
	streams [4]stream
}

// packet is a heard one with its arrival's place.
type packet struct {
	ssrc, ts uint32
	at       int64
	from, n  int // in lane.pcm
}

// stream is one SSRC's anchor: the place of one of its timestamps.
type stream struct {
	ssrc uint32
	live bool
	ts   uint32
	pos  int64
	last int64 // arrival of its last packet

	least int64 // the least delay since the window began
	began int64
}

func (l *line) samples(d time.Duration) int64 { return int64(d) * l.rate / int64(time.Second) }

// hear takes a packet from the ring into its lane's backlog. at is its arrival
// by its own clock. If that is not about now the wall clock was set while we
// recorded: the time line goes by the running clock.
func (l *line) hear(side int, h heard, at, clock int64, a, b []int16) {
	at += l.step
	if at < l.clock-l.rate || at > clock+l.rate/2 {
		l.step += clock - at
		at = clock
	}
	v := &l.lanes[side]
	v.backlog = append(v.backlog, packet{h.ssrc, h.ts, at, len(v.pcm), int(h.n)})
	v.pcm = append(append(v.pcm, a...), b...)
}

// place puts a side's settled packets, those that arrived by then, on the
// time line and returns how many samples came too late or too early for it.
func (l *line) place(side int, by int64) (lost int64) {
	v := &l.lanes[side]
	n := 0
	for n < len(v.backlog) && v.backlog[n].at <= by {
		p := v.backlog[n]
		lost += l.put(side, l.locate(v, n), v.pcm[p.from:p.from+p.n])
		n++
	}
	if n == 0 {
		return lost
	}
	cut := len(v.pcm)
	if n < len(v.backlog) {
		cut = v.backlog[n].from
	}
	v.pcm = v.pcm[:copy(v.pcm, v.pcm[cut:])]
	v.backlog = v.backlog[:copy(v.backlog, v.backlog[n:])]
	for i := range v.backlog {
		v.backlog[i].from -= cut
	}
	return lost
}

// locate finds the place of a lane's n-th packet by its stream's anchor,
// which it makes, makes anew or moves where needed.
func (l *line) locate(v *lane, n int) int64 {
	p := v.backlog[n]
	s := v.stream(p.ssrc)
	if !s.live {
		l.anchor(s, v.backlog[n:])
	}
	pos := s.at(p, l.rate)
	late := p.at - pos
	if late > l.samples(jumpLate) || late < -l.samples(jumpEarly) {
		l.anchor(s, v.backlog[n:])
		pos = s.at(p, l.rate)
		late = p.at - pos
	}
	s.last = p.at
	s.least = min(s.least, late)
	if p.at-s.began >= l.samples(skewWindow) {
		if s.least > l.samples(skewLimit) || s.least < -l.samples(skewLimit) {
			s.pos += s.least
			pos += s.least
		}
		s.least, s.began = forever, p.at
	}
	return pos
}

// anchor fixes a stream by the least delayed of the waiting packets that
// continue the first one.
func (l *line) anchor(s *stream, waiting []packet) {
	first := waiting[0]
	*s = stream{ssrc: first.ssrc, live: true, ts: first.ts, pos: first.at, last: first.at, least: forever, began: first.at}
	pos := first.at
	for _, p := range waiting[1:] {
		if p.ssrc != first.ssrc {
			continue
		}
		early := s.at(p, l.rate) - p.at // how much earlier than first's delay it came
		if early > l.samples(jumpEarly) || early < -l.samples(jumpLate) {
			break // the timestamps jump again: another anchor's
		}
		pos = min(pos, first.at-early)
	}
	s.pos = pos
}

// at is a packet's place by the stream's anchor.
func (s *stream) at(p packet, rate int64) int64 {
	return s.pos + int64(int32(p.ts-s.ts))*rate/8000 // the RTP clock of all codecs here
}

// stream returns the SSRC's stream, or a dead one for it: the one that has
// been silent longest.
func (v *lane) stream(ssrc uint32) *stream {
	oldest := &v.streams[0]
	for i := range v.streams {
		s := &v.streams[i]
		if s.live && s.ssrc == ssrc {
			return s
		}
		if !s.live || s.last < oldest.last {
			oldest = s
		}
	}
	oldest.live = false
	return oldest
}

// put writes samples at a place and returns how many fall outside of what can
// still be written, not counting what was said before the start.
func (l *line) put(side int, pos int64, pcm []int16) (lost int64) {
	if l.window == nil {
		size := int64(1)
		for size < l.samples(windowSpan) {
			size *= 2
		}
		l.window = make([][2]int16, size)
	}
	if early := l.base - pos; early > 0 {
		n := min(early, int64(len(pcm)))
		lost += n - min(n, max(0, -pos))
		pcm, pos = pcm[n:], pos+n
	}
	if over := pos + int64(len(pcm)) - l.base - int64(len(l.window)); over > 0 {
		n := min(over, int64(len(pcm)))
		lost += n
		pcm = pcm[:int64(len(pcm))-n]
	}
	mask := int64(len(l.window) - 1)
	for i, s := range pcm {
		l.window[(pos+int64(i))&mask][side] = s
	}
	if len(pcm) > 0 {
		l.end = max(l.end, pos+int64(len(pcm)))
	}
	return lost
}

// take brings the frames up to a place from the window to out, with pauses
// silent, and clears them.
func (l *line) take(to int64) {
	if l.out == nil {
		l.out = buffers.Get().(*[]byte)
		*l.out, l.outFrom, l.sound = (*l.out)[:0], l.base, false
	}
	n, at := int(to-l.base), len(*l.out)
	*l.out = slices.Grow(*l.out, n*frameSize)[:at+n*frameSize]
	clear((*l.out)[at:])
	if l.window != nil && l.copyWindow((*l.out)[at:], n) {
		l.sound = true
	}
	l.base = to
	for len(l.pauses) > 0 && l.pauses[0].to <= l.base {
		l.pauses = l.pauses[1:]
	}
}

func (l *line) copyWindow(out []byte, n int) (sound bool) {
	mask := int64(len(l.window) - 1)
	pausing := l.pausedIn(l.base, l.base+int64(n))
	var any int16
	for i := range min(n, len(l.window)) { // beyond it lies silence
		f := &l.window[(l.base+int64(i))&mask]
		left, right := f[0], f[1]
		*f = [2]int16{}
		if pausing && l.pausedIn(l.base+int64(i), l.base+int64(i)+1) {
			continue
		}
		any |= left | right
		o := out[i*frameSize : i*frameSize+frameSize]
		o[0], o[1], o[2], o[3] = byte(left), byte(left>>8), byte(right), byte(right>>8)
	}
	return any != 0
}

func (l *line) pausedIn(from, to int64) bool {
	return slices.ContainsFunc(l.pauses, func(s span) bool { return s.from < to && from < s.to })
}

// buffers holds the *[]byte that travel from the collector to the disks.
var buffers = sync.Pool{New: func() any { return new([]byte) }}
