package load

import (
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stamp has the kernel say when each datagram came.
func stamp(c *net.UDPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
}

// stamped reads when it came; now, where the kernel does not say.
func stamped(control []byte) time.Time {
	all, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range all {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			return time.Unix(0, (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano())
		}
	}
	return time.Now()
}
