package media

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	connectWithin   = 15 * time.Second // from a browser's description to its keys
	datagramsQueued = 64               // for pion; of ICE and DTLS, a flight at most is on its way
)

// An icePath is one session's way through the mux: ICE and DTLS by pion, on goroutines of its own,
// until it is known where the browser is and which keys encrypt the sound. The sound itself never
// passes here, but for what overtakes the shard's socket for it.
type icePath struct {
	mux     *iceMux
	session *Session
	ufrag   string
	pwd     string
	offer   browserOffer

	agent *ice.Agent
	conns []*iceConn
	from  []netip.AddrPort // the mux's: where its requests came from

	at     *iceSocket                     // selected's: the last that it chose
	remote atomic.Pointer[netip.AddrPort] // where ICE says that the browser is; nil: not yet

	ctx context.Context // of run: it is a task, which Session.Close ends
	end context.CancelFunc
}

// A datagram is a packet on its way to pion.
type datagram struct {
	b    []byte
	from netip.AddrPort
}

// An iceConn is the net.PacketConn of one candidate: the port on one of our addresses, for one path.
type iceConn struct {
	path   *icePath
	at     *iceSocket
	in     chan datagram
	closed chan struct{}
	once   sync.Once
}

// newIcePath prepares a session's path: its ICE agent and what the browser is told of it.
func newIcePath(m *iceMux, s *Session) (*icePath, error) {
	if err := m.listen(); err != nil {
		return nil, err
	}
	p := &icePath{mux: m, session: s}
	p.ctx, p.end = context.WithCancel(context.Background())
	var err error
	p.agent, err = ice.NewAgentWithOptions(
		ice.WithICELite(m.engine.cfg.WebRTC.Lite), ice.WithUDPMux(agentMux{p}), ice.WithNet(m.net),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}), ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled), ice.WithIncludeLoopback(), ice.WithLoggerFactory(hushed{}),
		ice.WithDisconnectedTimeout(0), ice.WithFailedTimeout(0), // the switchboard decides when it is over, by the sound
		// The browser decides, and may change its mind (Chromium does, within a second of the first
		// nomination): its sound comes from where it nominated last, whatever the priorities say.
		ice.WithBindingRequestHandler(func(m *stun.Message, _, _ ice.Candidate, _ *ice.CandidatePair) bool {
			return m.Contains(stun.AttrUseCandidate)
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("media: ICE: %w", err)
	}
	return p, nil
}

// gather has the agent take our sockets for its candidates, and lets packets come.
func (p *icePath) gather() (ufrag, pwd string, err error) {
	all := make(chan struct{})
	if err = p.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(all)
		}
	}); err == nil {
		err = p.agent.OnSelectedCandidatePairChange(p.selected)
	}
	if err == nil {
		err = p.agent.GatherCandidates()
	}
	if err != nil {
		return "", "", fmt.Errorf("media: ICE: %w", err)
	}
	<-all // they are our own sockets: there is nobody to wait for
	if ufrag, pwd, err = p.agent.GetLocalUserCredentials(); err != nil {
		return "", "", fmt.Errorf("media: ICE: %w", err)
	}
	p.ufrag, p.pwd = ufrag, pwd
	p.mux.enter(p)
	return ufrag, pwd, nil
}

// agentMux is the mux as pion's agent sees it.
type agentMux struct{ p *icePath }

func (a agentMux) GetListenAddresses() []net.Addr {
	var all []net.Addr
	for _, s := range a.p.mux.sockets {
		all = append(all, net.UDPAddrFromAddrPort(s.addr))
	}
	return all
}

func (a agentMux) GetConn(_ string, addr net.Addr) (net.PacketConn, error) {
	u, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, net.ErrClosed
	}
	at := a.p.mux.socketAt(u.AddrPort().Addr().Unmap())
	if at == nil {
		return nil, net.ErrClosed
	}
	c := &iceConn{path: a.p, at: at, in: make(chan datagram, datagramsQueued), closed: make(chan struct{})}
	a.p.conns = append(a.p.conns, c)
	return c, nil
}

func (a agentMux) RemoveConnByUfrag(string) {}
func (a agentMux) Close() error             { return nil }

// knows says whether whoever made a STUN message knows our password.
func (p *icePath) knows(b []byte) bool {
	m := &stun.Message{Raw: slices.Clone(b)}
	return m.Decode() == nil && stun.NewShortTermIntegrity(p.pwd).Check(m) == nil
}

