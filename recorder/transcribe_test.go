package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a Driver that answers from a list, and then always with its last.
type scripted struct {
	mu      sync.Mutex    // guards answers and asked
	answers []any         // string: the reply; error: of the try
	takes   time.Duration // for each side
	asked   []string      // base names of the files, with the language
}

func (d *scripted) Name() string { return "scripted" }

func (d *scripted) Transcribe(ctx context.Context, wav, language string) ([]byte, error) {
	d.mu.Lock()
	d.asked = append(d.asked, filepath.Base(wav)+" "+language)
	d.mu.Unlock()
	select {
	case <-time.After(d.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.answers[0]
	if len(d.answers) > 1 {
		d.answers = d.answers[1:]
	}
	if err, ok := a.(error); ok {
		return nil, err
	}
	return []byte(a.(string)), nil
}

// said is what it was asked so far.
func (d *scripted) said() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

// tape makes a sealed recording of two seconds; loud sides are heard.
func (h *house) tape(loud ...int) ID {
	h.t.Helper()
	rec := h.begin()
	for range 100 {
		for _, side := range loud {
			samples := make([]int16, 160)
			for i := range samples {
				samples[i] = int16(4000 * (1 - 2*(i/8%2)))
			}
			h.say(rec, side, samples)
		}
		time.Sleep(20 * time.Millisecond)
	}
	rec.Close(time.Now())
	h.waitSealed(rec.ID())
	return rec.ID()
}

func (h *house) say(rec *Recording, side int, samples []int16) {
	if h.numbers == nil {
		h.numbers = map[ID][2]uint16{}
	}
	n := h.numbers[rec.ID()]
	seq := n[side]
	n[side]++
	h.numbers[rec.ID()] = n
	rec.Sound(side, uint32(side+1), uint32(seq)*160, seq, seq == 0, time.Now().UnixNano(), 8000, samples)
}

func (h *house) settled() []Transcribed {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Transcribed(nil), h.transcribed...)
}

func TestEachHeardSideIsTranscribedApart(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		d := &scripted{answers: []any{
			`{"text":"hello there","segments":[{"start":0.5,"end":1,"text":" hello there"}]}`,
			`{"text":"good day","segments":[{"start":0.2,"end":0.4,"text":"good day"}]}`,
		}}
		h.SetTranscribing(Transcribing{Driver: d})
		id := h.tape(0, 1)
		if err := h.Transcribe(Task{ID: id, Of: "call", Language: "en"}); err != nil {
			t.Fatal(err)
		}
		if got := h.settled(); len(got) != 1 || got[0] != (Transcribed{ID: id, Of: "call", State: TranscriptDone}) {
			t.Fatalf("events: got %+v, want one done", got)
		}
		words, err := h.Transcript(id)
		if err != nil || len(words.Said) != 2 || words.Said[0].Text != "good day" || words.Said[0].Side != 1 || words.Said[1].Side != 0 {
			t.Errorf("words: got %+v, %v, want the agent's first, then the caller's", words.Said, err)
		}
		if words.Of != "call" || words.Language != "en" || words.By != "scripted" || words.Duration < 1.9 || words.Duration > 2.1 {
			t.Errorf("transcript: got %+v", words)
		}
		if want := []string{string(id) + ".0.wav en", string(id) + ".1.wav en"}; strings.Join(d.said(), ";") != strings.Join(want, ";") {
			t.Errorf("asked: got %q, want %q", d.said(), want)
		}
		left, _ := os.ReadDir(filepath.Join(h.dir, transcribingDir))
		if len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

func TestASideWithoutSoundIsNotSent(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		d := &scripted{answers: []any{"only me"}}
		h.SetTranscribing(Transcribing{Driver: d})
		id := h.tape(1)
		_ = h.Transcribe(Task{ID: id})
		h.settled()
		words, err := h.Transcript(id)
		if err != nil || len(d.said()) != 1 || len(words.Said) != 1 || words.Said[0].Side != 1 || words.Said[0].Text != "only me" {
			t.Errorf("got %+v, %v after asking %q, want the agent's words alone", words.Said, err, d.said())
		}
	})
}

func TestATranscriptIsTriedAgainAndThenFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		d := &scripted{answers: []any{errors.New("no memory")}}
		h.SetTranscribing(Transcribing{Driver: d, Tries: 3})
		id := h.tape(0)
		_ = h.Transcribe(Task{ID: id, Of: "c"})
		synctest.Wait()
		if got := h.TranscriptStatus(id); got.State != TranscriptWaiting || got.Tries != 1 || got.Why != "no memory" || time.Until(got.Next) != firstWait {
			t.Errorf("after the first try: got %+v, want waiting for 15 s and why", got)
		}
		time.Sleep(firstWait + 4*firstWait - time.Second)
		synctest.Wait()
		if len(d.said()) != 2 {
			t.Errorf("tries before the third is due: got %d, want 2", len(d.said()))
		}
		time.Sleep(2 * time.Second)
		if got := h.settled(); len(got) != 1 || got[0].State != TranscriptFailed {
			t.Fatalf("events: got %+v, want one failed", got)
		}
		if got := h.TranscriptStatus(id); got.State != TranscriptFailed || got.Tries != 3 {
			t.Errorf("at last: got %+v, want failed after 3", got)
		}
		d.mu.Lock()
		d.answers = []any{"words"}
		d.mu.Unlock()
		_ = h.Transcribe(Task{ID: id, Of: "c"}) // by hand
		if got := h.settled(); len(got) != 2 || got[1].State != TranscriptDone {
			t.Errorf("asked for again: got %+v, want done", got)
		}
	})
}

func TestAHopelessErrorIsNotTriedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		h.SetTranscribing(Transcribing{Driver: &scripted{answers: []any{fmt.Errorf("bad key (%w)", ErrHopeless)}}})
		id := h.tape(0)
		_ = h.Transcribe(Task{ID: id})
		h.settled()
		if got := h.TranscriptStatus(id); got.State != TranscriptFailed || got.Tries != 1 {
			t.Errorf("got %+v, want failed at once", got)
		}
	})
}

func TestADriverThatHangsIsEnded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		h.SetTranscribing(Transcribing{Driver: &scripted{answers: []any{"x"}, takes: time.Hour}, Timeout: time.Minute, Tries: 1})
		id := h.tape(0)
		_ = h.Transcribe(Task{ID: id})
		synctest.Wait()
		if got := h.TranscriptStatus(id).State; got != TranscriptRunning {
			t.Errorf("while it works: got %q, want running", got)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got := h.TranscriptStatus(id).State; got != TranscriptFailed {
			t.Errorf("after its time: got %q, want failed", got)
		}
	})
}

func TestRemovingARecordingTakesItsTranscriptAlong(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		h.SetTranscribing(Transcribing{Driver: &scripted{answers: []any{"secret"}, takes: time.Minute}, AtOnce: 2})
		done, running := h.tape(0), h.tape(0)
		_ = h.Transcribe(Task{ID: done})
		time.Sleep(2 * time.Minute)
		_ = h.Transcribe(Task{ID: running})
		synctest.Wait()
		for _, id := range []ID{done, running} {
			if err := h.Remove(id); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, id := range []ID{done, running} {
			if _, err := h.Transcript(id); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("transcript: got %v, want none", err)
			}
			if got := h.TranscriptStatus(id); got.State != TranscriptNone {
				t.Errorf("state: got %+v, want none", got)
			}
		}
		_ = filepath.WalkDir(h.dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				t.Errorf("left behind: %s", path)
			}
			return err
		})
	})
}

func TestAtMostSoManyAtOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *house) {
		d := &scripted{answers: []any{"x"}, takes: time.Minute}
		h.SetTranscribing(Transcribing{Driver: d, AtOnce: 2})
		for range 5 {
			_ = h.Transcribe(Task{ID: h.tape(0)})
		}
		synctest.Wait()
		if len(d.said()) != 2 {
			t.Errorf("at once: got %d, want 2", len(d.said()))
		}
		time.Sleep(3*time.Minute + time.Second)
		if got := h.settled(); len(got) != 5 {
			t.Errorf("done: got %d, want 5", len(got))
		}
	})
}

func TestWhatWaitsSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	var id ID
	run := func(how Transcribing, fn func(h *house)) {
		synctest.Test(t, func(t *testing.T) {
			h := &house{t: t, dir: dir}
			var err error
			if h.Recorder, _, err = Open(Config{Dir: dir, Emit: h.emit, Log: quiet, Transcribing: how}); err != nil {
				t.Fatal(err)
			}
			fn(h)
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	run(Transcribing{Driver: &scripted{answers: []any{"x"}, takes: time.Hour}}, func(h *house) {
		id = h.tape(0)
		_ = h.Transcribe(Task{ID: id, Of: "c", Language: "de"})
		synctest.Wait() // it runs
	})
	d := &scripted{answers: []any{"after the restart"}}
	run(Transcribing{Driver: d}, func(h *house) {
		if got := h.settled(); len(got) != 1 || got[0].State != TranscriptDone || got[0].Of != "c" {
			t.Errorf("events: got %+v, want one done", got)
		}
		if words, err := h.Transcript(id); err != nil || words.Said[0].Text != "after the restart" || words.Language != "de" {
			t.Errorf("got %+v, %v", words, err)
		}
	})
}
