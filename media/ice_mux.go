package media

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// WebRTC is what an Engine needs to know to have browsers as phones.
type WebRTC struct {
	Bind []netip.Addr // where to listen; unspecified: every IPv4 address of this machine
	Port uint16       // UDP, one for all browsers; 0: one of the range, taken for the first of them
	Told []netip.Addr // what browsers are told before where we listen, as behind a NAT that forwards Port
	Only bool         // and they are told nothing else
	Lite bool         // ICE-lite: browsers can reach what they are told (RFC 8445 §2.5)
}

// An iceMux is the one port of all browsers: a socket for each of our addresses,
// one reader each. It finds out whose a packet is, by the user name of the first
// STUN requests and then by where they came from, and drops what is nobody's
// before anything is made of it. STUN and DTLS are for pion, of the session that
// it belongs to; sound is the shard's, which has a socket of its own for each
// browser once ICE has chosen where that is (see waiter.join).
type iceMux struct {
	engine *Engine
	net    transport.Net // the machine's interfaces, looked at once

	identity    tls.Certificate // of DTLS, made at the start
	fingerprint string

	garbage atomic.Uint64 // packets that were nobody's

	mu      sync.RWMutex
	open    bool
	failed  error        // it is closed
	sockets []*iceSocket // fixed once open
	byUfrag map[string]*icePath
	byAddr  map[netip.AddrPort]*icePath // where a path's STUN requests come from
	readers sync.WaitGroup              // of sockets
	paths   sync.WaitGroup              // that run
}

// An iceSocket is the port on one of our addresses.
type iceSocket struct {
	mux   *iceMux
	conn  net.PacketConn
	addr  netip.AddrPort
	plain *net.UDPConn // the same, where it is the kernel's: it reads without making anything
}

// newIceMux makes the mux. Without a port of its own it opens none before the first browser comes.
func newIceMux(e *Engine) (*iceMux, error) {
	m := &iceMux{engine: e, byUfrag: map[string]*icePath{}, byAddr: map[netip.AddrPort]*icePath{}}
	var err error
	if m.identity, m.fingerprint, err = newIdentity(); err != nil {
		return nil, err
	}
	if e.cfg.WebRTC.Port != 0 {
		return m, m.listen()
	}
	return m, nil
}

// listen opens the sockets, once. What has failed may work for the next browser.
func (m *iceMux) listen() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open || m.failed != nil {
		return m.failed
	}
	err := m.bind()
	m.open = err == nil
	return err
}

func (m *iceMux) bind() (err error) {
	if m.net, err = stdnet.NewNet(); err != nil {
		return fmt.Errorf("media: webrtc: %w", err)
	}
	addrs, err := localAddrs(m.engine.cfg.WebRTC.Bind)
	if err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		if port := m.engine.cfg.WebRTC.Port; port != 0 {
			err = m.bindAt(addrs, port)
			break
		}
		pair, ok := m.engine.ports.take(m.engine.now())
		if !ok {
			return fmt.Errorf("media: webrtc: %w", ErrNoPorts)
		}
		if err = m.bindAt(addrs, pair.rtp); err == nil {
			break
		}
		m.engine.ports.release(pair, m.engine.now())
		if tries == 10 {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("media: webrtc.port: %w", err)
	}
	for _, s := range m.sockets {
		m.readers.Go(s.read)
	}
	return nil
}

func (m *iceMux) bindAt(addrs []netip.Addr, port uint16) error {
	for _, a := range addrs {
		conn, err := listenShared(m.engine.cfg.Network, netip.AddrPortFrom(a, port))
		if err != nil {
			m.shut()
			return err
		}
		s := &iceSocket{mux: m, conn: conn, addr: netip.AddrPortFrom(a, port)}
		s.plain, _ = conn.(*net.UDPConn)
		m.sockets = append(m.sockets, s)
	}
	return nil
}

func (m *iceMux) shut() {
	for _, s := range m.sockets {
		_ = s.conn.Close()
	}
	m.sockets = nil
}

// start runs a path, unless the engine is being closed.
func (m *iceMux) start(p *icePath) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed != nil {
		return m.failed
	}
	m.paths.Go(p.run)
	return nil
}

// close waits for the paths, all of which have been ended, and ends the readers.
func (m *iceMux) close() {
	m.mu.Lock()
	m.failed = ErrClosed
	m.mu.Unlock()
	m.paths.Wait()
	m.mu.Lock()
	for _, s := range m.sockets {
		_ = s.conn.Close()
	}
	m.mu.Unlock()
	m.readers.Wait()
}

// localAddrs are the addresses to listen at; an unspecified one stands for all that the machine has.
func localAddrs(bind []netip.Addr) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, b := range bind {
		if !b.IsUnspecified() {
			all = append(all, b.Unmap())
			continue
		}
		found, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("media: webrtc: this machine's addresses: %w", err)
		}
		for _, f := range found {
			p, err := netip.ParsePrefix(f.String())
			if a := p.Addr().Unmap(); err == nil && a.Is4() && !a.IsLinkLocalUnicast() {
				all = append(all, a)
			}
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	if all = slices.Compact(all); len(all) == 0 {
		return nil, errors.New("media: webrtc: no address to listen at")
	}
	return all, nil
}

