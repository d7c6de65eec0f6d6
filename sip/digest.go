package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"log/slog"
	"strings"
)

// algorithm is a digest algorithm we check (RFC 8760).
type algorithm uint8

const (
	algMD5 algorithm = iota
	algSHA256
)

// String is the token used in challenges.
func (a algorithm) String() string {
	if a == algSHA256 {
		return "SHA-256"
	}
	return "MD5"
}

// parseAlgorithm reads the algorithm parameter; none means MD5 (RFC 7616
// §3.4). The -sess variants are never offered and not accepted.
func parseAlgorithm(s string) (algorithm, bool) {
	switch {
	case s == "", strings.EqualFold(s, "MD5"):
		return algMD5, true
	case strings.EqualFold(s, "SHA-256"):
		return algSHA256, true
	}
	return 0, false
}

// digestHex is the hash, as hex digits, of parts joined with colons: H() and
// KD() of RFC 7616 §3.3.
func (a algorithm) digestHex(parts ...string) string {
	h := md5.New()
	if a == algSHA256 {
		h = sha256.New()
	}
	for i, p := range parts {
		if i > 0 {
			io.WriteString(h, ":")
		}
		io.WriteString(h, p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// secret is what is kept of a password: H(A1) for each algorithm. It cannot
// be printed, also not as a part of something else: fmt follows no pointer
// inside a value and asks no methods of unexported fields.
type secret struct{ ha1 *[2]string } // by algorithm

func newSecret(user, realm, password string) secret {
	return secret{&[2]string{
		algMD5:    algMD5.digestHex(user, realm, password),
		algSHA256: algSHA256.digestHex(user, realm, password),
	}}
}

// String hides the secret from fmt.
func (secret) String() string { return "(secret)" }

// GoString hides the secret from %#v.
func (secret) GoString() string { return "(secret)" }

// LogValue hides the secret from slog.
func (secret) LogValue() slog.Value { return slog.StringValue("(secret)") }

// expected is the response that c must carry for method (RFC 7616 §3.4.1;
// without qop RFC 2069 §2.1.2).
func (s secret) expected(a algorithm, method string, c *credentials) string {
	ha1 := s.ha1[a]
	ha2 := a.digestHex(method, c.uri)
	if c.qop == "" {
		return a.digestHex(ha1, c.nonce, ha2)
	}
	return a.digestHex(ha1, c.nonce, c.nc, c.cnonce, c.qop, ha2)
}

// matches reports whether c proves knowledge of the secret. It takes the same
// time for every response of the right length.
func (s secret) matches(a algorithm, method string, c *credentials) bool {
	want := s.expected(a, method, c)
	return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.response))) == 1
}
