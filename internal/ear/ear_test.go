package ear

import (
	"math"
	"slices"
	"testing"
	"time"

	"trunkline/internal/tone"
)

const ms = time.Millisecond

// voice is a vowel of sorts: harmonics of 125 Hz.
func voice(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		v := 0.0
		for h := 1; h < 20; h++ {
			v += math.Sin(2*math.Pi*125*float64(h*i)/rate+float64(h*h)) / float64(h)
		}
		pcm[i] = int16(4000 * v)
	}
	return pcm
}

func TestWhatIsSaidIsHeardAfterTheBuffer(t *testing.T) {
	said := voice(8000)
	heard, from := Hear(Talk(said, Mulaw, 20*ms, 5*ms), 60*ms)
	if from != 65*ms || len(heard) != 8000 {
		t.Fatalf("got %d samples from %v, want 8000 from 65ms", len(heard), from)
	}
	for i := overlapDelay; i < len(heard); i++ {
		if want := tone.DecodeMulaw(tone.EncodeMulaw(said[i-overlapDelay])); heard[i] != want {
			t.Fatalf("sample %d: got %d, want %d", i, heard[i], want)
		}
	}
}

func TestALostPacketOfAVowelIsHardlyHeard(t *testing.T) {
	said := voice(8000)
	sent := Talk(said, Mulaw, 20*ms, 0)
	whole, _ := Hear(sent, 60*ms)
	for _, lost := range []int{1, 2, 3} {
		heard, _ := Hear(slices.Delete(slices.Clone(sent), 20, 20+lost), 60*ms)
		err, sum := 0.0, 0.0
		for i := 3200; i < 3200+160*lost+80; i++ {
			d := float64(heard[i]) - float64(whole[i])
			err, sum = err+d*d, sum+float64(whole[i])*float64(whole[i])
		}
		// The second frame on fades by a fifth each.
		if got, want := math.Sqrt(err/sum), []float64{0.2, 0.5, 0.8}[lost-1]; got > want {
			t.Errorf("%d lost: got an error of %.2f of the sound, want at most %.2f", lost, got, want)
		}
		for i := 3200 + 160*lost + 80 + overlapDelay; i < len(heard); i++ {
			if heard[i] != whole[i] {
				t.Fatalf("%d lost: sample %d after it: got %d, want %d", lost, i, heard[i], whole[i])
			}
		}
	}
}

func TestALongHoleBecomesSilence(t *testing.T) {
	sent := Talk(voice(16000), Mulaw, 20*ms, 0)
	heard, _ := Hear(slices.Delete(slices.Clone(sent), 20, 60), 60*ms)
	for i := 3200 + 480 + overlapDelay; i < 9600; i++ {
		if heard[i] != 0 {
			t.Fatalf("sample %d: got %d, want silence from 60 ms on", i, heard[i])
		}
	}
}

func TestNetworksDoWhatTheySayAndTheSameEachTime(t *testing.T) {
	sent := Talk(make([]int16, 160*10000), Mulaw, 20*ms, 0)
	for _, c := range []struct {
		name     string
		network  Network
		arrive   int // of 10000, within a tenth of what is missing or too many
		disorder bool
	}{
		{"none", nil, 10000, false},
		{"loss", Loss(.05), 9500, false},
		{"bursts", Bursts(.05, 3), 9500, false},
		{"jitter", Jitter(60 * ms), 10000, true},
		{"stalls", Stalls(150*ms, 2*time.Second), 10000, false},
		{"twice", Twice(.02), 10200, true},
		{"other source", OtherSource(), 10000, true},
		{"outages", Outages(2*time.Second, 20*time.Second), 9000, false},
		{"skew", Skew(200), 10000, false},
	} {
		got := Travel(sent, c.network, 7)
		off := math.Abs(float64(len(got) - c.arrive))
		if off > math.Abs(float64(10000-c.arrive))/8 {
			t.Errorf("%s: got %d packets, want about %d", c.name, len(got), c.arrive)
		}
		ordered := slices.IsSortedFunc(got, func(a, b Packet) int { return int(int16(a.Seq - b.Seq)) })
		if ordered == c.disorder {
			t.Errorf("%s: got order %v, want %v", c.name, ordered, !c.disorder)
		}
		again := Travel(sent, c.network, 7)
		if !slices.EqualFunc(got, again, func(a, b Packet) bool { return a.At == b.At && a.Seq == b.Seq }) {
			t.Errorf("%s: got another fate with the same seed", c.name)
		}
		if !slices.IsSortedFunc(got, func(a, b Packet) int { return int(a.At - b.At) }) {
			t.Errorf("%s: got packets out of order of arrival", c.name)
		}
	}
}

func TestDiscontinuousSpeechHasAHoleInTimeAndNoneInNumbers(t *testing.T) {
	said := append(append(voice(8000), make([]int16, 16000)...), voice(8000)...)
	got := Travel(Talk(said, Mulaw, 20*ms, 0), Discontinuous(100), 1)
	if len(got) != 110 {
		t.Fatalf("got %d packets, want 100 of voice and 200 ms of silence", len(got))
	}
	p, q := got[59], got[60]
	if q.Seq != p.Seq+1 || q.TS-p.TS != 160*91 || !q.Marker || p.Marker {
		t.Errorf("got %d+%d samples marker %v, want the next number, 1.8 s more and a marker", q.Seq-p.Seq, q.TS-p.TS, q.Marker)
	}
}

func TestTheMeterRanksFaultsAndForgivesDelay(t *testing.T) {
	said := speech(64000)
	score := func(n Network) float64 {
		heard, _ := Hear(Travel(Talk(said, Mulaw, 20*ms, 0), n, 3), 60*ms)
		return Score(said, heard)
	}
	if got := Score(said, said); got != best {
		t.Errorf("the same: got %.2f, want %v", got, best)
	}
	if got := Score(said, append(make([]int16, 700), said...)); got < best-.01 {
		t.Errorf("the same, 88 ms late: got %.2f, want %v", got, best)
	}
	if got := Score(said, make([]int16, len(said))); got > 1 {
		t.Errorf("silence: got %.2f, want at most 1", got)
	}
	last := math.Inf(1)
	for _, n := range []Network{nil, Loss(.02), Loss(.06), Loss(.2)} {
		got := score(n)
		if got >= last-.02 {
			t.Errorf("got %.2f after %.2f, want less with each more loss", got, last)
		}
		last = got
	}
	if one, row := score(Loss(.06)), score(Bursts(.06, 6)); row >= one {
		t.Errorf("got %.2f in rows, %.2f one by one, want rows worse", row, one)
	}
}

// speech is voices of changing pitch with pauses.
func speech(n int) []int16 {
	pcm := make([]int16, n)
	phase := 0.0
	for i := range pcm {
		phase += (110 + 40*math.Sin(float64(i)/3000)) / rate
		v := 0.0
		for h := 1; h < 20; h++ {
			v += math.Sin(2*math.Pi*phase*float64(h)+float64(h*h)) / (1 + math.Abs(float64(h)-6+5*math.Sin(float64(i)/2000)))
		}
		pcm[i] = int16(3000 * v * max(math.Sin(float64(i)/1500)+.3, 0))
	}
	return pcm
}
