package simphone

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// challenge is a WWW-Authenticate or Proxy-Authenticate value.
type challenge struct {
	realm, nonce, opaque, algorithm, qop string
	stale, proxy                         bool
}

// bestChallenge takes the strongest of the challenges that we can answer (RFC
// 8760 §2.3: the first that is understood).
func bestChallenge(m *Message) (challenge, bool) {
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		for _, h := range m.Headers {
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			c, ok := parseChallenge(h.Value)
			c.proxy = name == "Proxy-Authenticate"
			if ok {
				return c, true
			}
		}
	}
	return challenge{}, false
}

func parseChallenge(v string) (challenge, bool) {
	scheme, rest, _ := strings.Cut(v, " ")
	if !strings.EqualFold(scheme, "Digest") {
		return challenge{}, false
	}
	c := challenge{algorithm: "MD5"}
	for _, p := range splitList(rest) {
		key, value, _ := strings.Cut(p, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "realm":
			c.realm = value
		case "nonce":
			c.nonce = value
		case "opaque":
			c.opaque = value
		case "algorithm":
			c.algorithm = value
		case "qop":
			for _, q := range strings.Split(value, ",") {
				if strings.TrimSpace(q) == "auth" {
					c.qop = "auth"
				}
			}
		case "stale":
			c.stale = strings.EqualFold(value, "true")
		}
	}
	return c, digestHash(c.algorithm) != nil
}

func digestHash(algorithm string) func() hash.Hash {
	switch strings.ToUpper(algorithm) {
	case "MD5":
		return md5.New
	case "SHA-256":
		return sha256.New
	}
	return nil
}

// login is what a challenge is answered with, for one request. count is the nonce
// count, from 1.
type login struct {
	user, password, method, uri, cnonce string
	count                               int
}

// credentials answers a challenge: RFC 7616 §3.4.1.
func (c challenge) credentials(l login) string {
	sum := func(s string) string {
		h := digestHash(c.algorithm)()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	ha1 := sum(l.user + ":" + c.realm + ":" + l.password)
	ha2 := sum(l.method + ":" + l.uri)
	v := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s`,
		l.user, c.realm, c.nonce, l.uri, c.algorithm)
	if c.qop == "auth" {
		nc := fmt.Sprintf("%08x", l.count)
		v += fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s", response="%s"`, nc, l.cnonce,
			sum(ha1+":"+c.nonce+":"+nc+":"+l.cnonce+":auth:"+ha2))
	} else {
		v += fmt.Sprintf(`, response="%s"`, sum(ha1+":"+c.nonce+":"+ha2))
	}
	if c.opaque != "" {
		v += fmt.Sprintf(`, opaque="%s"`, c.opaque)
	}
	return v
}

// randomToken is for tags, branches, Call-IDs.
func randomToken() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
