package store_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"trunkline/store"
	"trunkline/store/storetest"
)

func TestTheStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB, dir string) storetest.Store {
		t.Helper()
		s, err := store.Open(dir, store.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { checkFiles(t, s, dir) })
		return s
	})
}

// checkFiles closes a store and runs bbolt's consistency check on its files.
func checkFiles(t testing.TB, s *store.Store, dir string) {
	t.Helper()
	_ = s.Close()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".db") {
			continue
		}
		db, err := bbolt.Open(filepath.Join(dir, f.Name()), 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			t.Errorf("%s: %v", f.Name(), err)
			continue
		}
		err = db.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Errorf("%s: %v", f.Name(), err)
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
