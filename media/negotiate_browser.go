package media

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A browserOffer is what a browser's description says (JSEP, RFC 8829), as far as it matters to
// one stream of sound.
type browserOffer struct {
	section  int
	mid      string
	grouped  bool // a=group:BUNDLE lists it
	formats  []format
	ptime    time.Duration
	sends    bool
	receives bool

	ufrag, pwd   string // of ICE
	candidates   []string
	fingerprints []fingerprint
}

// mostCandidates bounds how many of a browser's addresses are checked from our side.
const mostCandidates = 12

// readBrowser reads a browser's offer. The error wraps ErrMalformed or ErrNoCodec.
func readBrowser(d *description) (browserOffer, error) {
	i := slices.IndexFunc(d.sections, func(s section) bool {
		return strings.EqualFold(s.kind, "audio") && strings.HasPrefix(strings.ToUpper(s.proto), "UDP/TLS/RTP/SAVP") && s.port != 0
	})
	if i < 0 {
		return browserOffer{}, fmt.Errorf("%w: want m=audio with UDP/TLS/RTP/SAVPF", ErrNoCodec)
	}
	s := &d.sections[i]
	o := browserOffer{section: i, ptime: s.ptime()}
	var err error
	if o.formats, err = s.readFormats(); err != nil {
		return browserOffer{}, err
	}
	o.sends, o.receives = d.direction(s)
	o.mid, _ = attribute(s.lines, "mid")
	if group, ok := attribute(d.lines, "group"); ok && o.mid != "" {
		f := strings.Fields(group)
		o.grouped = len(f) > 1 && strings.EqualFold(f[0], "BUNDLE") && slices.Contains(f[1:], o.mid)
	}
	// Of the whole description unless the section has its own (RFC 8839 §5.4, RFC 8122 §5).
	of := func(name string) string {
		if v, ok := attribute(s.lines, name); ok {
			return v
		}
		v, _ := attribute(d.lines, name)
		return v
	}
	o.ufrag, o.pwd = of("ice-ufrag"), of("ice-pwd")
	if !isICE(o.ufrag, 4) || !isICE(o.pwd, 22) {
		return browserOffer{}, malformed(s.number, "m="+s.media(), "want a=ice-ufrag and a=ice-pwd")
	}
	for _, lines := range [][]line{s.lines, d.lines} {
		o.readLines(lines)
	}
	_, mux := attribute(s.lines, "rtcp-mux")
	switch setup := of("setup"); {
	case len(o.fingerprints) == 0:
		return browserOffer{}, s.unprotected("want a=fingerprint with sha-256")
	case setup != "actpass" && setup != "active":
		return browserOffer{}, s.unprotected("a=setup:" + setup + ", want actpass (RFC 8842 §5.2)")
	case !mux:
		return browserOffer{}, s.refused("want a=rtcp-mux")
	}
	return o, nil
}

// readLines takes the certificates and addresses among lines.
func (o *browserOffer) readLines(lines []line) {
	for _, l := range lines {
		name, value, _ := strings.Cut(l.value, ":")
		switch {
		case l.key != 'a':
		case strings.EqualFold(name, "fingerprint"):
			if f, ok := parseFingerprint(value); ok {
				o.fingerprints = append(o.fingerprints, f)
			}
		case strings.EqualFold(name, "candidate") && len(o.candidates) < mostCandidates && isCandidate(value):
			o.candidates = append(o.candidates, value)
		}
	}
}

// isICE says whether text could be a user name fragment or password of at least so many characters
// (RFC 8839 §5.4).
func isICE(text string, least int) bool {
	return len(text) >= least && len(text) <= 256 && !strings.ContainsFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/')
	})
}

// isCandidate says whether an a=candidate is worth a check: UDP, of an address. A name (mDNS) is
// asked for by nobody here: the browser's own checks bring its address.
func isCandidate(value string) bool {
	f := strings.Fields(value)
	if len(f) < 8 || f[1] != "1" || !strings.EqualFold(f[2], "udp") {
		return false
	}
	_, err := netip.ParseAddr(f[4])
	return err == nil
}

