package sip

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// maxDatagram is the largest UDP payload over IPv4.
const maxDatagram = 65535

// udpSocket reads and writes one of Config.UDP.
//
// sipgo's own read loop is not used: it keeps every source address for ever
// (300,000 forged ones: 102 MiB), ends on the first read error, and parses in
// a place where a panic could not be held to one packet.
type udpSocket struct {
	e     *Endpoint
	conn  net.PacketConn
	fast  addrPortConn // conn, if it can do without net.Addr; else nil
	local netip.AddrPort
}

// addrPortConn is what *net.UDPConn offers to save an allocation a packet.
type addrPortConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
}

func newUDPSocket(e *Endpoint, c net.PacketConn) (*udpSocket, error) {
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("sip: LocalAddr of a packet conn is not a *net.UDPAddr")
	}
	local := plain(a.AddrPort())
	if local.Addr().IsUnspecified() {
		return nil, errors.New("sip: " + local.String() + " is a wildcard: one socket per concrete IP")
	}
	fast, _ := c.(addrPortConn)
	return &udpSocket{e: e, conn: c, fast: fast, local: local}, nil
}

// plain removes the IPv4-in-IPv6 form, so that addresses compare.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (s *udpSocket) read(b []byte) (int, netip.AddrPort, error) {
	if s.fast != nil {
		n, from, err := s.fast.ReadFromUDPAddrPort(b)
		return n, plain(from), err
	}
	n, from, err := s.conn.ReadFrom(b)
	if err != nil {
		return n, netip.AddrPort{}, err
	}
	a, ok := from.(*net.UDPAddr)
	if !ok {
		return 0, netip.AddrPort{}, nil
	}
	return n, plain(a.AddrPort()), nil
}

func (s *udpSocket) write(b []byte, to netip.AddrPort) error {
	s.e.trace(false, "udp", s.local, to, b)
	var err error
	if s.fast != nil {
		_, err = s.fast.WriteToUDPAddrPort(b, to)
	} else {
		_, err = s.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	}
	s.e.wrote(err)
	return err
}

// serve reads until the socket is closed. Any other error is counted and
// read over: an ICMP error must not end the listener.
func (s *udpSocket) serve(stop <-chan struct{}) {
	b := make([]byte, maxDatagram)
	for {
		n, from, err := s.read(b)
		if err == nil {
			if from.IsValid() && n > 0 {
				s.e.receive(b[:n], &flow{udp: s, remote: from, source: from})
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		s.e.grumble.say("reading SIP socket", "addr", s.local.String(), "err", err)
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
