package simnet

import "net/netip"

// Box is a NAT in front of the hosts of a prefix. Mapping and filtering are
// address and port-dependent (RFC 4787 §4.1, §5), the strictest kind: each
// (inside socket, outside peer) pair gets a port of its own, and only that peer
// gets in by it.
type Box struct {
	net     *Net
	inside  netip.Prefix
	outside netip.Addr
	next    uint16
	out     map[flowKey]uint16 // (inside socket, peer) → port
	in      map[uint16]flowKey
}

// Nat puts a NAT box with one public address before the hosts of inside.
func (n *Net) Nat(inside netip.Prefix, outside netip.Addr) *Box {
	b := &Box{net: n, inside: inside, outside: outside, next: 40000, out: map[flowKey]uint16{}, in: map[uint16]flowKey{}}
	n.set(func() { n.boxes = append(n.boxes, b) })
	return b
}

// Rebind forgets every mapping, as a restarted router does: peers that still
// write to the old ports reach nobody, the inside shows up with new ones.
func (b *Box) Rebind() {
	b.net.set(func() {
		clear(b.out)
		clear(b.in)
	})
}

// translate returns the source that the receiver sees and the socket that really
// receives; false: a box refuses the datagram. The caller holds mu.
func (n *Net) translate(from, to netip.AddrPort) (seenFrom, dst netip.AddrPort, ok bool) {
	seenFrom, dst = from, to
	for _, b := range n.boxes {
		if b.inside.Contains(from.Addr()) && !b.inside.Contains(to.Addr()) {
			seenFrom = netip.AddrPortFrom(b.outside, b.mapping(from, to))
		}
	}
	for _, b := range n.boxes {
		switch {
		case b.outside == to.Addr():
			k, known := b.in[to.Port()]
			if !known || k.to != seenFrom {
				return seenFrom, to, false
			}
			dst = k.from
		case b.inside.Contains(to.Addr()) && !b.inside.Contains(from.Addr()):
			return seenFrom, to, false // a private address is not routed from outside
		}
	}
	return seenFrom, dst, true
}

func (b *Box) mapping(from, to netip.AddrPort) uint16 {
	k := flowKey{from, to}
	p, ok := b.out[k]
	if !ok {
		p = b.next
		b.next++
		b.out[k], b.in[p] = p, k
	}
	return p
}
