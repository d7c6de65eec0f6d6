package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trunkline/call"
	"trunkline/flight"
	"trunkline/routing"
)

// How many call cards GET /calls gives, and at most.
const (
	someCards = 20
	mostCards = 1000
)

// maxReason is the longest reason for being away, in bytes.
const maxReason = 200

// control is everything, for those who can open the control socket.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	handle(mux, "GET /status", s.status)
	handle(mux, "GET /calls", s.cards)
	handle(mux, "GET /calls/{id}", s.card)
	handle(mux, "GET /calls/{id}/ladder", s.ladder)
	handle(mux, "POST /agents/{name}/status", s.setAgent)
	handle(mux, "DELETE /bans/{address}", s.unban)
	handle(mux, "POST /reload", func(r *http.Request) (Changes, error) { return s.cfg.Reload(r.Context(), operator.name) })
	handle(mux, "POST /test-call", s.testCall)
	mux.HandleFunc("POST /trunks/{id}/test", s.examine)
	handle(mux, "GET /explain", s.explain)
	handle(mux, "GET /version", s.version)
	s.watched(mux)
	v1, _ := s.v1(func(*http.Request) (who, bool) { return operator, true })
	mux.Handle("/v1/", v1)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { notFound(mux, w, r) })
	return mux
}

// public is what everybody may ask, what holders of tokens and those who are
// signed in may, and the Help Desk.
func (s *Server) public() http.Handler {
	mux := http.NewServeMux()
	s.watched(mux)
	v1, _ := s.v1(s.caller)
	mux.Handle("/v1/", guarded(v1))
	if s.cfg.Sessions != nil {
		s.signInRoutes(mux)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Sessions == nil || !s.pageFile(w, r) {
			notFound(mux, w, r)
		}
	})
	return s.defended(mux)
}

// watched are the questions of those who watch the switch.
func (s *Server) watched(mux *http.ServeMux) {
	handle(mux, "GET /healthz", s.healthz)
	handle(mux, "GET /readyz", s.readyz)
	if s.cfg.Metrics != nil {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
			local := near(r) && r.Header.Get("X-Forwarded-For") == "" // what a proxy here passes on is not of this machine
			if asks, ok := s.bearer(r); !local && !(ok && asks.scope.covers(ScopeSupervisor)) {
				answer(w, nil, &Error{Status: http.StatusForbidden, What: "figures are told to this machine, and to tokens of the scope supervisor", Cure: "scrape 127.0.0.1, or give Prometheus a token as authorization: credentials"})
				return
			}
			s.cfg.Metrics.ServeHTTP(w, r)
		})
	}
}

// near says that a request comes from this machine.
func near(r *http.Request) bool {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	return err != nil || a.Addr().Unmap().IsLoopback() // what has no address came over the control socket
}

// handle answers a pattern with what f gives.
func handle[T any](mux *http.ServeMux, pattern string, f func(*http.Request) (T, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		answer(w, v, err)
	})
}

// notFound tells a wrong path from a wrong method.
func notFound(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		answer(w, nil, &Error{Status: http.StatusMethodNotAllowed, What: r.Method + " is not possible here", Cure: "use " + strings.Join(allowed, " or ")})
		return
	}
	answer(w, nil, &Error{Status: http.StatusNotFound, What: "there is nothing here", Cure: "the orders are given over the control socket in data_dir; TCP has /v1, /healthz, /readyz and /metrics"})
}

// asked bounds a question to the switchboard.
func asked(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), askTimeout)
}

// late makes an answer of an error of the switchboard.
func late(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Status: http.StatusServiceUnavailable, What: "the switchboard does not answer", Cure: "see the log of the switch"}
	}
	return err
}

func (s *Server) status(r *http.Request) (Status, error) {
	ctx, cancel := asked(r)
	defer cancel()
	status, err := s.cfg.Board.Status(ctx)
	view := statusView(status, s.cfg.Version)
	if s.cfg.Edge != nil {
		view.Bans, view.Rejections = s.cfg.Edge()
	}
	return view, late(err)
}

