package media

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Packet lengths that we send.
const (
	defaultPtime = 20 * time.Millisecond
	minPtime     = 10 * time.Millisecond
	maxPtime     = 60 * time.Millisecond
)

// telephoneEvent is the encoding that carries keypad digits beside G.711 (RFC 4733 §2.5: its clock
// rate is the codec's).
const telephoneEvent = "telephone-event/8000"

// An audio is an m=audio section read as what its sender wants.
type audio struct {
	index   int
	formats []format // in the sender's order of preference

	rtp  netip.AddrPort // invalid: 0.0.0.0 or ::, it wants no packets
	rtcp netip.AddrPort // invalid with rtp, or when there is no such port
	mux  bool           // a=rtcp-mux is there

	extended Extended // a=rtcp-xr

	secure bool         // RTP/SAVP: it will be encrypted or nothing
	crypto bool         // there is an a=crypto, whatever it says
	keys   []cryptoLine // those that we can use, in the sender's order

	sends, receives bool // what its sender will do
	ptime           time.Duration
}

// A format is a payload type and what it means.
type format struct {
	pt       uint8
	encoding string // as in a=rtpmap, lower case, "/1" removed: "pcmu/8000"; "" if nobody says
}

// codec returns the codec that a format is.
func (f format) codec() (Codec, bool) {
	switch f.encoding {
	case "pcmu/8000":
		return PCMU, true
	case "pcma/8000":
		return PCMA, true
	case "g722/8000": // sampled at 16 kHz all the same (RFC 3551 §4.5.2)
		return G722, true
	}
	return 0, false
}

// refused returns an ErrNoCodec that names the section's line.
func (s *section) refused(why string) error {
	return fmt.Errorf("%w: line %d %q: %s", ErrNoCodec, s.number, "m="+s.kind+" "+strconv.Itoa(int(s.port))+" "+s.proto, why)
}

// unprotected returns an ErrNoKeys that names the section's line.
func (s *section) unprotected(why string) error {
	return fmt.Errorf("%w: line %d %q: %s", ErrNoKeys, s.number, "m="+s.kind+" "+strconv.Itoa(int(s.port))+" "+s.proto, why)
}

// isAudio says whether the section is audio over RTP, plain or encrypted with keys of the
// description's. AVPF is AVP with more feedback than anybody must send (RFC 4585 §3.1).
func (s *section) isAudio() bool {
	return strings.EqualFold(s.kind, "audio") && (s.isSecure() ||
		strings.EqualFold(s.proto, "RTP/AVP") || strings.EqualFold(s.proto, "RTP/AVPF"))
}

// isSecure says whether the section asks for SRTP (RFC 3711 §12, RFC 5124).
func (s *section) isSecure() bool {
	return strings.EqualFold(s.proto, "RTP/SAVP") || strings.EqualFold(s.proto, "RTP/SAVPF")
}

// readAudio reads section i. ErrNoCodec means that this section cannot be used, another may.
func (d *description) readAudio(i int) (audio, error) {
	s := &d.sections[i]
	if !s.isAudio() {
		return audio{}, s.refused("want m=audio with RTP/AVP or RTP/SAVP")
	}
	a := audio{index: i, ptime: s.ptime(), secure: s.isSecure()}
	a.keys, a.crypto = s.cryptoLines()
	var err error
	if a.formats, err = s.readFormats(); err != nil {
		return audio{}, err
	}
	if s.port == 0 {
		return audio{}, s.refused("port 0 refuses it")
	}
	conn := s.conn
	if conn == (connection{}) {
		conn = d.conn
	}
	switch {
	case conn == (connection{}):
		return audio{}, malformed(s.number, "m="+s.media(), "no c= line for it, neither below nor in the session's part")
	case !conn.addr.IsValid():
		return audio{}, s.refused("c= has " + conn.host + ", want the address of one peer")
	}
	a.sends, a.receives = d.direction(s)
	_, a.mux = attribute(s.lines, "rtcp-mux")
	a.extended = s.extended()
	if conn.addr.IsUnspecified() {
		// RFC 3264 §8.4: neither RTP nor RTCP goes to 0.0.0.0; :: is its twin.
		a.receives = false
		return a, nil
	}
	a.rtp = netip.AddrPortFrom(conn.addr, s.port)
	a.rtcp = s.rtcp(a.rtp)
	return a, nil
}

