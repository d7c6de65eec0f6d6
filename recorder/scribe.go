package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// transcribingDir holds a file for each transcript that is asked for and not
// done, and the sides that are being worked on.
const transcribingDir = "transcribing"

// firstWait is between the first try and the second; each further wait is four
// times as long.
const firstWait = 15 * time.Second

const mostWait = 2 * time.Hour

// task is a Task in the queue, and in its file.
type task struct {
	Task
	Tries  int       `json:"tries"`
	Why    string    `json:"why,omitempty"`
	Next   time.Time `json:"next,omitzero"`
	Failed bool      `json:"failed,omitempty"`

	unsaved bool
	cancel  context.CancelFunc // while it runs
	dropped bool               // its recording was removed meanwhile
}

// scribe is the queue of transcripts. Its goroutine starts workers; what waits
// is in files, so that a restart loses nothing.
type scribe struct {
	rec  *Recorder
	wake chan struct{} // holds one

	mu      sync.Mutex
	how     Transcribing
	tasks   map[ID]*task
	order   []ID // as asked for
	working int
}

func newScribe(r *Recorder, how Transcribing) *scribe {
	return &scribe{rec: r, how: how.withDefaults(), wake: make(chan struct{}, 1), tasks: map[ID]*task{}}
}

func (t Transcribing) withDefaults() Transcribing {
	if t.Timeout <= 0 {
		t.Timeout = 10 * time.Minute
	}
	if t.Tries <= 0 {
		t.Tries = 5
	}
	if t.AtOnce <= 0 {
		t.AtOnce = 1
	}
	return t
}

func (s *scribe) status(id ID) (out TranscriptStatus, queued bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks[id]
	if t == nil {
		return out, false
	}
	out = TranscriptStatus{State: TranscriptWaiting, Why: t.Why, Tries: t.Tries, Next: t.Next}
	switch {
	case t.Failed:
		out.State = TranscriptFailed
	case t.cancel != nil:
		out.State = TranscriptRunning
	}
	return out, true
}

// forget takes a recording's transcript back, wherever it is.
func (s *scribe) forget(wav string, id ID) error {
	s.mu.Lock()
	if t := s.tasks[id]; t != nil {
		t.dropped = true
		if t.cancel != nil {
			t.cancel()
		}
		s.drop(id)
	}
	s.mu.Unlock()
	return errors.Join(gone(os.Remove(s.path(id))), gone(os.Remove(transcriptPath(wav))))
}

func (s *scribe) drop(id ID) {
	delete(s.tasks, id)
	for i, one := range s.order {
		if one == id {
			s.order = append(s.order[:i:i], s.order[i+1:]...)
			break
		}
	}
}

func (s *scribe) path(id ID) string {
	return filepath.Join(s.rec.dir, transcribingDir, string(id)+".json")
}

func (s *scribe) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// load reads what the process before left, the oldest first.
func (s *scribe) load() error {
	dir := filepath.Join(s.rec.dir, transcribingDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		id, ext, _ := strings.Cut(f.Name(), ".")
		if _, err := ulid.ParseStrict(id); err != nil {
			continue // not ours
		}
		if ext != "json" { // a side that was being worked on
			_ = os.Remove(filepath.Join(dir, f.Name()))
			continue
		}
		var t task
		b, err := os.ReadFile(s.path(ID(id)))
		if err == nil {
			err = json.Unmarshal(b, &t)
		}
		if err != nil { // torn: ask again
			s.rec.log.Warn("a transcript that was asked for is asked for again", "file", s.path(ID(id)), "err", err)
			t = task{}
		}
		t.ID = ID(id)
		s.tasks[t.ID] = &t
		s.order = append(s.order, t.ID)
	}
	return nil
}