// read takes what comes to the socket until it is closed.
func (s *iceSocket) read() {
	var buf [maxDatagram + 1]byte
	for {
		n, from, err := s.receive(buf[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // an ICMP message about something that was sent
			continue
		}
		s.mux.dispatch(s, buf[:n], from)
	}
}

func (s *iceSocket) receive(b []byte) (int, netip.AddrPort, error) {
	if s.plain != nil {
		n, from, err := s.plain.ReadFromUDPAddrPort(b)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, addr, err := s.conn.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	u, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, netip.AddrPort{}, nil
	}
	from := u.AddrPort()
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
}

// flavour is what a packet on the port is, by its first byte (RFC 7983).
type flavour uint8

const (
	foreign flavour = iota
	aStun
	aDTLS
	aSound // RTP or RTCP
)

func flavourOf(b []byte) flavour {
	switch {
	case len(b) < headerSize || len(b) > maxDatagram:
	case b[0] < 4:
		return aStun
	case b[0] >= 20 && b[0] < 64:
		return aDTLS
	case b[0] >= 128 && b[0] < 192:
		return aSound
	}
	return foreign
}

// dispatch hands a packet to whom it belongs. b is the caller's again afterwards.
func (m *iceMux) dispatch(at *iceSocket, b []byte, from netip.AddrPort) {
	kind := flavourOf(b)
	p := m.find(kind, b, from)
	switch {
	case p == nil:
		m.garbage.Add(1)
	case kind == aSound:
		p.sound(b, from)
	default:
		p.control(at, b, from)
	}
}

// find says whose a packet is; nil: nobody's.
func (m *iceMux) find(kind flavour, b []byte, from netip.AddrPort) *icePath {
	if kind == foreign {
		return nil
	}
	var ufrag []byte
	if kind == aStun {
		var ok bool
		if ufrag, ok = stunFor(b); !ok {
			return nil
		}
	}
	m.mu.RLock()
	p := m.byAddr[from]
	if ufrag != nil { // a request says itself whose it is
		if named := m.byUfrag[string(ufrag)]; named != p {
			m.mu.RUnlock()
			return m.comes(named, b, from)
		}
	}
	m.mu.RUnlock()
	return p
}

// comes notes where a path's requests come from, if whoever sent this one knows the path's password
// (RFC 8445 §7.3): a name alone takes neither another's address nor a place among the browser's own.
func (m *iceMux) comes(p *icePath, b []byte, from netip.AddrPort) *icePath {
	if p == nil || !p.knows(b) {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byUfrag[p.ufrag] != p { // it has gone
		return nil
	}
	if len(p.from) == mostSources {
		delete(m.byAddr, p.from[0])
		p.from = p.from[1:]
	}
	m.byAddr[from] = p
	p.from = append(p.from, from)
	return p
}

// mostSources bounds from how many addresses one browser's requests may come.
const mostSources = 16

// enter lets packets for a path come.
func (m *iceMux) enter(p *icePath) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byUfrag[p.ufrag] = p
}

// leave ends that.
func (m *iceMux) leave(p *icePath) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byUfrag, p.ufrag)
	for _, a := range p.from {
		if m.byAddr[a] == p {
			delete(m.byAddr, a)
		}
	}
	p.from = nil
}

// socketAt is the socket on one of our addresses.
func (m *iceMux) socketAt(a netip.Addr) *iceSocket {
	i := slices.IndexFunc(m.sockets, func(s *iceSocket) bool { return s.addr.Addr() == a })
	if i < 0 {
		return nil
	}
	return m.sockets[i]
}

// The parts of a STUN message (RFC 8489 §5) that say whose it is.
const (
	stunHeader   = 20
	stunCookie   = 0x2112A442
	stunClasses  = 0x0110 // the bits of the class in the type; none set: a request
	stunUsername = 0x0006
)

// stunFor reads whose a STUN message is: a request's user name begins with our fragment (RFC 8445
// §7.2.2); nil: it is no request, and belongs to whoever it came from. false: it is no STUN message.
func stunFor(b []byte) (ufrag []byte, ok bool) {
	if len(b) < stunHeader || len(b)%4 != 0 || int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader ||
		binary.BigEndian.Uint32(b[4:]) != stunCookie {
		return nil, false
	}
	if binary.BigEndian.Uint16(b)&stunClasses != 0 {
		return nil, true
	}
	for rest := b[stunHeader:]; len(rest) >= 4; {
		kind, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if rest = rest[4:]; n > len(rest) {
			return nil, false
		}
		if kind == stunUsername {
			for i, c := range rest[:n] {
				if c == ':' {
					return rest[:i:i], true
				}
			}
			return nil, false
		}
		rest = rest[min((n+3)&^3, len(rest)):]
	}
	return nil, false
}
