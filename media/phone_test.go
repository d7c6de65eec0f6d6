package media

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
	"trunkline/internal/tone"
)

// rig is an engine with phones around it, on one of the two seams.
type rig struct {
	testing.TB
	net    Network
	engine *Engine
	bridge *Bridge
	ours   netip.Addr
	phones int

	mu     sync.Mutex
	events []Event
	news   chan struct{} // after an event
}

// onBothSeams runs a test in a bubble over a simulated network, where time is
// free, and on the kernel's loopback.
func onBothSeams(t *testing.T, test func(*rig)) {
	t.Parallel()
	t.Run("bubble", func(t *testing.T) { inBubble(t, test) })
	t.Run("kernel", func(t *testing.T) {
		t.Parallel()
		onKernel(t, Config{}, test)
	})
}

// inBubble runs a test on the channel seam alone.
func inBubble(t *testing.T, test func(*rig)) {
	t.Helper()
	inBubbleWith(t, Config{}, test)
}

func inBubbleWith(t *testing.T, cfg Config, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		r := newRig(t, cfg, n, n, netip.MustParseAddr("10.0.0.1"))
		test(r)
	})
}

// loopback opens the phones' sockets on the kernel.
type loopback struct{}

func (loopback) ListenPacket(a netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
}

func newRig(t testing.TB, cfg Config, phones, ours Network, addr netip.Addr) *rig {
	r := &rig{TB: t, net: phones, ours: addr, news: make(chan struct{}, 1000)}
	first := 0
	if cfg.PortMin == 0 {
		first = rand.IntN(20) // any phase of the frames must do
		cfg.PortMin = uint16(20000 + 2*rand.IntN(5000))
		cfg.PortMax = cfg.PortMin + 1999
	}
	cfg.Network = ours
	cfg.Emit = func(e Event) {
		r.mu.Lock()
		r.events = append(r.events, e)
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.engine = e
	e.ports.next = first
	r.bridge = e.NewBridge("call")
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// has returns the events so far that fit.
func (r *rig) has(fits func(Event) bool) (found []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if fits(e) {
			found = append(found, e)
		}
	}
	return found
}

// await waits until an event fits.
func (r *rig) await(what string, fits func(Event) bool) Event {
	r.Helper()
	for end := time.After(10 * time.Second); ; {
		if found := r.has(fits); len(found) > 0 {
			return found[0]
		}
		select {
		case <-r.news:
		case <-end:
			r.Fatalf("got no %s, have %v", what, r.has(func(Event) bool { return true }))
		}
	}
}

// heardPacket is what a phone has received.
type heardPacket struct {
	marker bool
	pt     uint8
	seq    uint16
	ts     uint32
	ssrc   uint32
	body   []byte
	at     time.Time
}

func (h *heardPacket) payload() []byte { return h.body }

// phone is a test peer of one session: it says a tone and keeps what it hears.
type phone struct {
	r     *rig
	s     *Session
	conn  net.PacketConn
	to    netip.AddrPort
	codec Codec
	coder Coder // G.722: what it says
	ptime time.Duration

	mu    sync.Mutex
	got   []heardPacket
	more  chan struct{}
	seq   uint16
	ts    uint32
	ssrc  uint32
	saids int

	proto string // in its description; "": RTP/AVP
	lines string // further ones in it, each with its end
	seal  *testSeal

	control  bool // RTCP comes here too
	controls [][]byte
}

// phone opens a session and a phone, which calls: it offers, the session answers.
func (r *rig) phone(codec Codec, ptime time.Duration, change ...func(*SessionConfig)) *phone {
	r.Helper()
	p := r.silentPhone(codec, ptime, change...)
	p.offer("sendrecv")
	return p
}

// silentPhone is a phone that has not called yet.
func (r *rig) silentPhone(codec Codec, ptime time.Duration, change ...func(*SessionConfig)) *phone {
	r.Helper()
	r.phones++
	cfg := SessionConfig{ID: SessionID(fmt.Sprintf("leg%d", r.phones)), Bind: r.ours}
	for _, c := range change {
		c(&cfg)
	}
	s, err := r.bridge.NewSession(cfg)
	if err != nil {
		r.Fatal(err)
	}
	p := r.peer(r.address(), codec, ptime)
	p.s, p.to = s, s.local
	return p
}

// address is another phone's.
func (r *rig) address() netip.Addr {
	if r.ours.IsLoopback() {
		return r.ours
	}
	return netip.AddrFrom4([4]byte{10, 0, 1, byte(r.phones)})
}

// peer is a phone without a session.
func (r *rig) peer(at netip.Addr, codec Codec, ptime time.Duration) *phone {
	r.Helper()
	conn, err := r.net.ListenPacket(netip.AddrPortFrom(at, 0))
	if err != nil {
		r.Fatal(err)
	}
	p := &phone{r: r, conn: conn, codec: codec, ptime: ptime, seal: &testSeal{}, more: make(chan struct{}, 1),
		seq: uint16(rand.Uint32()), ts: rand.Uint32(), ssrc: rand.Uint32()}
	r.Cleanup(func() { conn.Close() })
	go p.listen(p.conn)
	return p
}

func (p *phone) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// sdp is the phone's description.
func (p *phone) sdp(at netip.AddrPort, direction string) []byte {
	return []byte(fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %v\r\ns=-\r\nc=IN IP4 %v\r\nt=0 0\r\nm=audio %d %s %d 96\r\n"+
		"a=rtpmap:96 telephone-event/8000\r\na=ptime:%d\r\na=%s\r\n%s",
		at.Addr(), at.Addr(), at.Port(), cmp.Or(p.proto, "RTP/AVP"), p.codec.PayloadType(), p.ptime.Milliseconds(), direction, p.lines))
}