// run starts workers for what is due, until the recorder closes; then it waits
// for them.
func (s *scribe) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, next := s.due(time.Now())
		for _, t := range due {
			one, stop := context.WithCancel(ctx)
			s.mu.Lock()
			t.cancel = stop
			if t.dropped { // since it was taken
				stop()
			}
			s.mu.Unlock()
			workers.Go(func() {
				s.work(one, t)
				stop()
				s.poke()
			})
		}
		timer.Reset(next)
		select {
		case <-s.rec.quit:
			s.saveNew()
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// due takes what may start now, and says when to look again.
func (s *scribe) due(now time.Time) (due []*task, next time.Duration) {
	s.saveNew()
	s.mu.Lock()
	defer s.mu.Unlock()
	next = time.Hour
	if s.how.Driver == nil {
		return nil, next
	}
	for _, id := range s.order {
		t := s.tasks[id]
		if t.Failed || t.cancel != nil {
			continue
		}
		if wait := t.Next.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if s.working >= s.how.AtOnce {
			break // a worker that ends looks again
		}
		s.working++
		t.cancel = func() {} // taken
		due = append(due, t)
	}
	return due, next
}

// saveNew writes the files of what was asked for.
func (s *scribe) saveNew() {
	s.mu.Lock()
	var fresh []*task
	for _, id := range s.order {
		if t := s.tasks[id]; t.unsaved {
			t.unsaved = false
			fresh = append(fresh, t)
		}
	}
	s.mu.Unlock()
	for _, t := range fresh {
		s.save(t)
	}
}

// save writes a task's file. Without it the task is lost if the switch dies.
func (s *scribe) save(t *task) {
	s.mu.Lock()
	b, err := json.Marshal(t)
	s.mu.Unlock()
	if err == nil {
		err = replaceFile(s.path(t.ID), b)
	}
	if err != nil {
		s.rec.log.Warn("a transcript that is asked for is not kept over a restart", "err", err)
	}
	s.ifDropped(t, s.path(t.ID))
}

// ifDropped removes a file that was written while its recording was removed.
func (s *scribe) ifDropped(t *task, path string) {
	s.mu.Lock()
	dropped := t.dropped
	s.mu.Unlock()
	if dropped {
		_ = os.Remove(path)
	}
}

// work tries one transcript, and puts what became of it into the queue. The
// disk is not touched under the lock: the switchboard asks, and never waits.
func (s *scribe) work(ctx context.Context, t *task) {
	s.mu.Lock()
	how := s.how
	if how.Driver == nil { // taken away since it was due: it waits
		s.working--
		t.cancel = nil
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	u, _ := ulid.ParseStrict(string(t.ID))
	wav := wavPath(s.rec.dir, u)
	words, err := s.transcribe(ctx, how, t.Task, wav)
	if err == nil {
		err = writeTranscript(wav, words)
		s.ifDropped(t, transcriptPath(wav))
	}
	_, there := os.Lstat(wav)
	vanished := errors.Is(there, fs.ErrNotExist) // retention was faster, or a hand
	s.mu.Lock()
	s.working--
	t.cancel = nil
	over := err == nil || vanished || t.dropped
	switch {
	case over && !t.dropped:
		s.drop(t.ID)
	case !over && !s.rec.closing.Load(): // ended by us, it is no try of its own
		s.failed(t, how, err)
	}
	state := TranscriptState("")
	switch {
	case vanished || t.dropped:
	case err == nil:
		state = TranscriptDone
	case t.Failed:
		state = TranscriptFailed
	}
	s.mu.Unlock()
	if over {
		_ = os.Remove(s.path(t.ID))
	} else {
		s.save(t)
	}
	if state != "" {
		s.rec.emit(Transcribed{ID: t.ID, Of: t.Of, State: state})
	}
}

// failed counts a try that failed.
func (s *scribe) failed(t *task, how Transcribing, err error) {
	t.Tries++
	t.Why = err.Error()
	if t.Tries >= how.Tries || errors.Is(err, ErrHopeless) {
		t.Failed, t.Next = true, time.Time{}
		s.rec.log.Error("a transcript failed", "call", t.Of, "reason", string(t.ID), "err", err)
		return
	}
	wait := firstWait
	for range t.Tries - 1 {
		wait = min(4*wait, mostWait)
	}
	t.Next = time.Now().Add(wait)
	if t.Tries == 1 {
		s.rec.log.Warn("a transcript failed and is tried again", "call", t.Of, "reason", string(t.ID), "err", err)
	}
}

// transcribe has both sides of a recording recognised, one after the other.
func (s *scribe) transcribe(ctx context.Context, how Transcribing, t Task, wav string) (out Transcript, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.rec.log.Error("panic in a transcript", "call", t.Of, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w (%w)", ErrDefect, ErrHopeless)
		}
	}()
	out = Transcript{ID: t.ID, Of: t.Of, Language: t.Language, By: how.Driver.Name(), At: time.Now().UTC(), Said: []Said{}, Pauses: []Span{}}
	if side, err := ReadSidecar(wav); err == nil {
		for _, m := range side.Marks {
			if m.Kind == MarkPause {
				out.Pauses = append(out.Pauses, Span{seconds(m.From), seconds(m.To)})
			}
		}
	}
	for side := range 2 {
		said, length, err := s.side(ctx, how, wav, t, side)
		if err != nil {
			return out, err
		}
		out.Duration = length
		out.Said = append(out.Said, said...)
	}
	out.settle()
	return out, nil
}

// side has one side recognised; a side on which nobody is heard is not.
func (s *scribe) side(ctx context.Context, how Transcribing, wav string, t Task, side int) ([]Said, float64, error) {
	mono := filepath.Join(s.rec.dir, transcribingDir, fmt.Sprintf("%s.%d.wav", t.ID, side))
	defer os.Remove(mono)
	length, heard, err := splitSide(wav, mono, side)
	if err != nil || !heard {
		return nil, length, err
	}
	ctx, cancel := context.WithTimeout(ctx, how.Timeout)
	defer cancel()
	body, err := how.Driver.Transcribe(ctx, mono, t.Language)
	if err != nil {
		return nil, length, err
	}
	said, err := parseReply(body, side, length)
	return said, length, err
}
