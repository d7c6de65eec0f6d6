package sip

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trunkline/internal/testca"
)

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// answers keeps the last thing written to each address.
type answers struct {
	sink
	mu   sync.Mutex
	last map[string]string
}

func (a *answers) WriteTo(b []byte, to net.Addr) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last[to.String()] = string(b)
	return len(b), nil
}

// BenchmarkRegistered20000Phones is one REGISTER that refreshes one of 20,000
// phones, each an account of its own, answered 200 at once by its kept nonce as
// phones do, or by a challenge and a second REGISTER. "%core" is what all of
// them cost, each once a minute; "B/phone" what each keeps in memory.
func BenchmarkRegistered20000Phones(b *testing.B) {
	const phones = 20000
	out := &answers{sink: sink{done: make(chan struct{})}, last: map[string]string{}}
	c := Config{Domain: testRealm, UDP: []net.PacketConn{out}, Emit: func(Event) {}}
	for i := range phones {
		c.Accounts = append(c.Accounts, Account{ID: AccountID("agent" + strconv.Itoa(i)), Password: annPass, NoOptions: true})
	}
	e, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]secret, phones)
	for i := range keys {
		keys[i] = newSecret("agent"+strconv.Itoa(i), testRealm, annPass)
	}
	cseq := 0
	send := func(i int, nonce string, nc int) string {
		cseq++
		user := "agent" + strconv.Itoa(i)
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), 5060)
		auth := ""
		if nonce != "" {
			cr := &credentials{user: user, uri: "sip:" + testRealm, nonce: nonce, nc: fmt.Sprintf("%08x", nc), cnonce: "c", qop: "auth"}
			auth = fmt.Sprintf("Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q, algorithm=MD5, qop=auth, nc=%s, cnonce=\"c\"\r\n",
				user, testRealm, nonce, cr.uri, keys[i].expected(algMD5, "REGISTER", cr), cr.nc)
		}
		text := fmt.Sprintf("REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s@%[1]s>;tag=f\r\nTo: <sip:%[4]s@%[1]s>\r\nCall-ID: reg-%[4]s\r\nCSeq: %[3]d REGISTER\r\nContact: <sip:%[4]s@%[2]s>\r\nExpires: 120\r\nUser-Agent: Yealink SIP-T46U 108.86.0.90\r\n%[5]sContent-Length: 0\r\n\r\n",
			testRealm, at, cseq, user, auth)
		e.receive([]byte(text), &flow{udp: e.udp[0], remote: at, source: at})
		out.mu.Lock()
		defer out.mu.Unlock()
		return out.last[at.String()]
	}
	nonces := make([]string, phones)
	challenged := func(i int) {
		_, rest, _ := strings.Cut(send(i, "", 0), `nonce="`)
		nonces[i], _, _ = strings.Cut(rest, `"`)
		if got := send(i, nonces[i], 1); !strings.HasPrefix(got, "SIP/2.0 200") {
			b.Fatalf("phone %d: got %q", i, got)
		}
	}
	before := live()
	for i := range phones {
		challenged(i)
		if i%2000 == 1999 {
			time.Sleep(300 * time.Millisecond) // strangers all, and at once
		}
	}
	out.last = map[string]string{}
	e.memory = newMemory(giveUp) // what retransmissions would get lasts 32 s
	each := float64(live()-before) / phones
	// What the test itself does for a message, without the switch.
	const some = 2000
	start := cpu()
	for i := range some {
		cr := &credentials{user: "agent1", uri: "sip:" + testRealm, nonce: nonces[1], nc: fmt.Sprintf("%08x", i), cnonce: "c", qop: "auth"}
		_ = keys[1].expected(algMD5, "REGISTER", cr)
	}
	idle := (cpu() - start) / some
	report := func(b *testing.B, used time.Duration) {
		perPhone := float64(used)/float64(b.N) - float64(idle)
		b.ReportMetric(perPhone*phones/60/1e9*100, "%core")
		b.ReportMetric(each, "B/phone")
	}
	b.Run("kept nonce", func(b *testing.B) {
		count := make([]int, phones)
		start := cpu()
		for n := range b.N {
			i := n % phones
			if count[i] == 0 {
				count[i] = 1
			}
			count[i]++
			_ = send(i, nonces[i], count[i]+n/phones*1000000)
		}
		report(b, cpu()-start)
	})
	b.Run("challenged", func(b *testing.B) {
		start := cpu()
		for n := range b.N {
			challenged(n % phones)
		}
		report(b, cpu()-start)
	})
}

// BenchmarkCallOverTLS is a whole call of a trunk over its TLS connection:
// INVITE, 100, 180, 200, ACK, BYE, 200; both ends in this process.
func BenchmarkCallOverTLS(b *testing.B) {
	ca := testca.New(b)
	cert := ca.Certificate(time.Time{}, "127.0.0.1")
	s, err := Listen([]string{"tls://127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	events := make(chan Event, 1000)
	e, err := New(Config{
		Domain: "pbx.example.com", TLS: s.TLS, Trunks: []Trunk{{ID: "acme", Host: "127.0.0.2"}},
		Certificate: func() (*tls.Certificate, error) { return cert, nil },
		Emit:        func(ev Event) { events <- ev },
	})
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = e.Serve(b.Context()) }()
	go func() {
		for ev := range events {
			if in, ok := ev.(Invited); ok {
				in.Leg.Progress(180, nil)
				in.Leg.Answer([]byte(rigSDP))
			}
		}
	}()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	raw, err := d.Dial("tcp", s.TLS[0].Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	conn := tls.Client(raw, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"})
	defer conn.Close()
	var in stream
	read := func(prefix string) string {
		for {
			for {
				msg, ping, err := in.next()
				if err != nil {
					b.Fatal(err)
				}
				if msg == nil && !ping {
					break
				}
				if strings.HasPrefix(string(msg), prefix) {
					return string(msg)
				}
			}
			n, err := conn.Read(in.room())
			if err != nil {
				b.Fatal(err)
			}
			in.add(n)
		}
	}
	write := func(method string, i, seq int, tag, body string) {
		if tag != "" {
			tag = ";tag=" + tag
		}
		_, err := fmt.Fprintf(conn, "%s sip:+14155550100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.2:9;branch=z9hG4bK%d%[1]s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@127.0.0.2>;tag=f%[2]d\r\nTo: <sip:+14155550100@127.0.0.1>%[3]s\r\nCall-ID: tls%[2]d\r\nCSeq: %[4]d %[1]s\r\nContact: <sip:a@127.0.0.2:9;transport=tls>\r\nContent-Type: application/sdp\r\nContent-Length: %[5]d\r\n\r\n%[6]s",
			method, i, tag, seq, len(body), body)
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	start := time.Now()
	b.ResetTimer()
	for i := range b.N {
		write("INVITE", i, 1, "", rigSDP)
		_, rest, _ := strings.Cut(read("SIP/2.0 200"), "To: ")
		_, rest, _ = strings.Cut(rest, ";tag=")
		tag, _, _ := strings.Cut(rest, "\r\n")
		write("ACK", i, 1, tag, "")
		write("BYE", i, 2, tag, "")
		read("SIP/2.0 200")
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "calls/s")
}
