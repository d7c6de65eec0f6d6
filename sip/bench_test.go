package sip

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// BenchmarkCall is a whole call through the endpoint as a B2BUA would make it
// (in from a trunk, out to a phone, answered, hung up), peers included, over
// the loopback's sockets.
func BenchmarkCall(b *testing.B) {
	s, err := Listen([]string{"udp://127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	phone, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		b.Fatal(err)
	}
	defer phone.Close()
	legs := map[LegID]*Leg{} // A's by B's and the other way round
	posts := make(chan Event, 1000)
	e, err := New(Config{
		Domain: "pbx.example.com", UDP: s.UDP,
		Trunks:   []Trunk{{ID: "acme", Host: "127.0.0.2"}},
		Accounts: []Account{{ID: "ann", Static: []string{"sip:ann@" + phone.LocalAddr().String()}, NoOptions: true}},
		Emit:     func(ev Event) { posts <- ev },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() { _ = e.Serve(ctx); close(served) }()
	go answerer(phone)
	done := make(chan struct{}, 1000)
	go func() {
		to := e.Contacts("ann")[0].ID
		for ev := range posts {
			switch ev := ev.(type) {
			case Invited:
				l := e.Dial(Dial{To: Target{Contact: to}, From: ev.From, Offer: ev.Offer})
				legs[l.ID()], legs[ev.Leg.ID()] = ev.Leg, l
			case Progressed:
				legs[ev.Leg].Progress(180, nil)
			case Answered:
				legs[ev.Leg].Answer(ev.SDP)
			case Ended:
				if other := legs[ev.Leg]; other != nil {
					other.Hangup(0, Reason{})
					delete(legs, ev.Leg)
				} else {
					continue
				}
				if ev.By == Ours {
					done <- struct{}{}
				}
			}
		}
	}()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	to := s.UDP[0].LocalAddr().(*net.UDPAddr).AddrPort()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		benchCall(b, c, to, i)
		<-done
	}
	b.StopTimer()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(e.memory.len())/float64(b.N), "kept/op")
	b.ReportMetric(float64(m.HeapAlloc)/float64(b.N), "heap-B/op")
	cancel()
	<-served
}

// benchCall places one call and hangs up once it is answered.
func benchCall(b *testing.B, c *net.UDPConn, to netip.AddrPort, i int) {
	call := &wireCall{wirePeer: &wirePeer{at: c.LocalAddr().String()}, id: "b" + random(12), seq: 1, user: "+14155550100"}
	call.branch = "z9hG4bK" + call.id
	buf := make([]byte, 4096)
	send := func(s string) {
		if _, err := c.WriteToUDPAddrPort([]byte(s), to); err != nil {
			b.Fatal(err)
		}
	}
	until := func(prefix string) wireMsg {
		for {
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			n, _, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				b.Fatal(err)
			}
			if m := string(buf[:n]); strings.HasPrefix(m, prefix) {
				return wireMsg{text: m}
			}
		}
	}
	send(call.message("INVITE", call.branch, 1, "", rigSDP))
	call.toTag = until("SIP/2.0 200").tag("To")
	send(call.message("ACK", call.branch+"a", 1, "", ""))
	send(call.message("BYE", call.branch+"b", 2, "", ""))
	until("SIP/2.0 200")
}

// answerer is a phone that answers everything.
func answerer(c *net.UDPConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		m := wireMsg{text: string(buf[:n])}
		if strings.HasPrefix(m.text, "ACK") {
			continue
		}
		head := "Via: " + m.hdr("Via") + "\r\nFrom: " + m.hdr("From") + "\r\nTo: " + m.hdr("To") + ";tag=p" +
			"\r\nCall-ID: " + m.hdr("Call-ID") + "\r\nCSeq: " + m.hdr("CSeq") + "\r\nContact: <sip:ann@" + c.LocalAddr().String() + ">\r\n"
		if strings.HasPrefix(m.text, "INVITE") {
			_, _ = c.WriteToUDPAddrPort([]byte("SIP/2.0 180 Ringing\r\n"+head+"Content-Length: 0\r\n\r\n"), from)
		}
		_, _ = c.WriteToUDPAddrPort([]byte("SIP/2.0 200 OK\r\n"+head+"Content-Length: 0\r\n\r\n"), from)
	}
}

// benchText is an INVITE as carriers send it.
var benchText = []byte("INVITE sip:+14155550100@203.0.113.1:5060;user=phone SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK-524287-1---a1b2c3d4e5f6;rport\r\n" +
	"Via: SIP/2.0/UDP 10.20.30.40:5060;branch=z9hG4bKac123456789;received=10.20.30.40\r\n" +
	"Record-Route: <sip:198.51.100.9;lr;ftag=as5e6f>\r\nMax-Forwards: 68\r\n" +
	"From: \"Bob Ray\" <sip:+14155550123@198.51.100.9;user=phone>;tag=as5e6f7a8b\r\n" +
	"To: <sip:+14155550100@203.0.113.1;user=phone>\r\nContact: <sip:+14155550123@198.51.100.9:5060;transport=udp>\r\n" +
	"Call-ID: 0a1b2c3d4e5f60718293a4b5c6d7e8f9@198.51.100.9\r\nCSeq: 102 INVITE\r\n" +
	"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE, UPDATE\r\n" +
	"Supported: replaces, timer, 100rel\r\nP-Asserted-Identity: <sip:+14155550123@198.51.100.9>\r\n" +
	"Date: Sat, 28 Nov 2026 20:00:00 GMT\r\nContent-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(rigSDP)) + "\r\n\r\n" + rigSDP)

// BenchmarkValidation is what the checks before every handler add to a
// carrier's INVITE, beside what sipgo's parser takes for it.
func BenchmarkValidation(b *testing.B) {
	text := benchText
	p := sip.NewParser(sip.WithHeadersParsers(headerParsers()))
	parse := func() *sip.Request {
		m, err := p.ParseSIP(text)
		if err != nil {
			b.Fatal(err)
		}
		return m.(*sip.Request)
	}
	b.Run("parser", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parse()
		}
	})
	b.Run("checks", func(b *testing.B) {
		req := parse()
		b.ReportAllocs()
		for b.Loop() {
			if f := lint(text); f.code != 0 {
				b.Fatal(f)
			}
			repair(req)
			if bad, _ := spoilt(req); bad != "" || !mandatory(req) {
				b.Fatal(bad)
			}
			if v := validate(req, onUDP); v.code != 0 {
				b.Fatal(v)
			}
		}
	})
}
