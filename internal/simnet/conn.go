package simnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one socket. Lock order: Net.mu before conn.mu.
type conn struct {
	net  *Net
	addr netip.AddrPort
	udp  *net.UDPAddr

	mu       sync.Mutex
	ready    *sync.Cond // a datagram, the deadline, or the end
	queue    []*flight  // arrived and not read: queue[head:]
	head     int
	closed   bool
	refused  bool      // see Refusals
	readBy   time.Time // zero: none
	writeBy  time.Time
	deadline *time.Timer // wakes blocked readers at readBy; armed only while one waits
	sources  map[netip.AddrPort]*net.UDPAddr
}

func newConn(n *Net, addr netip.AddrPort) *conn {
	c := &conn{net: n, addr: addr, udp: net.UDPAddrFromAddrPort(addr), sources: map[netip.AddrPort]*net.UDPAddr{}}
	c.ready = sync.NewCond(&c.mu)
	return c
}

// ReadFrom blocks until a datagram, the read deadline (os.ErrDeadlineExceeded)
// or Close (net.ErrClosed). What does not fit into b is cut off, as in UDP.
func (c *conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	udp := c.sources[from]
	if udp == nil {
		udp = net.UDPAddrFromAddrPort(from)
		c.sources[from] = udp
	}
	return n, udp, nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocated address.
func (c *conn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, opError("read", c.addr, net.ErrClosed)
		case !c.readBy.IsZero() && !time.Now().Before(c.readBy):
			return 0, netip.AddrPort{}, opError("read", c.addr, os.ErrDeadlineExceeded)
		}
		if c.refused {
			c.refused = false
			return 0, netip.AddrPort{}, opError("read", c.addr, syscall.ECONNREFUSED)
		}
		if f := c.pop(); f != nil {
			n, from := copy(b, f.payload), f.seenFrom
			freeFlight(f)
			return n, from, nil
		}
		c.armDeadline()
		c.ready.Wait()
	}
}

// armDeadline makes sure that a waiting reader wakes at readBy. The caller holds mu.
func (c *conn) armDeadline() {
	if c.readBy.IsZero() {
		return
	}
	d := time.Until(c.readBy)
	if c.deadline == nil {
		c.deadline = time.AfterFunc(d, func() {
			c.mu.Lock()
			c.ready.Broadcast()
			c.mu.Unlock()
		})
		return
	}
	c.deadline.Reset(d)
}

// pop takes the oldest datagram, or nil. The caller holds mu.
func (c *conn) pop() *flight {
	if c.head == len(c.queue) {
		return nil
	}
	f := c.queue[c.head]
	c.queue[c.head] = nil
	if c.head++; c.head == len(c.queue) {
		c.queue, c.head = c.queue[:0], 0
	}
	return f
}

// push queues a datagram that has arrived; false: closed or full.
// refuse has the next read tell that a packet was refused.
func (c *conn) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
	c.ready.Signal()
}

func (c *conn) push(f *flight) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue)-c.head >= queueLimit {
		return false
	}
	if c.head > 0 && len(c.queue) == cap(c.queue) {
		c.queue = append(c.queue[:0], c.queue[c.head:]...)
		c.head = 0
	}
	c.queue = append(c.queue, f)
	c.ready.Signal()
	return true
}

// WriteTo sends a copy of b and never blocks. A datagram that nobody receives is
// no error.
func (c *conn) WriteTo(b []byte, to net.Addr) (int, error) {
	ap, err := addrPort(to)
	if err != nil {
		return 0, opError("write", c.addr, err)
	}
	return c.WriteToUDPAddrPort(b, ap)
}

// WriteToUDPAddrPort is WriteTo for a netip address.
func (c *conn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed, late := c.closed, !c.writeBy.IsZero() && !time.Now().Before(c.writeBy)
	c.mu.Unlock()
	switch {
	case closed:
		return 0, opError("write", c.addr, net.ErrClosed)
	case late:
		return 0, opError("write", c.addr, os.ErrDeadlineExceeded)
	case len(b) > maxPayload:
		return 0, opError("write", c.addr, os.NewSyscallError("sendto", syscall.EMSGSIZE))
	case !to.IsValid() || to.Port() == 0 || to.Addr().IsUnspecified():
		return 0, opError("write", c.addr, os.NewSyscallError("sendto", syscall.EINVAL))
	}
	c.net.send(c.addr, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), b)
	return len(b), nil
}

// Close frees the address and unblocks every reader with net.ErrClosed. A second
// Close returns net.ErrClosed, as the kernel's sockets do.
func (c *conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return opError("close", c.addr, net.ErrClosed)
	}
	c.closed = true
	c.queue, c.head = nil, 0
	if c.deadline != nil {
		c.deadline.Stop()
	}
	if c.net.conns[c.addr] == c {
		delete(c.net.conns, c.addr)
	}
	c.ready.Broadcast()
	return nil
}

// LocalAddr returns a *net.UDPAddr.
func (c *conn) LocalAddr() net.Addr { return c.udp }

// SetDeadline sets both deadlines; a zero time removes them.
func (c *conn) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline wakes a blocked reader at t, at once if t has passed.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline makes writes after t fail; writes never block.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

func (c *conn) setDeadlines(read, write *time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return opError("set", c.addr, net.ErrClosed)
	}
	if write != nil {
		c.writeBy = *write
	}
	if read != nil {
		c.readBy = *read
		c.ready.Broadcast() // each reader looks at the new deadline and arms for it
	}
	return nil
}
