package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/desk"
	"trunkline/flight"
	"trunkline/internal/golden"
	"trunkline/routing"
	"trunkline/store"
)

// house is a server with its API, tokens and a recording.
type house struct {
	*testing.T
	server *Server
	public http.Handler
	api    huma.API
	tokens *Tokens
	text   map[string]string // tokens by who has them
	sound  []byte
	gone   []string // recordings removed

	sessions *Sessions

	asked         store.Filter // of the records, the last time
	erased        []desk.ContactID
	eraseErr      error
	tasks         []call.TranscriptTask // transcripts asked for
	transcribeErr error
	wordless      bool // no transcript yet

	finds func(before call.RecordingID, limit int) ([]call.FoundWords, call.RecordingID, error) // nil: R1

	mu   sync.Mutex
	told []call.Fact
	kept map[call.ID]call.Record
}

func newHouse(t *testing.T, messages ...call.Message) *house {
	t.Helper()
	h := &house{T: t, text: map[string]string{}, sound: bytes.Repeat([]byte("0123456789"), 100)}
	dir := t.TempDir()
	var err error
	if h.tokens, err = OpenTokens(dir); err != nil {
		t.Fatal(err)
	}
	for name, scope := range map[string]Scope{"wall": ScopeWall, "ann": ScopeAgent, "bob": ScopeAgent, "sue": ScopeSupervisor, "root": ScopeAdmin} {
		agent := ""
		if scope == ScopeAgent {
			agent = name
		}
		if h.text[name], _, err = h.tokens.Make(name, scope, agent, at); err != nil {
			t.Fatal(err)
		}
	}
	wav := filepath.Join(dir, "R1.wav")
	if err := os.WriteFile(wav, h.sound, 0o600); err != nil {
		t.Fatal(err)
	}
	one := record(older)
	one.Recordings[0].Path = wav
	h.kept = map[call.ID]call.Record{older: one}
	signed, err := OpenSessions(dir)
	if err != nil {
		t.Fatal(err)
	}
	h.sessions = signed
	h.server = New(Config{
		Board: boardOn(t, h.journal, messages...), Version: "v1", Sessions: signed, SignIns: signIns(), Desks: NewDesks(nil, nil), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Tokens: h.tokens,
		Records: func(f store.Filter) ([]call.Record, call.ID, error) {
			h.asked = f
			if f.Agent != "" && f.Agent != "ann" {
				return nil, "", nil
			}
			if f.Before != "" {
				return nil, "", nil
			}
			return []call.Record{one}, older, nil
		},
		Erase: func(_ context.Context, e call.Erasure) (int, error) {
			h.erased = append(h.erased, e.Contact)
			return 1, h.eraseErr
		},
		Country: func() string { return "US" },
		FactsBetween: func(from, to time.Time, take func(call.Fact) error) error {
			for i, kind := range []call.FactKind{call.FactQueued, call.FactConnected, call.FactEnded} {
				f := call.Fact{Kind: kind, At: from.Add(time.Duration(i*10) * time.Second), Call: "C", Team: "support", Ending: &call.Ending{By: call.ByCaller}}
				if kind == call.FactConnected {
					f.Agent = "ann"
				}
				if err := take(f); err != nil {
					return err
				}
			}
			return nil
		},
		Card: func(id call.ID) (call.Record, bool, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			r, there := h.kept[id]
			return r, there, nil
		},
		Ladder:      func(string) (flight.Call, bool) { return flight.Call{ID: string(older)}, true },
		Transcripts: h,
		Callbacks:   func(store.CallbackFilter) ([]routing.Callback, error) { return []routing.Callback{promise()}, nil },
		Callback: func(id routing.CallbackID) (routing.Callback, error) {
			if id == promise().ID {
				return promise(), nil
			}
			return routing.Callback{}, call.ErrNoCallback
		},
		RemoveRecording: func(id string) error { h.gone = append(h.gone, id); return os.Remove(wav) },
		Reload:          func(context.Context, string) (Changes, error) { return Changes{}, nil },
		CheckFile:       func(context.Context) (FileCheck, error) { return FileCheck{}, nil },
		Storage:         func() (Storage, error) { return Storage{}, nil },
		Explain:         func(context.Context, Question) (Explanation, error) { return Explanation{}, nil },
		Stream:          NewStream(0, func(uint64, int) ([]call.Fact, error) { return nil, nil }, nil),
	})
	close(h.server.stopping) // streams end at once
	h.public = h.server.guard(h.server.public())
	_, h.api = h.server.v1(h.server.bearer)
	return h
}