// readFormats reads the m= line's payload types and their meaning.
func (s *section) readFormats() ([]format, error) {
	formats := make([]format, 0, len(s.formats))
	for _, text := range s.formats {
		pt, err := strconv.ParseUint(text, 10, 8)
		if err != nil || pt > 127 {
			return nil, malformed(s.number, "m="+s.media(), fmt.Sprintf("payload type %q, want 0 to 127", text))
		}
		f := format{pt: uint8(pt)}
		switch pt { // static payload types need no rtpmap (RFC 3551 §6)
		case 0:
			f.encoding = "pcmu/8000"
		case 8:
			f.encoding = "pcma/8000"
		case 9:
			f.encoding = "g722/8000"
		case uint64(comfortNoise):
			f.encoding = comfortName
		}
		formats = append(formats, f)
	}
	for _, l := range s.lines {
		value, ok := strings.CutPrefix(l.value, "rtpmap:")
		if l.key != 'a' || !ok {
			continue
		}
		words := strings.Fields(value)
		if len(words) < 2 {
			continue
		}
		pt, err := strconv.ParseUint(words[0], 10, 8)
		if err != nil {
			continue // a meaning of nothing harms nobody
		}
		encoding := strings.TrimSuffix(strings.ToLower(words[1]), "/1")
		for i := range formats {
			if formats[i].pt == uint8(pt) {
				formats[i].encoding = encoding
			}
		}
	}
	return formats, nil
}

// direction returns what the section's sender will do (RFC 8866 §6.7: the session's attribute
// counts unless the section has its own; without any it is sendrecv).
func (d *description) direction(s *section) (sends, receives bool) {
	for _, lines := range [][]line{s.lines, d.lines} {
		for _, l := range lines {
			if l.key != 'a' {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(l.value)) {
			case "sendrecv":
				return true, true
			case "sendonly":
				return true, false
			case "recvonly":
				return false, true
			case "inactive":
				return false, false
			}
		}
	}
	return true, true
}

// directionOf is the attribute of who sends and receives.
func directionOf(sends, receives bool) string {
	switch {
	case sends && receives:
		return "sendrecv"
	case sends:
		return "sendonly"
	case receives:
		return "recvonly"
	}
	return "inactive"
}

// rtcp returns where the section's sender wants RTCP (RFC 3605), given where it wants RTP.
func (s *section) rtcp(rtp netip.AddrPort) netip.AddrPort {
	value, _ := attribute(s.lines, "rtcp")
	if f := strings.Fields(value); len(f) > 0 {
		port, err := strconv.ParseUint(f[0], 10, 16)
		addr := rtp.Addr()
		if len(f) == 4 {
			if c, why := parseConnection(strings.Join(f[1:], " ")); why == "" && c.addr.IsValid() && !c.addr.IsUnspecified() {
				addr = c.addr
			}
		}
		if err == nil && port != 0 {
			return netip.AddrPortFrom(addr, uint16(port))
		}
	}
	if rtp.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
}

// ptime returns how long packets to the section's sender shall be: its a=ptime within its
// a=maxptime, in steps of 10 ms.
func (s *section) ptime() time.Duration {
	p := defaultPtime
	if d, ok := s.milliseconds("ptime"); ok {
		p = d
	}
	if d, ok := s.milliseconds("maxptime"); ok {
		p = min(p, d)
	}
	return max(minPtime, min(maxPtime, p.Truncate(10*time.Millisecond)))
}

// milliseconds reads an attribute such as a=ptime:20; what is no positive number is not there.
func (s *section) milliseconds(name string) (time.Duration, bool) {
	value, _ := attribute(s.lines, name)
	ms, err := strconv.ParseFloat(value, 64)
	if err != nil || !(ms > 0) {
		return 0, false
	}
	return time.Duration(min(ms, 1000) * float64(time.Millisecond)), true
}