// offer has the phone offer a direction.
func (p *phone) offer(direction string) { p.offerFrom(p.addr(), direction) }

func (p *phone) offerFrom(at netip.AddrPort, direction string) {
	p.r.Helper()
	answer, err := p.s.Answer(p.sdp(at, direction))
	if err != nil {
		p.r.Fatal(err)
	}
	for line := range strings.Lines(string(answer)) {
		if rest, ok := strings.CutPrefix(line, "m=audio "); ok {
			port, _, _ := strings.Cut(rest, " ")
			if want := strconv.Itoa(int(p.s.local.Port())); port != want {
				p.r.Fatalf("got answered port %s, want %s", port, want)
			}
		}
	}
}

func (p *phone) listen(conn net.PacketConn) {
	buf, in := make([]byte, 2048), &packet{}
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		at := time.Now()
		p.mu.Lock()
		muxed := p.control && isRTCP(buf[:n])
		if muxed {
			p.controls = append(p.controls, append([]byte(nil), buf[:n]...))
		}
		p.mu.Unlock()
		if muxed {
			continue
		}
		copy(in.buf[:], buf[:n])
		if n = p.seal.open(in.buf[:], n); !in.parse(n) {
			p.r.Errorf("got %d bytes that are no RTP", n)
			continue
		}
		h := heardPacket{marker: in.marker, pt: in.pt, seq: in.seq, ts: in.ts, ssrc: in.ssrc, body: bytes.Clone(in.payload()), at: at}
		p.mu.Lock()
		p.got = append(p.got, h)
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
	}
}

// say has the phone say a tone from now on, a packet each ptime, until the
// returned function is called.
func (p *phone) say(hz float64) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(p.ptime)
		defer tick.Stop()
		for {
			p.speak(hz)
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { close(over); <-done }) }
	p.r.Cleanup(stop)
	return stop
}

// speak sends one packet of a tone.
func (p *phone) speak(hz float64) {
	payload := make([]byte, p.ptime/perSample)
	pcm := make([]int16, len(payload)*p.codec.Rate()/SampleRate)
	tone.Sine(pcm, p.codec.Rate(), hz, -12, p.saids)
	p.saids += len(pcm)
	if p.coder == nil || p.codec != G722 {
		p.coder = p.codec.NewCoder()
	}
	p.coder.Encode(payload, pcm)
	p.send(p.codec.PayloadType(), false, p.ts, payload)
	p.ts += uint32(len(payload))
}

// send sends one packet with the next sequence number.
func (p *phone) send(pt uint8, marker bool, ts uint32, payload []byte) {
	b := make([]byte, headerSize+len(payload))
	outHeader{marker: marker, pt: pt, seq: p.seq, ts: ts, ssrc: p.ssrc}.write(b)
	copy(b[headerSize:], payload)
	p.seq++
	p.raw(b)
}

func (p *phone) raw(b []byte) { p.bare(p.seal.close(b)) }

// bare sends bytes as they are.
func (p *phone) bare(b []byte) { _, _ = p.conn.WriteTo(b, net.UDPAddrFromAddrPort(p.to)) }

// heard copies what has been received.
func (p *phone) heard() []heardPacket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]heardPacket(nil), p.got...)
}

// next waits for n packets more than there are now, and returns those.
func (p *phone) next(n int) []heardPacket {
	p.r.Helper()
	return p.from(len(p.heard()), n)
}

// from waits until there are n packets after the first so many, and returns those.
func (p *phone) from(first, n int) []heardPacket {
	p.r.Helper()
	for end := time.After(10 * time.Second); ; {
		if got := p.heard(); len(got) >= first+n {
			return got[first : first+n]
		}
		select {
		case <-p.more:
		case <-end:
			p.r.Fatalf("got %d packets, want %d; stats %+v", len(p.heard())-first, n, p.stats())
		}
	}
}

func (p *phone) stats() Stats {
	if p.s == nil {
		return Stats{}
	}
	return p.s.Stats()
}

// event sends one key press by RFC 4733: start, n updates, three ends.
func (p *phone) event(key byte, updates int) {
	for i := range updates + 4 {
		b := make([]byte, 4)
		b[0], b[1] = key, 10
		if i > updates {
			b[1] |= 0x80
		}
		binary.BigEndian.PutUint16(b[2:], uint16(min(i, updates+1)*160))
		p.send(96, i == 0, p.ts, b)
	}
	p.ts += uint32(updates+1) * 160
}