// unban ends the bans of an address.
func (s *Server) unban(r *http.Request) (Unbanned, error) {
	text := r.PathValue("address")
	a, err := netip.ParseAddr(text)
	if err != nil {
		p, err := netip.ParsePrefix(text) // as the status shows it
		if err != nil {
			return Unbanned{}, bad(strconv.Quote(text) + " is not an IP address")
		}
		a = p.Addr()
	}
	if s.cfg.Unban == nil || !s.cfg.Unban(a) {
		return Unbanned{}, &Error{Status: http.StatusNotFound, What: a.String() + " is not banned", Cure: "trunkline status lists the bans"}
	}
	return Unbanned{Source: a.String()}, nil
}

func (s *Server) cards(r *http.Request) ([]Card, error) {
	most := someCards
	if text := r.URL.Query().Get("max"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostCards {
			return nil, bad("max is a number from 1 to " + strconv.Itoa(mostCards))
		}
		most = n
	}
	ctx, cancel := asked(r)
	defer cancel()
	status, err := s.cfg.Board.Status(ctx)
	if err != nil {
		return nil, late(err)
	}
	var live []call.Record
	for i := len(status.Calls) - 1; i >= 0 && len(live) < most; i-- { // the newest are last
		record, there, err := s.cfg.Board.Record(ctx, status.Calls[i].ID)
		if err != nil {
			return nil, late(err)
		}
		if there {
			live = append(live, record)
		}
	}
	kept, err := s.cfg.Cards(most) // after the live ones: a call that ends meanwhile is here
	if err != nil {
		return nil, err
	}
	out := []Card{}
	for _, record := range merge(live, kept, most) {
		out = append(out, s.cardOf(record, status.At))
	}
	return out, nil
}

func (s *Server) card(r *http.Request) (Card, error) {
	id := call.ID(r.PathValue("id"))
	ctx, cancel := asked(r)
	defer cancel()
	record, there, err := s.cfg.Board.Record(ctx, id)
	if err == nil && !there {
		record, there, err = s.cfg.Card(id)
	}
	switch {
	case err != nil:
		return Card{}, late(err)
	case !there:
		return Card{}, &Error{Status: http.StatusNotFound, What: "there is no call " + strconv.Quote(string(id)), Cure: "trunkline calls lists them"}
	}
	return s.worded(told(operator, s.cardOf(record, time.Now()))), nil
}

// ladder is what is kept of a recent call's messages.
func (s *Server) ladder(r *http.Request) (flight.Call, error) {
	id := r.PathValue("id")
	if kept, there := s.cfg.Ladder(id); there {
		return kept, nil
	}
	if _, err := s.card(r); err != nil {
		return flight.Call{}, err
	}
	return flight.Call{}, &Error{Status: http.StatusNotFound, What: "the messages of call " + id + " are not kept any more", Cure: "they are in memory, for an hour after the call's end and until a restart"}
}

// agentStatus is the body of POST /agents/{name}/status.
type agentStatus struct {
	Active *bool  `json:"active"`
	Reason string `json:"reason"`
}

func (s *Server) setAgent(r *http.Request) (Agent, error) {
	var body agentStatus
	if err := read(r, &body); err != nil {
		return Agent{}, err
	}
	name := routing.AgentID(r.PathValue("name"))
	switch {
	case body.Active == nil:
		return Agent{}, bad(`active is missing: send {"active": true} or {"active": false, "reason": "lunch"}`)
	case *body.Active && body.Reason != "":
		return Agent{}, bad("an active agent has no reason: leave it out")
	case len(body.Reason) > maxReason || !utf8.ValidString(body.Reason) || strings.ContainsFunc(body.Reason, unprintable):
		return Agent{}, bad("the reason is one line of at most " + strconv.Itoa(maxReason) + " bytes")
	}
	ctx, cancel := asked(r)
	defer cancel()
	err := s.cfg.Board.SetAgent(ctx, name, *body.Active, body.Reason)
	if errors.Is(err, call.ErrNoAgent) {
		return Agent{}, &Error{Status: http.StatusNotFound, What: "there is no agent " + strconv.Quote(string(name)), Cure: "trunkline status lists them"}
	}
	if err != nil {
		return Agent{}, late(err)
	}
	status, err := s.cfg.Board.Status(ctx)
	if err != nil {
		return Agent{}, late(err)
	}
	for _, a := range status.Agents {
		if a.ID == name {
			return agentView(a), nil
		}
	}
	return Agent{ID: string(name)}, nil
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }

