package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
)

// compactFrom is the size from which hot.db is rewritten at start when most of
// it is free: bbolt files never shrink by themselves.
const compactFrom = 16 << 20

// openHot opens hot.db, after compacting it when it pays, and checks its
// format.
func (fs *files) openHot() error {
	if err := fs.compact(); err != nil {
		return err
	}
	return fs.update(hotName, func(f *file) error {
		return guard(fs.path(hotName), func() error {
			known := false
			err := f.db.View(func(tx *bbolt.Tx) (err error) {
				known, err = checkFormat(fs.path(hotName), tx)
				return err
			})
			if err != nil || known {
				return err
			}
			return f.apply(map[string]*change{bucketMeta: {put: map[string][]byte{keyFormat: []byte(strconv.Itoa(format))}}})
		})
	})
}

// checkFormat refuses what a newer version wrote; known is false for a file
// that nobody has written yet.
func checkFormat(path string, tx *bbolt.Tx) (known bool, err error) {
	b := tx.Bucket([]byte(bucketMeta))
	if b == nil {
		return false, nil
	}
	v := b.Get([]byte(keyFormat))
	if v == nil {
		return false, nil
	}
	if n, err := strconv.Atoi(string(v)); err != nil || n > format {
		return true, fmt.Errorf("store %s was %w (format %s, this one knows %d): use that one", path, ErrNewer, v, format)
	}
	return true, nil
}

