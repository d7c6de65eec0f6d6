package sip

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strconv"
)

// salvage answers a request that cannot be parsed, or must not be, from its own
// lines: what a response repeats (RFC 3261 §8.2.6.2) is repeated as it came.
// Without a Via nobody can be answered, and an ACK never is (§17).
func (e *Endpoint) salvage(b []byte, f *flow, wrong flaw) {
	if bytes.HasPrefix(b, []byte("ACK ")) {
		return
	}
	_, head, _ := bytes.Cut(b, []byte("\r\n"))
	var vias, rest [][]byte
	var port int
	var rport bool
	for len(head) > 0 {
		name, value, next, ok := headerLine(head)
		if !ok { // a line that is none; what follows may still be one
			_, head, _ = bytes.Cut(head, []byte("\r\n"))
			continue
		}
		if head = next; name == nil {
			break
		}
		switch h := headerOf(name); h {
		case hVia:
			if len(vias) == 0 {
				port, rport = sentBy(value)
				value = received(value, f.source, rport)
			}
			vias = append(vias, oneLine("Via", value))
		case hFrom, hTo, hCallID, hCSeq:
			if h == hTo && !bytes.Contains(bytes.ToLower(value), []byte("tag")) {
				value = append(bytes.TrimRight(bytes.Clone(value), " \t\r\n"), ";tag="+e.token+strconv.FormatUint(maphash.Bytes(tagSeed, b[:min(len(b), 512)]), 36)...)
			}
			rest = append(rest, oneLine(h.String(), value))
		}
	}
	if len(vias) == 0 || port == 0 { // RFC 3261 §18.2.2
		return
	}
	if f.tcp == nil && !rport && port > 0 && port != int(f.source.Port()) {
		f = f.towards(uint16(port))
	}
	var out bytes.Buffer
	out.WriteString("SIP/2.0 " + strconv.Itoa(wrong.code) + " " + wrong.what + "\r\n")
	for _, l := range append(vias, rest...) {
		out.Write(l)
	}
	if wrong.code == 405 || wrong.code == 501 {
		out.WriteString("Allow: " + widest.allow() + "\r\n")
	}
	out.WriteString("Server: " + product + "\r\nContent-Length: 0\r\n\r\n")
	_ = f.write(out.Bytes())
}

// oneLine is a header on one line, without what could begin another.
func oneLine(name string, value []byte) []byte {
	out := append([]byte(name), ": "...)
	blank := true
	for _, c := range value {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			if !blank {
				out = append(out, ' ')
			}
			blank = true
			continue
		}
		blank = false
		out = append(out, c)
	}
	return append(bytes.TrimRight(out, " "), "\r\n"...)
}

// sentBy reads of the first Via the port to answer to (RFC 3261 §18.2.2; 5060
// where none is written, 0 where it cannot be read) and whether rport is asked
// for.
func sentBy(via []byte) (port int, rport bool) {
	c := cursor{b: via}
	c.lws()
	if c.run(inToken) && c.take('/') && c.run(inToken) && c.take('/') && c.run(inToken) && c.lws() {
		from := c.i
		if c.hostPort() {
			port = 5060
			host := c.b[from:c.i]
			if i := bytes.LastIndexByte(host, ':'); i > bytes.LastIndexByte(host, ']') {
				p := cursor{b: host, i: i + 1}
				port, _ = p.number(65535)
			}
		}
	}
	first, _, _ := bytes.Cut(via, []byte(","))
	return port, bytes.Contains(bytes.ToLower(first), []byte("rport"))
}

// received notes in the first Via where the request came from (RFC 3261
// §18.2.1, RFC 3581 §4).
func received(via []byte, from netip.AddrPort, rport bool) []byte {
	first, more, list := bytes.Cut(via, []byte(","))
	out := append(bytes.TrimRight(bytes.Clone(first), " \t\r\n"), ";received="+from.Addr().String()...)
	if rport {
		out = bytes.Replace(out, []byte("rport"), []byte("rport="+strconv.Itoa(int(from.Port()))), 1)
	}
	if list {
		out = append(append(out, ','), more...)
	}
	return out
}
