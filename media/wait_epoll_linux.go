package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newWaiter returns the seam for a network; nil is the kernel.
func newWaiter(n Network, log *slog.Logger) (waiter, error) {
	if n != nil {
		return newChannelWaiter(n, log), nil
	}
	return newEpollWaiter()
}

// epollWaiter waits with epoll and an eventfd. Its sockets do not block, so
// the raw system calls that receive and send need not tell the Go scheduler;
// only the wait itself does.
type epollWaiter struct {
	epfd    int
	eventfd int
	asleep  atomic.Bool // the shard is in epoll_wait, or about to be

	socks  []*socket // by slot; nil: free
	spare  []int     // free slots
	events []unix.EpollEvent
	ready  int // of events, filled by wait
	taken  int // of ready, by receive

	coarse bool // no epoll_pwait2 here: timeouts round up to 1 ms
	from   unix.RawSockaddrAny
	note   unix.Msghdr
}

const wakeSlot = -1 // the eventfd's place

func newEpollWaiter() (*epollWaiter, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	efd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epfd)
		return nil, os.NewSyscallError("eventfd", err)
	}
	w := &epollWaiter{epfd: epfd, eventfd: efd, events: make([]unix.EpollEvent, 512)}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, efd, &ev); err != nil {
		w.close()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return w, nil
}

func (w *epollWaiter) blocks() bool { return true }

func (w *epollWaiter) open(addr netip.AddrPort) (*socket, error) { return w.bound(addr, false) }

// bound makes a socket at an address; shared: others are bound there too.
func (w *epollWaiter) bound(addr netip.AddrPort, shared bool) (*socket, error) {
	a := addr.Addr().Unmap()
	if !a.IsValid() {
		return nil, fmt.Errorf("no address to bind")
	}
	family := unix.AF_INET
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(addr.Port())}
	if a.Is4() {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: a.As4()}
	} else {
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: a.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// RECVERR has ICMP's refusals told, see failed. No refusal here makes the socket useless, so none is an error.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	if a.Is4() {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	}
	if shared {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) // else bind fails, and says so
	}
	if err := unix.Bind(fd, sa); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return &socket{fd: fd, slot: -1, inet6: !a.Is4(), addr: netip.AddrPortFrom(a, addr.Port())}, nil
}

// join: the kernel prefers a connected socket to those that share its port. What it was given
// between bind and connect is of others: isOthers sees to it.
func (w *epollWaiter) join(at *iceSocket, peer netip.AddrPort) (*socket, error) {
	s, err := w.bound(at.addr, true)
	if err != nil {
		return nil, err
	}
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(peer.Port()), Addr: peer.Addr().As4()}
	if s.inet6 {
		sa = &unix.SockaddrInet6{Port: int(peer.Port()), Addr: peer.Addr().As16()}
	}
	if err := unix.Connect(s.fd, sa); err != nil {
		unix.Close(s.fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return s, nil
}

// listenShared opens the port that many browsers share.
func listenShared(n Network, addr netip.AddrPort) (net.PacketConn, error) {
	if n != nil {
		return n.ListenPacket(addr)
	}
	// Another program that shares its ports too would not be noticed below.
	probe, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	probe.Close()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var refused error
		err := c.Control(func(fd uintptr) {
			refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, sharedBuffer)
		})
		return errors.Join(err, refused)
	}}
	return lc.ListenPacket(context.Background(), "udp", addr.String())
}

func (w *epollWaiter) discard(s *socket) { unix.Close(s.fd) }

func (w *epollWaiter) add(s *socket) error {
	if n := len(w.spare); n > 0 {
		s.slot, w.spare = w.spare[n-1], w.spare[:n-1]
	} else {
		s.slot = len(w.socks)
		w.socks = append(w.socks, nil)
	}
	w.socks[s.slot] = s
	// Pad carries the descriptor: an event of a socket that was closed within
	// this batch is told from one of its slot's next owner.
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.slot), Pad: int32(s.fd)}
	if err := unix.EpollCtl(w.epfd, unix.EPOLL_CTL_ADD, s.fd, &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (w *epollWaiter) remove(s *socket) {
	unix.Close(s.fd) // epoll forgets a closed descriptor
	if s.slot >= 0 {
		w.socks[s.slot] = nil
		w.spare = append(w.spare, s.slot)
	}
	s.slot = -1
}

func (w *epollWaiter) yield(s *socket, _ waiter) {
	_ = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_DEL, s.fd, nil) // what is in the socket stays there
	if s.slot >= 0 {
		w.socks[s.slot] = nil
		w.spare = append(w.spare, s.slot)
	}
	s.slot = -1
}

