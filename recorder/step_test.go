package recorder

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"trunkline/internal/ear"
	"trunkline/internal/raced"
)

// pulses says a click every second; both sides say it at the same moment.
func pulses(seconds int) []int16 {
	pcm := make([]int16, seconds*8000)
	for at := 4000; at+40 < len(pcm); at += 8000 {
		for i := range 40 {
			pcm[at+i] = int16(16000 - 800*i%1600)
		}
	}
	return pcm
}

// clicks finds them again: where it is loud after it was not.
func clicks(pcm []int16) (found []int) {
	for i := 0; i < len(pcm); i++ {
		if pcm[i] > 10000 {
			found = append(found, i)
			i += 60
		}
	}
	return found
}

// tell has packets arrive.
func tell(rec *Recording, side int, all []ear.Packet) {
	began := time.Now()
	for _, p := range all {
		time.Sleep(time.Until(began.Add(p.At)))
		rec.Sound(side, p.SSRC, p.TS, p.Seq, p.Marker, time.Now().UnixNano(), 8000, p.PCM())
	}
}

func TestTheSidesAreInStep(t *testing.T) {
	for _, c := range []struct {
		name    string
		ptime   time.Duration
		seconds int
		left    ear.Network
		right   ear.Network
		ppm     float64       // that the left clock is fast and the right one slow
		apart   time.Duration // at most
	}{
		{"clean", 20 * ms, 60, nil, nil, 0, ms},
		{"10 ms", 10 * ms, 60, nil, nil, 0, ms},
		{"60 ms", 60 * ms, 60, nil, nil, 0, ms},
		{"loss", 20 * ms, 60, ear.Loss(.05), ear.Loss(.05), 0, 5 * ms},
		{"twice", 20 * ms, 60, ear.Twice(.02), nil, 0, 5 * ms},
		{"other source", 20 * ms, 60, ear.OtherSource(), nil, 0, 5 * ms},
		{"silence is not sent", 20 * ms, 60, ear.Discontinuous(50), nil, 0, 5 * ms},
		{"skew", 20 * ms, 600, ear.Skew(200), ear.Skew(-200), 200, 5 * ms},
		{"jitter", 20 * ms, 60, ear.Jitter(60 * ms), nil, 0, 10 * ms},
		{"jitter both", 20 * ms, 60, ear.Jitter(60 * ms), ear.Jitter(60 * ms), 0, 10 * ms},
		{"stalls", 20 * ms, 60, ear.Stalls(150*ms, 2*time.Second), nil, 0, 5 * ms},
		{"an hour", 40 * ms, 3600, ear.All(ear.Skew(200), ear.Bursts(.1, 3), ear.Outages(2*time.Second, 60*time.Second), ear.Jitter(60*ms)),
			ear.All(ear.Skew(-200), ear.Jitter(60*ms)), 200, 10 * ms},
	} {
		c.seconds = min(c.seconds, raced.Or(150, c.seconds)) // of which the outages come each minute
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, nil, func(t *testing.T, h *house) {
				rec := h.begin()
				said := ear.Talk(pulses(c.seconds), ear.Mulaw, c.ptime, 0)
				came := [2][]ear.Packet{ear.Travel(said, c.left, 1), ear.Travel(said, c.right, 2)}
				began := time.Now()
				done := make(chan struct{})
				go func() { defer close(done); tell(rec, 1, came[1]) }()
				tell(rec, 0, came[0])
				<-done
				lasted := time.Since(began).Truncate(time.Second / 8000)
				s, left, right := h.end(rec)
				wantLength(t, s, left, lasted)
				l, r := places(left, came[0], c.seconds, -c.ppm), places(right, came[1], c.seconds, c.ppm)
				both, worst := 0, 0
				for k := range c.seconds {
					a, ok := l[k]
					b, too := r[k]
					if ok && too {
						both, worst = both+1, max(worst, a-b, b-a)
					}
				}
				got := time.Duration(worst) * time.Second / 8000
				t.Logf("%d of %d clicks came on both sides, at most %v apart", both, c.seconds, got)
				if got > c.apart || both < c.seconds/2 {
					t.Errorf("got %d of %d clicks on both sides, at most %v apart, want most, and %v", both, c.seconds, got, c.apart)
				}
			})
		})
	}
}

