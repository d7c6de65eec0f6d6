package media

import (
	"math"
	"time"
)

// verdict is what a jitter buffer says of a packet that has come.
type verdict uint8

const (
	leaves    verdict = iota // it is the next: it leaves at once, and pop may have more
	waits                    // something before it is missing: hold it
	duplicate                // it has come before
	late                     // its gap has been given up
	jumped                   // far from all others: kept by stray, until the next one confirms the jump
	restarts                 // the jump is confirmed: flush, then the stray and this one leave at once
	resumes                  // far ahead in number, in time as it should be: flush, give up, then it leaves at once
)

// jitterSlots is how far apart packets may be reordered; also how many are
// remembered to know duplicates.
const jitterSlots = 64

// mostDropped is the greatest hole in the numbers after which a source is
// still believed to be where it says (RFC 3550 §A.1, MAX_DROPOUT).
const mostDropped = 3000

// jitter puts packets into the order of their sequence numbers, and holds none
// longer than it must: what comes in order leaves at once, whatever the
// network does. Only behind a gap packets wait, until it is filled, or as long
// as a missing packet has been worth waiting for lately: patience, measured on
// those that were overtaken. A packet that was late itself waits less: none
// leaves later than reach behind the best, so that what the network has spread
// is not spread any further. It is pure: time is an argument, in nanoseconds.
//
// What leaves is in order, nothing leaves twice, and nothing is held longer
// than most.
type jitter struct {
	least, most int64 // bounds of the wait

	started bool
	next    uint16 // what leaves next
	seen    uint64 // bit i: next-1-i has left
	held    int
	top     uint16               // highest of the held
	slots   [jitterSlots]*packet // by sequence number

	stray *packet // what a jump began with

	line     tempo
	patience peak  // how long missing packets had to be waited for
	reach    peak  // how late overtaken packets were
	vain     uint8 // gaps in a row that nothing filled
	owed     bool  // the late one was counted as lost
	life     int   // numbers since the beginning, as far as that matters
	gapFrom  int64 // when the first packet behind the last gap that was given up came

	newest  int64  // when the last packet came
	back    int64  // when the source moved again after it had stood still
	seq     uint16 // of the last steady packet
	ts      uint32 // and its timestamp
	spacing int64  // of packets, by those in sequence
	paused  int64  // when the source last went on after a pause of its own; 0: never
	uneven  int64  // when a packet was last late by half a spacing; 0: never
}

// The wait before anything is known, and when nothing is being reordered.
const (
	firstWait = int64(50 * time.Millisecond)
	calmWait  = int64(40 * time.Millisecond)
	vainWait  = int64(20 * time.Millisecond) // after vainGaps of which nothing came
	vainGaps  = 32
	peakHalf  = int64(20 * time.Second)

	firstSpacing = int64(20 * time.Millisecond)
	mostSpacing  = int64(120 * time.Millisecond)
	backWait     = int64(10 * time.Millisecond) // after a standstill
	long         = int64(time.Minute)           // so long is known how a source goes
)

// peak is the greatest of what has been measured lately: it is halved each
// peakHalf in which nothing like it is seen again.
type peak struct {
	value, at int64
}

// now is the peak as it has decayed.
func (p *peak) now(now int64) int64 {
	if d := now - p.at; d > peakHalf/8 {
		steps := d / (peakHalf / 8)
		for range min(steps, 64) {
			p.value -= p.value / 12 // 8 steps: a half
		}
		p.at += steps * (peakHalf / 8)
	}
	return p.value
}

func (p *peak) note(v, now int64) {
	if v >= p.now(now) {
		p.value, p.at = v, now
	}
}

// init sets the bounds.
func (j *jitter) init(least, most int64) {
	j.least, j.most = least, most
	j.patience.value, j.reach.value = firstWait, firstWait
	j.spacing = firstSpacing
}

// pulse learns how the source goes: at which spacing its packets come, whether
// it pauses by itself, and whether it stood still: then they are late, else lost.
func (j *jitter) pulse(p *packet, excess, now int64) {
	if now-j.newest >= 2*j.spacing && excess >= j.spacing {
		j.back = now
	}
	if excess >= j.spacing/2 {
		j.uneven = now
	}
	j.newest = now
	if !p.steady {
		return
	}
	if step := int64(int32(p.ts-j.ts)) * perSampleN; p.seq == j.seq+1 && step > 0 {
		if step > 2*j.spacing {
			j.paused = now
		}
		if step <= mostSpacing {
			j.spacing = step
		}
	}
	j.seq, j.ts = p.seq, p.ts
}

