package recorder

import (
	"fmt"
	"testing"
	"time"
)

// A way, or a sender's machine, that stands still and then brings all at once:
// nothing of it is lost, on neither side, however long the other one speaks on.
func TestWhatStoodStillIsNotLost(t *testing.T) {
	for _, stood := range []time.Duration{500 * ms, 1300 * ms, 2500 * ms, 3800 * ms} {
		t.Run(fmt.Sprint(stood), func(t *testing.T) {
			t.Parallel()
			inBubble(t, nil, func(t *testing.T, h *house) {
				rec := h.begin()
				v, other := &voice{rec: rec, ssrc: 1}, &voice{rec: rec, side: 1, ssrc: 2}
				const stalls, before = 3, 150
				n := int(stood / (20 * ms))
				for range stalls {
					for k := range before + n {
						if other.say(); k < before || k == before+n-1 {
							for v.said < other.said {
								v.say()
							}
						}
						time.Sleep(20 * ms)
					}
				}
				s, left, right := h.end(rec)
				for _, pcm := range [][]int16{left, right} {
					wantRun(t, pcm, 0, 0, stalls*(before+n)*160)
				}
				wantLength(t, s, left, time.Duration(stalls*(before+n))*20*ms)
				if len(s.Marks) != 0 {
					t.Errorf("marks: got %v, want none", s.Marks)
				}
			})
		})
	}
}

// A process that stood still, its collector too, and finds in its sockets what
// came meanwhile.
func TestAStalledProcessLosesNothing(t *testing.T) {
	for _, first := range []string{"shard", "collector"} { // which of them runs first
		t.Run(first, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, h *house) {
				now := time.Now()
				rec := &Recording{owner: h.Recorder, disk: h.disks[0], id: NewID(now), rate: 8000, zero: now}
				rec.path = h.dir + "/stalled.wav"
				rec.line.rate = 8000
				for i := range rec.rings {
					rec.rings[i].Store(new(ring))
				}
				rec.disk.add(job{rec: rec, verb: jobMake})
				both := [2]*voice{{rec: rec, ssrc: 1}, {rec: rec, side: 1, ssrc: 2}}
				say := func(n int) {
					for range n {
						both[0].say()
						both[1].say()
					}
				}
				talk := func(n int) {
					for k := range n {
						say(1)
						time.Sleep(20 * ms)
						if k%10 == 9 {
							rec.collect(time.Now(), false)
						}
					}
				}
				talk(200)
				time.Sleep(3600 * ms)
				if first == "collector" {
					rec.collect(time.Now(), false)
				}
				say(180)
				rec.collect(time.Now(), false)
				talk(200)
				rec.Close(time.Now())
				for !rec.collect(time.Now(), false) {
					time.Sleep(tick)
				}
				s := h.waitSealed(rec.id)
				left, right := readWAV(t, s.Path)
				for _, pcm := range [][]int16{left, right} {
					wantRun(t, pcm, 0, 0, 580*160)
				}
				if len(s.Marks) != 0 {
					t.Errorf("marks: got %v, want none", s.Marks)
				}
			})
		})
	}
}
