package media

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a description: what is larger is no call's description, and is ErrMalformed.
const (
	maxDescription = 64 << 10 // bytes
	maxLines       = 2000
	maxSections    = 64
	maxFormats     = 256 // of one m= line
)

// A description is an SDP session description (RFC 8866) as far as we care, with everything else
// kept. It is more tolerant than the RFC: lines may come in any order within their section, end
// in CRLF or LF or not at all, and only what an answer cannot do without must be right.
type description struct {
	origin   string // the value of o=, whole: peers write blanks and words where they should not
	name     string // the value of s=
	timing   string // the value of the first t=
	conn     connection
	lines    []line // the rest of the session's part, in the order of lineOrder
	sections []section
}

// A section is one m= line and what belongs to it.
type section struct {
	kind    string // audio, image, …
	port    uint16 // 0: refused
	count   uint16 // of ports, as in 49170/2; 0: not said
	proto   string // RTP/AVP, udptl, …
	formats []string
	conn    connection
	lines   []line

	number int // of the m= line in what was read, for errors; 0 in what we make
}

// A connection is the value of a c= line: the address alone matters, since peers write IP4 before
// IPv6 addresses. Its zero value is: none.
type connection struct {
	addr netip.Addr // invalid when host is set
	host string     // a name, or an address that no single peer has: multicast, broadcast
}

// A line is any other line of a description, such as a=ptime:20.
type line struct {
	key   byte
	value string
}

// lineOrder is the order of a section's lines in RFC 8866 §5; unknown ones come last.
const lineOrder = "vosiuepcbtrzka"

func orderOf(key byte) int {
	if i := strings.IndexByte(lineOrder, key); i >= 0 {
		return i
	}
	return len(lineOrder)
}

// malformed returns an ErrMalformed that names the line, counted from 1, and its start.
func malformed(number int, text, why string) error {
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return fmt.Errorf("%w: line %d %q: %s", ErrMalformed, number, text, why)
}

// parseDescription reads a description. The error wraps ErrMalformed and names the line.
func parseDescription(b []byte) (*description, error) {
	if len(b) > maxDescription {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrMalformed, len(b), maxDescription)
	}
	b = bytes.TrimRight(b, "\x00") // some phones count C's terminator into Content-Length
	d := &description{}
	number := 0
	for text := range strings.Lines(string(b)) {
		if number++; number > maxLines {
			return nil, fmt.Errorf("%w: more than %d lines", ErrMalformed, maxLines)
		}
		text = strings.TrimRight(text, "\r\n")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if len(text) < 2 || text[1] != '=' || !isLetter(text[0]) {
			return nil, malformed(number, text, "want a letter and =")
		}
		if strings.ContainsAny(text, "\r\x00") {
			return nil, malformed(number, text, "control character within a line")
		}
		if err := d.take(number, text); err != nil {
			return nil, err
		}
	}
	if d.origin == "" && len(d.sections) == 0 {
		return nil, fmt.Errorf("%w: neither o= nor m= in %d bytes", ErrMalformed, len(b))
	}
	d.order()
	return d, nil
}

// take adds one line to the description.
func (d *description) take(number int, text string) error {
	value := strings.TrimRight(text[2:], " \t")
	conn, lines := &d.conn, &d.lines
	inMedia := len(d.sections) > 0
	if inMedia {
		s := &d.sections[len(d.sections)-1]
		conn, lines = &s.conn, &s.lines
	}
	switch key := text[0]; {
	case key == 'm':
		if len(d.sections) == maxSections {
			return fmt.Errorf("%w: more than %d m= lines", ErrMalformed, maxSections)
		}
		s, err := parseMedia(number, text)
		d.sections = append(d.sections, s)
		return err
	case key == 'c':
		c, why := parseConnection(value)
		if why != "" {
			return malformed(number, text, why)
		}
		if *conn == (connection{}) { // several are layers of multicast (RFC 8866 §5.7): the first counts
			*conn = c
		}
	case key == 'v' && !inMedia:
		if strings.TrimSpace(value) != "0" {
			return malformed(number, text, "want v=0")
		}
	case key == 'o' && !inMedia && d.origin == "":
		d.origin = value
	case key == 's' && !inMedia && d.name == "":
		d.name = value
	case key == 't' && !inMedia && d.timing == "":
		d.timing = value
	default:
		*lines = append(*lines, line{key, value})
	}
	return nil
}

