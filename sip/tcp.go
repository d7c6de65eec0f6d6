package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Limits on TCP, TLS included. A stranger may hold a connection for as long as one
// challenged REGISTER takes; whoever proved itself may stay, and a whole office
// may be behind one address of his.
const (
	maxConns       = 32768            // fewer where the system allows fewer files
	maxConnsOfHost = 128              // of a stranger's; a friend's: half of all
	filesForOthers = 12000            // what RTP, the store and recordings may have open
	silentFor      = 10 * time.Second // before the first message, and a stranger after it
	friendIdle     = 2 * time.Hour
	messageWithin  = 10 * time.Second // from a message's first byte to its last
	dialWithin     = 5 * time.Second
	writeWithin    = 10 * time.Second
	maxQueued      = 256 // messages waiting for a slow reader
)

var errSlow = errors.New("peer does not read")

// peerKey names a connection by its peer: never by our address, so that no
// request can reach whoever connected last (sipgo's pool keeps accepted
// connections under the listener's address too), and with what its certificate
// proved, so that none reaches another tenant of the peer's machine.
type peerKey struct {
	addr netip.AddrPort
	way
}

// connections are all TCP and TLS connections.
type connections struct {
	e       *Endpoint
	secured *tls.Config // of our listeners

	mu     sync.Mutex
	byPeer map[peerKey]*tcpConn
	ofHost map[netip.Addr]int
	limit  int
	down   bool
}

func newConnections(e *Endpoint) *connections {
	return &connections{e: e, limit: connLimit(openFiles()), secured: e.serverTLS(), byPeer: map[peerKey]*tcpConn{}, ofHost: map[netip.Addr]int{}}
}

// connLimit is how many connections a process that may have this many files
// open can afford; 0 files: not known.
func connLimit(files uint64) int {
	if files == 0 {
		return 4096
	}
	return int(min(maxConns, files-min(files/2, filesForOthers)))
}

// tcpConn is one connection: a reader and a writer goroutine, a bounded queue.
// Writes never block: a leg must not wait for a peer that does not read.
type tcpConn struct {
	e      *Endpoint
	local  netip.AddrPort // our listener's address, also when we opened the connection
	remote netip.AddrPort
	way    way         // TLS with a name: what the peer proved, or is to prove
	friend atomic.Bool // proved itself, or we called it

	out    chan []byte
	done   chan struct{}
	cancel context.CancelFunc // of the dialling; nil when accepted

	mu   sync.Mutex
	conn net.Conn // nil while dialling
	why  error    // of its end, if known
	shut bool
}

func (t *tcpConn) closed() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

func (t *tcpConn) write(b []byte) error {
	select {
	case <-t.done:
		return errClosed
	default:
	}
	select {
	case t.out <- bytes.Clone(b):
		return nil
	default:
		t.close()
		return errSlow
	}
}

// hangUp closes when all that was written before has left.
func (t *tcpConn) hangUp() {
	select {
	case t.out <- nil:
		<-t.done // the writer's deadline bounds it
	default:
	}
}

// close is idempotent. Transactions on the connection learn of it.
func (t *tcpConn) close() { t.fail(errClosed) }

// fail is close with the reason.
func (t *tcpConn) fail(why error) {
	t.mu.Lock()
	if t.shut {
		t.mu.Unlock()
		return
	}
	t.shut, t.why = true, why
	close(t.done)
	c := t.conn
	t.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
	if t.cancel != nil {
		t.cancel()
	}
	t.e.conns.drop(t)
	t.e.clients.lost(t, why)
}

// adopt sets the dialled connection; false: closed meanwhile.
func (t *tcpConn) adopt(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut {
		_ = c.Close()
		return false
	}
	t.conn = c
	return true
}

// to returns the connection to a peer, opening one if there is none and the
// way permits. It does not wait for it: what is written is queued until it is
// there.
func (c *connections) to(peer netip.AddrPort, w way, local netip.AddrPort) (*tcpConn, error) {
	if w.over == onTCP {
		w = way{over: onTCP} // nobody proves a name
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.byPeer[peerKey{peer, w}]; t != nil {
		return t, nil
	}
	if w.over == onTLS && w.name == "" {
		return nil, errClosed
	}
	if c.down || len(c.byPeer) >= c.limit {
		return nil, errClosed
	}
	t := c.add(nil, peer, w, local)
	t.friend.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), dialWithin+handshakeWithin)
	t.cancel = cancel
	c.e.spawn(func() { t.dial(ctx) })
	return t, nil
}

// open reports a TCP connection to a peer, or one that is being opened.
func (c *connections) open(peer netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byPeer[peerKey{peer, way{over: onTCP}}] != nil
}

// add registers a connection; c.mu is held.
func (c *connections) add(conn net.Conn, peer netip.AddrPort, w way, local netip.AddrPort) *tcpConn {
	t := &tcpConn{e: c.e, conn: conn, local: local, remote: peer, way: w, out: make(chan []byte, maxQueued), done: make(chan struct{})}
	c.byPeer[peerKey{peer, w}] = t
	c.ofHost[peer.Addr()]++
	return t
}

func (c *connections) drop(t *tcpConn) {
	if t.friend.Load() {
		defer c.e.legs.each(func(l *Leg) { l.post(func() { l.severed(t) }) })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := peerKey{t.remote, t.way}
	if c.byPeer[key] != t {
		return
	}
	delete(c.byPeer, key)
	if c.ofHost[t.remote.Addr()]--; c.ofHost[t.remote.Addr()] <= 0 {
		delete(c.ofHost, t.remote.Addr())
	}
}

func (c *connections) closeAll() {
	c.mu.Lock()
	c.down = true
	all := make([]*tcpConn, 0, len(c.byPeer))
	for _, t := range c.byPeer {
		all = append(all, t)
	}
	c.mu.Unlock()
	for _, t := range all {
		t.close()
	}
}

// accept serves one listener until it is closed.
func (c *connections) accept(l net.Listener, over transport, stop <-chan struct{}) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			c.e.grumble.say("accepting SIP connections", "addr", l.Addr().String(), "err", err)
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond): // out of descriptors: not a busy loop
			}
			continue
		}
		c.welcome(conn, over)
	}
}

