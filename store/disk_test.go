package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/call"
)

// weakDisk fails commits while it is full.
type weakDisk struct{ full atomic.Bool }

func (d *weakDisk) commit(f *file, fn func(*file) error) error {
	if d.full.Load() {
		return syscall.ENOSPC
	}
	return fn(f)
}

func TestAFullDiskIsWaitedForAndNothingIsLost(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk weakDisk
		var log journal
		s := openAt(t, dir, Options{Log: log.logger()}, disk.commit)
		s.Append(fact(1))
		sync30(t, s)
		disk.full.Store(true)
		for seq := uint64(2); seq <= 1000; seq++ {
			s.Append(fact(seq))
			time.Sleep(10 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Sync on a full disk: got %v, want its deadline and ENOSPC", err)
		}
		if got := s.Stats(); got.Queued != 999 || got.Lost != 0 || got.Failures < 10 {
			t.Errorf("stats: got %+v, want 999 queued, none lost, failures", got)
		}
		if got := log.count("cannot write"); got < 9 || got > 12 {
			t.Errorf("said: got %d times in 11 s, want once a second", got)
		}
		disk.full.Store(false)
		sync30(t, s)
		wantFacts(t, s, 1000)
		if log.count("writes again") != 1 {
			t.Error("recovery: got no word, want one line")
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: got %v, want none", err)
		}
	})
}

func TestCloseGivesUpOnADiskThatStaysFull(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk weakDisk
		s := openAt(t, dir, Options{}, disk.commit)
		s.Append(fact(1))
		sync30(t, s)
		disk.full.Store(true)
		s.Append(fact(2), fact(3))
		time.Sleep(time.Minute)
		was := time.Now()
		err := s.Close()
		if !errors.Is(err, ErrLost) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "2 since") {
			t.Errorf("got %v, want ErrLost, 2 of them, and ENOSPC", err)
		}
		if d := time.Since(was); d > 6*time.Second {
			t.Errorf("Close took %v, want about 5 s", d)
		}
		s = openAt(t, dir, Options{}, nil)
		wantFacts(t, s, 1)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheQueueIsBoundedAndKeepsRecordsLongest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var disk weakDisk
		s := openAt(t, dir, Options{MaxQueued: 100}, disk.commit)
		disk.full.Store(true)
		for seq := uint64(1); seq <= 150; seq++ {
			s.Append(fact(seq))
		}
		for n := range 150 {
			s.Append(call.Opened{Record: record(n)}, call.Closed{Record: record(n)})
		}
		if got := s.Stats(); got.Queued != 200 || got.Lost != 50+150+50 {
			t.Errorf("stats: got %+v, want 200 queued and 250 lost", got)
		}
		disk.full.Store(false)
		if err := s.Sync(context.Background()); !errors.Is(err, ErrLost) {
			t.Errorf("Sync: got %v, want ErrLost", err)
		}
		wantFacts(t, s, 100) // the first ones, in order
		if all, err := s.Records(Filter{Limit: 1000}); len(all) != 100 || err != nil {
			t.Errorf("records: got %d, %v, want 100", len(all), err)
		}
		if err := s.Close(); !errors.Is(err, ErrLost) {
			t.Errorf("Close: got %v, want ErrLost", err)
		}
	})
}

