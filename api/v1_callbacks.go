package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/store"
)

// CallbackPath names a callback; exported like CallPath.
type CallbackPath struct {
	ID string `path:"id" maxLength:"64" doc:"the callback"`
}

// CallbackQuery asks for some of the callbacks; exported like CallPath.
type CallbackQuery struct {
	State string    `query:"state" enum:"pending,answered,closed,unanswered" doc:"only those in this state"`
	Event string    `query:"event" maxLength:"32" doc:"only those whose last event this was, such as ignored"`
	Team  string    `query:"team" maxLength:"64" doc:"only this team's"`
	Agent string    `query:"agent" maxLength:"64" doc:"only those assigned to, or called by, this agent"`
	Older float64   `query:"older_seconds" minimum:"0" doc:"only those first asked for longer ago"`
	Young float64   `query:"younger_seconds" minimum:"0" doc:"only those first asked for since"`
	From  time.Time `query:"from" doc:"only those first asked for then or later"`
	To    time.Time `query:"to" doc:"only those first asked for before"`
}

// pageOfCallbacks is a query that turns pages.
type pageOfCallbacks struct {
	CallbackQuery
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many, newest first"`
	Before string `query:"before" maxLength:"64" doc:"only older than this one: turns the page"`
}

// mostCallbacks bounds what one count or export reads.
const mostCallbacks = 100_000

func (q CallbackQuery) filter(now time.Time) store.CallbackFilter {
	f := store.CallbackFilter{
		State: routing.CallbackState(q.State), Last: routing.CallbackMark(q.Event), Team: routing.TeamID(q.Team), Agent: routing.AgentID(q.Agent),
		From: q.From, To: q.To, Limit: mostCallbacks,
	}
	if q.Older > 0 {
		if t := now.Add(-time.Duration(q.Older * float64(time.Second))); f.To.IsZero() || t.Before(f.To) {
			f.To = t
		}
	}
	if q.Young > 0 {
		if t := now.Add(-time.Duration(q.Young * float64(time.Second))); t.After(f.From) {
			f.From = t
		}
	}
	return f
}

// ordered is an order on a callback that names an agent.
type orderedCallback struct {
	CallbackPath
	Key  string `header:"Idempotency-Key" maxLength:"200"`
	Body struct {
		Agent string `json:"agent,omitempty" maxLength:"64" doc:"call: who calls, an agent's token itself; assign: to whom, empty: back to the team"`
	}
}

