package bench

import (
	bigEndian "encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// streams are the parties of relayed calls: each sends 50 packets of 172 bytes
// a second and receives its other party's. A packet carries its time of
// sending; the kernel stamps its arrival, so that our own scheduling does not
// count.
type streams struct {
	fds   []int
	addrs []netip.AddrPort
	to    []unix.RawSockaddrInet4
	epfd  int

	sent, received int
	late           int // sent more than 5 ms after their moment
	latency        []time.Duration
}

const (
	packetSize = 172 // RTP with 20 ms of G.711
	frameTime  = 20 * time.Millisecond
	stampAt    = 16 // offset of the time of sending; before it a mark
	mark       = 0x7472756e
)

func openStreams(tb testing.TB, n int) *streams {
	tb.Helper()
	s := &streams{}
	var err error
	if s.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			tb.Fatal(err)
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			tb.Fatal(err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
			tb.Fatal(err)
		}
		name, err := unix.Getsockname(fd)
		if err != nil {
			tb.Fatal(err)
		}
		port := uint16(name.(*unix.SockaddrInet4).Port)
		s.fds = append(s.fds, fd)
		s.addrs = append(s.addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(s.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(func() {
		for _, fd := range s.fds {
			unix.Close(fd)
		}
		unix.Close(s.epfd)
	})
	return s
}

// sendTo says where each party's packets go.
func (s *streams) sendTo(ports []uint16) {
	for _, p := range ports {
		s.to = append(s.to, unix.RawSockaddrInet4{Family: unix.AF_INET, Port: p<<8 | p>>8, Addr: [4]byte{127, 0, 0, 1}})
	}
}

// run sends for so long, spread over 1 ms slots at absolute moments, and
// receives meanwhile and for a second more.
func (s *streams) run(lasts time.Duration, measured func()) {
	over := make(chan struct{})
	done := make(chan struct{})
	go s.receive(over, done)
	s.transmit(lasts)
	measured()
	time.Sleep(time.Second) // what is under way arrives
	close(over)
	<-done
}

func (s *streams) transmit(lasts time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const slots = int(frameTime / time.Millisecond)
	b := make([]byte, packetSize)
	b[0] = 2 << 6
	bigEndian.BigEndian.PutUint32(b[12:], mark)
	began := time.Now()
	for slot := 0; slot < int(lasts/time.Millisecond); slot++ {
		due := began.Add(time.Duration(slot) * time.Millisecond)
		if d := time.Until(due); d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			_ = unix.Nanosleep(&ts, nil)
		} else if d < -5*time.Millisecond {
			s.late++
		}
		frame := slot / slots
		for i := slot % slots; i < len(s.fds); i += slots {
			bigEndian.BigEndian.PutUint16(b[2:], uint16(frame))
			bigEndian.BigEndian.PutUint32(b[4:], uint32(frame*160))
			bigEndian.BigEndian.PutUint32(b[8:], uint32(i+1))
			bigEndian.BigEndian.PutUint64(b[stampAt:], uint64(time.Now().UnixNano()))
			_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fds[i]), uintptr(unsafe.Pointer(&b[0])), packetSize,
				unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&s.to[i])), unix.SizeofSockaddrInet4)
			if errno == 0 {
				s.sent++
			}
		}
	}
}

func (s *streams) receive(over, done chan struct{}) {
	defer close(done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, 512)
	buf, control := make([]byte, 2048), make([]byte, 128)
	for {
		n, err := unix.EpollWait(s.epfd, events, 50)
		select {
		case <-over:
			return
		default:
		}
		if err != nil {
			continue
		}
		for _, e := range events[:n] {
			s.take(s.fds[e.Fd], buf, control)
		}
	}
}

// take receives one packet and its kernel time stamp.
func (s *streams) take(fd int, buf, control []byte) {
	iov := unix.Iovec{Base: &buf[0], Len: uint64(len(buf))}
	msg := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: &control[0], Controllen: uint64(len(control))}
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT)
	if errno != 0 || n != packetSize || bigEndian.BigEndian.Uint32(buf[12:]) != mark {
		return // not of the other party: silence from before it spoke, RTCP
	}
	s.received++
	head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if msg.Controllen >= unix.SizeofCmsghdr && head.Type == unix.SO_TIMESTAMPNS {
		at := (*unix.Timespec)(unsafe.Pointer(&control[unix.SizeofCmsghdr]))
		s.latency = append(s.latency, time.Duration(at.Nano()-int64(bigEndian.BigEndian.Uint64(buf[stampAt:]))))
	}
}

// quantile is the latency that so much of all packets had.
func (s *streams) quantile(q float64) time.Duration {
	if len(s.latency) == 0 {
		return 0
	}
	slices.Sort(s.latency)
	return s.latency[int(float64(len(s.latency)-1)*q)]
}

func (s *streams) String() string {
	return fmt.Sprintf("sent %d, lost %d, latency p50 %v p99 %v, %d slots sent late", s.sent, s.sent-s.received,
		s.quantile(.5).Round(time.Microsecond), s.quantile(.99).Round(time.Microsecond), s.late)
}
