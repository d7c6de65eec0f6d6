package media

import (
	"math"
	"slices"
	"testing"
	"time"

	"trunkline/internal/tone"
)

// samplesOfClip returns all of a clip.
func samplesOfClip(c *Clip) []int16 {
	var pcm []int16
	for i := range c.Frames() {
		pcm = append(pcm, c.Frame(i)...)
	}
	return pcm
}

func TestClipIsWholeFramesInEveryCodec(t *testing.T) {
	pcm := make([]int16, FrameSamples+1)
	for i := range pcm {
		pcm[i] = int16(100 * i)
	}
	c := NewClip(pcm)
	first := pcm[0]
	pcm[0] = 12345 // the clip is a copy
	if c.Frames() != 2 || c.Duration() != 40*time.Millisecond {
		t.Fatalf("got %d frames of %v, want 2 of 40ms", c.Frames(), c.Duration())
	}
	if c.Frame(0)[0] != first || c.Frame(1)[0] != 16000 || c.Frame(1)[1] != 0 || len(c.Frame(1)) != FrameSamples || cap(c.Frame(0)) != FrameSamples {
		t.Error("got other samples, want the copied ones and then silence")
	}
	for _, codec := range []Codec{PCMU, PCMA} {
		want := make([]byte, FrameSamples)
		for i := range c.Frames() {
			codec.Encode(want, c.Frame(i))
			if got := c.Encoded(codec, i); !slices.Equal(got, want) || cap(got) != FrameSamples {
				t.Errorf("%v: frame %d is not its samples encoded", codec, i)
			}
		}
	}
	if c := NewClip(nil); c.Frames() != 0 || c.Duration() != 0 {
		t.Errorf("got %d frames, want none", c.Frames())
	}
	if c := new(Clip); c.Frames() != 0 {
		t.Errorf("got %d frames, want none", c.Frames())
	}
}

func TestTone(t *testing.T) {
	c := Tone(440, time.Second)
	if c.Duration() != time.Second {
		t.Errorf("got %v, want 1s", c.Duration())
	}
	pcm := samplesOfClip(c)
	if hz, level := tone.Dominant(pcm, SampleRate); hz != 440 || math.Abs(level+10) > 0.1 {
		t.Errorf("got %v Hz at %.1f dBFS, want 440 at -10", hz, level)
	}
	// Looped, the seam is no different from the rest.
	if l := tone.Level(append(pcm[4000:], pcm[:4000]...), SampleRate, 440); math.Abs(l+10) > 0.1 {
		t.Errorf("got %.1f dBFS over the seam, want -10", l)
	}
	for _, hz := range []float64{0, -1, 4000, 1e9, math.NaN(), math.Inf(1)} {
		if got := tone.RMS(samplesOfClip(Tone(hz, time.Second))); got != tone.Silence {
			t.Errorf("%v Hz: got %.1f dBFS, want silence", hz, got)
		}
	}
	if got := Tone(440, -time.Second).Frames(); got != 0 {
		t.Errorf("got %d frames of negative time, want none", got)
	}
	if got := Tone(440, time.Millisecond).Frames(); got != 1 {
		t.Errorf("got %d frames of 1 ms, want 1", got)
	}
}

func TestRingbackIsTheCountrys(t *testing.T) {
	for _, c := range []struct {
		country string
		hz      []float64
		onOff   []float64 // seconds
	}{
		{"US", []float64{440, 480}, []float64{2, 4}},
		{"ca", []float64{440, 480}, []float64{2, 4}},
		{"GB", []float64{400, 450}, []float64{0.4, 0.2, 0.4, 2}},
		{"FR", []float64{440}, []float64{1.5, 3.5}},
		{"DE", []float64{425}, []float64{1, 4}},
		{"XX", []float64{425}, []float64{1, 4}},
		{"", []float64{425}, []float64{1, 4}},
	} {
		clip := Ringback(c.country)
		pcm := samplesOfClip(clip)
		at := 0
		for i, s := range c.onOff {
			n := int(s * SampleRate)
			part := pcm[at : at+n]
			at += n
			if i%2 == 1 {
				if got := tone.RMS(part); got != tone.Silence {
					t.Errorf("%s: got %.1f dBFS in pause %d, want silence", c.country, got, i/2)
				}
				continue
			}
			for i := range 8 { // 1 ms at both ends
				if edge := max(abs(int(part[i])), abs(int(part[n-1-i]))); edge > 2000 {
					t.Errorf("%s: got %d at sample %d from an end, want it faded lest it click", c.country, edge, i)
				}
			}
			for _, hz := range c.hz {
				if got := tone.Level(part, SampleRate, hz); math.Abs(got+16) > 1 {
					t.Errorf("%s: got %.1f dBFS of %v Hz, want -16", c.country, got, hz)
				}
			}
			if got := tone.Level(part, SampleRate, 700); got > -50 {
				t.Errorf("%s: got %.1f dBFS of 700 Hz, want none", c.country, got)
			}
		}
		if at != len(pcm) {
			t.Errorf("%s: got a period of %d samples, want %d", c.country, len(pcm), at)
		}
		if Ringback(c.country) != clip {
			t.Errorf("%s: got another clip at the second call, want the same", c.country)
		}
	}
}