func (s *Server) callbackRoutes(api huma.API) {
	s.callbackViews(api)
	route(api, ScopeSupervisor, "POST /v1/callbacks", "Promise a call back; one pending callback a number: a second request merges",
		func(ctx context.Context, in *struct {
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				Number   string    `json:"number" minLength:"1" maxLength:"64" doc:"what the dial rules allow"`
				Team     string    `json:"team" minLength:"1" maxLength:"64" doc:"whose agents are rung"`
				Name     string    `json:"name,omitempty" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]*$"`
				Priority int       `json:"priority,omitempty" minimum:"-1000" maximum:"1000"`
				Since    time.Time `json:"since,omitempty" doc:"its place in line; without it, now"`
			}
		}) (*body[Callback], error) {
			b := in.Body
			if b.Since.After(time.Now()) {
				return nil, bad("since is in the future")
			}
			cb, err := s.cfg.Board.RequestCallback(ctx, call.CallbackRequest{
				Number: b.Number, Team: routing.TeamID(b.Team), Name: b.Name, Priority: b.Priority, Since: b.Since, By: asker(ctx).name,
			})
			return answerOf(callbackView(cb, time.Now()), err)
		})
	route(api, ScopeAgent, "POST /v1/callbacks/{id}/call", "Call now, by hand: the agent's phones ring, then the customer is dialled",
		func(ctx context.Context, in *orderedCallback) (*body[struct {
			Call string `json:"call"`
		}], error) {
			agent := in.Body.Agent
			if asks := asker(ctx); asks.scope == ScopeAgent && agent == "" {
				agent = asks.agent
			} else if err := mayAgent(asks, agent); err != nil {
				return nil, err
			}
			if agent == "" {
				return nil, &Error{Status: http.StatusUnprocessableEntity, What: "agent is missing", Cure: `send {"agent": "ann"}: who calls`}
			}
			kept, err := s.callback(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			id, err := s.cfg.Board.CallBack(ctx, kept.ID, routing.AgentID(agent), &kept)
			return answerOf(struct {
				Call string `json:"call"`
			}{string(id)}, err)
		})
	route(api, ScopeAgent, "POST /v1/callbacks/{id}/close", "Close without a call",
		func(ctx context.Context, in *struct {
			CallbackPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body *struct {
				Reason string `json:"reason,omitempty" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f]*$"`
			}
		}) (*body[Callback], error) {
			reason := ""
			if in.Body != nil {
				reason = in.Body.Reason
			}
			kept, err := s.callback(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			cb, err := s.cfg.Board.CloseCallback(ctx, kept.ID, asker(ctx).name, reason)
			return answerOf(callbackView(cb, time.Now()), closedAlready(kept, err))
		})
	route(api, ScopeSupervisor, "POST /v1/callbacks/{id}/assign", "Assign to an agent by hand: out of automatic offering; to nobody: back to the team",
		func(ctx context.Context, in *orderedCallback) (*body[Callback], error) {
			cb, err := s.cfg.Board.AssignCallback(ctx, routing.CallbackID(in.ID), routing.AgentID(in.Body.Agent), asker(ctx).name)
			return answerOf(callbackView(cb, time.Now()), err)
		})
}

// closedAlready is the refusal of an order on a callback that the switchboard has forgotten because it is done.
func closedAlready(kept routing.Callback, err error) error {
	if err != nil && kept.State != routing.CallbackPending {
		return &Error{Status: http.StatusConflict, What: "it is " + string(kept.State) + " already"}
	}
	return err
}

func (s *Server) callbackViews(api huma.API) {
	route(api, ScopeAgent, "GET /v1/callbacks", "Callbacks, newest first; an agent's token sees its teams' and its own",
		func(ctx context.Context, in *pageOfCallbacks) (*body[[]Callback], error) {
			f := in.filter(time.Now())
			if f.Before = routing.CallbackID(in.Before); asker(ctx).scope != ScopeAgent {
				f.Limit = in.Limit
			}
			all, err := s.cfg.Callbacks(f)
			out := []Callback{}
			sees := s.seesCallbacks(ctx)
			for _, c := range all {
				if sees(c) && len(out) < in.Limit {
					out = append(out, callbackView(c, time.Now()))
				}
			}
			return answerOf(out, err)
		})
	route(api, ScopeSupervisor, "GET /v1/callbacks/counts", "How many callbacks there are, by state, team and agent",
		func(_ context.Context, in *CallbackQuery) (*body[CallbackCounts], error) {
			all, err := s.cfg.Callbacks(in.filter(time.Now()))
			return answerOf(countCallbacks(all, time.Now()), err)
		})
	route(api, ScopeSupervisor, "GET /v1/callbacks/volumes", "Volumes by day and state",
		func(_ context.Context, in *CallbackQuery) (*body[[]CallbackDay], error) {
			zone := time.UTC
			if s.cfg.Zone != nil {
				zone = s.cfg.Zone()
			}
			all, err := s.cfg.Callbacks(in.filter(time.Now()))
			return answerOf(callbackDays(all, zone), err)
		})
	route(api, ScopeSupervisor, "GET /v1/callbacks.csv", "Callbacks as a table; cells are never formulas",
		func(_ context.Context, in *CallbackQuery) (*huma.StreamResponse, error) {
			all, err := s.cfg.Callbacks(in.filter(time.Now()))
			if err != nil {
				return nil, err
			}
			return csvFile("callbacks.csv", callbackRows(all)), nil
		})
	route(api, ScopeAgent, "GET /v1/callbacks/{id}", "One callback, with its attempts and events",
		func(ctx context.Context, in *CallbackPath) (*body[Callback], error) {
			c, err := s.callback(ctx, in.ID)
			return answerOf(callbackView(c, time.Now()), err)
		})
}

// callback finds one that who asks may see.
func (s *Server) callback(ctx context.Context, id string) (routing.Callback, error) {
	c, err := s.cfg.Callback(routing.CallbackID(id))
	if err == nil && !s.seesCallbacks(ctx)(c) {
		err = &Error{Status: http.StatusForbidden, What: "this callback is not of this agent's teams", Cure: "this needs the scope supervisor"}
	}
	return c, err
}

// seesCallbacks says which callbacks who asks may see: an agent its teams', and those it has to do with.
func (s *Server) seesCallbacks(ctx context.Context) func(routing.Callback) bool {
	asks := asker(ctx)
	if asks.scope != ScopeAgent {
		return func(routing.Callback) bool { return true }
	}
	var teams []string
	if status, err := s.picture(ctx); err == nil {
		for _, a := range status.Agents {
			if string(a.ID) == asks.agent {
				teams = agentView(a).Teams
			}
		}
	}
	return func(c routing.Callback) bool {
		return string(c.Agent) == asks.agent || slices.Contains(teams, string(c.Team)) ||
			slices.ContainsFunc(c.Attempts, func(a routing.CallbackAttempt) bool { return string(a.Agent) == asks.agent })
	}
}
