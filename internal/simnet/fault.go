package simnet

import (
	"container/heap"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Fault is chance on a direction: probabilities are 0 to 1. A zero From or To
// means every host. Several faults may cover one datagram; all apply.
type Fault struct {
	From, To netip.Addr
	Only     func(Packet) bool // nil: all; see Rule for what it may do

	Loss      float64
	Duplicate float64
	// Reorder holds a datagram back by ReorderBy (zero: 25 ms), so that later
	// ones overtake it. Delay and Jitter alone never change the order of a flow.
	Reorder   float64
	ReorderBy time.Duration
	Delay     time.Duration // added to the Net's latency
	Jitter    time.Duration // uniform in ±Jitter; arrival is never before sending
}

// SetFault puts f in force for its direction, in place of the one before with the
// same From, To and no Only; the zero Fault of a direction ends it.
func (n *Net) SetFault(f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = slices.DeleteFunc(n.faults, func(old Fault) bool {
		return old.From == f.From && old.To == f.To && (old.Only == nil) == (f.Only == nil)
	})
	if f.Loss != 0 || f.Duplicate != 0 || f.Reorder != 0 || f.Delay != 0 || f.Jitter != 0 {
		n.faults = append(n.faults, f)
	}
}

// fate is what becomes of one datagram.
type fate struct {
	lost      bool
	twice     bool
	overtaken bool // it does not hold up, and is not held up by, its flow
	delay     time.Duration
	holder    *Rule
	note      string
}

func (n *Net) applyFaults(p Packet, fl *flow, out *fate) {
	for i, f := range n.faults {
		if (f.From.IsValid() && f.From != p.From.Addr()) || (f.To.IsValid() && f.To != p.To.Addr()) ||
			(f.Only != nil && !f.Only(p)) {
			continue
		}
		r := n.chance(p, fl, i)
		// All numbers are drawn always: what one fault does with its luck does
		// not shift another's.
		loss, dup, reorder, jitter := r.Float64(), r.Float64(), r.Float64(), r.Float64()
		out.lost = out.lost || loss < f.Loss
		out.twice = out.twice || dup < f.Duplicate
		out.delay = max(0, out.delay+f.Delay+time.Duration((2*jitter-1)*float64(f.Jitter)))
		if reorder < f.Reorder {
			out.overtaken = true
			if out.delay += f.ReorderBy; f.ReorderBy == 0 {
				out.delay += 25 * time.Millisecond
			}
		}
	}
}

// chance is the stream of luck of one datagram under one fault.
func (n *Net) chance(p Packet, fl *flow, fault int) *rand.Rand {
	h := fnv.New64a()
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], n.seed)
	binary.BigEndian.PutUint64(b[8:], fl.count)
	binary.BigEndian.PutUint64(b[16:], uint64(fault))
	h.Write(b[:])
	for _, ap := range []netip.AddrPort{p.From, p.To} {
		ip := ap.Addr().As16()
		h.Write(ip[:])
		h.Write(binary.BigEndian.AppendUint16(nil, ap.Port()))
	}
	return rand.New(rand.NewPCG(n.seed, h.Sum64()))
}

// Rule is an exact fault: it acts on the datagrams that its match names, in the
// order sent. A match runs under the network's lock: it reads the Packet, counts
// if it likes, and calls nothing of the Net.
type Rule struct {
	net   *Net
	match func(Packet) bool
	act   func(*Packet, *fate)
	hits  int
	held  []*flight
}

func (n *Net) rule(match func(Packet) bool, act func(*Rule, *Packet, *fate)) *Rule {
	r := &Rule{net: n, match: match}
	r.act = func(p *Packet, f *fate) { act(r, p, f) }
	n.set(func() { n.rules = append(n.rules, r) })
	return r
}

// Drop loses what matches; the ladder shows it as (lost).
func (n *Net) Drop(match func(Packet) bool) *Rule {
	return n.rule(match, func(_ *Rule, _ *Packet, f *fate) { f.lost = true })
}

// Delay lets what matches arrive d later than it would; the rest of its flow may
// overtake it.
func (n *Net) Delay(match func(Packet) bool, d time.Duration) *Rule {
	return n.rule(match, func(_ *Rule, _ *Packet, f *fate) { f.delay += d; f.overtaken = true; f.note = "late" })
}

// Hold keeps what matches until Release or Remove.
func (n *Net) Hold(match func(Packet) bool) *Rule {
	return n.rule(match, func(r *Rule, _ *Packet, f *fate) { f.holder = r; f.note = "held" })
}

// Duplicate delivers what matches twice.
func (n *Net) Duplicate(match func(Packet) bool) *Rule {
	return n.rule(match, func(_ *Rule, _ *Packet, f *fate) { f.twice = true; f.note = "twice" })
}

// Change replaces the payload of what matches by what change returns; change
// must not modify the payload it is given.
func (n *Net) Change(match func(Packet) bool, change func(Packet) []byte) *Rule {
	return n.rule(match, func(_ *Rule, p *Packet, _ *fate) { p.Payload = change(*p) })
}

// Watch calls see for each match as it is sent, before faults; like a match it
// calls nothing of the Net and does not keep the payload.
func (n *Net) Watch(match func(Packet) bool, see func(Packet)) *Rule {
	return n.rule(match, func(_ *Rule, p *Packet, _ *fate) { see(*p) })
}

func (n *Net) applyRules(p *Packet, f *fate) {
	for _, r := range n.rules {
		if r.match == nil || r.match(*p) {
			r.hits++
			r.act(p, f)
		}
	}
}

// Hits counts the datagrams that the rule acted on.
func (r *Rule) Hits() int {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	return r.hits
}

// Release sends on what Hold kept, in order, with the usual latency; the rule
// stays in force.
func (r *Rule) Release() {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	at := time.Now().Add(r.net.latency)
	for _, f := range r.held {
		f.at = at
		heap.Push(&r.net.flights, f)
	}
	r.held = nil
	r.net.arm()
}

// Remove ends the rule and releases what it kept.
func (r *Rule) Remove() {
	r.Release()
	r.net.set(func() {
		r.net.rules = slices.DeleteFunc(r.net.rules, func(o *Rule) bool { return o == r })
	})
}
