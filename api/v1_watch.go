package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/routing"
)

// WatchBody says how a call is watched, and by whose phone; exported like CallPath.
type WatchBody struct {
	Mode  string `json:"mode" enum:"listen,whisper,barge" doc:"listen: nobody hears who watches; whisper: the agent alone, and no recording does; barge: all"`
	Phone string `json:"phone,omitempty" maxLength:"64" doc:"the supervisor at whose phone, desk phone or browser, it is heard; empty: one's own"`
}

// watchRoutes are supervisors beside the calls of others.
func (s *Server) watchRoutes(api huma.API) {
	order := func(ctx context.Context, o call.Order) (*struct{}, error) {
		o.Who = asker(ctx).name
		return nil, s.cfg.Board.Do(ctx, o)
	}
	route(api, ScopeSupervisor, "POST /v1/calls/{id}/watch", "Listen to a call, whisper to its agent or talk along: the phone rings, and answers by itself where it can",
		func(ctx context.Context, in *struct {
			CallPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body struct {
				WatchBody
				Agent string `json:"agent,omitempty" maxLength:"64" doc:"who is watched, where two agents talk; empty: who has the call"`
			}
		}) (*struct{}, error) {
			by, err := s.watcherOf(asker(ctx), in.Body.Phone)
			if err != nil {
				return nil, err
			}
			return order(ctx, call.Order{Verb: call.WatchCall, Call: call.ID(in.ID), By: by, Mode: call.WatchMode(in.Body.Mode), To: call.Destination{Agent: routing.AgentID(in.Body.Agent)}})
		})
	route(api, ScopeSupervisor, "PATCH /v1/calls/{id}/watch", "Change who hears whoever watches a call",
		func(ctx context.Context, in *struct {
			CallPath
			Key  string `header:"Idempotency-Key" maxLength:"200"`
			Body WatchBody
		}) (*struct{}, error) {
			by, err := s.watcherOf(asker(ctx), in.Body.Phone)
			if err != nil {
				return nil, err
			}
			return order(ctx, call.Order{Verb: call.WatchAs, Call: call.ID(in.ID), By: by, Mode: call.WatchMode(in.Body.Mode)})
		})
	route(api, ScopeSupervisor, "DELETE /v1/calls/{id}/watch", "Watch a call no longer",
		func(ctx context.Context, in *struct {
			CallPath
			Key   string `header:"Idempotency-Key" maxLength:"200"`
			Phone string `query:"phone" maxLength:"64" doc:"at whose phone; empty: one's own, and of who has none everybody's"`
		}) (*struct{}, error) {
			by := in.Phone
			if by == "" {
				by = asker(ctx).agent
			}
			return order(ctx, call.Order{Verb: call.Unwatch, Call: call.ID(in.ID), By: routing.AgentID(by)})
		})
}

// watcherOf is the agent at whose phone a call is watched: who asks, or another
// supervisor. Nobody else is made to listen to what is not theirs.
func (s *Server) watcherOf(asks who, phone string) (routing.AgentID, error) {
	if phone == "" {
		phone = asks.agent
	}
	if phone == "" {
		return "", &Error{Status: http.StatusUnprocessableEntity, What: "phone is missing: " + asks.name + " takes no calls, so has no phone", Cure: `name a supervisor who has one, as {"mode": "listen", "phone": "tim"}; a supervisor under agents: has one`}
	}
	if phone == asks.agent { // the scope was looked at
		return routing.AgentID(phone), nil
	}
	if s.cfg.SignIns.Account == nil {
		return routing.AgentID(phone), nil
	}
	a, known := s.cfg.SignIns.Account(phone)
	switch {
	case !known || a.Agent == "":
		return "", call.ErrNoAgent
	case !a.Scope.covers(ScopeSupervisor):
		return "", &Error{Status: http.StatusForbidden, What: phone + " is no supervisor", Cure: "calls are watched at a supervisor's phone: role: supervisor"}
	}
	return routing.AgentID(phone), nil
}
