package media

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// codecs returns what we do, the preferred one first.
func (n *Negotiation) codecs() []Codec {
	if n.prefer == nil {
		return n.config.Codecs
	}
	list := []Codec{*n.prefer}
	for _, c := range n.config.Codecs {
		if c != *n.prefer {
			list = append(list, c)
		}
	}
	return list
}

// section makes our audio section.
func (n *Negotiation) section(formats []format, send, receive, mux bool, keys []cryptoLine) section {
	n.keys.lines = keys
	s := section{port: n.config.RTP}
	attr := func(value string) { s.lines = append(s.lines, line{'a', value}) }
	for _, f := range formats {
		pt := strconv.Itoa(int(f.pt))
		s.formats = append(s.formats, pt)
		attr("rtpmap:" + pt + " " + f.encoding)
		switch f.encoding {
		case telephoneEvent:
			attr("fmtp:" + pt + " 0-15")
		case opusEncoding: // one channel; what it carries against loss is of use to who is passed it
			attr("fmtp:" + pt + " minptime=10;useinbandfec=1")
		}
	}
	for _, k := range keys {
		attr(k.attribute())
	}
	attr("ptime:" + strconv.Itoa(int(n.ptime/time.Millisecond)))
	if n.config.RTCP != n.config.RTP+1 {
		attr("rtcp:" + strconv.Itoa(int(n.config.RTCP)))
	}
	if mux {
		attr("rtcp-mux")
	}
	if n.extended.any() {
		attr(n.extended.attribute())
	}
	attr(directionOf(send, receive))
	return s
}

// describe writes our description: ours in its place, every other section refused (RFC 3264 §6:
// port 0, formats kept). The version grows by one when anything else differs from the last.
func (n *Negotiation) describe(layout []section, place int, ours section) []byte {
	d := description{name: "-", timing: n.timing, conn: connection{addr: n.config.Address}}
	for i, s := range layout {
		if i == place {
			ours.kind, ours.proto = s.kind, s.proto
			s = ours
		}
		d.sections = append(d.sections, s)
	}
	if body := string(d.bytes()); body != n.last {
		n.version++
		n.last = body
	}
	d.origin = fmt.Sprintf("- %d %d %s", n.config.ID, n.version, d.conn)
	return d.bytes()
}

// layoutOf returns the m= lines of an offer as they are refused.
func layoutOf(d *description) []section {
	layout := make([]section, len(d.sections))
	for i, s := range d.sections {
		layout[i] = section{kind: s.kind, proto: s.proto, formats: s.formats}
	}
	return layout
}

// isTiming says whether the value of a t= line is two numbers.
func isTiming(value string) bool {
	f := strings.Fields(value)
	if len(f) != 2 {
		return false
	}
	for _, text := range f {
		if _, err := strconv.ParseUint(text, 10, 64); err != nil {
			return false
		}
	}
	return true
}
