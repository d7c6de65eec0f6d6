package recorder

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// weak is a file whose writes go through check first.
type weak struct {
	file
	check func(b []byte, off int64) (n int, err error) // n bytes are still written
}

func (w weak) WriteAt(b []byte, off int64) (int, error) {
	if n, err := w.check(b, off); err != nil {
		if n > 0 {
			if _, err := w.file.WriteAt(b[:n], off); err != nil {
				return 0, err
			}
		}
		return n, err
	}
	return w.file.WriteAt(b, off)
}

// weaken opens real files whose writes are checked.
func weaken(check func(path string, b []byte, off int64) (int, error)) func(string) (file, error) {
	return func(path string) (file, error) {
		f, err := create(path)
		if err != nil {
			return nil, err
		}
		return weak{f, func(b []byte, off int64) (int, error) { return check(path, b, off) }}, nil
	}
}

func TestAFullDiskEndsTheRecordingNotTheOthers(t *testing.T) {
	const room = headerSize + 2*8000*frameSize + 2 // 2 s and half a frame
	var victim atomic.Value
	inBubble(t, weaken(func(path string, b []byte, off int64) (int, error) {
		if path == victim.Load() && off+int64(len(b)) > room {
			return int(max(0, room-off)), syscall.ENOSPC
		}
		return 0, nil
	}), func(t *testing.T, h *house) {
		full, other := h.begin(), h.begin()
		victim.Store(full.Path())
		v, w := &voice{rec: full, ssrc: 1}, &voice{rec: other, ssrc: 1}
		for range 500 {
			v.say()
			w.say()
			time.Sleep(20 * ms)
		}
		s := h.waitSealed(full.ID()) // before Close
		full.Pause(time.Now())
		full.Close(time.Now())
		again := h.waitSealed(full.ID()) // still one
		if !errors.Is(again.Err, syscall.ENOSPC) {
			t.Errorf("err: got %v, want ENOSPC", again.Err)
		}
		left, _ := readWAV(t, s.Path)
		if len(left) != 16000 {
			t.Errorf("length: got %d samples, want the 16000 there was room for", len(left))
		}
		wantRun(t, left, 0, 0, 16000)
		if n := len(s.Marks); n == 0 || s.Marks[n-1].Kind != MarkCut || s.Marks[n-1].From != 2*time.Second {
			t.Errorf("marks: got %+v, want a cut at 2 s", s.Marks)
		}
		side, err := ReadSidecar(s.Path)
		if err != nil || !side.Sealed || !strings.Contains(side.Err, "no space left") {
			t.Errorf("sidecar: got %+v, %v, want it to tell of the full disk", side, err)
		}
		s, left, _ = h.end(other)
		wantRun(t, left, 0, 0, 80000)
		if s.Err != nil {
			t.Errorf("the other recording: got %v, want none", s.Err)
		}
	})
}

func TestAFileThatCannotBeMadeIsAnEvent(t *testing.T) {
	inBubble(t, func(string) (file, error) { return nil, syscall.ENOSPC }, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(100)
		s := h.waitSealed(rec.ID())
		if !errors.Is(s.Err, syscall.ENOSPC) || s.Duration != 0 || s.Bytes != 0 {
			t.Errorf("got %+v, want ENOSPC and no file", s)
		}
		rec.Close(time.Now())
		h.waitSealed(rec.ID())
	})
}

func TestASlowDiskIsAMarkedGapAndNothingElse(t *testing.T) {
	var mu sync.Mutex
	var stuck chan struct{}
	inBubble(t, weaken(func(string, []byte, int64) (int, error) {
		mu.Lock()
		c := stuck
		mu.Unlock()
		if c != nil {
			<-c
		}
		return 0, nil
	}), func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(250)
		mu.Lock()
		stuck = make(chan struct{})
		mu.Unlock()
		v.speak(1500) // 30 s
		mu.Lock()
		close(stuck)
		stuck = nil
		mu.Unlock()
		v.speak(250)
		s, left, _ := h.end(rec)
		wantLength(t, s, left, 40*time.Second)
		if s.Err != nil || len(s.Marks) != 1 || s.Marks[0].Kind != MarkGap || s.Marks[0].Why != "the disk is too slow" {
			t.Fatalf("got %v %+v, want one gap", s.Err, s.Marks)
		}
		from, to := int(s.Marks[0].From.Seconds()*8000), int(s.Marks[0].To.Seconds()*8000)
		if got := s.Marks[0].To - s.Marks[0].From; got < 15*time.Second || got > 25*time.Second {
			t.Errorf("gap: got %v, want what did not fit into 10 s of memory", got)
		}
		wantRun(t, left, 0, 0, from)
		wantSilence(t, left, from, to)
		wantRun(t, left, to, to, 40*8000-to)
	})
}

