package store

import (
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"trunkline/call"
	"trunkline/routing"
)

// CallbackFilter says which callbacks are wanted; its zero value means the newest 100.
type CallbackFilter struct {
	State    routing.CallbackState // "": any
	Last     routing.CallbackMark  // the last event; "": any
	Team     routing.TeamID
	Agent    routing.AgentID // assigned to, or who called
	Number   string
	From, To time.Time          // first asked for in [From, To); zero: unbounded
	Before   routing.CallbackID // only older than this one, to turn the page
	Limit    int                // 0: 100
}

// Passes says whether a callback is one of those wanted, Limit aside.
func (f CallbackFilter) Passes(c *routing.Callback) bool {
	switch {
	case f.State != "" && c.State != f.State,
		f.Last != "" && c.Last().Mark != f.Last,
		f.Team != "" && c.Team != f.Team,
		f.Number != "" && c.Number != f.Number,
		!f.From.IsZero() && c.First.Before(f.From),
		!f.To.IsZero() && !c.First.Before(f.To),
		f.Before != "" && c.ID >= f.Before:
		return false
	case f.Agent == "" || c.Agent == f.Agent:
		return true
	}
	return slices.ContainsFunc(c.Attempts, func(a routing.CallbackAttempt) bool { return a.Agent == f.Agent })
}

// Callbacks returns those that pass the filter, the newest first. A file that cannot be read ends the list with its error.
func (s *Store) Callbacks(f CallbackFilter) ([]routing.Callback, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	names, err := s.files.months(promisePrefix)
	if err != nil {
		return nil, err
	}
	slices.Reverse(names)
	done, all := map[routing.CallbackID]bool{}, []routing.Callback(nil)
	for _, name := range names {
		err := s.files.view(name, func(tx *bbolt.Tx) error {
			return each(tx, bucketCallbacks, func(_ []byte, c routing.Callback) {
				if done[c.ID] = true; f.Passes(&c) {
					all = append(all, c)
				}
			})
		})
		if err != nil {
			return all, err
		}
	}
	err = s.files.view(hotName, func(tx *bbolt.Tx) error {
		return each(tx, bucketCallbacks, func(_ []byte, c routing.Callback) {
			if !done[c.ID] && f.Passes(&c) {
				all = append(all, c)
			}
		})
	})
	slices.SortFunc(all, func(c, d routing.Callback) int { return strings.Compare(string(d.ID), string(c.ID)) })
	return all[:min(len(all), f.Limit)], err
}

// Callback returns one callback as it is on disk, or ErrNotFound.
func (s *Store) Callback(id routing.CallbackID) (routing.Callback, error) {
	c, found, err := s.doneCallback(id)
	if err == nil && !found {
		err = s.files.view(hotName, func(tx *bbolt.Tx) error {
			found, err = one(tx, bucketCallbacks, string(id), &c)
			return err
		})
	}
	if err == nil && !found {
		err = ErrNotFound
	}
	return c, err
}

// doneCallback finds one that is done.
func (s *Store) doneCallback(id routing.CallbackID) (c routing.Callback, found bool, err error) {
	name := promisePrefix + recordMonth(call.ID(id), time.Time{})
	names, err := s.files.months(promisePrefix)
	if err != nil || !slices.Contains(names, name) {
		return c, false, err
	}
	err = s.files.view(name, func(tx *bbolt.Tx) error {
		found, err = one(tx, bucketCallbacks, string(id), &c)
		return err
	})
	return c, found, err
}

// one decodes a value of a bucket; false: it is not there.
func one(tx *bbolt.Tx, bucket, key string, into any) (bool, error) {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return false, nil
	}
	v := b.Get([]byte(key))
	if v == nil {
		return false, nil
	}
	return true, decode(v, into)
}