// places is how far each click that came is from where it was said, by the
// clock on the wall: its sender's was off by so many parts in a million.
func places(pcm []int16, came []ear.Packet, seconds int, ppm float64) map[int]int {
	arrived := map[int]bool{}
	for _, p := range came {
		arrived[int(p.TS-0xffff0000)/80] = true
		for k := 80; k < len(p.Body); k += 80 {
			arrived[(int(p.TS-0xffff0000)+k)/80] = true
		}
	}
	found := map[int]int{}
	all := clicks(pcm)
	for k := range seconds {
		at := 4000 + 8000*k
		whole := true
		for n := at / 80; n < at/80+2; n++ {
			whole = whole && arrived[n]
		}
		if !whole {
			continue
		}
		want := at + int(float64(at)*ppm/1e6)
		near := 8000
		for _, c := range all { // beside it may be a ghost of it, in what is concealed
			if d := c - want; max(d, -d) < max(near, -near) {
				near = d
			}
		}
		found[k] = near
	}
	return found
}

func TestConcealingContinuesAWaveFromBothSides(t *testing.T) {
	// A pulse every 8 samples of 80 has that pitch: the gap has its samples exactly.
	wave := make([]int16, 800)
	for i := range wave {
		wave[i] = int16((i % 80) * 100)
	}
	gap := make([]int16, 160)
	conceal(wave[:240], gap, wave[400:640], 1)
	for i, v := range gap {
		if want := wave[240+i]; v != want {
			t.Fatalf("sample %d: got %d, want %d", i, v, want)
		}
	}
	conceal(wave[:240], gap, nil, 1)
	if gap[0] != wave[240] || gap[159] != wave[399] {
		t.Errorf("one side: got %d and %d, want %d and %d", gap[0], gap[159], wave[240], wave[399])
	}
	conceal(nil, gap, nil, 1)
	for i, v := range gap {
		if v != 0 {
			t.Fatalf("no side: sample %d: got %d, want silence", i, v)
		}
	}
	long := make([]int16, 3*concealed)
	conceal(wave[:240], long, wave[:240], 1)
	for i := concealed; i < 2*concealed; i++ {
		if long[i] != 0 {
			t.Fatalf("a long gap: sample %d: got %d, want silence in its middle", i, long[i])
		}
	}
	if long[0] == 0 && long[1] == 0 || long[len(long)-2] == 0 {
		t.Error("a long gap: got silence at its edges, want sound")
	}
}

// Where the pitch changes within the gap the repetition follows it: what is made
// is in step with what was lost, and with the far side.
func TestConcealingFollowsThePitch(t *testing.T) {
	for _, c := range []struct {
		rate, lost   int
		from, to, is float64 // Hz; parts of the sound
	}{{8000, 160, 110, 114, .1}, {8000, 160, 180, 172, .1}, {8000, 480, 120, 123, .25}, {16000, 320, 110, 114, .1}} {
		n := 4000 * c.rate / 8000
		wave := make([]int16, n)
		phase := 0.0
		for i := range wave {
			phase += (c.from + (c.to-c.from)*float64(i)/float64(n)) / float64(c.rate)
			for h := 1.0; h < 12; h++ {
				wave[i] += int16(3000 / h * math.Sin(2*math.Pi*(phase*h+h*h/7)))
			}
		}
		scale, at, context := c.rate/8000, n/2, contextLen*c.rate/8000
		gap := make([]int16, c.lost)
		conceal(slices.Clone(wave[at-context:at]), gap, slices.Clone(wave[at+c.lost:at+c.lost+context]), scale)
		off, all := 0.0, 0.0
		for i, v := range gap {
			d := float64(v) - float64(wave[at+i])
			off, all = off+d*d, all+float64(wave[at+i])*float64(wave[at+i])
		}
		if got := off / all; got > c.is {
			t.Errorf("%+v: got an error of %.2f of the sound's power", c, got)
		}
	}
}

func TestBandsKeepTheSoundAndItsPlace(t *testing.T) {
	for _, c := range []struct{ from, to int64 }{{8000, 16000}, {16000, 8000}} {
		var b bands
		var in, out []int16
		rng := rand.New(rand.NewPCG(1, 1))
		for n := 0; n < 16000; {
			size := 80 * int(c.from/8000) * (1 + rng.IntN(3))
			packet := make([]int16, size)
			for i := range packet {
				packet[i] = int16(8000 * turn(float64(n+i)*1000/float64(c.from)))
			}
			in, n = append(in, packet...), n+size
			out = b.convert(out, packet, c.from, c.to, false)
		}
		behind := int(b.behind(c.to))
		out = b.flush(out, c.to)[behind:]
		if got, want := len(out), len(in)*int(c.to)/int(c.from); got != want {
			t.Fatalf("%d to %d: got %d samples, want %d", c.from, c.to, got, want)
		}
		for i := 200; i < len(out)-200; i++ {
			want := 8000 * turn(float64(i)*1000/float64(c.to))
			if got := float64(out[i]); got < want-80 || got > want+80 {
				t.Fatalf("%d to %d: sample %d: got %.0f, want %.0f", c.from, c.to, i, got, want)
			}
		}
	}
}

func turn(cycles float64) float64 { return math.Sin(2 * math.Pi * cycles) }
