package store

import (
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// apply writes one file's changes in one transaction. When it returns without
// an error they are on disk.
func (f *file) apply(changes map[string]*change) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			b, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			if name == bucketFacts || name == bucketRecords {
				b.FillPercent = 0.9 // keys come in order
			}
			if err := changes[name].apply(b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *change) apply(b *bbolt.Bucket) error {
	if c.forget != "" {
		cur := b.Cursor()
		for k, _ := cur.First(); k != nil && string(k) <= c.forget; k, _ = cur.First() {
			if err := cur.Delete(); err != nil {
				return err
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.put)) {
		v := c.put[k]
		var err error
		if v == nil {
			err = b.Delete([]byte(k))
		} else {
			err = b.Put([]byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