func TestCloseIsBoundedWhenTheDiskHangs(t *testing.T) {
	stuck := make(chan struct{})
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		stuck = make(chan struct{})
		r, _, err := Open(Config{Dir: dir, Emit: func(Event) {}, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		r.open = weaken(func(string, []byte, int64) (int, error) { <-stuck; return 0, nil })
		r.Start(StartConfig{ID: NewID(time.Now()), At: time.Now()})
		time.Sleep(time.Second)
		was := time.Now()
		if err := r.Close(); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		if d := time.Since(was); d > 10*time.Second {
			t.Errorf("Close took %v, want at most 10 s", d)
		}
		close(stuck)
		if err := r.Close(); err != nil {
			t.Errorf("once the disk answers: got %v, want none", err)
		}
	})
}

func TestAPanicCostsOneRecording(t *testing.T) {
	var victim atomic.Value
	inBubble(t, weaken(func(path string, b []byte, off int64) (int, error) {
		if path == victim.Load() && off > 0 {
			panic("defect")
		}
		return 0, nil
	}), func(t *testing.T, h *house) {
		bad, good := h.begin(), h.begin()
		victim.Store(bad.Path())
		looks := h.begin()
		v, w := &voice{rec: bad, ssrc: 1}, &voice{rec: good, ssrc: 1}
		for n := range 200 {
			if n == 100 {
				synctest.Wait()
				looks.rings[0] = nil // a panic in the collector
			}
			v.say()
			w.say()
			time.Sleep(20 * ms)
		}
		for _, rec := range []*Recording{bad, looks} {
			if s := h.waitSealed(rec.ID()); !errors.Is(s.Err, ErrDefect) {
				t.Errorf("got %v, want ErrDefect", s.Err)
			}
		}
		_, left, _ := h.end(good)
		wantRun(t, left, 0, 0, 32000)
	})
}

func TestNamesThatAreNoULIDReachNoPath(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		for _, id := range []ID{"", "../../../../tmp/x", "01ARZ3NDEKTSV4RRFFQ69G5FA/", "\x001ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAVX"} {
			rec := h.Start(StartConfig{ID: id, At: time.Now()})
			if s := h.waitSealed(id); !errors.Is(s.Err, ErrBadID) || rec.Path() != "" {
				t.Errorf("%q: got %v and path %q, want ErrBadID and none", id, s.Err, rec.Path())
			}
			rec.Close(time.Now())
		}
		n := 0
		err := filepath.WalkDir(h.dir, func(_ string, d fs.DirEntry, err error) error {
			if !d.IsDir() {
				n++
			}
			return err
		})
		if n != 0 || err != nil {
			t.Errorf("files: got %d, %v, want none", n, err)
		}
	})
}

func TestARecordingIsNeverWrittenOver(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(50)
		h.Start(StartConfig{ID: rec.ID(), At: time.Now()}) // while it runs
		time.Sleep(time.Second)
		rec.Close(time.Now())
		time.Sleep(time.Second)
		h.Start(StartConfig{ID: rec.ID(), At: time.Now()}) // after it was sealed
		time.Sleep(time.Second)
		synctest.Wait()
		left, _ := readWAV(t, rec.Path())
		wantRun(t, left, 0, 0, 8000)
		refused := 0
		for _, s := range h.sealed {
			if errors.Is(s.Err, fs.ErrExist) {
				refused++
			}
		}
		if refused != 2 || len(h.sealed) != 3 {
			t.Errorf("events: got %+v, want two refusals and one seal", h.sealed)
		}
		if side, err := ReadSidecar(rec.Path()); err != nil || side.Duration != 2 || !side.Sealed {
			t.Errorf("sidecar: got %+v, %v, want the first recording's", side, err)
		}
	})
}

