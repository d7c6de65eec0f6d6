package sip

import (
	"bytes"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

const (
	product = "Trunkline"
	sdpType = "application/sdp"
)

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-."

// random returns n characters out of 64, from the runtime's ChaCha8.
func random(n int) string {
	b := make([]byte, n)
	for i := 0; i < n; {
		for v, k := rand.Uint64(), 0; k < 10 && i < n; k++ {
			b[i] = alphabet[v&63]
			v >>= 6
			i++
		}
	}
	return string(b)
}

func (e *Endpoint) newTag() string    { return e.token + random(10) }
func (e *Endpoint) newBranch() string { return sip.RFC3261BranchMagicCookie + e.token + random(12) }

// manyHops is the Max-Forwards of a request that begins with us (RFC 3261
// §8.1.1.6).
const manyHops = 70

func maxForwards() *sip.MaxForwardsHeader {
	h := sip.MaxForwardsHeader(manyHops)
	return &h
}

// hopsLeft is the Max-Forwards of a request received.
func hopsLeft(req *sip.Request) int {
	if h := req.MaxForwards(); h != nil {
		return int(*h)
	}
	return manyHops
}

// sdpOf returns the session description of a message, out of a multipart body
// if need be (carriers add ISUP or PIDF-LO). ok is false for a body of another
// type; nil and true: there is no body.
func sdpOf(m sip.Message) (sdp []byte, ok bool) {
	body := m.Body()
	if len(body) == 0 {
		return nil, true
	}
	for _, h := range headersOf(m, "Content-Encoding") {
		if v := strings.TrimSpace(h.Value()); v != "" && !strings.EqualFold(v, "identity") {
			return nil, false
		}
	}
	ct := headersOf(m, "Content-Type")
	if len(ct) == 0 { // RFC 3261 §20.15 wants it; a body of an INVITE can be nothing else
		return body, bytes.HasPrefix(body, []byte("v="))
	}
	if strings.EqualFold(ct[0].Value(), sdpType) {
		return body, true
	}
	kind, params, err := mime.ParseMediaType(ct[0].Value())
	switch {
	case strings.EqualFold(kind, sdpType):
		return body, true
	case err == nil && strings.HasPrefix(kind, "multipart/"):
		return sdpPart(body, params["boundary"])
	}
	return nil, false
}

func sdpPart(body []byte, boundary string) ([]byte, bool) {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for range 8 {
		p, err := r.NextRawPart()
		if err != nil {
			return nil, false
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if kind == sdpType {
			var b bytes.Buffer
			if _, err := b.ReadFrom(p); err != nil {
				return nil, false
			}
			return b.Bytes(), true
		}
	}
	return nil, false
}

// setSDP puts a session description into a message; nil: none.
func setSDP(m sip.Message, sdp []byte) {
	if len(sdp) > 0 {
		h := sip.ContentTypeHeader(sdpType)
		m.AppendHeader(&h)
	}
	m.SetBody(sdp)
}

// reasonOf reads the first Reason header of SIP or Q.850, else the first of all
// (RFC 3326).
func reasonOf(m interface{ GetHeaders(string) []sip.Header }) (first Reason) {
	for _, h := range m.GetHeaders("reason") {
		for _, v := range splitQuoted(h.Value(), ',') {
			parts := splitQuoted(v, ';')
			r := Reason{Protocol: strings.TrimSpace(parts[0])}
			for _, p := range parts[1:] {
				k, val, _ := strings.Cut(strings.TrimSpace(p), "=")
				switch strings.ToLower(strings.TrimSpace(k)) {
				case "cause":
					r.Cause, _ = strconv.Atoi(strings.TrimSpace(val))
				case "text":
					r.Text = unquote(strings.TrimSpace(val))
				}
			}
			switch strings.ToUpper(r.Protocol) {
			case "SIP", "Q.850":
				if r.Cause != 0 {
					return r
				}
			}
			if first.Cause == 0 {
				first = r
			}
		}
	}
	return first
}

// splitQuoted splits at sep outside double quotes; there is always one part.
func splitQuoted(s string, sep byte) []string {
	var parts []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[min(from, len(s)):])
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return unpair(s[1 : len(s)-1])
}

// unpair removes quoted-pairs.
func unpair(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// quotable makes text safe inside double quotes of a header: no control
// characters (header injection), quotes and backslashes escaped.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, pairs.Replace(s))
}

var (
	pairs     = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	separated = strings.NewReplacer("-", "", ".", "", "(", "", ")", "") // RFC 3966 §5.1.1
)

// clean removes what would end a header line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// header is the Reason header to send; nil for the zero Reason.
func (r Reason) header() sip.Header {
	if v := r.String(); v != "" {
		return sip.NewHeader("Reason", v)
	}
	return nil
}

// String is the value of the Reason header; empty for the zero Reason.
func (r Reason) String() string {
	if r.Cause == 0 && r.Text == "" {
		return ""
	}
	v := r.Protocol
	if v == "" {
		v = "SIP"
	}
	v = clean(v)
	if r.Cause != 0 {
		v += ";cause=" + strconv.Itoa(r.Cause)
	}
	if r.Text != "" {
		v += `;text="` + quotable(r.Text) + `"`
	}
	return v
}

// escapeUser escapes what the user part of a SIP URI may not hold (RFC 3261
// §25.1).
func escapeUser(s string) string {
	const plain = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
	}
	return b.String()
}

// userOf is the user part of a URI as a person would write it: unescaped,
// without ;params (RFC 4694) and, for tel:, without visual separators.
func userOf(u *sip.Uri) string {
	s := u.User
	if u.Scheme == "tel" {
		s = separated.Replace(u.Raw())
	}
	s, _, _ = strings.Cut(s, ";")
	return clean(unescape(s))
}

// nameAddr reads a header value that is a name-addr or addr-spec.
func nameAddr(value string) (NameAddr, bool) {
	var u sip.Uri
	display, err := sip.ParseAddressValue(strings.TrimSpace(value), &u, nil)
	if err != nil || u.Wildcard {
		return NameAddr{}, false
	}
	return NameAddr{Display: clean(unpair(display)), User: userOf(&u), Host: u.Host}, true
}

// address renders a NameAddr for a header we send.
func address(n NameAddr, host string) string {
	if n.Host != "" {
		host = n.Host
	}
	s := "<sip:"
	if n.User != "" {
		s += escapeUser(n.User) + "@"
	}
	s += clean(host) + ">"
	if n.Display != "" {
		s = `"` + quotable(n.Display) + `" ` + s
	}
	return s
}