// compact rewrites hot.db into a new file when less than a quarter of it is
// in use. The old file stays until the new one is whole.
func (fs *files) compact() error {
	path := fs.path(hotName)
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() < compactFrom {
		return nil // the opening tells what is wrong
	}
	if err := check(path); err != nil {
		return err
	}
	from, err := openDB(path, true)
	if err != nil {
		return err
	}
	used := 0
	err = from.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			s := b.Stats()
			used += s.LeafInuse + s.BranchInuse
			return nil
		})
	})
	if err != nil || int64(used)*4 > info.Size() {
		return errors.Join(err, from.Close())
	}
	to, err := bbolt.Open(part, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return errors.Join(err, from.Close())
	}
	if err := errors.Join(bbolt.Compact(to, from, 1<<20), to.Sync(), to.Close(), from.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// Load returns what start needs, as it is on disk. A call whose final record
// is there is not among the open ones, but among the unsealed if a recording of
// it is. Router events end where one is missing.
func (s *Store) Load() (call.Boot, error) {
	var boot call.Boot
	err := s.files.view(hotName, func(tx *bbolt.Tx) error {
		return errors.Join(
			loadRouter(tx, &boot),
			each(tx, bucketOpen, func(_ []byte, r call.Record) { boot.Open = append(boot.Open, r) }),
			each(tx, bucketBindings, func(_ []byte, b []sip.Binding) { boot.Bindings = append(boot.Bindings, b...) }),
			each(tx, bucketSpent, func(_ []byte, row call.Spent) { boot.Spent = append(boot.Spent, row) }),
			each(tx, bucketCallbacks, func(_ []byte, c routing.Callback) { boot.Callbacks = append(boot.Callbacks, c) }),
			each(tx, bucketMessages, func(_ []byte, m call.Message) { boot.Messages = append(boot.Messages, m) }),
			each(tx, bucketWrong, func(_ []byte, row call.WrongCodes) { boot.WrongCodes = append(boot.WrongCodes, row) }),
			each(tx, bucketSpoken, func(_ []byte, row call.Spoke) { boot.Spoken = append(boot.Spoken, row) }),
			each(tx, bucketDays, func(_ []byte, row call.TeamDay) { boot.Days = append(boot.Days, row) }),
			each(tx, bucketContacts, func(_ []byte, c desk.Contact) { boot.Contacts = append(boot.Contacts, c) }),
			each(tx, bucketErasing, func(_ []byte, e call.Erasure) { boot.Erasing = append(boot.Erasing, e) }),
		)
	})
	if err != nil {
		return call.Boot{}, err
	}
	open := boot.Open[:0]
	for _, r := range boot.Open {
		final, err := s.Record(r.ID)
		switch {
		case err == nil && final.Unsealed():
			boot.Unsealed = append(boot.Unsealed, final)
		case errors.Is(err, ErrNotFound):
			open = append(open, r)
		case err != nil:
			return call.Boot{}, err
		}
	}
	boot.Open = open
	// A batch's files are written before hot.db: one that is done there is done.
	boot.Callbacks = slices.DeleteFunc(boot.Callbacks, func(c routing.Callback) bool {
		_, done, _ := s.doneCallback(c.ID)
		return done
	})
	if len(boot.Callbacks) == 0 {
		boot.Callbacks = nil
	}
	if boot.FactSeq, err = s.lastFact(); err != nil {
		return boot, err
	}
	return boot, s.mend(&boot)
}

// mend completes what the crash cut in two: a batch's facts are on disk before
// its records and its calls in progress. The calls of the last batch that have
// an end told and no record are in Ended; those that only arrived are open.
func (s *Store) mend(boot *call.Boot) error {
	facts, err := s.Facts(boot.FactSeq-min(boot.FactSeq, maxBatch), maxBatch)
	if err != nil {
		return err
	}
	open := make(map[call.ID]bool, len(boot.Open))
	for _, r := range boot.Open {
		open[r.ID] = true
	}
	for _, f := range facts {
		switch {
		case f.Kind == call.FactArrived && !open[f.Call]:
			_, err := s.Record(f.Call)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err != nil {
				open[f.Call] = true
				boot.Open = append(boot.Open, call.Arrived(f))
			}
		case f.Kind == call.FactEnded && f.Ending != nil && open[f.Call]:
			boot.Ended = append(boot.Ended, f)
		}
	}
	return nil
}

// loadRouter reads the snapshot and the events after it.
func loadRouter(tx *bbolt.Tx, boot *call.Boot) error {
	for _, name := range []string{bucketRouter, bucketMeta} { // meta: where it was once
		b := tx.Bucket([]byte(name))
		if b == nil || boot.Router != nil {
			continue
		}
		if v := b.Get([]byte(keyRouter)); v != nil {
			boot.Router = new(call.RouterSnapshot)
			if err := decode(v, boot.Router); err != nil {
				return err
			}
			boot.RouterSeq = boot.Router.Seq
		}
	}
	// Without a snapshot the journal begins with event 1. RouterSeq is the last
	// number used, also when what lies between was lost.
	next := boot.RouterSeq + 1
	return each(tx, bucketEvents, func(_ []byte, e call.RouterEvent) {
		if e.Seq == next {
			boot.RouterEvents = append(boot.RouterEvents, e)
			next++
		}
		boot.RouterSeq = max(boot.RouterSeq, e.Seq)
	})
}

// lastFact is the greatest number used: hot.db's note of it, or the newest
// file's, which was written before.
func (s *Store) lastFact() (last uint64, err error) {
	err = s.files.view(hotName, func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(bucketMeta)); b != nil {
			last = keySeq(b.Get([]byte(keyFacts)))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	names, err := s.files.months(factsPrefix)
	if err != nil || len(names) == 0 {
		return last, err
	}
	err = s.files.view(names[len(names)-1], func(tx *bbolt.Tx) error {
		if b := tx.Bucket([]byte(bucketFacts)); b != nil {
			k, _ := b.Cursor().Last()
			last = max(last, keySeq(k))
		}
		return nil
	})
	return last, err
}

// each decodes every value of a bucket, in the order of keys.
func each[T any](tx *bbolt.Tx, bucket string, fn func(key []byte, value T)) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, v []byte) error {
		var t T
		if err := decode(v, &t); err != nil {
			return fmt.Errorf("%s %q: %w", bucket, k, err)
		}
		fn(k, t)
		return nil
	})
}

// errDecode is a value that is not what was put there.
var errDecode = errors.New("not readable")

func decode(v []byte, into any) error {
	if err := json.Unmarshal(v, into); err != nil {
		return fmt.Errorf("%w: %v", errDecode, err)
	}
	return nil
}
