package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/routing"
	"trunkline/sip"
)

// folder is a data folder whose sockets' paths are short enough.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// board is a switchboard with one trunk, two agents and a team, and no calls.
func board(t *testing.T) *call.Switchboard {
	t.Helper()
	return boardOn(t, func(...call.Entry) {})
}

// boardOn is one whose journal is that, with messages in the boxes.
func boardOn(t *testing.T, journal func(...call.Entry), messages ...call.Message) *call.Switchboard {
	t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	b := call.New(call.Config{Log: quiet, Boot: call.Boot{Messages: messages}, Setup: call.Setup{
		Hash:   "0123456789abcdef",
		Trunks: map[sip.TrunkID]call.Trunk{"acme": {MaxCalls: 30}},
		Router: routing.Config{
			Agents: []routing.Agent{{ID: "ann", Name: "Ann Lee", CallLimit: 1}, {ID: "bob", CallLimit: 2}},
			Teams:  []routing.Team{{ID: "support", Agents: []routing.AgentID{"ann", "bob"}}},
		},
	}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx, call.Hands{Append: journal})
	}()
	t.Cleanup(func() { stop(); <-ended })
	return b
}

// at is when the records of these tests began.
var at = time.Date(2026, 11, 23, 14, 2, 31, 0, time.UTC)

func record(id call.ID) call.Record {
	return call.Record{
		ID: id, Trunk: "acme", Dialled: "+14155550100", Caller: "+14155550111",
		Initiated: at, Answered: at, Ended: at.Add(90 * time.Second),
		Ending: call.Ending{By: call.ByCaller, Cause: call.CauseHangup},
		Segments: []call.Segment{
			{Kind: call.SegmentQueue, From: at, To: at.Add(30 * time.Second), Team: "support"},
			{Kind: call.SegmentTalk, From: at.Add(30 * time.Second), To: at.Add(90 * time.Second), Agent: "ann"},
		},
		Recordings: []call.Recorded{{ID: "R1", Agent: "ann", Path: "/x/R1.wav", Duration: time.Minute, Sealed: true}},
	}
}

const (
	older = call.ID("01JDA0000000000000000000AA")
	newer = call.ID("01JDA0000000000000000000BB")
)

// running serves a door with one health listener, until the test ends.
func running(t *testing.T, change func(*Config)) (c *Client, health string) {
	t.Helper()
	dir := folder(t)
	door, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := ListenTCP([]string{"http://127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Board:   board(t),
		Version: "v1",
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		Cards:   func(int) ([]call.Record, error) { return []call.Record{record(newer), record(older)}, nil },
		Card: func(id call.ID) (call.Record, bool, error) {
			return record(id), id == older, nil
		},
		Reload: func(context.Context, string) (Changes, error) {
			return Changes{Applied: []string{"a: 1 → 2"}, NeedsRestart: []string{}, Warnings: []string{}}, nil
		},
		TestCall: func(_ context.Context, number string) (TestCall, error) {
			return TestCall{User: "test", Number: number}, nil
		},
		Explain: func(_ context.Context, q Question) (Explanation, error) {
			return Explanation{To: q.To, From: q.From, At: q.At, Live: true}, nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(cfg).Serve(ctx, door, listeners) }()
	c = NewClient(dir)
	t.Cleanup(func() {
		c.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve: got %v, want nil after the context", err)
		}
		if _, err := os.Stat(filepath.Join(dir, Socket)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket after Serve: got %v, want it gone", err)
		}
	})
	return c, "http://" + listeners[0].Addr().String()
}

func TestStatusShowsTheHouse(t *testing.T) {
	c, _ := running(t, nil)
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Trunks) != 1 || s.Trunks[0].ID != "acme" || s.Trunks[0].MaxCalls != 30 {
		t.Errorf("trunks: got %+v, want acme with 30 calls", s.Trunks)
	}
	if len(s.Agents) != 2 || s.Agents[0].ID != "ann" || s.Agents[0].Status != "active" || s.Agents[0].Available {
		t.Errorf("agents: got %+v, want ann active and not available without a phone", s.Agents)
	}
	if len(s.Queues) != 1 || s.Queues[0].Team != "support" || s.Config != "0123456789abcdef" || s.Version != "v1" {
		t.Errorf("status: got %+v, want support, the hash and v1", s)
	}
}