func TestCloseSealsEverythingAndLaterStartsAreRefused(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		var recs []*Recording
		for n := range 20 {
			rec := h.begin()
			recs = append(recs, rec)
			(&voice{rec: rec, ssrc: uint32(n)}).speak(10)
		}
		if err := h.Close(); err != nil {
			t.Fatalf("got %v, want none", err)
		}
		for i, rec := range recs {
			s := h.waitSealed(rec.ID())
			left, _ := readWAV(t, s.Path)
			wantRun(t, left, 0, 0, 1600)
			if want := time.Duration(20-i)*200*ms + 0; s.Duration-want < 0 || s.Duration-want > 20*ms || s.Err != nil {
				t.Errorf("recording %d: got %v, %v, want %v", i, s.Duration, s.Err, want)
			}
		}
		late := h.begin()
		if s := h.waitSealed(late.ID()); !errors.Is(s.Err, ErrClosed) {
			t.Errorf("started after Close: got %v, want ErrClosed", s.Err)
		}
		late.Sound(0, 1, 0, time.Now().UnixNano(), 8000, make([]int16, 160))
		late.Close(time.Now())
		if left, err := os.ReadDir(filepath.Join(h.dir, unsealedDir)); len(left) != 0 || err != nil {
			t.Errorf("unsealed: got %v, %v, want none", left, err)
		}
	})
}

func TestFilesAreForUsAlone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		(&voice{rec: rec, ssrc: 1}).speak(10)
		h.end(rec)
		err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == h.dir {
				return err
			}
			info, err := d.Info()
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if got := info.Mode().Perm(); err == nil && got != want {
				t.Errorf("%s: got %o, want %o", path, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		day := time.Now().UTC().Format("2006/01/02")
		if want := filepath.Join(h.dir, day, string(rec.ID())+".wav"); rec.Path() != want {
			t.Errorf("path: got %s, want %s", rec.Path(), want)
		}
	})
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RECORDER_TEST_DIR"); dir != "" {
		recordUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// recordUntilKilled records the naming voice and a pause, and prints the path
