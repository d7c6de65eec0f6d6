package recorder

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
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
		if filepath.Base(path) == victim.Load() && off+int64(len(b)) > room {
			return int(max(0, room-off)), syscall.ENOSPC
		}
		return 0, nil
	}), func(t *testing.T, h *house) {
		full, other := h.begin(), h.begin()
		victim.Store(string(full.ID()))
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

// weakened is a house whose disk stands still while it is told to.
func weakened(t *testing.T, f func(t *testing.T, h *house, still func(bool))) {
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
		f(t, h, func(on bool) {
			mu.Lock()
			defer mu.Unlock()
			if on {
				stuck = make(chan struct{})
			} else {
				close(stuck)
				stuck = nil
			}
		})
	})
}

func TestADiskThatStandsStillFor10SecondsLosesNothing(t *testing.T) {
	weakened(t, func(t *testing.T, h *house, still func(bool)) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(250)
		for range 3 {
			still(true)
			v.speak(500) // 10 s
			still(false)
			v.speak(50)
		}
		still(true) // and over the end
		v.speak(250)
		rec.Close(time.Now())
		time.Sleep(5 * time.Second)
		still(false)
		s, left, _ := h.end(rec)
		wantLength(t, s, left, 43*time.Second)
		if s.Err != nil || len(s.Marks) != 0 {
			t.Fatalf("got %v %+v, want no marks", s.Err, s.Marks)
		}
		wantRun(t, left, 0, 0, 43*8000)
	})
}

func TestASlowDiskIsAMarkedGapAndNothingElse(t *testing.T) {
	weakened(t, func(t *testing.T, h *house, still func(bool)) {
		rec := h.begin()
		v := &voice{rec: rec, ssrc: 1}
		v.speak(250)
		still(true)
		v.speak(1500) // 30 s
		still(false)
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
		if filepath.Base(path) == victim.Load() && off > 0 {
			panic("defect")
		}
		return 0, nil
	}), func(t *testing.T, h *house) {
		bad, good := h.begin(), h.begin()
		victim.Store(string(bad.ID()))
		looks := h.begin()
		v, w := &voice{rec: bad, ssrc: 1}, &voice{rec: good, ssrc: 1}
		for n := range 200 {
			if n == 100 {
				synctest.Wait()
				looks.rings[0].Store(nil) // a panic in the collector
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
		if side, err := ReadSidecar(rec.Path()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("sidecar: got %+v, %v, want none: there is nothing to remark on the first", side, err)
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
		late.Sound(0, 1, 0, 0, false, time.Now().UnixNano(), 8000, make([]int16, 160))
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

// A disk so full that not even the sidecar can be written: what is deleted then does not come back at the next start.
func TestWhatAFullDiskLeftUnsealedCanBeDeleted(t *testing.T) {
	inBubble(t, weaken(func(string, []byte, int64) (int, error) { return 0, syscall.ENOSPC }), func(t *testing.T, h *house) {
		id := NewID(time.Now())
		if err := os.MkdirAll(sidecarPath(wavPath(h.dir, ulid.MustParse(string(id)))), 0o700); err != nil { // nor can that be written
			t.Fatal(err)
		}
		rec := h.Start(StartConfig{ID: id, At: time.Now()})
		(&voice{rec: rec, ssrc: 1}).speak(100)
		h.waitSealed(rec.ID())
		if !h.unsealed(string(rec.ID())) {
			t.Fatal("got it sealed, want its sidecar refused")
		}
		if err := h.Remove(rec.ID()); err != nil {
			t.Fatal(err)
		}
		if h.unsealed(string(rec.ID())) {
			t.Error("got it left in the unsealed folder, want it gone")
		}
	})
}

// One recording is told what no phone says: ten thousand streams, timestamps from
// anywhere, noise and silence by turns, faster than time. It keeps its length and
// says where sound is missing; the one beside it is exact.
func TestAFloodHarmsItsOwnRecordingAlone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		rec, beside := h.begin(), h.begin()
		v := &voice{rec: beside, ssrc: 1}
		rng := rand.New(rand.NewPCG(1, 2))
		pcm := make([]int16, maxPacket+1)
		for range 250 {
			v.say()
			for range 40 {
				ssrc, ts, seq, side := rng.Uint32(), rng.Uint32(), uint16(rng.Uint32()), rng.IntN(3)-1
				at := time.Now().Add(time.Duration(rng.IntN(2000)-1000) * ms).UnixNano()
				switch rng.IntN(5) {
				case 0:
					rec.Comfort(side, ssrc, ts, seq, at, pcm[:rng.IntN(maxPacket)])
				case 1:
					rec.Still(side, ssrc, at, rng.IntN(2) == 0)
				default:
					rec.Sound(side, ssrc, ts, seq, rng.IntN(2) == 0, at, []int{8000, 16000, 44100, -1}[rng.IntN(4)], pcm[:rng.IntN(maxPacket+2)])
				}
			}
			time.Sleep(20 * ms)
		}
		one, left, _ := h.end(rec)
		wantLength(t, one, left, 5*time.Second)
		if n := len(one.Marks); one.Err != nil || n == 0 || n > 20 {
			t.Errorf("got %d marks, err %v, want what is missing said in a few", n, one.Err)
		}
		other, left, _ := h.end(beside)
		wantRun(t, left, 0, 0, 250*160)
		if len(other.Marks) > 0 {
			t.Errorf("the one beside: got marks %v, want none", other.Marks)
		}
	})
}
