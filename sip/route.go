package sip

import (
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
)

func (f *flow) towards(port uint16) *flow {
	g := *f
	g.remote = netip.AddrPortFrom(f.remote.Addr(), port)
	return &g
}

// routesOf returns the Record-Route set of a message, in order.
func routesOf(m sip.Message) []sip.Uri {
	var rs []sip.Uri
	for _, h := range m.GetHeaders("record-route") {
		if r, ok := h.(*sip.RecordRouteHeader); ok {
			rs = append(rs, r.Address)
		}
	}
	return rs
}

func reversed(rs []sip.Uri) []sip.Uri {
	out := make([]sip.Uri, 0, len(rs))
	for i := len(rs) - 1; i >= 0; i-- {
		out = append(out, rs[i])
	}
	return out
}

func loose(u *sip.Uri) bool { return u.UriParams.Has("lr") }

// route puts Request-URI and Route headers into a request of a dialog (RFC
// 3261 §12.2.1.1) and returns the URI to send to.
func route(req *sip.Request, target *sip.Uri, routes []sip.Uri) *sip.Uri {
	req.Recipient = *target
	if len(routes) == 0 {
		return target
	}
	first, rest := &routes[0], routes[1:]
	if loose(first) {
		rest = routes
	} else {
		req.Recipient = *first
		req.Recipient.Headers = nil
	}
	for i := range rest {
		req.AppendHeader(&sip.RouteHeader{Address: rest[i]})
	}
	if !loose(first) {
		req.AppendHeader(&sip.RouteHeader{Address: *target})
	}
	return first
}

// overOf is the transport that a URI names (RFC 3263 §4.1); otherwise where it
// names none.
func overOf(u *sip.Uri, otherwise transport) transport {
	if u.Scheme == "sips" {
		return onTLS
	}
	if p, has := u.UriParams.Get("transport"); has {
		return transportOf(strings.ToLower(p))
	}
	return otherwise
}

// wayOn is the way to a hop of a dialog whose messages came by in. The box
// that a contact names by its address shows the certificate of the name by
// which we know the peer.
func (e *Endpoint) wayOn(hop *sip.Uri, in *flow) way {
	w := way{over: overOf(hop, in.over()), name: strings.Trim(hop.Host, "[]")}
	if w.over != onTLS || in.tcp == nil {
		return w
	}
	if w.roots = in.tcp.way.roots; w.roots == nil {
		trunk, _ := e.carriers.whose(in.source.Addr())
		w.roots = trunk.Authorities
	}
	if _, ok := literal(hop); ok && in.tcp.way.name != "" {
		w.name = in.tcp.way.name
	}
	return w
}

// literal reads a URI's host and port when the host is an IP address. Port 0
// means the default.
func literal(u *sip.Uri) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err != nil {
		return netip.AddrPort{}, false
	}
	port := u.Port
	if port <= 0 || port > 65535 {
		port = int(overOf(u, onUDP).port())
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true
}

// nextHop decides where a request to hop goes, given the flow on which the
// dialog's messages come in. On TCP it is the connection the dialog came in
// on for as long as it is open: never a new one to a contact behind NAT, and
// never another peer's. On UDP, a contact that names an address which cannot
// be the peer's (private, but the packets come from elsewhere) falls back to
// the source. Host names that are not resolved yet fall back to the source
// too. phone: the peer is one of our phones, which live behind NATs.
func (e *Endpoint) nextHop(hop *sip.Uri, in *flow, routed, phone bool) *flow {
	addr, ok := literal(hop)
	if !ok && hop.Scheme != "tel" {
		if at, err := e.addrOf(uriQuery(hop, overOf(hop, in.over()))); err == nil {
			addr, ok = at, true
		}
	}
	if in.tcp != nil && (in.usable() || !ok) {
		return in
	}
	back := &flow{udp: in.udp, tcp: in.tcp, remote: in.source, source: in.source}
	switch {
	case !ok, phone && !routed:
		return back
	case hidden(addr.Addr(), in.source.Addr(), routed) && !e.near(addr.Addr()):
		return back
	}
	f, err := e.flowTo(addr, e.wayOn(hop, in), in.local().Addr())
	if err != nil {
		return back
	}
	return f
}

// hidden reports an address that the source of a peer's packets belies. A
// private one is believed when the packets come from a private address too: in
// a Route always, since proxies name themselves; in a Contact when both are of
// one network.
func hidden(named, source netip.Addr, routed bool) bool {
	switch {
	case named == source, !private(named):
		return false
	case !private(source):
		return true
	}
	return !routed && !sameNet(named, source)
}

func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || carrierGrade(a)
}

// sameNet compares the first 16 bits (IPv4) or 48 (IPv6).
func sameNet(a, b netip.Addr) bool {
	bits := 16
	if !a.Is4() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	return err == nil && p.Contains(b)
}

// carrierGrade is 100.64.0.0/10 (RFC 6598).
func carrierGrade(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	return b[0] == 100 && b[1]&0xc0 == 64
}

// near reports an address on our side of the NAT.
func (e *Endpoint) near(a netip.Addr) bool {
	for _, p := range e.cfg.Local {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// flowTo makes a flow to an address: a UDP socket of ours, prefer's if one has
// that IP, or the TCP or TLS connection to that very address, opened if need be.
func (e *Endpoint) flowTo(to netip.AddrPort, w way, prefer netip.Addr) (*flow, error) {
	if w.over != onUDP {
		local := e.listenerFor(to.Addr(), prefer, w.over)
		if !local.IsValid() {
			return nil, errNoSocket
		}
		t, err := e.conns.to(to, w, local)
		if err != nil {
			return nil, err
		}
		return &flow{tcp: t, remote: to, source: to}, nil
	}
	s := e.socketFor(to.Addr(), prefer)
	if s == nil {
		return nil, errNoSocket
	}
	return &flow{udp: s, remote: to, source: to}, nil
}
