package media

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// Levels of what we make, in dB below a sine at full scale.
const (
	toneLevel     = -10.0
	ringbackLevel = -16.0 // of each of its frequencies
)

// A cadence is a call progress tone: its frequencies sound together, on and off in turn.
type cadence struct {
	hz    []float64
	onOff []time.Duration // on, off, on, off …
}

// cadences are the ring-back tones of countries (ISO 3166), as in the ITU's list of national tones
// after Recommendations E.180 and E.182. The first, which most of Europe has, serves for a country
// that is not here.
var cadences = []struct {
	countries string
	cadence
}{
	{"DE AT CH NL BE IT PL DK NO FI PT", cadence{[]float64{425}, seconds(1, 4)}},
	{"US CA PR", cadence{[]float64{440, 480}, seconds(2, 4)}},
	{"GB UK IE AU NZ SG HK ZA", cadence{[]float64{400, 450}, seconds(0.4, 0.2, 0.4, 2)}},
	{"FR", cadence{[]float64{440}, seconds(1.5, 3.5)}},
	{"ES", cadence{[]float64{425}, seconds(1.5, 3)}},
	{"SE", cadence{[]float64{425}, seconds(1, 5)}},
	{"JP", cadence{[]float64{400}, seconds(1, 2)}},
}

func seconds(onOff ...float64) []time.Duration {
	var list []time.Duration
	for _, s := range onOff {
		list = append(list, time.Duration(s*1000)*time.Millisecond)
	}
	return list
}

// ringbacks has one clip a cadence, so that all its listeners share it.
var ringbacks = sync.OnceValue(func() []*Clip {
	clips := make([]*Clip, len(cadences))
	for i, c := range cadences {
		clips[i] = c.clip()
	}
	return clips
})

// Ringback returns one period of the ring-back tone of a country (ISO 3166, such as "US" or "GB"),
// to be looped; the European one for a country that is not known. Countries with the same tone
// have the same clip.
func Ringback(country string) *Clip {
	for i, c := range cadences {
		if slices.Contains(strings.Fields(c.countries), strings.ToUpper(country)) {
			return ringbacks()[i]
		}
	}
	return ringbacks()[0]
}

// clip makes one period of the cadence.
func (c cadence) clip() *Clip {
	var pcm []int16
	for i, d := range c.onOff {
		part := make([]int16, samplesOf(d))
		if i%2 == 0 {
			c.sound(part)
		}
		pcm = append(pcm, part...)
	}
	clip := NewClip(pcm)
	clip.onset = true
	return clip
}

// sound fills pcm with the frequencies, faded in and out over 5 ms lest it click.
func (c cadence) sound(pcm []int16) {
	const fade = SampleRate / 200
	amplitude := fullScale(ringbackLevel)
	for i := range pcm {
		var v float64
		for _, hz := range c.hz {
			v += amplitude * math.Sin(2*math.Pi*hz*float64(i)/SampleRate)
		}
		edge := min(i, len(pcm)-1-i, fade)
		pcm[i] = clip16(float32(v * float64(edge) / fade))
	}
}

// Tone returns a sine of hz at -10 dBFS for d, rounded up to whole frames. It loops without a
// click when it holds a whole number of periods: whole Hz and whole seconds. A frequency that
// 8 kHz cannot carry, 4000 Hz and more or none, is silence; d is at most MaxClip.
func Tone(hz float64, d time.Duration) *Clip {
	pcm := make([]int16, samplesOf(min(max(d, 0), MaxClip)))
	if hz > 0 && hz < SampleRate/2 {
		amplitude := fullScale(toneLevel)
		for i := range pcm {
			_, turn := math.Modf(hz * float64(i) / SampleRate)
			pcm[i] = clip16(float32(amplitude * math.Sin(2*math.Pi*turn)))
		}
	}
	return NewClip(pcm)
}

// samplesOf returns how many samples last for d.
func samplesOf(d time.Duration) int { return int(d * SampleRate / time.Second) }

// fullScale returns the amplitude of a sine at that many dBFS.
func fullScale(level float64) float64 { return math.MaxInt16 * math.Pow(10, level/20) }

// Beep returns the short tone that marks something done: 1400 Hz, as recorders announce themselves.
var Beep = sync.OnceValue(func() *Clip { return cadence{[]float64{1400}, seconds(0.2)}.clip() })

// Refusal returns the short tone of something that cannot be done: two bursts of congestion tone.
var Refusal = sync.OnceValue(func() *Clip { return cadence{[]float64{480, 620}, seconds(0.2, 0.1, 0.2, 0.1)}.clip() })
