package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long another process may take to let go of a file.
const lockWait = time.Second

// files opens each file of the folder once: two handles of one process would
// lock each other out.
type files struct {
	dir string

	mu     sync.Mutex
	open   map[string]*file
	closed bool
}

// file is one bbolt file. Its lock is held for reading by those who use db,
// for writing by those who open, change or close it.
type file struct {
	name string

	mu       sync.RWMutex
	db       *bbolt.DB
	writable bool
	checked  bool // it was scanned
	gone     bool // removed or closed: get it anew
}

func newFiles(dir string) *files { return &files{dir: dir, open: make(map[string]*file)} }

func (fs *files) path(name string) string { return filepath.Join(fs.dir, name) }

// get returns the file's entry; it may not be open yet.
func (fs *files) get(name string) (*file, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return nil, ErrClosed
	}
	f := fs.open[name]
	if f == nil {
		f = &file{name: name}
		fs.open[name] = f
	}
	return f, nil
}

// update runs fn with the file open for writing, made if missing. Only the
// writer goroutine and Open use it.
func (fs *files) update(name string, fn func(*file) error) error {
	for {
		f, err := fs.get(name)
		if err != nil {
			return err
		}
		f.mu.RLock()
		ready, gone := f.db != nil && f.writable, f.gone
		if ready {
			defer f.mu.RUnlock()
			return fn(f)
		}
		f.mu.RUnlock()
		if gone {
			continue
		}
		if err := fs.reopen(f, true); err != nil {
			return err
		}
	}
}

// view runs fn with a transaction that sees the file as it is now. A file that
// is not there is skipped. A damaged page found by fn is ErrCorrupt.
func (fs *files) view(name string, fn func(tx *bbolt.Tx) error) error {
	for {
		f, err := fs.get(name)
		if err != nil {
			return err
		}
		f.mu.RLock()
		if f.db != nil {
			defer f.mu.RUnlock()
			err := guard(fs.path(name), func() error { return f.db.View(fn) })
			if errors.Is(err, errDecode) {
				return corrupt(fs.path(name), err)
			}
			return err
		}
		f.mu.RUnlock()
		if info, err := os.Stat(fs.path(name)); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
			return nil // not there, or its making was cut off
		}
		if err := fs.reopen(f, false); err != nil {
			return err
		}
	}
}

// reopen opens a file, or opens it again for writing. It is checked first.
func (fs *files) reopen(f *file, writable bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone || f.db != nil && (f.writable || !writable) {
		return nil // somebody else did
	}
	path := fs.path(f.name)
	if f.db != nil {
		err := f.db.Close()
		f.db = nil
		if err != nil {
			return err
		}
	}
	if writable && !f.checked {
		if err := check(path); err != nil {
			return err
		}
	}
	db, err := openDB(path, !writable)
	if err != nil {
		return err
	}
	f.db, f.writable, f.checked = db, writable, true
	return nil
}

// openDB opens a file. One that is only read is scanned once it is locked; one
// that is written must have been, by check.
func openDB(path string, readOnly bool) (db *bbolt.DB, err error) {
	err = guard(path, func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockWait, ReadOnly: readOnly, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
		})
		return explain(path, err)
	})
	if err != nil || !readOnly {
		return db, err
	}
	if err := scanFile(path); err != nil {
		return nil, errors.Join(corrupt(path, err), db.Close())
	}
	return db, nil
}

// check scans a file before bbolt opens it for writing.
func check(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	db, err := openDB(path, true)
	if err != nil {
		return err
	}
	return db.Close()
}

// guard turns the panics and memory faults of a damaged file into ErrCorrupt.
func guard(path string, fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = corrupt(path, fmt.Errorf("%v", p))
		}
	}()
	return fn()
}

func corrupt(path string, cause error) error {
	return fmt.Errorf("store %s is %w: %v; restore it from a backup, or move it away to start without what is in it", path, ErrCorrupt, cause)
}

// explain gives bbolt's errors a name and a cure.
func explain(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("store %s is %w%s; stop that one, or give this one another data_dir", path, ErrLocked, holder(path))
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch), strings.Contains(err.Error(), "file size too small"):
		return corrupt(path, err)
	}
	return fmt.Errorf("store: %w", err)
}

// months lists the files of a kind, oldest first.
func (fs *files) months(prefix string) ([]string, error) {
	all, err := os.ReadDir(fs.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if _, ok := monthOf(e.Name(), prefix); ok {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func monthOf(name, prefix string) (time.Time, bool) {
	text, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01.db", text)
	return t, err == nil
}

// removeBefore removes the files of the months that ended before a time, but
// never the newest.
func (fs *files) removeBefore(prefix string, before time.Time) (removed []string, err error) {
	names, err := fs.months(prefix)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	for _, name := range names[:len(names)-1] {
		if t, _ := monthOf(name, prefix); t.AddDate(0, 1, 0).After(before) {
			continue
		}
		if err := fs.remove(name); err != nil {
			return removed, err
		}
		removed = append(removed, name)
	}
	return removed, nil
}

func (fs *files) remove(name string) error {
	f, err := fs.get(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err = fs.drop(f)
	return errors.Join(err, os.Remove(fs.path(name)))
}

// drop closes a file and forgets its entry; its lock is held.
func (fs *files) drop(f *file) (err error) {
	if f.db != nil {
		err = f.db.Close()
		f.db = nil
	}
	f.gone = true
	fs.mu.Lock()
	if fs.open[f.name] == f {
		delete(fs.open, f.name)
	}
	fs.mu.Unlock()
	return err
}

func (fs *files) close() error {
	fs.mu.Lock()
	fs.closed = true
	var all []*file
	for _, f := range fs.open {
		all = append(all, f)
	}
	fs.mu.Unlock()
	var errs []error
	for _, f := range all {
		f.mu.Lock()
		errs = append(errs, fs.drop(f))
		f.mu.Unlock()
	}
	return errors.Join(errs...)
}
