package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/emiago/sipgo/sip"
)

var errClosed = errors.New("connection closed")

// flow is a way to a peer: one of our UDP sockets, or a TCP or TLS connection, and
// the peer's address. It is what sipgo's transactions write to, so a response
// can leave only by the socket on which its request came in (RFC 3261 §18.2.2,
// RFC 3581 §4), and a request only to the peer that the flow names. Values are
// immutable.
type flow struct {
	udp    *udpSocket // one of the two
	tcp    *tcpConn
	remote netip.AddrPort // where to write
	source netip.AddrPort // where it came from; the same except for a Via without rport
}

func (f *flow) over() transport {
	if f.tcp != nil {
		return f.tcp.way.over
	}
	return onUDP
}

func (f *flow) transport() string { return f.over().String() }
func (f *flow) scheme() string    { return f.over().lower() }

// local is our address on this flow; for a TCP connection that we opened it
// is not a listener's.
func (f *flow) local() netip.AddrPort {
	if f.tcp != nil {
		return f.tcp.local
	}
	return f.udp.local
}

func (f *flow) endpoint() *Endpoint {
	if f.tcp != nil {
		return f.tcp.e
	}
	return f.udp.e
}

// usable reports whether a write can still reach the peer.
func (f *flow) usable() bool { return f.tcp == nil || !f.tcp.closed() }

func (f *flow) write(b []byte) error {
	if f.tcp != nil {
		return f.tcp.write(b)
	}
	return f.udp.write(b, f.remote)
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// LocalAddr, WriteMsg, Ref, TryClose and Close make a flow a sip.Connection.
func (f *flow) LocalAddr() net.Addr {
	if f.tcp != nil {
		return net.TCPAddrFromAddrPort(f.tcp.local)
	}
	return net.UDPAddrFromAddrPort(f.udp.local)
}

// WriteMsg writes the message whatever its size: sipgo's own UDP connection
// refuses more than 1,300 bytes and has no way over TCP. A departure from RFC
// 3261 §18.1.1: big datagrams are fragmented by IP, as every PBX does.
func (f *flow) WriteMsg(m sip.Message) error {
	// sipgo's timers write from goroutines of its own: nothing may escape here.
	defer f.endpoint().rescue("write")
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	m.StringWrite(buf)
	return f.write(buf.Bytes())
}

func (f *flow) Ref(int) int            { return 1 }
func (f *flow) TryClose() (int, error) { return 1, nil }
func (f *flow) Close() error           { return nil }

// raw serialises a message for keeping.
func raw(m sip.Message) []byte {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	m.StringWrite(buf)
	return bytes.Clone(buf.Bytes())
}
