package sip

import "bytes"

// flaw is what is wrong with a message as it came: zero is nothing.
type flaw struct {
	code int    // of the refusal of a request
	what string // its reason phrase
}

// header is one that lint reads, by bit.
type header uint16

const (
	hVia header = 1 << iota
	hFrom
	hTo
	hCallID
	hCSeq
	hMaxForwards
	hContentLength
	hContact
	hDate

	unheard  header = 0
	needed          = hVia | hFrom | hTo | hCallID | hCSeq         // RFC 3261 §8.1.1
	singular        = hFrom | hTo | hCallID | hCSeq | hMaxForwards // §7.3.1
)

// headerNames are the reason phrases' names, in the order of the bits.
var headerNames = [...]string{"Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Contact", "Date"}

func (h header) String() string {
	for i, n := range headerNames {
		if h == 1<<i {
			return n
		}
	}
	return "header"
}

// headerOf reads a header's name, long or compact (RFC 3261 §7.3.3).
func headerOf(name []byte) header {
	is := func(long string, h header) header {
		if len(name) == len(long) && bytes.EqualFold(name, []byte(long)) {
			return h
		}
		return unheard
	}
	switch name[0] | 0x20 {
	case 'v':
		if len(name) == 1 {
			return hVia
		}
		return is("via", hVia)
	case 'f':
		if len(name) == 1 {
			return hFrom
		}
		return is("from", hFrom)
	case 't':
		if len(name) == 1 {
			return hTo
		}
		return is("to", hTo)
	case 'i':
		if len(name) == 1 {
			return hCallID
		}
	case 'l':
		if len(name) == 1 {
			return hContentLength
		}
	case 'm':
		if len(name) == 1 {
			return hContact
		}
		return is("max-forwards", hMaxForwards)
	case 'c':
		switch len(name) {
		case 4:
			return is("cseq", hCSeq)
		case 7:
			if h := is("call-id", hCallID); h != unheard {
				return h
			}
			return is("contact", hContact)
		case 14:
			return is("content-length", hContentLength)
		}
	case 'd':
		return is("date", hDate)
	}
	return unheard
}

// lint reads a whole message as RFC 3261 §25 wants it written, as far as
// dialogs and answers hang on it, and tells the first flaw: before the parser,
// which mangles or loses what is malformed, and which says nothing of headers
// that come twice. It is generous where the meaning is clear (empty parameters'
// values, odd characters in display names). It allocates nothing.
func lint(b []byte) flaw {
	method, response, wrong := startLine(b)
	if wrong.code == 505 {
		return wrong
	}
	_, head, _ := bytes.Cut(b, []byte("\r\n"))
	var seen header
	var length = -1
	vias := 0
	for {
		name, value, rest, ok := headerLine(head)
		if !ok {
			return flaw{400, "Bad header line"}
		}
		head = rest
		if name == nil {
			break
		}
		h := headerOf(name)
		if h == unheard {
			continue
		}
		if seen&singular&h != 0 {
			return flaw{400, "More than one " + h.String()}
		}
		c := cursor{b: value}
		good := true
		switch h {
		case hVia:
			n := c.vias()
			vias, good = vias+n, n > 0
		case hFrom, hTo:
			good = c.nameAddr() && c.end()
		case hContact:
			good = !contactCounts(method) || c.contacts()
		case hCallID:
			c.lws()
			good = c.run(notSpace) && c.end()
		case hCSeq:
			m, ok := c.cseq()
			if good = ok; ok && !response && !bytes.Equal(m, method) {
				return flaw{400, "CSeq method does not match"}
			}
		case hMaxForwards:
			n, ok := c.number(255)
			good = ok && n >= 0 && c.end()
		case hContentLength:
			n, ok := c.number(maxMessage)
			if good = ok && c.end(); good && length >= 0 && length != n {
				return flaw{400, "Two Content-Length headers"}
			}
			length = n
		case hDate: // RFC 3261 §20.17: GMT and nothing else
			good = method == nil || bytes.HasSuffix(bytes.TrimRight(value, " \t\r\n"), []byte("GMT"))
		}
		if !good {
			return flaw{400, "Bad " + h.String()}
		}
		seen |= h
	}
	switch missing := needed &^ seen; {
	case missing != 0:
		return flaw{400, "No " + (missing & -missing).String()}
	case length > len(head): // RFC 3261 §18.3
		return flaw{400, "Content-Length beyond the message"}
	case response && vias > 1: // RFC 3261 §8.1.3.3: it was for another
		return flaw{400, "More than one Via"}
	}
	return wrong
}

// contactCounts says that a malformed Contact is a malformed request. Elsewhere
// it is not needed and ignored (RFC 3261 §8.2); the registrar tells a phone's
// owner what is wrong with it.
func contactCounts(method []byte) bool {
	switch string(method) {
	case "INVITE", "SUBSCRIBE", "UPDATE", "REFER":
		return true
	}
	return false
}

