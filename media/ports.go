package media

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// quarantine is how long a closed pair rests, so that what its last peer still
// sends does not reach the next call.
const quarantine = 2 * time.Second

// portPair is an even RTP port; RTCP has the odd one above it (RFC 3550 §11).
type portPair struct {
	index int
	rtp   uint16
}

// portPool hands out the pairs of a range in turn, so that a pair rests as
// long as it can.
type portPool struct {
	first uint16 // even

	mu   sync.Mutex
	free []int64 // by pair: when it is free again, engine time; inUse while it is not
	next int
}

const inUse = int64(1<<63 - 1)

// newPortPool fails when the range holds no pair.
func newPortPool(low, high uint16) (*portPool, error) {
	first := int(low) + int(low)&1
	pairs := (int(high) - first + 1) / 2
	if low == 0 || pairs < 1 {
		return nil, fmt.Errorf("media: ports %d-%d hold no even/odd pair", low, high)
	}
	return &portPool{first: uint16(first), free: make([]int64, pairs)}, nil
}

// take reserves the next pair that is free at now.
func (p *portPool) take(now int64) (portPair, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.free {
		i := p.next
		if p.next++; p.next == len(p.free) {
			p.next = 0
		}
		if p.free[i] <= now {
			p.free[i] = inUse
			return portPair{index: i, rtp: p.first + uint16(2*i)}, true
		}
	}
	return portPair{}, false
}

// release puts a pair into quarantine.
func (p *portPool) release(pair portPair, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[pair.index] = now + int64(quarantine)
}

// open takes pairs until both ports of one can be bound. A pair that another
// process holds goes into quarantine and the next is tried.
func (p *portPool) open(w waiter, bind netip.Addr, clock func() int64) (pair portPair, rtp, rtcp *socket, err error) {
	for range p.free {
		now := clock()
		pair, ok := p.take(now)
		if !ok {
			break
		}
		rtp, err = w.open(netip.AddrPortFrom(bind, pair.rtp))
		if err == nil {
			if rtcp, err = w.open(netip.AddrPortFrom(bind, pair.rtp+1)); err == nil {
				return pair, rtp, rtcp, nil
			}
			w.discard(rtp)
		}
		p.release(pair, now)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return pair, nil, nil, fmt.Errorf("port %d: %w", pair.rtp, cured(err))
		}
	}
	return pair, nil, nil, fmt.Errorf("%w: all %d pairs of %d-%d are in use, rest for %v or are another program's; widen media.ports",
		ErrNoPorts, len(p.free), p.first, int(p.first)+2*len(p.free)-1, quarantine)
}