// order brings the kept lines into the order in which they are written, so that what is written
// reads back as the same.
func (d *description) order() {
	byKey := func(a, b line) int { return orderOf(a.key) - orderOf(b.key) }
	slices.SortStableFunc(d.lines, byKey)
	for i := range d.sections {
		slices.SortStableFunc(d.sections[i].lines, byKey)
	}
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// parseMedia reads an m= line (RFC 8866 §5.14).
func parseMedia(number int, text string) (section, error) {
	f := strings.Fields(text[2:])
	if len(f) < 3 {
		return section{}, malformed(number, text, "want m=kind port protocol formats")
	}
	s := section{kind: f[0], proto: f[2], number: number}
	if len(f) > 3 {
		s.formats = f[3:]
	}
	if len(s.formats) > maxFormats {
		return section{}, malformed(number, text, fmt.Sprintf("more than %d formats", maxFormats))
	}
	port, count, several := strings.Cut(f[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return section{}, malformed(number, text, "want a port from 0 to 65535")
	}
	s.port = uint16(n)
	if several {
		n, err := strconv.ParseUint(count, 10, 16)
		if err != nil || n == 0 {
			return section{}, malformed(number, text, "want a number of ports after the /")
		}
		s.count = uint16(n)
	}
	return s, nil
}

// parseConnection reads the value of a c= line (RFC 8866 §5.7), or says what is wrong with it.
func parseConnection(value string) (c connection, why string) {
	f := strings.Fields(value)
	if len(f) != 3 || !strings.EqualFold(f[0], "IN") {
		return c, "want c=IN IP4 address or c=IN IP6 address"
	}
	if !strings.EqualFold(f[1], "IP4") && !strings.EqualFold(f[1], "IP6") {
		return c, "want IP4 or IP6"
	}
	text, _, _ := strings.Cut(f[2], "/") // a multicast address's TTL
	addr, err := netip.ParseAddr(text)
	switch {
	case err == nil && addr.Zone() != "":
		return c, "an address with a zone means nothing to others"
	case err == nil && (addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255})):
		return connection{host: f[2]}, ""
	case err == nil:
		return connection{addr: addr.Unmap()}, ""
	case !isHostname(text):
		return c, "want an IP address"
	}
	return connection{host: text}, ""
}

// isHostname says whether text could be a domain name: at least one letter, so that a broken IPv4
// address is none.
func isHostname(text string) bool {
	letter := false
	for i := range len(text) {
		switch c := text[i]; {
		case isLetter(c):
			letter = true
		case '0' <= c && c <= '9', c == '-', c == '.':
		default:
			return false
		}
	}
	return letter && len(text) <= 253
}

// attribute returns the value of the last a=name or a=name:value among lines.
func attribute(lines []line, name string) (value string, ok bool) {
	for _, l := range slices.Backward(lines) {
		if l.key != 'a' {
			continue
		}
		n, v, _ := strings.Cut(l.value, ":")
		if strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// bytes writes the description: CRLF, the order of RFC 8866 §5, s= and t= always there.
func (d *description) bytes() []byte {
	var b bytes.Buffer
	put := func(key byte, value string) {
		b.WriteByte(key)
		b.WriteByte('=')
		b.WriteString(value)
		b.WriteString("\r\n")
	}
	put('v', "0")
	if d.origin != "" {
		put('o', d.origin)
	}
	put('s', d.name)
	rest := putUntil(put, d.lines, 'c')
	if d.conn != (connection{}) {
		put('c', d.conn.String())
	}
	rest = putUntil(put, rest, 't')
	put('t', d.timing)
	putUntil(put, rest, 0)
	for i := range d.sections {
		s := &d.sections[i]
		put('m', s.media())
		rest := putUntil(put, s.lines, 'c')
		if s.conn != (connection{}) {
			put('c', s.conn.String())
		}
		putUntil(put, rest, 0)
	}
	return b.Bytes()
}

// putUntil writes those of lines that come before key (0: all of them) and returns the others.
func putUntil(put func(byte, string), lines []line, key byte) []line {
	for len(lines) > 0 && (key == 0 || orderOf(lines[0].key) < orderOf(key)) {
		put(lines[0].key, lines[0].value)
		lines = lines[1:]
	}
	return lines
}

// media returns the value of the section's m= line.
func (s *section) media() string {
	port := strconv.Itoa(int(s.port))
	if s.count > 0 {
		port += "/" + strconv.Itoa(int(s.count))
	}
	return strings.Join(append([]string{s.kind, port, s.proto}, s.formats...), " ")
}

// String returns the value of the c= line.
func (c connection) String() string {
	switch {
	case !c.addr.IsValid():
		return "IN IP4 " + c.host
	case c.addr.Is4():
		return "IN IP4 " + c.addr.String()
	}
	return "IN IP6 " + c.addr.String()
}
