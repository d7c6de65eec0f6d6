package sip

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

var errNoSocket = errors.New("no socket of that address family")

// socketFor picks our UDP socket towards a host: the preferred one, the only
// one of the family, else what the kernel's routes say.
func (e *Endpoint) socketFor(to, prefer netip.Addr) *udpSocket {
	var only *udpSocket
	n := 0
	for _, s := range e.udp {
		if s.local.Addr() == prefer && prefer.Is4() == to.Is4() {
			return s
		}
		if s.local.Addr().Is4() == to.Is4() {
			if only == nil {
				only = s
			}
			n++
		}
	}
	if n < 2 {
		return only
	}
	if from := routedFrom(to); from.IsValid() {
		for _, s := range e.udp {
			if s.local.Addr() == from {
				return s
			}
		}
	}
	return only
}

// listeners are those of a connected transport.
func (e *Endpoint) listeners(over transport) []net.Listener {
	if over == onTLS {
		return e.cfg.TLS
	}
	return e.cfg.TCP
}

// listenerFor picks the address of a listener of ours to name in Via and
// Contact. Without one of that transport the peer has only the connection that
// we open.
func (e *Endpoint) listenerFor(to, prefer netip.Addr, over transport) netip.AddrPort {
	var found netip.AddrPort
	from := netip.Addr{}
	all := e.listeners(over)
	if len(all) > 1 {
		from = routedFrom(to)
	}
	for _, l := range all {
		a, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			continue
		}
		at := plain(a.AddrPort())
		if at.Addr().Is4() != to.Is4() {
			continue
		}
		if at.Addr() == prefer {
			return at
		}
		if !found.IsValid() || at.Addr() == from {
			found = at
		}
	}
	if found.IsValid() {
		return found
	}
	if s := e.socketFor(to, prefer); s != nil {
		return s.local
	}
	return netip.AddrPort{}
}

// reaches reports whether we have a socket of an address's family.
func (e *Endpoint) reaches(a netip.Addr, over transport) bool {
	if slices.ContainsFunc(e.udp, func(s *udpSocket) bool { return s.local.Addr().Is4() == a.Is4() }) {
		return true
	}
	return over != onUDP && slices.ContainsFunc(e.listeners(over), func(l net.Listener) bool {
		at, ok := l.Addr().(*net.TCPAddr)
		return ok && plain(at.AddrPort()).Addr().Is4() == a.Is4()
	})
}

// addrOf is the address of a named peer, as far as it is known now: the first
// that we have a socket for.
func (e *Endpoint) addrOf(name string, over transport) (netip.Addr, error) {
	ips, err := e.carriers.addrsOf(name)
	if err != nil {
		return netip.Addr{}, err
	}
	if i := slices.IndexFunc(ips, func(a netip.Addr) bool { return e.reaches(a, over) }); i >= 0 {
		return ips[i], nil
	}
	return ips[0], nil
}

// routedFrom asks the kernel which address of ours it would use; no packet is
// sent.
func routedFrom(to netip.Addr) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return plain(a.AddrPort()).Addr()
}

// ours reports a URI that means the switch itself: our domain, or an address of
// our own.
func (e *Endpoint) ours(u *sip.Uri) bool {
	if strings.EqualFold(u.Host, e.cfg.Domain) {
		return true
	}
	a, ok := literal(u)
	return ok && e.own(a.Addr())
}

// own reports an address that we listen on, or are known by.
func (e *Endpoint) own(a netip.Addr) bool {
	if slices.Contains(e.cfg.External, a) {
		return true
	}
	for _, s := range e.udp {
		if s.local.Addr() == a {
			return true
		}
	}
	for _, l := range slices.Concat(e.cfg.TCP, e.cfg.TLS) {
		if at, ok := l.Addr().(*net.TCPAddr); ok && plain(at.AddrPort()).Addr() == a {
			return true
		}
	}
	return false
}

// advertised is what a peer is told of a local address: nat.external, unless
// the peer is on our side of the NAT or the address is the loopback's.
func (e *Endpoint) advertised(local, peer netip.Addr) netip.Addr {
	if len(e.cfg.External) == 0 || local.IsLoopback() || peer.IsLoopback() || e.near(peer) {
		return local
	}
	for _, x := range e.cfg.External {
		if x.Is4() == local.Is4() {
			return x
		}
	}
	return local
}

// via is the Via of a request sent by f, with a branch of its own.
func (e *Endpoint) via(f *flow) *sip.ViaHeader {
	at := f.local()
	v := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: f.transport(),
		Host: e.advertised(at.Addr(), f.remote.Addr()).String(), Port: int(at.Port()),
	}
	v.Params = sip.HeaderParams{{K: "branch", V: e.newBranch()}, {K: "rport"}}
	return v
}

