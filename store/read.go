package store

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
)

// Filter says which records are wanted; its zero value means the newest 100.
type Filter struct {
	Before   call.ID   // only older than this one, to turn the page; "": from the newest
	From, To time.Time // only calls that began in [From, To); zero: unbounded
	Trunk    sip.TrunkID
	Agent    routing.AgentID // one of the agents it was offered to or who talked
	Contact  desk.ContactID
	Caller   desk.Number
	Limit    int // 0: 100
}

// Record returns a call's final record, or ErrNotFound. Calls in progress
// have none.
func (s *Store) Record(id call.ID) (call.Record, error) {
	names, err := s.files.months(recordsPrefix)
	if err != nil {
		return call.Record{}, err
	}
	likely := recordsPrefix + recordMonth(id, time.Time{})
	slices.SortFunc(names, func(x, y string) int { // the likely one, then newest first
		if (x == likely) != (y == likely) {
			if x == likely {
				return -1
			}
			return 1
		}
		return cmp.Compare(y, x)
	})
	if len(names) > 0 && names[0] == likely {
		names = names[:1] // an id that is a ULID lies nowhere else
	}
	for _, name := range names {
		var r call.Record
		found := false
		err := s.files.view(name, func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucketRecords))
			if b == nil {
				return nil
			}
			v := b.Get([]byte(id))
			if found = v != nil; !found {
				return nil
			}
			return decode(v, &r)
		})
		if err != nil || found {
			return r, err
		}
	}
	return call.Record{}, ErrNotFound
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// Records returns the records that pass the filter, newest first by their
// ids. A file that cannot be read ends the list with its error; what came
// before it is returned too.
func (s *Store) Records(f Filter) ([]call.Record, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	names, err := s.files.months(recordsPrefix)
	if err != nil {
		return nil, err
	}
	slices.Reverse(names)
	var all []call.Record
	for _, name := range names {
		err := s.files.view(name, func(tx *bbolt.Tx) error {
			return walkBack(tx, f, func(r call.Record) bool {
				all = append(all, r)
				return len(all) < limit
			})
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// walkBack hands over a file's records that pass, newest first.
func walkBack(tx *bbolt.Tx, f Filter, take func(call.Record) bool) error {
	b := tx.Bucket([]byte(bucketRecords))
	if b == nil {
		return nil
	}
	c := b.Cursor()
	k, v := c.Last()
	if f.Before != "" {
		if k, v = c.Seek([]byte(f.Before)); k == nil {
			k, v = c.Last()
		}
	}
	for ; k != nil; k, v = c.Prev() {
		if f.Before != "" && string(k) >= string(f.Before) {
			continue
		}
		var r call.Record
		if err := decode(v, &r); err != nil {
			return err
		}
		if f.passes(&r) && !take(r) {
			return errEnough
		}
	}
	return nil
}

func (f *Filter) passes(r *call.Record) bool {
	switch {
	case !f.From.IsZero() && r.Initiated.Before(f.From),
		!f.To.IsZero() && !r.Initiated.Before(f.To),
		f.Trunk != "" && r.Trunk != f.Trunk,
		f.Contact != "" && r.Contact != f.Contact,
		f.Caller != "" && r.Caller != f.Caller:
		return false
	case f.Agent == "":
		return true
	}
	return slices.ContainsFunc(r.Offers, func(o call.Offered) bool { return o.Agent == f.Agent }) ||
		slices.ContainsFunc(r.Segments, func(s call.Segment) bool { return s.Agent == f.Agent })
}

// Facts returns up to max facts with numbers greater than after, in order.
// Facts removed by retention are skipped.
func (s *Store) Facts(after uint64, max int) ([]call.Fact, error) {
	names, err := s.files.months(factsPrefix)
	if err != nil || max <= 0 {
		return nil, err
	}
	var all []call.Fact
	for _, name := range names {
		n := 0
		err := s.files.view(name, func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucketFacts))
			if b == nil {
				return nil
			}
			c := b.Cursor()
			for k, v := c.Seek([]byte(seqKey(after + 1))); k != nil && n < max; k, v = c.Next() {
				var fact call.Fact
				if err := decode(v, &fact); err != nil {
					return err
				}
				all = append(all, fact)
				n++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	// A clock that was set back puts facts into an older month than their
	// numbers tell, so the files overlap.
	slices.SortFunc(all, func(x, y call.Fact) int { return cmp.Compare(x.Seq, y.Seq) })
	return all[:min(len(all), max)], nil
}