func TestMusicIsALoopWithoutASeam(t *testing.T) {
	c := Music()
	if c.Duration() != 36*time.Second || Music() != c {
		t.Errorf("got %v, same clip %v, want 36s and the same clip each time", c.Duration(), Music() == c)
	}
	pcm := samplesOfClip(c)
	if got := tone.RMS(pcm); math.Abs(got+20) > 0.2 {
		t.Errorf("got %.1f dBFS, want -20", got)
	}
	biggest, peak := 0, 0
	for i := 1; i < len(pcm); i++ {
		biggest = max(biggest, abs(int(pcm[i])-int(pcm[i-1])))
		peak = max(peak, abs(int(pcm[i])))
	}
	if seam := abs(int(pcm[0]) - int(pcm[len(pcm)-1])); seam > biggest/2 {
		t.Errorf("got a step of %d at the seam, want no more than half the music's biggest, %d", seam, biggest)
	}
	if peak > 25000 {
		t.Errorf("got a peak of %d, want room above it", peak)
	}
	quietest := 0.0
	for at := 0; at+SampleRate <= len(pcm); at += SampleRate / 2 {
		quietest = min(quietest, tone.RMS(pcm[at:at+SampleRate]))
	}
	if quietest < -30 {
		t.Errorf("got a second of %.1f dBFS, want no pause: a caller thinks the line is dead", quietest)
	}
}

func TestEveryPromptSpeaks(t *testing.T) {
	for _, language := range Languages() {
		names := PromptNames(language)
		if !slices.IsSorted(names) || len(names) < 100 {
			t.Errorf("%s: got %v, want more than a hundred, sorted", language, names)
		}
		for _, name := range names {
			c, ok := Prompt(language, name)
			if !ok {
				t.Errorf("%s: %s cannot be read", language, name)
				continue
			}
			if again, _ := Prompt(language, name); again != c {
				t.Errorf("%s: %s: got another clip at the second call, want the same", language, name)
			}
			if d := c.Duration(); d < 150*time.Millisecond || d > 12*time.Second {
				t.Errorf("%s: %s: got %v, want a word to a few sentences", language, name, d)
			}
			if got := tone.RMS(samplesOfClip(c)); got < -27 || got > -14 {
				t.Errorf("%s: %s: got %.1f dBFS, want about -20", language, name, got)
			}
		}
	}
	for _, name := range []string{"", "nothing", "../en/welcome", "welcome.wav", "README"} {
		if _, ok := Prompt("en", name); ok {
			t.Errorf("got a prompt named %q, want none", name)
		}
	}
	if _, ok := Prompt("xx", "welcome"); ok || PromptNames("xx") != nil {
		t.Error("got prompts of a language that is not shipped, want none")
	}
}

func TestJoinedClipsAreHeardOneAfterTheOther(t *testing.T) {
	a, b := Tone(440, 100*time.Millisecond), Tone(1000, 60*time.Millisecond)
	if Join(a) != a {
		t.Error("got a copy of one clip, want itself")
	}
	a.Widen()
	b.Widen()
	both := Join(a, b)
	both.Widen()
	if both.Frames() != 8 {
		t.Fatalf("got %d frames, want 5 and 3", both.Frames())
	}
	for i := range both.Frames() {
		from, k := a, i
		if i >= 5 {
			from, k = b, i-5
		}
		if !slices.Equal(both.Frame(i), from.Frame(k)) {
			t.Errorf("frame %d: got other samples than the clip's", i)
		}
		for _, codec := range []Codec{PCMU, PCMA, G722} {
			if !slices.Equal(both.Encoded(codec, i), from.Encoded(codec, k)) {
				t.Errorf("frame %d: got other %v than the clip's", i, codec)
			}
		}
	}
	narrow := Join(Tone(440, 20*time.Millisecond), Tone(700, 20*time.Millisecond))
	narrow.Widen()
	for i := range 2 {
		if got := len(narrow.Encoded(G722, i)); got != FrameSamples {
			t.Errorf("frame %d: got %d bytes of G722, want both clips encoded", i, got)
		}
	}
	more := Join(both, narrow)
	var got [FrameSamples * 3 / 2]byte
	if n := more.read(got[:], PCMU, 7*FrameSamples+80); n != len(got) || !slices.Equal(got[:80], b.Encoded(PCMU, 2)[80:]) || !slices.Equal(got[80:], narrow.Encoded(PCMU, 0)) {
		t.Errorf("got %d bytes, or other ones than the end of one clip and the next", n)
	}
	if n := more.read(got[:], PCMU, 9*FrameSamples+80); n != 80 {
		t.Errorf("got %d bytes before the end, want 80", n)
	}
	if got := Join().Frames(); got != 0 {
		t.Errorf("got %d frames of nothing, want none", got)
	}
}
