package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
)

// job is one thing for a disk to do for a recording; those of one recording
// are done in order.
type job struct {
	rec   *Recording
	verb  jobVerb
	at    int64   // write: the place of buf; note: the length so far, 0 if unchanged; seal: the length
	buf   *[]byte // write
	marks []Mark
	err   error // seal: a defect
}

type jobVerb uint8

const (
	jobMake jobVerb = iota
	jobWrite
	jobNote
	jobSeal
)

// disk is a goroutine that writes files.
type disk struct {
	rec  *Recorder
	wake chan struct{} // holds one

	mu       sync.Mutex
	jobs     []job
	doing    int
	finished bool
}

// track is the file of one recording, its disk goroutine's alone.
type track struct {
	f      file
	frames int64  // in the file, and in its header
	made   bool   // the file in the unsealed folder is ours
	rename bool   // it has no other name yet
	sound  bool   // there is some in it
	over   bool   // Sealed was emitted
	marks  []Mark // the latest
}

func (d *disk) add(j job) {
	d.mu.Lock()
	d.jobs = append(d.jobs, j)
	d.mu.Unlock()
	d.poke()
}

func (d *disk) finish() {
	d.mu.Lock()
	d.finished = true
	d.mu.Unlock()
	d.poke()
}

func (d *disk) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *disk) waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.jobs) + d.doing
}

func (d *disk) run() {
	for {
		d.mu.Lock()
		jobs, finished := d.jobs, d.finished
		d.jobs, d.doing = nil, len(jobs)
		d.mu.Unlock()
		for _, j := range jobs {
			d.do(j)
		}
		if len(jobs) > 0 {
			continue
		}
		if finished {
			return
		}
		<-d.wake
	}
}

// do does one job; a panic costs the recording.
func (d *disk) do(j job) {
	t := &j.rec.track
	defer func() {
		if p := recover(); p != nil {
			d.rec.log.Error("recording ended by a panic", "file", j.rec.path, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			if !t.over {
				d.over(j.rec, ErrDefect)
			}
		}
	}()
	if j.buf != nil {
		defer func() {
			j.rec.queued.Add(-int64(len(*j.buf)))
			buffers.Put(j.buf)
		}()
	}
	if t.over {
		return
	}
	if j.marks != nil {
		t.marks = j.marks
	}
	var err error
	switch j.verb {
	case jobMake:
		err = j.rec.begin()
	case jobWrite:
		err = j.rec.write(j.at, *j.buf)
	case jobNote:
		err = j.rec.note(j.at)
	case jobSeal:
		if err = j.rec.lengthen(j.at); err == nil {
			d.over(j.rec, j.err)
		}
	}
	if err != nil {
		j.rec.cut(err)
		d.over(j.rec, err)
	}
}

// begin makes the file in the unsealed folder and gives it its own name by a
// link, which refuses another's. No file is made only to be removed: ext4
// searches past every inode freed in the last 5 s when it makes one.
func (rec *Recording) begin() error {
	if rec.bad != nil {
		return rec.bad
	}
	if err := os.MkdirAll(filepath.Dir(rec.path), 0o700); err != nil {
		return err
	}
	t := &rec.track
	f, err := rec.owner.open(rec.marker())
	if err != nil {
		return err
	}
	t.f, t.made = f, true
	err = os.Link(rec.marker(), rec.path)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) { // a file system without links
		t.rename = true
		if _, err = os.Lstat(rec.path); err == nil {
			err = fs.ErrExist
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if errors.Is(err, fs.ErrExist) {
		t.f, t.made = nil, false
		return errors.Join(err, f.Close(), os.Remove(rec.marker()))
	}
	if err != nil {
		return err
	}
	return rec.head()
}

func (rec *Recording) marker() string {
	return filepath.Join(rec.owner.dir, unsealedDir, string(rec.id))
}

// head writes the header for the frames there are.
func (rec *Recording) head() error {
	h := header(rec.rate, rec.track.frames)
	_, err := rec.track.f.WriteAt(h[:], 0)
	return err
}

// write puts frames at their place, then says so in the header. Of a write
// that fails midway the whole frames count.
func (rec *Recording) write(at int64, b []byte) error {
	t := &rec.track
	if at+int64(len(b)/frameSize) > maxFrames {
		return ErrTooLong
	}
	t.sound = true
	n, err := t.f.WriteAt(b, headerSize+at*frameSize)
	if n >= frameSize {
		t.frames = at + int64(n/frameSize)
	}
	if err != nil {
		return err
	}
	return rec.head()
}

// note keeps the marks, and the length when it grew by silence.
func (rec *Recording) note(frames int64) error {
	t := &rec.track
	if frames > t.frames {
		if err := rec.lengthen(frames); err != nil {
			return err
		}
	}
	if len(t.marks) == 0 {
		return nil
	}
	return rec.sidecar(false, "")
}

// lengthen sets the file's length, by silence at its end or by a cut.
func (rec *Recording) lengthen(frames int64) error {
	t := &rec.track
	if frames > maxFrames {
		return ErrTooLong
	}
	if frames < t.frames { // the header never tells of more than there is
		t.frames = frames
		if err := rec.head(); err != nil {
			return err
		}
	}
	if err := t.f.Truncate(headerSize + frames*frameSize); err != nil {
		return err
	}
	t.frames = frames
	return rec.head()
}

// cut ends a file whose disk failed after the frames that are whole. What
// fails now has failed before: the header that is there stays valid.
func (rec *Recording) cut(cause error) {
	t := &rec.track
	end := rec.offset(t.frames)
	t.marks = append(t.marks[:len(t.marks):len(t.marks)], Mark{Kind: MarkCut, From: end, To: end, Why: cause.Error()})
	if t.f == nil {
		return
	}
	if err := t.f.Truncate(headerSize + t.frames*frameSize); err == nil {
		_ = rec.head()
	}
}

// over seals: file and sidecar to the disk, the name in the unsealed folder
// away, the event out. When the sidecar cannot be written that name stays, and
// the next start writes it.
func (d *disk) over(rec *Recording, err error) {
	t := &rec.track
	t.over = true
	rec.closed.Store(true)
	rec.failed.Store(true)
	done := Sealed{ID: rec.id, Path: rec.path, Duration: rec.offset(t.frames), Marks: t.marks}
	if t.f != nil {
		done.Bytes = headerSize + t.frames*frameSize
		if t.sound { // silence is not worth the wait
			err = errors.Join(err, t.f.Sync())
		}
		err = errors.Join(err, t.f.Close())
	}
	if t.made {
		var kept error
		if err != nil {
			kept = rec.sidecar(true, err.Error())
		} else if len(t.marks) > 0 {
			kept = rec.sidecar(true, "")
		}
		switch {
		case kept != nil:
			rec.owner.mu.Lock()
			rec.owner.stuck[rec.id] = true
			rec.owner.mu.Unlock()
		case t.rename:
			kept = os.Rename(rec.marker(), rec.path)
		default:
			kept = os.Remove(rec.marker())
		}
		err = errors.Join(err, kept)
	}
	if err != nil {
		done.Err = fmt.Errorf("recording %s: %w", rec.id, err)
	}
	rec.owner.emit(done)
}