// A browserAnswer is what we say of ourselves to a browser.
type browserAnswer struct {
	ufrag, pwd  string
	fingerprint string
	lite        bool
	ssrc        uint32
	at          []netip.AddrPort // our candidates, the best first
}

// answerBrowser takes a browser's offer and returns our answer. It is told all our addresses: there
// is no trickle. Encryption is agreed on later, by DTLS. The error wraps ErrMalformed or ErrNoCodec;
// what was agreed on before stays.
func (n *Negotiation) answerBrowser(d *description, o browserOffer, own browserAnswer) ([]byte, Params, error) {
	f, codec := n.pick(o.formats, n.prefer)
	if f.encoding == "" {
		return nil, Params{}, n.usable(&d.sections[o.section], audio{formats: o.formats})
	}
	p := Params{
		Codec: codec, SendPT: f.pt, RecvPT: f.pt, Ptime: o.ptime, Mux: true,
		Send: o.receives, Receive: o.sends,
	}
	f.encoding = codec.String() + "/8000"
	formats := []format{f}
	i := slices.IndexFunc(o.formats, func(f format) bool { return f.encoding == opusEncoding })
	if p.Opus = n.config.Opus && i >= 0; p.Opus {
		p.OpusPT, p.OpusFirst = o.formats[i].pt, n.prefer != nil && *n.prefer == Opus
		if formats = append(formats, o.formats[i]); p.OpusFirst {
			slices.Reverse(formats)
		}
	}
	if e, ok := n.findEvents(o.formats); ok {
		p.Events, p.EventSendPT, p.EventRecvPT = true, e.pt, e.pt
		formats = append(formats, e)
	}
	n.ptime = o.ptime
	ours := n.section(formats, p.Send, p.Receive, true, nil)
	ours.port, ours.conn = own.at[0].Port(), connection{addr: own.at[0].Addr()}
	ours.lines = append(ours.lines, own.lines(o.mid)...)
	layout := layoutOf(d)
	for i := range layout {
		if mid, ok := attribute(d.sections[i].lines, "mid"); ok && i != o.section {
			layout[i].lines = []line{{'a', "mid:" + mid}, {'a', "inactive"}}
		}
	}
	ours.kind, ours.proto = layout[o.section].kind, layout[o.section].proto
	layout[o.section] = ours
	answer := description{name: "-", timing: "0 0", sections: layout}
	if o.grouped {
		answer.lines = append(answer.lines, line{'a', "group:BUNDLE " + o.mid})
	}
	if own.lite {
		answer.lines = append(answer.lines, line{'a', "ice-lite"})
	}
	n.version++
	answer.origin = fmt.Sprintf("- %d %d %s", n.config.ID, n.version, ours.conn)
	return answer.bytes(), n.agree(p, audio{}), nil
}

// lines are the attributes that only browsers are told.
func (b browserAnswer) lines(mid string) []line {
	attrs := []string{
		"ice-ufrag:" + b.ufrag, "ice-pwd:" + b.pwd,
		"fingerprint:sha-256 " + b.fingerprint, "setup:passive",
	}
	if mid != "" {
		attrs = append(attrs, "mid:"+mid)
	}
	attrs = append(attrs, "msid:trunkline sound", "ssrc:"+strconv.FormatUint(uint64(b.ssrc), 10)+" cname:trunkline")
	for i, a := range b.at {
		// RFC 8445 §5.1.2.1: host candidates, in our order.
		priority := uint32(126)<<24 | uint32(65535-i)<<8 | 255
		attrs = append(attrs, fmt.Sprintf("candidate:%d 1 udp %d %s %d typ host", i+1, priority, a.Addr(), a.Port()))
	}
	attrs = append(attrs, "end-of-candidates")
	out := make([]line, len(attrs))
	for i, a := range attrs {
		out[i] = line{'a', a}
	}
	return out
}
