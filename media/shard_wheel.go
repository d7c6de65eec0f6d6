package media

import "math/bits"

// A wheel holds what a shard has to do at a moment, in slots of 1 ms. Nothing
// is due more than wheelSlots slots ahead.
type wheel struct {
	slots [wheelSlots]*timer
	used  [wheelSlots / 64]uint64 // a bit a slot
	turn  int64                   // the slot up to which everything has been taken
}

const (
	wheelSlots = 256
	slot       = int64(1_000_000) // ns
)

// timer is one entry of a wheel. Its owner may set it again when it has fired,
// or at any time.
type timer struct {
	owner *Session
	fire  func(due, now int64) // set once, by the owner

	due        int64 // ns; what the owner asked for
	at         int64 // the slot it is in, counted from 0
	set        bool
	prev, next *timer
}

// arm has t fire at due, or as soon as possible when that is past. A timer
// that is set is moved.
func (w *wheel) arm(t *timer, due int64) {
	w.disarm(t)
	at := (due + slot - 1) / slot
	at = min(max(at, w.turn+1), w.turn+wheelSlots-1)
	t.due, t.at, t.set = due, at, true
	i := at % wheelSlots
	t.prev, t.next = nil, w.slots[i]
	if t.next != nil {
		t.next.prev = t
	}
	w.slots[i] = t
	w.used[i/64] |= 1 << (i % 64)
}

// disarm takes t out, if it is set.
func (w *wheel) disarm(t *timer) {
	if !t.set {
		return
	}
	i := t.at % wheelSlots
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[i] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.set = nil, nil, false
	if w.slots[i] == nil {
		w.used[i/64] &^= 1 << (i % 64)
	}
}

// next returns when the next timer is due, or false.
func (w *wheel) next() (at int64, ok bool) {
	start := (w.turn + 1) % wheelSlots
	for i := range int64(len(w.used) + 1) {
		word := (start/64 + i) % int64(len(w.used))
		bitsLeft := w.used[word]
		switch i {
		case 0:
			bitsLeft &= ^uint64(0) << (start % 64)
		case int64(len(w.used)):
			bitsLeft &= 1<<(start%64) - 1
		}
		if bitsLeft == 0 {
			continue
		}
		found := word*64 + int64(bits.TrailingZeros64(bitsLeft))
		return (w.turn + 1 + (found-start+wheelSlots)%wheelSlots) * slot, true
	}
	return 0, false
}

// advance turns the wheel to now, or to just before the first timer that is due.
func (w *wheel) advance(now int64) {
	to := now / slot
	if at, ok := w.next(); ok {
		to = min(to, at/slot-1)
	}
	w.turn = max(w.turn, to)
}

// pop takes one timer that is due at now, the earliest slot first, or nil when
// there is none.
func (w *wheel) pop(now int64) *timer {
	w.advance(now)
	if w.turn >= now/slot {
		return nil
	}
	t := w.slots[(w.turn+1)%wheelSlots]
	w.disarm(t)
	return t
}