// testCallBody is the body of POST /test-call.
type testCallBody struct {
	To string `json:"to"`
}

func (s *Server) testCall(r *http.Request) (TestCall, error) {
	var body testCallBody
	if err := read(r, &body); err != nil {
		return TestCall{}, err
	}
	return s.cfg.TestCall(r.Context(), body.To)
}

// examineWithin bounds an examination of a trunk.
const examineWithin = 4 * time.Minute

// examine streams the findings of a trunk's examination, a JSON object a line,
// the last with done.
func (s *Server) examine(w http.ResponseWriter, r *http.Request) {
	var body trunkTestBody
	if err := read(r, &body); err != nil {
		answer(w, nil, err)
		return
	}
	q := TrunkQuestion{Trunk: r.PathValue("id"), Number: body.Number, NoCall: body.NoCall}
	s.examined(w, r, q, func(w http.ResponseWriter, err error) { answer(w, nil, err) })
}

// examined streams an examination; refuse answers where nothing can be tried.
func (s *Server) examined(w http.ResponseWriter, r *http.Request, q TrunkQuestion, refuse func(http.ResponseWriter, error)) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(examineWithin))
	_ = control.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(r.Context(), examineWithin)
	defer cancel()
	began, out := false, json.NewEncoder(w)
	write := func(f TrunkFinding) {
		if !began {
			w.Header().Set("Content-Type", "application/x-ndjson")
			began = true
		}
		_ = out.Encode(f)
		_ = control.Flush()
	}
	if err := s.cfg.Examine(ctx, q, write); err != nil && !began {
		refuse(w, err)
		return
	}
	write(TrunkFinding{Done: true, OK: ctx.Err() == nil})
}

type trunkTestBody struct {
	Number string `json:"number"`
	NoCall bool   `json:"no_call"`
}

func (s *Server) explain(r *http.Request) (Explanation, error) {
	query := r.URL.Query()
	q := Question{To: query.Get("to"), From: query.Get("from"), Press: query.Get("press")}
	if q.To == "" {
		return Explanation{}, bad("to is missing: add ?to= with the number dialled")
	}
	if text := query.Get("at"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return Explanation{}, bad("at is a time such as 2026-12-24T18:00:00+01:00")
		}
		q.At = at
	}
	ctx, cancel := asked(r)
	defer cancel()
	e, err := s.cfg.Explain(ctx, q)
	return e, late(err)
}

func (s *Server) version(*http.Request) (Version, error) {
	return Version{Version: s.cfg.Version, Go: runtime.Version(), Process: os.Getpid(), Started: s.started}, nil
}

// healthy is the answer of /healthz while calls are taken.
type healthy struct {
	Status string `json:"status"`
}

func (s *Server) healthz(r *http.Request) (healthy, error) {
	return healthy{"ok"}, s.healthy.ask(r.Context(), s.health)
}

// readyz is 200 when calls can be served: sockets are open, the disk takes
// what is written, nothing is stopping.
func (s *Server) readyz(r *http.Request) (healthy, error) {
	return healthy{"ready"}, s.ready.ask(r.Context(), s.readiness)
}

func bad(what string) *Error { return &Error{Status: http.StatusBadRequest, What: what} }

// read decodes one JSON object, strictly. An empty body is an empty object.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return &Error{Status: http.StatusRequestEntityTooLarge, What: "the body is too large", Cure: "send at most 64 KiB"}
	case err != nil:
		return bad("the body is not what is wanted here: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("the body goes on after its end: send one JSON object")
	}
	return nil
}
