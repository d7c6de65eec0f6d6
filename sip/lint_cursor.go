package sip

import "bytes"

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