// once there is a second of sound on disk.
func recordUntilKilled(dir string) {
	r, _, err := Open(Config{Dir: dir, Emit: func(Event) {}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	now := time.Now()
	rec := r.Start(StartConfig{ID: NewID(now), At: now})
	v := &voice{rec: rec, ssrc: 1}
	said := false
	for now := range time.Tick(20 * ms) {
		v.sayAt(now)
		if v.said == 160*50 {
			rec.PauseBy(now, "ann", "card number")
			rec.ResumeBy(now.Add(100*ms), "ann")
		}
		if info, err := os.Stat(rec.Path()); err == nil && info.Size() > 2*8000*frameSize && !said {
			said = true
			fmt.Println(rec.Path())
		}
	}
}

func TestAfterKill9TheFileIsReadableAndIsRepairedAtStart(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RECORDER_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	path, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	path = strings.TrimSpace(path)
	if err != nil || !strings.HasPrefix(path, dir) {
		t.Fatalf("the recording process said %q, %v, want its path", path, err)
	}

	left, _ := readWAV(t, path) // as it is, before any repair
	if len(left) < 2*8000 {
		t.Errorf("readable: got %d samples, want at least the 2 s that were on disk", len(left))
	}
	r, repaired, err := Open(Config{Dir: dir, Emit: func(Event) {}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(repaired) != 1 || repaired[0].Path != path || repaired[0].Err != nil {
		t.Fatalf("repaired: got %+v, want %s", repaired, path)
	}
	after, _ := readWAV(t, path)
	if len(after) < len(left) || repaired[0].Duration != time.Duration(len(after))*time.Second/8000 {
		t.Errorf("repaired: got %d samples and %v, want no less than the %d there were", len(after), repaired[0].Duration, len(left))
	}
	heard := 0
	for i, v := range after {
		if v != 0 {
			heard++
		}
		if i > 0 && v != 0 && after[i-1] != 0 && v != nameOf(int(after[i-1])) {
			t.Fatalf("sample %d: got %d after %d, want the voice in order", i, v, after[i-1])
		}
	}
	if heard < 8000 {
		t.Errorf("sound: got %d samples, want at least 1 s", heard)
	}
	side, err := ReadSidecar(path)
	if err != nil || !side.Sealed || len(side.Marks) != 2 || side.Marks[0].Kind != MarkPause || side.Marks[1].Kind != MarkRepaired {
		t.Errorf("sidecar: got %+v, %v, want the pause and the repair", side, err)
	}
	if r2, again, err := Open(Config{Dir: dir, Emit: func(Event) {}, Log: quiet}); err != nil || len(again) != 0 {
		t.Errorf("the next start: got %+v, %v, want nothing to repair", again, err)
	} else {
		r2.Close()
	}
}

func TestEveryLeftoverOfACrashIsRepaired(t *testing.T) {
	sound := strings.Repeat("\x01\x02\x03\x04", 800)
	head := func(rate int, frames int64) string { h := header(rate, frames); return string(h[:]) }
	for _, c := range []struct {
		name, wav, sidecar string
		frames             int64
		rate               int
		marks              int
		missing            bool
	}{
		{"nothing but the marker", "", "", 0, 8000, 0, true},
		{"empty file", "empty", "", 0, 8000, 1, false},
		{"torn header", head(8000, 0)[:20], "", 0, 8000, 1, false},
		{"header only", head(8000, 0), "", 0, 8000, 1, false},
		{"sound after a header of zero", head(8000, 0) + sound, "", 800, 8000, 1, false},
		{"half a frame", head(8000, 0) + sound + "\x01\x02\x03", "", 800, 8000, 1, false},
		{"header of more than there is", head(8000, 9000) + sound, "", 800, 8000, 1, false},
		{"another rate", head(16000, 3) + sound, "", 800, 16000, 1, false},
		{"torn sidecar", head(8000, 0) + sound, `{"id": "0`, 800, 8000, 1, false},
		{"open pause", head(8000, 0) + sound, `{"marks":[{"kind":"pause","from":0.05,"to":0.05,"by":"ann"}]}`, 800, 8000, 2, false},
		{"cut by a full disk, sidecar not written twice", head(8000, 0) + sound, `{"marks":[{"kind":"cut","from":0.1,"to":0.1}]}`, 800, 8000, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			id := NewID(time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC))
			wav := filepath.Join(dir, "2026/03/01", string(id)+".wav")
			put(t, filepath.Join(dir, unsealedDir, string(id)), "")
			put(t, filepath.Join(dir, unsealedDir, "not-ours"), "")
			if c.wav == "empty" {
				c.wav = ""
				put(t, wav, "")
			} else if c.wav != "" {
				put(t, wav, c.wav)
			}
			if c.sidecar != "" {
				put(t, sidecarPath(wav), c.sidecar)
			}
			r, repaired, err := Open(Config{Dir: dir, Emit: func(Event) {}, Log: quiet})
			if err != nil || len(repaired) != 1 {
				t.Fatalf("got %+v, %v, want one repaired", repaired, err)
			}
			defer r.Close()
			p := repaired[0]
			if p.ID != id || p.Path != wav || errors.Is(p.Err, fs.ErrNotExist) != c.missing || !c.missing && p.Err != nil {
				t.Errorf("got %+v, want %s repaired", p, wav)
			}
			if _, err := os.Stat(filepath.Join(dir, unsealedDir, string(id))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("marker: got %v, want it gone", err)
			}
			if c.missing {
				return
			}
			b, err := os.ReadFile(wav)
			if err != nil || string(b) != head(c.rate, c.frames)+sound[:c.frames*frameSize] {
				t.Errorf("file: got %d bytes, %v, want a valid one of %d frames", len(b), err, c.frames)
			}
			side, err := ReadSidecar(wav)
			if err != nil || !side.Sealed || side.ID != id || side.Rate != c.rate || len(side.Marks) != c.marks {
				t.Errorf("sidecar: got %+v, %v, want it sealed with %d marks", side, err, c.marks)
			}
			if c.name == "open pause" && side.Marks[0].To != 100*ms {
				t.Errorf("open pause: got %+v, want it to end with the file at 100 ms", side.Marks[0])
			}
		})
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheSidecarIsReadableByOthers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec := h.begin()
		time.Sleep(500 * ms)
		rec.PauseBy(time.Now(), "ann", "card number")
		time.Sleep(250 * ms)
		rec.ResumeBy(time.Now(), "bob")
		time.Sleep(250 * ms)
		s, _, _ := h.end(rec)
		b, err := os.ReadFile(strings.TrimSuffix(s.Path, ".wav") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "id")
		text, _ := json.Marshal(got)
		want := `{"channels":["caller","agent"],"duration":1,"marks":[{"by":"ann","from":0.5,"kind":"pause","resumed_by":"bob","to":0.75,"why":"card number"}],"rate":8000,"sealed":true,"started":"2000-01-01T00:00:00Z"}`
		if string(text) != want {
			t.Errorf("got %s, want %s", text, want)
		}
	})
}
