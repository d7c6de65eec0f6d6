package store_test

import (
	"io"
	"log/slog"
	"testing"

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
		t.Cleanup(func() {
			_ = s.Close()
			store.CheckFiles(t, dir)
		})
		return s
	})
}
