package media

import (
	"math"
	"testing"
	"time"
)

func TestOpinionFollowsTheEModel(t *testing.T) {
	for _, one := range []struct {
		name  string
		codec Codec
		s     Stream
		delay time.Duration
		want  float64
	}{
		{"clean and near", PCMU, Stream{}, 0, 4.39},
		{"1 % at random", PCMU, Stream{Loss: 1, Burst: 1}, 0, 4.32},
		{"5 % at random", PCMU, Stream{Loss: 5, Burst: 1}, 0, 3.88},
		{"10 % at random", PCMA, Stream{Loss: 10, Burst: 1}, 0, 3.36},
		{"5 % in bursts of three", PCMA, Stream{Loss: 5, Burst: 3}, 0, 3.80},
		{"a satellite", PCMU, Stream{}, 300 * time.Millisecond, 3.46},
		{"half is lost", PCMU, Stream{Loss: 50, Burst: 2}, 0, 1.57},
		{"all is lost", PCMU, Stream{Loss: 100, Burst: 500}, time.Second, 1},
	} {
		got := opinion(one.codec, one.s, one.delay)
		if math.Abs(got-one.want) > 0.02 {
			t.Errorf("%s: got %.3f, want %.2f", one.name, got, one.want)
		}
	}
	for r := -10.0; r < 110; r += 0.5 {
		if got := scoreOf(r); got < 1 || got > 4.5 || got+1e-9 < scoreOf(r-0.5) {
			t.Errorf("R %v: got %v, want it between 1 and 4.5 and never below that of a smaller R", r, got)
		}
	}
}

func TestQualityTellsOfBothDirections(t *testing.T) {
	e, sh, _ := stillEngine(t)
	f := seat(e, sh, 2, PCMU)
	if got := (&Session{}).Quality(); got != (Quality{}) {
		t.Errorf("got %+v before a description, want nothing", got)
	}
	for i := range 1000 {
		if i%100 < 4 {
			f.seq, f.ts, f.now = f.seq+1, f.ts+160, f.now+20e6
			continue
		}
		f.packet(160)
		f.due()
	}
	got := f.s.Quality()
	if got.Codec != "PCMU" || got.Heard.Packets != 960 || got.Heard.Lost != 36 || got.Heard.Burst != 4 {
		t.Errorf("got %+v, want 960 packets and nine gaps of four lost: the first was before all", got.Heard)
	}
	if got.Heard.MOS < 3 || got.Heard.MOS > 4.3 || got.Told != (Stream{}) {
		t.Errorf("got %+v, want a fair score of what is heard and none of what is told", got)
	}
}
