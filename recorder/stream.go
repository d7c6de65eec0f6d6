package recorder

import "time"

// The limits of a stream's time line.
const (
	mostEarly   = 300 * time.Millisecond // that a packet may be before its moment
	moves       = 40 * time.Millisecond  // off by more a stream is moved at once; by less, little by little
	sure        = 300 * time.Millisecond // of packets must agree on that
	watched     = 3 * time.Second        // over which the least delay is watched
	snaps       = 15 * time.Millisecond  // a new stream this near to the old one's end goes on from there
	stillTalks  = 100 * time.Millisecond // if that was said so lately
	seenPackets = 64                     // how far back numbers are remembered
	mostLost    = 3000                   // numbers that leap further begin anew
)

// stream is one SSRC on the time line. Its anchor is the place of one of its
// timestamps: where the least delayed of its packets puts it. It follows the
// sender's clock by a sample in a packet.
type stream struct {
	ssrc uint32
	live bool
	ts   uint32
	pos  int64
	last int64 // arrival of its last packet
	end  int64 // of its last sound

	seq  uint16
	seen uint64 // bit i: seq-i has come
	mute bool   // the last packet had no sound

	means    meaning // of its sending nothing
	noisy    bool    // it has said that it is silent, and how it sounds
	silences bool    // it has been seen to send nothing in its pauses
	ground   background

	least int64 // the least delay since the window began
	sum   int64 // of all of them
	count int64
	began int64
	owed  int64 // what it is still to be moved by

	bands
}

// say gives a lane's n-th packet, the next of its stream, its place.
func (l *line) say(v *lane, n int) (lost int64) {
	p := v.backlog[n]
	pcm := v.pcm[p.from : p.from+p.n]
	s := v.stream(p.ssrc)
	ahead := 0 // how far its number is on
	if s.live {
		ahead = int(int16(p.seq - s.seq))
		if ahead <= 0 && ahead > -seenPackets && !l.leaps(s, p) {
			return l.late(v, s, p, pcm, -ahead)
		}
		if ahead < 0 || ahead > mostLost {
			ahead = 0
		}
	}
	pos := l.locate(v, s, n, ahead)
	if ahead > 0 && ahead < seenPackets {
		s.seen = s.seen<<ahead | 1
	} else {
		s.seen = 1
	}
	s.seq = p.seq
	pos = l.between(v, s, p, pos, ahead)
	s.last, s.mute = max(p.at, 1), p.kind == comfort || p.n == 0
	if s.means == absent && (p.kind == comfort || p.n > 0) {
		s.means = pauses
	}
	switch {
	case p.kind == comfort:
		l.endAt(v, s, pos)
		var alone bands
		s.noisy = true
		s.ground.describe(alone.convert(l.work[:0], pcm, p.rate, l.rate, true), l.rate)
		return 0
	case p.n == 0:
		return 0
	}
	s.noisy = false
	return l.utter(v, s, pos, pcm, p.rate)
}

// missing is the gap between two packets of which so many samples were lost. In
// a longer hole somebody was silent too: the lost ones belong to the speech that
// ended, if the marker tells that another begins (RFC 3551 §4.1), or to its
// beginning.
func missing(from, to, lost int64, marker bool) gap {
	switch {
	case to-from <= lost+lost/2:
		return gap{from, to, true, true}
	case marker:
		return gap{from, from + lost, true, false}
	}
	return gap{to - lost, to, false, true}
}

// leaps says that a packet's timestamp has nothing to do with its stream's.
func (l *line) leaps(s *stream, p packet) bool {
	late := p.at - s.at(p, l.rate)
	return late > l.samples(longest) || late < -l.samples(mostEarly)
}

// late places a packet whose followers have been placed: it fills what waits to
// be concealed. Duplicates find nothing to fill.
func (l *line) late(v *lane, s *stream, p packet, pcm []int16, back int) (lost int64) {
	if s.seen>>back&1 == 1 {
		return 0
	}
	s.seen |= 1 << back
	pos := s.at(p, l.rate)
	n := int64(p.n) * l.rate / p.rate
	for i, g := range v.gaps {
		if pos > g.to-n/2 || pos+n < g.from+n/2 {
			continue
		}
		pos = max(pos, g.from)
		v.gaps = append(v.gaps[:i], v.gaps[i+1:]...)
		rest := []gap{{g.from, pos, g.before, true}, {pos + n, g.to, true, g.after}}
		for k := len(rest) - 1; k >= 0; k-- {
			if rest[k].to > rest[k].from {
				v.gaps = append(v.gaps[:i], append([]gap{rest[k]}, v.gaps[i:]...)...)
			}
		}
		var alone bands
		n = min(n, g.to-pos)
		out := alone.convert(l.work[:0], pcm, p.rate, l.rate, true)
		return l.put(v, pos, out[:min(int64(len(out)), n)])
	}
	if pos+n <= l.base && pos >= 0 {
		return n
	}
	return 0
}

