package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"trunkline/call"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func fact(seq uint64) call.Fact {
	return call.Fact{Seq: seq, At: noon.Add(time.Duration(seq) * time.Second), Kind: call.FactArrived, Call: id(int(seq)), Trunk: "acme"}
}

func id(n int) call.ID { return call.ID(fmt.Sprintf("01KJMM%020d", n)) }

func record(n int) call.Record {
	return call.Record{ID: id(n), Trunk: "acme", Initiated: noon.Add(time.Duration(n) * time.Second), Segments: []call.Segment{{Kind: call.SegmentFlow, From: noon}}}
}

// openAt opens a store whose commits go through commit (nil: as they are) and
// checks its files when the test ends.
func openAt(t testing.TB, dir string, o Options, commit func(f *file, fn func(*file) error) error) *Store {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := newStore(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if commit != nil {
		s.commit = commit
	}
	go s.write()
	t.Cleanup(func() {
		_ = s.Close()
		CheckFiles(t, dir)
	})
	return s
}

// CheckFiles runs bbolt's consistency check on a folder's files.
func CheckFiles(t testing.TB, dir string) {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		if !strings.HasSuffix(name, ".db") {
			continue
		}
		db, err := bbolt.Open(filepath.Join(dir, name), 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		err = db.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func sync30(t testing.TB, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Sync(ctx); err != nil {
		t.Fatalf("Sync: got %v, want none", err)
	}
}

// wantFacts checks that exactly the facts 1 to n are there.
func wantFacts(t testing.TB, s *Store, n uint64) {
	t.Helper()
	all, err := s.Facts(0, int(n)+100)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range all {
		if f.Seq != uint64(i)+1 {
			t.Fatalf("fact %d: got number %d, want no gap", i, f.Seq)
		}
	}
	if uint64(len(all)) != n {
		t.Fatalf("facts: got %d, want %d", len(all), n)
	}
}

// journal collects log lines.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), text)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
