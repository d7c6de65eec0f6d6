package sip

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
)

// The rig is an Endpoint on a simulated network with a trunk, acme, at
// 10.0.0.2 and an agent, ann, with a static phone at 10.0.0.3. Peers are bare
// sockets: tests write and read the very messages.
type rig struct {
	t   testing.TB
	net *simnet.Net
	e   *Endpoint
	log *bytes.Buffer

	mu     sync.Mutex
	events []Event
	wake   chan struct{}
	onEmit func(Event)

	stop context.CancelFunc
	done chan struct{}
}

const (
	rigSwitch = "10.0.0.1:5060"
	rigTrunk  = "10.0.0.2:5060"
	rigPhone  = "10.0.0.3:5060"
	rigSDP    = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)

// inBubble runs f with a rig in virtual time and checks that nothing is left.
func inBubble(t *testing.T, f func(r *rig), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change...)
		defer r.close()
		f(r)
	})
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	return newRigOn(t, simnet.New(), change...)
}

// newRigOn is newRig on a network that a test has made.
func newRigOn(t testing.TB, n *simnet.Net, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, net: n, log: &bytes.Buffer{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	pc, err := r.net.ListenPacket(netip.MustParseAddrPort(rigSwitch))
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Domain:   "pbx.example.com",
		UDP:      []net.PacketConn{pc},
		Trunks:   []Trunk{{ID: "acme", Host: rigTrunk, AcceptFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/32")}}},
		Accounts: []Account{{ID: "ann", Password: annPass, Static: []string{"sip:ann@" + rigPhone}, NoOptions: true}},
		Emit:     r.emit,
		Log:      slog.New(slog.NewTextHandler(&lockedWriter{w: r.log}, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	if r.e, err = New(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() {
		defer close(r.done)
		if err := r.e.Serve(ctx); err != nil {
			t.Error(err)
		}
	}()
	return r
}

type lockedWriter struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// close stops the endpoint and checks what it must leave behind.
func (r *rig) close() {
	r.t.Helper()
	r.stop()
	<-r.done
	if n := r.e.Stats().Legs; n != 0 {
		r.t.Errorf("legs after Serve: got %d, want 0", n)
	}
	if n := len(r.e.clients.m) + len(r.e.servers.m); n != 0 {
		r.t.Errorf("transactions after Serve: got %d, want 0", n)
	}
	_ = r.net.Close()
}

func (r *rig) emit(ev Event) {
	switch ev.(type) {
	case TrunkState, Devices:
		return
	}
	if r.onEmit != nil {
		r.onEmit(ev)
	}
	r.mu.Lock()
	r.events = append(r.events, ev)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next returns the next event, which must come within d.
func (r *rig) next(d time.Duration) Event {
	r.t.Helper()
	limit := time.After(d)
	for {
		r.mu.Lock()
		if len(r.events) > 0 {
			ev := r.events[0]
			r.events = r.events[1:]
			r.mu.Unlock()
			return ev
		}
		r.mu.Unlock()
		select {
		case <-r.wake:
		case <-limit:
			r.t.Fatalf("no event within %v", d)
		}
	}
}

// silent checks that no event comes within d.
func (r *rig) silent(d time.Duration) {
	r.t.Helper()
	time.Sleep(d)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) > 0 {
		r.t.Fatalf("got event %#v, want none", r.events[0])
	}
}

// want returns the next event, which must be a T.
func want[T Event](r *rig) T {
	r.t.Helper()
	ev := r.next(70 * time.Second)
	v, ok := ev.(T)
	if !ok {
		var w T
		r.t.Fatalf("got event %#v, want a %T", ev, w)
	}
	return v
}

// wirePeer is a socket that writes and reads SIP by hand.
type wirePeer struct {
	r    *rig
	conn net.PacketConn
	at   string
	to   string
	in   chan wireMsg
}

type wireMsg struct {
	text string
	from string
	at   time.Time
}

func (r *rig) peer(at string) *wirePeer {
	r.t.Helper()
	c, err := r.net.ListenPacket(netip.MustParseAddrPort(at))
	if err != nil {
		r.t.Fatal(err)
	}
	p := &wirePeer{r: r, conn: c, at: at, to: rigSwitch, in: make(chan wireMsg, 10000)}
	go func() {
		b := make([]byte, 65536)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			p.in <- wireMsg{string(b[:n]), from.String(), time.Now()}
		}
	}()
	return p
}

func (p *wirePeer) send(text string) {
	p.r.t.Helper()
	if _, err := p.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(p.to))); err != nil {
		p.r.t.Fatal(err)
	}
}

// expect returns the next message, which must begin with prefix.
func (p *wirePeer) expect(prefix string) wireMsg {
	p.r.t.Helper()
	select {
	case m := <-p.in:
		if !strings.HasPrefix(m.text, prefix) {
			p.r.t.Fatalf("%s: got %q, want %q", p.at, m.text, prefix)
		}
		return m
	case <-time.After(70 * time.Second):
		p.r.t.Fatalf("%s: got nothing, want %q", p.at, prefix)
	}
	return wireMsg{}
}

// nothing checks that no message comes within d.
func (p *wirePeer) nothing(d time.Duration) {
	p.r.t.Helper()
	select {
	case m := <-p.in:
		p.r.t.Fatalf("%s: got %q, want nothing", p.at, m.text)
	case <-time.After(d):
	}
}

// drain returns what came until d has passed.
func (p *wirePeer) drain(d time.Duration) []wireMsg {
	var all []wireMsg
	limit := time.After(d)
	for {
		select {
		case m := <-p.in:
			all = append(all, m)
		case <-limit:
			return all
		}
	}
}

// hdr returns the first value of a header of a message.
func (m wireMsg) hdr(name string) string {
	for _, l := range strings.Split(m.text, "\r\n") {
		if v, ok := strings.CutPrefix(l, name+": "); ok {
			return v
		}
	}
	return ""
}

func (m wireMsg) all(name string) []string {
	var vs []string
	for _, l := range strings.Split(m.text, "\r\n") {
		if v, ok := strings.CutPrefix(l, name+": "); ok {
			vs = append(vs, v)
		}
	}
	return vs
}

func (m wireMsg) tag(name string) string {
	_, t, _ := strings.Cut(m.hdr(name), ";tag=")
	return t
}

// caller is a wirePeer's call into the switch.
type wireCall struct {
	*wirePeer
	id     string
	branch string
	seq    int
	toTag  string
	user   string
}

func (p *wirePeer) call(id string) *wireCall {
	return &wireCall{wirePeer: p, id: id, branch: "z9hG4bK-" + id, seq: 1, user: "+14155550100"}
}

// message writes a request of the call; more are header lines with CRLF.
func (c *wireCall) message(method, branch string, seq int, more, body string) string {
	to := "<sip:" + c.user + "@10.0.0.1>"
	if c.toTag != "" {
		to += ";tag=" + c.toTag
	}
	if body != "" {
		more += "Content-Type: application/sdp\r\n"
	}
	return fmt.Sprintf("%s sip:%s@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"Bob\" <sip:+14155550123@10.0.0.2>;tag=ft-%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n"+
		"Contact: <sip:bob@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, c.user, c.at, branch, c.id, to, c.id, seq, method, c.at, more, len(body), body)
}

func (c *wireCall) invite() { c.send(c.message("INVITE", c.branch, c.seq, "", rigSDP)) }

func (c *wireCall) ack() {
	c.send(c.message("ACK", c.branch+"-ack"+strconv.Itoa(c.seq), c.seq, "", ""))
}

// ring calls until 180 is in and returns the leg.
func (c *wireCall) ring() *Leg {
	c.r.t.Helper()
	c.invite()
	c.expect("SIP/2.0 100")
	l := want[Invited](c.r).Leg
	l.Progress(180, nil)
	c.toTag = c.expect("SIP/2.0 180").tag("To")
	return l
}

// up calls until the dialog is confirmed.
func (c *wireCall) up() *Leg {
	c.r.t.Helper()
	l := c.ring()
	l.Answer([]byte(rigSDP))
	c.expect("SIP/2.0 200")
	c.ack()
	want[Confirmed](c.r)
	return l
}

// request sends the next request inside the dialog.
func (c *wireCall) request(method, more, body string) {
	c.seq++
	c.send(c.message(method, fmt.Sprintf("z9hG4bK-%s-%d", c.id, c.seq), c.seq, more, body))
}

// respond answers a request that the switch sent to p. more are header lines.
func (p *wirePeer) respond(req wireMsg, code int, toTag, more, body string) {
	p.r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Whatever\r\n", code)
	for _, v := range req.all("Via") {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := req.hdr("To")
	if toTag != "" && !strings.Contains(to, ";tag=") {
		to += ";tag=" + toTag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", req.hdr("From"), to, req.hdr("Call-ID"), req.hdr("CSeq"))
	if body != "" {
		more += "Content-Type: application/sdp\r\n"
	}
	if !strings.Contains(more, "Contact:") {
		more += "Contact: <sip:callee@" + p.at + ">\r\n"
	}
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", more, len(body), body)
	p.send(b.String())
}

// dialAnn calls ann's static phone.
func (r *rig) dialAnn() *Leg {
	cs := r.e.Contacts("ann")
	if len(cs) != 1 {
		r.t.Fatalf("ann's phones: got %d, want 1", len(cs))
	}
	return r.e.Dial(Dial{To: Target{Contact: cs[0].ID}, From: NameAddr{User: "+14155550123"}, Offer: []byte(rigSDP)})
}

// callAnn calls ann's phone and has it answer.
func (r *rig) callAnn(p *wirePeer) (*Leg, wireMsg) {
	r.t.Helper()
	l := r.dialAnn()
	inv := p.expect("INVITE ")
	p.respond(inv, 180, "callee1", "", "")
	want[Progressed](r)
	p.respond(inv, 200, "callee1", "", rigSDP)
	want[Answered](r)
	p.expect("ACK ")
	return l, inv
}
