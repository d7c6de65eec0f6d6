package sip

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sipgo sends in-dialog requests to the contact, where nobody listens; or, with WithClientConnectionAddr, to whoever connected last.
func TestInDialogRequestOverTCPUsesTheDialogsConnection(t *testing.T) {
	r := newKernelRig(t)
	a := dialFrom(t, "127.0.0.2", r.tcp)
	l, tag := a.up(r, "one")
	other := dialFrom(t, "127.0.0.2", r.tcp)
	other.up(r, "two") // connected later
	l.Reoffer([]byte(rigSDP))
	inv := a.expect("INVITE sip:a@127.0.0.2:9;transport=tcp ")
	if !strings.Contains(inv.hdr("Via"), "SIP/2.0/TCP "+r.tcp) || inv.hdr("Contact") != "<sip:trunkline@"+r.tcp+";transport=tcp>" {
		t.Errorf("Via %q, Contact %q: want our listener's address", inv.hdr("Via"), inv.hdr("Contact"))
	}
	a.request("BYE", "one", tag, 2, "")
	a.expect("SIP/2.0 200")
	if ev, ok := r.next().(Ended); !ok || ev.By != Theirs {
		t.Errorf("got %+v, want Theirs", ev)
	}
}

func TestRequestOverTCPNeverReachesAnotherPeer(t *testing.T) {
	carrier, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer carrier.Close()
	r := newKernelRig(t, func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{ID: "tcp", Host: carrier.Addr().String(), Transport: "tcp"})
	})
	other := dialFrom(t, "127.0.0.2", r.tcp)
	other.up(r, "other")
	l := r.e.Dial(Dial{To: Target{Trunk: "tcp"}, User: "+1415", Offer: []byte(rigSDP)})
	conn, err := carrier.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := &tcpPeer{t: t, Conn: conn, r: bufio.NewReader(conn)}
	inv := p.expect("INVITE sip:+1415@127.0.0.3")
	if !strings.Contains(inv.text, ";transport=tcp SIP/2.0") {
		t.Errorf("got %q, want transport=tcp", inv.text)
	}
	_ = other.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := other.r.Peek(1); err == nil {
		t.Errorf("another peer got %q, want nothing", b)
	}
	fmt.Fprintf(conn, "SIP/2.0 486 Busy Here\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=x\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		inv.hdr("Via"), inv.hdr("From"), inv.hdr("To"), inv.hdr("Call-ID"))
	p.expect("ACK ")
	if ev, ok := r.next().(Ended); !ok || ev.Code != 486 || ev.Leg != l.ID() {
		t.Errorf("got %+v, want 486", ev)
	}
}

func TestRefusedTCPConnectionFailsTheLegAtOnce(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := gone.Addr().String()
	_ = gone.Close()
	r := newKernelRig(t, func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{ID: "tcp", Host: addr, Transport: "tcp"})
	})
	r.e.Dial(Dial{To: Target{Trunk: "tcp"}, User: "+1415"})
	if ev, ok := r.next().(Ended); !ok || ev.By != Failed || ev.Code != 503 || ev.Err == nil {
		t.Errorf("got %+v, want Failed 503", ev)
	}
}

// A bad message ended the connection, and a whole carrier with it.
func TestBadMessageOnAStreamCostsThatMessageOnly(t *testing.T) {
	r := newKernelRig(t)
	p := dialFrom(t, "127.0.0.2", r.tcp)
	fmt.Fprint(p, "\r\n\r\n") // keep-alive: answered with a pong
	pong := make([]byte, 2)
	if _, err := io.ReadFull(p.r, pong); err != nil || string(pong) != "\r\n" {
		t.Fatalf("pong: got %q, %v", pong, err)
	}
	fmt.Fprint(p, "INVITE sip:a@b SIP/2.0\r\nVia: garbage\r\nContent-Length: 4\r\n\r\nbody")
	p.up(r, "after")
	if n := r.e.Stats().Malformed; n != 1 {
		t.Errorf("malformed: got %d, want 1", n)
	}
	// No message boundary: nothing is left but to close.
	fmt.Fprint(p, "OPTIONS sip:a@b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n")
	_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := p.r.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the connection closed", err)
	}
}

