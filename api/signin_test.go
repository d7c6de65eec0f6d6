package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const annsPassword = "correct horse battery staple"

// hashed is of annsPassword, made once: it costs 25 ms.
var hashed = sync.OnceValue(func() string {
	hash, err := HashPassword(annsPassword)
	if err != nil {
		panic(err)
	}
	return hash
})

// signIns has ann and bob, who take calls, sue and root, who do not, and tim,
// who leads a team and takes calls.
func signIns() SignIns {
	all := map[string]Account{
		"ann":  {ID: "ann", Name: "Ann", Scope: ScopeAgent, Agent: "ann", Login: hashed(), Email: "ann@example.com"},
		"bob":  {ID: "bob", Name: "Bob", Scope: ScopeAgent, Agent: "bob", Login: hashed()},
		"tim":  {ID: "tim", Name: "Tim", Scope: ScopeSupervisor, Agent: "tim", Login: hashed()},
		"sue":  {ID: "sue", Name: "Sue", Scope: ScopeSupervisor, Login: hashed()},
		"root": {ID: "root", Name: "Root", Scope: ScopeAdmin, Login: hashed()},
		"mute": {ID: "mute", Name: "Mute", Scope: ScopeAgent, Agent: "mute"},
	}
	return SignIns{
		Account: func(id string) (Account, bool) { a, ok := all[id]; return a, ok },
		ByEmail: func(email string) (Account, bool) {
			for _, a := range all {
				if a.Email != "" && a.Email == email {
					return a, true
				}
			}
			return Account{}, false
		},
		Times:  func() (idle, life time.Duration) { return time.Hour, 8 * time.Hour },
		OpenID: func() OpenID { return OpenID{} },
	}
}

// cookie signs somebody in and gives the cookie's header.
func (h *house) cookie(account string) string {
	h.Helper()
	a, _ := h.server.cfg.SignIns.Account(account)
	text, _, err := h.sessions.open(time.Now(), time.Hour, Session{Account: a.ID}, a.mark())
	if err != nil {
		h.Fatal(err)
	}
	return cookieName + "=" + text
}

func (h *house) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	h.Helper()
	return h.ask("", "POST", path, body, append([]string{"Sec-Fetch-Site", "same-origin"}, headers...)...)
}

func signInBody(account, password string) string {
	text, _ := json.Marshal(map[string]string{"account": account, "password": password})
	return string(text)
}

func TestAPasswordOpensASession(t *testing.T) {
	h := newHouse(t)
	w := h.post("/desk/session", signInBody("ann", annsPassword))
	cookies := w.Result().Cookies()
	if w.Code != 200 || len(cookies) != 1 {
		t.Fatalf("sign-in: got %d %s, cookies %v", w.Code, w.Body, cookies)
	}
	c := cookies[0]
	if c.Name != cookieName || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || len(c.Value) < 40 {
		t.Errorf("over http: got the cookie %+v", c)
	}
	cookie := c.Name + "=" + c.Value
	if w := h.ask("", "GET", "/desk/session", "", "Cookie", cookie); !strings.Contains(w.Body.String(), `"signed_in": true`) {
		t.Errorf("who is signed in: got %s, want ann", w.Body)
	}
	if w := h.ask("", "GET", "/v1/agents/ann", "", "Cookie", cookie); w.Code != 200 {
		t.Errorf("the API by cookie: got %d %s, want 200", w.Code, w.Body)
	}
	kept, err := os.ReadFile(filepath.Join(filepath.Dir(h.sessions.path), sessionsName))
	info, _ := os.Stat(h.sessions.path)
	if err != nil || strings.Contains(string(kept), c.Value) || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: got %s, %v, want hashes alone, mode 0600", kept, err)
	}
	w = h.post("/desk/session", signInBody("ann@example.com", annsPassword), "X-Forwarded-Proto", "https", "X-Real", "1")
	if got := w.Result().Cookies(); w.Code != 200 || len(got) == 1 && got[0].Secure {
		t.Errorf("a stranger says https: got %d %v, want it not believed", w.Code, got)
	}
	if w := h.ask("", "DELETE", "/desk/session", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); w.Code != 200 {
		t.Errorf("sign-out: got %d %s", w.Code, w.Body)
	}
	if w := h.ask("", "GET", "/v1/agents/ann", "", "Cookie", cookie); w.Code != 401 {
		t.Errorf("after it: got %d, want 401", w.Code)
	}
}

