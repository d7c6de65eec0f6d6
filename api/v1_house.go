package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/routing"
)

// pictureFor is how long one picture of the switchboard is shown to everybody
// who asks: a thousand readers cost the switchboard four answers a second.
const pictureFor = 250 * time.Millisecond

// picture is the switchboard's status, at most pictureFor old.
func (s *Server) picture(ctx context.Context) (call.Status, error) {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	if now := time.Now(); s.seen.at.IsZero() || now.Sub(s.seen.at) >= pictureFor {
		status, err := s.cfg.Board.Status(ctx)
		if err != nil {
			return status, err
		}
		s.seen.at, s.seen.status = time.Now(), status
	}
	return s.seen.status, nil
}

// AgentPath names an agent; exported like CallPath.
type AgentPath struct {
	ID string `path:"id" maxLength:"64" doc:"the agent's key in the configuration"`
}

// Team is one team, with its line of waiting calls.
type Team struct {
	ID     string   `json:"id"`
	Agents []string `json:"agents"`
	QueueFields
}

func (s *Server) agentRoutes(api huma.API) {
	route(api, ScopeSupervisor, "GET /v1/agents", "Agents and their phones",
		func(ctx context.Context, _ *struct{}) (*body[[]Agent], error) {
			status, err := s.picture(ctx)
			return answerOf(statusView(status, "").Agents, err)
		})
	route(api, ScopeAgent, "GET /v1/agents/{id}", "One agent; an agent's token sees the agent alone",
		func(ctx context.Context, in *AgentPath) (*body[Agent], error) {
			if err := mayAgent(asker(ctx), in.ID); err != nil {
				return nil, err
			}
			a, err := s.agentNow(ctx, in.ID)
			return answerOf(a, err)
		})
	route(api, ScopeAgent, "POST /v1/agents/{id}/status", "Set an agent active, or away with a reason; active ends a wrap-up",
		func(ctx context.Context, in *struct {
			AgentPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				Active *bool  `json:"active,omitempty" doc:"or status"`
				Status string `json:"status,omitempty" enum:"active,away" doc:"the same as an agent shows it"`
				Reason string `json:"reason,omitempty" doc:"why away, one line"`
			}
		}) (*body[Agent], error) {
			if err := mayAgent(asker(ctx), in.ID); err != nil {
				return nil, err
			}
			b, active := in.Body, in.Body.Status == string(routing.StatusActive)
			switch {
			case (b.Active != nil) == (b.Status != ""):
				return nil, bad(`say one of active, as {"active": false, "reason": "lunch"}, and status`)
			case b.Active != nil:
				active = *b.Active
			}
			switch {
			case active && b.Reason != "":
				return nil, bad("an active agent has no reason: leave it out")
			case len(b.Reason) > maxReason || !utf8.ValidString(b.Reason) || strings.ContainsFunc(b.Reason, unprintable):
				return nil, bad("the reason is one line of at most " + strconv.Itoa(maxReason) + " bytes")
			}
			set := s.cfg.Board.SetAgent
			if asks := asker(ctx); asks.agent != in.ID { // somebody else's act is told
				set = func(ctx context.Context, agent routing.AgentID, active bool, reason string) error {
					return s.cfg.Board.OrderAgent(ctx, agent, active, reason, asks.name)
				}
			}
			if err := set(ctx, routing.AgentID(in.ID), active, b.Reason); err != nil {
				return nil, err
			}
			a, err := s.agentNow(ctx, in.ID)
			return answerOf(a, err)
		})
	route(api, ScopeAgent, "POST /v1/agents/{id}/channel", "Choose which kinds of work an agent takes; calls are offered on all and phone",
		func(ctx context.Context, in *struct {
			AgentPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				Channel string `json:"channel" enum:"all,phone,conversations"`
			}
		}) (*body[Agent], error) {
			if err := mayAgent(asker(ctx), in.ID); err != nil {
				return nil, err
			}
			if err := s.cfg.Board.SetChannel(ctx, routing.AgentID(in.ID), routing.Channel(in.Body.Channel)); err != nil {
				return nil, err
			}
			a, err := s.agentNow(ctx, in.ID)
			return answerOf(a, err)
		})
	route(api, ScopeAgent, "POST /v1/agents/{id}/dial", "Click to dial: the agent's phones ring first, then the number or colleague",
		func(ctx context.Context, in *struct {
			AgentPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				Number string `json:"number" minLength:"1" maxLength:"64" doc:"a number, an extension or a colleague"`
				From   string `json:"from,omitempty" maxLength:"64" doc:"the caller id that a number is shown: one of caller_ids of GET /v1/agents/{id}; without it the default one"`
			}
		}) (*body[struct {
			Call string `json:"call"`
		}], error) {
			if err := mayAgent(asker(ctx), in.ID); err != nil {
				return nil, err
			}
			id, err := s.cfg.Board.Dial(ctx, routing.AgentID(in.ID), in.Body.Number, in.Body.From)
			return answerOf(struct {
				Call string `json:"call"`
			}{string(id)}, err)
		})
}

