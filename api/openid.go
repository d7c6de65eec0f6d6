package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OpenID is the provider of OpenID Connect.
type OpenID struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	URL          string // of the Help Desk, as browsers write it
	Label        string // of the button
}

const (
	// openIDFor is how long somebody may take at the provider.
	openIDFor = 10 * time.Minute
	// openIDWait bounds what is asked of the provider.
	openIDWait = 10 * time.Second
	// openIDPause is how long a provider that could not be asked is left alone.
	openIDPause = 10 * time.Second
	// openIDCookie carries what the way back is compared with. It is Lax: the
	// provider sends the browser back.
	openIDCookie = "trunkline-openid"
)

// openIDs keeps the provider that was found, or that it was not.
type openIDs struct {
	mu       sync.Mutex
	of       OpenID
	provider *oidc.Provider
	err      error // of the last look-up, at failed
	failed   time.Time
	looking  chan struct{} // closed when the look-up ends; nil: there is none
}

// find asks the provider for its addresses and keys, once: the others wait for
// that answer, or for ctx. A failure is given again for openIDPause.
func (o *openIDs) find(ctx context.Context, of OpenID) (*oidc.Provider, error) {
	for {
		o.mu.Lock()
		if o.of == of && (o.provider != nil || o.err != nil && time.Since(o.failed) < openIDPause) {
			defer o.mu.Unlock()
			return o.provider, o.err
		}
		looking := o.looking
		if looking == nil {
			o.looking = make(chan struct{})
			o.mu.Unlock()
			return o.look(ctx, of)
		}
		o.mu.Unlock()
		select {
		case <-looking:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look is the one look-up, without the lock. Who began it may leave: it is everybody's.
func (o *openIDs) look(ctx context.Context, of OpenID) (p *oidc.Provider, err error) {
	err = errors.New("the look-up broke off") // of a panic, which is not to leave the others waiting
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.of, o.provider, o.err, o.failed = of, p, err, time.Now()
		close(o.looking)
		o.looking = nil
	}()
	// The provider keeps this context for its keys: it must outlive the request.
	client := &http.Client{Timeout: openIDWait}
	return oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), of.Issuer)
}

func (of OpenID) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: of.ClientID, ClientSecret: of.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: strings.TrimSuffix(of.URL, "/") + "/desk/openid/back", Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

// openIDBegin sends the browser to the provider.
func (s *Server) openIDBegin(w http.ResponseWriter, r *http.Request) {
	if s.elevated(w, r) { // its cookie must be there when the browser comes back
		return
	}
	of := s.cfg.SignIns.OpenID()
	if of.Issuer == "" {
		backToPage(w, r, "openid-off")
		return
	}
	p, err := s.openid.find(r.Context(), of)
	if err != nil {
		s.cfg.Log.Error("the provider of OpenID Connect cannot be asked", "err", err)
		backToPage(w, r, "openid-unreachable")
		return
	}
	state, nonce, verifier := randomText(), randomText(), oauth2.GenerateVerifier()
	http.SetCookie(w, &http.Cookie{
		Name: openIDCookie, Value: state + "." + nonce + "." + verifier, Path: "/desk/openid", HttpOnly: true, Secure: secure(r),
		SameSite: http.SameSiteLaxMode, MaxAge: int(openIDFor.Seconds()),
	})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, of.oauth(p).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusFound)
}

// openIDBack takes who comes back from the provider.
func (s *Server) openIDBack(w http.ResponseWriter, r *http.Request) {
	a, why, err := s.openIDAccount(r)
	http.SetCookie(w, &http.Cookie{Name: openIDCookie, Path: "/desk/openid", MaxAge: -1, HttpOnly: true, Secure: secure(r)})
	if err == nil && why == "" {
		if _, err = s.enter(w, r, a); err != nil {
			why = "openid-failed"
		}
	}
	if err != nil {
		s.cfg.Log.Warn("a sign-in by OpenID Connect failed", "err", err, "addr", peerOf(r))
	}
	backToPage(w, r, why)
}

// openIDAccount says whose account the provider vouches for; why: a word for
// the page where it is nobody's.
func (s *Server) openIDAccount(r *http.Request) (a Account, why string, err error) {
	of := s.cfg.SignIns.OpenID()
	c, err := r.Cookie(openIDCookie)
	if of.Issuer == "" || err != nil {
		return a, "openid-again", nil
	}
	parts := strings.Split(c.Value, ".")
	if len(parts) != 3 || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(r.URL.Query().Get("state"))) != 1 {
		return a, "openid-again", nil
	}
	if r.URL.Query().Get("error") != "" {
		return a, "openid-refused", nil
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(r.Context(), &http.Client{Timeout: openIDWait}), openIDWait)
	defer cancel()
	p, err := s.openid.find(ctx, of)
	if err != nil {
		return a, "openid-unreachable", err
	}
	token, err := of.oauth(p).Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(parts[2]))
	if err != nil {
		return a, "openid-failed", err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.VerifierContext(ctx, &oidc.Config{ClientID: of.ClientID}).Verify(ctx, raw)
	if err != nil {
		return a, "openid-failed", err
	}
	var claims struct {
		Email    string  `json:"email"`
		Verified vouched `json:"email_verified"`
	}
	if err := id.Claims(&claims); err != nil {
		return a, "openid-failed", err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(parts[1])) != 1 {
		return a, "openid-again", nil
	}
	if claims.Email == "" || !claims.Verified { // the address is what names the account: an absent claim vouches for nothing
		return a, "openid-unverified", nil
	}
	a, known := s.cfg.SignIns.ByEmail(strings.ToLower(claims.Email))
	if !known {
		return a, "openid-unknown", nil
	}
	return a, "", nil
}

// vouched is email_verified: true, or "true" as some providers write it (OpenID Connect Core 5.1 has a boolean); all else
// vouches for nothing.
type vouched bool

func (v *vouched) UnmarshalJSON(text []byte) error {
	*v = string(text) == "true" || string(text) == `"true"`
	return nil
}

// backToPage sends the browser to the page, which says in words what went wrong.
func backToPage(w http.ResponseWriter, r *http.Request, why string) {
	to := "/"
	if why != "" {
		to = "/#/sign-in/" + why
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusFound)
}

func randomText() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	sum := sha256.Sum256(b[:])
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}
