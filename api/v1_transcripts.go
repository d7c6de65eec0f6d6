package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
)

// Transcripts are the words of recordings. A recorder.Recorder has them.
type Transcripts interface {
	Transcribe(call.TranscriptTask) error
	TranscriptStatus(call.RecordingID) call.TranscriptStatus
	Transcript(call.RecordingID) (call.Transcript, error)
	FindWords(ctx context.Context, text string, before call.RecordingID, limit int) ([]call.FoundWords, call.RecordingID, error)
}

// Transcript is the state of a recording's transcript, and when it is done its
// words.
type Transcript struct {
	State string    `json:"state" enum:"none,waiting,running,failed,done"`
	Why   string    `json:"why,omitempty" doc:"failed, or waiting after a failure: what was wrong"`
	Tries int       `json:"tries,omitempty" doc:"so far"`
	Next  time.Time `json:"next,omitzero" doc:"waiting: not before"`

	Words *call.Transcript `json:"transcript,omitempty" doc:"side 0 is the caller, 1 the agent; times are seconds from the start"`
}

// FoundWords is a place in a transcript.
type FoundWords struct {
	Call      string    `json:"call"`
	Recording string    `json:"recording"`
	Began     time.Time `json:"began" doc:"of the recording"`
	Side      int       `json:"side" doc:"0: the caller, 1: the agent"`
	Start     float64   `json:"start" doc:"seconds from its start"`
	Text      string    `json:"text"`
}

// FoundPage is what a search found.
type FoundPage struct {
	Found []FoundWords `json:"found"`
	Next  string       `json:"next,omitempty" doc:"before, to go on; absent: there is no more"`
}

// searchFor is how long a search reads the disk before it gives what it has.
const searchFor = 2 * time.Second