// agentNow is one agent as of this moment: after an order it shows the order.
func (s *Server) agentNow(ctx context.Context, id string) (Agent, error) {
	status, err := s.cfg.Board.Status(ctx)
	if err != nil {
		return Agent{}, err
	}
	for _, a := range status.Agents {
		if string(a.ID) == id {
			return agentView(a), nil
		}
	}
	return Agent{}, call.ErrNoAgent
}

func (s *Server) houseRoutes(api huma.API) {
	route(api, ScopeSupervisor, "GET /v1/status", "The switch at this moment: trunks, agents, queues, calls",
		func(ctx context.Context, _ *struct{}) (*body[Status], error) {
			status, err := s.picture(ctx)
			return answerOf(statusView(status, s.cfg.Version), err)
		})
	route(api, ScopeSupervisor, "GET /v1/trunks", "Carriers' accounts and how they are",
		func(ctx context.Context, _ *struct{}) (*body[[]Trunk], error) {
			status, err := s.picture(ctx)
			return answerOf(statusView(status, "").Trunks, err)
		})
	route(api, ScopeSupervisor, "GET /v1/teams", "Teams, their agents and who waits for them",
		func(ctx context.Context, _ *struct{}) (*body[[]Team], error) {
			status, err := s.picture(ctx)
			return answerOf(teamsOf(statusView(status, "")), err)
		})
	route(api, ScopeAgent, "GET /v1/version", "What runs",
		func(context.Context, *struct{}) (*body[Version], error) {
			v, err := s.version(nil)
			return answerOf(v, err)
		})
	route(api, ScopeSupervisor, "GET /v1/explain", "Where a call would go now, and why",
		func(ctx context.Context, in *struct {
			To    string    `query:"to" required:"true" minLength:"1" maxLength:"64"`
			From  string    `query:"from" maxLength:"64"`
			Press string    `query:"press" maxLength:"64" doc:"the keys that the caller presses in menus; without them every choice is shown"`
			At    time.Time `query:"at"`
		}) (*body[Explanation], error) {
			e, err := s.cfg.Explain(ctx, Question{To: in.To, From: in.From, Press: in.Press, At: in.At})
			return answerOf(e, err)
		})
	route(api, ScopeAdmin, "POST /v1/reload", "Read the configuration again",
		func(ctx context.Context, _ *struct{}) (*body[Changes], error) {
			c, err := s.cfg.Reload(ctx, asker(ctx).name)
			return answerOf(c, err)
		})
	route(api, ScopeSupervisor, "GET /v1/facts", "What happens, as server-sent events; Last-Event-ID resumes without loss",
		func(ctx context.Context, in *struct {
			Last  uint64 `header:"Last-Event-ID" doc:"the number of the last fact that was read"`
			After string `query:"after" maxLength:"20" doc:"the same, for who cannot send the header; 0: from the beginning of the journal. Without either, from now on"`
		}) (*huma.StreamResponse, error) {
			seq := s.cfg.Stream.last()
			if in.After != "" {
				n, err := strconv.ParseUint(in.After, 10, 64)
				if err != nil {
					return nil, bad("after is a number")
				}
				seq = n
			}
			if in.Last > 0 {
				seq = in.Last
			}
			if !s.cfg.Stream.enter() {
				return nil, &Error{Status: http.StatusServiceUnavailable, What: "too many read along", Cure: "at most " + strconv.Itoa(maxStreams) + " may"}
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				r, w := humago.Unwrap(c)
				s.cfg.Stream.serve(w, r, seq, s.stopping)
			}}, nil
		})
}

// teamsOf joins the teams' lines with their agents.
func teamsOf(s Status) []Team {
	all := []Team{}
	for _, q := range s.Queues {
		t := Team{ID: q.Team, Agents: []string{}, QueueFields: q.QueueFields}
		for _, a := range s.Agents {
			for _, team := range a.Teams {
				if team == q.Team {
					t.Agents = append(t.Agents, a.ID)
				}
			}
		}
		all = append(all, t)
	}
	return all
}
