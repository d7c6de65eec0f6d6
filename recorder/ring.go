package recorder

import "sync/atomic"

// The ring's capacity in samples and packets, powers of two: four seconds at
// 8 kHz, packets of 10 ms or longer. The collector empties it every 200 ms; it
// holds what the kernel has kept while the machine stood still.
const (
	ringSamples = 32768
	ringPackets = 512
)

// kind is what was told.
type kind uint8

const (
	sound   kind = iota
	comfort      // a packet of comfort noise, and what that sounds like
	leaves       // a stream is not to be heard from now on
	returns      // it is
)

// heard is one packet's head; its samples lie in the ring from start on.
type heard struct {
	ssrc, ts uint32
	seq      uint16
	marker   bool
	kind     kind
	rate     int32 // of the samples
	n        int32 // samples
	at       int64 // unix ns
	start    uint64
}

// ring carries one side's packets from the shard that hears them to the
// collector. One producer, one consumer; neither waits.
type ring struct {
	// written by the producer
	head    atomic.Uint64 // packets pushed
	samples uint64        // samples pushed
	dropped atomic.Uint64 // packets that found it full

	// written by the consumer
	tail  atomic.Uint64 // packets taken
	freed atomic.Uint64 // samples taken

	packets [ringPackets]heard
	pcm     [ringSamples]int16
}

// push copies a packet in and returns false when there is no room.
func (r *ring) push(h heard, pcm []int16) bool {
	n := len(pcm)
	head := r.head.Load()
	if head-r.tail.Load() == ringPackets || r.samples+uint64(n)-r.freed.Load() > ringSamples {
		r.dropped.Add(1)
		return false
	}
	at := r.samples % ringSamples
	copied := copy(r.pcm[at:], pcm)
	copy(r.pcm[:], pcm[copied:])
	h.start, h.n = r.samples, int32(n)
	r.packets[head%ringPackets] = h
	r.samples += uint64(n)
	r.head.Store(head + 1)
	return true
}

// drain hands every packet to take in order. The two pieces of its samples
// (the second is empty unless it wraps) are valid during the call only.
func (r *ring) drain(take func(h heard, a, b []int16)) {
	head := r.head.Load()
	for tail := r.tail.Load(); tail != head; tail++ {
		h := r.packets[tail%ringPackets]
		from := h.start % ringSamples
		to := from + uint64(h.n)
		if to <= ringSamples {
			take(h, r.pcm[from:to], nil)
		} else {
			take(h, r.pcm[from:], r.pcm[:to-ringSamples])
		}
		r.freed.Store(h.start + uint64(h.n))
		r.tail.Store(tail + 1)
	}
}
