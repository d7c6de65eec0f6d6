package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"trunkline/call"
	"trunkline/desk"
)

// who asks: the holder of a token, or the operator, who opened the control
// socket.
type who struct {
	name  string // for the log and the audit
	scope Scope
	agent string // of an agent's token
}

// operator may do everything.
var operator = who{name: "operator", scope: ScopeAdmin}

// whoKey finds who asks in a request's context.
type whoKey struct{}

func asker(ctx context.Context) who {
	w, _ := ctx.Value(whoKey{}).(who)
	return w
}

// needs is where an operation keeps its scope.
const needs = "scope"

// open is the scope of operations that anybody may ask.
const open Scope = ""

// v1 makes the API of one door, under /v1. known says who asks; false: nobody
// that is known.
func (s *Server) v1(known func(*http.Request) (who, bool)) (http.Handler, huma.API) {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Trunkline", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/v1/openapi", "", ""
	config.CreateHooks = nil // no $schema in the answers
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "made by trunkline token"}}
	config.RejectUnknownQueryParameters = true
	config.Info.Description = "Orders and views of a running switch. Bearer tokens have the scope wall, agent, supervisor or admin; over control.sock none is needed. Orders take an Idempotency-Key."
	api := humago.New(mux, config)
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		need, _ := ctx.Operation().Metadata[needs].(Scope)
		r, w := humago.Unwrap(ctx)
		asks, ok := known(r)
		switch {
		case need == open:
		case !ok:
			w.Header().Set("WWW-Authenticate", `Bearer realm="trunkline"`)
			problem(w, &Error{Status: http.StatusUnauthorized, What: "a bearer token is missing or not known, and nobody is signed in", Cure: "make one with trunkline token, or sign in at the Help Desk"})
			return
		case !asks.scope.covers(need):
			problem(w, &Error{Status: http.StatusForbidden, What: "this token has the scope " + string(asks.scope), Cure: "this needs the scope " + string(need)})
			return
		}
		next(huma.WithValue(ctx, whoKey{}, asks))
	})
	s.callRoutes(api)
	s.orderRoutes(api)
	s.queueRoutes(api)
	s.watchRoutes(api)
	s.wallRoutes(api)
	s.agentRoutes(api)
	s.contactRoutes(api)
	s.reportRoutes(api)
	s.houseRoutes(api)
	s.adminRoutes(api)
	s.recordingRoutes(api)
	s.transcriptRoutes(api)
	s.callbackRoutes(api)
	s.voicemailRoutes(api)
	s.greetingRoutes(api)
	s.tokenRoutes(api)
	s.sessionRoutes(api)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, &Error{Status: http.StatusNotFound, What: "there is nothing here", Cure: "GET /v1/openapi.json lists what there is"})
	})
	name := func(r *http.Request) (string, bool) {
		asks, ok := known(r)
		return asks.name, ok
	}
	return s.once.handler(mux, name), api
}

// schemaName keeps types of the same name in two rooms apart.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if pkg := t.PkgPath(); t.Name() != "" && strings.HasPrefix(pkg, "trunkline/") && pkg != "trunkline/api" {
		return strings.ToUpper(pkg[len("trunkline/"):][:1]) + pkg[len("trunkline/")+1:] + name
	}
	return name
}

// route adds an operation: f answers it, and its errors become problems.
func route[I, O any](api huma.API, scope Scope, pattern, summary string, f func(context.Context, *I) (*O, error)) {
	operate(api, scope, pattern, summary, func(*huma.Operation) {}, askTimeout, f)
}

// operate is route for an operation that is otherwise, and may take a while.
func operate[I, O any](api huma.API, scope Scope, pattern, summary string, otherwise func(*huma.Operation), timeout time.Duration, f func(context.Context, *I) (*O, error)) {
	method, path, _ := strings.Cut(pattern, " ")
	op := huma.Operation{
		OperationID: operationID(method, path), Method: method, Path: path, Summary: summary,
		Metadata: map[string]any{needs: scope}, Tags: []string{strings.Split(path, "/")[2]}, MaxBodyBytes: maxBody,
	}
	if scope != open {
		op.Security = []map[string][]string{{"token": {}}}
		op.Description = "Needs the scope " + string(scope) + "."
		op.Errors = []int{http.StatusUnauthorized, http.StatusForbidden}
	}
	otherwise(&op)
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		out, err := f(ctx, in)
		if err != nil {
			return nil, asProblem(err)
		}
		return out, nil
	})
}

