package recorder

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestUsageIsCountedOnceAMinute(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(Config{Dir: dir, Log: quiet})
		put := func(name string, n int) {
			t.Helper()
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		put("2026/01/31/a.wav", 1000)
		put("2026/01/31/a.json", 10)
		put("2026/02/01/b.wav", 500)
		wants := func(recordings int, bytes int64) {
			t.Helper()
			u, err := r.Usage()
			if err != nil || u.Recordings != recordings || u.Bytes != bytes || u.Oldest != "2026-01-31" {
				t.Errorf("got %+v, %v, want %d recordings of %d bytes since 2026-01-31", u, err, recordings, bytes)
			}
		}
		wants(2, 1510)
		put("2026/02/01/c.wav", 90)
		wants(2, 1510)
		time.Sleep(usageFor)
		wants(3, 1600)
	})
}
