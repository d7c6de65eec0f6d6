package recorder

import "math"

// A peer may send nothing while nobody speaks (discontinuous transmission, DTX).
// So that whoever listens hears the room go on and not a line that is dead, its
// pauses are filled with what its background sounds like: what it says that it
// sounds like (RFC 3389), or what was heard of it in the pauses before. What it
// was not to be heard in stays silent.

// meaning is what it means that a stream sends nothing.
type meaning uint8

const (
	pauses meaning = iota // it is in a pause of its own
	absent                // it was not to be heard, until it is heard again
	still                 // it is not to be heard, until we are told otherwise
)

// cue is a stream that is to be heard from a place on, or not any more.
type cue struct {
	ssrc uint32
	at   int64
	off  bool
}

// heed does what was told of streams by a place.
func (l *line) heed(v *lane, by int64) {
	n := 0
	for n < len(v.cues) && v.cues[n].at <= by {
		c := v.cues[n]
		n++
		s := v.known(c.ssrc)
		switch {
		case s == nil:
		case c.off:
			if c.at-s.last > l.samples(afterword) { // else some of its talk may be under way
				l.rest(v, s, c.at)
			}
			s.means = still
		case s.means == still:
			s.means = absent
		}
	}
	v.cues = v.cues[:copy(v.cues, v.cues[n:])]
}