// control is a STUN or DTLS packet. What pion does not take in time is lost, as on a wire.
func (p *icePath) control(at *iceSocket, b []byte, from netip.AddrPort) {
	for _, c := range p.conns {
		if c.at == at {
			select {
			case c.in <- datagram{append([]byte(nil), b...), from}:
			default:
				p.mux.garbage.Add(1)
			}
			return
		}
	}
}

// sound is a packet of sound that came to the shared socket: before the shard has its own for this
// browser, or where there is none. It must come from where ICE says that the browser is.
func (p *icePath) sound(b []byte, from netip.AddrPort) {
	if r := p.remote.Load(); r == nil || *r != from {
		p.mux.garbage.Add(1)
		return
	}
	s, b := p.session, append([]byte(nil), b...)
	s.post(func(now int64) {
		if s.rtp != nil && from == s.latch.told {
			s.receive(s.rtp, from, copy(s.shard.in.buf[:], b), now)
		}
	})
}

// selected is ICE having chosen where the browser is, at first or anew.
func (p *icePath) selected(local, remote ice.Candidate) {
	to, err := netip.ParseAddr(remote.Address())
	ours, err2 := netip.ParseAddr(local.Address())
	if err != nil || err2 != nil {
		return
	}
	at := p.mux.socketAt(ours.Unmap())
	addr := netip.AddrPortFrom(to.Unmap(), uint16(remote.Port()))
	if at == nil {
		return
	}
	if was := p.remote.Swap(&addr); was != nil && *was == addr && p.at == at {
		return
	}
	p.at = at
	p.session.post(func(now int64) { p.session.reach(at, addr, now) })
}

// run connects: ICE finds the browser, DTLS proves that it is the one whose description came and
// makes the keys. Then it waits for the browser's farewell.
func (p *icePath) run() {
	err := p.live()
	p.mux.leave(p)
	_ = p.agent.GracefulClose()
	if p.ctx.Err() == nil {
		p.session.engine.cfg.Emit(Disconnected{Session: p.session.id, Err: err})
	}
	p.end()
}

func (p *icePath) live() error {
	ctx, cancel := context.WithTimeout(p.ctx, connectWithin)
	defer cancel()
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	// close_notify: the page need not find out by itself. Closing ends the reading before it has said so:
	// the path below is there until it has.
	said := make(chan struct{})
	unhook := context.AfterFunc(p.ctx, func() {
		_ = conn.Close()
		close(said)
	})
	defer func() {
		if !unhook() {
			<-said
		}
		_ = conn.Close()
	}()
	keys, err := keysOf(conn)
	if err != nil {
		return err
	}
	p.session.keyed(keys)
	p.session.engine.cfg.Emit(Connected{Session: p.session.id})
	return untilFarewell(conn)
}

func (p *icePath) connect(ctx context.Context) (*dtls.Conn, error) {
	if !p.mux.engine.cfg.WebRTC.Lite {
		for _, c := range p.offer.candidates {
			if remote, err := ice.UnmarshalCandidate(c); err == nil {
				_ = p.agent.AddRemoteCandidate(remote)
			}
		}
	}
	found, err := p.agent.Accept(ctx, p.offer.ufrag, p.offer.pwd)
	if err != nil {
		return nil, fmt.Errorf("%w: ICE: %w", ErrNoPath, err)
	}
	conn, err := dtls.ServerWithOptions(packetConn{found}, found.RemoteAddr(), p.dtls()...)
	if err != nil {
		return nil, fmt.Errorf("%w: DTLS: %w", ErrNoPath, err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: DTLS: %w", ErrNoPath, err)
	}
	return conn, nil
}

// untilFarewell waits until the browser has closed: nothing else is to come over DTLS.
func untilFarewell(conn *dtls.Conn) error {
	var b [maxDatagram]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return err
		}
	}
}

// packetConn is the agent's connection as DTLS wants it.
type packetConn struct{ *ice.Conn }

func (c packetConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.RemoteAddr(), err
}

func (c packetConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

func (c *iceConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-c.in:
		return copy(b, d.b), net.UDPAddrFromAddrPort(d.from), nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *iceConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
		return c.at.conn.WriteTo(b, to)
	}
}

func (c *iceConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *iceConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.at.addr) }

// Deadlines: the agent closes what it reads from instead.
func (c *iceConn) SetDeadline(time.Time) error      { return nil }
func (c *iceConn) SetReadDeadline(time.Time) error  { return nil }
func (c *iceConn) SetWriteDeadline(time.Time) error { return nil }
