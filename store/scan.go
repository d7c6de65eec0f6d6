package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
)

// The layout of a bbolt file, version 2: pages with a head of 16 bytes; two
// heads of the file on pages 0 and 1; trees of branch and leaf pages whose
// elements have heads of 16 bytes each.
const (
	pageHead    = 16
	elementHead = 16
	metaSize    = 64
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	branchPage  = 0x01
	leafPage    = 0x02
	freePage    = 0x10
	noFreelist  = math.MaxUint64
	bucketValue = 0x01 // flag of a leaf element that is a bucket
	maxDepth    = 64   // of pages below a bucket; a tree of 4 KB pages never comes near
)

var order = binary.NativeEndian

// scan reads every page that a file's trees reach and tells what is wrong
// with the first that is. bbolt trusts its pages: on a damaged one it panics
// in a goroutine of its own, reads past the end of the file, or goes round in
// circles. The file must not be written meanwhile.
type scan struct {
	f        io.ReaderAt
	size     int64
	pageSize int64
	pages    uint64 // below this number
	freelist uint64 // its page
	seen     map[uint64]bool
}

func scanFile(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s := &scan{f: f, size: info.Size(), seen: make(map[uint64]bool)}
	root, err := s.heads()
	if err != nil {
		return err
	}
	if err := s.page(root, 0, bounds{}); err != nil {
		return err
	}
	return s.free()
}

// bounds is what a page's keys must lie in: from, and before; nil is open.
type bounds struct{ from, before []byte }

// heads reads the file's heads and returns the root's page by the newer one
// that is valid.
func (s *scan) heads() (root uint64, err error) {
	var txid uint64
	found := false
	for _, at := range []int64{0, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		var m [metaSize]byte
		if _, err := s.f.ReadAt(m[:], at+pageHead); err != nil {
			continue // shorter than that
		}
		sum := fnv.New64a()
		sum.Write(m[:56])
		size := int64(order.Uint32(m[8:]))
		if order.Uint32(m[0:]) != metaMagic || order.Uint32(m[4:]) != metaVersion || order.Uint64(m[56:]) != sum.Sum64() || at != 0 && at != size {
			continue
		}
		if id := order.Uint64(m[48:]); !found || id > txid {
			found, txid = true, id
			root, s.freelist, s.pages, s.pageSize = order.Uint64(m[16:]), order.Uint64(m[32:]), order.Uint64(m[40:]), size
		}
	}
	switch {
	case !found:
		return 0, errors.New("neither of its heads is valid")
	case s.pages > uint64(s.size/s.pageSize):
		return 0, fmt.Errorf("it has %d bytes and should have %d pages of %d", s.size, s.pages, s.pageSize)
	}
	return root, nil
}

// page checks a page and all below it.
func (s *scan) page(id uint64, depth int, in bounds) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d lies too deep", id)
	}
	b, err := s.read(id)
	if err != nil {
		return err
	}
	if err := s.elements(b, depth, in); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// read returns a page with its overflow, which nothing else may use.
func (s *scan) read(id uint64) ([]byte, error) {
	if id < 2 || id >= s.pages {
		return nil, fmt.Errorf("page %d is used and cannot be", id)
	}
	b := make([]byte, s.pageSize)
	if _, err := s.f.ReadAt(b, int64(id)*s.pageSize); err != nil {
		return nil, err
	}
	overflow := uint64(order.Uint32(b[12:]))
	if order.Uint64(b) != id || overflow >= s.pages-id {
		return nil, fmt.Errorf("page %d has a wrong head", id)
	}
	for n := id; n <= id+overflow; n++ {
		if s.seen[n] {
			return nil, fmt.Errorf("page %d is used twice", n)
		}
		s.seen[n] = true
	}
	if overflow == 0 {
		return b, nil
	}
	b = make([]byte, int64(overflow+1)*s.pageSize)
	_, err := s.f.ReadAt(b, int64(id)*s.pageSize)
	return b, err
}

// free checks the list of free pages. Ours is never written (NoFreelistSync),
// but a new file begins with an empty one.
func (s *scan) free() error {
	if s.freelist == noFreelist {
		return nil
	}
	b, err := s.read(s.freelist)
	if err != nil {
		return fmt.Errorf("free pages: %w", err)
	}
	count, ids := uint64(order.Uint16(b[10:])), b[pageHead:]
	if count == 0xFFFF { // more than fit into the head
		count, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(b[8:]) != freePage || count > uint64(len(ids)/8) {
		return errors.New("free pages: not a list of them")
	}
	for i := range count {
		if id := order.Uint64(ids[i*8:]); id < 2 || id >= s.pages || s.seen[id] {
			return fmt.Errorf("free pages: page %d is none", id)
		}
	}
	return nil
}

// elements checks what is on a page; the page may lie within a value.
func (s *scan) elements(b []byte, depth int, in bounds) error {
	if len(b) < pageHead {
		return errors.New("too short")
	}
	kind, count := order.Uint16(b[8:]), int(order.Uint16(b[10:]))
	if kind != branchPage && kind != leafPage || pageHead+count*elementHead > len(b) || kind == branchPage && count == 0 {
		return errors.New("not a page of a tree")
	}
	keys, err := keysOf(b, kind, count, in)
	if err != nil {
		return err
	}
	for i, key := range keys {
		e := b[pageHead+i*elementHead:]
		if kind == branchPage {
			below := bounds{key, in.before}
			if i+1 < count {
				below.before = keys[i+1]
			}
			if err := s.page(order.Uint64(e[8:]), depth+1, below); err != nil {
				return err
			}
		} else if order.Uint32(e) == bucketValue {
			from := pageHead + i*elementHead + int(order.Uint32(e[4:])) + len(key)
			if err := s.bucket(b[from:from+int(order.Uint32(e[12:]))], depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysOf returns a page's keys, which must lie on it, with their values, and
// ascend within the bounds.
func keysOf(b []byte, kind uint16, count int, in bounds) ([][]byte, error) {
	keys := make([][]byte, count)
	for i := range keys {
		at := pageHead + i*elementHead
		e := b[at:]
		pos, size, value := order.Uint32(e), order.Uint32(e[4:]), uint32(0)
		if kind == leafPage {
			pos, size, value = order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
			if order.Uint32(e) > bucketValue {
				return nil, fmt.Errorf("element %d is of no kind", i)
			}
		}
		from := uint64(at) + uint64(pos)
		if from+uint64(size)+uint64(value) > uint64(len(b)) {
			return nil, fmt.Errorf("element %d lies outside", i)
		}
		keys[i] = b[from : from+uint64(size)]
		low := i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 || i == 0 && in.from != nil && bytes.Compare(keys[i], in.from) < 0
		if low || in.before != nil && bytes.Compare(keys[i], in.before) >= 0 {
			return nil, fmt.Errorf("key %d is out of order", i)
		}
	}
	return keys, nil
}

// bucket checks a bucket's tree: below a page, or on one page in the value.
func (s *scan) bucket(v []byte, depth int) error {
	const head = 16
	if len(v) < head {
		return errors.New("a bucket has no head")
	}
	if root := order.Uint64(v); root != 0 {
		return s.page(root, depth+1, bounds{})
	}
	if depth > maxDepth {
		return errors.New("buckets within buckets")
	}
	return s.elements(v[head:], depth+1, bounds{})
}
