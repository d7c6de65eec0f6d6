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
			c := changes[name]
			if err := forget(tx, []byte(name), c.forget); err != nil {
				return err
			}
			b, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			if name == bucketFacts || name == bucketRecords {
				b.FillPercent = 0.9 // keys come in order
			}
			if err := c.apply(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// forget deletes a bucket's keys up to last; "": none. As a rule that is all of
// them, which costs its pages; key by key, a cursor's First after each Delete
// walks over every page that was emptied before.
func forget(tx *bbolt.Tx, name []byte, last string) error {
	b := tx.Bucket(name)
	if last == "" || b == nil {
		return nil
	}
	if k, _ := b.Cursor().Last(); string(k) <= last {
		return tx.DeleteBucket(name)
	}
	var keys [][]byte
	cur := b.Cursor()
	for k, _ := cur.First(); k != nil && string(k) <= last; k, _ = cur.Next() {
		keys = append(keys, slices.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) apply(b *bbolt.Bucket) error {
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
