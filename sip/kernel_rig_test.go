package sip

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// kernelRig is an Endpoint on the loopback's real sockets. Trunk tcp accepts
// from 127.0.0.2.
type kernelRig struct {
	t        *testing.T
	e        *Endpoint
	udp, tcp string
	tls      string
	events   chan Event
}

func newKernelRig(t *testing.T, change ...func(*Config)) *kernelRig {
	t.Helper()
	s, err := Listen([]string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	r := &kernelRig{t: t, udp: s.UDP[0].LocalAddr().String(), tcp: s.TCP[0].Addr().String(), tls: s.TLS[0].Addr().String(), events: make(chan Event, 1000)}
	c := Config{
		Domain: "pbx.example.com", UDP: s.UDP, TCP: s.TCP, TLS: s.TLS,
		Trunks: []Trunk{{ID: "acme", Host: "127.0.0.2:5060", AcceptFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}},
		Emit: func(ev Event) {
			switch ev.(type) {
			case TrunkState, Devices:
			default:
				r.events <- ev
			}
		},
	}
	for _, f := range change {
		f(&c)
	}
	if r.e, err = New(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.e.Serve(ctx) }()
	t.Cleanup(func() {
		r.e.legs.each(func(l *Leg) { l.post(l.abandon) })
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *kernelRig) next() Event {
	r.t.Helper()
	select {
	case ev := <-r.events:
		return ev
	case <-time.After(10 * time.Second):
		r.t.Fatal("no event within 10 s")
	}
	return nil
}

// tcpPeer is a TCP connection to the switch from a given loopback address.
type tcpPeer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dialFrom(t *testing.T, from, to string) *tcpPeer {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &tcpPeer{t: t, Conn: c, r: bufio.NewReader(c)}
}

// expect reads one message, which must begin with prefix.
func (p *tcpPeer) expect(prefix string) wireMsg {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
	var b strings.Builder
	n := 0
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.t.Fatalf("got %q and %v, want %q", b.String(), err, prefix)
		}
		b.WriteString(line)
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			n, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(p.r, body); err != nil {
		p.t.Fatal(err)
	}
	m := wireMsg{text: b.String() + string(body)}
	if !strings.HasPrefix(m.text, prefix) {
		p.t.Fatalf("got %q, want %q", m.text, prefix)
	}
	return m
}

func (p *tcpPeer) request(method, id, toTag string, seq int, body string) {
	p.t.Helper()
	to := "<sip:+14155550100@127.0.0.1>"
	if toTag != "" {
		to += ";tag=" + toTag
	}
	ct := ""
	if body != "" {
		ct = "Content-Type: application/sdp\r\n"
	}
	_, err := fmt.Fprintf(p, "%s sip:+14155550100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%s%d%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@127.0.0.2>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:a@127.0.0.2:9;transport=tcp>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, p.LocalAddr(), id, seq, method, id, to, id, seq, method, ct, len(body), body)
	if err != nil {
		p.t.Fatal(err)
	}
}

// up makes a call over the connection and returns its leg and our tag.
func (p *tcpPeer) up(r *kernelRig, id string) (*Leg, string) {
	p.t.Helper()
	p.request("INVITE", id, "", 1, rigSDP)
	p.expect("SIP/2.0 100")
	l := r.next().(Invited).Leg
	l.Answer([]byte(rigSDP))
	tag := p.expect("SIP/2.0 200").tag("To")
	p.request("ACK", id, tag, 1, "")
	if ev, ok := r.next().(Confirmed); !ok {
		p.t.Fatalf("got %+v, want Confirmed", ev)
	}
	return l, tag
}
