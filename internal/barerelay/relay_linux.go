package barerelay

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// leg is one party of a call.
type leg struct {
	fd    int
	other *leg
	to    unix.RawSockaddrInet4 // the party's address
	port  uint16                // ours
}

// Relay relays between the parties of its calls.
type Relay struct {
	epfd int
	legs []*leg
}

// Open opens a socket a party on an IPv4 address. Parties 2i and 2i+1 are the
// two of a call.
func Open(bind netip.Addr, parties []netip.AddrPort) (*Relay, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	r := &Relay{epfd: epfd}
	for i, p := range parties {
		l, err := openLeg(bind, p)
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("leg %d: %w", i, err)
		}
		r.legs = append(r.legs, l)
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, l.fd, &ev); err != nil {
			r.Close()
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	for i, l := range r.legs {
		l.other = r.legs[i^1]
	}
	return r, nil
}

func openLeg(bind netip.Addr, party netip.AddrPort) (*leg, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: bind.As4()}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	l := &leg{fd: fd, port: uint16(name.(*unix.SockaddrInet4).Port)}
	port := party.Port()
	l.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port<<8 | port>>8, Addr: party.Addr().As4()}
	return l, nil
}

// Ports returns our port for each party.
func (r *Relay) Ports() []uint16 {
	var ports []uint16
	for _, l := range r.legs {
		ports = append(ports, l.port)
	}
	return ports
}

// Serve relays until the process ends.
func (r *Relay) Serve() {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 1600)
	for {
		// Nothing else runs in this process: its wait need not be told to the scheduler either.
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epfd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), ^uintptr(0), 0, 0)
		if errno != 0 {
			continue // EINTR
		}
		for _, e := range events[:n] {
			r.legs[e.Fd].relay(buf)
		}
	}
}

// relay moves one datagram. The sockets do not block, so the system calls need
// not tell the scheduler.
func (l *leg) relay(buf []byte) {
	var from unix.RawSockaddrInet4
	size := uint32(unix.SizeofSockaddrInet4)
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(l.fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 || n < 12 || buf[0]>>6 != 2 {
		return
	}
	o := l.other
	_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(o.fd), uintptr(unsafe.Pointer(&buf[0])), n,
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&o.to)), unix.SizeofSockaddrInet4)
}

// Close closes the sockets. Serve must not be running.
func (r *Relay) Close() {
	for _, l := range r.legs {
		unix.Close(l.fd)
	}
	unix.Close(r.epfd)
}
