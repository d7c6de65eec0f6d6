package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"go.etcd.io/bbolt"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
)

// job is done by the writer, between its batches.
type job struct {
	do   func() error
	done chan error // holds one
}

// exclusively runs f as the writer and waits for it.
func (s *Store) exclusively(ctx context.Context, f func() error) error {
	j := job{done: make(chan error, 1), do: func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic while erasing: %v\n%s", p, debug.Stack())
			}
		}()
		return f()
	}}
	select {
	case s.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return ErrClosed
	}
	return <-j.done // at most a file's work: it cannot be left half done
}

// Erase deletes the records of the calls of a contact, and its numbers from
// those of others. before is called with each record first, to delete what
// the record names; its error ends Erase. What was deleted is overwritten on
// the disk: in a bbolt file it would lie in free pages until they are used
// again. It returns how many records there were, and may be repeated. Calls
// and the journal go on meanwhile, a file at a time waits for it.
func (s *Store) Erase(ctx context.Context, e call.Erasure, before func(call.Record) error) (calls int, err error) {
	if err := errors.Join(ctx.Err(), s.Sync(ctx)); err != nil && !errors.Is(err, ErrLost) {
		return 0, err
	}
	names, err := s.files.months(recordsPrefix)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := s.eraseIn(ctx, name, e, before)
		calls += n
		if err != nil {
			return calls, fmt.Errorf("%s: %w", name, err)
		}
	}
	return calls, s.erasePromises(ctx, e)
}

// erasePromises is Erase of callbacks that are done, and of messages.
func (s *Store) erasePromises(ctx context.Context, e call.Erasure) error {
	names, err := s.files.months(promisePrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := s.eraseFrom(ctx, name, bucketCallbacks, func(v []byte) (bool, error) {
			var c routing.Callback
			err := decode(v, &c)
			return e.Names(desk.ContactID(c.Contact), desk.Number(c.Number)), err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return s.eraseFrom(ctx, hotName, bucketMessages, func(v []byte) (bool, error) {
		var m call.Message
		err := decode(v, &m)
		return e.Names(m.Contact, m.Caller), err
	})
}

// eraseFrom deletes a bucket's values that are the contact's.
func (s *Store) eraseFrom(ctx context.Context, name, bucket string, is func([]byte) (bool, error)) error {
	changes := &change{put: map[string][]byte{}}
	err := s.files.view(name, func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			yes, err := is(v)
			if yes {
				changes.put[string(k)] = nil
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return s.change(ctx, name, bucket, changes) // also without any: the journal may have dropped them, and that overwrites nothing
}

// change makes changes to a bucket and overwrites what was there.
func (s *Store) change(ctx context.Context, name, bucket string, changes *change) error {
	if len(changes.put) > 0 {
		err := s.exclusively(ctx, func() error {
			return s.files.update(name, func(f *file) error {
				return s.commit(f, func(f *file) error { return f.apply(map[string]*change{bucket: changes}) })
			})
		})
		if err != nil {
			return err
		}
	}
	return s.scrub(ctx, name)
}

// Scrub overwrites what was deleted from hot.db, where contacts are and notes
// of their deletion.
func (s *Store) Scrub(ctx context.Context) error {
	if err := s.Sync(ctx); err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	return s.scrub(ctx, hotName)
}

// eraseIn is Erase of one file.
func (s *Store) eraseIn(ctx context.Context, name string, e call.Erasure, before func(call.Record) error) (calls int, err error) {
	changes := &change{put: map[string][]byte{}}
	var theirs []call.Record
	err = s.files.view(name, func(tx *bbolt.Tx) error {
		return mentioned(tx, e, func(k []byte, r call.Record) error {
			if e.Is(&r) {
				theirs = append(theirs, r)
				changes.put[string(k)] = nil
				return nil
			}
			if !e.Redact(&r) {
				return nil
			}
			text, err := json.Marshal(r)
			changes.put[string(k)] = text
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	for _, r := range theirs {
		if err := before(r); err != nil {
			return 0, err
		}
	}
	if len(changes.put) == 0 && !e.Again {
		return 0, nil
	}
	return len(theirs), s.change(ctx, name, bucketRecords, changes)
}

// mentioned hands over a file's records that mention a contact or its numbers.
func mentioned(tx *bbolt.Tx, e call.Erasure, f func([]byte, call.Record) error) error {
	b := tx.Bucket([]byte(bucketRecords))
	if b == nil {
		return nil
	}
	var words [][]byte
	for _, id := range append(slices.Clip(e.Merged), e.Contact) {
		words = append(words, []byte(id))
	}
	if len(e.Numbers) > 0 { // others' records that may have them, in any way of writing
		words = append(words, []byte(`"diversion":`), []byte(`"transfers":`))
	}
	for _, n := range e.Numbers {
		words = append(words, bytes.TrimPrefix([]byte(n), []byte("+")))
	}
	return b.ForEach(func(k, v []byte) error {
		if !slices.ContainsFunc(words, func(w []byte) bool { return bytes.Contains(v, w) }) {
			return nil
		}
		var r call.Record
		if err := decode(v, &r); err != nil {
			return err
		}
		return f(k, r)
	})
}

// scrub overwrites with zeros the pages of a file that nothing leads to.
// bbolt writes a changed page to another place; what was there stays.
func (s *Store) scrub(ctx context.Context, name string) error {
	return s.exclusively(ctx, func() error {
		f, err := s.files.get(name)
		if err != nil {
			return err
		}
		f.mu.Lock() // nobody reads what is not reachable any more
		defer f.mu.Unlock()
		return scrubFile(s.files.path(name))
	})
}

func scrubFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s := &scan{f: f, seen: make(map[uint64]bool)}
	return errors.Join(s.scrub(f), f.Close())
}

// scrub scans the file, which must be sound, and overwrites the rest.
func (s *scan) scrub(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	root, err := s.heads()
	if err != nil {
		return err
	}
	if err := errors.Join(s.page(root, 0, bounds{}), s.free()); err != nil {
		return err
	}
	zero := make([]byte, 64*s.pageSize)
	for id := uint64(2); id < s.pages; {
		if s.seen[id] {
			id++
			continue
		}
		n := uint64(1)
		for n < 64 && id+n < s.pages && !s.seen[id+n] {
			n++
		}
		if _, err := f.WriteAt(zero[:int64(n)*s.pageSize], int64(id)*s.pageSize); err != nil {
			return err
		}
		id += n
	}
	return f.Sync()
}
