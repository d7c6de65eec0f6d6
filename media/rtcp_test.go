package media

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// control is the RTCP port above a phone's RTP port.
type control struct {
	conn net.PacketConn
	mu   sync.Mutex
	got  []rtcp.Packet
}

func (p *phone) rtcp() *control {
	p.r.Helper()
	at := p.addr()
	conn, err := p.r.net.ListenPacket(netip.AddrPortFrom(at.Addr(), at.Port()+1))
	if err != nil {
		p.r.Fatal(err)
	}
	c := &control{conn: conn}
	p.r.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			packets, err := rtcp.Unmarshal(buf[:n])
			if err != nil {
				p.r.Errorf("got RTCP that cannot be read: %v", err)
			}
			c.mu.Lock()
			c.got = append(c.got, packets...)
			c.mu.Unlock()
		}
	}()
	return c
}

func (c *control) packets() []rtcp.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]rtcp.Packet(nil), c.got...)
}

func TestReportsTellOfBothDirections(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		c := a.rtcp()
		tick := time.NewTicker(20 * ms)
		for i := range 1500 { // 30 s, every 10th packet lost
			if i%10 == 9 {
				a.seq++
				a.ts += 160
			} else {
				a.speak(440)
			}
			<-tick.C
		}
		var sr *rtcp.SenderReport
		var times int
		for _, p := range c.packets() {
			if got, ok := p.(*rtcp.SenderReport); ok {
				sr = got
				times++
			}
		}
		if times < 4 || times > 12 {
			t.Fatalf("got %d sender reports in 30 s, want one about every 5 s", times)
		}
		if got := a.s.Stats(); sr.SSRC != got.OwnSSRC || uint64(sr.PacketCount) > got.Sent || sr.OctetCount != 160*sr.PacketCount {
			t.Errorf("got %+v, want our SSRC %x and counts", sr, got.OwnSSRC)
		}
		if len(sr.Reports) != 1 {
			t.Fatalf("got %d reports, want one of the peer's stream", len(sr.Reports))
		}
		block := sr.Reports[0]
		if block.SSRC != a.ssrc || block.FractionLost < 20 || block.FractionLost > 32 || block.TotalLost < 80 || block.TotalLost > 150 {
			t.Errorf("got %+v, want a tenth lost of SSRC %x", block, a.ssrc)
		}
		// The report answered: what we make of the peer's view.
		at := time.Now()
		rr := &rtcp.ReceiverReport{SSRC: a.ssrc, Reports: []rtcp.ReceptionReport{{
			SSRC: sr.SSRC, TotalLost: 7, Jitter: 80, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 0,
		}}}
		b, err := rtcp.Marshal([]rtcp.Packet{rr})
		if err != nil {
			t.Fatal(err)
		}
		sent := ntp(at.UnixNano()) - sr.NTPTime // how long we have held it
		_, _ = c.conn.WriteTo(b, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.s.local.Addr(), a.s.local.Port()+1)))
		<-time.After(20 * ms)
		got := a.s.Stats()
		if got.PeerLost != 7 || got.PeerJitter != 10*ms {
			t.Errorf("got %+v, want 7 lost and 10 ms of jitter at the peer", got)
		}
		held := time.Duration(sent >> 16 * 1e9 >> 16)
		if trip := got.RoundTrip - held; trip < 0 || trip > 15*ms {
			t.Errorf("got round trip %v with the report held %v, want the wire's 5 to 10 ms more", got.RoundTrip, held)
		}
	})
}

func TestClosedSessionSaysGoodbye(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		c := a.rtcp()
		a.next(5)
		a.s.Close()
		<-time.After(50 * ms)
		for _, p := range c.packets() {
			if bye, ok := p.(*rtcp.Goodbye); ok && bye.Sources[0] == a.s.ssrc {
				return
			}
		}
		t.Errorf("got %v, want a BYE of our SSRC", c.packets())
	})
}

func TestStrangersRTCPIsIgnored(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		bleed := r.peer(netip.MustParseAddr("10.9.9.9"), PCMU, 20*ms)
		bleed.to = netip.AddrPortFrom(a.s.local.Addr(), a.s.local.Port()+1)
		bleed.raw([]byte{0x80, 201, 0, 1, 0, 0, 0, 9})
		a.to = bleed.to
		a.raw([]byte{1, 2, 3})
		a.raw(append([]byte{0x80, 201, 0, 1}, make([]byte, 60000)...))
		<-time.After(50 * ms)
		if got := a.s.Stats(); got.Strangers != 1 || got.RTCPReceived != 0 || got.Garbage != 2 || got.Panics != 0 {
			t.Errorf("got %+v, want one stranger, two of garbage, no panic", got)
		}
	})
}

