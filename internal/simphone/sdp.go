package simphone

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Direction is an SDP direction attribute, seen from the one who writes it.
type Direction string

// The directions of RFC 4566 §6.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

func (d Direction) sends() bool    { return d == SendRecv || d == SendOnly }
func (d Direction) receives() bool { return d == SendRecv || d == RecvOnly }

// answerTo is what d becomes as the answer to an offered direction: RFC 3264 §6.1.
func (d Direction) answerTo(offered Direction) Direction {
	return direction(d.sends() && offered.receives(), d.receives() && offered.sends())
}

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// description is the part of an SDP that a phone looks at: its first audio line.
type description struct {
	addr    netip.AddrPort // invalid address or port 0: none
	zero    bool           // c=0.0.0.0, the old hold of RFC 2543
	dir     Direction
	hasDir  bool
	codecs  []Codec
	events  int // payload type of telephone-event; -1: none
	version string
	secure  bool   // RTP/SAVP
	tag     string // of the a=crypto that we can use
	key     string // in it; "": none
}

func parseSDP(b []byte) (description, error) {
	d := description{dir: SendRecv, events: -1}
	session, audio, inAudio, medias := netip.Addr{}, netip.Addr{}, false, 0
	port := 0
	for _, line := range strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n") {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "o":
			if f := strings.Fields(value); len(f) >= 3 {
				d.version = f[2]
			}
		case "m":
			f := strings.Fields(value)
			medias++
			if inAudio = len(f) >= 4 && f[0] == "audio" && d.codecs == nil; inAudio {
				port, _ = strconv.Atoi(f[1])
				d.codecs = payloadTypes(f[3:])
				d.secure = strings.HasPrefix(f[2], "RTP/SAVP")
			}
		case "c":
			f := strings.Fields(value)
			if len(f) < 3 {
				continue
			}
			host, _, _ := strings.Cut(f[2], "/")
			ip, _ := netip.ParseAddr(host)
			if inAudio {
				audio = ip
			} else if medias == 0 {
				session = ip
			}
		case "a":
			if inAudio || medias == 0 {
				d.attribute(value)
			}
		}
	}
	if d.codecs == nil {
		return d, fmt.Errorf("simphone: no audio in the description %q", b)
	}
	if !audio.IsValid() {
		audio = session
	}
	d.zero = audio.IsValid() && audio.IsUnspecified()
	d.addr = netip.AddrPortFrom(audio, uint16(port))
	return d, nil
}

func payloadTypes(fields []string) []Codec {
	out := []Codec{}
	for _, f := range fields {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, Codec(n))
		}
	}
	return out
}

func (d *description) attribute(v string) {
	switch dir := Direction(v); dir {
	case SendRecv, SendOnly, RecvOnly, Inactive:
		d.dir, d.hasDir = dir, true
	}
	if rest, ok := strings.CutPrefix(v, "crypto:"); ok && d.key == "" {
		if tag, key, ok := cryptoOf(rest); ok {
			d.tag, d.key = tag, key
		}
	}
	if rest, ok := strings.CutPrefix(v, "rtpmap:"); ok {
		pt, name, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(pt); err == nil && strings.HasPrefix(strings.ToLower(name), "telephone-event/8000") {
			d.events = n
		}
	}
}

// offerText is what a session writes; the o= version counts changes (RFC 3264 §8).
type offerText struct {
	ip          netip.Addr
	port        uint16
	id, version uint64
	codecs      []Codec
	events      int // -1: none
	dir         Direction
	noDir, zero bool
	secure      bool   // RTP/SAVP
	crypto      string // a line, or ""
}

func (o offerText) bytes() []byte {
	family := "IP4"
	if o.ip.Is6() {
		family = "IP6"
	}
	conn := o.ip.String()
	if o.zero {
		conn = "0.0.0.0"
	}
	proto := "RTP/AVP"
	if o.secure {
		proto = "RTP/SAVP"
	}
	var pts, maps strings.Builder
	for _, c := range o.codecs {
		fmt.Fprintf(&pts, " %d", c)
		fmt.Fprintf(&maps, "a=rtpmap:%d %s/8000\r\n", c, c)
	}
	if o.events >= 0 {
		fmt.Fprintf(&pts, " %d", o.events)
		fmt.Fprintf(&maps, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", o.events, o.events)
	}
	s := fmt.Sprintf("v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d %s%s\r\n%s%sa=ptime:20\r\n",
		o.id, o.version, family, o.ip, family, conn, o.port, proto, pts.String(), maps.String(), o.crypto)
	if !o.noDir || o.dir != SendRecv {
		s += "a=" + string(o.dir) + "\r\n"
	}
	return []byte(s)
}
