package recorder

import (
	"fmt"
	"runtime/debug"
	"time"
)

const (
	tick      = 200 * time.Millisecond
	maxQueued = 12                     // seconds of one recording that may wait for the disk: 10, and what is on its way
	afterword = 250 * time.Millisecond // after its end a recording still takes packets that were under way
	keepAlive = 10                     // seconds of silence after which the file's length is brought up to date
)

// collect owns every time line: it empties the rings and hands the disks what
// is ready. It ends when the recorder is closing and nothing is left.
func (r *Recorder) collect() {
	var live []*Recording
	t := time.NewTicker(tick)
	t.Stop()
	defer t.Stop()
	for {
		due := false
		select {
		case <-r.wake:
		case <-t.C:
			due = true
		}
		started, closing := r.takeStarted()
		if len(live) == 0 && len(started) > 0 {
			t.Reset(tick)
		}
		for _, rec := range started {
			rec.disk.add(job{rec: rec, verb: jobMake})
		}
		live = append(live, started...)
		if due || closing {
			live = r.step(live, closing)
		}
		if len(live) > 0 {
			continue
		}
		t.Stop()
		if closing {
			for _, d := range r.disks {
				d.finish()
			}
			return
		}
	}
}

func (r *Recorder) takeStarted() (started []*Recording, closing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	started, r.started = r.started, nil
	return started, r.closing.Load()
}

// step looks at every recording and returns those that go on.
func (r *Recorder) step(live []*Recording, closing bool) []*Recording {
	now := time.Now()
	keep := live[:0]
	for _, rec := range live {
		if closing {
			rec.Close(now)
		}
		if !r.look(rec, now, closing) {
			keep = append(keep, rec)
		}
	}
	clear(live[len(keep):])
	return keep
}

