package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"trunkline/call"
	"trunkline/routing"
)

func TestASecondProcessIsToldWhoHasTheStore(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, dir, Options{}, nil)
		was := time.Now()
		_, err := Open(dir, Options{})
		if !errors.Is(err, ErrLocked) {
			t.Fatalf("got %v, want ErrLocked", err)
		}
		for _, want := range []string{filepath.Join(dir, hotName), "data_dir", "stop that one"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want it to name %q", err, want)
			}
		}
		if _, none := os.Stat("/proc/locks"); none == nil {
			if want := fmt.Sprintf("(process %d)", os.Getpid()); !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want it to name %s", err, want)
			}
		}
		if d := time.Since(was); d > 2*time.Second {
			t.Errorf("it took %v, want about a second", d)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		s, err = Open(dir, Options{})
		if err != nil {
			t.Fatalf("when the first is gone: got %v, want none", err)
		}
		_ = s.Close()
	})
}

// filled is how many of everything fill appends.
const filled = 300

// fill makes a folder with many pages in every file.
func fill(t testing.TB, dir string) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= filled; n++ {
		s.Append(fact(uint64(n)), call.Opened{Record: record(n)}, call.Closed{Record: record(n + 5000)})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// use does everything there is to do with a folder's files.
func use(dir string) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	_, err1 := s.Load()
	_, err2 := s.Facts(0, 5000)
	_, err3 := s.Records(Filter{Limit: 5000})
	_, err4 := s.Record(id(5100))
	return errors.Join(err1, err2, err3, err4, s.files.close(), s.Close())
}

func TestADamagedFileIsNamedWithItsCure(t *testing.T) {
	good := t.TempDir()
	fill(t, good)
	for _, name := range filesIn(t, good) {
		whole, err := os.ReadFile(filepath.Join(good, name))
		if err != nil {
			t.Fatal(err)
		}
		for what, damage := range map[string]func(b []byte) []byte{
			"garbage":             func(b []byte) []byte { return []byte(strings.Repeat("garbage ", 5000)) },
			"a few bytes":         func(b []byte) []byte { return b[:100] },
			"cut in half":         func(b []byte) []byte { return b[:len(b)/2] },
			"cut to its heads":    func(b []byte) []byte { return b[:8192] },
			"everything zeroed":   func(b []byte) []byte { clear(b[8192:]); return b },
			"everything set":      func(b []byte) []byte { set(b[8192:]); return b },
			"both heads of zeros": func(b []byte) []byte { clear(b[:8192]); return b },
		} {
			dir := copyOf(t, good)
			if err := os.WriteFile(filepath.Join(dir, name), damage(append([]byte(nil), whole...)), 0o600); err != nil {
				t.Fatal(err)
			}
			err := use(dir)
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s, %s: got %v, want ErrCorrupt", name, what, err)
				continue
			}
			for _, want := range []string{name, "restore it from a backup", "move it away"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s, %s: got %q, want it to say %q", name, what, err, want)
				}
			}
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(b) == 0 {
				t.Errorf("%s, %s: got %d bytes, %v, want the damaged file kept", name, what, len(b), err)
			}
		}
	}
}

func set(b []byte) {
	for i := range b {
		b[i] = 0xFF
	}
}

