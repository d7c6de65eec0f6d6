package sip

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	testRealm = "pbx.example.com"
	testLocal = "192.0.2.1:5060"
	annPass   = "correct horse battery"
)

// office is a registrar with agent ann, and what it emitted.
type office struct {
	*registrar
	t    testing.TB
	log  *bytes.Buffer
	mu   sync.Mutex
	said []Devices
}

// open makes a registrar; change may alter the Config before.
func open(t testing.TB, ping pinger, change ...func(*Config)) *office {
	t.Helper()
	o := &office{t: t, log: &bytes.Buffer{}}
	c := Config{
		Domain:   testRealm,
		Accounts: []Account{{ID: "ann", Name: "Ann Lee", Password: annPass}},
		Emit: func(ev Event) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.said = append(o.said, ev.(Devices))
		},
		Log: slog.New(slog.NewTextHandler(o.log, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	o.registrar = newRegistrar(c, ping)
	return o
}

// events takes what was emitted since the last call.
func (o *office) events() []Devices {
	o.mu.Lock()
	defer o.mu.Unlock()
	said := o.said
	o.said = nil
	return said
}

// alive lists the URIs of ann's live phones.
func (o *office) alive() string {
	var uris []string
	for _, c := range o.contacts("ann") {
		uris = append(uris, c.URI)
	}
	return strings.Join(uris, " ")
}

// phone is a digest client with a Call-ID of its own.
type phone struct {
	o        *office
	user     string
	password string
	callID   string
	cseq     int
	source   string
	via      string // parameters; ";rport" if empty
	agent    string
	nonce    string // of the last challenge
	nc       uint32
	alg      algorithm
}

func (o *office) phone(callID string) *phone {
	return &phone{o: o, user: "ann", password: annPass, callID: callID, source: "198.51.100.7:5060"}
}

// request makes a REGISTER as the wire carries it, without credentials.
func (p *phone) request(headers ...string) *sip.Request {
	p.o.t.Helper()
	p.cseq++
	via := p.via
	if via == "" {
		via = ";rport"
	}
	return p.parse("REGISTER", "sip:"+testRealm, via, headers)
}

func (p *phone) parse(method, uri, via string, headers []string) *sip.Request {
	p.o.t.Helper()
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d%s\r\nFrom: <sip:%s@%s>;tag=f%s\r\n"+
		"To: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, uri, p.source, p.callID, p.cseq, via, p.user, testRealm, p.callID, p.user, testRealm, p.callID, p.cseq, method)
	if p.agent != "" {
		text += "User-Agent: " + p.agent + "\r\n"
	}
	for _, h := range headers {
		text += h + "\r\n"
	}
	m, err := sip.ParseMessage([]byte(text + "Content-Length: 0\r\n\r\n"))
	if err != nil {
		p.o.t.Fatalf("%v\n%s", err, text)
	}
	req := m.(*sip.Request)
	req.SetSource(p.source)
	req.SetTransport("UDP")
	return req
}

// sign answers the challenge with the next count and appends the credentials.
func (p *phone) sign(req *sip.Request) *credentials {
	p.nc++
	c := &credentials{
		user: p.user, realm: testRealm, nonce: p.nonce, uri: req.Recipient.Addr(), algorithm: p.alg.String(),
		qop: "auth", cnonce: "c0ffee", nc: fmt.Sprintf("%08x", p.nc),
	}
	p.finish(req, c)
	return c
}

// finish computes the response of c and appends it to req.
func (p *phone) finish(req *sip.Request, c *credentials) {
	alg, _ := parseAlgorithm(c.algorithm)
	c.response = newSecret(c.user, c.realm, p.password).expected(alg, string(req.Method), c)
	req.AppendHeader(sip.NewHeader("Authorization", authorization(c)))
}

func authorization(c *credentials) string {
	v := fmt.Sprintf(`Digest username=%s, realm=%s, nonce="%s", uri=%s, response="%s"`,
		quote(c.user), quote(c.realm), c.nonce, quote(c.uri), c.response)
	if c.algorithm != "" {
		v += ", algorithm=" + c.algorithm
	}
	if c.qop != "" {
		v += fmt.Sprintf(`, qop=%s, cnonce="%s", nc=%s`, c.qop, c.cnonce, c.nc)
	}
	return v
}

// challenged sends a request without credentials and keeps the nonce.
func (p *phone) challenged() *sip.Response {
	p.o.t.Helper()
	res := p.o.register(p.request(), testLocal)
	p.take(res)
	return res
}

// take keeps the nonce of a 401.
func (p *phone) take(res *sip.Response) {
	p.o.t.Helper()
	if res.StatusCode != 401 {
		p.o.t.Fatalf("got %d %s, want a challenge", res.StatusCode, res.Reason)
	}
	p.nonce, p.nc = nonceOf(res), 0
}

func nonceOf(res *sip.Response) string {
	_, v, _ := strings.Cut(res.GetHeader("WWW-Authenticate").Value(), `nonce="`)
	nonce, _, _ := strings.Cut(v, `"`)
	return nonce
}

// register sends a REGISTER with good credentials.
func (p *phone) register(headers ...string) *sip.Response {
	p.o.t.Helper()
	if p.nonce == "" {
		p.challenged()
	}
	req := p.request(headers...)
	p.sign(req)
	res := p.o.register(req, testLocal)
	if res.StatusCode == 401 && strings.Contains(res.String(), "stale=true") {
		p.take(res)
		req = p.request(headers...)
		p.sign(req)
		res = p.o.register(req, testLocal)
	}
	return res
}

// mustRegister fails the test on anything but 200.
func (p *phone) mustRegister(headers ...string) *sip.Response {
	p.o.t.Helper()
	res := p.register(headers...)
	if res.StatusCode != 200 {
		p.o.t.Fatalf("REGISTER %q: got %d %s, want 200", headers, res.StatusCode, res.Reason)
	}
	return res
}

// start runs the registrar, inside a bubble, until stop.
func (o *office) start() (stop func()) {
	o.announce()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { o.run(ctx); close(done) }()
	synctest.Wait()
	return func() { cancel(); <-done }
}

func source(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// soon is a time in the near future.
func soon(d time.Duration) time.Time { return time.Now().Add(d) }