func TestJitterIsMeasured(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		for i := range 200 { // every other packet 8 ms late
			a.speak(440)
			if i%2 == 0 {
				<-time.After(28 * ms)
			} else {
				<-time.After(12 * ms)
			}
		}
		if got := a.s.Stats().Jitter; got < 7*ms || got > 9*ms {
			t.Errorf("got jitter %v, want 8 ms (RFC 3550 §6.4.1)", got)
		}
	})
}

func TestReportCountsOverTheWrap(t *testing.T) {
	e, sh, _ := stillEngine(t)
	s := loneSession(e, sh)
	var r reception
	r.begin(65530)
	for _, seq := range []uint16{65530, 65531, 65533, 65532, 65535, 0, 1, 2, 3} { // 65534 is lost
		r.note(&packet{seq: seq}, &s.counts, 0, false)
	}
	got := r.report(s, 0)
	if got.LastSequenceNumber != 1<<16|3 || got.TotalLost != 1 || got.FractionLost != 25 {
		t.Errorf("got %+v, want 65539 as the highest, 1 of 10 lost", got)
	}
	if got := r.report(s, 0); got.FractionLost != 0 || got.TotalLost != 1 {
		t.Errorf("got %+v at once again, want no further loss", got)
	}
}

func FuzzIntake(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xff}, false)
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 5, 0x8a, 1, 0}, false)
	f.Add([]byte{0xb1, 0x80, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xff, 0, 0, 0, 0xbe, 0xde, 0, 0, 1, 2, 3, 4}, false)
	f.Add([]byte{0x81, 201, 0, 7, 0, 0, 0, 9}, true)
	f.Add([]byte{0x80, 200, 0, 6}, true)
	f.Add([]byte{0x80, 203, 0, 0}, true) // pion takes it
	for _, block := range []rtcp.ReportBlock{
		&rtcp.VoIPMetricsReportBlock{SSRC: 7, MOSCQ: 40}, &rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 1 << 40},
		&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{SSRC: 7, LastRR: 1, DLRR: 2}}}, &rtcp.StatisticsSummaryReportBlock{SSRC: 7},
		&rtcp.LossRLEReportBlock{SSRC: 7, Chunks: []rtcp.Chunk{0x4001, 0}},
	} {
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9}, &rtcp.ExtendedReport{SenderSSRC: 9, Reports: []rtcp.ReportBlock{block}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	e, err := New(Config{PortMin: 2, PortMax: 65000, Network: nowhereNet{}, Emit: func(Event) {}, Shards: 1})
	if err != nil {
		f.Fatal(err)
	}
	e.Close() // the shard is ours now
	f.Fuzz(func(t *testing.T, b []byte, control bool) {
		if len(b) > maxDatagram {
			b = b[:maxDatagram]
		}
		w := &deafWaiter{}
		sh := newShard(e, w)
		x, y := loneSession(e, sh), loneSession(e, sh)
		tab := &table{}
		x.sit(tab, 1)
		y.sit(tab, 1)
		if control { // somebody is heard already
			x.receive(x.rtp, x.terms.Remote, copy(sh.in.buf[:], []byte{0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xff}), 0)
		}
		for i := range 20 {
			copy(sh.in.buf[:], b)
			if i > 10 && len(b) > 3 {
				sh.in.buf[3] += byte(i) // the same again, later
			}
			sock := x.rtp
			if control {
				sock = x.rtcp
			}
			x.receive(sock, x.terms.Remote, len(b), int64(i)*20e6)
		}
		x.flush(500e6)
		if n := x.counts.panics.Load(); n > 0 {
			t.Errorf("got %d panics for %x, want none", n, b)
		}
		x.terms.Extended = Extended{Metrics: true, RoundTrip: true}
		if _, err := rtcp.Marshal(x.account(600e6)); err != nil { // whatever has been told us
			t.Errorf("got %v for %x", err, b)
		}
		for sh.wheel.pop(600e6) != nil {
		}
		if w.sent > 0 && w.last != nil { // what we make of it is RTP, or RTCP
			out := &packet{}
			if n := copy(out.buf[:], w.last); !isRTCP(w.last) && (!out.parse(n) || out.ssrc != y.ssrc) {
				t.Errorf("got %x sent for %x, want RTP of our SSRC", w.last, b)
			}
		}
	})
}