// locate finds the place of a lane's n-th packet by its stream's anchor, which
// it makes or moves where needed.
func (l *line) locate(v *lane, s *stream, n, ahead int) int64 {
	p := v.backlog[n]
	if !s.live {
		*s = stream{ssrc: p.ssrc, live: true, ts: p.ts, pos: p.at, end: p.at}
		look, _ := l.look(v, s, n)
		s.pos += look
		s.pos = v.goesOn(s, n, s.pos, l)
		s.end = s.pos
		s.watch(p.at)
		return s.pos
	}
	late := p.at - s.at(p, l.rate)
	if late > l.samples(moves) || late < -l.samples(moves) {
		look, agreed := l.look(v, s, n)
		if late < -l.samples(moves) || look > l.samples(moves) && (agreed >= l.samples(sure) || late > l.samples(mostLate)) {
			s.shift(look)
			if pos := s.at(p, l.rate); ahead == 1 && abs(pos-s.end) <= l.samples(snaps) && p.at-s.last < l.samples(stillTalks) {
				s.shift(s.end - pos)
			}
			s.owed = 0
			s.watch(p.at)
		}
	}
	s.ts, s.pos = p.ts, s.at(p, l.rate)
	late = p.at - s.pos
	s.least, s.sum, s.count = min(s.least, late), s.sum+late, s.count+1
	if p.at-s.began >= l.samples(watched) {
		ahead, _ := l.look(v, s, n) // the window may have been a stall, of which this is the end
		s.least = min(s.least, ahead)
		// The least of so many delays is itself off by as much as they lie apart.
		doubt := max(6*(s.sum/s.count-s.least)/s.count, l.rate/2000)
		switch {
		case abs(s.least) > l.samples(moves):
			s.shift(s.least)
			s.owed = 0
		case abs(s.least) > doubt:
			s.owed = s.least
		default:
			s.owed = 0
		}
		s.watch(p.at)
	}
	return s.pos
}

// look is how late the least late of the packets from the n-th on is, and for
// how long they come.
func (l *line) look(v *lane, s *stream, n int) (least, lasts int64) {
	first := v.backlog[n].at - s.at(v.backlog[n], l.rate)
	least = first
	for _, p := range v.backlog[n+1:] {
		if p.ssrc != s.ssrc {
			continue
		}
		late := p.at - s.at(p, l.rate)
		if abs(late-first) > l.samples(longest) {
			break // the timestamps jump again: another anchor's
		}
		least = min(least, late)
		lasts = max(lasts, p.at-v.backlog[n].at)
	}
	return least, lasts
}

// goesOn returns where a new stream begins: at the end of the one before it, if
// that is where it nearly is and that one has ended.
func (v *lane) goesOn(s *stream, n int, pos int64, l *line) int64 {
	for i := range v.streams {
		o := &v.streams[i]
		if o == s || !o.live || abs(pos-o.end) > l.samples(snaps) || v.backlog[n].at-o.last > l.samples(stillTalks) {
			continue
		}
		speaks := false
		for _, p := range v.backlog[n+1:] {
			speaks = speaks || p.ssrc == o.ssrc
		}
		if !speaks {
			return o.end
		}
	}
	return pos
}

// watch begins a new window of delays.
func (s *stream) watch(at int64) { s.least, s.sum, s.count, s.began = forever, 0, 0, at }

// shift moves a stream on the time line.
func (s *stream) shift(by int64) {
	s.pos += by
	if s.least != forever {
		s.least -= by
	}
	s.sum -= by * s.count
}

// at is a packet's place by the stream's anchor. The RTP clock of all codecs
// here is 8 kHz.
func (s *stream) at(p packet, rate int64) int64 {
	return s.pos + int64(int32(p.ts-s.ts))*rate/8000
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
		if !s.live && oldest.live || s.live == oldest.live && s.last < oldest.last {
			oldest = s
		}
	}
	oldest.live = false
	return oldest
}

// utter puts a packet's sound on the time line, where nothing of its stream is
// yet. What is owed to the sender's clock is paid by a sample.
func (l *line) utter(v *lane, s *stream, pos int64, pcm []int16, rate int64) (lost int64) {
	scale := l.rate / 8000
	if pos != s.end { // a new stretch: the old one's last samples are still in the filter
		lost += l.put(v, s.end-s.behind(l.rate), s.flush(l.work[:0], l.rate))
	}
	out := s.convert(l.work[:0], pcm, rate, l.rate, false)
	if s.means == pauses && !l.pausedIn(pos, pos+1) {
		s.ground.learn(out, l.rate)
	}
	if s.owed != 0 && len(out) >= 80 && (abs(s.owed) >= 4*scale || faint(pcm)) {
		by := int64(1)
		if s.owed < 0 {
			by = -1
		}
		out = stretch(l.work[len(out):len(out)], out, len(out)+int(by))
		s.shift(by)
		s.owed -= by
	}
	length := int64(len(out))
	at := pos - s.behind(l.rate)
	if over := s.end - pos; over > 0 && pos < s.end { // moved back onto itself
		over = min(over, length)
		out, at = out[over:], at+over
	}
	s.end = max(s.end, pos+length)
	return lost + l.put(v, at, out)
}

// faint says that a change in it is not heard.
func faint(pcm []int16) bool {
	for _, v := range pcm {
		if v > 200 || v < -200 {
			return false
		}
	}
	return true
}

// stretch makes n samples of some by cubic interpolation.
func stretch(out, pcm []int16, n int) []int16 {
	at := func(k int) float64 { return float64(pcm[min(max(k, 0), len(pcm)-1)]) }
	for i := range n {
		t := float64(i) * float64(len(pcm)) / float64(n)
		k := int(t)
		w := t - float64(k)
		a, b, c, d := at(k-1), at(k), at(k+1), at(k+2)
		out = append(out, clip(b+w/2*(c-a+w*(2*a-5*b+4*c-d+w*(3*(b-c)+d-a)))))
	}
	return out
}

func abs(v int64) int64 { return max(v, -v) }
