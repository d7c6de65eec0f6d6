package media

import (
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkEncryptedRelay relays packets over the kernel's sockets, plain and encrypted on both
// legs, in turn in one run, and compares the CPU of the shard's thread: what it costs to take a
// packet from a socket, decrypt it, encrypt it and send it on. Bar: 1.6 times the plain relay.
func BenchmarkEncryptedRelay(b *testing.B) {
	const bar, rounds = 1.6, 5
	cost := map[Suite]time.Duration{}
	for range rounds { // the least of the rounds: what the machine's other work did not disturb
		for _, suite := range append([]Suite{suiteNone}, allSuites...) {
			if c := relayCost(b, suite, 10_000); cost[suite] == 0 || c < cost[suite] {
				cost[suite] = c
			}
		}
	}
	b.ReportMetric(float64(cost[suiteNone]), "plain-ns/packet")
	for _, suite := range allSuites {
		ratio := float64(cost[suite]) / float64(cost[suiteNone])
		b.ReportMetric(float64(cost[suite]), suite.String()+"-ns/packet")
		b.ReportMetric(ratio, suite.String()+"-ratio")
		if ratio > bar {
			b.Errorf("%v: got %.2f times the plain relay, want at most %.1f", suite, ratio, bar)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// relayCost is the shard's CPU for one packet of n.
func relayCost(b *testing.B, suite Suite, n int) time.Duration {
	b.Helper()
	ip := netip.MustParseAddr("127.0.0.1")
	e, err := New(Config{PortMin: 30000, PortMax: 39999, Emit: func(Event) {}, Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	bridge := e.NewBridge("b")
	var sessions []*Session
	var conns []*net.UDPConn
	proto, line := "RTP/AVP", ""
	if suite != suiteNone {
		proto, line = "RTP/SAVP", cryptoOf(1, suite, 7)
	}
	for range 2 {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		s, err := bridge.NewSession(SessionConfig{ID: "s", Bind: ip, SRTP: SRTPAccept})
		if err != nil {
			b.Fatal(err)
		}
		p := &phone{conn: conn, codec: PCMU, ptime: 20 * ms, proto: proto, lines: line + "\r\n"}
		if _, err := s.Answer(p.sdp(p.addr(), "sendrecv")); err != nil {
			b.Fatal(err)
		}
		bridge.Join(s)
		sessions, conns = append(sessions, s), append(conns, conn)
	}
	packets := make([][]byte, n)
	for i := range packets {
		packets[i] = make([]byte, headerSize+160)
		outHeader{pt: 0, seq: uint16(i), ts: uint32(i * 160), ssrc: 5}.write(packets[i])
	}
	if suite != suiteNone {
		out := testContext(b, suite, keyOf(suite, 7))
		for i, p := range packets {
			if packets[i], err = out.EncryptRTP(nil, p, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	go func() { // the far phone reads, so that its socket never fills
		buf := make([]byte, 2048)
		for {
			if _, err := conns[1].Read(buf); err != nil {
				return
			}
		}
	}()
	to := net.UDPAddrFromAddrPort(sessions[0].local)
	before := sessions[0].shard.cpu()
	for i, p := range packets {
		if _, err := conns[0].WriteTo(p, to); err != nil {
			b.Fatal(err)
		}
		if i%20 == 19 {
			time.Sleep(500 * time.Microsecond)
		}
	}
	time.Sleep(10 * ms)
	spent := sessions[0].shard.cpu() - before
	if got := sessions[1].Stats().Sent; got < uint64(n*99/100) {
		b.Fatalf("%v: got %d of %d packets relayed", suite, got, n)
	}
	return spent / time.Duration(n)
}

// cpu is what the shard's thread has spent.
func (s *shard) cpu() time.Duration {
	spent := make(chan time.Duration)
	s.post(func(int64) {
		var r syscall.Rusage
		runtime.LockOSThread() // for good: what it spends is counted by thread
		const thread = 1       // RUSAGE_THREAD
		_ = syscall.Getrusage(thread, &r)
		spent <- time.Duration(r.Utime.Nano() + r.Stime.Nano())
	})
	return <-spent
}
