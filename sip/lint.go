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
