package sip

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/testca"
)

// tlsCarrier is a carrier's TLS listener on the loopback.
type tlsCarrier struct {
	net.Listener
	t    *testing.T
	sni  chan string
	ours chan string // names in the certificate that it was shown
}

func newTLSCarrier(t *testing.T, at string, cert *tls.Certificate) *tlsCarrier {
	t.Helper()
	c := &tlsCarrier{t: t, sni: make(chan string, 10), ours: make(chan string, 10)}
	var err error
	c.Listener, err = tls.Listen("tcp", at, &tls.Config{
		ClientAuth: tls.RequestClientCert,
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.sni <- h.ServerName
			return cert, nil
		},
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) > 0 {
				if shown, err := x509.ParseCertificate(raw[0]); err == nil {
					c.ours <- shown.Subject.CommonName
				}
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (c *tlsCarrier) accept() *tcpPeer {
	c.t.Helper()
	conn, err := c.Accept()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return &tcpPeer{t: c.t, Conn: conn, r: bufio.NewReader(conn)}
}

// respond answers a request that the switch sent.
func (p *tcpPeer) respond(req wireMsg, code int, body string) {
	p.t.Helper()
	to := req.hdr("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=peer"
	}
	ct := ""
	if body != "" {
		ct = "Content-Type: application/sdp\r\n"
	}
	_, err := fmt.Fprintf(p, "SIP/2.0 %d Whatever\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:callee@127.0.0.9:9;transport=tls>\r\n%sContent-Length: %d\r\n\r\n%s",
		code, req.hdr("Via"), req.hdr("From"), to, req.hdr("Call-ID"), req.hdr("CSeq"), ct, len(body), body)
	if err != nil {
		p.t.Fatal(err)
	}
}

// withTLS gives the rig a certificate, trust in ca, and a trunk tls whose host
// is on the loopback.
func withTLS(ca *testca.CA, host string) func(*Config) {
	own := ca.Certificate(time.Time{}, "pbx.example.com", "127.0.0.1")
	return func(c *Config) {
		c.Certificate = func() (*tls.Certificate, error) { return own, nil }
		pool := ca.Pool()
		c.Authorities = func() *x509.CertPool { return pool }
		c.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.9")}, nil
		}
		c.Trunks = append(c.Trunks, Trunk{ID: "tls", Host: host, Transport: "tls"})
	}
}

// dialTrunk dials until the trunk's name is resolved.
func (r *kernelRig) dialTrunk(id TrunkID) *Leg {
	r.t.Helper()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if _, addrs, err := r.e.carriers.target(id); err == nil && len(addrs) > 0 {
			return r.e.Dial(Dial{To: Target{Trunk: id}, User: "+1415", Offer: []byte(rigSDP)})
		}
	}
	r.t.Fatal("the trunk's name was not resolved")
	return nil
}

func TestTrunkIsCalledOverTLSAndTheDialogStaysOnItsConnection(t *testing.T) {
	ca := testca.New(t)
	carrier := newTLSCarrier(t, "127.0.0.9:0", ca.Certificate(time.Time{}, "sip.acme.example"))
	_, port, _ := net.SplitHostPort(carrier.Addr().String())
	r := newKernelRig(t, withTLS(ca, "sip.acme.example:"+port))
	l := r.dialTrunk("tls")
	p := carrier.accept()
	inv := p.expect("INVITE sip:+1415@sip.acme.example:" + port + ";transport=tls SIP/2.0")
	if got := <-carrier.sni; got != "sip.acme.example" {
		t.Errorf("SNI: got %q, want the trunk's host", got)
	}
	if got := <-carrier.ours; got != "pbx.example.com" {
		t.Errorf("certificate shown: got %q, want ours", got)
	}
	if !strings.HasPrefix(inv.hdr("Via"), "SIP/2.0/TLS "+r.tls+";") || !strings.Contains(inv.hdr("Contact"), r.tls+";transport=tls") {
		t.Errorf("got Via %q, Contact %q, want TLS and our TLS listener", inv.hdr("Via"), inv.hdr("Contact"))
	}
	p.respond(inv, 200, rigSDP)
	p.expect("ACK ")
	if _, ok := r.next().(Answered); !ok {
		t.Fatal("got no Answered")
	}
	l.Hangup(0, Reason{}) // the Contact names a port where nobody listens
	p.respond(p.expect("BYE "), 200, "")
	if ev := r.next().(Ended); ev.By != Ours {
		t.Errorf("got %+v, want Ours", ev)
	}
}

