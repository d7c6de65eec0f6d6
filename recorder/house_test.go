package recorder

import (
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// house is a recorder in a synctest bubble, with the events it emitted.
type house struct {
	t   testing.TB
	dir string
	*Recorder

	mu     sync.Mutex
	sealed []Sealed

	transcribed []Transcribed
	numbers     map[ID][2]uint16 // of the packets said, by side
}

// inBubble runs fn with a recorder whose files are opened by open (nil: the
// real ones), and closes it.
func inBubble(t *testing.T, open func(string) (file, error), fn func(t *testing.T, h *house)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, dir: dir}
		h.Recorder = newRecorder(Config{Dir: dir, Emit: h.emit, Log: quiet})
		if open != nil {
			h.open = open
		}
		if err := os.MkdirAll(dir+"/"+unsealedDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := h.scribe.load(); err != nil {
			t.Fatal(err)
		}
		h.start()
		defer func() {
			if err := h.Close(); err != nil {
				t.Errorf("Close: got %v, want none", err)
			}
			synctest.Wait()
		}()
		fn(t, h)
	})
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func (h *house) emit(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := e.(type) {
	case Sealed:
		h.sealed = append(h.sealed, e)
	case Transcribed:
		h.transcribed = append(h.transcribed, e)
	}
}

func (h *house) begin() *Recording {
	now := time.Now()
	return h.Start(StartConfig{ID: NewID(now), At: now})
}

// end closes a recording now and returns its event and both channels.
func (h *house) end(rec *Recording) (s Sealed, left, right []int16) {
	h.t.Helper()
	rec.Close(time.Now())
	s = h.waitSealed(rec.ID())
	left, right = readWAV(h.t, s.Path)
	return s, left, right
}

// waitSealed waits for a recording's event and wants exactly one.
func (h *house) waitSealed(id ID) (s Sealed) {
	h.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, e := range h.sealed {
		if e.ID == id {
			n++
			s = e
		}
	}
	if n != 1 {
		h.t.Fatalf("Sealed events of %s: got %d, want 1", id, n)
	}
	return s
}

// readWAV reads a file strictly: the header must describe it exactly.
func readWAV(t testing.TB, path string) (left, right []int16) {
	t.Helper()
	return readWAVAt(t, path, 8000)
}

func readWAVAt(t testing.TB, path string, rate int) (left, right []int16) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < headerSize {
		t.Fatalf("%s: got %d bytes, want at least a header", path, len(b))
	}
	want := header(rate, int64(len(b)-headerSize)/frameSize)
	if string(b[:headerSize]) != string(want[:]) || (len(b)-headerSize)%frameSize != 0 {
		t.Fatalf("%s: got header % x for %d bytes, want % x", path, b[:headerSize], len(b), want)
	}
	for f := b[headerSize:]; len(f) > 0; f = f[frameSize:] {
		left = append(left, int16(binary.LittleEndian.Uint16(f)))
		right = append(right, int16(binary.LittleEndian.Uint16(f[2:])))
	}
	return left, right
}

// voice is a sender of 20 ms packets whose samples name themselves: sample i
// of its stream is nameOf(i).
type voice struct {
	rec  *Recording
	side int
	ssrc uint32
	ts   uint32 // of sample 0
	said int    // samples so far
	seq  uint16 // of the packet made last
}

func nameOf(i int) int16 { return int16(i%32000 + 1) }

// packet makes the next packet's samples.
func (v *voice) packet() (ts uint32, pcm []int16) {
	pcm = make([]int16, 160)
	for i := range pcm {
		pcm[i] = nameOf(v.said + i)
	}
	ts = v.ts + uint32(v.said)
	v.said += 160
	v.seq++
	return ts, pcm
}

// say sends the next packet as if it arrived now.
func (v *voice) say() { v.sayAt(time.Now()) }

func (v *voice) sayAt(at time.Time) {
	ts, pcm := v.packet()
	v.rec.Sound(v.side, v.ssrc, ts, v.seq, false, at.UnixNano(), 8000, pcm)
}

// speak sends n packets, one each 20 ms.
func (v *voice) speak(n int) {
	for range n {
		v.say()
		time.Sleep(20 * time.Millisecond)
	}
}

// wantRun checks that samples [at, at+n) are the stream's from sample i on.
func wantRun(t testing.TB, got []int16, at, i, n int) {
	t.Helper()
	if at+n > len(got) {
		t.Fatalf("channel: got %d samples, want at least %d", len(got), at+n)
	}
	for k := range n {
		if got[at+k] != nameOf(i+k) {
			t.Fatalf("sample %d: got %d, want %d (the stream's %d)", at+k, got[at+k], nameOf(i+k), i+k)
		}
	}
}

// wantSilence checks that samples [from, to) are zeros.
func wantSilence(t testing.TB, got []int16, from, to int) {
	t.Helper()
	if to > len(got) {
		t.Fatalf("channel: got %d samples, want at least %d", len(got), to)
	}
	for k := from; k < to; k++ {
		if got[k] != 0 {
			t.Fatalf("sample %d: got %d, want silence in [%d, %d)", k, got[k], from, to)
		}
	}
}

// wantFaint checks that samples [from, to) are no louder than a background.
func wantFaint(t testing.TB, got []int16, from, to int) {
	t.Helper()
	for k := from; k < to; k++ {
		if got[k] > 1000 || got[k] < -1000 {
			t.Fatalf("sample %d: got %d, want nothing but background in [%d, %d)", k, got[k], from, to)
		}
	}
}

// wantLength checks the rule: Start to Close within 20 ms, and the event and
// file say the same.
func wantLength(t testing.TB, s Sealed, samples []int16, want time.Duration) {
	t.Helper()
	got := time.Duration(len(samples)) * time.Second / 8000
	if d := got - want; d < 0 || d > 20*time.Millisecond {
		t.Errorf("length: got %v, want %v to 20 ms more", got, want)
	}
	if s.Duration != got || s.Bytes != int64(headerSize+len(samples)*frameSize) {
		t.Errorf("event: got %v and %d bytes, want %v and %d", s.Duration, s.Bytes, got, headerSize+len(samples)*frameSize)
	}
}

// loudness is the level of one frequency in a channel, as an amplitude.
func loudness(pcm []int16, hz float64) float64 {
	re, im := 0.0, 0.0
	for i, v := range pcm {
		a := 2 * math.Pi * hz * float64(i) / 8000
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}
