package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
)

// ID names a recording: a ULID's text, ours.
type ID string

// NewID returns a fresh ID.
func NewID(now time.Time) ID {
	return ID(ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String())
}

// Errors of a Sealed event; those of the disk are wrapped as they come
// (syscall.ENOSPC for a full one).
var (
	ErrBadID   = errors.New("recording's id is not a ULID")
	ErrClosed  = errors.New("recorder is closed")
	ErrTooLong = errors.New("recording reached the 4 GiB of a WAV file")
	ErrDefect  = errors.New("recording ended by a defect")
)

// ErrBusy is Close's when recordings could not be sealed in time.
var ErrBusy = errors.New("recordings could not be sealed in time")

// Config is what a Recorder needs.
type Config struct {
	Dir  string        // made if missing
	Keep time.Duration // retention: days that ended longer ago are removed; 0: for ever
	Emit func(Event)   // required; called on a goroutine of the recorder's, must not block
	Log  *slog.Logger  // nil: slog.Default

	Transcribing Transcribing
}

// Event is what became of a recording.
type Event interface{ event() }

// Sealed says that a recording is on disk and will not change. It comes
// exactly once for each Start, also when nothing could be written.
type Sealed struct {
	ID       ID
	Path     string
	Duration time.Duration
	Bytes    int64 // of the WAV file
	Marks    []Mark
	Err      error // why it ended before Close; the file is valid up to there
}

func (Sealed) event() {}

// Recorder writes recordings into one folder.
type Recorder struct {
	dir  string
	keep time.Duration
	emit func(Event)
	log  *slog.Logger
	open func(path string) (file, error) // os.OpenFile, exclusively; tests put failing disks here

	wake  chan struct{} // to the collector; holds one
	disks [4]*disk
	done  sync.WaitGroup // collector, disks, retention, scribe

	scribe *scribe

	closing atomic.Bool
	quit    chan struct{} // closed with closing
	stopped chan struct{} // closed when all goroutines have ended

	mu      sync.Mutex
	started []*Recording // not yet seen by the collector
	next    int          // counts recordings, to spread them over the disks
	stuck   map[ID]bool  // over, and their names in the unsealed folder could not be removed

	usage sync.Mutex // guards used
	used  Usage      // the last count of the folder
}

// file is the part of os.File that the disk goroutines use.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Open makes the folder if it is missing, repairs the recordings that a crash
// left unsealed and names them, and starts the recorder's goroutines. Its
// errors name the folder. It reads the disk and may take as long as that.
func Open(c Config) (*Recorder, []Repaired, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, unsealedDir), 0o700); err != nil {
		return nil, nil, fmt.Errorf("recordings folder: %w", err)
	}
	repaired, err := repair(c.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("recordings folder %s: %w", c.Dir, err)
	}
	r := newRecorder(c)
	if err := r.scribe.load(); err != nil {
		return nil, nil, fmt.Errorf("recordings folder %s: %w", c.Dir, err)
	}
	r.start()
	return r, repaired, nil
}

func newRecorder(c Config) *Recorder {
	r := &Recorder{
		dir: c.Dir, keep: c.Keep, emit: c.Emit, log: c.Log, open: create,
		stuck: map[ID]bool{}, wake: make(chan struct{}, 1), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	for i := range r.disks {
		r.disks[i] = &disk{rec: r, wake: make(chan struct{}, 1)}
	}
	r.scribe = newScribe(r, c.Transcribing)
	return r
}

func create(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

func (r *Recorder) start() {
	r.done.Go(r.collect)
	for _, d := range r.disks {
		r.done.Go(d.run)
	}
	if r.keep > 0 {
		r.done.Go(r.retire)
	}
	r.done.Go(r.scribe.run)
	go func() {
		r.done.Wait()
		close(r.stopped)
	}()
}

// StartConfig is what a recording needs.
type StartConfig struct {
	ID   ID
	Rate int       // of the file, in Hz; 0: 8000
	At   time.Time // sample 0; about now
}

// Start begins a recording. It never blocks and never fails: the file is made
// by a goroutine of the recorder's, and an error is the recording's Sealed
// event.
func (r *Recorder) Start(c StartConfig) *Recording {
	if c.Rate == 0 {
		c.Rate = 8000
	}
	now := time.Now()
	if d := now.Sub(c.At); d > 5*time.Second || d < -5*time.Second {
		c.At = now // a time that is not about now would make hours of silence
	}
	rec := &Recording{owner: r, id: c.ID, rate: c.Rate, zero: c.At}
	rec.line.rate = int64(c.Rate)
	for i := range rec.rings {
		rec.rings[i].Store(new(ring))
	}
	if id, err := ulid.ParseStrict(string(c.ID)); err != nil {
		rec.bad = fmt.Errorf("%w: %q", ErrBadID, c.ID)
	} else {
		rec.path = wavPath(r.dir, id)
	}
	r.mu.Lock()
	rec.disk = r.disks[r.next%len(r.disks)]
	r.next++
	late := r.closing.Load()
	if !late {
		r.started = append(r.started, rec)
	}
	r.mu.Unlock()
	if late {
		rec.closed.Store(true)
		r.emit(Sealed{ID: c.ID, Path: rec.path, Err: ErrClosed})
		return rec
	}
	r.poke()
	return rec
}

// Close ends every recording now and waits until they are sealed, at most
// 10 s; then ErrBusy says how many were not. It is idempotent.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if !r.closing.Swap(true) {
		close(r.quit)
	}
	r.mu.Unlock()
	r.poke()
	bound := time.NewTimer(10 * time.Second)
	defer bound.Stop()
	select {
	case <-r.stopped:
		return nil
	case <-bound.C:
		n := 0
		for _, d := range r.disks {
			n += d.waiting()
		}
		return fmt.Errorf("%w: %d writes wait for the disk of %s", ErrBusy, n, r.dir)
	}
}

func (r *Recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
