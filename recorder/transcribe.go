package recorder

import (
	"errors"
	"os"
	"time"

	"github.com/oklog/ulid/v2"
)

// Transcribing is how recordings become words. Its zero value makes none.
type Transcribing struct {
	Driver  Driver        // nil: recordings are not transcribed
	Timeout time.Duration // for one side of a recording; 0: 10 min
	Tries   int           // before it counts as failed; 0: 5
	AtOnce  int           // recordings worked on at a time; 0: 1
}

// Task asks for the words of a sealed recording.
type Task struct {
	ID       ID     `json:"id"`
	Of       string `json:"of,omitempty"` // whose it is: kept in the transcript
	Language string `json:"language,omitempty"`
}

// TranscriptState says how far a transcript is.
type TranscriptState string

// The states of a transcript.
const (
	TranscriptNone    TranscriptState = ""        // never asked for
	TranscriptWaiting TranscriptState = "waiting" // for its turn, or for the next try
	TranscriptRunning TranscriptState = "running"
	TranscriptFailed  TranscriptState = "failed" // until it is asked for again
	TranscriptDone    TranscriptState = "done"
)

// TranscriptStatus is the state of a recording's transcript.
type TranscriptStatus struct {
	State TranscriptState
	Why   string    // failed, or waiting after a failure: what was wrong
	Tries int       // so far
	Next  time.Time // waiting: not before
}

// Transcribed says that a transcript was made, or has failed for good. Why is
// not part of it: it may quote the recogniser.
type Transcribed struct {
	ID    ID
	Of    string
	State TranscriptState // TranscriptDone or TranscriptFailed
}

func (Transcribed) event() {}

// ErrNoTranscriber is Transcribe's where no Driver is configured.
var ErrNoTranscriber = errors.New("recordings are not transcribed here")

// SetTranscribing changes how recordings become words from the next one on.
func (r *Recorder) SetTranscribing(how Transcribing) {
	s := r.scribe
	s.mu.Lock()
	s.how = how.withDefaults()
	s.mu.Unlock()
	s.poke()
}

// Transcribe asks for the words of a sealed recording; what becomes of it is a
// Transcribed event. One that has failed or is done is made anew. It never
// blocks.
func (r *Recorder) Transcribe(t Task) error {
	if _, err := ulid.ParseStrict(string(t.ID)); err != nil {
		return ErrBadID
	}
	s := r.scribe
	s.mu.Lock()
	defer s.mu.Unlock()
	switch old := s.tasks[t.ID]; {
	case s.how.Driver == nil:
		return ErrNoTranscriber
	case r.closing.Load():
		return ErrClosed
	case old != nil && !old.Failed:
		return nil // it is on its way
	}
	s.drop(t.ID)
	s.tasks[t.ID] = &task{Task: t, unsaved: true}
	s.order = append(s.order, t.ID)
	s.poke()
	return nil
}

// TranscriptStatus says how far the transcript of a recording is. It looks at
// the disk.
func (r *Recorder) TranscriptStatus(id ID) TranscriptStatus {
	if out, queued := r.scribe.status(id); queued {
		return out
	}
	if u, err := ulid.ParseStrict(string(id)); err == nil {
		if _, err := os.Lstat(transcriptPath(wavPath(r.dir, u))); err == nil {
			return TranscriptStatus{State: TranscriptDone}
		}
	}
	return TranscriptStatus{}
}

// Transcript reads the words of a recording. fs.ErrNotExist: there are none.
func (r *Recorder) Transcript(id ID) (Transcript, error) {
	u, err := ulid.ParseStrict(string(id))
	if err != nil {
		return Transcript{}, ErrBadID
	}
	return ReadTranscript(wavPath(r.dir, u))
}
