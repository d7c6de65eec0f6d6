package api

import (
	"context"
	"sync"
)

// goingAway is what pages are told at a stop.
const goingAway = "the switch stops"

// sockets are those that are open, so that a stop can wait for them.
type sockets struct {
	mu    sync.Mutex
	all   map[*tab]context.CancelFunc
	ended bool
	open  sync.WaitGroup
}

// enter notes a socket until leave; false: it is too late.
func (x *sockets) enter(p *tab, hangUp context.CancelFunc) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return false
	}
	if x.all == nil {
		x.all = map[*tab]context.CancelFunc{}
	}
	x.all[p] = hangUp
	x.open.Add(1)
	return true
}

func (x *sockets) leave(p *tab) {
	x.mu.Lock()
	delete(x.all, p)
	x.mu.Unlock()
	x.open.Done()
}

// end waits until all have said goodbye; after ctx it hangs up on those that do not answer.
func (x *sockets) end(ctx context.Context) {
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		for _, hangUp := range x.all {
			hangUp() // which ends a Close that waits for an answer, too: CloseNow does not
		}
	})
	defer stop()
	x.open.Wait()
}