// Programs read these bodies: a list that is empty is [], never null.
func TestListsAreNeverNull(t *testing.T) {
	c, _ := running(t, func(cfg *Config) {
		cfg.Cards = func(int) ([]call.Record, error) { return nil, nil }
	})
	for _, path := range []string{"/status", "/calls"} {
		resp, err := c.http.Get("http://control" + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.Header.Get("Content-Type") != "application/json" || !json.Valid(text) {
			t.Errorf("%s: got %q %v, want JSON", path, text, err)
		}
		if bytes.Contains(text, []byte("null")) {
			t.Errorf("%s: got %s, want [] for lists that are empty", path, text)
		}
	}
}

func TestAnAgentIsSetAwayAndActive(t *testing.T) {
	c, _ := running(t, nil)
	a, err := c.SetAgent(t.Context(), "ann", false, "lunch")
	if err != nil || a.Status != "away" || a.Reason != "lunch" {
		t.Errorf("away: got %+v, %v, want away for lunch", a, err)
	}
	a, err = c.SetAgent(t.Context(), "ann", true, "")
	if err != nil || a.Status != "active" || a.Reason != "" {
		t.Errorf("active: got %+v, %v, want active", a, err)
	}
	for _, x := range []struct {
		agent  string
		active bool
		reason string
		status int
	}{
		{"nobody", true, "", http.StatusNotFound},
		{"../ann", true, "", http.StatusNotFound},
		{"ann", true, "early", http.StatusBadRequest},
		{"ann", false, "two\nlines", http.StatusBadRequest},
		{"ann", false, strings.Repeat("x", 201), http.StatusBadRequest},
	} {
		_, err := c.SetAgent(t.Context(), x.agent, x.active, x.reason)
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != x.status || refused.What == "" {
			t.Errorf("SetAgent(%q, %v, %.10q): got %v, want %d with words", x.agent, x.active, x.reason, err, x.status)
		}
	}
}

func TestCardsHaveTheirSums(t *testing.T) {
	c, _ := running(t, nil)
	cards, err := c.Calls(t.Context(), 1)
	if err != nil || len(cards) != 1 || cards[0].ID != newer {
		t.Fatalf("newest card: got %+v, %v, want %s", cards, err, newer)
	}
	card, err := c.Call(t.Context(), string(older))
	if err != nil {
		t.Fatal(err)
	}
	if card.Duration != 90 || card.TalkTime != 60 || card.QueueTime != 30 || card.InProgress || card.EndedReason != "hangup by caller" {
		t.Errorf("card: got %+v, want 90 s, talk 60 s, queue 30 s, hangup by caller", card)
	}
	if len(card.Recordings) != 1 || card.Recordings[0].Duration != 60 || len(card.Segments) != 2 {
		t.Errorf("card: got %+v, want one recording of 60 s and two segments", card)
	}
	_, err = c.Call(t.Context(), "nothing")
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || !strings.Contains(refused.Error(), "trunkline calls") {
		t.Errorf("unknown call: got %v, want 404 with its cure", err)
	}
}

func TestCallThatEndsMeanwhileIsShownOnceWithItsEnd(t *testing.T) {
	live, kept := record(newer), record(newer)
	live.Ended = time.Time{}
	all := merge([]call.Record{live}, []call.Record{record(older), kept}, 5)
	if len(all) != 2 || all[0].ID != newer || all[0].Ended.IsZero() || all[1].ID != older {
		t.Errorf("merge: got %+v, want the final one once, then the older", all)
	}
	if got := merge(nil, []call.Record{record(older), record(newer)}, 1); len(got) != 1 || got[0].ID != newer {
		t.Errorf("merge of one: got %+v, want the newest", got)
	}
}

func TestOrdersReachTheHouse(t *testing.T) {
	c, _ := running(t, nil)
	changes, err := c.Reload(t.Context())
	if err != nil || len(changes.Applied) != 1 {
		t.Errorf("reload: got %+v, %v, want one change", changes, err)
	}
	pass, err := c.TestCall(t.Context(), "+14155550100")
	if err != nil || pass.User != "test" || pass.Number != "+14155550100" {
		t.Errorf("test call: got %+v, %v, want its credential", pass, err)
	}
	e, err := c.Explain(t.Context(), Question{To: "+1 415", From: "a&b=c", At: at})
	if err != nil || e.To != "+1 415" || e.From != "a&b=c" || !e.At.Equal(at) {
		t.Errorf("explain: got %+v, %v, want the question as it was asked", e, err)
	}
	v, err := c.Version(t.Context())
	if err != nil || v.Version != "v1" || v.Process != os.Getpid() {
		t.Errorf("version: got %+v, %v, want v1 of this process", v, err)
	}
}

func TestARefusalCarriesItsDetails(t *testing.T) {
	c, _ := running(t, func(cfg *Config) {
		cfg.Reload = func(context.Context, string) (Changes, error) {
			return Changes{}, &Error{Status: 422, What: "the file has problems", Cure: "mend it", Details: []string{"x.yaml:1:1: a", "x.yaml:2:1: b"}}
		}
		cfg.TestCall = func(context.Context, string) (TestCall, error) { return TestCall{}, errors.New("no listener") }
	})
	_, err := c.Reload(t.Context())
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != 422 || len(refused.Details) != 2 || refused.Error() != "the file has problems: mend it" {
		t.Errorf("reload: got %#v, want 422 with two lines and the cure", err)
	}
	_, err = c.TestCall(t.Context(), "")
	if !errors.As(err, &refused) || refused.Status != 500 || refused.What != "no listener" {
		t.Errorf("test call: got %#v, want 500 with the error's text", err)
	}
}

// A defect in one request costs that request.
func TestAPanicCostsOneRequest(t *testing.T) {
	c, _ := running(t, func(cfg *Config) {
		cfg.Reload = func(context.Context, string) (Changes, error) { panic("a defect") }
	})
	_, err := c.Reload(t.Context())
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != 500 || strings.Contains(refused.Error(), "goroutine") {
		t.Errorf("reload: got %v, want 500 without a stack", err)
	}
	if _, err := c.Version(t.Context()); err != nil {
		t.Errorf("the next request: got %v, want an answer", err)
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	c, _ := running(t, nil)
	for _, x := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/agents/ann/status", `{"active": "yes"}`, 400},
		{"POST", "/agents/ann/status", `{"activ": true}`, 400},
		{"POST", "/agents/ann/status", `{}`, 400},
		{"POST", "/agents/ann/status", ``, 400},
		{"POST", "/agents/ann/status", `{"active": true} {"active": false}`, 400},
		{"POST", "/agents/ann/status", `{"active": tru`, 400},
		{"POST", "/agents/ann/status", `{"active": true, "reason": "` + strings.Repeat("x", 70_000) + `"}`, 413},
		{"GET", "/agents/ann/status", ``, 405},
		{"DELETE", "/status", ``, 405},
		{"GET", "/", ``, 404},
		{"GET", "/metrics", ``, 404},
		{"GET", "/calls?max=0", ``, 400},
		{"GET", "/calls?max=1001", ``, 400},
		{"GET", "/calls?max=many", ``, 400},
		{"GET", "/explain", ``, 400},
		{"GET", "/explain?to=1&at=tomorrow", ``, 400},
	} {
		r, err := http.NewRequest(x.method, "http://control"+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", x.method, x.path, err)
		}
		var refused Error
		err = json.NewDecoder(resp.Body).Decode(&refused)
		resp.Body.Close()
		if resp.StatusCode != x.status || err != nil || refused.What == "" {
			t.Errorf("%s %s %.40s: got %d %+v %v, want %d with words", x.method, x.path, x.body, resp.StatusCode, refused, err, x.status)
		}
		if x.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: got no Allow, want the methods there are", x.method, x.path)
		}
	}
}

