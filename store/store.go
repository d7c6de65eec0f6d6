package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"trunkline/call"
)

// Errors of Open.
var (
	ErrLocked = errors.New("in use by another process")
	ErrNewer  = errors.New("written by a newer trunkline")
)

// Errors of Open and of reading.
var ErrCorrupt = errors.New("damaged")

// Errors of Sync and Close.
var (
	ErrLost   = errors.New("entries were lost")
	ErrClosed = errors.New("store is closed")
)

// ErrNotFound is Record's when there is no such record.
var ErrNotFound = errors.New("no such record")

// Options is what a Store can be told.
type Options struct {
	Records   time.Duration // retention of call records; 0: for ever
	Facts     time.Duration // retention of facts; 0: for ever
	MaxQueued int           // entries; 0: 250,000
	Log       *slog.Logger  // nil: slog.Default
}

// Stats counts since Open.
type Stats struct {
	Queued   int    // entries that wait for the disk
	Written  uint64 // entries on disk
	Lost     uint64 // entries dropped: the queue was full, or they could not be encoded
	Commits  uint64 // batches written
	Failures uint64 // attempts to write a batch that failed
	Swept    uint64 // files removed by retention
}

// Store is the data folder's journal and records.
type Store struct {
	opt   Options
	log   *slog.Logger
	files *files
	// commit writes one file's part of a batch; tests put failing disks here.
	commit func(f *file, fn func(f *file) error) error

	wake chan struct{} // to the writer; holds one
	jobs chan job      // to the writer: what nobody else may write meanwhile
	quit chan struct{} // closed by Close
	done chan struct{} // closed when the writer has ended

	mu       sync.Mutex
	queue    []call.Entry
	appended uint64 // entries ever appended, lost ones included
	settled  uint64 // of those, on disk or lost
	waiters  []waiter
	lastErr  error // of the last attempt to write
	stats    Stats
	closed   bool
}

// waiter is a Sync that waits until so many entries are settled.
type waiter struct {
	upto uint64
	done chan struct{}
}

// Open opens the data folder, making what is missing, and starts the writer.
// It reads hot.db whole to check it. Its errors name the file and the cure;
// ErrLocked, ErrCorrupt and ErrNewer are among them. It waits up to a second
// for another process to let go.
func Open(dir string, o Options) (*Store, error) {
	s, err := newStore(dir, o)
	if err != nil {
		return nil, err
	}
	go s.write()
	return s, nil
}

func newStore(dir string, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxQueued == 0 {
		o.MaxQueued = 250_000
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	fs := newFiles(dir)
	if err := fs.openHot(); err != nil {
		return nil, errors.Join(err, fs.close())
	}
	return &Store{
		opt: o, log: o.Log, files: fs, commit: func(f *file, fn func(*file) error) error { return fn(f) },
		wake: make(chan struct{}, 1), jobs: make(chan job), quit: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

// Append hands entries to the journal, in order, and returns at once. What
// they hold must not be changed afterwards. They are on disk when a later
// Sync has returned without an error. After Close they are lost, and counted.
func (s *Store) Append(entries ...call.Entry) {
	if len(entries) == 0 {
		return
	}
	s.mu.Lock()
	for _, e := range entries {
		s.appended++
		if s.closed || s.full(e) {
			s.stats.Lost++
			s.settled++
			continue
		}
		s.queue = append(s.queue, e)
	}
	s.mu.Unlock()
	s.poke()
}

// full tells whether there is no room for an entry. The last room is kept for
// what a later entry does not make up for.
func (s *Store) full(e call.Entry) bool {
	if len(s.queue) < s.opt.MaxQueued {
		return false
	}
	switch e.(type) {
	case call.Fact, call.RouterEvent, call.Opened:
		return true
	}
	return len(s.queue) >= 2*s.opt.MaxQueued
}

// Sync waits until everything appended before it is on disk. It returns
// ErrLost if some of what was ever appended never will be, and ctx's error,
// with the disk's if that is why, when ctx ends first.
func (s *Store) Sync(ctx context.Context) error {
	s.mu.Lock()
	w := waiter{upto: s.appended, done: make(chan struct{})}
	if s.settled >= w.upto {
		err := s.lost()
		s.mu.Unlock()
		return err
	}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	s.poke()
	select {
	case <-w.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lost()
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		return errors.Join(ctx.Err(), s.lastErr)
	}
}

// lost is Sync's error; the lock is held.
func (s *Store) lost() error {
	if s.stats.Lost > 0 {
		return fmt.Errorf("%w: %d since the start", ErrLost, s.stats.Lost)
	}
	return nil
}

// Stats returns the counters as they are now.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Queued = int(s.appended - s.settled)
	return st
}

// Close writes what is queued and closes the files. With a disk that fails it
// gives up after 5 s and returns ErrLost with the disk's error. It is
// idempotent and safe beside everything else.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.quit)
	}
	s.mu.Unlock()
	<-s.done
	err := s.files.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if lost := s.lost(); lost != nil {
		err = errors.Join(lost, s.lastErr, err)
	}
	return err
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