// journal is what the switchboard writes: its facts, and cards that are changed.
func (h *house) journal(entries ...call.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		switch e := e.(type) {
		case call.Fact:
			h.told = append(h.told, e)
		case call.Closed:
			h.kept[e.Record.ID] = e.Record
		}
	}
}

// facts are what was told so far.
func (h *house) facts() []call.Fact {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.told)
}

// promise is a callback that ann has to do with, of a team that is not bob's.
func promise() routing.Callback {
	return routing.Callback{
		ID: routing.CallbackID(older), Number: "+14155550123", Name: "=cmd|calc", Team: "sales", Agent: "ann", Requests: 1, Ignored: 1,
		First: at, Asked: at, Since: at, Until: at.Add(2 * time.Hour), State: routing.CallbackClosed, Reason: "called in", Done: at.Add(time.Minute),
		Marks: []routing.CallbackNote{{Mark: routing.MarkRequested, At: at}, {Mark: routing.MarkCalledIn, At: at.Add(time.Minute), Agent: "ann"}},
	}
}

// ask asks as somebody: a name with a token, "" without one, else that text.
func (h *house) ask(as, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if text, known := h.text[as]; known {
		r.Header.Set("Authorization", "Bearer "+text)
	} else if as != "" {
		r.Header.Set("Authorization", as)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.public.ServeHTTP(w, r)
	return w
}

// each gives every operation, with a path that exists and is ann's.
func (h *house) each(f func(op *huma.Operation, path string)) int {
	n := 0
	for path, item := range h.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete, item.Put, item.Patch} {
			if op == nil {
				continue
			}
			n++
			id := string(older)
			if strings.HasPrefix(path, "/v1/agents") {
				id = "ann"
			}
			f(op, strings.NewReplacer("{id}", id, "{recording}", "R1", "{format}", "text").Replace(path))
		}
	}
	return n
}

func isProblem(w *httptest.ResponseRecorder) bool {
	var p struct {
		Status int
		Title  string
		Detail string
	}
	return w.Header().Get("Content-Type") == "application/problem+json" && json.Unmarshal(w.Body.Bytes(), &p) == nil &&
		p.Status == w.Code && p.Title != "" && p.Detail != ""
}

// The table is the API itself: an operation that is added is tested.
func TestEveryRouteRefusesTheAnonymousTheWrongScopeAndTheWrongAgent(t *testing.T) {
	h := newHouse(t)
	revoked, gone, err := h.tokens.Make("old", ScopeAdmin, "", at)
	if err != nil {
		t.Fatal(err)
	}
	if there, err := h.tokens.Revoke(gone.ID); !there || err != nil {
		t.Fatalf("revoke: got %v, %v", there, err)
	}
	n := h.each(func(op *huma.Operation, path string) {
		need, _ := op.Metadata[needs].(Scope)
		if need == open {
			t.Errorf("%s %s: got no scope, want one: nothing under /v1 is for everybody", op.Method, path)
		}
		for _, as := range []string{"", "Bearer ", "Bearer tl_wrong", "Basic " + h.text["root"], h.text["root"] + "x", "Bearer " + revoked, "Bearer " + h.text["root"][:20]} {
			w := h.ask(as, op.Method, path, "{}")
			if w.Code != 401 || !isProblem(w) || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s as %.12q: got %d %s, want 401 with a problem", op.Method, path, as, w.Code, w.Body)
			}
		}
		if op.Method+" "+path != "GET /v1/wall" { // the one thing that a screen may
			if w := h.ask("wall", op.Method, path, ""); w.Code != 403 || !isProblem(w) {
				t.Errorf("%s %s as a screen on the wall: got %d %s, want 403 with a problem", op.Method, path, w.Code, w.Body)
			}
		}
		lower := map[Scope][]string{ScopeSupervisor: {"ann"}, ScopeAdmin: {"ann", "sue"}}[need]
		if need == ScopeAgent && strings.Contains(op.Path, "{id}") && !strings.HasPrefix(op.Path, "/v1/contacts") { // contacts are everybody's
			lower = []string{"bob"} // it is ann's
		}
		for _, as := range lower {
			body := `{"active": true, "number": "+14155550199", "to": {"agent": "ann"}, "as": "ann"}`
			if op.RequestBody != nil {
				body = `{}`
				switch {
				case strings.HasSuffix(path, "/status"):
					body = `{"active": true}`
				case strings.HasSuffix(path, "/channel"):
					body = `{"channel": "all"}`
				case strings.HasSuffix(path, "/dial"):
					body = `{"number": "102"}`
				case strings.Contains(path, "/notes"):
					body = `{"text": "x"}`
				case strings.HasSuffix(path, "/tags"):
					body = `{"add": ["x"]}`
				case path == "/v1/callbacks":
					body = `{"number": "+14155550123", "team": "support"}`
				case strings.HasPrefix(path, "/v1/callbacks/") && strings.HasSuffix(path, "/call"):
					body = `{"agent": "ann"}`
				case strings.HasPrefix(path, "/v1/calls/"):
					body = `{"as": "ann"}`
				}
			}
			if w := h.ask(as, op.Method, path, body); w.Code != 403 || !isProblem(w) {
				t.Errorf("%s %s as %s: got %d %s, want 403 with a problem", op.Method, path, as, w.Code, w.Body)
			}
		}
	})
	if n < 30 {
		t.Errorf("operations: got %d, want all", n)
	}
	if len(h.gone) > 0 {
		t.Errorf("recordings removed by who may not: %v", h.gone)
	}
}

