package simnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	hostA = netip.MustParseAddr("10.0.0.1")
	hostB = netip.MustParseAddr("10.0.0.2")
)

func listen(t *testing.T, n *Net, addr string) net.PacketConn {
	t.Helper()
	c, err := n.ListenPacket(netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// got reads what arrives within d, as text.
func got(t *testing.T, c net.PacketConn, d time.Duration) []string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	var out []string
	b := make([]byte, 2048)
	for {
		n, _, err := c.ReadFrom(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b[:n]))
	}
}

func send(t *testing.T, from, to net.PacketConn, text string) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

func TestDatagramArrivesAfterTheLatencyWithItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Latency(7 * time.Millisecond))
		a, b := listen(t, n, "10.0.0.1:5060"), listen(t, n, "10.0.0.2:0")
		start := time.Now()
		send(t, a, b, "hello")
		buf := make([]byte, 3)
		k, from, err := b.ReadFrom(buf)
		if err != nil || string(buf[:k]) != "hel" || from.String() != "10.0.0.1:5060" {
			t.Errorf("got %q from %v, %v; want \"hel\" (cut to the buffer) from 10.0.0.1:5060", buf[:k], from, err)
		}
		if _, ok := from.(*net.UDPAddr); !ok {
			t.Errorf("got source of type %T, want *net.UDPAddr", from)
		}
		if d := time.Since(start); d != 7*time.Millisecond {
			t.Errorf("got arrival after %v, want 7ms", d)
		}
	})
}

func TestListenRefusesTakenWildcardAndClosed(t *testing.T) {
	n := New()
	c := listen(t, n, "10.0.0.1:5060")
	if _, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.1:5060")); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v for a taken port, want EADDRINUSE", err)
	}
	if _, err := n.ListenPacket(netip.MustParseAddrPort("0.0.0.0:5060")); !errors.Is(err, ErrWildcard) {
		t.Errorf("got %v for a wildcard, want ErrWildcard", err)
	}
	c.Close()
	if d, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.1:5060")); err != nil {
		t.Errorf("got %v, want the closed port free again", err)
	} else {
		d.Close()
	}
	n.Close()
	if _, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.1:5061")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v on a closed network, want net.ErrClosed", err)
	}
}

func TestPortZeroGivesDifferentPorts(t *testing.T) {
	n := New()
	seen := map[string]bool{}
	for range 100 {
		c := listen(t, n, "10.0.0.1:0")
		if a := c.LocalAddr().String(); seen[a] {
			t.Fatalf("got %s twice", a)
		} else {
			seen[a] = true
		}
	}
	if len(n.Open()) != 100 {
		t.Errorf("got %d open sockets, want 100", len(n.Open()))
	}
}

func TestReadDeadlineWakesABlockedReaderAndCanBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		c := listen(t, n, "10.0.0.1:1")
		start := time.Now()
		done := make(chan error, 1)
		go func() { _, _, err := c.ReadFrom(make([]byte, 1)); done <- err }()
		synctest.Wait()
		c.SetReadDeadline(start.Add(time.Hour))
		c.SetReadDeadline(start.Add(2 * time.Second)) // earlier than the one it waits for
		err := <-done
		var ne net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != 2*time.Second {
			t.Errorf("got %v after %v, want a timeout after 2s", err, time.Since(start))
		}
		if _, _, err := c.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v with the deadline passed, want a timeout at once", err)
		}
		c.SetDeadline(start) // writes too
		if _, err := c.WriteTo([]byte("x"), c.LocalAddr()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want a write timeout", err)
		}
		c.SetDeadline(time.Time{})
		send(t, c, c, "x")
		if k, _, err := c.ReadFrom(make([]byte, 9)); k != 1 || err != nil {
			t.Errorf("got %d, %v after the deadline was removed, want 1 byte", k, err)
		}
	})
}

func TestCloseUnblocksEveryReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, New(), "10.0.0.1:1")
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v, want net.ErrClosed", err)
				}
			})
		}
		synctest.Wait()
		c.Close()
		wg.Wait()
		if _, err := c.WriteTo([]byte("x"), c.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v from a write, want net.ErrClosed", err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v from the second Close, want net.ErrClosed", err)
		}
	})
}

