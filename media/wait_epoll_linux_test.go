package media

import (
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

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

func TestIPv6OnTheKernel(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{}, loopback{}, nil, netip.MustParseAddr("::1"))
	a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
	a.say(440)
	b.say(620)
	r.bridge.Join(a.s, b.s)
	a.hears(a.next(24)[10:], tones, 620)
	b.hears(b.next(20), tones, 440)
}

func TestEpollWaitsUntilItsMomentOrAWake(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		w, err := newEpollWaiter()
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		w.coarse = coarse
		waited := func(d int64) time.Duration {
			began := time.Now()
			w.doze()
			w.wait(d)
			if _, _, _, ok := w.receive(make([]byte, maxDatagram)); ok {
				t.Error("got a packet from nowhere")
			}
			return time.Since(began)
		}
		if got := waited(int64(2500 * time.Microsecond)); got < 2500*time.Microsecond {
			t.Errorf("coarse %v: got back after %v, want 2.5 ms", coarse, got)
		}
		w.doze()
		woken := make(chan struct{})
		go func() { w.wake(); close(woken) }()
		w.wait(-1)
		<-woken
		w.doze()
		w.wait(0) // a signal of the runtime's may have come before the wake
		if _, _, _, ok := w.receive(make([]byte, maxDatagram)); ok {
			t.Error("got a packet from a wake")
		}
		if got := waited(int64(2 * ms)); got < 2*ms {
			t.Errorf("coarse %v: got back after %v, want 2 ms: a wake counts once", coarse, got)
		}
		w.wake() // nobody dozes
		if got := waited(int64(2 * ms)); got < 2*ms {
			t.Errorf("coarse %v: got back after %v, want 2 ms: a wake of the waking is forgotten", coarse, got)
		}
	}
}

func TestKernelSeamDoesNotAllocate(t *testing.T) {
	w, err := newEpollWaiter()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		s, err := w.open(netip.MustParseAddrPort(addr))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.add(s); err != nil {
			t.Fatal(err)
		}
		to := s.addr
		switch sa, _ := unix.Getsockname(s.fd); sa := sa.(type) {
		case *unix.SockaddrInet4:
			to = netip.AddrPortFrom(to.Addr(), uint16(sa.Port))
		case *unix.SockaddrInet6:
			to = netip.AddrPortFrom(to.Addr(), uint16(sa.Port))
		}
		in, out := make([]byte, maxDatagram), make([]byte, 172)
		got := testing.AllocsPerRun(100, func() {
			w.send(s, out, to)
			w.doze()
			w.wait(int64(time.Second))
			from, n, sock, ok := w.receive(in)
			if !ok || n != len(out) || sock != s || from != to {
				t.Errorf("got %d bytes from %v on %v, want %d from %v", n, from, sock, len(out), to)
			}
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations a packet, want 0", addr, got)
		}
		w.remove(s)
	}
}
