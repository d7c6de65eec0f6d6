package sip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// credentials is one parsed Authorization header (RFC 7616 §3.4, RFC 2069).
type credentials struct {
	user      string
	realm     string
	nonce     string
	uri       string
	response  string
	algorithm string // as sent; empty: MD5
	qop       string // empty: RFC 2069 style
	cnonce    string
	nc        string // eight hex digits, as sent
}

var errMalformedCredentials = errors.New("malformed Authorization")

// maxCredentials bounds the length of one Authorization header: the longest
// seen from a phone is 420 bytes.
const maxCredentials = 4096

// parseCredentials reads the value of an Authorization header of the Digest
// scheme. Values may be quoted or not, whatever the grammar says of each;
// unknown parameters are ignored. A parameter given twice, a missing
// mandatory one or broken quoting is errMalformedCredentials.
func parseCredentials(s string) (credentials, error) {
	var c credentials
	if len(s) > maxCredentials {
		return c, fmt.Errorf("%w: %d bytes", errMalformedCredentials, len(s))
	}
	scheme, rest, _ := strings.Cut(strings.TrimLeft(s, " \t"), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return c, fmt.Errorf("%w: the scheme is not Digest", errMalformedCredentials)
	}
	fields := map[string]*string{
		"username": &c.user, "realm": &c.realm, "nonce": &c.nonce, "uri": &c.uri, "response": &c.response,
		"algorithm": &c.algorithm, "qop": &c.qop, "cnonce": &c.cnonce, "nc": &c.nc,
	}
	for seen := map[string]bool{}; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		name, value, after, err := authParam(rest)
		if err != nil {
			return credentials{}, err
		}
		rest = after
		if seen[name] {
			return credentials{}, fmt.Errorf("%w: %s is given twice", errMalformedCredentials, name)
		}
		if field := fields[name]; field != nil {
			seen[name] = true
			*field = value
		}
	}
	return c, c.check()
}

// authParam reads one name=value from the front of s; name comes in lower case.
func authParam(s string) (name, value, rest string, err error) {
	eq := strings.IndexByte(s, '=')
	if eq <= 0 {
		return "", "", "", fmt.Errorf("%w: a parameter without a value", errMalformedCredentials)
	}
	name = strings.ToLower(strings.TrimRight(s[:eq], " \t"))
	if name == "" || strings.ContainsAny(name, " \t,\";") {
		return "", "", "", fmt.Errorf("%w: a parameter name", errMalformedCredentials)
	}
	s = strings.TrimLeft(s[eq+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ',')
		if end < 0 {
			end = len(s)
		}
		return name, strings.TrimRight(s[:end], " \t"), s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\': // RFC 3261 §25.1 quoted-pair
			i++
			if i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			if rest != "" && rest[0] != ',' {
				return "", "", "", fmt.Errorf("%w: %s goes on behind its quotes", errMalformedCredentials, name)
			}
			return name, b.String(), rest, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", "", fmt.Errorf("%w: %s has no closing quote", errMalformedCredentials, name)
}

// check says which mandatory parameter is missing. RFC 7616 §3.4: cnonce and
// nc are mandatory with qop.
func (c *credentials) check() error {
	missing := ""
	switch {
	case c.user == "":
		missing = "username"
	case c.nonce == "":
		missing = "nonce"
	case c.uri == "":
		missing = "uri"
	case c.response == "":
		missing = "response"
	case c.qop != "" && c.cnonce == "":
		missing = "cnonce"
	case c.qop != "" && len(c.nc) != 8:
		missing = "nc of eight digits"
	}
	if missing != "" {
		return fmt.Errorf("%w: no %s", errMalformedCredentials, missing)
	}
	return nil
}

// count is nc as a number: 0 without qop, at least 1 with it.
func (c *credentials) count() (uint32, error) {
	if c.qop == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(c.nc, 16, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: nc=%.8q", errMalformedCredentials, c.nc)
	}
	return uint32(n), nil
}