// look runs one recording's step; a panic costs that recording.
func (r *Recorder) look(rec *Recording, now time.Time, closing bool) (over bool) {
	defer func() {
		if over {
			rec.release()
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("recording ended by a panic", "file", rec.path, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			rec.closed.Store(true)
			rec.disk.add(job{rec: rec, verb: jobSeal, at: rec.line.base, marks: rec.line.marks, err: ErrDefect})
			over = true
		}
	}()
	if rec.failed.Load() {
		return true
	}
	return rec.collect(now, closing)
}

// release gives the memory of the sound back: what waits for a slow disk is
// then small.
func (rec *Recording) release() {
	for i := range rec.rings {
		rec.rings[i].Store(nil)
	}
	rec.line = line{}
}

// collect brings the time line up to date and returns true when the recording
// was handed over to be sealed; at once, or when nothing more is to be expected.
func (rec *Recording) collect(now time.Time, atOnce bool) (over bool) {
	l := &rec.line
	clock := rec.at(now)
	orders := rec.takeOrders() // before the rings: what was said before Close is in them
	rec.drain(clock)
	marked := false
	for _, o := range orders {
		at := min(max(rec.at(o.at), l.base), clock+l.rate)
		switch o.verb {
		case pause:
			marked = rec.pause(at, o) || marked
		case resume:
			marked = rec.resume(at, o) || marked
		case seal:
			l.ends, l.asked, l.closing = min(max(rec.at(o.at), 0), clock+l.rate), clock, true
		}
	}
	if l.closing && (atOnce || clock >= max(l.ends+l.samples(afterword), l.asked+l.samples(tick/2))) { // not in a stall's first look
		rec.over.Store(true)
		rec.drain(clock)
		rec.finish(l.ends, clock)
		return true
	}
	rec.advance(clock)
	if marked {
		rec.disk.add(job{rec: rec, verb: jobNote, marks: l.marks})
	}
	return false
}

// drain empties the rings into the lanes; what they had no room for is a gap.
func (rec *Recording) drain(clock int64) {
	l := &rec.line
	for side := range rec.rings {
		r := rec.rings[side].Load()
		r.drain(func(h heard, a, b []int16) {
			at := (h.at - rec.zero.UnixNano()) / 1000 * l.rate / 1e6
			l.hear(side, h, at, clock, a, b)
		})
		if n := r.dropped.Load(); n != l.lanes[side].dropped {
			l.lanes[side].dropped = n
			rec.gap(l.clock, clock, "sound came faster than it could be taken")
		}
	}
}

// advance places what has settled and takes out what is older than the
// horizon, tick by tick: after a stall the window would not hold it all. What a
// stream that stands still may yet say is not taken out.
func (rec *Recording) advance(clock int64) {
	l := &rec.line
	for at := l.clock; at < clock; {
		at = min(at+l.samples(tick), clock)
		rec.settle(at-l.samples(settle), clock)
		rec.takeTo(min(at-l.samples(horizon), l.standing(at)))
	}
	l.clock = clock
}

// settle places what arrived by then.
func (rec *Recording) settle(by, clock int64) {
	for side := range rec.line.lanes {
		if rec.line.place(side, by) > 0 {
			rec.gap(rec.line.clock, clock, "sound came too late")
		}
	}
}

// takeTo takes out the frames up to a place, and hands them to the disk
// chunk by chunk.
func (rec *Recording) takeTo(to int64) {
	l := &rec.line
	for l.base < to {
		next := min(to, l.base+l.samples(tick))
		l.goOn(next)
		l.take(next)
		if l.base-l.outFrom >= l.samples(chunk) {
			rec.hand()
		}
	}
}

func (rec *Recording) gap(from, to int64, why string) {
	rec.line.marks = withGap(rec.line.marks, Mark{Kind: MarkGap, From: rec.offset(max(0, from)), To: rec.offset(max(0, to)), Why: why})
}

func (rec *Recording) pause(at int64, o order) bool {
	l := &rec.line
	if n := len(l.pauses); n > 0 && l.pauses[n-1].to == forever {
		return false
	}
	l.pauses = append(l.pauses, span{at, forever})
	l.marks = append(l.marks[:len(l.marks):len(l.marks)], Mark{Kind: MarkPause, From: rec.offset(at), To: rec.offset(at), By: o.by, Why: o.why})
	return true
}

func (rec *Recording) resume(at int64, o order) bool {
	l := &rec.line
	n := len(l.pauses)
	if n == 0 || l.pauses[n-1].to != forever {
		return false
	}
	at = max(at, l.pauses[n-1].from)
	l.pauses[n-1].to = at
	l.marks = endPause(l.marks, rec.offset(at), o.by)
	return true
}

// finish places everything, hands it over up to the end and asks for the
// seal. Sound that began before the end is kept whole, up to a frame of 20 ms.
func (rec *Recording) finish(end, clock int64) {
	l := &rec.line
	rec.advance(clock)
	rec.settle(forever, clock)
	end = max(end, min(l.end, end+l.rate/50))
	if n := len(l.pauses); n > 0 && l.pauses[n-1].to == forever {
		l.marks = endPause(l.marks, rec.offset(end), "")
	}
	rec.takeTo(end)
	if l.out != nil {
		rec.hand()
	}
	rec.disk.add(job{rec: rec, verb: jobSeal, at: end, marks: l.marks})
}

// hand gives the disk what was taken out. Silence is not written: the file
// has a hole there. If too much waits for the disk already, it is dropped and
// marked.
func (rec *Recording) hand() {
	l := &rec.line
	buf, from, to := l.out, l.outFrom, l.base
	l.out = nil
	switch {
	case !l.sound:
		buffers.Put(buf)
		if every := keepAlive * l.rate; from/every != to/every {
			rec.disk.add(job{rec: rec, verb: jobNote, at: to, marks: l.marks})
		}
	case rec.queued.Load()+int64(len(*buf)) > maxQueued*l.rate*frameSize:
		buffers.Put(buf)
		rec.gap(from, to, "the disk is too slow")
	default:
		rec.queued.Add(int64(len(*buf)))
		rec.disk.add(job{rec: rec, verb: jobWrite, at: from, buf: buf, marks: l.marks})
	}
}
