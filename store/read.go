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
	Also     []desk.ContactID // that have become Contact
	Caller   desk.Number
	Limit    int // 0: 100

	Team      routing.TeamID
	Flow      routing.FlowID
	Direction string          // inbound, or a call.Direction
	Number    string          // digits within the caller's or the dialled number, or a transfer's
	Tag       string          // however its letters are written
	Note      string          // within a note or the caller's name, however its letters are written
	Outcome   routing.Outcome // of one of its offers
	Cause     call.Cause      // of its end
	Answered  *bool           // it was joined with an agent or a number; nil: either
	Recorded  bool            // only those with recordings
	Until     time.Time       // when to stop looking; zero: at the end
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
	all, _, err := s.Search(f)
	return all, err
}

// Search is Records, and says where to go on: Before of the next page, "" if
// there is none. Calls that begin meanwhile do not move the pages. Where Until
// comes before a page is full, the page is what was found by then.
func (s *Store) Search(f Filter) (all []call.Record, next call.ID, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	names, err := s.files.months(recordsPrefix)
	if err != nil {
		return nil, "", err
	}
	slices.Reverse(names)
	w := f.ready()
	for _, name := range names {
		if t, _ := monthOf(name, recordsPrefix); !f.To.IsZero() && t.After(f.To) || !f.From.IsZero() && t.AddDate(0, 1, 1).Before(f.From) {
			continue
		}
		err := s.files.view(name, func(tx *bbolt.Tx) error {
			return w.walkBack(tx, func(r call.Record) bool {
				all = append(all, r)
				return len(all) <= limit
			})
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return all, "", err
		}
	}
	switch {
	case len(all) > limit: // one more than was wanted: there is a next page
		all = all[:limit]
		return all, all[limit-1].ID, nil
	case w.late:
		return all, w.at, nil
	}
	return all, "", nil
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
