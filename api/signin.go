package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Account is somebody who may sign in at the Help Desk.
type Account struct {
	ID    string // of the agent or user in the configuration
	Name  string // as shown
	Scope Scope
	Agent string // who takes calls: the agent's identity; "" for others
	Login string // hash of the password; "": none
	Email string // by which OpenID Connect knows them; "": it does not
}

// mark changes with what an account proves itself by.
func (a Account) mark() string {
	sum := sha256.Sum256([]byte(a.Login + "\n" + a.Email))
	return hex.EncodeToString(sum[:8])
}

// SignIns says who may sign in, and for how long. Its functions are asked at
// every request and follow the configuration in force.
type SignIns struct {
	Account func(id string) (Account, bool)
	ByEmail func(email string) (Account, bool)
	Times   func() (idle, life time.Duration)
	OpenID  func() OpenID // an empty Issuer: none
}

const (
	// cookieName is the session's cookie; over https with the prefix that binds
	// it to this host and to https.
	cookieName       = "trunkline"
	cookieNameSecure = "__Host-trunkline"

	// maxHashing bounds the passwords that are hashed at once, and maxHashQueue
	// those that wait: each costs 19 MiB and a core's time.
	maxHashing   = 2
	maxHashQueue = 50
	hashWait     = 5 * time.Second
)

// Me is who is signed in.
type Me struct {
	SignedIn bool      `json:"signed_in"`
	Account  string    `json:"account,omitempty"`
	Name     string    `json:"name,omitempty"`
	Scope    Scope     `json:"scope,omitempty"`
	Agent    string    `json:"agent,omitempty"` // "": takes no calls
	Until    time.Time `json:"until,omitzero"`
	OpenID   string    `json:"openid,omitempty"` // what the button of OpenID Connect says; "": there is none
	Version  string    `json:"version,omitempty"`
}

func (s *Server) signInRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /desk/session", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		answer(w, s.me(r), nil)
	})
	mux.HandleFunc("POST /desk/session", func(w http.ResponseWriter, r *http.Request) {
		me, err := s.signIn(w, r)
		answer(w, me, err)
	})
	mux.HandleFunc("DELETE /desk/session", func(w http.ResponseWriter, r *http.Request) {
		answer(w, Me{}, s.signOut(w, r, false))
	})
	mux.HandleFunc("DELETE /desk/sessions", func(w http.ResponseWriter, r *http.Request) {
		answer(w, Me{}, s.signOut(w, r, true))
	})
	mux.HandleFunc("GET /desk/openid", s.openIDBegin)
	mux.HandleFunc("GET /desk/openid/back", s.openIDBack)
	mux.HandleFunc("GET /desk/socket", s.socket)
}

func (s *Server) sessionRoutes(api huma.API) {
	route(api, ScopeAdmin, "GET /v1/sessions", "Who is signed in at the Help Desk, the latest first",
		func(context.Context, *struct{}) (*body[[]Session], error) {
			if s.cfg.Sessions == nil {
				return answerOf([]Session{}, nil)
			}
			idle, _ := s.cfg.SignIns.Times()
			return answerOf(s.cfg.Sessions.List(time.Now(), idle), nil)
		})
	route(api, ScopeAdmin, "DELETE /v1/sessions/{id}", "Sign a browser out, at once",
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		}) (*struct{}, error) {
			there, err := false, error(nil)
			if s.cfg.Sessions != nil {
				there, err = s.cfg.Sessions.End(in.ID)
			}
			if err == nil && !there {
				err = &Error{Status: http.StatusNotFound, What: "there is no such session", Cure: "GET /v1/sessions lists them"}
			}
			if err == nil {
				s.cfg.Log.Info("a browser was signed out", "reason", "session "+in.ID+", by "+asker(ctx).name)
			}
			return nil, err
		})
}

// me says who asks, and how one could sign in.
func (s *Server) me(r *http.Request) Me {
	me := Me{}
	if o := s.cfg.SignIns.OpenID(); o.Issuer != "" {
		me.OpenID = o.Label
	}
	if a, one, ok := s.signedIn(r); ok {
		return Me{SignedIn: true, Account: a.ID, Name: a.Name, Scope: a.Scope, Agent: a.Agent, Until: one.Until, OpenID: me.OpenID, Version: s.cfg.Version}
	}
	return me
}

// signedIn says whose session the request's cookie is.
func (s *Server) signedIn(r *http.Request) (Account, Session, bool) {
	c, err := r.Cookie(cookieOf(r))
	if err != nil || c.Value == "" || s.cfg.Sessions == nil {
		return Account{}, Session{}, false
	}
	idle, _ := s.cfg.SignIns.Times()
	one, mark, ok := s.cfg.Sessions.find(time.Now(), idle, c.Value)
	if !ok {
		return Account{}, Session{}, false
	}
	a, known := s.cfg.SignIns.Account(one.Account)
	if !known || a.mark() != mark {
		return Account{}, Session{}, false
	}
	return a, one, true
}