func TestAppendDoesNotWaitForADiskThatHangs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		s := openAt(t, dir, Options{}, func(f *file, fn func(*file) error) error {
			<-hang
			return fn(f)
		})
		was := time.Now()
		for seq := uint64(1); seq <= 20_000; seq++ {
			s.Append(fact(seq))
		}
		synctest.Wait()
		if d := time.Since(was); d != 0 {
			t.Errorf("20,000 Appends took %v, want no waiting", d)
		}
		close(hang)
		sync30(t, s)
		wantFacts(t, s, 20_000)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestACrashBetweenTheFilesOfABatchIsHarmless(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var crashed atomic.Bool
		s := openAt(t, dir, Options{}, func(f *file, fn func(*file) error) error {
			if crashed.Load() && f.name == hotName {
				return syscall.EIO // facts and records are on disk already
			}
			return fn(f)
		})
		s.Append(call.Opened{Record: record(1)}, call.Opened{Record: record(2)}, fact(1))
		sync30(t, s)
		crashed.Store(true)
		s.Append(fact(2), call.Closed{Record: record(1)})
		if err := s.Close(); !errors.Is(err, ErrLost) {
			t.Errorf("Close: got %v, want ErrLost", err)
		}
		s = openAt(t, dir, Options{}, nil)
		b, err := s.Load()
		if err != nil || len(b.Open) != 1 || b.Open[0].ID != id(2) || b.FactSeq != 2 {
			t.Errorf("boot: got %+v, %v, want call 2 open and fact 2 the last", b, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsQueuedSharesTransactions(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, dir, Options{}, nil)
		for seq := uint64(1); seq <= 1000; seq++ {
			s.Append(fact(seq))
			time.Sleep(time.Millisecond)
		}
		was := time.Now()
		sync30(t, s)
		if d := time.Since(was); d != 0 {
			t.Errorf("Sync waited %v, want it to start the writing at once", d)
		}
		if got := s.Stats(); got.Commits > 60 || got.Written != 1000 {
			t.Errorf("stats: got %+v, want 1000 entries in about 1 s / 20 ms transactions", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAnEntryThatCannotBeKeptCostsItselfAlone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		var panics atomic.Int32
		s := openAt(t, dir, Options{Log: log.logger()}, func(f *file, fn func(*file) error) error {
			if panics.Add(1) == 1 {
				panic("defect")
			}
			return fn(f)
		})
		s.Append(fact(1), call.Closed{}, nil, fact(2))
		if err := s.Sync(context.Background()); !errors.Is(err, ErrLost) {
			t.Errorf("Sync: got %v, want ErrLost", err)
		}
		wantFacts(t, s, 2)
		if got := s.Stats(); got.Lost != 2 || got.Written != 2 || got.Failures != 1 {
			t.Errorf("stats: got %+v, want 2 lost, 2 written, 1 failure", got)
		}
		if got := log.count("cannot be kept"); got != 2 {
			t.Errorf("said: got %d lines, want 2", got)
		}
		_ = s.Close()
	})
}

// TestMain lets the test binary be the process that is killed, or whose disk
// is full.
func TestMain(m *testing.M) {
	dir := os.Getenv("STORE_TEST_DIR")
	switch os.Getenv("STORE_TEST_ROLE") {
	case "ack":
		ackUntilKilled(dir)
	case "full":
		fillAndRecover(dir)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_ROLE="+role, "STORE_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// ackUntilKilled appends facts, calls and router events for ever, and prints
// a number when everything up to it was acknowledged.
func ackUntilKilled(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	b, err := s.Load()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for seq := b.FactSeq + 1; ; seq++ {
		s.Append(call.Opened{Record: record(int(seq))}, call.RouterEvent{Seq: seq, At: noon}, fact(seq))
		if seq%2 == 0 {
			s.Append(call.Closed{Record: record(int(seq))})
		}
		if seq%50 == 0 {
			s.Append(call.RouterSnapshot{Seq: seq - 10, At: noon})
		}
		if seq%7 == 0 {
			if err := s.Sync(context.Background()); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(seq)
		}
	}
}

func TestNothingAcknowledgedIsLostByKill9(t *testing.T) {
	dir := t.TempDir()
	for round := range 4 {
		cmd := child(t, "ack", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := uint64(0)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			seq, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("round %d: the process said %q", round, lines.Text())
			}
			acked = seq
			if n == 20+13*round {
				_ = cmd.Process.Kill() // what it still says before it dies was acknowledged too
			}
		}
		_ = cmd.Wait()
		CheckFiles(t, dir)
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Load()
		if err != nil {
			t.Fatal(err)
		}
		if acked == 0 || b.FactSeq < acked || b.RouterSeq < acked || b.FactSeq > acked+10 {
			t.Errorf("round %d: got facts to %d and router events to %d, want no less than %d", round, b.FactSeq, b.RouterSeq, acked)
		}
		wantFacts(t, s, b.FactSeq)
		if n := len(b.RouterEvents); b.Router == nil || b.Router.Seq+uint64(n) != b.RouterSeq {
			t.Errorf("round %d: got snapshot %+v and %d events to %d, want them to join", round, b.Router, n, b.RouterSeq)
		}
		for seq := uint64(1); seq <= acked; seq++ {
			_, err := s.Record(id(int(seq)))
			if closed := seq%2 == 0; (err == nil) != closed {
				t.Fatalf("round %d: record %d: got %v, want there %v", round, seq, err, closed)
			}
		}
		if open := len(b.Open); uint64(open) < (acked+1)/2 || uint64(open) > (b.FactSeq+20)/2 {
			t.Errorf("round %d: got %d open calls, want the odd half of %d", round, open, acked)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fillAndRecover runs into the kernel's limit for a file's size, which fails
// writes as a full disk does, and gets room again.
func fillAndRecover(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	fail := func(what string, args ...any) {
		fmt.Printf(what+"\n", args...)
		os.Exit(0)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fail("getrlimit: %v", err)
	}
	s, err := Open(dir, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fail("open: %v", err)
	}
	s.Append(fact(1))
	if err := s.Sync(context.Background()); err != nil {
		fail("sync: %v", err)
	}
	tight := limit
	tight.Cur = 300 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight); err != nil {
		fail("setrlimit: %v", err)
	}
	for seq := uint64(2); seq <= 5000; seq++ {
		s.Append(fact(seq), call.Opened{Record: record(int(seq))})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if err := s.Sync(ctx); err == nil || !strings.Contains(err.Error(), "file too large") {
		fail("sync without room: got %v, want the kernel's refusal", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fail("setrlimit: %v", err)
	}
	if err := s.Sync(context.Background()); err != nil {
		fail("sync with room again: %v", err)
	}
	if err := s.Close(); err != nil {
		fail("close: %v", err)
	}
	fail("recovered")
}

func TestTheKernelRefusingToWriteIsSurvived(t *testing.T) {
	dir := t.TempDir()
	out, err := child(t, "full", dir).Output()
	if err != nil || strings.TrimSpace(string(out)) != "recovered" {
		t.Fatalf("got %q, %v, want recovered", out, err)
	}
	s := openAt(t, dir, Options{}, nil)
	wantFacts(t, s, 5000)
	if b, err := s.Load(); err != nil || len(b.Open) != 4999 {
		t.Errorf("open calls: got %d, %v, want 4999", len(b.Open), err)
	}
}
