package simnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// DefaultLatency is the one-way delay of a Net made without Latency.
const DefaultLatency = 5 * time.Millisecond

// queueLimit is how many datagrams a socket keeps for a reader that does not
// read; more are lost and counted, as in a kernel's receive buffer.
const queueLimit = 4096

// maxPayload is the largest UDP payload over IPv4.
const maxPayload = 65507

// ErrWildcard is returned by ListenPacket for an unspecified address: hosts have
// no interfaces here, so a socket must name its one concrete IP.
var ErrWildcard = errors.New("simnet: a wildcard address is not supported: listen on a concrete IP")

// Net is one network. Its methods may be called from any goroutine.
type Net struct {
	seed     uint64
	refusals bool
	latency  time.Duration

	mu      sync.Mutex
	conns   map[netip.AddrPort]*conn
	ports   map[netip.Addr]uint16 // last port given out for port 0
	closed  bool
	started time.Time // zero of the ladder's clock

	// The wire: datagrams in flight, earliest first.
	flights flights
	timer   *time.Timer
	wake    time.Time // when timer fires; zero: not armed
	seq     uint64
	flows   map[flowKey]*flow

	// What is wrong with it.
	faults    []Fault
	rules     []*Rule
	unplugged map[netip.Addr]bool
	cuts      map[[2]netip.Addr]bool
	boxes     []*Box

	// What was seen.
	names     map[netip.Addr]string
	portNames map[netip.AddrPort]string
	ladder    []Line
	seen      map[string]int // identical SIP messages of a flow, for "(again)"
	counts    Counts
}

// Counts are totals since New.
type Counts struct {
	Sent      int // datagrams written
	Delivered int // datagrams put into a socket's queue
	Lost      int // by a fault, a rule, or an unplugged host
	Nobody    int // addressed to a socket that is not there, or refused by a NAT box
	Overflow  int // the reader did not keep up
}

// Option changes a Net at New.
type Option func(*Net)

// Latency sets the one-way delay of every datagram; zero is allowed.
func Latency(d time.Duration) Option { return func(n *Net) { n.latency = d } }

// Refusals has who sends to a port that is not open told so, as by ICMP: its next read fails with
// ECONNREFUSED.
func Refusals() Option { return func(n *Net) { n.refusals = true } }

// Seed sets the seed of all chance; the default is 1.
func Seed(seed uint64) Option { return func(n *Net) { n.seed = seed } }

// New returns an empty network. In a bubble it must be called inside it.
func New(opts ...Option) *Net {
	n := &Net{
		seed: 1, latency: DefaultLatency, started: time.Now(),
		conns: map[netip.AddrPort]*conn{}, ports: map[netip.Addr]uint16{}, flows: map[flowKey]*flow{},
		unplugged: map[netip.Addr]bool{}, cuts: map[[2]netip.Addr]bool{},
		names: map[netip.Addr]string{}, portNames: map[netip.AddrPort]string{}, seen: map[string]int{},
	}
	for _, o := range opts {
		o(n)
	}
	return n
}

// ListenPacket opens a UDP-like socket. Port 0 picks the next free port of that
// IP from 10000 up. Its errors are those of the kernel: EADDRINUSE for a taken
// address, net.ErrClosed after Close; and ErrWildcard.
func (n *Net) ListenPacket(addr netip.AddrPort) (net.PacketConn, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, opError("listen", addr, net.ErrClosed)
	case !addr.Addr().IsValid() || addr.Addr().IsUnspecified():
		return nil, opError("listen", addr, ErrWildcard)
	}
	if addr.Port() == 0 {
		port, ok := n.freePort(addr.Addr())
		if !ok {
			return nil, opError("listen", addr, os.NewSyscallError("bind", syscall.EADDRINUSE))
		}
		addr = netip.AddrPortFrom(addr.Addr(), port)
	}
	if n.conns[addr] != nil {
		return nil, opError("listen", addr, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	c := newConn(n, addr)
	n.conns[addr] = c
	return c, nil
}

// freePort walks the ports of ip from the last one given out, so that a port
// just closed is not reused at once.
func (n *Net) freePort(ip netip.Addr) (uint16, bool) {
	const first, last = 10000, 65535
	p := n.ports[ip]
	for range last - first + 1 {
		if p++; p < first {
			p = first // also after wrapping over 65535
		}
		if n.conns[netip.AddrPortFrom(ip, p)] == nil {
			n.ports[ip] = p
			return p, true
		}
	}
	return 0, false
}

// Close closes every socket and forgets what is in flight. It is idempotent; no
// goroutine of the Net is left once the last timer's callback has returned.
func (n *Net) Close() error {
	n.mu.Lock()
	n.closed = true
	n.flights = nil
	if n.timer != nil {
		n.timer.Stop()
	}
	conns := make([]*conn, 0, len(n.conns))
	for _, c := range n.conns {
		conns = append(conns, c)
	}
	n.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	return nil
}

// Counts returns the totals so far.
func (n *Net) Counts() Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts
}

// Open lists the addresses of the sockets that are open, in order: a test's
// clean-up asks it whether a port leaked.
func (n *Net) Open() []netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []netip.AddrPort
	for a := range n.conns {
		out = append(out, a)
	}
	sortAddrPorts(out)
	return out
}

func opError(op string, addr netip.AddrPort, err error) error {
	return &net.OpError{Op: op, Net: "udp", Addr: net.UDPAddrFromAddrPort(addr), Err: err}
}

// addrPort reads the address that a caller of WriteTo gave.
func addrPort(a net.Addr) (netip.AddrPort, error) {
	switch a := a.(type) {
	case nil:
		return netip.AddrPort{}, errors.New("simnet: no address to write to")
	case *net.UDPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	default:
		ap, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return ap, fmt.Errorf("simnet: address %q: %w", a.String(), err)
		}
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	}
}