func TestFullQueueAndAbsentSocketAreCountedNotBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1")
		for range queueLimit + 10 {
			send(t, a, b, "x")
		}
		a.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 9})
		time.Sleep(time.Second)
		c := n.Counts()
		if c.Overflow != 10 || c.Nobody != 1 || c.Delivered != queueLimit {
			t.Errorf("got %+v, want 10 overflowed, 1 to nobody, %d delivered", c, queueLimit)
		}
		if _, err := a.WriteTo(make([]byte, 65508), b.LocalAddr()); !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("got %v for 65,508 bytes, want EMSGSIZE", err)
		}
	})
}

func TestOneFlowKeepsItsOrderUnderJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		n.SetFault(Fault{Jitter: 40 * time.Millisecond, Delay: 40 * time.Millisecond})
		a, b := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1")
		for i := range 200 {
			send(t, a, b, fmt.Sprintf("%03d", i))
			time.Sleep(time.Millisecond)
		}
		all := got(t, b, time.Second)
		if len(all) != 200 {
			t.Fatalf("got %d, want 200", len(all))
		}
		for i, s := range all {
			if s != fmt.Sprintf("%03d", i) {
				t.Fatalf("got %s at place %d, want the order sent", s, i)
			}
		}
	})
}

func TestChanceComesFromTheSeedAndTheFlow(t *testing.T) {
	run := func(seed uint64) (out string) {
		synctest.Test(t, func(t *testing.T) {
			n := New(Seed(seed))
			n.SetFault(Fault{To: hostB, Loss: 0.3, Duplicate: 0.1, Reorder: 0.1, ReorderBy: 3 * time.Millisecond})
			a, b := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1")
			for i := range 300 {
				send(t, a, b, fmt.Sprint(i))
				send(t, b, a, "back")
				time.Sleep(time.Millisecond)
			}
			out = strings.Join(got(t, b, time.Second), " ")
			if back := got(t, a, time.Second); len(back) != 300 {
				t.Errorf("got %d in the direction without fault, want 300", len(back))
			}
		})
		return out
	}
	one := run(7)
	if again := run(7); again != one {
		t.Errorf("got another result from the same seed:\n%s\n%s", one, again)
	}
	if run(8) == one {
		t.Errorf("got the same result from another seed")
	}
	words := strings.Fields(one)
	if len(words) < 190 || len(words) > 270 {
		t.Errorf("got %d of 300 at 30 %% loss and 10 %% duplication, want about 231", len(words))
	}
	swaps, dups, prev := 0, 0, -1
	for _, w := range words {
		var i int
		fmt.Sscan(w, &i)
		switch {
		case i < prev:
			swaps++
		case i == prev:
			dups++
		}
		prev = i
	}
	if swaps == 0 || dups == 0 {
		t.Errorf("got %d reordered and %d duplicated, want some of each", swaps, dups)
	}
}

func TestExactRulesActOnWhatTheyName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1")
		is := func(s string) func(Packet) bool {
			return func(p Packet) bool { return string(p.Payload) == s }
		}
		drop := n.Drop(Nth(2, is("x")))
		n.Delay(is("late"), 100*time.Millisecond)
		n.Duplicate(is("twice"))
		n.Change(is("old"), func(Packet) []byte { return []byte("new") })
		hold := n.Hold(First(1, is("kept")))
		for _, s := range []string{"x", "x", "x", "late", "twice", "old", "kept", "kept"} {
			send(t, a, b, s)
		}
		if g, w := fmt.Sprint(got(t, b, time.Second)), "[x x twice twice new kept late]"; g != w {
			t.Errorf("got %s, want %s", g, w)
		}
		if drop.Hits() != 1 || hold.Hits() != 1 {
			t.Errorf("got %d and %d hits, want 1 and 1", drop.Hits(), hold.Hits())
		}
		hold.Release()
		if g := fmt.Sprint(got(t, b, time.Second)); g != "[kept]" {
			t.Errorf("got %s, want the held one", g)
		}
		drop.Remove()
	})
}

func TestUnpluggedHostAndPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1")
		send(t, a, b, "in flight")
		n.Unplug(hostB)
		send(t, b, a, "from unplugged")
		if g := len(got(t, b, time.Second)) + len(got(t, a, time.Second)); g != 0 {
			t.Errorf("got %d datagrams past a pulled cable, want 0", g)
		}
		n.Plug(hostB)
		n.Partition(hostA, hostB)
		send(t, a, b, "cut")
		n.Heal(hostA, hostB)
		send(t, a, b, "healed")
		if g := fmt.Sprint(got(t, b, time.Second)); g != "[healed]" {
			t.Errorf("got %s, want [healed]", g)
		}
	})
}

func TestNatGivesEachPeerItsOwnPortAndLetsNobodyElseIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		box := n.Nat(netip.MustParsePrefix("192.168.1.0/24"), netip.MustParseAddr("203.0.113.9"))
		phone := listen(t, n, "192.168.1.20:5060")
		sw, other := listen(t, n, "10.0.0.1:5060"), listen(t, n, "10.0.0.2:5060")
		seen := func(c net.PacketConn) net.Addr {
			_, from, err := c.ReadFrom(make([]byte, 99))
			if err != nil {
				t.Fatal(err)
			}
			return from
		}
		send(t, phone, sw, "1")
		first := seen(sw)
		send(t, phone, other, "2")
		second := seen(other)
		if !strings.HasPrefix(first.String(), "203.0.113.9:") || first.String() == second.String() {
			t.Errorf("got sources %v and %v, want two ports of 203.0.113.9", first, second)
		}
		sw.WriteTo([]byte("in"), first)
		other.WriteTo([]byte("stranger"), first)
		send(t, sw, phone, "to the private address")
		if g := fmt.Sprint(got(t, phone, time.Second)); g != "[in]" {
			t.Errorf("got %s inside, want only the peer's [in]", g)
		}
		box.Rebind()
		sw.WriteTo([]byte("stale"), first)
		if g := got(t, phone, time.Second); len(g) != 0 {
			t.Errorf("got %q by a forgotten mapping, want nothing", g)
		}
		send(t, phone, sw, "3")
		if third := seen(sw); third.String() == first.String() {
			t.Errorf("got the old port %v after Rebind, want a new one", third)
		}
	})
}

func TestNothingIsLeftRunning(t *testing.T) {
	// The bubble itself fails if a goroutine is left; datagrams in flight and
	// armed deadlines must not hold it.
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.1:1"))
		if err != nil {
			t.Fatal(err)
		}
		a.SetReadDeadline(time.Now().Add(time.Hour))
		a.WriteTo([]byte("x"), a.LocalAddr())
		n.Close()
		n.Close()
	})
}

func TestOutsideABubbleTheClockIsReal(t *testing.T) {
	n := New()
	a, b := listen(t, n, "10.0.0.1:1"), listen(t, n, "10.0.0.2:1")
	start := time.Now()
	send(t, a, b, "x")
	if _, _, err := b.ReadFrom(make([]byte, 1)); err != nil || time.Since(start) < DefaultLatency {
		t.Errorf("got %v after %v, want a datagram after 5ms at the earliest", err, time.Since(start))
	}
}

// BenchmarkRTP is 100 flows of 50 packets/s for a second of virtual time per
// iteration.
func BenchmarkRTP(b *testing.B) {
	n := New(Latency(0))
	var conns []net.PacketConn
	for i := range 100 {
		c, _ := n.ListenPacket(netip.AddrPortFrom(hostA, uint16(i+1)))
		conns = append(conns, c)
		go func() {
			buf := make([]byte, 1500)
			for {
				if _, _, err := c.(*conn).ReadFromUDPAddrPort(buf); err != nil {
					return
				}
			}
		}()
	}
	pkt := make([]byte, 172)
	pkt[0] = 0x80
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range conns {
			c.(*conn).WriteToUDPAddrPort(pkt, conns[0].(*conn).addr)
		}
	}
	n.Close()
}

func TestRefusedSenderIsToldWhereThatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Refusals())
		a := listen(t, n, "10.0.0.1:1")
		if _, err := a.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:2"))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.ReadFrom(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want ECONNREFUSED", err)
		}
	})
}
