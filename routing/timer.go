package routing

import (
	"cmp"
	"time"
)

// What a timer is the deadline of. At the same moment they pass in this order.
type timerKind uint8

const (
	timerOffer   timerKind = iota // a live offer: ring start, then ring
	timerWrapUp                   // an agent's wrap-up
	timerBackOff                  // an agent held back
	timerWork                     // a waiting work's first cool-down; an idle work's memory
	timerForget                   // an ended offer's memory
)

// timer is one deadline, embedded in what it belongs to. It is armed while it is in the heap.
type timer struct {
	at    time.Time
	kind  timerKind
	place int // in the heap, from 1; 0: not armed

	// Exactly one of these, as kind says.
	offer *offer
	agent *agent
	work  *work
}

func (t *timer) armed() bool { return t.place > 0 }

// until returns when an armed timer is due, else zero.
func (t *timer) until() time.Time {
	if !t.armed() {
		return time.Time{}
	}
	return t.at
}

// before orders timers totally, so that deadlines of one moment pass in an order that depends on the state alone.
func (t *timer) before(u *timer) bool {
	if c := t.at.Compare(u.at); c != 0 {
		return c < 0
	}
	if t.kind != u.kind {
		return t.kind < u.kind
	}
	switch t.kind {
	case timerOffer, timerForget:
		return t.offer.id < u.offer.id
	case timerWork:
		return cmp.Less(t.work.id, u.work.id)
	default:
		return t.agent.rank < u.agent.rank
	}
}

// timers is a binary heap of armed timers, the earliest first; stopping one takes it out.
type timers []*timer

func (h timers) next() *timer {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// set arms t, or moves it.
func (h *timers) set(t *timer, at time.Time) {
	t.at = at
	if !t.armed() {
		*h = append(*h, t)
		t.place = len(*h)
	}
	h.up(t.place - 1)
	h.down(t.place - 1)
}

// stop disarms t; a timer that is not armed stays so.
func (h *timers) stop(t *timer) {
	if !t.armed() {
		return
	}
	i, last := t.place-1, len(*h)-1
	moved := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.place = 0
	if i == last {
		return
	}
	(*h)[i] = moved
	moved.place = i + 1
	h.up(i)
	h.down(moved.place - 1)
}

func (h timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if right := child + 1; right < len(h) && h[right].before(h[child]) {
			child = right
		}
		if !h[child].before(h[i]) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h timers) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}
