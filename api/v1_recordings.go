package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/store"
)

// recordingPath names a recording of a call.
type recordingPath struct {
	CallPath
	Recording string `path:"recording" maxLength:"64"`
}

// CallRecording is a recording with its call.
type CallRecording struct {
	Call  string    `json:"call"`
	Began time.Time `json:"began" doc:"of the call"`
	Recording
}

func (s *Server) recordingRoutes(api huma.API) {
	route(api, ScopeSupervisor, "GET /v1/recordings", "Recordings of ended calls, newest first",
		func(ctx context.Context, in *struct {
			Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"20" doc:"of how many calls"`
			Before string `query:"before" maxLength:"64" doc:"only of calls older than this one"`
			Agent  string `query:"agent" maxLength:"64"`
		}) (*body[[]CallRecording], error) {
			all, _, err := s.cfg.Records(store.Filter{Before: call.ID(in.Before), Limit: in.Limit, Agent: routing.AgentID(in.Agent)})
			out := []CallRecording{}
			for _, r := range all {
				for _, one := range CardOf(r, r.Ended).Recordings {
					out = append(out, CallRecording{Call: string(r.ID), Began: r.Initiated, Recording: one})
				}
			}
			return answerOf(out, err)
		})
	route(api, ScopeAgent, "GET /v1/calls/{id}/recordings/{recording}/peaks", "How loud each side was, for drawing it: 0 to 255 in equal stretches",
		func(ctx context.Context, in *recordingPath) (*body[Peaks], error) {
			_, one, err := s.recording(ctx, in)
			if err != nil {
				return nil, err
			}
			p, err := s.peaks.of(one.Path, s.cfg.Peaks)
			if errors.Is(err, fs.ErrNotExist) {
				err = &Error{Status: http.StatusGone, What: "the sound of this recording was deleted"}
			}
			return answerOf(p, err)
		})
	route(api, ScopeAgent, "GET /v1/calls/{id}/recordings/{recording}", "The sound, as WAV; ranges are served; an agent's token gets that of the agent's calls",
		func(ctx context.Context, in *recordingPath) (*huma.StreamResponse, error) {
			_, one, err := s.recording(ctx, in)
			if err != nil {
				return nil, err
			}
			f, err := os.Open(one.Path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, &Error{Status: http.StatusGone, What: "the sound of this recording was deleted"}
			}
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				defer f.Close()
				r, w := humago.Unwrap(c)
				var changed time.Time
				if info, err := f.Stat(); err == nil {
					changed = info.ModTime()
				}
				w.Header().Set("Content-Type", "audio/wav")
				w.Header().Set("Content-Disposition", `attachment; filename="`+string(one.ID)+`.wav"`)
				w.Header().Set("Cache-Control", "private, no-store")
				_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10 * time.Minute))
				http.ServeContent(w, r, "", changed, f)
			}}, nil
		})
	route(api, ScopeAdmin, "DELETE /v1/calls/{id}/recordings/{recording}", "Delete the sound and the words; who did stays on the call card",
		func(ctx context.Context, in *recordingPath) (*struct{}, error) {
			record, one, err := s.recording(ctx, in)
			switch {
			case err != nil:
				return nil, err
			case !one.Sealed || record.Ended.IsZero():
				return nil, &Error{Status: http.StatusConflict, What: "this call still goes on, or its recording is being written", Cure: "delete it after the call"}
			}
			if err := s.cfg.RemoveRecording(string(one.ID)); err != nil {
				return nil, err
			}
			return nil, s.cfg.Board.RecordingDeleted(ctx, record.ID, s.cfg.Card, one.ID, asker(ctx).name)
		})
}

// recording finds a recording on its call's card.
func (s *Server) recording(ctx context.Context, in *recordingPath) (call.Record, call.Recorded, error) {
	r, err := s.record(ctx, in.ID)
	if err != nil {
		return r, call.Recorded{}, err
	}
	i := slices.IndexFunc(r.Recordings, func(one call.Recorded) bool { return string(one.ID) == in.Recording })
	if i < 0 {
		return r, call.Recorded{}, &Error{Status: http.StatusNotFound, What: "this call has no such recording", Cure: "GET /v1/calls/{id} lists them"}
	}
	return r, r.Recordings[i], nil
}

// tokenIn asks for a token.
type tokenIn struct {
	Name  string `json:"name" minLength:"1" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]+$" doc:"what it is for"`
	Scope Scope  `json:"scope" enum:"wall,agent,supervisor,admin"`
	Agent string `json:"agent,omitempty" maxLength:"64" doc:"whose it is, in the scope agent"`
}

// NewToken is a token with its text, which is shown once.
type NewToken struct {
	Token
	Text string `json:"token" doc:"shown once: only its hash is kept"`
}

func (s *Server) tokenRoutes(api huma.API) {
	route(api, ScopeAdmin, "GET /v1/tokens", "Tokens, without their texts",
		func(context.Context, *struct{}) (*body[[]Token], error) { return answerOf(s.cfg.Tokens.List(), nil) })
	route(api, ScopeAdmin, "POST /v1/tokens", "Make a token",
		func(ctx context.Context, in *struct{ Body tokenIn }) (*body[NewToken], error) {
			b := in.Body
			switch {
			case b.Scope == ScopeAgent && b.Agent == "":
				return nil, bad("a token of the scope agent needs an agent")
			case b.Scope != ScopeAgent && b.Agent != "":
				return nil, bad("only a token of the scope agent has an agent")
			case b.Agent != "":
				if _, err := s.agentNow(ctx, b.Agent); err != nil {
					return nil, err
				}
			}
			text, t, err := s.cfg.Tokens.Make(b.Name, b.Scope, b.Agent, time.Now())
			if err == nil {
				s.cfg.Log.Info("a token was made", "reason", "token "+t.ID+" "+t.Name+", by "+asker(ctx).name)
			}
			return answerOf(NewToken{Token: t, Text: text}, err)
		})
	route(api, ScopeAdmin, "DELETE /v1/tokens/{id}", "Revoke a token, at once",
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*struct{}, error) {
			there, err := s.cfg.Tokens.Revoke(in.ID)
			if err == nil && !there {
				err = &Error{Status: http.StatusNotFound, What: "there is no such token", Cure: "trunkline token list shows them"}
			}
			if err == nil {
				s.cfg.Log.Info("a token was revoked", "reason", "token "+in.ID+", by "+asker(ctx).name)
			}
			return nil, err
		})
}
