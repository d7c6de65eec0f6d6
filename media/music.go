package media

import (
	"math"
	"sync"
	"time"
)

// The shipped hold music is ours: a slow piece of twelve bars for electric piano, strings and
// bass, written down here as numbers and played by the code below. Nobody has rights in it.
const (
	musicBeat  = 750 * time.Millisecond // 80 beats a minute
	musicBars  = 12                     // of four beats: 36 s
	musicLevel = -20.0                  // dBFS, over the whole
)

// A bar is a chord, held by the strings and broken by the piano, and the bass's root. Notes are
// MIDI numbers: 60 is middle C, 12 an octave.
type bar struct {
	bass  int
	chord [4]int
}

var musicChords = [musicBars]bar{
	{48, [4]int{60, 64, 67, 71}}, // Cmaj7
	{45, [4]int{60, 64, 67, 69}}, // Am7
	{53, [4]int{60, 65, 69, 72}}, // F
	{55, [4]int{59, 62, 67, 71}}, // G
	{52, [4]int{59, 62, 64, 67}}, // Em7
	{57, [4]int{60, 64, 67, 69}}, // Am7
	{50, [4]int{60, 62, 65, 69}}, // Dm7
	{55, [4]int{59, 62, 65, 67}}, // G7
	{53, [4]int{60, 64, 65, 69}}, // Fmaj7
	{52, [4]int{59, 64, 67, 71}}, // Em
	{50, [4]int{60, 62, 65, 69}}, // Dm7
	{55, [4]int{60, 62, 65, 67}}, // G7sus4
}

// musicBroken is the order in which the piano plays a chord's notes, an eighth each.
var musicBroken = [8]int{0, 2, 1, 3, 2, 1, 3, 1}

// musicMelody is {bar, eighth within it, note, length in eighths}.
var musicMelody = [][4]int{
	{0, 0, 79, 3}, {0, 3, 76, 1}, {0, 4, 74, 4},
	{1, 0, 72, 3}, {1, 3, 74, 1}, {1, 4, 76, 4},
	{2, 0, 77, 3}, {2, 3, 76, 1}, {2, 4, 72, 4},
	{3, 0, 74, 8},
	{4, 0, 79, 3}, {4, 3, 78, 1}, {4, 4, 79, 4},
	{5, 0, 81, 3}, {5, 3, 79, 1}, {5, 4, 76, 4},
	{6, 0, 77, 2}, {6, 2, 76, 2}, {6, 4, 74, 4},
	{7, 0, 71, 3}, {7, 3, 72, 1}, {7, 4, 74, 4},
	{8, 0, 76, 3}, {8, 3, 77, 1}, {8, 4, 81, 4},
	{9, 0, 79, 6}, {9, 6, 76, 2},
	{10, 0, 77, 3}, {10, 3, 76, 1}, {10, 4, 74, 4},
	{11, 0, 72, 4}, {11, 4, 74, 4},
}

// A voice is an instrument: its sine partials by number and loudness, how fast it comes and goes.
type voice struct {
	partials []float64 // loudness of the first, second, … partial
	attack   time.Duration
	decay    time.Duration // to a thousandth; higher partials sooner
	release  time.Duration // after the note's length
}

var (
	piano    = voice{[]float64{1, 0.35, 0.2, 0.12, 0, 0.05}, 4 * time.Millisecond, 3 * time.Second, 300 * time.Millisecond}
	singing  = voice{[]float64{1, 0.25, 0.3, 0.05, 0.08}, 20 * time.Millisecond, 6 * time.Second, 400 * time.Millisecond}
	ensemble = voice{[]float64{1, 0.4, 0.25, 0.12}, 600 * time.Millisecond, time.Minute, 900 * time.Millisecond}
	bass     = voice{[]float64{1, 0.7, 0.35, 0.15}, 8 * time.Millisecond, 4 * time.Second, 200 * time.Millisecond}
)

// Music returns the shipped hold music, 36 s that loop without a seam. It is made at its first
// use, which takes some tens of milliseconds; every call returns the same clip.
func Music() *Clip { return music() }

var music = sync.OnceValue(func() *Clip {
	loop := make([]float64, musicBars*4*samplesOf(musicBeat))
	beat, eighth := samplesOf(musicBeat), samplesOf(musicBeat)/2
	for i, b := range musicChords {
		at := i * 4 * beat
		for _, note := range b.chord {
			ensemble.play(loop, at, 4*beat, note, 0.10)
		}
		for k, which := range musicBroken {
			piano.play(loop, at+k*eighth, eighth, b.chord[which], 0.16)
		}
		bass.play(loop, at, 3*beat, b.bass, 0.30)
		bass.play(loop, at+3*beat, beat, b.bass+7, 0.20)
	}
	for _, m := range musicMelody {
		singing.play(loop, m[0]*4*beat+m[1]*eighth, m[3]*eighth, m[2], 0.26)
	}
	return NewClip(levelled(loop, musicLevel))
})

// play adds a note to the loop; what sounds past its end is heard at its beginning, which is why
// the loop has no seam.
func (v voice) play(loop []float64, at, length, note int, loudness float64) {
	base := 440 * math.Pow(2, float64(note-69)/12)
	attack, release := samplesOf(v.attack), samplesOf(v.release)
	total := length + release
	for k, share := range v.partials {
		hz := base * float64(k+1)
		if share == 0 || hz > passband {
			continue
		}
		// A damped oscillator: y[n] = 2r·cos(w)·y[n-1] - r²·y[n-2].
		w := 2 * math.Pi * hz / SampleRate
		r := math.Pow(0.001, float64(k+1)/float64(samplesOf(v.decay)))
		a, b := 2*r*math.Cos(w), r*r
		y1, y2 := 0.0, -math.Sin(w)/r
		for i := range total {
			y := a*y1 - b*y2
			y1, y2 = y, y1
			envelope := loudness * share
			if i < attack {
				envelope *= float64(i) / float64(attack)
			}
			if i > length {
				envelope *= float64(total-i) / float64(release)
			}
			loop[(at+i)%len(loop)] += envelope * y
		}
	}
}

// levelled returns the samples at that level in dBFS over the whole.
func levelled(loop []float64, level float64) []int16 {
	var power float64
	for _, v := range loop {
		power += v * v
	}
	gain := fullScale(level) / math.Sqrt(2*power/float64(len(loop)))
	pcm := make([]int16, len(loop))
	for i, v := range loop {
		pcm[i] = clip16(float32(gain * v))
	}
	return pcm
}