func TestBigMessagesCrossTheKernelsUDP(t *testing.T) {
	r := newKernelRig(t)
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(r.udp))
	big := rigSDP + strings.Repeat("a=x-filler:0123456789\r\n", 400)
	fmt.Fprintf(connTo{c, to}, "INVITE sip:+1415@x SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKbig;rport\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: big\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", c.LocalAddr(), len(big), big)
	ev, ok := r.next().(Invited)
	if !ok || string(ev.Offer) != big {
		t.Fatalf("got %d bytes, want %d", len(ev.Offer), len(big))
	}
	ev.Leg.Answer([]byte(big))
	b := make([]byte, 65536)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(b[:n]), "SIP/2.0 200") {
			if !strings.HasSuffix(string(b[:n]), big) {
				t.Errorf("got %d bytes, want the whole answer", n)
			}
			return
		}
	}
}

type connTo struct {
	*net.UDPConn
	to *net.UDPAddr
}

func (c connTo) Write(b []byte) (int, error) { return c.WriteTo(b, c.to) }

// pipeListener accepts net.Pipe ends, which keep deadlines in virtual time.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060} }

type pipeEnd struct {
	net.Conn
	remote *net.TCPAddr
}

func (p pipeEnd) RemoteAddr() net.Addr { return p.remote }
func (p pipeEnd) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060} }

// connect returns the far end of a new connection from an address.
func (l *pipeListener) connect(ip string, port int) net.Conn {
	near, far := net.Pipe()
	l.conns <- pipeEnd{near, &net.TCPAddr{IP: net.ParseIP(ip), Port: port}}
	return far
}

func TestSilentAndSlowTCPPeersAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		r := newRig(t, func(c *Config) { c.TCP = []net.Listener{l} })
		defer r.close()
		idle := "ACK sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: i\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
		for _, c := range []struct {
			name, from, drip string
			after            time.Duration
		}{
			{"silent stranger", "198.51.100.9", "", silentFor},
			{"silent trunk", "10.0.0.2", "", silentFor},
			{"unfinished message of a stranger", "198.51.100.9", "INVITE sip:a@b SIP/2.0\r\n", messageWithin},
			{"unfinished message of a trunk", "10.0.0.2", "INVITE sip:a@b SIP/2.0\r\n", messageWithin},
			{"idle trunk", "10.0.0.2", idle, friendIdle},
			{"idle stranger", "198.51.100.9", idle, silentFor},
		} {
			far := l.connect(c.from, 40000)
			start := time.Now()
			go func() {
				for c.drip != "" {
					if _, err := io.WriteString(far, c.drip); err != nil {
						return
					}
					if c.drip == idle {
						return
					}
					c.drip = "X: y\r\n"
					time.Sleep(time.Second)
				}
			}()
			if _, err := far.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s: got %v, want EOF", c.name, err)
			}
			if d := time.Since(start); d < c.after || d > c.after+2*time.Second {
				t.Errorf("%s: cut off after %v, want %v", c.name, d, c.after)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

func TestConnectionsOfOneHostAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		r := newRig(t, func(c *Config) { c.TCP = []net.Listener{l} })
		defer r.close()
		for i := range maxConnsOfHost {
			l.connect("198.51.100.9", 20000+i)
		}
		over := l.connect("198.51.100.9", 50000)
		if _, err := over.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v, want EOF", err)
		}
		l.connect("198.51.100.8", 50000) // another host is served
		synctest.Wait()
		if got := r.e.Stats().TCPRefused; got != 1 {
			t.Errorf("refused: got %d, want 1", got)
		}
		if got := len(r.e.conns.byPeer); got != maxConnsOfHost+1 {
			t.Errorf("connections: got %d, want %d", got, maxConnsOfHost+1)
		}
	})
}

