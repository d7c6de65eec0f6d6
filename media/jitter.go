package media

// verdict is what a jitter buffer says of a sequence number that has come.
type verdict uint8

const (
	leaves    verdict = iota // it is the next: it leaves at once, and pop may have more
	waits                    // something before it is missing: hold it
	duplicate                // it has come before
	late                     // its gap has been given up
	jumped                   // far from all others: dropped, until the next one confirms the jump
	restarts                 // the jump is confirmed: flush, then this one leaves at once
)

// jitterSlots is how far apart packets may be reordered; also how many are
// remembered to know duplicates.
const jitterSlots = 64

// jitter puts packets into the order of their sequence numbers. What comes in
// order leaves at once; behind a gap packets wait, until it is filled or the
// first of them has waited for depth: then the gap is given up. It is pure:
// time is an argument, in nanoseconds.
//
// What leaves is in order, and nothing leaves twice.
type jitter struct {
	depth int64

	started bool
	next    uint16 // what leaves next
	seen    uint64 // bit i: next-1-i has left
	held    int
	slots   [jitterSlots]*packet // by sequence number

	astray   uint16 // what would confirm a jump
	straying bool
}

// arrive judges a sequence number. After leaves and restarts the packet has
// left; after waits the caller calls hold.
func (j *jitter) arrive(seq uint16) verdict {
	if !j.started {
		j.start(seq)
		return leaves
	}
	switch d := int16(seq - j.next); {
	case d == 0:
		j.straying = false
		j.step(true)
		return leaves
	case d > 0 && d < jitterSlots:
		if j.slots[seq%jitterSlots] != nil {
			return duplicate
		}
		return waits
	case d < 0 && d >= -jitterSlots:
		if j.seen>>(-d-1)&1 == 1 {
			return duplicate
		}
		return late
	}
	// RFC 3550 §A.1: two packets in sequence are a peer that began anew.
	if !j.straying || seq != j.astray {
		j.straying, j.astray = true, seq+1
		return jumped
	}
	return restarts
}

// start begins anew with seq, which leaves. Nothing may be held.
func (j *jitter) start(seq uint16) {
	j.started, j.straying = true, false
	j.next, j.seen = seq, 0
	j.step(true)
}

// step moves on by one; left says whether that one left or was given up.
func (j *jitter) step(left bool) {
	j.next++
	j.seen <<= 1
	if left {
		j.seen |= 1
	}
}

// hold keeps a packet that waits.
func (j *jitter) hold(p *packet) {
	j.slots[p.seq%jitterSlots] = p
	j.held++
}

// pop returns the next packet if it has been waiting, else nil.
func (j *jitter) pop() *packet {
	if j.held == 0 {
		return nil
	}
	p := j.slots[j.next%jitterSlots]
	if p != nil {
		j.slots[j.next%jitterSlots] = nil
		j.held--
		j.step(true)
	}
	return p
}

// due returns when the gap before the first held packet is given up, or false
// when nothing waits.
func (j *jitter) due() (int64, bool) {
	if j.held == 0 {
		return 0, false
	}
	for i := uint16(0); i < jitterSlots; i++ {
		if p := j.slots[(j.next+i)%jitterSlots]; p != nil {
			return p.came + j.depth, true
		}
	}
	return 0, false
}

// skip gives up the gap before the first held packet and returns how many are
// missing. pop has the packets behind it.
func (j *jitter) skip() (missing int) {
	if j.held == 0 {
		return 0
	}
	for j.slots[j.next%jitterSlots] == nil {
		j.step(false)
		missing++
	}
	return missing
}
