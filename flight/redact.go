package flight

import (
	"bytes"
	"slices"
)

// hidden is what secrets and digits are overwritten with: a letter, so that no
// digit is told by it, and one for each byte, so that Content-Length stays true.
const hidden = 'x'

// Redact gives a SIP message without its secrets and digits: credentials
// (Authorization, Proxy-Authorization), keys (a=crypto, k=, a=key-mgmt) and
// the bodies of INFO that carry key presses. Each is overwritten, byte for
// byte. A message without any is returned as it is; b itself never changes.
func Redact(b []byte) []byte {
	r := redaction{b: b}
	body := r.headers(b)
	r.body(b, body)
	return r.b
}

// redaction is a message on its way; it is copied when the first secret is found.
type redaction struct {
	b      []byte
	copied bool
}

// hide overwrites from and before; line ends stay.
func (r *redaction) hide(from, before int) {
	if !r.copied {
		r.b, r.copied = slices.Clone(r.b), true
	}
	for i := from; i < before; i++ {
		if c := r.b[i]; c != '\r' && c != '\n' {
			r.b[i] = hidden
		}
	}
}

// headers hides credentials, and the body's digits where the headers say that
// it has some. It returns where the body begins.
func (r *redaction) headers(b []byte) int {
	info := bytes.HasPrefix(b, []byte("INFO "))
	secret, digits := false, false // secret: of the header, which may go on by folding (RFC 3261 §7.3.1)
	at, begun := 0, false
	for at < len(b) {
		line, next := cutLine(b, at)
		if len(line) == 0 && begun {
			at = next
			break
		}
		if len(line) > 0 {
			begun = true
			switch line[0] | 0x20 {
			case ' ', '\t' | 0x20:
				if secret {
					r.hide(at, at+len(line))
				}
			case 'a', 'p':
				name, value := header(line)
				if secret = isCredential(name); secret {
					from := at + len(line) - len(value)
					if scheme := bytes.IndexByte(value, ' '); scheme > 0 {
						from += scheme + 1
					}
					r.hide(from, at+len(line))
				}
			case 'c':
				secret = false
				if name, value := header(line); info && isContentType(name) && !bytes.Contains(bytes.ToLower(value), []byte("sdp")) {
					digits = true
				}
			default:
				secret = false
			}
		}
		at = next
	}
	if digits {
		r.hide(at, len(b))
	}
	return at
}

// body hides keys of session descriptions, also within a multipart body.
func (r *redaction) body(b []byte, at int) {
	for at < len(b) {
		line, next := cutLine(b, at)
		if len(line) > 2 && line[1] == '=' {
			if from := keyOf(line); from > 0 {
				r.hide(at+from, at+len(line))
			}
		}
		at = next
	}
}

// keyOf says from where on a line of a session description is a key; 0: it has none.
func keyOf(line []byte) int {
	begins := func(with string) bool {
		return len(line) >= len(with) && bytes.EqualFold(line[:len(with)], []byte(with))
	}
	switch {
	case line[0]|0x20 == 'k':
		return 2
	case line[0]|0x20 != 'a':
		return 0
	case line[2]|0x20 == 'k' && begins("a=key-mgmt:"):
		return len("a=key-mgmt:")
	case line[2]|0x20 == 'c' && begins("a=crypto:"):
		// All after the first inline: goes, further keys, lifetimes and MKI too.
		if i := bytes.Index(bytes.ToLower(line), []byte("inline:")); i >= 0 {
			return i + len("inline:")
		}
		return len("a=crypto:")
	}
	return 0
}

// cutLine gives the line that begins at a place, without its end, and where
// the next begins.
func cutLine(b []byte, at int) (line []byte, next int) {
	next = len(b)
	line = b[at:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line, next = line[:i], at+i+1
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, next
}

// header takes a line apart; the name is nil where there is none.
func header(line []byte) (name, value []byte) {
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return nil, nil
	}
	return bytes.TrimRight(line[:i], " \t"), bytes.TrimLeft(line[i+1:], " \t")
}

func isCredential(name []byte) bool {
	switch len(name) {
	case len("Authorization"), len("Proxy-Authorization"):
		return bytes.EqualFold(name, []byte("Authorization")) || bytes.EqualFold(name, []byte("Proxy-Authorization"))
	}
	return false
}

func isContentType(name []byte) bool {
	return len(name) == 1 && (name[0] == 'c' || name[0] == 'C') || bytes.EqualFold(name, []byte("Content-Type"))
}

// CallID gives a message's Call-ID, or nothing.
func CallID(b []byte) []byte {
	begun := false
	for at := 0; at < len(b); {
		line, next := cutLine(b, at)
		if len(line) == 0 {
			if begun {
				return nil
			}
			at = next
			continue
		}
		begun = true
		switch line[0] | 0x20 {
		case 'c', 'i':
			name, value := header(line)
			if len(name) == 1 && name[0]|0x20 == 'i' || len(name) == 7 && bytes.EqualFold(name, []byte("Call-ID")) {
				return bytes.TrimRight(value, " \t")
			}
		}
		at = next
	}
	return nil
}
