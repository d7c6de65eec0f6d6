package media

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// arrives has a jitter buffer take a sequence number at a moment, and returns
// what leaves it then.
func arrives(j *jitter, seq uint16, now int64) (left []uint16, how verdict) {
	how = j.arrive(seq)
	switch how {
	case leaves:
		left = append(left, seq)
	case waits:
		j.hold(&packet{seq: seq, came: now})
	case restarts:
		left = append(left, flushed(j)...)
		j.start(seq)
		left = append(left, seq)
	}
	return append(left, popped(j)...), how
}

func popped(j *jitter) (left []uint16) {
	for p := j.pop(); p != nil; p = j.pop() {
		left = append(left, p.seq)
	}
	return left
}

func flushed(j *jitter) (left []uint16) {
	for j.held > 0 {
		j.skip()
		left = append(left, popped(j)...)
	}
	return left
}

func TestJitterBufferVerdicts(t *testing.T) {
	tests := []struct {
		rule string
		in   []uint16
		want []verdict
		out  []uint16
	}{
		{"in order, all leave at once", []uint16{5, 6, 7}, []verdict{leaves, leaves, leaves}, []uint16{5, 6, 7}},
		{"over the wrap", []uint16{65534, 65535, 0, 1}, []verdict{leaves, leaves, leaves, leaves}, []uint16{65534, 65535, 0, 1}},
		{"a gap is waited for", []uint16{5, 7, 6, 8}, []verdict{leaves, waits, leaves, leaves}, []uint16{5, 6, 7, 8}},
		{"over the wrap, reordered", []uint16{65534, 0, 65535, 1}, []verdict{leaves, waits, leaves, leaves}, []uint16{65534, 65535, 0, 1}},
		{"twice is once", []uint16{5, 5, 6, 6, 5}, []verdict{leaves, duplicate, leaves, duplicate, duplicate}, []uint16{5, 6}},
		{"twice while waiting", []uint16{5, 7, 7, 6}, []verdict{leaves, waits, duplicate, leaves}, []uint16{5, 6, 7}},
		{"before the first is late", []uint16{5, 4, 6}, []verdict{leaves, late, leaves}, []uint16{5, 6}},
		{"one astray is dropped", []uint16{5, 3000, 6, 7}, []verdict{leaves, jumped, leaves, leaves}, []uint16{5, 6, 7}},
		{"two in a row are a new beginning", []uint16{5, 3000, 3001, 3002}, []verdict{leaves, jumped, restarts, leaves}, []uint16{5, 3001, 3002}},
		{"a new beginning flushes", []uint16{5, 7, 3000, 3001}, []verdict{leaves, waits, jumped, restarts}, []uint16{5, 7, 3001}},
		{"far back is a jump too", []uint16{5000, 10, 11}, []verdict{leaves, jumped, restarts}, []uint16{5000, 11}},
		{"64 ahead is a jump, 63 is a gap", []uint16{0, 65, 64}, []verdict{leaves, jumped, waits}, []uint16{0}},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			j := &jitter{depth: 40}
			var out []uint16
			var how []verdict
			for _, seq := range test.in {
				left, v := arrives(j, seq, 0)
				out, how = append(out, left...), append(how, v)
			}
			if !slices.Equal(how, test.want) {
				t.Errorf("got verdicts %v, want %v", how, test.want)
			}
			if !slices.Equal(out, test.out) {
				t.Errorf("got %v out, want %v", out, test.out)
			}
		})
	}
}

func TestGapIsGivenUpWhenItsFirstPacketHasWaitedForDepth(t *testing.T) {
	j := &jitter{depth: 40}
	arrives(j, 1, 0)
	if _, ok := j.due(); ok {
		t.Error("got a deadline without a gap")
	}
	arrives(j, 3, 10)
	arrives(j, 4, 25)
	arrives(j, 7, 30)
	if due, ok := j.due(); !ok || due != 50 {
		t.Errorf("got deadline %d, want 50: 3 came at 10", due)
	}
	if got := j.skip(); got != 1 {
		t.Errorf("got %d missing, want 1", got)
	}
	if got := popped(j); !slices.Equal(got, []uint16{3, 4}) {
		t.Errorf("got %v behind the gap, want 3 and 4", got)
	}
	if due, ok := j.due(); !ok || due != 70 {
		t.Errorf("got next deadline %d, want 70: 7 came at 30", due)
	}
	if _, how := arrives(j, 2, 55); how != late {
		t.Errorf("got %v for what was given up, want late", how)
	}
	if got := j.skip(); got != 2 {
		t.Errorf("got %d missing, want 2: 5 and 6", got)
	}
	if got := popped(j); !slices.Equal(got, []uint16{7}) {
		t.Errorf("got %v, want 7", got)
	}
}

// Any interleaving: what leaves is in order, nothing leaves twice, and without
// a jump everything that came within reach and in time leaves.
func TestJitterBufferKeepsOrderWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint16().Draw(t, "first")
		j := &jitter{depth: rapid.Int64Range(0, 60).Draw(t, "depth")}
		var out []uint16
		now := int64(0)
		came := map[uint16]bool{}
		lateOnes := map[uint16]bool{}
		at := 0 // of the source, in packets
		for range rapid.IntRange(1, 300).Draw(t, "packets") {
			now += rapid.Int64Range(0, 20).Draw(t, "after")
			for due, ok := j.due(); ok && due <= now; due, ok = j.due() {
				j.skip()
				out = append(out, popped(j)...)
			}
			if rapid.IntRange(0, 9).Draw(t, "kind") > 0 {
				at++
			}
			seq := first + uint16(max(0, at-rapid.IntRange(0, 20).Draw(t, "back")))
			left, how := arrives(j, seq, now)
			switch {
			case how == jumped || how == restarts:
				t.Fatalf("got %v within 20 packets, want no jump", how)
			case how == duplicate && !came[seq]:
				t.Fatalf("got duplicate for %d, which had not come", seq)
			case how == late:
				lateOnes[seq] = true
			default:
				came[seq] = true
			}
			out = append(out, left...)
		}
		out = append(out, flushed(j)...)
		for i := 1; i < len(out); i++ {
			if int16(out[i]-out[i-1]) <= 0 {
				t.Fatalf("got %d after %d, want order", out[i], out[i-1])
			}
		}
		if len(out) != len(came) {
			t.Fatalf("got %d packets out of %d that were taken", len(out), len(came))
		}
	})
}

// Not even sequence numbers without any sense bring the buffer out of step.
func TestJitterBufferSurvivesNonsense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := &jitter{depth: 40}
		for range rapid.IntRange(1, 500).Draw(t, "packets") {
			arrives(j, rapid.Uint16().Draw(t, "seq"), 0)
			held := 0
			for _, p := range j.slots {
				if p != nil {
					held++
				}
			}
			if held != j.held {
				t.Fatalf("got %d held, %d in slots", j.held, held)
			}
		}
	})
}
