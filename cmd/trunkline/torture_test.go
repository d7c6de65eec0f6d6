package main

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
	"trunkline/sip"
)

const tortures = "../../testdata/torture"

// torture is one row of the table: what a message gets over UDP and TCP.
type torture struct {
	file     string
	udp, tcp string // codes of the final responses in order; "silence"; "close": and the connection ends
	why      string
}

// readTortures reads testdata/torture/table.txt, which must name every message.
func readTortures(t *testing.T) []torture {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tortures, "table.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []torture
	listed := map[string]bool{}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			t.Fatalf("table.txt:%d: got %d cells, want message | UDP | TCP | why", i+1, len(cells))
		}
		for c := range cells {
			cells[c] = strings.TrimSpace(cells[c])
		}
		rows = append(rows, torture{cells[0], cells[1], cells[2], cells[3]})
		listed[cells[0]] = true
	}
	for _, dir := range []string{"rfc4475", "rfc5118"} {
		files, err := os.ReadDir(filepath.Join(tortures, dir))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %d files, %v", dir, len(files), err)
		}
		for _, f := range files {
			if name := dir + "/" + f.Name(); !listed[name] {
				t.Errorf("%s is not in table.txt", name)
			}
		}
	}
	return rows
}

// tormentor is a carrier's address from which anything may come, and what the
// switch sends back to it.
type tormentor struct {
	*story
	listener *tcpPipe

	mu   sync.Mutex
	said []string // codes of final responses, in order, repetitions left out
	seen map[string]bool
}

func openTormentor(t *testing.T) *tormentor {
	m := &tormentor{listener: newTCPPipe()}
	m.story = open(t, supportTeam+queueFlow, func(s *story, w *world) {
		w.listen = func([]string) (sip.Sockets, error) {
			conn, err := s.net.ListenPacket(switchAddr)
			return sip.Sockets{UDP: []net.PacketConn{conn}, TCP: []net.Listener{m.listener}}, err
		}
		w.trace = m.hear
	})
	return m
}

func (m *tormentor) hear(msg sip.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if msg.In || m.seen[string(msg.Raw)] {
		return
	}
	code := "a request"
	if rest, ok := bytes.CutPrefix(msg.Raw, []byte("SIP/2.0 ")); ok && len(rest) > 3 {
		code = string(rest[:3])
	}
	if code[0] == '1' {
		return
	}
	m.seen[string(msg.Raw)] = true
	m.said = append(m.said, code)
}

// after tells what was said to a message within a transaction's life.
func (m *tormentor) after(send func()) string {
	m.mu.Lock()
	m.said, m.seen = nil, map[string]bool{}
	m.mu.Unlock()
	send()
	time.Sleep(40 * time.Second)
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.said) == 0 {
		return "silence"
	}
	return strings.Join(m.said, " ")
}

func TestTortureMessagesGetWhatTheirRFCAsks(t *testing.T) {
	rows := readTortures(t)
	synctest.Test(t, func(t *testing.T) {
		m := openTormentor(t)
		for _, row := range rows {
			text, err := os.ReadFile(filepath.Join(tortures, row.file))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.after(func() { m.net.Send(netip.MustParseAddrPort("10.0.0.9:6060"), switchAddr, text) }); got != row.udp {
				t.Errorf("%s over UDP: got %s, want %s (%s)", row.file, got, row.udp, row.why)
			}
			closed := make(chan struct{})
			got := m.after(func() {
				far := m.listener.connect("10.0.0.9", 6060)
				go func() {
					_, _ = io.Copy(io.Discard, far)
					close(closed)
				}()
				_, _ = far.Write(text)
				t.Cleanup(func() { _ = far.Close() })
			})
			select {
			case <-closed:
				got += " close"
			default:
			}
			if got != row.tcp {
				t.Errorf("%s over TCP: got %s, want %s (%s)", row.file, got, row.tcp, row.why)
			}
		}
		// Whatever came, the next caller is served.
		ann := m.agent("ann", annTone, simphone.Ring().Answer())
		c := m.dial()
		m.answered(c)
		m.gets(ann)
		c.MustBye(t)
		m.ended(c)
		time.Sleep(time.Minute)
		if s := m.house.sip.Stats(); s.Panics > 0 || s.Legs > 0 {
			t.Errorf("afterwards: got %d panics, %d legs, want none", s.Panics, s.Legs)
		}
		m.stop()
		m.listener.hangUp()
	})
}

// tcpPipe is a listener whose connections keep deadlines in virtual time.
type tcpPipe struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu  sync.Mutex
	far []net.Conn
}

func newTCPPipe() *tcpPipe {
	return &tcpPipe{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *tcpPipe) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *tcpPipe) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *tcpPipe) Addr() net.Addr { return net.TCPAddrFromAddrPort(switchAddr) }

// connect returns the far end of a new connection from an address.
func (l *tcpPipe) connect(ip string, port int) net.Conn {
	near, far := net.Pipe()
	l.mu.Lock()
	l.far = append(l.far, far)
	port += len(l.far)
	l.mu.Unlock()
	l.conns <- tcpEnd{near, &net.TCPAddr{IP: net.ParseIP(ip), Port: port}}
	return far
}

func (l *tcpPipe) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.far {
		_ = c.Close()
	}
}

type tcpEnd struct {
	net.Conn
	remote *net.TCPAddr
}

func (e tcpEnd) RemoteAddr() net.Addr { return e.remote }
func (e tcpEnd) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(switchAddr) }