func (s *Server) transcriptRoutes(api huma.API) {
	route(api, ScopeAgent, "GET /v1/transcripts", "Find words in transcripts, the newest recordings first; an agent's token finds those of the agent's calls",
		func(ctx context.Context, in *struct {
			Text   string `query:"text" required:"true" minLength:"2" maxLength:"200" doc:"each word begins a word that was said in one go"`
			Before string `query:"before" maxLength:"64" doc:"next of the page before"`
			Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"of how many recordings"`
		}) (*body[FoundPage], error) {
			out, err := s.findWords(ctx, in.Text, call.RecordingID(in.Before), in.Limit)
			return answerOf(out, err)
		})
	route(api, ScopeAgent, "GET /v1/calls/{id}/recordings/{recording}/transcript", "The words of a recording, or how far they are",
		func(ctx context.Context, in *recordingPath) (*body[Transcript], error) {
			_, one, err := s.recording(ctx, in)
			if err != nil {
				return nil, err
			}
			return s.transcript(one.ID)
		})
	route(api, ScopeAgent, "GET /v1/calls/{id}/recordings/{recording}/transcript/{format}", "The words as a file: text, vtt or json", s.transcriptFile)
	route(api, ScopeSupervisor, "POST /v1/calls/{id}/recordings/{recording}/transcript", "Make the transcript, or make it anew",
		func(ctx context.Context, in *recordingPath) (*body[Transcript], error) {
			return s.transcribe(ctx, in)
		})
}

// transcript is how far a recording's words are, and the words.
func (s *Server) transcript(id call.RecordingID) (*body[Transcript], error) {
	out := transcriptView(s.cfg.Transcripts.TranscriptStatus(id))
	if out.State == string(call.TranscriptDone) {
		words, err := s.words(id)
		if err != nil {
			return nil, err
		}
		out.Words = &words
	}
	return answerOf(out, nil)
}

// transcribe has a recording's words made, or made anew.
func (s *Server) transcribe(ctx context.Context, in *recordingPath) (*body[Transcript], error) {
	record, one, err := s.recording(ctx, in)
	switch {
	case err != nil:
		return nil, err
	case !one.Sealed:
		return nil, &Error{Status: http.StatusConflict, What: "this recording is being written", Cure: "ask after the call"}
	}
	language := s.cfg.Board.Language(ctx, record, one)
	err = s.cfg.Transcripts.Transcribe(call.TranscriptTask{ID: one.ID, Of: string(record.ID), Language: language})
	if errors.Is(err, call.ErrNoTranscriber) {
		return nil, &Error{Status: http.StatusConflict, What: err.Error(), Cure: "say under transcripts: in the configuration how"}
	}
	return answerOf(transcriptView(s.cfg.Transcripts.TranscriptStatus(one.ID)), err)
}

// findWords looks through transcripts for searchFor, or until there are enough that the asker may read. Where ctx is done
// while that is asked, it gives what was judged, and goes on after the last of these.
func (s *Server) findWords(ctx context.Context, text string, before call.RecordingID, limit int) (FoundPage, error) {
	out := FoundPage{Found: []FoundWords{}}
	looking, cancel := context.WithTimeout(ctx, searchFor)
	defer cancel()
	all, hears := asker(ctx).scope != ScopeAgent, s.earsOf(asker(ctx))
	may, mine := map[call.RecordingID]bool{}, 0
	for {
		found, next, err := s.cfg.Transcripts.FindWords(looking, text, before, limit-mine)
		if err != nil && out.Next != "" && looking.Err() != nil { // time was over before this look began
			return out, nil
		}
		if err != nil {
			return out, err
		}
		for _, f := range found {
			ok, known := may[f.ID]
			if !known && !all {
				ok, err = s.mayRead(ctx, hears, f)
				if err != nil && out.Next != "" && ctx.Err() != nil {
					return out, nil
				}
				if err != nil {
					return out, err
				}
				if ok {
					mine++
				}
				may[f.ID] = ok
			}
			out.Next = string(f.ID)
			if ok || all {
				out.Found = append(out.Found, FoundWords{
					Call: f.Of, Recording: string(f.ID), Began: f.At, Side: f.Said.Side, Start: f.Said.Start, Text: f.Said.Text,
				})
			}
		}
		out.Next = string(next)
		if all || next == "" || mine >= limit || looking.Err() != nil {
			return out, nil
		}
		before = next
	}
}

// mayRead says whether a recording whose words were found is on a card that hears may have, as one that they hear.
func (s *Server) mayRead(ctx context.Context, hears *ears, f call.FoundWords) (bool, error) {
	r, err := s.recordFor(ctx, hears, f.Of)
	var refused *Error
	if errors.As(err, &refused) {
		return false, nil
	}
	return err == nil && slices.ContainsFunc(r.Recordings, func(one call.Recorded) bool { return one.ID == f.ID }), err
}

// transcriptFile gives a transcript to be kept.
func (s *Server) transcriptFile(ctx context.Context, in *struct {
	CallPath
	Recording string `path:"recording" maxLength:"64"`
	Format    string `path:"format" enum:"text,vtt,json"`
}) (*huma.StreamResponse, error) {
	_, one, err := s.recording(ctx, &recordingPath{CallPath: in.CallPath, Recording: in.Recording})
	if err != nil {
		return nil, err
	}
	words, err := s.words(one.ID)
	if err != nil {
		return nil, err
	}
	form := map[string]struct{ kind, ending string }{
		"text": {"text/plain; charset=utf-8", "txt"}, "vtt": {"text/vtt; charset=utf-8", "vtt"}, "json": {"application/json", "json"},
	}[in.Format]
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", form.kind)
		c.SetHeader("Content-Disposition", `attachment; filename="`+string(one.ID)+"."+form.ending+`"`)
		c.SetHeader("Cache-Control", "private, no-store")
		// Who hangs up in the middle of it knows.
		switch in.Format {
		case "text":
			_ = words.WriteText(c.BodyWriter())
		case "vtt":
			_ = words.WriteVTT(c.BodyWriter())
		default:
			_ = words.WriteJSON(c.BodyWriter())
		}
	}}, nil
}

// worded is a call's card with how far its transcripts are. It looks at the disk.
func (s *Server) worded(c Card) Card {
	for i := range c.Recordings {
		if s.cfg.Transcripts != nil {
			c.Recordings[i].Transcript = string(s.cfg.Transcripts.TranscriptStatus(call.RecordingID(c.Recordings[i].ID)).State)
		}
	}
	return c
}

// words reads a transcript.
func (s *Server) words(id call.RecordingID) (call.Transcript, error) {
	t, err := s.cfg.Transcripts.Transcript(id)
	if errors.Is(err, fs.ErrNotExist) {
		return t, &Error{Status: http.StatusNotFound, What: "this recording has no transcript", Cure: "POST …/transcript makes one"}
	}
	return t, err
}

func transcriptView(t call.TranscriptStatus) Transcript {
	state := string(t.State)
	if t.State == call.TranscriptNone {
		state = "none"
	}
	return Transcript{State: state, Why: t.Why, Tries: t.Tries, Next: t.Next}
}