// startLine checks the first line. Of a flaw that is the URI's alone, the rest
// is read first: a message that is malformed throughout gets 400, not 416.
func startLine(b []byte) (method []byte, response bool, f flaw) {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	if bytes.HasPrefix(line, []byte("SIP/")) {
		version, rest, _ := bytes.Cut(line, []byte(" "))
		code, _, ok := bytes.Cut(rest, []byte(" "))
		if !ok || len(code) != 3 || !bytes.EqualFold(version, []byte("SIP/2.0")) || code[0] < '1' || code[0] > '6' || !digits(code) {
			return nil, true, flaw{400, "Bad Status-Line"}
		}
		return nil, true, flaw{}
	}
	bad := flaw{400, "Bad Request-Line"}
	method, rest, _ := bytes.Cut(line, []byte(" "))
	uri, version, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(method) == 0 || !tokens(method) {
		return method, false, bad
	}
	if !bytes.EqualFold(version, []byte("SIP/2.0")) {
		if v := bytes.TrimPrefix(version, []byte("SIP/")); len(v) == 3 && len(version) == 7 && v[1] == '.' && digits(v[:1]) && digits(v[2:]) {
			return method, false, flaw{505, "Version Not Supported"}
		}
		return method, false, bad
	}
	scheme := schemeOf(uri)
	switch {
	case scheme == nil:
		return method, false, bad
	case !ourScheme(scheme):
		return method, false, flaw{416, "Unsupported URI Scheme"}
	case !goodURI(uri, false):
		return method, false, flaw{400, "Bad Request-URI"}
	}
	return method, false, flaw{}
}

// ourScheme: what else a Request-URI may be, we do not route.
func ourScheme(s []byte) bool {
	return bytes.EqualFold(s, []byte("sip")) || bytes.EqualFold(s, []byte("sips")) || bytes.EqualFold(s, []byte("tel"))
}

// headerLine cuts the next header, folded lines included, off head. An empty
// name is the head's end, behind which rest is the body.
func headerLine(head []byte) (name, value, rest []byte, ok bool) {
	end := 0
	for {
		i := bytes.IndexByte(head[end:], '\r')
		if i < 0 || end+i+1 >= len(head) || head[end+i+1] != '\n' {
			return nil, nil, nil, false
		}
		end += i + 2
		if i == 0 && end == 2 {
			return nil, nil, head[2:], true
		}
		if end >= len(head) || head[end] != ' ' && head[end] != '\t' {
			break
		}
	}
	colon := bytes.IndexByte(head[:end], ':')
	if colon < 0 {
		return nil, nil, nil, false
	}
	name = bytes.TrimRight(head[:colon], " \t")
	if len(name) == 0 || !tokens(name) {
		return nil, nil, nil, false
	}
	return name, head[colon+1 : end-2], head[end:], true
}

// schemeOf is a URI's scheme (RFC 3986 §3.1); nil: it has none.
func schemeOf(uri []byte) []byte {
	i := bytes.IndexByte(uri, ':')
	if i < 1 || uri[0]|0x20 < 'a' || uri[0]|0x20 > 'z' {
		return nil
	}
	for _, c := range uri[:i] {
		if !alnum(c) && c != '+' && c != '-' && c != '.' {
			return nil
		}
	}
	return uri[:i]
}

// goodURI checks a URI; of sip and sips (RFC 3261 §19.1.1) the host and port
// too. headers: those behind a "?" are permitted.
func goodURI(uri []byte, headers bool) bool {
	scheme := schemeOf(uri)
	if scheme == nil || len(uri) == len(scheme)+1 {
		return false
	}
	for _, c := range uri {
		if class[c]&inURI == 0 {
			return false
		}
	}
	if s := scheme[0] | 0x20; s != 's' || !bytes.EqualFold(scheme, []byte("sip")) && !bytes.EqualFold(scheme, []byte("sips")) {
		return true
	}
	rest := uri[len(scheme)+1:]
	if at := bytes.IndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if !headers && bytes.IndexByte(rest, '?') >= 0 {
		return false
	}
	if i := bytes.IndexAny(rest, ";?"); i >= 0 {
		rest = rest[:i]
	}
	c := cursor{b: rest}
	return c.hostPort() && c.i == len(rest)
}

// Classes of bytes.
const (
	inToken uint8 = 1 << iota // RFC 3261 §25.1
	inURI                     // no blanks, quotes and brackets; UTF-8 is let pass
	inDisplay
	notSpace
)

