package simphone

import (
	"net/netip"
	"strings"
)

// splitList takes a comma-separated header value apart, outside quotes and
// angle brackets.
func splitList(v string) []string {
	var out []string
	quoted, angle, start := false, false, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			out = append(out, strings.TrimSpace(v[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(v[start:]))
}

// uriOf is the URI in a name-addr or addr-spec (RFC 3261 §20.10): without angle
// brackets, parameters belong to the header.
func uriOf(v string) string {
	if i := strings.LastIndexByte(v, '<'); i >= 0 {
		v, _, _ = strings.Cut(v[i+1:], ">")
		return v
	}
	v, _, _ = strings.Cut(strings.TrimSpace(v), ";")
	return v
}

// param is a parameter of a header value, of what follows the angle brackets if
// there are any.
func param(v, name string) string {
	if i := strings.LastIndexByte(v, '>'); i >= 0 {
		v = v[i+1:]
	}
	for _, p := range strings.Split(v, ";")[1:] {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// userPart is the user of a URI, "" if it has none.
func userPart(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	user, _, ok := strings.Cut(rest, "@")
	if !ok {
		return ""
	}
	user, _, _ = strings.Cut(user, ";")
	return user
}

// hostPort is the address of a URI whose host is an IP; false: it is a name.
func hostPort(uri string) (netip.AddrPort, bool) {
	_, rest, _ := strings.Cut(uri, ":")
	if _, host, ok := strings.Cut(rest, "@"); ok {
		rest = host
	}
	rest = strings.FieldsFunc(rest+";", func(r rune) bool { return r == ';' || r == '?' })[0]
	if ap, err := netip.ParseAddrPort(rest); err == nil {
		return ap, true
	}
	if ip, err := netip.ParseAddr(strings.Trim(rest, "[]")); err == nil {
		return netip.AddrPortFrom(ip, 5060), true
	}
	return netip.AddrPort{}, false
}
