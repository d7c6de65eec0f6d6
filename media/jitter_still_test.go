package media

import (
	"slices"
	"testing"
	"time"
)

// A source that stands still behind a packet that was overtaken, or begins with one
// after it stood still, has lost none.
func TestNothingIsGivenUpWhileTheSourceStandsStill(t *testing.T) {
	for _, stands := range []time.Duration{45 * ms, 100 * ms, 190 * ms} {
		for _, begins := range []bool{false, true} {
			s := newSorter(0, 200*ms)
			at := int64(0)
			for seq := range uint16(3000) {
				at = int64(seq) * int64(20*ms)
				if seq == 1000 { // it is not as even as it seems
					at += int64(12 * ms)
				}
				s.comes(steadily(seq, at), at)
			}
			at += int64(40 * ms)
			if begins {
				at += int64(stands)
				s.comes(steadily(3001, at), at)
				at += int64(3 * ms)
			} else {
				s.comes(steadily(3001, at), at)
				at += int64(stands)
			}
			for _, seq := range []uint16{3000, 3002, 3003, 3004, 3005, 3006, 3007, 3008, 3009, 3010} {
				s.comes(steadily(seq, at), at)
				at = max(at+int64(ms), int64(seq+1)*int64(20*ms))
			}
			if s.counts.lost+s.counts.late > 0 || len(s.left) != 3011 || !slices.IsSorted(s.out()) {
				t.Errorf("stood still for %v (%v): got %d out, %d lost and %d late, want all 3011 in order", stands, begins, len(s.left), s.counts.lost, s.counts.late)
			}
		}
	}
}

// A source that pauses by itself is not waited for as one that stands still: what
// it said last is not kept until nobody can hear it.
func TestTheLastWordBeforeAPauseIsNotHeldForLong(t *testing.T) {
	s := newSorter(0, 200*ms)
	at := func(seq uint16) int64 { return int64(seq) * int64(20*ms) }
	for seq := range uint16(3000) {
		s.comes(steadily(seq, at(seq)), at(seq))
	}
	p := steadily(3000, at(3100)) // it was silent for 2 s
	p.ts += 16000
	s.comes(p, p.came)
	p = steadily(3002, at(3102))
	p.ts += 16000
	s.comes(p, p.came)
	if due, ok := s.due(p.came); !ok || due-p.came != int64(40*ms) {
		t.Errorf("got the last word held for %v, want 40 ms", time.Duration(due-p.came))
	}
}
