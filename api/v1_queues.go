package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/routing"
)

// TeamPath names a team; exported like CallPath.
type TeamPath struct {
	ID string `path:"id" maxLength:"64" doc:"the team's key in the configuration"`
}

// QueueFields is a team's line of waiting calls, and how the day went.
type QueueFields struct {
	Waiting        int     `json:"waiting"`
	LongestSeconds float64 `json:"longest_seconds"`
	Present        int     `json:"present"`
	Closed         bool    `json:"closed"` // to new calls

	Agents map[string]int `json:"agents_by_state"` // available, busy, wrap_up, away, off_duty, offline

	// Of today, by the configured time zone.
	Answered     int      `json:"answered_today"`
	Abandoned    int      `json:"abandoned_today"`
	Left         int      `json:"left_today"`                    // led on by the flow: an exit key, the end of the wait, a callback
	ServiceLevel *float64 `json:"service_level_today,omitempty"` // 0 to 1; none while nobody counts

	// What a caller who came now would wait, and for how many of a hundred of
	// the last answered calls that would have held; none while nobody can tell.
	WaitSeconds    float64 `json:"wait_seconds,omitempty"`
	WaitConfidence int     `json:"wait_confidence,omitempty"`
}

func queueFields(q call.QueueStatus) QueueFields {
	f := QueueFields{
		Waiting: q.Waiting, LongestSeconds: q.Longest.Seconds(), Present: q.Present, Closed: q.Closed, Agents: q.Agents,
		Answered: q.Today.Answered, Abandoned: q.Today.Abandoned, Left: q.Today.Left,
		WaitSeconds: q.Wait.Seconds(), WaitConfidence: q.Confidence,
	}
	if level, ok := q.Today.ServiceLevel(); ok {
		f.ServiceLevel = &level
	}
	return f
}

// queueRoutes are orders of supervisors on calls that wait, and on queues.
func (s *Server) queueRoutes(api huma.API) {
	agentOf := func(asks who, agent string) (routing.AgentID, error) {
		if agent == "" {
			agent = asks.agent
		}
		if agent == "" {
			return "", &Error{Status: http.StatusUnprocessableEntity, What: "agent is missing", Cure: `send {"agent": "ann"}`}
		}
		return routing.AgentID(agent), nil
	}
	order := func(ctx context.Context, id string, verb call.Verb, to call.Destination, priority int) (*struct{}, error) {
		return nil, s.cfg.Board.Do(ctx, call.Order{Verb: verb, Call: call.ID(id), To: to, Priority: priority, Who: asker(ctx).name})
	}
	for _, o := range []struct {
		verb    call.Verb
		summary string
	}{
		{call.Assign, "Pull a waiting call out of automatic offering, for one agent: oneself, where none is named"},
		{call.OfferTo, "Offer a waiting call to one agent first; who does not take it gives it back to the team"},
	} {
		route(api, ScopeSupervisor, "POST /v1/calls/{id}/"+string(o.verb), o.summary, func(ctx context.Context, in *struct {
			CallPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				Agent string `json:"agent,omitempty" maxLength:"64"`
			}
		}) (*struct{}, error) {
			agent, err := agentOf(asker(ctx), in.Body.Agent)
			if err != nil {
				return nil, err
			}
			return order(ctx, in.ID, o.verb, call.Destination{Agent: agent}, 0)
		})
	}
	route(api, ScopeSupervisor, "POST /v1/calls/{id}/move", "Put a waiting call into another team's queue, with its place by arrival", func(ctx context.Context, in *struct {
		CallPath
		Key  string `header:"Idempotency-Key" maxLength:"200"`
		Body struct {
			Team string `json:"team" minLength:"1" maxLength:"64"`
		}
	}) (*struct{}, error) {
		return order(ctx, in.ID, call.Move, call.Destination{Team: routing.TeamID(in.Body.Team)}, 0)
	})
	route(api, ScopeSupervisor, "POST /v1/calls/{id}/priority", "Change a waiting call's priority: higher is served first", func(ctx context.Context, in *struct {
		CallPath
		Key  string `header:"Idempotency-Key" maxLength:"200"`
		Body struct {
			Priority int `json:"priority" minimum:"-1000" maximum:"1000"`
		}
	}) (*struct{}, error) {
		return order(ctx, in.ID, call.Prioritize, call.Destination{}, in.Body.Priority)
	})
	for verb, closed := range map[string]bool{"close": true, "open": false} {
		summary := "Close a team's queue: new callers take the unanswered path, who waits stays"
		if !closed {
			summary = "Open a team's queue again"
		}
		route(api, ScopeSupervisor, "POST /v1/teams/{id}/"+verb, summary, func(ctx context.Context, in *struct {
			TeamPath
			Key string `header:"Idempotency-Key" maxLength:"200"`
		}) (*struct{}, error) {
			return nil, s.cfg.Board.SetQueue(ctx, routing.TeamID(in.ID), closed, asker(ctx).name)
		})
	}
}