// arrive judges a packet. After leaves, resumes and restarts it has left;
// after waits the caller calls hold.
func (j *jitter) arrive(p *packet, now int64) verdict {
	excess, anew := int64(0), false
	if p.steady {
		excess, anew = j.line.note(p.ts, now)
	}
	j.pulse(p, excess, now)
	if !j.started {
		j.start(p.seq)
		return leaves
	}
	switch d := int16(p.seq - j.next); {
	case d == 0:
		if j.held > 0 {
			j.overtaken(p.seq, excess, now)
		}
		j.step(true)
		return leaves
	case d > 0 && d < jitterSlots:
		if j.slots[p.seq%jitterSlots] != nil {
			return duplicate
		}
		if j.passed(p.seq) {
			j.overtaken(p.seq, excess, now)
		}
		return waits
	case d < 0 && d >= -jitterSlots:
		if j.seen>>(-d-1)&1 == 1 {
			return duplicate
		}
		j.seen |= 1 << (-d - 1)
		j.owed = int(-d) <= j.life
		j.vain = 0
		j.patience.note(now-j.gapFrom, now)
		j.reach.note(excess, now)
		return late
	case d > 0 && d < mostDropped && p.steady && !anew:
		return resumes
	}
	// RFC 3550 §A.1: two packets in sequence are a peer that began anew.
	if j.stray != nil && p.seq == j.stray.seq+1 {
		return restarts
	}
	return jumped
}

// passed says whether a packet that is held already follows seq.
func (j *jitter) passed(seq uint16) bool { return j.held > 0 && int16(seq-j.top) < 0 }

// overtaken learns from a packet that came after one that follows it: how long
// it had to be waited for.
func (j *jitter) overtaken(seq uint16, excess, now int64) {
	j.vain = 0
	j.patience.note(now-j.oldest(seq), now)
	j.reach.note(excess, now)
}

// oldest is when the first of the held packets behind a number came.
func (j *jitter) oldest(seq uint16) int64 {
	at := int64(math.MaxInt64)
	for n := seq; n != j.top; {
		n++
		if p := j.slots[n%jitterSlots]; p != nil && p.came < at {
			at = p.came
		}
	}
	return at
}

// start begins anew with seq, which leaves. Nothing may be held.
func (j *jitter) start(seq uint16) {
	j.started = true
	j.next, j.seen, j.life = seq, 0, 0
	j.step(true)
}

// forget drops the stream; what has been learned of the network stays. Nothing
// may be held.
func (j *jitter) forget() { j.started, j.line.known = false, false }

// step moves on by one; left says whether that one left or was given up.
func (j *jitter) step(left bool) {
	j.next++
	j.life = min(j.life+1, jitterSlots)
	j.seen <<= 1
	if left {
		j.seen |= 1
	}
}

// resume goes on after a hole with seq, which leaves, and returns how many are
// missing. Nothing may be held.
func (j *jitter) resume(seq uint16) (missing int) {
	missing = int(seq - j.next)
	j.next, j.seen, j.life = seq, 0, jitterSlots
	j.step(true)
	return missing
}

// hold keeps a packet that waits.
func (j *jitter) hold(p *packet) {
	if j.held == 0 || int16(p.seq-j.top) > 0 {
		j.top = p.seq
	}
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

// wait is how long a missing packet is worth waiting for.
func (j *jitter) wait(now int64) int64 {
	w := j.patience.now(now)
	w += w / 4 // the next may be later than any so far
	calm := calmWait
	if j.vain >= vainGaps {
		calm = vainWait
	}
	return min(max(w, calm, j.least), j.most)
}

// due returns when the gap before the first held packet is given up, or false
// when nothing waits.
func (j *jitter) due(now int64) (int64, bool) {
	if j.held == 0 {
		return 0, false
	}
	var first *packet
	for n := j.next; first == nil; n++ {
		first = j.slots[n%jitterSlots]
	}
	came := min(first.came, j.oldest(first.seq))
	at := came + j.wait(now)
	if j.line.known && first.steady {
		by := j.line.expected(first.ts) + max(j.reach.now(now), calmWait, j.least)
		at = min(at, max(by, first.came))
	}
	last := came + j.most
	if j.back >= came { // what is missing may be among what comes now
		at = max(at, j.back+backWait)
	}
	if at-j.newest >= 2*j.spacing && lately(j.uneven, now) && !lately(j.paused, now) {
		at = last // nothing has come meanwhile, unless it does
	}
	return min(at, last), true
}

// lately says whether something happened, and is still to be reckoned with.
func lately(at, now int64) bool { return at != 0 && now-at <= long }

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
	first := j.slots[j.next%jitterSlots]
	j.gapFrom = min(first.came, j.oldest(first.seq))
	if j.vain < vainGaps {
		j.vain++
	}
	return missing
}
