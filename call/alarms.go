package call

import (
	"container/heap"
	"time"
)

// alarms orders live calls by the next time that something of theirs is due.
type alarms struct{ calls alarmHeap }

// set gives a call its next alarm; zero takes it out.
func (a *alarms) set(c *liveCall, at time.Time) {
	if at.Equal(c.due) {
		return
	}
	in := !c.due.IsZero()
	c.due = at
	switch {
	case !in:
		heap.Push(&a.calls, c)
	case at.IsZero():
		heap.Remove(&a.calls, c.slot)
	default:
		heap.Fix(&a.calls, c.slot)
	}
}

func (a *alarms) next() (time.Time, bool) {
	if len(a.calls) == 0 {
		return time.Time{}, false
	}
	return a.calls[0].due, true
}

// due takes out the first call whose alarm has come, or gives nil.
func (a *alarms) due(now time.Time) *liveCall {
	if len(a.calls) == 0 || a.calls[0].due.After(now) {
		return nil
	}
	c := a.calls[0]
	a.set(c, time.Time{})
	return c
}

type alarmHeap []*liveCall

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}
func (h *alarmHeap) Push(x any) {
	c := x.(*liveCall)
	c.slot = len(*h)
	*h = append(*h, c)
}
func (h *alarmHeap) Pop() any {
	old := *h
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return c
}
