package store

import (
	"time"

	"go.etcd.io/bbolt"

	"trunkline/call"
)

// FactsBetween hands over the facts of [from, to), in the order of their
// numbers within each month, until take's error, which it returns.
func (s *Store) FactsBetween(from, to time.Time, take func(call.Fact) error) error {
	names, err := s.files.months(factsPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if t, _ := monthOf(name, factsPrefix); t.After(to) || t.AddDate(0, 1, 0).Before(from) {
			continue
		}
		err := s.files.view(name, func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucketFacts))
			if b == nil {
				return nil
			}
			return b.ForEach(func(_, v []byte) error {
				var f call.Fact
				if err := decode(v, &f); err != nil {
					return err
				}
				if f.At.Before(from) || !f.At.Before(to) {
					return nil
				}
				return take(f)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