func TestTLSPeersMustProveTheirName(t *testing.T) {
	ca, other := testca.New(t), testca.New(t)
	for _, c := range []struct {
		name string
		cert *tls.Certificate
		want string
	}{
		{"another authority", other.Certificate(time.Time{}, "sip.acme.example"), "signed by an authority that is not trusted here"},
		{"another name", ca.Certificate(time.Time{}, "sip.evil.example"), "not that of sip.acme.example"},
		{"expired", ca.Certificate(time.Now().Add(-time.Hour), "sip.acme.example"), "is not valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			carrier := newTLSCarrier(t, "127.0.0.9:0", c.cert)
			_, port, _ := net.SplitHostPort(carrier.Addr().String())
			r := newKernelRig(t, withTLS(ca, "sip.acme.example:"+port))
			r.dialTrunk("tls")
			got := make(chan []byte, 1)
			go func() {
				conn, err := carrier.Accept()
				if err != nil {
					return
				}
				b, _ := io.ReadAll(conn)
				got <- b
				_ = conn.Close()
			}()
			ev := r.next().(Ended)
			if ev.By != Failed || ev.Code != 503 || ev.Err == nil || !strings.Contains(ev.Err.Error(), c.want) {
				t.Errorf("got %+v, want 503 and %q", ev, c.want)
			}
			if b := <-got; len(b) > 0 {
				t.Errorf("the impostor read %q, want nothing", b)
			}
		})
	}
}

// A trunk's own authority is trusted for that trunk, and for no other.
func TestTrunkMayHaveAnAuthorityOfItsOwn(t *testing.T) {
	ca, own := testca.New(t), testca.New(t)
	carrier := newTLSCarrier(t, "127.0.0.9:0", own.Certificate(time.Time{}, "127.0.0.9"))
	r := newKernelRig(t, withTLS(ca, carrier.Addr().String()), func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{ID: "own", Host: carrier.Addr().String(), Transport: "tls", Authorities: own.Pool()})
	})
	r.dialTrunk("own")
	p := carrier.accept()
	p.expect("INVITE ")
	r.dialTrunk("tls")
	go func() {
		if conn, err := carrier.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	if ev := r.next().(Ended); ev.Err == nil || !strings.Contains(ev.Err.Error(), "not trusted here") {
		t.Errorf("got %+v, want the other trunk's connection refused", ev)
	}
}

