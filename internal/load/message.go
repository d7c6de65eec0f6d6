package load

import (
	"bytes"
	"strconv"
	"time"
)

// message is a received SIP message, cut into what the load needs.
type message struct {
	method []byte // of the request, or nil
	code   int    // of the response, or 0
	uri    []byte // Request-URI

	vias    [][]byte
	from    []byte
	to      []byte
	callID  []byte
	cseq    []byte // "1 INVITE"
	contact []byte // the URI alone
	body    []byte

	at time.Time // when it came
}

// parse cuts b, which must outlive the message. It trusts the switch: it is
// no parser for strangers.
func parse(b []byte) (m message, ok bool) {
	line, rest, found := bytes.Cut(b, crlf)
	if !found {
		return m, false
	}
	if code, isResponse := bytes.CutPrefix(line, []byte("SIP/2.0 ")); isResponse {
		m.code, _ = strconv.Atoi(string(code[:3]))
	} else {
		parts := bytes.SplitN(line, []byte(" "), 3)
		if len(parts) != 3 {
			return m, false
		}
		m.method, m.uri = parts[0], parts[1]
	}
	for {
		line, rest, found = bytes.Cut(rest, crlf)
		if len(line) == 0 || !found {
			m.body = rest
			return m, m.callID != nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch string(name) {
		case "Via":
			m.vias = append(m.vias, value)
		case "From":
			m.from = value
		case "To":
			m.to = value
		case "Call-ID":
			m.callID = value
		case "CSeq":
			m.cseq = value
		case "Contact":
			m.contact = inside(value)
		}
	}
}

var crlf = []byte("\r\n")

// inside gives the URI of a name-addr.
func inside(v []byte) []byte {
	if i := bytes.IndexByte(v, '<'); i >= 0 {
		v = v[i+1:]
		if j := bytes.IndexByte(v, '>'); j >= 0 {
			v = v[:j]
		}
	}
	return v
}

// user gives the user part of a URI or name-addr.
func user(v []byte) string {
	v = inside(v)
	if i := bytes.IndexByte(v, ':'); i >= 0 {
		v = v[i+1:]
	}
	if i := bytes.IndexByte(v, '@'); i >= 0 {
		v = v[:i]
	}
	return string(v)
}

// reply answers a request; tag is added to a To without one.
func (m *message) reply(out []byte, status, tag, contact, sdp string) []byte {
	out = append(out[:0], "SIP/2.0 "...)
	out = append(out, status...)
	for _, v := range m.vias {
		out = append(append(out, "\r\nVia: "...), v...)
	}
	out = append(append(out, "\r\nFrom: "...), m.from...)
	out = append(append(out, "\r\nTo: "...), m.to...)
	if tag != "" && !bytes.Contains(m.to, []byte("tag=")) {
		out = append(append(out, ";tag="...), tag...)
	}
	out = append(append(out, "\r\nCall-ID: "...), m.callID...)
	out = append(append(out, "\r\nCSeq: "...), m.cseq...)
	if contact != "" {
		out = append(append(append(out, "\r\nContact: <"...), contact...), '>')
	}
	return body(out, sdp)
}

// request begins a request without its body.
func request(out []byte, method, uri, via, from, to, callID string, cseq int, contact string) []byte {
	out = append(out[:0], method...)
	out = append(append(append(out, ' '), uri...), " SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	out = append(append(out, via...), "\r\nMax-Forwards: 70\r\nFrom: "...)
	out = append(append(out, from...), "\r\nTo: "...)
	out = append(append(out, to...), "\r\nCall-ID: "...)
	out = append(append(out, callID...), "\r\nCSeq: "...)
	out = strconv.AppendInt(out, int64(cseq), 10)
	out = append(append(out, ' '), method...)
	if contact != "" {
		out = append(append(append(out, "\r\nContact: <"...), contact...), '>')
	}
	return out
}

func body(out []byte, sdp string) []byte {
	if sdp != "" {
		out = append(out, "\r\nContent-Type: application/sdp"...)
	}
	out = append(out, "\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(sdp)), 10)
	return append(append(out, "\r\n\r\n"...), sdp...)
}
