package sip

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

var (
	errNoChallenge = errors.New("no digest challenge that we can answer")
	errRefused     = errors.New("trunk credentials refused")
)

// login answers a carrier's digest challenges (RFC 3261 §22, RFC 8760).
type login struct {
	user, password string

	nonce string // last one answered
	count int    // how often
}

// authorise adds credentials to req for the challenge in res. again says that
// the challenged request had credentials already: unless the challenge calls
// them stale, they are wrong. The digest-uri is the whole Request-URI (sipgo
// leaves its parameters out, and gives up on a stale nonce).
func (l *login) authorise(req *sip.Request, res *sip.Response, again bool) (sip.Header, error) {
	ask, tell := "www-authenticate", "Authorization"
	if res.StatusCode == 407 {
		ask, tell = "proxy-authenticate", "Proxy-Authorization"
	}
	c := best(res.GetHeaders(ask))
	switch {
	case c == nil:
		return nil, errNoChallenge
	case again && !c.Stale:
		return nil, errRefused
	case c.Nonce != l.nonce:
		l.nonce, l.count = c.Nonce, 0
	}
	l.count++
	body := req.Body()
	cred, err := digest.Digest(c, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Count: l.count,
		Username: l.user, Password: l.password,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	})
	if err != nil {
		return nil, err
	}
	h := sip.NewHeader(tell, cred.String())
	req.AppendHeader(h)
	return h, nil
}

// asks reports a response that asks for credentials.
func asks(res *sip.Response) bool { return res.StatusCode == 401 || res.StatusCode == 407 }

// best picks the strongest challenge: servers list SHA-256 and MD5 both (RFC
// 8760 §2.4).
func best(hs []sip.Header) *digest.Challenge {
	var found *digest.Challenge
	rank := 0
	for _, h := range hs {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			continue
		}
		c.Algorithm = strings.ToUpper(c.Algorithm)
		if r := strength(c.Algorithm); r > rank && digest.CanDigest(c) {
			found, rank = c, r
		}
	}
	return found
}

func strength(algorithm string) int {
	switch algorithm {
	case "SHA-512-256":
		return 3
	case "SHA-256":
		return 2
	case "", "MD5":
		return 1
	}
	return 0
}
