package media

import "sync/atomic"

// order is something a shard is asked to do, at the time it gets to it.
type order struct {
	do   func(now int64)
	next *order
}

// orders is what is asked of a shard: a list that any goroutine pushes to and
// the shard takes whole, without a lock on either side.
type orders struct {
	newest atomic.Pointer[order]
}

// noMore stands in a list that takes no orders any longer.
var noMore = &order{}

// push adds an order, or returns false when the shard has ended.
func (o *orders) push(do func(now int64)) bool {
	n := &order{do: do}
	for {
		n.next = o.newest.Load()
		if n.next == noMore {
			return false
		}
		if o.newest.CompareAndSwap(n.next, n) {
			return true
		}
	}
}

// empty says whether take would return nothing.
func (o *orders) empty() bool { return o.newest.Load() == nil }

// take empties the list and returns its orders, the oldest first.
func (o *orders) take() *order { return reversed(o.newest.Swap(nil)) }

// end takes the last orders and refuses all that come later.
func (o *orders) end() *order { return reversed(o.newest.Swap(noMore)) }

func reversed(newest *order) *order {
	var first *order
	for newest != nil && newest != noMore {
		newest, newest.next, first = newest.next, first, newest
	}
	return first
}
