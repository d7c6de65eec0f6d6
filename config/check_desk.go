package config

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// loginHash is what trunkline passwd makes (PHC string format).
var loginHash = regexp.MustCompile(`^\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)

// checkSignIns checks who signs in at the Help Desk, and how.
func (r *reader) checkSignIns(c *Config) {
	emails := make(map[string]string)
	for _, a := range c.Agents {
		r.checkSignIn(c, join("agents", a.ID), a.Login, a.Email, emails)
	}
	for _, u := range c.Users {
		key := join("users", u.ID)
		r.name(key, u.ID)
		if c.Agent(u.ID) != nil || c.Team(u.ID) != nil {
			r.fail(key, "is also the name of an agent or a team, and they share one namespace: give the agent role: %s instead, or choose another name", u.Role)
		}
		r.checkSignIn(c, key, u.Login, u.Email, emails)
		if u.Login.Empty() && u.Email == "" {
			r.warn(key, "cannot sign in: write login: with a hash made by trunkline passwd, or email: with desk.openid")
		}
	}
	r.checkDesk(c)
}

func (r *reader) checkSignIn(c *Config, key string, login Secret, email string, emails map[string]string) {
	if wrong := wrongLogin(login.Reveal()); wrong != "" {
		r.fail(join(key, "login"), "%s: write what trunkline passwd prints, in quotes", wrong)
	}
	if email == "" {
		return
	}
	at := join(key, "email")
	r.mailAddress(at, email)
	if other, taken := emails[strings.ToLower(email)]; taken {
		r.fail(at, "%s is also the address of %s: give each their own", email, other)
	}
	emails[strings.ToLower(email)] = key
	if c.Desk.OpenID.Issuer == "" {
		r.warn(at, "is not used: there is no desk.openid.issuer to vouch for it")
	}
}

// wrongLogin says what is wrong with a password's hash; empty where nothing is.
func wrongLogin(text string) string {
	if text == "" {
		return ""
	}
	m := loginHash.FindStringSubmatch(text)
	if m == nil {
		return "is no hash of a password" // never the text: it may be a password
	}
	number := func(i int) int { n, _ := strconv.Atoi(m[i]); return n }
	memory, turns, lanes := number(1), number(2), number(3)
	salt, err1 := base64.RawStdEncoding.DecodeString(m[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(m[5])
	switch {
	case err1 != nil || err2 != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64:
		return "is a damaged hash"
	case lanes < 1 || memory < 8*lanes || turns < 1:
		return "is a damaged hash"
	case memory < 8<<10:
		return "is a hash that is guessed too easily (m is below 8192)"
	case memory > 256<<10 || turns > 16 || lanes > 8:
		return "is a hash that would cost too much at each sign-in"
	}
	return ""
}

// signsIn says whether an agent can sign in at the Help Desk; a name that is nobody's counts.
func (c *Config) signsIn(agent string) bool {
	a := c.Agent(agent)
	return a == nil || !a.Login.Empty() || a.Email != "" && c.Desk.OpenID.Issuer != ""
}

func (r *reader) checkDesk(c *Config) {
	d := c.Desk
	r.atLeast("desk.idle", d.Idle, time.Minute)
	r.atLeast("desk.session", d.Session, time.Minute)
	if d.Idle > d.Session {
		r.warn("desk.idle", "is longer than desk.session, which ends first")
	}
	o := d.OpenID
	if o.Issuer == "" {
		if o.ClientID != "" || !o.ClientSecret.Empty() || o.URL != "" {
			r.warn("desk.openid", "has no issuer, so it is not used: write issuer: https://…")
		}
		return
	}
	r.webAddress("desk.openid.issuer", o.Issuer, "https://login.example")
	if o.ClientID == "" {
		r.fail("desk.openid.client_id", "is missing: write the name that the provider gave this Help Desk")
	}
	if o.URL == "" {
		r.fail("desk.openid.url", "is missing: write the Help Desk's address as browsers write it, such as https://desk.example")
		return
	}
	r.webAddress("desk.openid.url", o.URL, "https://desk.example")
}

// webAddress wants https://, or http:// on this machine.
func (r *reader) webAddress(key, text, example string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && onThisMachine(text)) {
		r.fail(key, "%q is not an address of the web with https: write one such as %s", text, example)
	}
}