func TestWrongNamesAndPasswordsAreToldApartByNothing(t *testing.T) {
	h := newHouse(t)
	var first string
	for _, x := range [][2]string{{"ann", "wrong"}, {"nobody", annsPassword}, {"mute", ""}, {"mute", annsPassword}, {"ann", ""}, {"", ""}, {"ann\x00", annsPassword}, {"ann", strings.Repeat("x", 2000)}} {
		w := h.post("/desk/session", signInBody(x[0], x[1]))
		if w.Code != 401 || len(w.Result().Cookies()) > 0 {
			t.Errorf("%q with %.20q: got %d %s, want 401", x[0], x[1], w.Code, w.Body)
		}
		if first == "" {
			first = w.Body.String()
		}
		if w.Body.String() != first {
			t.Errorf("%q: got %s, want %s", x[0], w.Body, first)
		}
	}
	began := time.Now()
	passwordIs(nobodysHash, annsPassword)
	unknown := time.Since(began)
	began = time.Now()
	passwordIs(hashed(), annsPassword)
	if known := time.Since(began); unknown < known/5 || known < unknown/5 {
		t.Errorf("an unknown account takes %v, a known one %v: want alike", unknown, known)
	}
	for _, hash := range []string{"", "x", "$argon2id$v=19$m=1$a", "$argon2id$v=19$m=99999999,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ", "$2y$10$abc"} {
		if passwordIs(hash, "") || passwordIs(hash, annsPassword) {
			t.Errorf("the hash %q: got a password that fits, want none", hash)
		}
	}
}

func TestGuessersAreSlowedDownAndTheOwnerIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tr throttle
		now := time.Now()
		for i := range tryFreePair + 1 {
			if w := tr.wait(now, "ann", "192.0.2.1/32"); w != 0 {
				t.Fatalf("try %d: got a wait of %v, want none", i+1, w)
			}
		}
		if w := tr.wait(now, "ann", "192.0.2.1/32"); w != time.Second {
			t.Errorf("after %d failures: got %v, want 1s", tryFreePair+1, w)
		}
		if w := tr.wait(now, "ann", "192.0.2.2/32"); w != 0 {
			t.Errorf("the owner from elsewhere: got %v, want no wait", w)
		}
		n := 0
		for range 10_000 { // half a day of trying as soon as it is possible
			w := tr.wait(now, "ann", "192.0.2.1/32")
			if w == 0 {
				n++
			}
			now = now.Add(max(w, time.Millisecond))
			if w > tryMost {
				t.Fatalf("wait: got %v, want %v at most", w, tryMost)
			}
			if time.Until(now) > 12*time.Hour {
				break
			}
		}
		if n > 170 {
			t.Errorf("tries in half a day: got %d, want about 150", n)
		}
		for i := range 3 * maxTried {
			tr.wait(now, "x"+time.Duration(i).String(), "198.51.100.0/32")
		}
		if len(tr.tried) > 2*maxTried+3 {
			t.Errorf("remembered: got %d, want it bounded", len(tr.tried))
		}
	})
}

func TestTooManyTriesAreRefusedBeforeThePasswordIsLookedAt(t *testing.T) {
	h := newHouse(t)
	for range tryFreePair + 1 {
		h.post("/desk/session", signInBody("ann", "wrong password here"))
	}
	w := h.post("/desk/session", signInBody("ann", annsPassword))
	if w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %v, want 429 with Retry-After", w.Code, w.Header())
	}
}

func TestSessionsEndInTimeAndByAnotherPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := OpenSessions(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		text, one, err := s.open(now, 8*time.Hour, Session{Account: "ann"}, "mark")
		if err != nil {
			t.Fatal(err)
		}
		for range 7 { // used each hour
			now = now.Add(55 * time.Minute)
			if _, _, ok := s.find(now, time.Hour, text); !ok {
				t.Fatalf("after %v: got no session, want it", now.Sub(one.Made))
			}
		}
		if _, _, ok := s.find(now.Add(61*time.Minute), time.Hour, text); ok {
			t.Error("not used for 61 minutes: got the session, want it ended")
		}
		if _, _, ok := s.find(one.Until, time.Hour*99, text); ok {
			t.Error("at its end: got the session, want it ended")
		}
		again, err := OpenSessions(filepath.Dir(s.path))
		if err != nil {
			t.Fatal(err)
		}
		if _, mark, ok := again.find(one.Made.Add(time.Minute), time.Hour, text); !ok || mark != "mark" {
			t.Error("after a restart: got no session, want it")
		}
		for range maxOwn + 5 {
			if _, _, err := s.open(now, time.Hour, Session{Account: "ann"}, "mark"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(s.List(time.Now(), time.Hour)); n > maxOwn {
			t.Errorf("of one account: got %d sessions, want %d at most", n, maxOwn)
		}
	})
	h := newHouse(t)
	cookie := h.cookie("ann")
	was := h.server.cfg.SignIns.Account
	h.server.cfg.SignIns.Account = func(id string) (Account, bool) {
		a, ok := was(id)
		a.Login += "x" // another password
		return a, ok
	}
	if w := h.ask("", "GET", "/v1/agents/ann", "", "Cookie", cookie); w.Code != 401 {
		t.Errorf("after the password changed: got %d, want 401", w.Code)
	}
}

// What another site's page could send in the name of who is signed in.
func TestNoOtherSiteActsInTheNameOfWhoIsSignedIn(t *testing.T) {
	h := newHouse(t)
	cookie := h.cookie("root")
	for _, x := range []struct {
		headers []string
		want    int
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Origin", "http://example.com"}, 200}, // httptest's host
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "none"}, 403},
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://example.com"}, 403},
		{nil, 403},
	} {
		w := h.ask("", "POST", "/v1/agents/ann/status", `{"active": true}`, append([]string{"Cookie", cookie}, x.headers...)...)
		if w.Code != x.want {
			t.Errorf("%v: got %d %s, want %d", x.headers, w.Code, w.Body, x.want)
		}
	}
	for _, path := range []string{"/desk/session", "/desk/sessions"} {
		if w := h.ask("", "DELETE", path, "", "Cookie", cookie, "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
			t.Errorf("DELETE %s from another site: got %d, want 403", path, w.Code)
		}
	}
	if w := h.ask("", "POST", "/desk/session", signInBody("ann", annsPassword), "Origin", "http://evil.example"); w.Code != 403 {
		t.Errorf("a sign-in from another site: got %d, want 403", w.Code)
	}
}

// Every route by role: what a cookie may is what a token of the same scope may.
func TestACookieMayWhatATokenOfItsScopeMay(t *testing.T) {
	h := newHouse(t)
	roles := map[string]string{}
	for name := range h.text {
		if name != "wall" { // nobody signs in as a screen
			roles[name] = h.cookie(name)
		}
	}
	h.each(func(op *huma.Operation, path string) {
		for name, cookie := range roles {
			if op.Method == http.MethodDelete || strings.HasSuffix(path, "/merge") || strings.HasSuffix(path, "/tokens") && op.Method == http.MethodPost {
				continue // done twice it is answered otherwise
			}
			need, _ := op.Metadata[needs].(Scope)
			byToken := h.ask(name, op.Method, path, "{}")
			byCookie := h.ask("", op.Method, path, "{}", "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
			if byToken.Code != byCookie.Code {
				t.Errorf("%s %s as %s (needs %s): got %d by cookie, %d by token: %s", op.Method, path, name, need, byCookie.Code, byToken.Code, byCookie.Body)
			}
		}
		if w := h.ask("", op.Method, path, "{}", "Cookie", cookieName+"=wrong", "Sec-Fetch-Site", "same-origin"); w.Code != 401 {
			t.Errorf("%s %s with a wrong cookie: got %d, want 401", op.Method, path, w.Code)
		}
	})
}

func TestASupervisorWhoTakesCallsOrdersForOthersToo(t *testing.T) {
	h := newHouse(t)
	cookie := h.cookie("tim")
	if w := h.ask("", "POST", "/v1/agents/ann/status", `{"active": true}`, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); w.Code != 200 {
		t.Errorf("ann's status by tim: got %d %s, want 200", w.Code, w.Body)
	}
}

func TestEveryAnswerIsDefended(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/", "/app.js", "/v1/version", "/desk/session", "/nothing", "/healthz"} {
		w := h.ask("", "GET", path, "")
		head := w.Header()
		csp := head.Get("Content-Security-Policy")
		if head.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "require-trusted-types-for 'script'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: got %v", path, head)
		}
	}
	w := h.ask("", "GET", "/app.js", "", "Accept-Encoding", "gzip")
	etag := w.Header().Get("ETag")
	if w.Code != 200 || w.Header().Get("Content-Encoding") != "gzip" || etag == "" {
		t.Errorf("app.js: got %d %v", w.Code, w.Header())
	}
	if w := h.ask("", "GET", "/app.js", "", "If-None-Match", etag); w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("again: got %d, want 304", w.Code)
	}
	if w := h.ask("", "GET", "/page.go", ""); w.Code != 404 {
		t.Errorf("a file that is none of the page: got %d, want 404", w.Code)
	}
}