func TestNoDamageEndsTheProcess(t *testing.T) {
	good := t.TempDir()
	fill(t, good)
	names := filesIn(t, good)
	rng := rand.New(rand.NewPCG(7, 7)) // seed 7, 7
	refused := 0
	for range 60 {
		dir := copyOf(t, good)
		name := filepath.Join(dir, names[rng.IntN(len(names))])
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + rng.IntN(30) { // mostly heads of pages, where it hurts
			page := rng.IntN(len(b) / 4096)
			b[page*4096+rng.IntN(64)] = byte(rng.Uint32())
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if use(dir) != nil {
			refused++
		}
		// And write to it, which opens the months for writing.
		if s, err := newStore(dir, Options{}); err == nil {
			b := newBatch()
			err := errors.Join(b.add(fact(filled+1)), b.add(call.Closed{Record: record(5001)}), b.add(call.Opened{Record: record(5002)}))
			if err != nil {
				t.Fatal(err)
			}
			_ = s.try(b)
			_ = s.files.close()
		}
	}
	if refused == 0 {
		t.Error("got no damage found in 60 damaged folders, want some")
	}
}

func copyOf(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAnEmptyMonthIsAMonthWithoutAnything(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	for _, name := range []string{"facts-2026-04.db", "records-2026-04.db", "facts-notes.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := use(dir); err != nil {
		t.Errorf("got %v, want none", err)
	}
	if err := os.Remove(filepath.Join(dir, "facts-notes.db")); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, dir, Options{}, nil)
	late := fact(filled + 1)
	late.At = late.At.AddDate(0, 1, 0)
	s.Append(late)
	sync30(t, s)
	wantFacts(t, s, filled+1)
	r := record(9)
	r.ID, r.Initiated = "no-ulid", r.Initiated.AddDate(0, 1, 0)
	s.Append(call.Closed{Record: r})
	sync30(t, s)
	if got, err := s.Record("no-ulid"); err != nil || got.ID != r.ID {
		t.Errorf("a record whose id is no ULID: got %+v, %v, want it", got, err)
	}
	if err := os.Remove(filepath.Join(dir, "records-2026-04.db")); err != nil {
		t.Fatal(err)
	}
}

func TestAStoreOfANewerTrunklineIsRefused(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	db, err := bbolt.Open(filepath.Join(dir, hotName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), []byte("2")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v, want ErrNewer that names format 2", err)
	}
}

func TestFilesAreForUsAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	fill(t, dir)
	want := []string{"facts-2026-03.db", "hot.db", "records-2026-03.db"}
	if got := filesIn(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("files: got %v, want %v", got, want)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info, err2 := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if err2 == nil && info.Mode().Perm() != want {
			t.Errorf("%s: got %o, want %o", path, info.Mode().Perm(), want)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRetentionRemovesWholeMonths(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // begins on 2000-01-01
		o := Options{Records: 60 * 24 * time.Hour, Facts: 90 * 24 * time.Hour}
		s := openAt(t, dir, o, nil)
		for seq := uint64(1); seq <= 200; seq++ { // to July 19
			f := fact(seq)
			f.At = time.Now()
			r := record(int(seq))
			r.ID, r.Initiated = call.ID(fmt.Sprintf("call-%03d", seq)), f.At
			s.Append(f, call.Closed{Record: r})
			time.Sleep(24 * time.Hour)
		}
		sync30(t, s)
		want := []string{"facts-2000-04.db", "facts-2000-05.db", "facts-2000-06.db", "facts-2000-07.db", "hot.db",
			"records-2000-05.db", "records-2000-06.db", "records-2000-07.db"}
		if got := filesIn(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("files: got %v, want %v", got, want)
		}
		if all, err := s.Facts(0, 1000); err != nil || len(all) == 0 || all[0].At.Month() != time.April || all[len(all)-1].Seq != 200 {
			t.Errorf("facts: got %d, %v, want April's to the last", len(all), err)
		}
		if _, err := s.Record("call-001"); !errors.Is(err, ErrNotFound) {
			t.Errorf("an old record: got %v, want ErrNotFound", err)
		}
		if got := s.Stats().Swept; got != 3+4 {
			t.Errorf("swept: got %d, want 7", got)
		}
		time.Sleep(3 * 365 * 24 * time.Hour)
		synctest.Wait()
		if b, err := s.Load(); err != nil || b.FactSeq != 200 {
			t.Errorf("after years of nothing: got fact %d, %v, want 200", b.FactSeq, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// bbolt writes a page with all its values: megabytes of a busy switch's snapshot must not share one with what each
// batch writes.
func TestASnapshotIsWrittenOnce(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, Options{}, nil)
	big := routing.Snapshot{Version: 1, Works: make([]routing.WorkState, 20_000)}
	s.Append(call.RouterSnapshot{Seq: 1, At: noon, Data: big})
	for seq := uint64(1); seq < 50; seq++ {
		s.Append(fact(seq))
		sync30(t, s)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(dir, hotName), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_ = db.View(func(tx *bbolt.Tx) error {
		if got := tx.Bucket([]byte(bucketMeta)).Stats().LeafAlloc; got > os.Getpagesize() {
			t.Errorf("each batch writes %d bytes of %s, want a page", got, bucketMeta)
		}
		return nil
	})
}

// Files of before had the snapshot beside the last fact's number.
func TestASnapshotIsFoundWhereItOnceWas(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, Options{}, nil)
	s.Append(call.RouterSnapshot{Seq: 7, At: noon})
	sync30(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(filepath.Join(dir, hotName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(bucketRouter)).Get([]byte(keyRouter))
		return errors.Join(tx.Bucket([]byte(bucketMeta)).Put([]byte(keyRouter), v), tx.DeleteBucket([]byte(bucketRouter)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, Options{}, nil)
	for _, seq := range []uint64{7, 9} {
		b, err := s.Load()
		if err != nil || b.Router == nil || b.Router.Seq != seq {
			t.Fatalf("got %+v, %v, want the snapshot at %d", b.Router, err, seq)
		}
		s.Append(call.RouterSnapshot{Seq: 9, At: noon})
		sync30(t, s)
	}
}

func TestAHotFileThatGrewIsRewrittenAtStart(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, Options{}, nil)
	data := fmt.Appendf(nil, "%q", strings.Repeat("x", 16<<10))
	for seq := uint64(1); seq <= 1500; seq++ {
		s.Append(call.RouterEvent{Seq: seq, At: noon, Data: data})
	}
	sync30(t, s)
	s.Append(call.RouterSnapshot{Seq: 1499, At: noon}, call.Opened{Record: record(1)})
	sync30(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, hotName)
	before, _ := os.Stat(path)
	if before.Size() < compactFrom {
		t.Fatalf("hot.db: got %d bytes, want it grown past %d", before.Size(), compactFrom)
	}
	if err := os.WriteFile(path+".part", []byte("of a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, Options{}, nil)
	after, err := os.Stat(path)
	if err != nil || after.Size() > 1<<20 || after.Mode().Perm() != 0o600 {
		t.Errorf("hot.db: got %d bytes, %v, want it small again", after.Size(), err)
	}
	b, err := s.Load()
	if err != nil || b.Router == nil || len(b.RouterEvents) != 1 || len(b.RouterEvents[0].Data) != len(data) || len(b.Open) != 1 {
		t.Errorf("boot: got %d events, %d open, %v, want 1 and 1", len(b.RouterEvents), len(b.Open), err)
	}
	if _, err := os.Stat(path + ".part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the part: got %v, want it gone", err)
	}
}

func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "data"), Options{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want an error that names %s", err, dir)
	}
}

// BenchmarkAppend writes what a call writes: two states, nine facts, nine
// router events, the record.
func BenchmarkAppend(b *testing.B) {
	s := openAt(b, b.TempDir(), Options{MaxQueued: 1 << 30}, nil)
	entries, seq := 0, uint64(0)
	b.ResetTimer()
	for n := range b.N {
		r := record(n)
		for k := range 9 {
			seq++
			s.Append(fact(seq), call.RouterEvent{Seq: seq, At: noon, Config: "0123456789abcdef", Data: []byte(`{"kind":"phone_rang","offer":123456,"phone":"ann/0123456789"}`)})
			if k == 0 || k == 5 {
				s.Append(call.Opened{Record: r})
			}
		}
		s.Append(call.Closed{Record: r})
		if n%500 == 0 {
			s.Append(call.RouterSnapshot{Seq: seq, At: noon})
		}
		entries += 21
	}
	sync30(b, s)
	b.StopTimer()
	b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(s.Stats().Commits), "commits")
}
