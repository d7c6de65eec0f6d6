package media

import (
	"log/slog"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKernelSeamLeavesNoDescriptor(t *testing.T) {
	before := descriptors(t)
	for range 3 {
		e, err := New(Config{PortMin: 20000, PortMax: 60000, Emit: func(Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		b := e.NewBridge("b")
		for range 10 {
			if _, err := b.NewSession(SessionConfig{ID: "x", Bind: netip.MustParseAddr("127.0.0.1")}); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("got %d descriptors after, %d before, want none left", after, before)
	}
}

// descriptors counts this process's sockets and event descriptors.
func descriptors(t *testing.T) int {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

func TestKernelSocketsAreMarkedForSpeech(t *testing.T) {
	w, err := newWaiter(nil, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		s, err := w.open(netip.MustParseAddrPort(addr))
		if err != nil {
			t.Fatalf("%s: %v", addr, err)
		}
		checkExpedited(t, s)
		w.discard(s)
	}
	if _, err := w.open(netip.AddrPort{}); err == nil {
		t.Error("got a socket without an address")
	}
}

func checkExpedited(t *testing.T, s *socket) {
	t.Helper()
	level, option := unix.IPPROTO_IP, unix.IP_TOS
	if s.inet6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	if got, err := unix.GetsockoptInt(s.fd, level, option); err != nil || got != expedited {
		t.Errorf("%v: got traffic class %#x, %v, want EF %#x", s.addr, got, err, expedited)
	}
	if got, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || got != 2*socketBuffer {
		t.Errorf("%v: got receive buffer %d, %v, want %d", s.addr, got, err, 2*socketBuffer)
	}
}
