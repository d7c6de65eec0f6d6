package api

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// provider is one of OpenID Connect that vouches for whatever it is told to.
type provider struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any  // added to each token
	secret *rsa.PrivateKey // what tokens are signed with; nil: key
	form   url.Values      // of the last exchange
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{claims: map[string]any{}}
	var err error
	if p.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		text := base64.RawURLEncoding.EncodeToString
		reply(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": text(p.key.N.Bytes()), "e": text(big.NewInt(int64(p.key.E)).Bytes())}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.form = r.PostForm
		reply(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.token()})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) token() string {
	claims := map[string]any{"iss": p.URL, "aud": "desk", "sub": "1", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix()}
	for k, v := range p.claims {
		claims[k] = v
	}
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]any{"alg": "RS256", "kid": "1"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(signed))
	key := p.key
	if p.secret != nil {
		key = p.secret
	}
	sig, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestSignInByOpenIDConnect(t *testing.T) {
	h, p := newHouse(t), newProvider(t)
	h.server.cfg.SignIns.OpenID = func() OpenID {
		return OpenID{Issuer: p.URL, ClientID: "desk", ClientSecret: "secret", URL: "http://desk.example/", Label: "Company account"}
	}
	if w := h.ask("", "GET", "/desk/session", ""); !strings.Contains(w.Body.String(), "Company account") {
		t.Errorf("the page is told: got %s, want the button's text", w.Body)
	}
	// walk goes to the provider and comes back with what change made of it.
	walk := func(change func(q url.Values, cookie string) (url.Values, string)) *httptest.ResponseRecorder {
		w := h.ask("", "GET", "/desk/openid", "")
		to, err := url.Parse(w.Header().Get("Location"))
		if w.Code != 302 || err != nil || !strings.HasPrefix(to.String(), p.URL+"/auth?") || len(w.Result().Cookies()) != 1 {
			t.Fatalf("to the provider: got %d %v", w.Code, w.Header())
		}
		q := to.Query()
		if q.Get("redirect_uri") != "http://desk.example/desk/openid/back" || q.Get("code_challenge_method") != "S256" {
			t.Errorf("asked for: got %v", q)
		}
		p.claims["nonce"] = q.Get("nonce")
		c := w.Result().Cookies()[0]
		back, cookie := change(url.Values{"state": q["state"], "code": {"abc"}}, c.Name+"="+c.Value)
		return h.ask("", "GET", "/desk/openid/back?"+back.Encode(), "", "Cookie", cookie)
	}
	same := func(q url.Values, cookie string) (url.Values, string) { return q, cookie }
	session := func(w *httptest.ResponseRecorder) string {
		for _, c := range w.Result().Cookies() {
			if c.Name == cookieName && c.Value != "" {
				return c.Name + "=" + c.Value
			}
		}
		return ""
	}
	p.claims["email"], p.claims["email_verified"] = "Ann@Example.com", true
	w := walk(same)
	if w.Header().Get("Location") != "/" || session(w) == "" {
		t.Fatalf("ann: got %d %v", w.Code, w.Header())
	}
	p.claims["email_verified"] = "true" // as text: Amazon Cognito's and others'
	if w := walk(same); w.Header().Get("Location") != "/" || session(w) == "" {
		t.Errorf("verified as text: got %d %v, want ann signed in", w.Code, w.Header())
	}
	p.claims["email_verified"] = true
	if p.form.Get("code_verifier") == "" {
		t.Errorf("the exchange: got %v, want a code_verifier", p.form)
	}
	if got := h.ask("", "GET", "/desk/session", "", "Cookie", session(w)); !strings.Contains(got.Body.String(), `"account": "ann"`) {
		t.Errorf("signed in: got %s, want ann", got.Body)
	}
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, x := range map[string]struct {
		claims map[string]any
		change func(url.Values, string) (url.Values, string)
		secret *rsa.PrivateKey
		why    string
	}{
		"a stranger":          {claims: map[string]any{"email": "eve@example.com"}, why: "openid-unknown"},
		"an unverified one":   {claims: map[string]any{"email_verified": false}, why: "openid-unverified"},
		"one in other words":  {claims: map[string]any{"email_verified": "false"}, why: "openid-unverified"},
		"one by a number":     {claims: map[string]any{"email_verified": 1}, why: "openid-unverified"},
		"one not vouched for": {claims: map[string]any{"email_verified": nil}, why: "openid-unverified"},
		"without an address":  {claims: map[string]any{"email": ""}, why: "openid-unverified"},
		"for somebody else":   {claims: map[string]any{"aud": "other"}, why: "openid-failed"},
		"of another issuer":   {claims: map[string]any{"iss": "https://evil.example"}, why: "openid-failed"},
		"of yesterday":        {claims: map[string]any{"exp": time.Now().Add(-24 * time.Hour).Unix()}, why: "openid-failed"},
		"with another key":    {secret: other, why: "openid-failed"},
		"with another state":  {change: func(q url.Values, c string) (url.Values, string) { q.Set("state", "x"); return q, c }, why: "openid-again"},
		"in another browser":  {change: func(q url.Values, _ string) (url.Values, string) { return q, "a=b" }, why: "openid-again"},
		"who was refused":     {change: func(q url.Values, c string) (url.Values, string) { q.Set("error", "access_denied"); return q, c }, why: "openid-refused"},
	} {
		p.claims = map[string]any{"email": "ann@example.com", "email_verified": true}
		for k, v := range x.claims {
			if p.claims[k] = v; v == nil {
				delete(p.claims, k)
			}
		}
		p.secret = x.secret
		if x.change == nil {
			x.change = same
		}
		w := walk(x.change)
		if got := w.Header().Get("Location"); got != "/#/sign-in/"+x.why || session(w) != "" {
			t.Errorf("%s: got %s, session %q, want %s and none", name, got, session(w), x.why)
		}
	}
	p.claims, p.secret = map[string]any{"email": "ann@example.com", "email_verified": true}, nil
	w = walk(func(q url.Values, c string) (url.Values, string) { p.claims["nonce"] = "old"; return q, c })
	if got := w.Header().Get("Location"); got != "/#/sign-in/openid-again" {
		t.Errorf("a token that was used before: got %s, want it refused", got)
	}
	p.Close()
	h.server.openid.provider = nil
	if w := h.ask("", "GET", "/desk/openid", ""); w.Header().Get("Location") != "/#/sign-in/openid-unreachable" {
		t.Errorf("no provider: got %v", w.Header())
	}
}

func TestTheProviderIsLookedUpByOneAtATime(t *testing.T) {
	var asked atomic.Int32
	began, release := make(chan struct{}), make(chan struct{})
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			close(began)
			<-release
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer p.Close()
	var o openIDs
	of := OpenID{Issuer: p.URL}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := o.find(context.Background(), of); first <- err }()
	<-began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	go func() { _, err := o.find(gone, of); second <- err }()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who left: got %v, want %v", err, context.Canceled)
		}
	case <-time.After(5 * time.Second):
		t.Error("who left waits for the look-up of another")
	}
	close(release)
	if err := <-first; err == nil {
		t.Error("a 502: got no error")
	}
	if _, err := o.find(t.Context(), of); err == nil || asked.Load() != 1 {
		t.Errorf("right after: got %v and %d look-ups, want the failure again, of one", err, asked.Load())
	}
	o.mu.Lock()
	o.failed = time.Now().Add(-openIDPause)
	o.mu.Unlock()
	if _, err := o.find(t.Context(), of); err == nil || asked.Load() != 2 {
		t.Errorf("after the pause: got %v and %d look-ups, want a second", err, asked.Load())
	}
}
