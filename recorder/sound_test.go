package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSoundDoesNotAllocate(t *testing.T) {
	rec := &Recording{rate: 8000}
	for i := range rec.rings {
		rec.rings[i].Store(new(ring))
	}
	pcm := make([]int16, 160)
	wide := make([]int16, 320)
	n := uint32(0)
	if got := testing.AllocsPerRun(2000, func() {
		n += 160
		rec.Sound(0, 1, n, 0, false, int64(n), 8000, pcm)
		rec.Sound(1, 1, n, 0, false, int64(n), 16000, wide)
		rec.Comfort(0, 1, n, 0, int64(n), pcm)
		rec.Still(1, 1, int64(n), n%320 == 0)
		if n%16000 == 0 { // and also when it is full
			for i := range rec.rings {
				rec.rings[i].Load().drain(func(heard, []int16, []int16) {})
			}
		}
	}); got != 0 {
		t.Errorf("allocations: got %v, want 0", got)
	}
}

func TestTheRingKeepsOrderAndCountsWhatItCannotHold(t *testing.T) {
	r := new(ring)
	sum := 0
	for round := range 50 {
		pushed := 0
		for i := range 300 {
			pcm := make([]int16, 80+i)
			for k := range pcm {
				pcm[k] = int16(i)
			}
			if r.push(heard{ts: uint32(i)}, pcm) {
				pushed++
			}
		}
		took := 0
		r.drain(func(h heard, a, b []int16) {
			if h.ts != uint32(took) || len(a)+len(b) != 80+took {
				t.Fatalf("round %d: got packet %d of %d samples, want %d of %d", round, h.ts, len(a)+len(b), took, 80+took)
			}
			for _, v := range append(append([]int16(nil), a...), b...) {
				if v != int16(took) {
					t.Fatalf("round %d packet %d: got sample %d", round, took, v)
				}
			}
			took++
		})
		if took != pushed || took == 0 || took == 300 {
			t.Fatalf("round %d: got %d packets of the %d that fit, want them all and not 300", round, took, pushed)
		}
		sum += 300 - took
	}
	if got := r.dropped.Load(); got != uint64(sum) {
		t.Errorf("dropped: got %d, want %d", got, sum)
	}
}

func TestShardsAndTheSwitchboardMayDoAsTheyLike(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		var recs []*Recording
		for range 8 {
			recs = append(recs, h.begin())
		}
		var shards sync.WaitGroup
		for side := range 2 { // a thread a side
			shards.Go(func() {
				var voices []*voice
				for i, rec := range recs {
					voices = append(voices, &voice{rec: rec, side: side, ssrc: uint32(i)})
				}
				for range 300 {
					for _, v := range voices {
						v.say()
					}
					time.Sleep(20 * ms)
				}
			})
		}
		for n := range 50 {
			time.Sleep(99 * ms)
			recs[n%8].Pause(time.Now())
			recs[(n+3)%8].Resume(time.Now())
		}
		var closers sync.WaitGroup
		for _, rec := range recs {
			for range 3 {
				closers.Go(func() { rec.Close(time.Now()) })
			}
		}
		closers.Wait()
		for _, rec := range recs {
			s := h.waitSealed(rec.ID())
			left, _ := readWAV(t, s.Path)
			wantLength(t, s, left, 50*99*ms)
		}
		shards.Wait()
	})
}

func TestRetentionRemovesWholeDaysAndNothingInProgress(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		old := h.begin()
		h.end(old)
		time.Sleep(24*time.Hour - time.Minute)
		live := h.begin()
		time.Sleep(time.Minute)
		young := h.begin()
		h.end(young)
		put(t, filepath.Join(h.dir, "2000/01/01/README"), "a stranger's")

		if n, err := h.Sweep(time.Date(2000, 1, 1, 23, 59, 0, 0, time.UTC)); n != 0 || err != nil {
			t.Errorf("a day that has not ended by then: got %d, %v, want none removed", n, err)
		}
		n, err := h.Sweep(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC))
		if n != 1 || err != nil {
			t.Errorf("got %d, %v, want the one old recording removed", n, err)
		}
		for path, want := range map[string]bool{
			old.Path(): false, sidecarPath(old.Path()): false, live.Path(): true,
			young.Path(): true, filepath.Join(h.dir, "2000/01/01/README"): true,
		} {
			if _, err := os.Stat(path); (err == nil) != want {
				t.Errorf("%s: got %v, want there %v", path, err, want)
			}
		}
		if err := h.Remove(live.ID()); !errors.Is(err, ErrInProgress) {
			t.Errorf("Remove in progress: got %v, want ErrInProgress", err)
		}
		h.end(live)
		for range 2 { // safe to repeat
			if err := h.Remove(live.ID()); err != nil {
				t.Errorf("Remove: got %v, want none", err)
			}
		}
		if err := h.Remove("../x"); !errors.Is(err, ErrBadID) {
			t.Errorf("Remove of no id: got %v, want ErrBadID", err)
		}
	})
}

func TestRetentionRunsByItself(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		id := NewID(time.Now())
		wav := filepath.Join(dir, "2000/01/01", string(id)+".wav")
		put(t, wav, "x")
		r, _, err := Open(Config{Dir: dir, Keep: 48 * time.Hour, Emit: func(Event) {}, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		time.Sleep(70 * time.Hour)
		if _, err := os.Stat(wav); err != nil {
			t.Errorf("before its time: got %v, want it there", err)
		}
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		if _, err := os.Stat(filepath.Dir(wav)); err == nil {
			t.Error("after its time: got the day's folder, want it gone")
		}
	})
}

func BenchmarkSound(b *testing.B) {
	rec := &Recording{rate: 8000}
	for i := range rec.rings {
		rec.rings[i].Store(new(ring))
	}
	pcm := make([]int16, 160)
	b.ReportAllocs()
	for i := range b.N {
		rec.Sound(0, 1, uint32(i*160), 0, false, int64(i), 8000, pcm)
		if i%50 == 0 {
			rec.rings[0].Load().drain(func(heard, []int16, []int16) {})
		}
	}
}

// BenchmarkRecording is what one recording costs from Start to Sealed when
// nobody speaks: files made, sealed, told.
func BenchmarkRecording(b *testing.B) {
	sealed := make(chan struct{}, 1024)
	r, _, err := Open(Config{Dir: b.TempDir(), Emit: func(Event) { sealed <- struct{}{} }, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		now := time.Now()
		r.Start(StartConfig{ID: NewID(now), At: now}).Close(now)
	}
	for range b.N {
		<-sealed
	}
	b.StopTimer()
	if err := r.Close(); err != nil {
		b.Error(err)
	}
}