var class = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		if alnum(c) || bytes.IndexByte([]byte("-.!%*_+`'~"), c) >= 0 {
			t[i] |= inToken
		}
		if c > ' ' && c != 0x7f && c != '<' && c != '>' && c != '"' {
			t[i] |= inURI
		}
		// Generous: what is certainly not a display name is a list, parameters
		// or a half-open quote.
		if c >= ' ' && c != 0x7f && bytes.IndexByte([]byte(`,;"<>`), c) < 0 || c == '\t' || c == '\r' || c == '\n' {
			t[i] |= inDisplay
		}
		if c > ' ' {
			t[i] |= notSpace
		}
	}
	return t
}()

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func tokens(b []byte) bool {
	for _, c := range b {
		if class[c]&inToken == 0 {
			return false
		}
	}
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// cursor reads one header's value.
type cursor struct {
	b []byte
	i int
}

// peek is the next byte; 0 at the end.
func (c *cursor) peek() byte {
	if c.i < len(c.b) {
		return c.b[c.i]
	}
	return 0
}

// lws skips white space, folds included, and tells whether there was some.
func (c *cursor) lws() bool {
	from := c.i
	for c.i < len(c.b) && (c.b[c.i] == ' ' || c.b[c.i] == '\t' || c.b[c.i] == '\r' || c.b[c.i] == '\n') {
		c.i++
	}
	return c.i > from
}

// end tells that only white space is left.
func (c *cursor) end() bool {
	c.lws()
	return c.i == len(c.b)
}

// run skips bytes of a class and tells whether there was one.
func (c *cursor) run(of uint8) bool {
	from := c.i
	for c.i < len(c.b) && class[c.b[c.i]]&of != 0 {
		c.i++
	}
	return c.i > from
}

// take skips one byte with the white space around it, if it is next.
func (c *cursor) take(b byte) bool {
	from := c.i
	c.lws()
	if c.peek() != b || c.i == len(c.b) {
		c.i = from
		return false
	}
	c.i++
	c.lws()
	return true
}

// number reads digits up to a limit.
func (c *cursor) number(limit int) (n int, ok bool) {
	c.lws()
	from := c.i
	for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
		if n = 10*n + int(c.b[c.i]-'0'); n > limit {
			return 0, false
		}
		c.i++
	}
	return n, c.i > from
}

// cseq reads number and method (RFC 3261 §8.1.1.5: below 2^31).
func (c *cursor) cseq() (method []byte, ok bool) {
	if _, ok = c.number(1<<31 - 1); !ok || !c.lws() {
		return nil, false
	}
	from := c.i
	if !c.run(inToken) {
		return nil, false
	}
	return c.b[from:c.i], c.end()
}

// quoted skips a quoted string.
func (c *cursor) quoted() bool {
	for c.i++; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case '"':
			c.i++
			return true
		case '\\':
			c.i++
		}
	}
	return false
}

// hostPort skips host[:port].
func (c *cursor) hostPort() bool {
	if c.peek() == '[' {
		end := bytes.IndexByte(c.b[c.i:], ']')
		if end < 2 {
			return false
		}
		c.i += end + 1
	} else {
		from := c.i
		for c.i < len(c.b) && (alnum(c.b[c.i]) || c.b[c.i] == '.' || c.b[c.i] == '-' || c.b[c.i] == '_') {
			c.i++
		}
		if c.i == from {
			return false
		}
	}
	if c.take(':') {
		_, ok := c.number(65535)
		return ok
	}
	return true
}

// params skips *(;name[=value]) up to the end or a comma.
func (c *cursor) params() bool {
	for c.take(';') {
		if !c.run(inToken) {
			return false
		}
		if !c.take('=') {
			continue
		}
		if c.peek() == '"' {
			if !c.quoted() {
				return false
			}
			continue
		}
		for c.i < len(c.b) && class[c.b[c.i]]&notSpace != 0 && c.b[c.i] != ';' && c.b[c.i] != ',' && c.b[c.i] != '"' {
			c.i++
		}
	}
	c.lws()
	return c.i == len(c.b) || c.b[c.i] == ','
}

// vias counts the values of one Via header; 0: it is malformed.
func (c *cursor) vias() (n int) {
	for {
		c.lws()
		if !c.run(inToken) || !c.take('/') || !c.run(inToken) || !c.take('/') || !c.run(inToken) || !c.lws() || !c.hostPort() || !c.params() {
			return 0
		}
		n++
		if !c.take(',') {
			return n
		}
	}
}

// nameAddr skips one address with its parameters, bare or in brackets (RFC 3261
// §20.10).
func (c *cursor) nameAddr() bool {
	c.lws()
	start := c.i
	if c.peek() == '"' {
		if !c.quoted() {
			return false
		}
		c.lws()
	} else {
		c.run(inDisplay)
	}
	if c.peek() != '<' {
		uri := bytes.TrimRight(c.b[start:c.i], " \t\r\n")
		return goodURI(uri, false) && c.params() // a quoted string is none
	}
	c.i++
	from := c.i
	end := bytes.IndexByte(c.b[from:], '>')
	if end < 0 || !goodURI(c.b[from:from+end], true) {
		return false
	}
	c.i = from + end + 1
	return c.params()
}

// contacts skips "*" or a list of addresses.
func (c *cursor) contacts() bool {
	c.lws()
	if c.peek() == '*' {
		c.i++
		return c.end()
	}
	for {
		if !c.nameAddr() {
			return false
		}
		if !c.take(',') {
			return c.end()
		}
	}
}
