package call

import (
	"context"
	"errors"
	"time"

	"trunkline/recorder"
)

// What the recorder knows of the words of recordings, for those who show them.
type (
	Transcript       = recorder.Transcript
	TranscriptTask   = recorder.Task
	TranscriptStatus = recorder.TranscriptStatus
	RecordingID      = recorder.ID
	FoundWords       = recorder.Found
	Said             = recorder.Said
	Span             = recorder.Span
)

// The states of a transcript that mean something to those who show it.
const (
	TranscriptNone    = recorder.TranscriptNone
	TranscriptWaiting = recorder.TranscriptWaiting
	TranscriptDone    = recorder.TranscriptDone
)

// ErrNoTranscriber says that recordings do not become words here.
var ErrNoTranscriber = recorder.ErrNoTranscriber

// transcribe asks for the words of a sealed recording, where its team wants
// them.
func (s *Switchboard) transcribe(record *Record, r *Recorded) {
	if team := s.setup.Teams[record.teamOf(r)]; team.Transcripts && r.Duration > 0 {
		err := s.hands.Recorder.Transcribe(recorder.Task{ID: r.ID, Of: string(record.ID), Language: team.Language})
		if err != nil && !errors.Is(err, recorder.ErrNoTranscriber) {
			s.log.Warn("a recording is not transcribed", "call", record.ID, "err", err)
		}
	}
}

// Language is what is spoken on a recording, by its team's configuration.
func (s *Switchboard) Language(ctx context.Context, r Record, rec Recorded) string {
	language, _ := ask(ctx, s, func(time.Time) string { return s.setup.Teams[r.teamOf(&rec)].Language })
	return language
}
