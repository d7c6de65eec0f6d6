package media

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// channelWaiter waits with channels and timers: a goroutine a socket reads
// packets into one channel. It serves networks that have no descriptors, and
// all of it is durably blocked when idle, so that a synctest bubble can move
// its clock.
type channelWaiter struct {
	network Network
	log     *slog.Logger
	packets chan arrival
	woken   chan struct{}
	asleep  atomic.Bool
	readers sync.WaitGroup
	buffers sync.Pool

	timer *time.Timer
	first arrival // what ended the wait, when a packet did
	stray strays
	left  int // packets this turn may still take
}

// arrival is one packet on its way from a reader to the shard.
type arrival struct {
	sock *socket
	from netip.AddrPort
	buf  *[maxDatagram + 1]byte // one byte more, to notice what is too long
	n    int
}

// packetsATurn bounds how many packets are taken before the clock is read again.
const packetsATurn = 256

func newChannelWaiter(n Network, log *slog.Logger) *channelWaiter {
	w := &channelWaiter{
		network: n, log: log, packets: make(chan arrival, packetsATurn), woken: make(chan struct{}, 1),
		timer: time.NewTimer(time.Hour),
	}
	w.buffers.New = func() any { return new([maxDatagram + 1]byte) }
	return w
}

func (w *channelWaiter) blocks() bool { return false }

func (w *channelWaiter) open(addr netip.AddrPort) (*socket, error) {
	conn, err := w.network.ListenPacket(addr)
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(interface{ SetReadBuffer(int) error }); ok {
		_ = c.SetReadBuffer(socketBuffer) // a refusal does not make the socket useless
	}
	s := &socket{conn: conn, addr: addr, over: make(chan struct{})}
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		bound := a.AddrPort()
		s.addr = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	}
	s.goes.Store(w)
	return s, nil
}

// join: the shared socket's reader brings what the peer sends.
func (w *channelWaiter) join(at *iceSocket, _ netip.AddrPort) (*socket, error) {
	s := &socket{conn: lent{at.conn}, addr: at.addr, read: true, over: make(chan struct{})}
	s.goes.Store(w)
	return s, nil
}

// lent is a connection that somebody else closes.
type lent struct{ net.PacketConn }

func (lent) Close() error { return nil }

func (w *channelWaiter) discard(s *socket) { s.conn.Close() }

func (w *channelWaiter) add(s *socket) error {
	s.goes.Store(w)
	s.there.Store(true)
	if !s.read {
		s.read = true
		w.readers.Go(func() { w.read(s) })
	}
	return nil
}

// yield: its reader goes on, and brings what it reads to the other one.
func (w *channelWaiter) yield(s *socket, to waiter) {
	s.there.Store(false)
	s.goes.Store(to.(*channelWaiter))
}

// strays are packets that have come to a waiter whose they are not any longer,
// or not yet: those of a socket that moves.
type strays struct {
	count atomic.Int32
	mu    sync.Mutex
	list  []arrival
}

// adopt keeps a packet for a socket that is to come, or has.
func (w *channelWaiter) adopt(a arrival) {
	w.stray.mu.Lock()
	w.stray.list = append(w.stray.list, a)
	w.stray.count.Store(int32(len(w.stray.list)))
	w.stray.mu.Unlock()
	w.wake()
}

// adopted takes the first stray whose socket is here; without a socket: none.
func (w *channelWaiter) adopted(take bool) (a arrival) {
	if w.stray.count.Load() == 0 {
		return a
	}
	w.stray.mu.Lock()
	defer w.stray.mu.Unlock()
	for i, one := range w.stray.list {
		if w.has(one.sock) {
			if take {
				w.stray.list = append(w.stray.list[:i], w.stray.list[i+1:]...)
				w.stray.count.Store(int32(len(w.stray.list)))
			}
			return one
		}
	}
	return a
}

// has says whether a socket's packets are this waiter's to receive.
func (w *channelWaiter) has(s *socket) bool { return s.goes.Load() == w && s.there.Load() }

// failuresInARow is how many errors of one socket end its reader: each that is
// not the end is an ICMP message at most.
const failuresInARow = 100

// read brings a socket's packets to the shard until remove. A panic, which can
// only be the network's, ends this socket alone.
func (w *channelWaiter) read(s *socket) {
	defer func() {
		if v := recover(); v != nil {
			w.log.Error("media: panic of a network", "addr", s.addr, "err", v, "stack", string(debug.Stack()))
		}
	}()
	for failures := 0; failures < failuresInARow; {
		buf := w.buffers.Get().(*[maxDatagram + 1]byte)
		n, addr, err := s.conn.ReadFrom(buf[:])
		if err != nil {
			w.buffers.Put(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			failures++
			if errors.Is(err, syscall.ECONNREFUSED) {
				s.refusals.Add(1)
			}
			continue
		}
		failures = 0
		a := arrival{sock: s, buf: buf, n: n}
		if u, ok := addr.(*net.UDPAddr); ok {
			from := u.AddrPort()
			a.from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		}
		select {
		case s.goes.Load().packets <- a:
		case <-s.over:
			return
		}
	}
}

func (w *channelWaiter) remove(s *socket) {
	close(s.over)
	s.conn.Close()
}

func (w *channelWaiter) doze() { w.asleep.Store(true) }

func (w *channelWaiter) wake() {
	if w.asleep.Swap(false) {
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
}

func (w *channelWaiter) wait(d int64) {
	w.left = packetsATurn
	if d != 0 && w.adopted(false).sock == nil {
		var timeout <-chan time.Time
		if d > 0 {
			w.timer.Reset(time.Duration(d))
			timeout = w.timer.C
		}
		select {
		case w.first = <-w.packets:
		case <-w.woken:
		case <-timeout:
		}
		if d > 0 {
			w.timer.Stop()
		}
	}
	w.asleep.Store(false)
}

func (w *channelWaiter) receive(b []byte) (from netip.AddrPort, n int, sock *socket, ok bool) {
	for ; w.left > 0; w.left-- {
		a := w.first
		w.first = arrival{}
		if a.sock == nil {
			a = w.adopted(true)
		}
		if a.sock == nil {
			select {
			case a = <-w.packets:
			default:
				return netip.AddrPort{}, 0, nil, false
			}
		}
		if !w.has(a.sock) {
			a.sock.goes.Load().adopt(a)
			continue
		}
		copy(b, a.buf[:a.n])
		w.buffers.Put(a.buf)
		select {
		case <-a.sock.over: // removed after its reader had read this
			continue
		default:
		}
		w.left--
		return a.from, a.n, a.sock, true
	}
	return netip.AddrPort{}, 0, nil, false
}

func (w *channelWaiter) send(s *socket, b []byte, to netip.AddrPort) {
	_, _ = s.conn.WriteTo(b, net.UDPAddrFromAddrPort(to)) // a packet may be lost
}

func (w *channelWaiter) close() {
	w.timer.Stop()
	w.readers.Wait()
}