func TestATryThatWasNotLookedAtCountsForNothing(t *testing.T) {
	h := newHouse(t)
	h.server.hashers.waiting.Store(maxHashQueue)
	ask := func(password string) int {
		return h.ask("", "POST", "/desk/session", `{"account": "ann", "password": "`+password+`"}`, "Sec-Fetch-Site", "same-origin").Code
	}
	for i := range 3 * tryFreePair {
		if got := ask("wrong"); got != http.StatusServiceUnavailable {
			t.Fatalf("try %d of a busy switch: got %d, want 503", i+1, got)
		}
	}
	h.server.hashers.waiting.Store(0)
	if got := ask("wrong"); got != http.StatusUnauthorized {
		t.Errorf("a try after that: got %d, want it looked at: 401", got)
	}
}

func TestTheListHasNoSessionThatIsOver(t *testing.T) {
	s, err := OpenSessions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for account, life := range map[string]time.Duration{"ann": time.Minute, "bob": 10 * time.Hour} {
		if _, _, err := s.open(now, life, Session{Account: account}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for after, want := range map[time.Duration]int{0: 2, 2 * time.Minute: 1, 2 * time.Hour: 0} {
		if got := s.List(now.Add(after), time.Hour); len(got) != want {
			t.Errorf("after %v: got %v, want %d", after, got, want)
		}
	}
}

// A reload that changes a password, or takes an account away, ends its sessions: in the list and in the file too.
func TestAReloadEndsTheSessionsOfAnotherPassword(t *testing.T) {
	dir := t.TempDir()
	all, err := OpenSessions(dir)
	if err != nil {
		t.Fatal(err)
	}
	accounts := map[string]Account{"ann": {ID: "ann", Login: "old"}, "bob": {ID: "bob", Email: "bob@example.com"}, "sue": {ID: "sue", Login: "x"}}
	account := func(id string) (Account, bool) { a, known := accounts[id]; return a, known }
	now := time.Now()
	for id, a := range accounts {
		if _, _, err := all.open(now, time.Hour, Session{Account: id}, a.mark()); err != nil {
			t.Fatal(err)
		}
	}
	who := func() (names []string) {
		kept, err := OpenSessions(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all.List(now, time.Hour) {
			names = append(names, one.Account)
		}
		if n := len(kept.List(now, time.Hour)); n != len(names) {
			t.Errorf("the file has %d sessions, the list %d", n, len(names))
		}
		slices.Sort(names)
		return names
	}
	if err := all.Recheck(account); err != nil || len(who()) != 3 {
		t.Fatalf("nothing changed: got %v, %v, want all three", who(), err)
	}
	accounts["ann"] = Account{ID: "ann", Login: "new"}
	delete(accounts, "sue")
	if err := all.Recheck(account); err != nil || strings.Join(who(), " ") != "bob" {
		t.Errorf("ann's password changed, sue gone: got %v, %v, want bob alone", who(), err)
	}
}
