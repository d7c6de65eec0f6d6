package simnet

import (
	"container/heap"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// flight is one datagram on its way.
type flight struct {
	at       time.Time
	seq      uint64
	from, to netip.AddrPort // the sockets, behind their NAT boxes
	seenFrom netip.AddrPort // the source that the receiver sees
	payload  []byte
}

var flightPool = sync.Pool{New: func() any { return new(flight) }}

func newFlight(b []byte) *flight {
	f := flightPool.Get().(*flight)
	f.payload = append(f.payload[:0], b...)
	return f
}

func freeFlight(f *flight) { flightPool.Put(f) }

// flights is a heap by arrival; ties go by addresses, then by order of sending,
// so that one flow stays in order and a race between flows decides nothing.
type flights []*flight

func (h flights) Len() int { return len(h) }
func (h flights) Less(i, j int) bool {
	a, b := h[i], h[j]
	if c := a.at.Compare(b.at); c != 0 {
		return c < 0
	}
	if c := a.from.Compare(b.from); c != 0 {
		return c < 0
	}
	if c := a.to.Compare(b.to); c != 0 {
		return c < 0
	}
	return a.seq < b.seq
}
func (h flights) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *flights) Push(x any)   { *h = append(*h, x.(*flight)) }
func (h *flights) Pop() any {
	old := *h
	f := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return f
}

// flow is the state of one direction between two sockets.
type flow struct {
	count uint64    // datagrams written: the position in its stream of chance
	last  time.Time // latest arrival promised: without a fault nothing overtakes

	rtp                 int
	firstRTP, lastRTP   time.Time
	firstType, lastType uint8
}

type flowKey struct{ from, to netip.AddrPort }

// Send puts a datagram on the wire as if the socket at from had written it; from
// need not exist. It forges sources: strangers, spoofed RTP, late duplicates.
func (n *Net) Send(from, to netip.AddrPort, b []byte) { n.send(from, to, b) }

func (n *Net) send(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.counts.Sent++
	now := time.Now()
	p := Packet{From: from, To: to, Payload: b, At: now, net: n}
	fl := n.flow(flowKey{from, to})
	fl.count++

	seenFrom, dst, ok := n.translate(from, to)
	fate := fate{delay: n.latency}
	if !n.reachable(from.Addr(), dst.Addr()) {
		fate.lost = true
	}
	if len(n.rules) > 0 {
		q, f := p, fate // these escape; without rules nothing does
		n.applyRules(&q, &f)
		p, fate = q, f
	}
	n.applyFaults(p, fl, &fate)
	n.observe(p, dst, fl, fate)
	switch {
	case fate.lost:
		n.counts.Lost++
		return
	case !ok:
		n.counts.Nobody++
		return
	}
	f := newFlight(p.Payload)
	n.seq++
	f.from, f.to, f.seenFrom, f.seq = from, dst, seenFrom, n.seq
	if fate.holder != nil {
		fate.holder.held = append(fate.holder.held, f)
		return
	}
	f.at = now.Add(fate.delay)
	if !fate.overtaken && f.at.Before(fl.last) {
		f.at = fl.last
	}
	if !fate.overtaken {
		fl.last = f.at
	}
	heap.Push(&n.flights, f)
	if fate.twice {
		d := newFlight(p.Payload)
		n.seq++
		d.from, d.to, d.seenFrom, d.seq, d.at = f.from, f.to, f.seenFrom, n.seq, f.at
		heap.Push(&n.flights, d)
	}
	n.arm()
}

func (n *Net) flow(k flowKey) *flow {
	f := n.flows[k]
	if f == nil {
		f = &flow{}
		n.flows[k] = f
	}
	return f
}

// arm sets the timer to the earliest arrival. The caller holds mu.
func (n *Net) arm() {
	if len(n.flights) == 0 || n.closed {
		return
	}
	at := n.flights[0].at
	if !n.wake.IsZero() && !at.Before(n.wake) {
		return
	}
	n.wake = at
	if n.timer == nil {
		n.timer = time.AfterFunc(time.Until(at), n.deliver)
		return
	}
	n.timer.Reset(time.Until(at))
}

// deliver hands over everything that has arrived.
func (n *Net) deliver() {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.wake = time.Time{}
	for len(n.flights) > 0 && !n.flights[0].at.After(now) {
		f := heap.Pop(&n.flights).(*flight)
		c := n.conns[f.to]
		switch {
		case !n.reachable(f.from.Addr(), f.to.Addr()):
			n.counts.Lost++
		case c == nil:
			n.counts.Nobody++
			if from := n.conns[f.from]; from != nil && n.refusals {
				from.refuse()
			}
		case !c.push(f):
			n.counts.Overflow++
		default:
			n.counts.Delivered++
			continue // the reader frees it
		}
		freeFlight(f)
	}
	n.arm()
}

// reachable is false across a cut and to or from an unplugged host.
func (n *Net) reachable(a, b netip.Addr) bool {
	return !n.unplugged[a] && !n.unplugged[b] && !n.cuts[[2]netip.Addr{a, b}]
}

// Unplug pulls the cable of a host: nothing leaves it, nothing reaches it, what
// is in flight is lost.
func (n *Net) Unplug(ip netip.Addr) { n.set(func() { n.unplugged[ip] = true }) }

// Plug puts the cable back.
func (n *Net) Plug(ip netip.Addr) { n.set(func() { delete(n.unplugged, ip) }) }

// Partition cuts the path between two hosts, both ways.
func (n *Net) Partition(a, b netip.Addr) {
	n.set(func() { n.cuts[[2]netip.Addr{a, b}], n.cuts[[2]netip.Addr{b, a}] = true, true })
}

// Heal mends the path between two hosts.
func (n *Net) Heal(a, b netip.Addr) {
	n.set(func() {
		delete(n.cuts, [2]netip.Addr{a, b})
		delete(n.cuts, [2]netip.Addr{b, a})
	})
}

func (n *Net) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

func sortAddrPorts(a []netip.AddrPort) {
	slices.SortFunc(a, netip.AddrPort.Compare)
}
