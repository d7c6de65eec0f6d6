package call

import (
	"context"
	"errors"
	"time"

	"trunkline/recorder"
	"trunkline/routing"
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
	s.wordsOf(r.ID, record.ID, r.Duration, record.teamOf(r))
}

// transcribeMessage asks for the words of a sealed message, where the team of
// its box, or the first one of its agent, wants them.
func (s *Switchboard) transcribeMessage(m *Message) {
	s.wordsOf(m.ID, m.Call, m.Duration, s.teamOfBox(m.Box))
}

func (s *Switchboard) wordsOf(id recorder.ID, of ID, length time.Duration, team routing.TeamID) {
	if t := s.setup.Teams[team]; t.Transcripts && length > 0 {
		err := s.hands.Recorder.Transcribe(recorder.Task{ID: id, Of: string(of), Language: t.Language})
		if err != nil && !errors.Is(err, recorder.ErrNoTranscriber) {
			s.log.Warn("a recording is not transcribed", "call", of, "err", err)
		}
	}
}

// teamOfBox is the box's team, or its agent's first one.
func (s *Switchboard) teamOfBox(box Box) routing.TeamID {
	if box.Agent != "" {
		if all := s.boxesOf(box.Agent); len(all) > 1 {
			return all[1].Team
		}
	}
	return box.Team
}

// Language is what is spoken on a recording, by its team's configuration.
func (s *Switchboard) Language(ctx context.Context, r Record, rec Recorded) string {
	language, _ := ask(ctx, s, func(time.Time) string {
		team := r.teamOf(&rec)
		if m := s.messages[rec.ID]; m != nil {
			team = s.teamOfBox(m.Box)
		}
		return s.setup.Teams[team].Language
	})
	return language
}
