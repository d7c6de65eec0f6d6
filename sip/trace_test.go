package sip

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// tracedFirst checks that what is written was traced before.
type tracedFirst struct {
	mu      sync.Mutex
	traced  [][]byte
	written int
	early   []string // written before it was traced
}

func (t *tracedFirst) trace(m Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !m.In {
		t.traced = append(t.traced, m.Raw)
	}
}

func (t *tracedFirst) wrote(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written >= len(t.traced) || !bytes.Equal(t.traced[t.written], b) {
		t.early = append(t.early, string(b))
	}
	t.written++
}

func (t *tracedFirst) check(tt *testing.T, atLeast int) {
	tt.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.early) > 0 {
		tt.Errorf("written before it was traced: %q", t.early)
	}
	if t.written < atLeast || t.written != len(t.traced) {
		tt.Errorf("got %d written, %d traced, want %d or more of both", t.written, len(t.traced), atLeast)
	}
}

type watchedPackets struct {
	net.PacketConn
	t *tracedFirst
}

func (w watchedPackets) WriteTo(b []byte, to net.Addr) (int, error) {
	w.t.wrote(b)
	return w.PacketConn.WriteTo(b, to)
}

type watchedConn struct {
	net.Conn
	t *tracedFirst
}

func (w watchedConn) Write(b []byte) (int, error) {
	w.t.wrote(b)
	return w.Conn.Write(b)
}

// After the write, the peer's answer could be traced first: a ladder in which
// effects came before their causes.
func TestWhatIsSentIsTracedBeforeThePeerCanReact(t *testing.T) {
	udp, tcp := &tracedFirst{}, &tracedFirst{}
	inBubble(t, func(r *rig) {
		r.peer(rigTrunk).call("udp").up()
		udp.check(t, 3)
	}, func(c *Config) {
		c.UDP[0] = watchedPackets{c.UDP[0], udp}
		c.Trace = udp.trace
	})
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		r := newRig(t, func(c *Config) {
			c.TCP = []net.Listener{l}
			c.Trace = tcp.trace
		})
		defer r.close()
		near, far := net.Pipe()
		l.conns <- watchedConn{pipeEnd{near, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 40000}}, tcp}
		_, _ = far.Write([]byte(strings.ReplaceAll(invalid{method: "OPTIONS"}.text(1), "UDP", "TCP")))
		if n, err := far.Read(make([]byte, 4096)); n == 0 || err != nil {
			t.Errorf("got %d bytes and %v, want an answer", n, err)
		}
		_ = far.Close()
		synctest.Wait()
		tcp.check(t, 1)
	})
}