// An office behind one NAT has more phones than a stranger may have
// connections.
func TestConnectionsOfOneFriendlyHostAreMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		r := newRig(t, func(c *Config) { c.TCP = []net.Listener{l} })
		defer r.close()
		r.e.conns.limit = 3 * maxConnsOfHost
		office := netip.MustParseAddrPort("198.51.100.9:20000")
		for i := range maxConnsOfHost {
			l.connect(office.Addr().String(), 20000+i)
		}
		synctest.Wait()
		r.e.befriend(&flow{source: office})
		for i := range maxConnsOfHost {
			l.connect(office.Addr().String(), 30000+i)
		}
		synctest.Wait()
		most := 3 * maxConnsOfHost / 2 // half of all: the rest is for others
		if got := len(r.e.conns.byPeer); got != most {
			t.Errorf("connections of a friend: got %d, want %d", got, most)
		}
		for i := range 3 { // however many hosts: no more than the limit
			for j := range maxConnsOfHost {
				l.connect(fmt.Sprintf("198.51.100.%d", 20+i), 20000+j)
			}
		}
		synctest.Wait()
		// Strangers leave a quarter to those who are known.
		if got, most := len(r.e.conns.byPeer), r.e.conns.limit*3/4; got != most {
			t.Errorf("connections in all: got %d, want %d", got, most)
		}
	})
}

func TestConnectionsAreAsManyAsTheSystemsFilesAllow(t *testing.T) {
	for _, c := range []struct {
		files uint64
		want  int
	}{{0, 4096}, {256, 128}, {1024, 512}, {20000, 10000}, {40000, 28000}, {65536, 32768}, {1 << 63, 32768}} {
		if got := connLimit(c.files); got != c.want {
			t.Errorf("%d files: got %d connections, want %d", c.files, got, c.want)
		}
	}
	if openFiles() == 0 {
		t.Error("files this process may open: got 0, want the limit")
	}
}

// The kernel would take any address of ours; the peer knows the listener's.
func TestConnectionsLeaveFromTheListenersAddress(t *testing.T) {
	carrier, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer carrier.Close()
	own, err := Listen([]string{"tcp://127.0.0.5:0"})
	if err != nil {
		t.Fatal(err)
	}
	r := newKernelRig(t, func(c *Config) {
		_ = c.TCP[0].Close()
		c.TCP = own.TCP
		c.Trunks = append(c.Trunks, Trunk{ID: "tcp", Host: carrier.Addr().String(), Transport: "tcp"})
	})
	r.e.Dial(Dial{To: Target{Trunk: "tcp"}, User: "+1415"})
	conn, err := carrier.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.RemoteAddr().(*net.TCPAddr).IP.String(); got != "127.0.0.5" {
		t.Errorf("connected from %s, want 127.0.0.5", got)
	}
}

func TestStreamIsCutIntoMessages(t *testing.T) {
	a, b := "OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc", "BYE sip:a SIP/2.0\r\nContent-Length : 0\r\n\r\n"
	for step := 1; step < 40; step++ {
		var s stream
		var got []string
		in := "\r\n" + a + b + "\r\n\r\n" + a
		for in != "" {
			n := copy(s.room(), in[:min(step, len(in))])
			s.add(n)
			in = in[n:]
			for {
				m, ping, err := s.next()
				if err != nil {
					t.Fatal(err)
				}
				if ping {
					continue
				}
				if m == nil {
					break
				}
				got = append(got, string(m))
			}
		}
		if strings.Join(got, "|") != a+"|"+b+"|"+a {
			t.Errorf("step %d: got %q", step, got)
		}
	}
	for _, bad := range []string{"A sip:a SIP/2.0\r\n\r\n", "A sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", "A sip:a SIP/2.0\r\nl: -1\r\n\r\n", "A sip:a SIP/2.0\r\nl: 99999\r\n\r\n"} {
		var s stream
		s.add(copy(s.room(), bad))
		if _, _, err := s.next(); err == nil {
			t.Errorf("%q: got no error, want one", bad)
		}
	}
}
