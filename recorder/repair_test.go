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
	"testing"
	"time"
)

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
	began := time.Now()
	rec := r.Start(StartConfig{ID: NewID(began), At: began})
	v := &voice{rec: rec, ssrc: 1}
	said := false
	for now := began; ; now = now.Add(20 * ms) { // a ticker would leave out what a busy machine is late for
		<-time.After(time.Until(now))
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
		marker             string // what lies in the unsealed folder, if not the file itself
		frames             int64
		rate               int
		marks              int
		missing            bool
	}{
		{"an empty file without its own name", "", "", "", 0, 8000, 0, true},
		{"sound without its own name", "", "", head(8000, 0) + sound, 800, 8000, 1, false},
		{"empty file", "empty", "", "", 0, 8000, 1, false},
		{"torn header", head(8000, 0)[:20], "", "", 0, 8000, 1, false},
		{"header only", head(8000, 0), "", "", 0, 8000, 1, false},
		{"sound after a header of zero", head(8000, 0) + sound, "", "", 800, 8000, 1, false},
		{"half a frame", head(8000, 0) + sound + "\x01\x02\x03", "", "", 800, 8000, 1, false},
		{"header of more than there is", head(8000, 9000) + sound, "", "", 800, 8000, 1, false},
		{"another rate", head(16000, 3) + sound, "", "", 800, 16000, 1, false},
		{"torn sidecar", head(8000, 0) + sound, `{"id": "0`, "", 800, 8000, 1, false},
		{"open pause", head(8000, 0) + sound, `{"marks":[{"kind":"pause","from":0.05,"to":0.05,"by":"ann"}]}`, "", 800, 8000, 2, false},
		{"cut by a full disk, sidecar not written twice", head(8000, 0) + sound, `{"marks":[{"kind":"cut","from":0.1,"to":0.1}]}`, "", 800, 8000, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			id := NewID(time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC))
			wav := filepath.Join(dir, "2026/03/01", string(id)+".wav")
			put(t, filepath.Join(dir, unsealedDir, string(id)), c.marker)
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