func (c *connections) welcome(conn net.Conn, over transport) {
	ra, ok1 := conn.RemoteAddr().(*net.TCPAddr)
	la, ok2 := conn.LocalAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		_ = conn.Close()
		return
	}
	peer, local := plain(ra.AddrPort()), plain(la.AddrPort())
	friend := c.e.known(peer.Addr())
	if !c.e.carriers.takes(peer.Addr()) && !c.e.guard.heard(peer.Addr(), friend, time.Now()) {
		_ = conn.Close()
		return
	}
	c.mu.Lock()
	ofHost := maxConnsOfHost
	if friend {
		ofHost = max(ofHost, c.limit/2)
	}
	room := c.limit
	if !friend { // a quarter is kept for those who are known
		room -= c.limit / 4
	}
	full := c.down || len(c.byPeer) >= room || c.ofHost[peer.Addr()] >= ofHost || c.byPeer[peerKey{peer, way{over: over}}] != nil
	if full {
		c.mu.Unlock()
		c.e.count.tcpRefused.Add(1)
		c.e.count.rules.add(ruleConnections)
		c.e.grumble.say("SIP connection refused: too many", "addr", peer.String(), "rule", ruleConnections.String())
		_ = conn.Close()
		return
	}
	if over == onTLS {
		conn = tls.Server(conn, c.secured)
	}
	t := c.add(conn, peer, way{over: over}, local)
	c.mu.Unlock()
	t.friend.Store(friend)
	c.e.spawn(func() { t.writeLoop(conn) })
	c.e.spawn(func() { t.readLoop(conn) })
}

// greet is the handshake of who connected to us; with who we connected to it
// is done.
func (t *tcpConn) greet(conn net.Conn) bool {
	c, ok := conn.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeWithin)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		t.e.count.handshakes.Add(1)
		t.e.grumble.say("TLS handshake of a peer failed", "addr", t.remote.String(), "err", err)
		return false
	}
	return true
}

func (t *tcpConn) dial(ctx context.Context) {
	defer t.cancel()
	d := net.Dialer{Timeout: dialWithin}
	if at := t.local.Addr(); at.Is4() == t.remote.Addr().Is4() && !at.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: at.AsSlice(), Zone: at.Zone()} // what our Via says, and the peer expects
	}
	conn, err := d.DialContext(ctx, "tcp", t.remote.String())
	if err == nil && t.way.over == onTLS {
		conn, err = t.e.secure(ctx, conn, t.way)
	}
	if err != nil {
		t.e.grumble.say("SIP connection not opened", "addr", t.remote.String(), "err", err)
		t.fail(err)
		return
	}
	if !t.adopt(conn) {
		return
	}
	t.e.spawn(func() { t.readLoop(conn) })
	t.writeLoop(conn)
}

// keepAliveEvery is the time between two keep-alives on a connection that we
// opened: NATs forget in two minutes what says nothing. An answer is not asked
// for, since many carriers do not know RFC 5626.
const keepAliveEvery = 60 * time.Second

func (t *tcpConn) writeLoop(conn net.Conn) {
	defer t.close()
	var keep <-chan time.Time
	if t.cancel != nil { // we opened it
		ticker := time.NewTicker(t.e.keepAlive)
		defer ticker.Stop()
		keep = ticker.C
	}
	for {
		select {
		case <-t.done:
			return
		case <-keep:
			_ = conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if _, err := conn.Write([]byte("\r\n\r\n")); err != nil {
				return
			}
		case b := <-t.out:
			if b == nil {
				return
			}
			_ = conn.SetWriteDeadline(time.Now().Add(writeWithin))
			t.e.trace(false, t.way.over.lower(), t.local, t.remote, b)
			_, err := conn.Write(b)
			t.e.wrote(err)
			if err != nil {
				return
			}
		}
	}
}

func (t *tcpConn) readLoop(conn net.Conn) {
	defer t.close()
	if !t.greet(conn) {
		return
	}
	s := stream{spoke: t.way.name != "" || t.cancel != nil}
	for {
		_ = conn.SetReadDeadline(s.deadline(time.Now(), t.friend.Load()))
		n, err := conn.Read(s.room())
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && (!s.spoke || len(s.buf) > s.from) {
				t.e.count.rules.add(ruleSilent)
				t.e.grumble.say("SIP connection cut: nothing came, or half a message", "addr", t.remote.String(), "rule", ruleSilent.String())
			}
			return
		}
		s.add(n)
		for {
			msg, ping, err := s.next()
			if err != nil {
				t.e.count.malformed.Add(1)
				t.e.grumble.say("SIP stream without message boundaries", "addr", t.remote.String(), "err", err)
				if t.e.known(t.remote.Addr()) {
					t.e.salvage(s.buf[s.from:], &flow{tcp: t, remote: t.remote, source: t.remote}, flaw{400, "Bad Content-Length"})
				}
				t.hangUp()
				return
			}
			if ping {
				_ = t.write([]byte("\r\n")) // RFC 5626 §3.5.1
				continue
			}
			if msg == nil {
				break
			}
			t.e.receive(msg, &flow{tcp: t, remote: t.remote, source: t.remote})
		}
	}
}