// signIn opens a session for a name and a password.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) (Me, error) {
	if err := sameOrigin(r); err != nil {
		return Me{}, err
	}
	var body struct {
		Account  string `json:"account"`
		Password string `json:"password"`
	}
	if err := read(r, &body); err != nil {
		return Me{}, err
	}
	if len(body.Password) > MaxPassword || len(body.Account) > 200 {
		return Me{}, errWrongSignIn
	}
	name, from := strings.ToLower(strings.TrimSpace(body.Account)), peerOf(r)
	at := time.Now()
	if wait := s.tries.wait(at, name, networkOf(from)); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return Me{}, &Error{Status: http.StatusTooManyRequests, What: "too many tries", Cure: "try again in " + wait.Round(time.Second).String()}
	}
	a, known := s.cfg.SignIns.Account(strings.TrimSpace(body.Account))
	if !known {
		a, known = s.cfg.SignIns.ByEmail(name)
	}
	hash := a.Login
	if !known || hash == "" {
		hash = nobodysHash
	}
	right, err := s.verify(r.Context(), hash, body.Password)
	if err != nil {
		s.tries.untried(at, name, networkOf(from))
		return Me{}, err
	}
	if !right || !known || a.Login == "" {
		s.cfg.Log.Warn("a sign-in was refused", "addr", from, "reason", printable(name))
		return Me{}, errWrongSignIn
	}
	s.tries.passed(name, networkOf(from))
	return s.enter(w, r, a)
}

var errWrongSignIn = &Error{Status: http.StatusUnauthorized, What: "this name and password do not belong together"}

// enter opens a session and gives its cookie. An old one of the same browser ends.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, a Account) (Me, error) {
	if _, old, ok := s.signedIn(r); ok {
		_, _ = s.cfg.Sessions.End(old.ID)
	}
	_, life := s.cfg.SignIns.Times()
	text, one, err := s.cfg.Sessions.open(time.Now(), life, Session{Account: a.ID, From: peerOf(r).String(), Agent: r.UserAgent()}, a.mark())
	if err != nil {
		return Me{}, err
	}
	setCookie(w, r, text, one.Until)
	s.cfg.Log.Info("signed in at the Help Desk", "reason", a.ID, "addr", one.From)
	return Me{SignedIn: true, Account: a.ID, Name: a.Name, Scope: a.Scope, Agent: a.Agent, Until: one.Until, Version: s.cfg.Version}, nil
}

// verify compares a password, with few at a time.
func (s *Server) verify(ctx context.Context, hash, password string) (bool, error) {
	busy := &Error{Status: http.StatusServiceUnavailable, What: "too many sign in at this moment", Cure: "try again in some seconds"}
	if s.hashers.waiting.Add(1) > maxHashQueue {
		s.hashers.waiting.Add(-1)
		return false, busy
	}
	defer s.hashers.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case s.hashers.slots <- struct{}{}:
		defer func() { <-s.hashers.slots }()
	case <-ctx.Done():
		return false, busy
	}
	return passwordIs(hash, password), nil
}

// signOut ends the session of the request, or all of its account.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, everywhere bool) error {
	if err := sameOrigin(r); err != nil {
		return err
	}
	a, one, ok := s.signedIn(r)
	setCookie(w, r, "", time.Unix(0, 0))
	switch {
	case !ok:
		return nil
	case everywhere:
		return s.cfg.Sessions.EndAll(a.ID)
	}
	_, err := s.cfg.Sessions.End(one.ID)
	return err
}

func cookieOf(r *http.Request) string {
	if secure(r) {
		return cookieNameSecure
	}
	return cookieName
}

// secure says that the browser came by https: to us, or to a proxy on this
// machine that says so.
func secure(r *http.Request) bool {
	return r.TLS != nil || near(r) && strings.EqualFold(lastOf(r.Header.Get("X-Forwarded-Proto")), "https")
}

func setCookie(w http.ResponseWriter, r *http.Request, text string, until time.Time) {
	c := &http.Cookie{Name: cookieOf(r), Value: text, Path: "/", HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode, Expires: until}
	if text == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// sameOrigin refuses what another site's page asks for in our user's name. A
// browser says where a request comes from, and a request that says nothing is
// no browser's.
func sameOrigin(r *http.Request) error {
	refused := &Error{Status: http.StatusForbidden, What: "this request does not come from the Help Desk's own page", Cure: "open the Help Desk and ask there; programs use a bearer token"}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin":
		return nil
	case "":
	default:
		return refused
	}
	u, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) || r.TLS != nil && u.Scheme != "https" {
		return refused
	}
	return nil
}

// guarded has cookies count only for what our own page asks: every request
// that changes something must come from there.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, no-store") // a browser that many use keeps nothing of it
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
		if !safe && r.Header.Get("Authorization") == "" && r.Header.Get("Cookie") != "" {
			if err := sameOrigin(r); err != nil {
				problem(w, err)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// caller says who asks over TCP: the holder of a token, or who is signed in.
func (s *Server) caller(r *http.Request) (who, bool) {
	if r.Header.Get("Authorization") != "" {
		return s.bearer(r)
	}
	a, _, ok := s.signedIn(r)
	if !ok {
		return who{}, false
	}
	return who{name: a.ID, scope: a.Scope, agent: a.Agent}, true
}

// peerOf is the address of a browser; behind a proxy on this machine, what the
// proxy saw.
func peerOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	if a = a.Unmap(); a.IsLoopback() {
		if seen, err := netip.ParseAddr(lastOf(r.Header.Get("X-Forwarded-For"))); err == nil {
			return seen.Unmap()
		}
	}
	return a
}

// lastOf is the last of a list in a header: what the nearest proxy wrote.
func lastOf(text string) string {
	if i := strings.LastIndexByte(text, ','); i >= 0 {
		text = text[i+1:]
	}
	return strings.TrimSpace(text)
}

// networkOf is what one customer of a provider has at their hands.
func networkOf(a netip.Addr) string {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// printable is text of a stranger for the log.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '.'
		}
		return r
	}, text[:min(len(text), 64)])
}