// known is the SSRC's stream, or nil.
func (v *lane) known(ssrc uint32) *stream {
	for i := range v.streams {
		if s := &v.streams[i]; s.live && s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

// goOn has the streams that are known to rest do so up to a place.
func (l *line) goOn(to int64) {
	for side := range l.lanes {
		v := &l.lanes[side]
		for i := range v.streams {
			l.rest(v, &v.streams[i], to)
		}
	}
}

// rest fills a stream's pause up to a place, if it is known to be in one.
func (l *line) rest(v *lane, s *stream, to int64) {
	if s.live && s.means == pauses && s.end < to && (s.noisy || s.silences) {
		l.hush(v, s, s.end, to)
		l.endAt(v, s, to)
	}
}

// endAt moves a stream's end on, with what is still in the filter before it.
func (l *line) endAt(v *lane, s *stream, to int64) {
	if to > s.end {
		l.put(v, s.end-s.behind(l.rate), s.flush(l.work[:0], l.rate))
		s.end = to
	}
}

// hush puts the stream's background between two places, behind what others have
// said on its side: it is one line.
func (l *line) hush(v *lane, s *stream, from, to int64) {
	from = max(from, l.base)
	for i := range v.streams {
		if o := &v.streams[i]; o != s && o.live {
			from = max(from, o.end)
		}
	}
	if from >= to || !s.ground.begin(from, to) {
		return
	}
	for from < to {
		noise := l.work[:min(to-from, maxPacket)]
		s.ground.fill(noise)
		l.put(v, from, noise)
		from += int64(len(noise))
	}
}

// between is what lies between a stream's end and the place of its next packet:
// lost packets, and pauses. It returns where the packet is to be.
func (l *line) between(v *lane, s *stream, p packet, pos int64, ahead int) int64 {
	hole := pos - s.end
	if hole <= 0 || s.last == 0 {
		return pos
	}
	if ahead > 1 && !s.mute && p.kind == sound && p.n > 0 {
		g := missing(s.end, pos, int64(ahead-1)*int64(p.n)*l.rate/p.rate, p.marker)
		if s.means == pauses {
			l.hush(v, s, s.end, g.from)
			l.hush(v, s, g.to, pos)
		}
		v.lose(g)
		return pos
	}
	if ahead == 1 && s.owed != 0 { // nobody hears a silence change its length
		by := max(s.owed, -hole)
		s.shift(by)
		pos, s.owed = pos+by, 0
	}
	if ahead >= 1 && s.means == pauses && p.n > 0 {
		s.silences = s.silences || ahead == 1 && !s.noisy && !s.mute && hole >= l.samples(aPause)
		l.hush(v, s, s.end, pos)
	}
	return pos
}

// aPause is how long a sender that sends all it hears is never silent.
const aPause = stillTalks

// background is what is heard behind a voice: pieces of it, of which noise is
// made that lasts. It is as loud as the quietest 40 ms of the last second.
type background struct {
	told   bool                // by the peer: what is heard of it is not asked
	lately [groundPast]float64 // mean squares of the last pieces
	least  [2]float64          // mean of so many, among those of the last half second and of the one before
	heard  int                 // pieces
	pieces []int16             // grain samples each, in a ring
	grain  int                 // samples; 0: nothing was heard yet
	next   int                 // the piece that is overwritten next

	// The noise that is being made: one piece fades into the other.
	old, new         []int16
	oldGain, newGain float64
	at               int
	until            int64 // its end's place
	seed             uint32
}

const (
	groundPieces = 16        // of 10 ms
	groundPast   = 4         // of them have to be quiet
	groundFor    = 50        // among so many the least is looked for, and among those before
	groundMost   = 330 * 330 // -40 dBFS: what is louder is no background
	groundNear   = 4         // what is up to 6 dB above the level is background still
	grainMost    = 160
)

// fadeIn rises over half a grain so that two that cross are as loud as one.
var fadeIn = func() (w [grainMost / 2]float64) {
	for i := range w {
		w[i] = math.Sin(math.Pi / 2 * (float64(i) + .5) / float64(len(w)))
	}
	return w
}()

// learn takes sound of the stream at the file's rate.
func (g *background) learn(pcm []int16, rate int64) {
	if g.told {
		return
	}
	n := int(rate / 100)
	for ; len(pcm) >= n; pcm = pcm[n:] {
		power := loudOf(pcm[:n])
		g.grain = n
		g.lately[g.heard%groundPast] = power
		mean := (g.lately[0] + g.lately[1] + g.lately[2] + g.lately[3]) / groundPast
		switch g.heard++; {
		case g.heard <= groundPast: // the first have none before them
			g.least = [2]float64{mean, mean}
		case g.heard%groundFor == 0:
			g.least = [2]float64{mean, g.least[0]}
		default:
			g.least[0] = min(g.least[0], mean)
		}
		if power <= g.level()*groundNear+1 {
			g.keep(pcm[:n])
		}
	}
}

// level is the background's mean square.
func (g *background) level() float64 { return min(g.least[0], g.least[1]) }

// describe takes a piece of noise that the peer says its background is like, at
// the file's rate; none: it is silent.
func (g *background) describe(pcm []int16, rate int64) {
	level := loudOf(pcm)
	*g = background{told: true, grain: int(rate / 100), pieces: g.pieces[:0], seed: g.seed, until: g.until, least: [2]float64{level, level}}
	for ; len(pcm) >= g.grain; pcm = pcm[g.grain:] {
		g.keep(pcm[:g.grain])
	}
}

func (g *background) keep(piece []int16) {
	if len(g.pieces) < groundPieces*g.grain {
		if g.pieces == nil {
			g.pieces = make([]int16, 0, groundPieces*g.grain)
		}
		g.pieces = append(g.pieces, piece...)
		return
	}
	copy(g.pieces[g.next*g.grain:], piece)
	g.next = (g.next + 1) % groundPieces
}

// begin prepares for noise between two places; false: there is none to make. A
// voice that was never quiet has shown no background.
func (g *background) begin(from, to int64) bool {
	if from != g.until { // else it goes on
		g.old, g.new, g.at = nil, nil, 0
	}
	g.until = to
	return len(g.pieces) > 0 && g.level() >= 1 && (g.told || g.level() <= groundMost)
}

// fill makes the next samples of the noise.
func (g *background) fill(out []int16) {
	half := g.grain / 2
	step := len(fadeIn) / half
	for i := range out {
		if g.at == 0 {
			g.old, g.oldGain = g.new, g.newGain
			g.new, g.newGain = g.draw()
		}
		v := fadeIn[g.at*step] * g.newGain * float64(g.new[g.at])
		if g.old != nil {
			v += fadeIn[len(fadeIn)-1-g.at*step] * g.oldGain * float64(g.old[half+g.at])
		}
		out[i] = round(v)
		g.at = (g.at + 1) % half
	}
}

// draw is a piece by chance, and what makes it as loud as the background.
func (g *background) draw() ([]int16, float64) {
	g.seed = g.seed*1664525 + 1013904223
	k := int(g.seed>>16) % (len(g.pieces) / g.grain)
	piece := g.pieces[k*g.grain:][:g.grain]
	gain := math.Sqrt(g.level() / max(loudOf(piece), 1))
	if g.seed>>15&1 == 1 {
		gain = -gain
	}
	return piece, gain
}

// loudOf is the mean square of samples.
func loudOf(pcm []int16) float64 {
	sum := int64(0)
	for _, v := range pcm {
		sum += int64(v) * int64(v)
	}
	return float64(sum) / float64(max(len(pcm), 1))
}
