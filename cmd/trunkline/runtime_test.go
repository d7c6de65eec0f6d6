package main

import (
	"testing"
	"time"
)

func TestMemoryIsGivenBackWhenCallsHaveComeAndTalk(t *testing.T) {
	const mib = 1 << 20
	now := time.Now()
	var one thrift
	for i, step := range []struct {
		after     time.Duration
		allocated uint64 // more than at the last step
		live      uint64
		held      uint64
		want      bool
	}{
		{0, 20 * mib, 8 * mib, 20 * mib, false},                  // the start
		{2 * time.Second, 1 * mib, 8 * mib, 11 * mib, false},     // little to gain
		{2 * time.Second, 60 * mib, 8 * mib, 70 * mib, false},    // calls come
		{2 * time.Second, 1 * mib, 30 * mib, 71 * mib, true},     // and talk
		{2 * time.Second, 0, 30 * mib, 60 * mib, false},          // not so soon again
		{30 * time.Second, 3 * mib, 30 * mib, 44 * mib, false},   // what was left the last time stays
		{30 * time.Second, 3 * mib, 30 * mib, 60 * mib, true},    // more has come
		{30 * time.Second, 300 * mib, 30 * mib, 90 * mib, false}, // calls come and go: the collector's
	} {
		now = now.Add(step.after)
		h := heap{allocated: one.allocated + step.allocated, live: step.live, held: step.held}
		got := one.due(h, now)
		if got != step.want {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
		if got {
			h.held = 41 * mib
			one.done(h, now)
		}
	}
}
