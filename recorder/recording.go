package recorder

import (
	"sync"
	"sync/atomic"
	"time"
)

// Recording is one recording in progress.
type Recording struct {
	// set by Start
	owner *Recorder
	disk  *disk
	id    ID
	path  string
	rate  int
	zero  time.Time // sample 0
	bad   error     // why it cannot be made at all

	rings  [2]atomic.Pointer[ring] // nil once the collector is done with it
	closed atomic.Bool             // no order is taken any more
	over   atomic.Bool             // no sound either
	failed atomic.Bool             // set by the disk goroutine: nothing more can be written
	queued atomic.Int64            // bytes that wait for the disk

	mu     sync.Mutex
	orders []order // from the switchboard to the collector

	line  line  // the collector's
	track track // the disk goroutine's
}

// order is a Pause, Resume or Close on its way to the collector.
type order struct {
	verb    verb
	at      time.Time
	by, why string
}

type verb uint8

const (
	pause verb = iota
	resume
	seal
)

// ID returns the recording's name.
func (rec *Recording) ID() ID { return rec.id }

// Path returns where the WAV file is or will be, below Config.Dir; empty if
// the ID was none.
func (rec *Recording) Path() string { return rec.path }

// Sound adds what one side said: side 0 is the caller, 1 the agent. ts is the
// RTP timestamp of the first sample at 8 kHz, seq and marker are the packet's,
// at its arrival in unix ns, rate that of the samples in Hz: 8000 or 16000. A
// packet without samples has nothing to be heard: it was not lost.
// Packets may come in any order and twice. Calls for one side must not overlap.
// It copies and returns: no lock, no allocation, no wait. Sound that finds the
// ring full, or has another rate, is counted and marked as a gap; after Close it
// is still taken for a moment (see afterword).
func (rec *Recording) Sound(side int, ssrc, ts uint32, seq uint16, marker bool, at int64, rate int, pcm []int16) {
	rec.tell(side, heard{ssrc: ssrc, ts: ts, seq: seq, marker: marker, at: at, rate: int32(rate)}, pcm)
}

// Comfort takes a packet of comfort noise (RFC 3389) in place of Sound: from ts
// on its sender is silent, and its background is like pcm, 100 ms at 8 kHz or
// less. What it does not send until its next Sound is filled with that.
func (rec *Recording) Comfort(side int, ssrc, ts uint32, seq uint16, at int64, pcm []int16) {
	rec.tell(side, heard{kind: comfort, ssrc: ssrc, ts: ts, seq: seq, at: at, rate: 8000}, pcm)
}

// Still tells, if on, that a stream is not to be heard from then on: what it does
// not send is silence, and not a pause in its talk. It ends with a Still that is
// not on. At is in unix ns.
func (rec *Recording) Still(side int, ssrc uint32, at int64, on bool) {
	k := returns
	if on {
		k = leaves
	}
	rec.tell(side, heard{kind: k, ssrc: ssrc, at: at, rate: 8000}, nil)
}

func (rec *Recording) tell(side int, h heard, pcm []int16) {
	if side < 0 || side > 1 || rec.over.Load() {
		return
	}
	r := rec.rings[side].Load()
	if r == nil {
		return
	}
	if h.rate != 8000 && h.rate != 16000 || len(pcm) > maxPacket {
		r.dropped.Add(1)
		return
	}
	r.push(h, pcm)
}

// Pause makes zeros of everything from at on, exactly to the sample, and
// marks it. It returns at once; pausing a paused recording changes nothing.
func (rec *Recording) Pause(at time.Time) { rec.PauseBy(at, "", "") }

// PauseBy is Pause with who paused and why, for the mark.
func (rec *Recording) PauseBy(at time.Time, by, why string) {
	rec.post(order{verb: pause, at: at, by: by, why: why})
}

// Resume ends a pause. It returns at once; without a pause it changes nothing.
func (rec *Recording) Resume(at time.Time) { rec.ResumeBy(at, "") }

// ResumeBy is Resume with who resumed, for the mark.
func (rec *Recording) ResumeBy(at time.Time, by string) {
	rec.post(order{verb: resume, at: at, by: by})
}

// Close ends the recording at this time. It returns at once; the recording is
// sealed by the recorder's goroutines, then the event Sealed comes. It is
// idempotent.
func (rec *Recording) Close(at time.Time) {
	if rec.closed.Swap(true) {
		return
	}
	rec.post(order{verb: seal, at: at})
}

func (rec *Recording) post(o order) {
	rec.mu.Lock()
	rec.orders = append(rec.orders, o)
	rec.mu.Unlock()
}

func (rec *Recording) takeOrders() []order {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	o := rec.orders
	rec.orders = nil
	return o
}

// at is the time's place on the time line, in samples.
func (rec *Recording) at(t time.Time) int64 {
	return int64(t.Sub(rec.zero)) * int64(rec.rate) / int64(time.Second)
}

// offset is a place on the time line as a duration.
func (rec *Recording) offset(pos int64) time.Duration {
	return time.Duration(pos * int64(time.Second) / int64(rec.rate))
}
