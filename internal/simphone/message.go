package simphone

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Message is a SIP request (Method set) or response (Code set).
type Message struct {
	Method, URI string
	Code        int
	Phrase      string
	Headers     []Header
	Body        []byte

	At   time.Time      // when it was sent or received
	Out  bool           // sent by us
	Peer netip.AddrPort // the other end
	Raw  []byte         // as on the wire
}

// Header is one header line; Name is the long form.
type Header struct{ Name, Value string }

// longForms are the compact header names of RFC 3261 §7.3.3 and RFC 3515.
var longForms = map[string]string{
	"i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length", "c": "Content-Type",
	"f": "From", "s": "Subject", "k": "Supported", "t": "To", "v": "Via", "r": "Refer-To", "b": "Referred-By", "x": "Session-Expires",
}

// Parse reads a datagram. It is strict about the first line and lenient about
// the rest.
func Parse(b []byte) (*Message, error) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return nil, errors.New("simphone: no empty line after the headers")
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Raw: bytes.Clone(b), Body: bytes.Clone(body)}
	if err := m.parseFirst(lines[0]); err != nil {
		return nil, err
	}
	for _, line := range lines[1:] {
		if line != "" && (line[0] == ' ' || line[0] == '\t') && len(m.Headers) > 0 { // folded, §7.3.1
			m.Headers[len(m.Headers)-1].Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("simphone: header line %q", line)
		}
		name = strings.TrimSpace(name)
		if long := longForms[strings.ToLower(name)]; long != "" {
			name = long
		}
		m.Headers = append(m.Headers, Header{name, strings.TrimSpace(value)})
	}
	if n, err := strconv.Atoi(m.Get("Content-Length")); err == nil && n >= 0 && n < len(m.Body) {
		m.Body = m.Body[:n] // §18.3: what follows is discarded
	}
	return m, nil
}

func (m *Message) parseFirst(line string) error {
	if rest, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		code, phrase, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		if err != nil || n < 100 || n > 699 {
			return fmt.Errorf("simphone: status line %q", line)
		}
		m.Code, m.Phrase = n, phrase
		return nil
	}
	f := strings.Split(line, " ")
	if len(f) != 3 || f[2] != "SIP/2.0" {
		return fmt.Errorf("simphone: first line %q", line)
	}
	m.Method, m.URI = f[0], f[1]
	return nil
}

// Bytes writes the message; Content-Length is always set to the body's.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	if m.Method != "" {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.URI)
	} else {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Code, m.Phrase)
	}
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, "Content-Length") {
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.Body))
	b.Write(m.Body)
	return b.Bytes()
}

// String is the first line and, of a response, the method it answers.
func (m *Message) String() string {
	if m.Method != "" {
		return m.Method + " " + m.URI
	}
	_, method := m.CSeq()
	return fmt.Sprintf("%d %s (%s)", m.Code, m.Phrase, method)
}

// Get is the first value of a header by its long name, or "".
func (m *Message) Get(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// All are the values of a header, lines with commas taken apart.
func (m *Message) All(name string) []string {
	var out []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			out = append(out, splitList(h.Value)...)
		}
	}
	return out
}

// Add appends a header.
func (m *Message) Add(name, value string) { m.Headers = append(m.Headers, Header{name, value}) }

// Set replaces a header, or appends it.
func (m *Message) Set(name, value string) {
	for i, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			m.Headers[i].Value = value
			return
		}
	}
	m.Add(name, value)
}

// CSeq is the number and the method of the CSeq header.
func (m *Message) CSeq() (uint32, string) {
	num, method, _ := strings.Cut(m.Get("CSeq"), " ")
	n, _ := strconv.ParseUint(num, 10, 32)
	return uint32(n), strings.TrimSpace(method)
}

// FromTag and ToTag are the tags of the dialog, "" if there is none.
func (m *Message) FromTag() string { return param(m.Get("From"), "tag") }

// ToTag is the tag of the To header.
func (m *Message) ToTag() string { return param(m.Get("To"), "tag") }

// User is the user part of the Request-URI.
func (m *Message) User() string { return userPart(m.URI) }

// branch is the transaction's key in the topmost Via.
func (m *Message) branch() string {
	if v := m.All("Via"); len(v) > 0 {
		return param(v[0], "branch")
	}
	return ""
}

// reply starts a response: RFC 3261 §8.2.6.
func (m *Message) reply(code int, phrase, toTag string) *Message {
	r := &Message{Code: code, Phrase: phrase}
	if phrase == "" {
		r.Phrase = phraseOf(code)
	}
	for i, v := range m.All("Via") {
		if i == 0 && m.Peer.IsValid() { // RFC 3581 §4
			v = withReceived(v, m.Peer)
		}
		r.Add("Via", v)
	}
	for _, v := range m.All("Record-Route") {
		r.Add("Record-Route", v)
	}
	r.Add("From", m.Get("From"))
	to := m.Get("To")
	if toTag != "" && param(to, "tag") == "" {
		to += ";tag=" + toTag
	}
	r.Add("To", to)
	r.Add("Call-ID", m.Get("Call-ID"))
	r.Add("CSeq", m.Get("CSeq"))
	return r
}

func withReceived(via string, peer netip.AddrPort) string {
	if strings.Contains(via, ";rport") && param(via, "rport") == "" {
		via = strings.Replace(via, ";rport", fmt.Sprintf(";rport=%d", peer.Port()), 1)
	}
	return via + ";received=" + peer.Addr().String()
}

var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK", 202: "Accepted",
	302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 408: "Request Timeout", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable", 600: "Busy Everywhere", 603: "Decline",
}

func phraseOf(code int) string {
	if p := phrases[code]; p != "" {
		return p
	}
	return "Unknown"
}