func TestTCPServesHealthAlone(t *testing.T) {
	var b *call.Switchboard
	_, health := running(t, func(cfg *Config) { b = cfg.Board })
	get := func(path string) int {
		resp, err := http.Get(health + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || !json.Valid(text) {
			t.Errorf("%s: got %q, %v, want JSON", path, text, err)
		}
		return resp.StatusCode
	}
	if got := get("/healthz"); got != 200 {
		t.Errorf("/healthz: got %d, want 200", got)
	}
	for _, path := range []string{"/status", "/calls", "/calls/x", "/version", "/explain?to=1", "/"} {
		if got := get(path); got != 404 {
			t.Errorf("%s over TCP: got %d, want 404", path, got)
		}
	}
	resp, err := http.Post(health+"/reload", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("POST /reload over TCP: got %d, want 404", resp.StatusCode)
	}
	if err := b.Drain(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestHealthIsBadWhileStopping(t *testing.T) {
	b := board(t)
	s := New(Config{Board: b})
	if err := s.healthy.ask(t.Context(), s.health); err != nil {
		t.Errorf("health: got %v, want nil", err)
	}
	if err := b.Drain(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	s.healthy.asked = s.healthy.asked.Add(-healthFor) // the answer is given again for a second
	var refused *Error
	if err := s.healthy.ask(t.Context(), s.health); !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("health while draining: got %v, want 503", err)
	}
}

func TestReadinessWantsSocketsAndADisk(t *testing.T) {
	var trouble error
	s := New(Config{Board: board(t), Ready: func(context.Context) error { return trouble }})
	if err := s.readiness(t.Context()); err != nil {
		t.Errorf("ready: got %v, want nil", err)
	}
	trouble = errors.New("the store cannot be written")
	var refused *Error
	if err := s.readiness(t.Context()); !errors.As(err, &refused) || refused.Status != 503 || refused.What != trouble.Error() {
		t.Errorf("ready without a disk: got %v, want 503 with the reason", err)
	}
	trouble = nil
	if err := s.cfg.Board.Drain(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if err := s.readiness(t.Context()); !errors.As(err, &refused) || refused.Status != 503 {
		t.Errorf("ready while stopping: got %v, want 503", err)
	}
}

func TestFiguresAreForThisMachine(t *testing.T) {
	s := New(Config{Board: board(t), Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })})
	for from, want := range map[string]int{"127.0.0.1:40000": 200, "[::1]:40000": 200, "[::ffff:127.0.0.1]:4": 200, "@": 200, "192.0.2.1:40000": 403, "[2001:db8::1]:4": 403} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		s.public().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("from %s: got %d, want %d", from, w.Code, want)
		}
	}
}

func TestAConnectionBeyondTheLimitWaits(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limited(inner, 1)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("the second connection: got accepted, want it to wait")
	default:
	}
	first.Close()
	first.Close() // gives its place back once
	second := <-accepted
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: got %v, want net.ErrClosed", err)
	}
	second.Close()
}
