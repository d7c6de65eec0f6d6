package media

import (
	"slices"
	"testing"
)

// ramp is n samples that count up from v.
func ramp(v, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(v + i)
	}
	return pcm
}

func read(o *playout, at int64, n int) []int16 {
	m := &mixer{}
	o.add(m.sum[:n], at)
	return slices.Clone(m.saturated(n))
}

func TestPlayoutPlacesByTimestamp(t *testing.T) {
	o := &playout{delay: 480, most: 2000}
	ts := uint32(0xffffff80) // wraps within
	o.write(ts, ramp(1, 160), 1000)
	o.write(ts+320, ramp(321, 160), 1300) // before its turn, and later than it should
	o.write(ts+160, ramp(161, 160), 1301)
	if got := read(o, 1480, 480); !slices.Equal(got, ramp(1, 480)) {
		t.Errorf("got samples %v…, want 1 to 480 from 1480 on", got[:5])
	}
	if got := read(o, 1320, 160); !slices.Equal(got, make([]int16, 160)) {
		t.Errorf("got sound before the first packet, want silence")
	}
	if got := read(o, 1960, 160); !slices.Equal(got, make([]int16, 160)) {
		t.Errorf("got sound after the last packet, want silence")
	}
}

func TestPlayoutFillsALossWithSilence(t *testing.T) {
	o := &playout{delay: 480, most: 2000}
	o.write(0, ramp(1, 160), 0)
	o.write(320, ramp(321, 160), 320)
	want := slices.Concat(ramp(1, 160), make([]int16, 160), ramp(321, 160))
	if got := read(o, 480, 480); !slices.Equal(got, want) {
		t.Errorf("got %v…, want silence between 160 and 320", got[150:170])
	}
}

func TestPlayoutAnchorsAnewAfterThreeLatePackets(t *testing.T) {
	o := &playout{delay: 480, most: 2000}
	o.write(0, ramp(1, 160), 0)
	now := int64(700)
	for i, want := range []bool{false, false, true} {
		if got := o.write(uint32(20+160*i), ramp(1, 160), now+int64(160*i)); got != want {
			t.Errorf("late packet %d: got placed %v, want %v", i, got, want)
		}
	}
	if got := read(o, now+320+480, 160); !slices.Equal(got, ramp(1, 160)) {
		t.Errorf("got %v…, want the third late packet, delay behind its arrival", got[:5])
	}
}

func TestPlayoutAnchorsAnewAfterAPause(t *testing.T) {
	o := &playout{delay: 480, most: 2000}
	o.write(0, ramp(1, 160), 0)
	if !o.write(160, ramp(1, 160), 40000) { // the peer's timestamps stood still meanwhile
		t.Fatal("got the first packet after a pause dropped, want it placed")
	}
	if got := read(o, 40480, 160); !slices.Equal(got, ramp(1, 160)) {
		t.Errorf("got %v…, want it heard 480 later", got[:5])
	}
}

func TestPlayoutAnchorsAnewWhenTheSourceJumpsAhead(t *testing.T) {
	o := &playout{delay: 480, most: 2000}
	o.write(0, ramp(1, 160), 0)
	o.write(80000, ramp(7, 160), 160)
	if got := read(o, 640, 160); !slices.Equal(got, ramp(7, 160)) {
		t.Errorf("got %v…, want the jump heard 480 after its arrival", got[:5])
	}
	if got := read(o, 480, 160); !slices.Equal(got, ramp(1, 160)) {
		t.Errorf("got %v…, want what was before still heard", got[:5])
	}
}

func TestMixIsSaturated(t *testing.T) {
	a, b := &playout{}, &playout{}
	a.write(0, []int16{30000, -30000, 100, -1}, 0)
	b.write(0, []int16{30000, -30000, 23, 1}, 0)
	m := &mixer{}
	a.add(m.sum[:4], 0)
	b.add(m.sum[:4], 0)
	if got, want := m.saturated(4), []int16{32767, -32768, 123, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