// contact is our Contact towards the peer of f. A dialog that sips made is
// told a sips URI (RFC 3261 §12.1.1), which needs no transport.
func (e *Endpoint) contact(f *flow, sips bool) *sip.ContactHeader {
	at := f.local()
	u := sip.Uri{Scheme: "sip", User: "trunkline", Host: e.advertised(at.Addr(), f.remote.Addr()).String(), Port: int(at.Port())}
	switch {
	case sips && f.over() == onTLS:
		u.Scheme = "sips"
	case f.tcp != nil:
		u.UriParams = sip.HeaderParams{{K: "transport", V: f.scheme()}}
	}
	return &sip.ContactHeader{Address: u}
}

// MediaAddr returns our media address towards a trunk or a phone: what to bind
// and what to tell it. Both are zero when the target is not known.
func (e *Endpoint) MediaAddr(t Target) (bind, advertise netip.Addr) {
	to, err := e.resolve(t)
	if err != nil {
		return netip.Addr{}, netip.Addr{}
	}
	if to.over != onUDP {
		bind = e.listenerFor(to.addr.Addr(), to.prefer, to.over).Addr()
	} else if s := e.socketFor(to.addr.Addr(), to.prefer); s != nil {
		bind = s.local.Addr()
	}
	if !bind.IsValid() {
		return netip.Addr{}, netip.Addr{}
	}
	return bind, e.advertised(bind, to.addr.Addr())
}

// destination is a resolved Target.
type destination struct {
	uri    sip.Uri // Request-URI
	addr   netip.AddrPort
	way               // how to get there
	prefer netip.Addr // our address to send from
	phone  bool

	user, password string // for the peer's challenges
}

// resolve looks a target up in what is known now; it does not wait for DNS.
func (e *Endpoint) resolve(t Target) (destination, error) {
	if t.Contact != "" {
		return e.resolvePhone(t.Contact)
	}
	trunk, addrs, err := e.carriers.target(t.Trunk)
	if err != nil {
		return destination{}, err
	}
	if len(addrs) == 0 {
		return destination{}, errors.New("trunk " + string(t.Trunk) + ": no address")
	}
	over := transportOf(trunk.Transport)
	to := addrs[0]
	if i := slices.IndexFunc(addrs, func(a netip.AddrPort) bool { return e.reaches(a.Addr(), over) }); i >= 0 {
		to = addrs[i] // a carrier's AAAA may come first, and we may have no IPv6
	}
	host, port := trunk.Host, ""
	if h, p, err := net.SplitHostPort(trunk.Host); err == nil {
		host, port = h, p
	}
	d := destination{addr: to, way: way{over: over, name: strings.Trim(host, "[]"), roots: trunk.Authorities}, user: trunk.Username, password: trunk.Password}
	d.uri = sip.Uri{Scheme: "sip", Host: host}
	d.uri.Port, _ = strconv.Atoi(port)
	if over != onUDP {
		d.uri.UriParams = sip.HeaderParams{{K: "transport", V: over.lower()}}
	}
	return d, nil
}

var errNoPhone = errors.New("phone is not registered")

func (e *Endpoint) resolvePhone(id ContactID) (destination, error) {
	b, ok := e.phones.binding(id)
	if !ok {
		return destination{}, errNoPhone
	}
	d := destination{phone: true, addr: b.Source, way: way{over: transportOf(b.Transport)}}
	if err := sip.ParseUri(b.URI, &d.uri); err != nil {
		return destination{}, err
	}
	d.uri.Headers = nil
	if at, err := netip.ParseAddrPort(b.Local); err == nil {
		d.prefer = at.Addr()
	}
	if d.addr.IsValid() {
		// Who registered from behind a NAT is reached by its connection alone.
		// Without one, the port it came from is nobody's; where its Contact
		// says, it may listen; but not with a certificate that we could check.
		if a, ok := literal(&d.uri); ok && d.over == onTCP && !e.conns.open(d.addr) && (!hidden(a.Addr(), d.addr.Addr(), false) || e.near(a.Addr())) {
			d.addr = a
		}
		return d, nil
	}
	// A static phone: where its URI says.
	d.way = way{over: overOf(&d.uri, onUDP), name: strings.Trim(d.uri.Host, "[]")}
	if a, ok := literal(&d.uri); ok {
		d.addr = a
		return d, nil
	}
	ip, err := e.addrOf(d.uri.Host, d.over)
	if err != nil {
		return destination{}, err
	}
	port := d.over.port()
	if d.uri.Port > 0 && d.uri.Port < 65536 {
		port = uint16(d.uri.Port)
	}
	d.addr = netip.AddrPortFrom(ip, port)
	return d, nil
}
