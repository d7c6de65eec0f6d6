package simnet

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
)

// isSIP tells a SIP message by its first line.
func isSIP(b []byte) bool {
	if len(b) < 12 || b[0] >= 0x80 { // RTP, mostly
		return false
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.HasPrefix(line, []byte("SIP/2.0 ")) || bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte(" SIP/2.0"))
}

// compact are the short header names of RFC 3261 §7.3.3 that the ladder needs.
var compact = map[string]string{
	"i": "call-id", "f": "from", "t": "to", "v": "via", "m": "contact", "l": "content-length", "c": "content-type",
}

// header finds the first header of a name, without regard to case.
func header(b []byte, name string) string {
	head, _, _ := strings.Cut(string(b), "\r\n\r\n")
	want := strings.ToLower(name)
	for i, line := range strings.Split(head, "\r\n") {
		key, value, ok := strings.Cut(line, ":")
		if i == 0 || !ok {
			continue
		}
		key = strings.ToLower(strings.TrimSpace(key))
		if long := compact[key]; long != "" {
			key = long
		}
		if key == want {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

var (
	ulidRE   = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}\b`)
	randomRE = regexp.MustCompile(`\b[0-9a-fA-F-]{16,}\b`)
	hostRE   = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+(:\d+)?\b`)
)

// plain replaces what differs from run to run or names a port: identifiers by
// "<id>", IP addresses by names.
func (n *Net) plain(s string) string {
	s = ulidRE.ReplaceAllString(s, "<id>")
	s = randomRE.ReplaceAllString(s, "<id>")
	return hostRE.ReplaceAllStringFunc(s, func(h string) string {
		if ap, err := netip.ParseAddrPort(h); err == nil {
			return n.nameOf(ap)
		}
		if ip, err := netip.ParseAddr(h); err == nil {
			return n.nameOf(netip.AddrPortFrom(ip, 0))
		}
		return h
	})
}

// sipText says what a message is in a line.
func (n *Net) sipText(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimRight(line, "\r")
	var s string
	if rest, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		_, method, _ := strings.Cut(header(b, "CSeq"), " ")
		s = n.plain(rest) + " (" + strings.TrimSpace(method) + ")"
	} else {
		method, rest, _ := strings.Cut(line, " ")
		uri := strings.TrimSuffix(rest, " SIP/2.0")
		s = method
		if inDialog := strings.Contains(strings.ToLower(header(b, "To")), "tag="); method == "REGISTER" ||
			(!inDialog && method != "ACK" && method != "CANCEL" && method != "BYE") {
			s += " " + n.plain(bareURI(uri))
		}
		s += n.requestNotes(b, method)
	}
	if v := header(b, "Reason"); v != "" {
		s += " (Reason: " + n.plain(v) + ")"
	}
	if v := header(b, "Retry-After"); v != "" {
		s += " (Retry-After: " + v + ")"
	}
	return s + sdpNote(b)
}

// requestNotes tells a request's caller and registration.
func (n *Net) requestNotes(b []byte, method string) string {
	var s string
	from := header(b, "From")
	switch {
	case method == "REGISTER":
		s += " (" + n.plain(userOf(from)) + ")"
		contact := header(b, "Contact")
		expires := header(b, "Expires")
		if _, v, ok := strings.Cut(contact, ";expires="); ok {
			expires, _, _ = strings.Cut(v, ";")
		}
		if contact != "" && expires != "" {
			s += " (expires " + expires + ")"
		}
	case method == "INVITE" && !strings.Contains(strings.ToLower(header(b, "To")), "tag="):
		if u := userOf(from); u != "" {
			s += " (from " + n.plain(u) + ")"
		}
	}
	if header(b, "Authorization") != "" || header(b, "Proxy-Authorization") != "" {
		s += " (auth)"
	}
	return s
}

// bareURI cuts a URI's parameters and headers off.
func bareURI(uri string) string {
	uri, _, _ = strings.Cut(uri, ";")
	uri, _, _ = strings.Cut(uri, "?")
	return uri
}

// userOf is the user part of a From or To value.
func userOf(v string) string {
	_, rest, ok := strings.Cut(v, ":")
	if !ok {
		return ""
	}
	user, _, ok := strings.Cut(rest, "@")
	if !ok || strings.ContainsAny(user, "<>\" ") {
		return ""
	}
	return user
}

// sdpNote tells that there is a description, and its direction (RFC 3264 §5.1)
// if it is not sendrecv.
func sdpNote(b []byte) string {
	_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	if !bytes.HasPrefix(bytes.TrimLeft(body, "\r\n"), []byte("v=0")) {
		return ""
	}
	note := "sdp"
	for _, dir := range []string{"sendonly", "recvonly", "inactive"} {
		if bytes.Contains(body, []byte("a="+dir)) {
			note += " " + dir
		}
	}
	if bytes.Contains(body, []byte("c=IN IP4 0.0.0.0")) {
		note += " c=0.0.0.0"
	}
	return " (" + note + ")"
}