func TestEachScopeReachesWhatIsItsOwn(t *testing.T) {
	h := newHouse(t)
	for _, x := range []struct {
		as, method, path, body string
		want                   int
	}{
		{"wall", "GET", "/v1/wall", "", 200},
		{"wall", "POST", "/v1/wall", "", 404},
		{"wall", "GET", "/v1/facts", "", 403},
		{"wall", "GET", "/desk/socket", "", 401},
		{"ann", "GET", "/v1/wall", "", 200},
		{"root", "GET", "/v1/wall", "", 200},
		{"root", "POST", "/v1/tokens", `{"name": "hall", "scope": "wall", "agent": "ann"}`, 400},
		{"ann", "GET", "/v1/agents/ann", "", 200},
		{"ann", "POST", "/v1/agents/ann/status", `{"active": false, "reason": "lunch"}`, 200},
		{"ann", "POST", "/v1/agents/ann/status", `{"status": "away", "reason": "lunch"}`, 200},
		{"ann", "POST", "/v1/agents/ann/status", `{"status": "active", "reason": "lunch"}`, 400},
		{"ann", "POST", "/v1/agents/ann/status", `{"status": "active"}`, 200},
		{"ann", "POST", "/v1/agents/ann/status", `{"status": "active", "active": false}`, 400},
		{"ann", "POST", "/v1/agents/ann/status", `{"status": "asleep"}`, 422},
		{"ann", "POST", "/v1/agents/ann/status", `{}`, 400},
		{"ann", "POST", "/v1/agents/ann/channel", `{"channel": "conversations"}`, 200},
		{"ann", "POST", "/v1/agents/ann/channel", `{"channel": "fax"}`, 422},
		{"bob", "POST", "/v1/agents/ann/channel", `{"channel": "all"}`, 403},
		{"sue", "POST", "/v1/agents/ann/channel", `{"channel": "all"}`, 200},
		{"ann", "GET", "/v1/voicemail", "", 200},
		{"sue", "GET", "/v1/voicemail/nonesuch", "", 404},
		{"sue", "DELETE", "/v1/voicemail/nonesuch", "", 404},
		{"ann", "DELETE", "/v1/voicemail/nonesuch", "", 403},
		{"ann", "GET", "/v1/greetings/ann", "", 404}, // this house has no prompts
		{"ann", "GET", "/v1/greetings/bob", "", 403},
		{"ann", "DELETE", "/v1/greetings/nonesuch", "", 403},
		{"sue", "DELETE", "/v1/greetings/nonesuch", "", 404},
		{"sue", "PUT", "/v1/greetings/bob", "no sound", 422},
		{"ann", "PUT", "/v1/greetings/bob", "no sound", 403},
		{"ann", "GET", "/v1/callbacks", "", 200},
		{"ann", "GET", "/v1/callbacks?state=lost", "", 422},
		{"ann", "GET", "/v1/callbacks/" + string(older), "", 200},
		{"sue", "GET", "/v1/callbacks/nonesuch", "", 404},
		{"sue", "GET", "/v1/callbacks/counts", "", 200},
		{"sue", "GET", "/v1/callbacks/volumes", "", 200},
		{"sue", "GET", "/v1/callbacks.csv", "", 200},
		{"sue", "POST", "/v1/callbacks", `{"number": "+19005550123", "team": "support"}`, 404}, // the team comes first
		{"sue", "POST", "/v1/callbacks", `{"number": "+14155550123"}`, 422},
		{"ann", "POST", "/v1/callbacks/" + string(older) + "/close", "", 409}, // it is closed
		{"ann", "POST", "/v1/callbacks/" + string(older) + "/call", "{}", 409},
		{"sue", "POST", "/v1/callbacks/" + string(older) + "/call", "{}", 422},
		{"sue", "POST", "/v1/callbacks/" + string(older) + "/assign", `{"agent": "ann"}`, 404},
		{"ann", "GET", "/v1/calls", "", 200},
		{"ann", "GET", "/v1/calls/" + string(older), "", 200},
		{"ann", "GET", "/v1/records", "", 200},
		{"ann", "GET", "/v1/version", "", 200},
		{"ann", "POST", "/v1/calls/" + string(older) + "/hold", "", 404}, // it is over
		{"sue", "POST", "/v1/calls/" + string(older) + "/hangup", "{}", 404},
		{"sue", "POST", "/v1/calls/" + string(older) + "/transfer", `{"to": {"agent": "ann", "team": "support"}}`, 422},
		{"sue", "POST", "/v1/calls/" + string(older) + "/transfer", `{}`, 422},
		{"sue", "POST", "/v1/calls/" + string(older) + "/sing", `{}`, 404},
		{"sue", "GET", "/v1/agents", "", 200},
		{"sue", "GET", "/v1/agents/nobody", "", 404},
		{"sue", "GET", "/v1/teams", "", 200},
		{"sue", "GET", "/v1/trunks", "", 200},
		{"sue", "GET", "/v1/status", "", 200},
		{"sue", "GET", "/v1/recordings", "", 200},
		{"sue", "GET", "/v1/explain?to=%2B14155550100", "", 200},
		{"sue", "GET", "/v1/explain", "", 422},
		{"sue", "GET", "/v1/records?limit=5000", "", 422},
		{"sue", "GET", "/v1/records?limti=5", "", 422},
		{"sue", "GET", "/v1/facts", "", 200},
		{"root", "POST", "/v1/reload", "", 200},
		{"root", "GET", "/v1/tokens", "", 200},
		{"root", "POST", "/v1/tokens", `{"name": "x", "scope": "agent"}`, 400},
		{"root", "POST", "/v1/tokens", `{"name": "x", "scope": "agent", "agent": "nobody"}`, 404},
		{"root", "POST", "/v1/tokens", `{"name": "x", "scope": "king"}`, 422},
		{"root", "DELETE", "/v1/tokens/none", "", 404},
		{"root", "GET", "/v1/calls/" + string(older) + "/ladder", "", 200},
		{"root", "GET", "/v1/calls/" + string(older) + "/ladder.pcap", "", 200},
		{"", "GET", "/v1/openapi.json", "", 200},
		{"", "GET", "/v1/nothing", "", 404},
		{"", "GET", "/status", "", 404},
		{"", "POST", "/reload", "", 404},
	} {
		w := h.ask(x.as, x.method, x.path, x.body)
		if w.Code != x.want || x.want >= 400 && strings.HasPrefix(x.path, "/v1") && !isProblem(w) {
			t.Errorf("%s %s as %s: got %d %s, want %d", x.method, x.path, x.as, w.Code, w.Body, x.want)
		}
	}
	w := h.ask("bob", "GET", "/v1/records", "")
	if strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("bob's records: got %s, want none", w.Body)
	}
}

func TestTokensAreKeptAsHashesAndOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	tokens, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, made, err := tokens.Make("the wall", ScopeSupervisor, "", at)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, tokensName)
	kept, err := os.ReadFile(file)
	info, _ := os.Stat(file)
	if err != nil || bytes.Contains(kept, []byte(text)) || bytes.Contains(kept, []byte(text[3:])) || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: got %s of mode %v, %v, want no token in it, mode 0600", kept, info.Mode(), err)
	}
	again, err := OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := again.find(text); !ok || got != made {
		t.Errorf("after a restart: got %+v, %v, want %+v", got, ok, made)
	}
	if _, err := again.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	if last, err := OpenTokens(dir); err != nil || len(last.List()) != 0 {
		t.Errorf("after the revocation and a restart: got %v, %v, want none", last.List(), err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokens(dir); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged file: got %v, want its name and the cure", err)
	}
}

func TestRecordingsAreServedInRangesAndDeletedWithAnAuditLine(t *testing.T) {
	h := newHouse(t)
	path := "/v1/calls/" + string(older) + "/recordings/R1"
	if w := h.ask("sue", "GET", path, ""); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), h.sound) || w.Header().Get("Content-Type") != "audio/wav" {
		t.Errorf("whole: got %d, %d bytes of %s", w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
	if w := h.ask("sue", "GET", path, "", "Range", "bytes=995-"); w.Code != 206 || w.Body.String() != "56789" || w.Header().Get("Content-Range") != "bytes 995-999/1000" {
		t.Errorf("the end: got %d %q %s", w.Code, w.Body, w.Header().Get("Content-Range"))
	}
	if w := h.ask("sue", "GET", path, "", "Range", "bytes=2000-"); w.Code != 416 {
		t.Errorf("beyond the end: got %d, want 416", w.Code)
	}
	for _, other := range []string{"R2", "..%2f..%2ftokens.json"} {
		if w := h.ask("sue", "GET", "/v1/calls/"+string(older)+"/recordings/"+other, ""); w.Code != 404 {
			t.Errorf("%s: got %d, want 404", other, w.Code)
		}
	}
	if w := h.ask("root", "DELETE", path, ""); w.Code != 204 || len(h.gone) != 1 || h.gone[0] != "R1" {
		t.Errorf("delete: got %d %s, removed %v", w.Code, w.Body, h.gone)
	}
	if w := h.ask("sue", "GET", path, ""); w.Code != 410 || !isProblem(w) {
		t.Errorf("afterwards: got %d %s, want 410", w.Code, w.Body)
	}
}

func TestAnOrderWithAKeyIsDoneOnce(t *testing.T) {
	h := newHouse(t)
	reloads := 0
	h.server.cfg.Reload = func(context.Context, string) (Changes, error) {
		if reloads++; reloads == 1 {
			return Changes{}, context.DeadlineExceeded // ours: it may be tried again
		}
		return Changes{Applied: []string{"a"}}, nil
	}
	for i, want := range []int{503, 200, 200, 200} {
		w := h.ask("root", "POST", "/v1/reload", "", "Idempotency-Key", "k1")
		if w.Code != want || (w.Header().Get("Idempotency-Replayed") == "true") != (i >= 2) {
			t.Errorf("time %d: got %d, replayed %q, want %d", i+1, w.Code, w.Header().Get("Idempotency-Replayed"), want)
		}
	}
	if reloads != 2 {
		t.Errorf("reloads: got %d, want the one that failed and one more", reloads)
	}
	if w := h.ask("root", "POST", "/v1/agents/ann/status", `{"active": true}`, "Idempotency-Key", "k1"); w.Code != 422 || !isProblem(w) {
		t.Errorf("the key for another order: got %d, want 422", w.Code)
	}
	// Another's key of the same text is another key; the anonymous have none.
	if w := h.ask("sue", "POST", "/v1/agents/ann/status", `{"active": true}`, "Idempotency-Key", "k1"); w.Code != 200 {
		t.Errorf("sue's own k1: got %d %s, want 200", w.Code, w.Body)
	}
	if w := h.ask("", "POST", "/v1/reload", "", "Idempotency-Key", "k1"); w.Code != 401 {
		t.Errorf("the anonymous with a key: got %d, want 401", w.Code)
	}
	if w := h.ask("root", "POST", "/v1/reload", "", "Idempotency-Key", strings.Repeat("k", 201)); w.Code != 400 {
		t.Errorf("a long key: got %d, want 400", w.Code)
	}
}

func TestReadersShareOnePictureOfTheSwitchboard(t *testing.T) {
	h := newHouse(t)
	h.server.seen.at = time.Now().Add(time.Hour) // a picture that is fresh for long
	h.server.seen.status.Config = "the shared one"
	for _, path := range []string{"/v1/status", "/v1/status", "/v1/trunks", "/v1/teams", "/v1/agents", "/v1/calls"} {
		if w := h.ask("sue", "GET", path, ""); w.Code != 200 || path == "/v1/status" && !strings.Contains(w.Body.String(), "the shared one") {
			t.Errorf("%s: got %d %s, want it from the picture", path, w.Code, w.Body)
		}
	}
	h.server.seen.at = time.Now().Add(-pictureFor)
	if w := h.ask("sue", "GET", "/v1/status", ""); strings.Contains(w.Body.String(), "the shared one") {
		t.Error("an old picture: got it shown again, want a new one")
	}
}

// docs/openapi.json is what the switch serves at /v1/openapi.json; -update
// rewrites it.
func TestTheDescriptionIsTheDocuments(t *testing.T) {
	h := newHouse(t)
	w := h.ask("", "GET", "/v1/openapi.json", "")
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "../docs/openapi.json", append(text, '\n'))
}
