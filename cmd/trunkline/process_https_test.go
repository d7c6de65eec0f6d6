package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/internal/testca"
)

// secureSite serves https beside http, under names that lead to its host 1.
func secureSite(t *testing.T, more string) (s *site, https string) {
	t.Helper()
	s = deskSite(t, siteTeam+siteFlow+more)
	https = s.host(1).String() + ":" + strconv.Itoa(int(s.freePort("tcp")))
	s.edit(`http: ["http://`+s.http+`"]`, `http: ["http://`+s.http+`", "https://`+https+`"]`)
	return s, https
}

// browserOf asks as a browser that trusts roots; redirects are shown, not followed.
func browserOf(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "desk.example"}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       10 * time.Second,
	}
}

// answersTo asks for a path under the Host that a browser was given.
func (s *site) answersTo(c *http.Client, method, url, host, body string, headers ...string) *http.Response {
	s.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	s.must(err)
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := c.Do(r)
	s.must(err)
	s.Cleanup(func() { _ = w.Body.Close() })
	return w
}

func TestBinaryServesHTTPSWithItsOwnCertificate(t *testing.T) {
	t.Parallel()
	s, https := secureSite(t, "tls: {cert: cert.pem, key: key.pem}\n")
	ca := testca.New(t)
	ca.Write(s.dir, "desk.example")
	s.serve()
	trusted := browserOf(ca.Pool())
	w := s.answersTo(trusted, "POST", "https://"+https+"/desk/session", "desk.example:8443", `{"account": "ann", "password": "`+deskPassword+`"}`, "Sec-Fetch-Site", "same-origin")
	if w.StatusCode != 200 || len(w.Cookies()) != 1 {
		t.Fatalf("signing in: got %d, %v, want a cookie", w.StatusCode, w.Cookies())
	}
	cookie := w.Cookies()[0]
	if !cookie.Secure || !cookie.HttpOnly || !strings.HasPrefix(cookie.Name, "__Host-") || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie: got %v, want it bound to https and to this host", cookie)
	}
	if got := w.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS: got %q", got)
	}
	if got := s.answersTo(trusted, "GET", "https://"+https+"/", "localhost:8443", "").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS for localhost: got %q, want none: other programs are there", got)
	}

	// The page's socket, and that of a page which an attacker put on http.
	for origin, want := range map[string]int{"https://desk.example:8443": 101, "http://desk.example:8443": 403, "https://evil.example": 403} {
		w := s.answersTo(trusted, "GET", "https://"+https+"/desk/socket?tab=a", "desk.example:8443", "", "Cookie", cookie.Name+"="+cookie.Value, "Origin", origin,
			"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		if w.StatusCode != want {
			t.Errorf("a socket from %s: got %d, want %d", origin, w.StatusCode, want)
		}
	}

	// A renewed certificate is shown without a word.
	ca.Write(s.dir, "desk.example", "other.example")
	s.eventually("the renewed certificate", func() bool {
		w := s.answersTo(trusted, "GET", "https://"+https+"/healthz", "desk.example", "")
		return len(w.TLS.PeerCertificates[0].DNSNames) == 2
	})

	// http leads the page there, and nothing else.
	plain := browserOf(nil)
	_, port, _ := strings.Cut(https, ":")
	for _, x := range []struct{ path, host, to string }{
		{"/", "desk.example:8080", "https://desk.example:" + port + "/"},
		{"/app.js?x=1", "desk.example", "https://desk.example:" + port + "/app.js?x=1"},
		{"/", "localhost:8080", ""}, {"/", "127.0.0.1:8080", ""},
		{"/healthz", "desk.example", ""}, {"/v1/version", "desk.example", ""},
	} {
		w := s.answersTo(plain, "GET", "http://"+s.http+x.path, x.host, "")
		if got := w.Header.Get("Location"); got != x.to || (x.to != "") != (w.StatusCode == http.StatusTemporaryRedirect) {
			t.Errorf("http://%s%s: got %d to %q, want %q", x.host, x.path, w.StatusCode, got, x.to)
		}
	}
	if w := s.answersTo(plain, "GET", "http://"+s.http+"/", "desk.example", "", "X-Forwarded-For", "192.0.2.7"); w.StatusCode != 200 {
		t.Errorf("from a proxy here: got %d, want the page", w.StatusCode)
	}
}

func TestBinarySignsItsOwnCertificateAndKeepsIt(t *testing.T) {
	t.Parallel()
	s, https := secureSite(t, "")
	if out := s.ask("check"); !strings.Contains(out, "listen.http[1]: has no certificate: the switch signs one itself") {
		t.Errorf("check: got %q", out)
	}
	s.serve()
	note := regexp.MustCompile(`self-signed certificate; it is new.*tls/cert\.pem.*reason="SHA-256 ([0-9A-F:]{95})"`).FindStringSubmatch(s.child.log.String())
	if note == nil {
		t.Fatalf("the log: got\n%s\nwant a loud note with the fingerprint", s.child.log)
	}
	file := filepath.Join(s.dir, "data", "tls", "cert.pem")
	text, err := os.ReadFile(file)
	s.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	w := s.answersTo(trusting, "GET", "https://"+https+"/", https, "")
	if got := fingerprint(w.TLS.PeerCertificates[0].Raw); got != note[1] {
		t.Errorf("the fingerprint: got %s, the note says %s", got, note[1])
	}
	if got := w.Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS: got %q, want none: nobody could pass the warning any more", got)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "data", "tls", "key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: got %v, %v, want it for us alone", info, err)
	}
	s.kill()
	s.serve()
	if again, err := os.ReadFile(file); err != nil || string(again) != string(text) || strings.Contains(s.child.log.String(), "it is new") {
		t.Errorf("after a restart: got another certificate, %v", err)
	}
	s.kill()
	s.edit(`"https://`+https+`"`, `"https://`+s.host(3).String()+`:0"`) // a name that it lacks
	s.serve()
	s.logged("it is new")
}
