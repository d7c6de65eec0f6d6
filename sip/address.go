package sip

import (
	"cmp"
	"errors"
	"fmt"
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

// addrOf is where a named peer is, as far as it is known now: the first place
// that we have a socket for.
func (e *Endpoint) addrOf(q query) (netip.AddrPort, error) {
	spots, err := e.carriers.spotsOf(q)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if i := slices.IndexFunc(spots, func(s spot) bool { return e.reaches(s.addr.Addr(), s.over) }); i >= 0 {
		return spots[i].addr, nil
	}
	return spots[0].addr, nil
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
	if local.IsLoopback() || peer.IsLoopback() || e.near(peer) {
		return local
	}
	for _, x := range e.cfg.External {
		if x.Is4() == local.Is4() {
			return x
		}
	}
	if at := e.carriers.seenAs(peer); at.IsValid() && at.Addr().Is4() == local.Is4() {
		return at.Addr()
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
	at := netip.AddrPortFrom(e.advertised(f.local().Addr(), f.remote.Addr()), f.local().Port())
	if seen := e.carriers.seenAs(f.remote.Addr()); seen.Addr() == at.Addr() {
		at = seen
	}
	u := sip.Uri{Scheme: "sip", User: "trunkline", Host: at.Addr().String(), Port: int(at.Port())}
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
	talk   bool // a phone that can be asked to answer by itself

	places []spot    // a trunk's, in the order to try them; addr and over are set from the next
	within           // how long each may take
	routes []sip.Uri // Service-Route of where we are registered, or a phone's Path
	routed bool      // the first of them says where to go
	login  *login    // for the peer's challenges; nil: none
}

// resolve looks a target up in what is known now; it does not wait for DNS.
func (e *Endpoint) resolve(t Target) (destination, error) {
	if t.Contact != "" {
		return e.resolvePhone(t.Contact)
	}
	return e.resolveTrunk(t.Trunk)
}

func (e *Endpoint) resolveTrunk(id TrunkID) (destination, error) {
	trunk, spots, err := e.carriers.target(id)
	if err != nil {
		return destination{}, err
	}
	d := destination{login: e.loginOf(trunk), uri: uriOfTrunk(trunk), way: wayOfTrunk(trunk)}
	d.within = within{cmp.Or(trunk.TryingWithin, tryingWithin), cmp.Or(trunk.RingingWithin, ringingWithin)}
	for _, s := range spots { // a carrier's AAAA may come first, and we may have no IPv6
		if e.reaches(s.addr.Addr(), s.over) {
			d.places = append(d.places, s)
		}
	}
	if len(d.places) == 0 {
		return destination{}, fmt.Errorf("trunk %s: %s: %w", id, spots[0].addr.Addr(), errNoSocket)
	}
	d.head(d.places[0])
	e.serviceRoute(&d, id)
	return d, nil
}

// head sets where a destination is now.
func (d *destination) head(s spot) {
	d.addr, d.over = s.addr, s.over
}

// uriOfTrunk is a trunk's Request-URI without the user. A transport that the
// configuration does not name is not in it: its records say.
func uriOfTrunk(t Trunk) sip.Uri {
	host, port := t.Host, ""
	if h, p, err := net.SplitHostPort(t.Host); err == nil {
		host, port = h, p
	}
	u := sip.Uri{Scheme: "sip", Host: host}
	u.Port, _ = strconv.Atoi(port)
	if over := transportOf(t.Transport); over != onUDP {
		u.UriParams = sip.HeaderParams{{K: "transport", V: over.lower()}}
	}
	return u
}

// wayOfTrunk is how a trunk is reached; its places say over what.
func wayOfTrunk(t Trunk) way {
	host, _ := splitHost(t.Host)
	return way{over: transportOf(t.Transport), name: host, roots: t.Authorities}
}

var errNoPhone = errors.New("phone is not registered")

func (e *Endpoint) resolvePhone(id ContactID) (destination, error) {
	b, ok := e.phones.binding(id)
	if !ok {
		return destination{}, errNoPhone
	}
	d := destination{phone: true, talk: talks(b.Events, b.UserAgent), addr: b.Source, way: way{over: transportOf(b.Transport)}}
	if err := sip.ParseUri(b.URI, &d.uri); err != nil {
		return destination{}, err
	}
	d.uri.Headers = nil
	if at, err := netip.ParseAddrPort(b.Local); err == nil {
		d.prefer = at.Addr()
	}
	if b.Path != "" {
		d.routes = pathOf(b.Path)
		return d, nil
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
	var err error
	d.addr, err = e.addrOf(uriQuery(&d.uri, d.over))
	if err != nil {
		return destination{}, err
	}
	return d, nil
}