// operationID is such as "post-calls-id-hold".
func operationID(method, path string) string {
	return strings.ToLower(method) + strings.NewReplacer("/v1/", "-", "/", "-", "{", "", "}", "").Replace(path)
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

func answerOf[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// asProblem makes a problem (RFC 9457) of an error.
func asProblem(err error) *huma.ErrorModel {
	e := refusal(late(orderError(err)))
	p := &huma.ErrorModel{Status: e.Status, Title: http.StatusText(e.Status), Detail: e.Error()}
	for _, line := range e.Details {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Message: line})
	}
	return p
}

// problem writes an error as a problem.
func problem(w http.ResponseWriter, err error) {
	p := asProblem(err)
	text, _ := json.Marshal(p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(text, '\n'))
}

// orderError says what the switchboard's refusals are over HTTP.
func orderError(err error) error {
	for _, x := range []struct {
		is     error
		status int
		cure   string
	}{
		{call.ErrNoCall, http.StatusNotFound, "GET /v1/calls lists them"},
		{call.ErrNoAgent, http.StatusNotFound, "GET /v1/agents lists them"},
		{call.ErrNoBox, http.StatusNotFound, "name one of teams: or agents:"},
		{call.ErrBadGreeting, http.StatusUnprocessableEntity, ""},
		{call.ErrNoGreeting, http.StatusServiceUnavailable, ""},
		{call.ErrNoMessage, http.StatusNotFound, "GET /v1/voicemail lists them"},
		{call.ErrNoCallback, http.StatusNotFound, "GET /v1/callbacks lists them"},
		{call.ErrNoTeam, http.StatusNotFound, "GET /v1/teams lists them"},
		{call.ErrNotInCall, http.StatusForbidden, "an order is given by who is in the call"},
		{call.ErrNotAllowed, http.StatusForbidden, ""},
		{call.ErrNotShown, http.StatusForbidden, "choose one of caller_ids of GET /v1/agents/{id}, or leave from out"},
		{call.ErrNotNow, http.StatusConflict, ""},
		{call.ErrOffline, http.StatusConflict, ""},
		{call.ErrNoTarget, http.StatusUnprocessableEntity, ""},
		{call.ErrNoDigits, http.StatusUnprocessableEntity, ""},
		{call.ErrNotKept, http.StatusServiceUnavailable, ""},
		{desk.ErrNoNote, http.StatusNotFound, "it may have been deleted: its contact or call has those there are"},
		{desk.ErrNoContact, http.StatusNotFound, "GET /v1/contacts lists them"},
		{desk.ErrTaken, http.StatusConflict, "GET /v1/contacts?external_id= finds it"},
		{desk.ErrSameContact, http.StatusConflict, ""},
		{call.ErrInCall, http.StatusConflict, "delete it after the call"},
		{call.ErrSettling, http.StatusConflict, "try again in some seconds"},
	} {
		if errors.Is(err, x.is) {
			return &Error{Status: x.status, What: err.Error(), Cure: x.cure}
		}
	}
	var refused desk.Refusal
	if errors.As(err, &refused) {
		return &Error{Status: http.StatusUnprocessableEntity, What: refused.Error()}
	}
	return err
}

// bearer says whose token a request has.
func (s *Server) bearer(r *http.Request) (who, bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if s.cfg.Tokens == nil || !strings.EqualFold(scheme, "Bearer") {
		return who{}, false
	}
	t, ok := s.cfg.Tokens.find(strings.TrimSpace(text))
	if !ok {
		return who{}, false
	}
	return who{name: "token " + t.ID + " " + t.Name, scope: t.Scope, agent: t.Agent}, true
}

// mayAgent refuses an agent's token for another agent.
func mayAgent(asks who, id string) error {
	if asks.scope == ScopeAgent && asks.agent != id {
		return &Error{Status: http.StatusForbidden, What: "this token is of another agent", Cure: "this needs that agent's own, or the scope supervisor"}
	}
	return nil
}

// mayCall refuses an agent's token for a call that the agent has no part in.
func mayCall(asks who, r call.Record) error {
	if asks.scope != ScopeAgent || string(r.Agent) == asks.agent ||
		slices.ContainsFunc(r.Offers, func(o call.Offered) bool { return string(o.Agent) == asks.agent }) ||
		slices.ContainsFunc(r.Segments, func(g call.Segment) bool { return string(g.Agent) == asks.agent }) {
		return nil
	}
	return &Error{Status: http.StatusForbidden, What: "this call was never this agent's", Cure: "this needs the scope supervisor"}
}
