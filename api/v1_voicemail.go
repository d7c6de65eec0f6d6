package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/routing"
)

// MessagePath names a message; exported like CallPath.
type MessagePath struct {
	ID string `path:"id" maxLength:"64" doc:"the message"`
}

// VoicemailMessage is one message of a box.
type VoicemailMessage struct {
	call.Message
	Seconds float64 `json:"duration_seconds"`
	New     bool    `json:"new"`
}

// errSoundGone answers for a message whose file somebody removed.
var errSoundGone = &Error{Status: http.StatusNotFound, What: "its sound is not there any more"}

func (s *Server) voicemailRoutes(api huma.API) {
	route(api, ScopeAgent, "GET /v1/voicemail", "Messages, oldest first in each box; an agent's token sees the agent's and the teams' boxes",
		func(ctx context.Context, in *struct {
			Team  string `query:"team" maxLength:"64" doc:"only this team's box"`
			Agent string `query:"agent" maxLength:"64" doc:"only this agent's box"`
			New   bool   `query:"new" doc:"only those that nobody has heard"`
		}) (*body[[]VoicemailMessage], error) {
			if in.Team != "" && in.Agent != "" {
				return nil, bad("team and agent are two boxes: name one")
			}
			out, err := s.voicemails(ctx, call.Box{Team: routing.TeamID(in.Team), Agent: routing.AgentID(in.Agent)}, in.New)
			return answerOf(out, err)
		})
	route(api, ScopeAgent, "GET /v1/voicemail/{id}", "The sound of a message, as WAV; byte ranges are served",
		func(ctx context.Context, in *MessagePath) (*huma.StreamResponse, error) {
			m, err := s.message(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			f, err := os.Open(m.Path)
			if err != nil {
				return nil, errSoundGone
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				defer f.Close()
				r, w := humago.Unwrap(c)
				w.Header().Set("Content-Type", "audio/wav")
				http.ServeContent(w, r, in.ID+".wav", m.At, f)
			}}, nil
		})
	route(api, ScopeAgent, "GET /v1/voicemail/{id}/peaks", "How loud a message was, for drawing it: 0 to 255 in equal stretches",
		func(ctx context.Context, in *MessagePath) (*body[Peaks], error) {
			m, err := s.message(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			p, err := s.peaks.of(m.Path, s.cfg.Peaks)
			if errors.Is(err, fs.ErrNotExist) {
				err = errSoundGone
			}
			return answerOf(p, err)
		})
	route(api, ScopeAgent, "GET /v1/voicemail/{id}/transcript", "The words of a message, or how far they are",
		func(ctx context.Context, in *MessagePath) (*body[Transcript], error) {
			m, err := s.message(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return s.transcript(m.ID)
		})
	route(api, ScopeSupervisor, "POST /v1/voicemail/{id}/transcript", "Make a message's transcript, or make it anew",
		func(ctx context.Context, in *MessagePath) (*body[Transcript], error) {
			m, err := s.message(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return s.transcribe(ctx, &recordingPath{CallPath: CallPath{ID: string(m.Call)}, Recording: string(m.ID)})
		})
	route(api, ScopeAgent, "POST /v1/voicemail/{id}/heard", "Note that a message was heard: the lamps show it as old",
		func(ctx context.Context, in *MessagePath) (*struct{}, error) {
			m, err := s.message(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Board.HeardMessage(ctx, m.ID, asker(ctx).name)
		})
	route(api, ScopeAgent, "DELETE /v1/voicemail/{id}", "Delete a message and its sound",
		func(ctx context.Context, in *MessagePath) (*struct{}, error) {
			m, err := s.message(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Board.DeleteMessage(ctx, m.ID, asker(ctx).name)
		})
}

// maxGreeting is the most that an uploaded greeting may have: three minutes at 48 kHz.
const maxGreeting = 18 << 20

// BoxPath names a voicemail box; exported like CallPath.
type BoxPath struct {
	Box string `path:"box" maxLength:"64" doc:"a team or an agent"`
}

func (s *Server) greetingRoutes(api huma.API) {
	operate(api, ScopeAgent, "GET /v1/greetings/{box}", "What the callers of a team's or an agent's voicemail hear, as WAV; Trunkline-Greeting says whether it is recorded or configured",
		func(op *huma.Operation) { op.Responses = fileOf("audio/wav") }, askTimeout,
		func(ctx context.Context, in *BoxPath) (*huma.StreamResponse, error) {
			box, err := s.ownBox(ctx, in.Box)
			if err != nil {
				return nil, err
			}
			wav, recorded, err := s.cfg.Board.Greeting(ctx, box)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				_, w := humago.Unwrap(c)
				from := "configured"
				if recorded {
					from = "recorded"
				}
				w.Header().Set("Trunkline-Greeting", from)
				w.Header().Set("Content-Type", "audio/wav")
				_, _ = w.Write(wav)
			}}, nil
		})
	operate(api, ScopeAgent, "PUT /v1/greetings/{box}", "Make a WAV file the greeting of a voicemail box, three minutes at most; it takes the place of the configured one",
		func(op *huma.Operation) { op.MaxBodyBytes, op.BodyReadTimeout = maxGreeting, lookTimeout }, lookTimeout,
		func(ctx context.Context, in *struct {
			BoxPath
			RawBody []byte `contentType:"audio/wav"`
		}) (*struct{}, error) {
			box, err := s.ownBox(ctx, in.Box)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Board.SetGreeting(ctx, box, in.RawBody, asker(ctx).name)
		})
	route(api, ScopeAgent, "DELETE /v1/greetings/{box}", "Drop a recorded greeting: the configured one is heard again",
		func(ctx context.Context, in *BoxPath) (*struct{}, error) {
			box, err := s.ownBox(ctx, in.Box)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Board.SetGreeting(ctx, box, nil, asker(ctx).name)
		})
}

// voicemails are the messages of a box, or of all, that who asks may hear.
func (s *Server) voicemails(ctx context.Context, box call.Box, fresh bool) ([]VoicemailMessage, error) {
	all, err := s.cfg.Board.Messages(ctx, box)
	if err != nil {
		return nil, err
	}
	hears, err := s.hears(ctx, asker(ctx))
	if err != nil {
		return nil, err
	}
	out := []VoicemailMessage{}
	for _, m := range all {
		if (!fresh || m.Heard.IsZero()) && hears(m.Box) {
			out = append(out, VoicemailMessage{Message: m, Seconds: m.Duration.Seconds(), New: m.Heard.IsZero()})
		}
	}
	return out, nil
}

// ownBox finds a box that who asks may hear.
func (s *Server) ownBox(ctx context.Context, name string) (call.Box, error) {
	box, err := s.cfg.Board.BoxNamed(ctx, name)
	if err == nil || errors.Is(err, call.ErrNoBox) {
		if refused := s.mayOpen(ctx, box, "this agent has no such box"); refused != nil { // whose it would be is not told
			return box, refused
		}
	}
	return box, err
}

// message finds one that who asks may hear.
func (s *Server) message(ctx context.Context, id string) (call.Message, error) {
	all, err := s.cfg.Board.Messages(ctx, call.Box{})
	if err != nil {
		return call.Message{}, err
	}
	i := slices.IndexFunc(all, func(m call.Message) bool { return string(m.ID) == id })
	if i < 0 {
		if asker(ctx).scope == ScopeAgent { // whose it would be is not told
			return call.Message{}, &Error{Status: http.StatusForbidden, What: "this agent has no such message"}
		}
		return call.Message{}, call.ErrNoMessage
	}
	return all[i], s.mayOpen(ctx, all[i].Box, "this agent has no such message")
}

// mayOpen refuses an agent's token for a box that the agent does not hear.
func (s *Server) mayOpen(ctx context.Context, box call.Box, refusal string) error {
	hears, err := s.hears(ctx, asker(ctx))
	if err == nil && !hears(box) {
		err = &Error{Status: http.StatusForbidden, What: refusal}
	}
	return err
}

// hears says which boxes somebody hears. It asks the switchboard once.
func (s *Server) hears(ctx context.Context, asks who) (func(call.Box) bool, error) {
	if asks.scope != ScopeAgent {
		return func(call.Box) bool { return true }, nil
	}
	boxes, err := s.cfg.Board.BoxesOf(ctx, routing.AgentID(asks.agent))
	return func(b call.Box) bool { return slices.Contains(boxes, b) }, err
}

// ears leave off a call's card the messages of boxes that an agent does not hear: who was in a call, or was merely offered
// it, has no part in what its caller then says to somebody else. They are of one request.
type ears struct {
	server *Server
	asks   who
	hear   map[call.RecordingID]bool // the messages; nil: the switchboard was not asked yet
}

func (s *Server) earsOf(asks who) *ears { return &ears{server: s, asks: asks} }

// card is a record without what is not heard. It asks the switchboard at the first record that has a message.
func (e *ears) card(ctx context.Context, r call.Record) (call.Record, error) {
	message := func(one call.Recorded) bool { return one.Voicemail }
	if e.asks.scope != ScopeAgent || !slices.ContainsFunc(r.Recordings, message) {
		return r, nil
	}
	if e.hear == nil {
		all, err := e.server.cfg.Board.Messages(ctx, call.Box{})
		if err != nil {
			return call.Record{}, err
		}
		hears, err := e.server.hears(ctx, e.asks)
		if err != nil {
			return call.Record{}, err
		}
		e.hear = map[call.RecordingID]bool{}
		for _, m := range all {
			e.hear[m.ID] = hears(m.Box)
		}
	}
	r.Recordings = slices.DeleteFunc(slices.Clone(r.Recordings), func(one call.Recorded) bool { return message(one) && !e.hear[one.ID] })
	return r, nil
}