func (w *epollWaiter) wake() {
	if w.asleep.Swap(false) {
		one := [8]byte{1}
		_, _ = unix.Write(w.eventfd, one[:])
	}
}

func (w *epollWaiter) doze() { w.asleep.Store(true) }

func (w *epollWaiter) wait(d int64) {
	w.ready, w.taken = 0, 0
	for {
		n, errno := w.epoll(d)
		if errno == unix.EINTR {
			n = 0 // the shard looks at the clock and comes back
		} else if errno != 0 && !w.coarse {
			w.coarse = true // ENOSYS before Linux 5.11, EPERM under an old seccomp profile
			continue
		}
		w.asleep.Store(false)
		w.ready = n
		return
	}
}

func (w *epollWaiter) epoll(d int64) (int, unix.Errno) {
	events, size := unsafe.Pointer(&w.events[0]), uintptr(len(w.events))
	var n uintptr
	var errno unix.Errno
	switch {
	case d == 0: // cannot block: no need to tell the scheduler
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epfd), uintptr(events), size, 0, 0, 0)
	case d < 0:
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epfd), uintptr(events), size, ^uintptr(0), 0, 0)
	case w.coarse:
		ms := (d + 999_999) / 1_000_000
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epfd), uintptr(events), size, uintptr(ms), 0, 0)
	default:
		ts := unix.NsecToTimespec(d)
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(w.epfd), uintptr(events), size, uintptr(unsafe.Pointer(&ts)), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func (w *epollWaiter) receive(b []byte) (from netip.AddrPort, n int, sock *socket, ok bool) {
	for w.taken < w.ready {
		ev := &w.events[w.taken]
		w.taken++
		if ev.Fd == wakeSlot {
			var count [8]byte
			_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(w.eventfd), uintptr(unsafe.Pointer(&count[0])), 8)
			continue
		}
		sock := w.socks[ev.Fd]
		if sock == nil || int32(sock.fd) != ev.Pad {
			continue
		}
		if ev.Events&unix.EPOLLERR != 0 {
			w.failed(sock)
		}
		size := uint32(unix.SizeofSockaddrAny)
		r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(sock.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_DONTWAIT|unix.MSG_TRUNC, uintptr(unsafe.Pointer(&w.from)), uintptr(unsafe.Pointer(&size)))
		if errno != 0 {
			continue // EAGAIN, or what failed has counted already: neither is a packet
		}
		return fromRaw(&w.from), int(r), sock, true
	}
	return netip.AddrPort{}, 0, nil, false
}

// failed takes what ICMP has said of packets that we sent: refused where nobody listens. It empties
// the socket's queue of errors, or the wait would return for it at once for ever.
func (w *epollWaiter) failed(s *socket) {
	for range 16 {
		w.note = unix.Msghdr{}
		_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&w.note)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errno != 0 {
			return
		}
		s.refusals.Add(1)
	}
}

// fromRaw reads the address of a received packet.
func fromRaw(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), swap16(in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), swap16(in.Port))
	}
	return netip.AddrPort{}
}

// swap16 turns network byte order, in which the kernel keeps ports, into ours
// and back.
func swap16(p uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&p))
	return uint16(b[0])<<8 | uint16(b[1])
}

func (w *epollWaiter) send(s *socket, b []byte, to netip.AddrPort) {
	if len(b) == 0 {
		return
	}
	if !s.inet6 {
		if !to.Addr().Is4() {
			return
		}
		sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap16(to.Port()), Addr: to.Addr().As4()}
		sendTo(s, b, unsafe.Pointer(&sa), unix.SizeofSockaddrInet4)
		return
	}
	sa := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap16(to.Port()), Addr: to.Addr().As16()}
	sendTo(s, b, unsafe.Pointer(&sa), unix.SizeofSockaddrInet6)
}

// sendTo sends b. What an earlier packet's refusal stands in the way of is sent again.
func sendTo(s *socket, b []byte, to unsafe.Pointer, size uintptr) {
	for range 2 {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_DONTWAIT, uintptr(to), size)
		if errno != unix.ECONNREFUSED && errno != unix.EHOSTUNREACH {
			return
		}
	}
}

func (w *epollWaiter) close() {
	unix.Close(w.epfd)
	unix.Close(w.eventfd)
}
