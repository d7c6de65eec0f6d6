package media

import (
	"net"
	"net/netip"
	"sync/atomic"
)

// maxDatagram is the longest packet that is looked at: an Ethernet frame's
// worth. Whatever is longer is garbage.
const maxDatagram = 1500

// waiter is the seam between a shard and the network: it waits for packets,
// orders or a moment, whichever is first. open, discard and wake may be called
// from any goroutine, the rest from the shard's alone.
type waiter interface {
	// blocks says that wait is a system call, which keeps a thread and a processor.
	blocks() bool
	// open binds a socket that no shard waits for yet.
	open(addr netip.AddrPort) (*socket, error)
	// join opens a socket for one peer of a port that many share, from the shard's goroutine: it has
	// what that peer sends to it, or lends the shared socket for sending alone.
	join(at *iceSocket, peer netip.AddrPort) (*socket, error)
	// discard closes a socket that was never added.
	discard(*socket)
	// add begins to wait for the socket's packets.
	add(*socket) error
	// remove ends that and closes the socket. Nothing of it is received afterwards.
	remove(*socket)
	// yield ends it too, and leaves the socket open for another shard's waiter:
	// what has come and has not been received waits for to.add.
	yield(s *socket, to waiter)
	// doze is called before wait: from here on a wake is heard. The shard looks
	// for orders once more between the two.
	doze()
	// wake makes wait return. It is forgotten when the shard does not doze.
	wake()
	// wait returns when a packet or a wake is there, or after d nanoseconds;
	// a negative d is for ever, zero only looks.
	wait(d int64)
	// receive takes the next packet of this wait into b and returns its true
	// length, which may be more than b holds; false: no more this time.
	receive(b []byte) (from netip.AddrPort, n int, sock *socket, ok bool)
	// send sends or drops b: a full socket buffer loses the packet, as a wire would.
	send(sock *socket, b []byte, to netip.AddrPort)
	// close ends what the waiter holds. All sockets have been removed.
	close()
}

// socket is one UDP port of a session.
type socket struct {
	owner   *Session
	control bool // RTCP's own port
	addr    netip.AddrPort
	door    *iceSocket // whose port it shares; nil: its own

	refusals atomic.Uint32 // ICMP said that nobody listens where we send

	fd    int  // epoll: the descriptor
	slot  int  // epoll: its place in the waiter's table
	inet6 bool // epoll: its address family

	conn  net.PacketConn                // channels: the connection
	read  bool                          // channels: it has its reader
	over  chan struct{}                 // channels: closed by remove
	goes  atomic.Pointer[channelWaiter] // channels: whose its packets are
	there atomic.Bool                   // channels: that one has added it
}

// socketBuffer is SO_RCVBUF: room for some 200 packets of 20 ms, 4 s, as the
// kernel counts them (it doubles the figure and charges about 1 KiB each): what a
// recorder can still use of what came while the machine stood still.
const socketBuffer = 128 << 10

// sharedBuffer is the same of the port that browsers share, where their ICE and DTLS come.
const sharedBuffer = 1 << 20

// expedited is the DSCP for speech, EF (RFC 3246), in the place it has in the
// TOS byte.
const expedited = 46 << 2
