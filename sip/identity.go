package sip

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Who calls (RFC 3261 From, RFC 3325, RFC 3323, and the draft
// sip-privacy-04 whose Remote-Party-ID carriers still send), and who sent the
// call on before it reached us (RFC 5806, RFC 7044). What is read here is all
// that crosses from one leg to another: no other header does.

// Asserted says in which header a trunk is told who calls, beside From.
type Asserted string

// The empty Asserted is AssertNothing.
const (
	AssertNothing  Asserted = "none"
	AssertPAI      Asserted = "pai"  // P-Asserted-Identity: the carrier trusts us
	AssertPPI      Asserted = "ppi"  // P-Preferred-Identity: it decides
	AssertRemoteID Asserted = "rpid" // Remote-Party-ID
)

// passedOn bounds what is kept of headers that cross: values, and bytes of one.
const (
	passedOn      = 8
	passedOnBytes = 256
)

// identify reads who calls out of an INVITE.
func (ev *Invited) identify(req *sip.Request) {
	h := req.From()
	ev.From = NameAddr{Display: clean(unpair(h.DisplayName)), User: userOf(&h.Address), Host: h.Address.Host}
	ev.PAI = asserted(req, "p-asserted-identity")
	ev.PPI = asserted(req, "p-preferred-identity")
	ev.Anonymous = anonymous(req)
	for _, v := range valuesOf(req, "remote-party-id") {
		ps := strings.ToLower(afterAddress(v))
		if p := param(ps, "party"); p != "" && p != "calling" {
			continue // of who is called
		}
		if n, ok := nameAddr(v); ok && ev.RPID == (NameAddr{}) {
			ev.RPID = n
			switch param(ps, "privacy") {
			case "full", "uri":
				ev.Anonymous = true
			}
		}
	}
	ev.Diversion = passed(req, "diversion")
	ev.History = passed(req, "history-info")
}

// asserted is the identity of a header that may come twice, as sip: and as
// tel: (RFC 3325 §9.1): the first that has a user, with any name given.
func asserted(req *sip.Request, name string) (n NameAddr) {
	display := ""
	for _, v := range valuesOf(req, name) {
		a, ok := nameAddr(v)
		if !ok {
			continue
		}
		if display == "" {
			display = a.Display
		}
		if n.User == "" && a.User != "" {
			n = a
		}
	}
	if n.User != "" && n.Display == "" {
		n.Display = display
	}
	return n
}

// valuesOf are the values of all headers of a name, lists taken apart.
func valuesOf(m interface{ GetHeaders(string) []sip.Header }, name string) []string {
	var vs []string
	for _, h := range m.GetHeaders(name) {
		for _, v := range splitList(h.Value()) {
			if v = strings.TrimSpace(v); v != "" {
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// splitList splits at commas outside quotes and angle brackets.
func splitList(s string) []string {
	var parts []string
	quoted, inside, from := false, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			inside = true
		case c == '>':
			inside = false
		case c == ',' && !inside:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[min(from, len(s)):])
}

// passed are the values of a header that crosses, as received, without what
// would end a line.
func passed(req *sip.Request, name string) []string {
	var vs []string
	for _, v := range valuesOf(req, name) {
		if v = clean(v); len(v) <= passedOnBytes && len(vs) < passedOn {
			vs = append(vs, v)
		}
	}
	return vs
}

// afterAddress is what follows the address of a name-addr: its parameters.
func afterAddress(v string) string {
	if i := strings.LastIndexByte(v, '>'); i >= 0 {
		return v[i+1:]
	}
	_, ps, _ := strings.Cut(v, ";")
	return ";" + ps
}

// param is a parameter of a header, without quotes; params is in small letters.
func param(params, name string) string {
	for _, p := range splitQuoted(params, ';') {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.TrimSpace(k) == name {
			return unquote(strings.TrimSpace(v))
		}
	}
	return ""
}

// nobody are the users that gateways write for a caller without a number.
var nobody = map[string]bool{"anonymous": true, "restricted": true, "private": true, "unavailable": true, "unknown": true}

// anonymous reports that the caller does not want to be known (RFC 3323, RFC
// 3325 §9.3), or that nobody knows.
func anonymous(req *sip.Request) bool {
	from := &req.From().Address
	host := strings.ToLower(from.Host)
	if strings.HasSuffix(host, ".invalid") || host == "invalid" || nobody[strings.ToLower(from.User)] {
		return true
	}
	for _, h := range req.GetHeaders("privacy") {
		for _, v := range strings.FieldsFunc(h.Value(), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			switch strings.ToLower(v) {
			case "id", "user", "header":
				return true
			}
		}
	}
	return false
}

// identity adds what the caller is known by, in the header that the trunk
// wants, and the headers asked for.
func (l *Leg) identity(req *sip.Request) {
	c := l.call
	if c.PAI != (NameAddr{}) {
		v := address(c.PAI, l.e.cfg.Domain)
		switch l.policy.assert {
		case AssertPAI:
			req.AppendHeader(sip.NewHeader("P-Asserted-Identity", v))
		case AssertPPI:
			req.AppendHeader(sip.NewHeader("P-Preferred-Identity", v))
		case AssertRemoteID:
			privacy := "off"
			if c.Anonymous {
				privacy = "full"
			}
			req.AppendHeader(sip.NewHeader("Remote-Party-ID", v+";party=calling;screen=yes;privacy="+privacy))
		}
	}
	if c.Anonymous {
		req.AppendHeader(sip.NewHeader("Privacy", "id"))
	}
	names := make([]string, 0, len(c.Headers))
	for k := range c.Headers {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if k != "" && !strings.ContainsAny(k, " \t\r\n:") {
			req.AppendHeader(sip.NewHeader(k, clean(c.Headers[k])))
		}
	}
}
