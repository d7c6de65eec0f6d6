package media

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// BenchmarkThreeWay lets 120 parties talk over the kernel's sockets, in PCMU and PCMA, and again two
// thirds of them in G.722, who hear each other in wideband: in calls of
// two that are converted packet by packet, in calls of two on the PCM path (a third has its seat,
// and no sound yet), and in calls of three that are mixed, in turn in one run. It compares the CPU of
// the shard's thread for each party and frame, system calls included: as many packets come and go.
// Bar: 1.3 times the call of two on the PCM path. What the converted one costs is told beside it: it
// has neither a jitter buffer nor a clock.
func BenchmarkThreeWay(b *testing.B) {
	const rounds, bar = 5, 1.3
	for _, c := range []struct {
		name   string
		codecs []Codec
	}{{"narrow", []Codec{PCMU, PCMA}}, {"wide", []Codec{G722, G722, PCMU}}} {
		b.Run(c.name, func(b *testing.B) {
			var converted, two, three []time.Duration
			for range rounds { // the least of them: what the machine's other work did not disturb
				converted = append(converted, talkCost(b, 2, 0, c.codecs, nil))
				two = append(two, talkCost(b, 2, 1, c.codecs, nil))
				three = append(three, talkCost(b, 3, 0, c.codecs, nil))
			}
			ratio := float64(slices.Min(three)) / float64(slices.Min(two))
			b.ReportMetric(float64(slices.Min(converted)), "converted-ns/party-frame")
			b.ReportMetric(float64(slices.Min(two)), "two-ns/party-frame")
			b.ReportMetric(float64(slices.Min(three)), "three-ns/party-frame")
			b.ReportMetric(float64(slices.Min(three))/float64(slices.Min(converted)), "converted-ratio")
			b.ReportMetric(ratio, "ratio")
			b.ReportMetric(0, "ns/op")
			if ratio > bar {
				b.Errorf("got %.2f times a call of two on the PCM path, want at most %.1f", ratio, bar)
			}
		})
	}
}

// talkCost is the shard's CPU for a party's frame, in calls of so many and some who say and hear
// nothing, while others do what they like with the engine.
func talkCost(b *testing.B, seats, silent int, codecs []Codec, beside func(*Bridge, []*Session)) time.Duration {
	b.Helper()
	const parties, frames = 120, 200
	ip := netip.MustParseAddr("127.0.0.1")
	e, err := New(Config{PortMin: 30000, PortMax: 39999, Codecs: []Codec{G722, PCMU, PCMA}, Emit: func(Event) {}, Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	var sessions []*Session
	var phones []*phone
	var bridge *Bridge
	for i := range parties {
		if i%seats == 0 {
			bridge = e.NewBridge("b")
			for range silent {
				s, err := bridge.NewSession(SessionConfig{ID: "silent", Bind: ip})
				if err != nil {
					b.Fatal(err)
				}
				bridge.Join(s)
			}
		}
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		go swallow(conn)
		s, err := bridge.NewSession(SessionConfig{ID: "s", Bind: ip})
		if err != nil {
			b.Fatal(err)
		}
		p := &phone{conn: conn, codec: codecs[i%len(codecs)], ptime: 20 * ms, proto: "RTP/AVP"}
		if _, err := s.Answer(p.sdp(p.addr(), "sendrecv")); err != nil {
			b.Fatal(err)
		}
		bridge.Join(s)
		sessions, phones = append(sessions, s), append(phones, p)
	}
	if beside != nil {
		over, stopped := make(chan struct{}), make(chan struct{})
		defer func() { close(over); <-stopped }()
		go func() {
			defer close(stopped)
			for {
				select {
				case <-over:
					return
				default:
					beside(bridge, sessions)
				}
			}
		}()
	}
	var before time.Duration
	var sent uint64
	due := time.Now()
	for n := range frames + 25 {
		if n == 25 { // by then it has settled
			before, sent = sessions[0].shard.cpu(), total(sessions)
		}
		for i, p := range phones {
			packet := make([]byte, headerSize+160)
			outHeader{pt: p.codec.PayloadType(), seq: uint16(n), ts: uint32(n * 160), ssrc: uint32(i + 1)}.write(packet)
			for j := range packet[headerSize:] {
				packet[headerSize+j] = byte(j*37 + n)
			}
			if _, err := p.conn.WriteTo(packet, net.UDPAddrFromAddrPort(sessions[i].local)); err != nil {
				b.Fatal(err)
			}
			if i%6 == 5 { // all through the frame
				due = due.Add(20 * ms / (parties / 6))
				time.Sleep(time.Until(due))
			}
		}
	}
	spent := sessions[0].shard.cpu() - before
	got := total(sessions) - sent
	if got < parties*frames*80/100 {
		b.Fatalf("calls of %d: got %d of %d packets sent: the machine is too busy", seats, got, parties*frames)
	}
	return spent / time.Duration(got)
}

// total is what all have sent.
func total(sessions []*Session) (n uint64) {
	for _, s := range sessions {
		n += s.Stats().Sent
	}
	return n
}

// swallow reads a phone's socket, so that it never fills.
func swallow(conn *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}