// dialTLS connects to the switch's TLS listener.
func (r *kernelRig) dialTLS(from string, ca *testca.CA) *tcpPeer {
	r.t.Helper()
	p := dialFrom(r.t, from, r.tls)
	c := tls.Client(p.Conn, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"})
	if err := c.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	return &tcpPeer{t: r.t, Conn: c, r: bufio.NewReader(c)}
}

func TestPhoneOverTLSIsCalledOverItsConnectionAndNoOther(t *testing.T) {
	ca := testca.New(t)
	r := newKernelRig(t, withTLS(ca, "127.0.0.9"), func(c *Config) {
		c.Accounts = []Account{{ID: "ann", Password: annPass, NoOptions: true}, {ID: "bob", Password: annPass, NoOptions: true}}
	})
	ann, bob := r.dialTLS("127.0.0.5", ca), r.dialTLS("127.0.0.6", ca)
	for user, p := range map[string]*tcpPeer{"ann": ann, "bob": bob} {
		p.register(user)
	}
	cs := r.e.Contacts("ann")
	if len(cs) != 1 {
		t.Fatalf("ann's phones: got %d, want 1", len(cs))
	}
	l := r.e.Dial(Dial{To: Target{Contact: cs[0].ID}, From: NameAddr{User: "1"}, Offer: []byte(rigSDP)})
	inv := ann.expect("INVITE ")
	ann.respond(inv, 200, rigSDP)
	ann.expect("ACK ")
	r.next()
	l.Hangup(0, Reason{})
	ann.respond(ann.expect("BYE "), 200, "")
	r.next()
	_ = ann.Close()
	for limit := time.Now().Add(5 * time.Second); r.e.connsLen() > 1 && time.Now().Before(limit); time.Sleep(time.Millisecond) {
	}
	r.e.Dial(Dial{To: Target{Contact: cs[0].ID}, From: NameAddr{User: "1"}, Offer: []byte(rigSDP)})
	if ev := r.next().(Ended); ev.By != Failed || ev.Code != 503 {
		t.Errorf("without its connection: got %+v, want Failed 503", ev)
	}
}

// A phone in a call whose connection breaks is asked whether it is there, once
// it has had time to come back.
func TestPhoneWhoseConnectionBreaksInACallIsFoundLost(t *testing.T) {
	ca := testca.New(t)
	r := newKernelRig(t, withTLS(ca, "127.0.0.9"), func(c *Config) {
		c.Accounts = []Account{{ID: "ann", Password: annPass, NoOptions: true}}
	})
	ann := r.dialTLS("127.0.0.5", ca)
	ann.register("ann")
	l := r.e.Dial(Dial{To: Target{Contact: r.e.Contacts("ann")[0].ID}, From: NameAddr{User: "1"}, Offer: []byte(rigSDP)})
	inv := ann.expect("INVITE ")
	ann.respond(inv, 200, rigSDP)
	ann.expect("ACK ")
	r.next()
	l.Probe()
	ann.respond(ann.expect("OPTIONS "), 200, "")
	if ev, ok := r.next().(Probed); !ok || !ev.Alive {
		t.Errorf("a phone that answers: got %+v, want it alive", ev)
	}
	l.Probe()
	ann.respond(ann.expect("OPTIONS "), 481, "")
	if ev, ok := r.next().(Probed); !ok || ev.Alive {
		t.Errorf("a phone that has forgotten the call: got %+v, want it lost", ev)
	}
	began := time.Now()
	_ = ann.Close()
	if ev, ok := r.next().(Probed); !ok || ev.Alive || time.Since(began) < reconnectWithin/2 {
		t.Errorf("a phone whose connection broke: got %+v after %v, want it lost after %v", ev, time.Since(began), reconnectWithin)
	}
}

// register binds the connection to an account whose password is annPass.
func (p *tcpPeer) register(user string) {
	p.t.Helper()
	auth := ""
	for seq := 1; seq <= 2; seq++ {
		if _, err := fmt.Fprintf(p, "REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/TLS %s;branch=z9hG4bKreg%s%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%[2]s@pbx.example.com>;tag=%[2]s\r\nTo: <sip:%[2]s@pbx.example.com>\r\nCall-ID: reg%[2]s\r\nCSeq: %[3]d REGISTER\r\nContact: <sip:%[2]s@%[1]s;transport=tls>;expires=300\r\n%[4]sContent-Length: 0\r\n\r\n",
			p.LocalAddr(), user, seq, auth); err != nil {
			p.t.Fatal(err)
		}
		if seq == 2 {
			p.expect("SIP/2.0 200")
			return
		}
		_, rest, _ := strings.Cut(p.expect("SIP/2.0 401").hdr("WWW-Authenticate"), `nonce="`)
		nonce, _, _ := strings.Cut(rest, `"`)
		c := &credentials{user: user, uri: "sip:pbx.example.com", nonce: nonce, nc: "00000001", cnonce: "c", qop: "auth"}
		auth = fmt.Sprintf("Authorization: Digest username=%q, realm=\"pbx.example.com\", nonce=%q, uri=%q, response=%q, algorithm=MD5, qop=auth, nc=%s, cnonce=%q\r\n",
			user, nonce, c.uri, newSecret(user, "pbx.example.com", annPass).expected(algMD5, "REGISTER", c), c.nc, c.cnonce)
	}
}

func (e *Endpoint) connsLen() int {
	e.conns.mu.Lock()
	defer e.conns.mu.Unlock()
	return len(e.conns.byPeer)
}

func TestRenewedCertificateIsShownAndNoConnectionDropped(t *testing.T) {
	ca := testca.New(t)
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(ca.Certificate(time.Time{}, "old.example", "127.0.0.1"))
	r := newKernelRig(t, withTLS(ca, "127.0.0.9"), func(c *Config) {
		c.Certificate = func() (*tls.Certificate, error) { return shown.Load(), nil }
	})
	before := r.dialTLS("127.0.0.2", ca)
	_, tag := before.up(r, "renewed")
	shown.Store(ca.Certificate(time.Time{}, "new.example", "127.0.0.1"))
	after := r.dialTLS("127.0.0.2", ca)
	if got := after.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName; got != "new.example" {
		t.Errorf("got the certificate of %s, want the new one", got)
	}
	before.request("BYE", "renewed", tag, 2, "")
	before.expect("SIP/2.0 200")
	r.next()
}

func TestOldTLSIsRefused(t *testing.T) {
	ca := testca.New(t)
	r := newKernelRig(t, withTLS(ca, "127.0.0.9"))
	_, err := tls.Dial("tcp", r.tls, &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Error("TLS 1.1: got a connection, want an error")
	}
}

// sips is spoken over TLS, and refused where others could read it.
func TestSipsIsForTLSAlone(t *testing.T) {
	ca := testca.New(t)
	r := newKernelRig(t, withTLS(ca, "127.0.0.9"))
	invite := func(p *tcpPeer, id, over string) {
		_, err := fmt.Fprintf(p, "INVITE sips:+14155550100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sips:a@127.0.0.2>;tag=%[3]s\r\nTo: <sips:+14155550100@127.0.0.1>\r\nCall-ID: %[3]s\r\nCSeq: 1 INVITE\r\nContact: <sips:a@127.0.0.2:9>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			over, p.LocalAddr(), id, len(rigSDP), rigSDP)
		if err != nil {
			t.Fatal(err)
		}
	}
	plain := dialFrom(t, "127.0.0.2", r.tcp)
	invite(plain, "plain", "TCP")
	plain.expect("SIP/2.0 416")
	p := r.dialTLS("127.0.0.2", ca)
	invite(p, "secure", "TLS")
	p.expect("SIP/2.0 100")
	r.next().(Invited).Leg.Answer([]byte(rigSDP))
	if got := p.expect("SIP/2.0 200").hdr("Contact"); !strings.HasPrefix(got, "<sips:trunkline@"+r.tls+">") {
		t.Errorf("Contact: got %q, want sips of our TLS listener", got)
	}
}

func TestTLSHandshakeHasTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		r := newRig(t, func(c *Config) { c.TLS = []net.Listener{l} })
		defer r.close()
		for _, c := range []struct{ name, first string }{{"silent", ""}, {"half a record", "\x16\x03\x01\x02\x00"}} {
			far := l.connect("10.0.0.2", 40000)
			start := time.Now()
			_, _ = io.WriteString(far, c.first)
			if _, err := io.Copy(io.Discard, far); err != nil {
				t.Errorf("%s: got %v, want EOF", c.name, err)
			}
			if d := time.Since(start); d != handshakeWithin {
				t.Errorf("%s: cut off after %v, want %v", c.name, d, handshakeWithin)
			}
			time.Sleep(time.Second)
		}
		if got := r.e.Stats().Handshakes; got != 2 {
			t.Errorf("failed handshakes: got %d, want 2", got)
		}
	})
}
