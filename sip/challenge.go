package sip

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

var (
	errNoChallenge = errors.New("no digest challenge that we can answer")
	errRefused     = errors.New("trunk credentials refused")
	errNotTheirs   = errors.New("the challenge does not come from an address of the trunk")
)

// login answers a carrier's digest challenges (RFC 3261 §22, RFC 8760).
type login struct {
	user, password string

	// may reports whether an address is the carrier's; the password is proved to
	// no other, whoever asks.
	may func(netip.Addr) bool

	nonces []nonceCount // the last that were answered, newest first
}

type nonceCount struct {
	nonce string
	count int
}

// maxNonces is how many nonces are counted: a proxy's and a registrar's, and
// the ones before.
const maxNonces = 4

// loginOf answers the challenges of a trunk; nil without credentials.
func (e *Endpoint) loginOf(t Trunk) *login {
	if t.Username == "" {
		return nil
	}
	id := t.ID
	return &login{user: t.Username, password: t.Password, may: func(a netip.Addr) bool { return e.carriers.mayProve(id, a) }}
}

// proof is what has been asked of one request, by whom: a proxy and a
// registrar may both ask (RFC 3261 §22.3).
type proof struct {
	asked   []asked
	headers []sip.Header // of the last transmission: its ACK carries them too
}

type asked struct {
	challenge *digest.Challenge
	tell      string // header of the answer
}

// authorise puts credentials into req for the challenge in res, which came from
// an address, and for those of before. Who asks again without calling the
// nonce stale has refused them. The digest-uri is the whole Request-URI (sipgo
// leaves its parameters out, and gives up on a stale nonce).
func (l *login) authorise(req *sip.Request, res *sip.Response, p *proof, from netip.Addr) error {
	if l.may != nil && !l.may(from) {
		return errNotTheirs
	}
	ask, tell := "www-authenticate", "Authorization"
	if res.StatusCode == 407 {
		ask, tell = "proxy-authenticate", "Proxy-Authorization"
	}
	c := best(res.GetHeaders(ask))
	if c == nil {
		return errNoChallenge
	}
	known := false
	for i := range p.asked {
		a := &p.asked[i]
		if a.tell != tell || a.challenge.Realm != c.Realm {
			continue
		}
		if !c.Stale {
			return errRefused
		}
		a.challenge, known = c, true
	}
	if !known {
		p.asked = append(p.asked, asked{c, tell})
	}
	return l.repeat(req, p)
}

// repeat puts the credentials for all that was asked into another request.
func (l *login) repeat(req *sip.Request, p *proof) error {
	p.headers = nil
	body := req.Body()
	for _, a := range p.asked {
		cred, err := digest.Digest(a.challenge, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Count: l.next(a.challenge.Nonce),
			Username: l.user, Password: l.password,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		})
		if err != nil {
			return err
		}
		h := sip.NewHeader(a.tell, cred.String())
		req.AppendHeader(h)
		p.headers = append(p.headers, h)
	}
	return nil
}

// next is the nonce count of the next use of a nonce (RFC 7616 §3.4).
func (l *login) next(nonce string) int {
	for i := range l.nonces {
		if l.nonces[i].nonce == nonce {
			l.nonces[i].count++
			return l.nonces[i].count
		}
	}
	l.nonces = append([]nonceCount{{nonce, 1}}, l.nonces...)
	l.nonces = l.nonces[:min(len(l.nonces), maxNonces)]
	return 1
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
