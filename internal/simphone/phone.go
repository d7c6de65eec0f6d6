package simphone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// ErrClosed is returned by what is asked of a closed phone or an ended call.
var ErrClosed = errors.New("simphone: closed")

// ErrTimeout is a request without a final response for 64*T1.
var ErrTimeout = errors.New("simphone: no final response")

// StatusError is a final response that is not a success.
type StatusError struct {
	Method string
	Code   int
	Phrase string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("simphone: %s was answered %d %s", e.Method, e.Code, e.Phrase)
}

// Config makes a Phone. Conn is required; Peer too unless it only answers.
type Config struct {
	Conn net.PacketConn // its SIP socket; owned by the Phone after New
	Peer netip.AddrPort // where its requests go: the switch

	User     string // user part of its own URI; "" means "phone"
	Password string // "" answers no challenge
	AuthUser string // "" means User
	Domain   string // host of its own URI and of dialled numbers; "" means Peer's IP
	Agent    string // User-Agent; "" means "simphone"
	Contact  string // Contact URI; "" is sip:User@ the socket's address. A private one plays a phone behind NAT

	// ListenRTP opens a call's RTP socket; port 0 asks for any. Nil: the kernel's UDP.
	ListenRTP func(netip.AddrPort) (net.PacketConn, error)
	MediaIP   netip.Addr // for RTP and SDP; zero: Conn's IP
	Codecs    []Codec    // in order of preference; nil: PCMU, PCMA
	Tone      float64    // what it says: Hz; 0 is silence
	Level     float64    // of the tone in dBFS; 0 means -13
	SRTP      SRTP       // how it encrypts

	T1, T2, T4 time.Duration // RFC 3261 timers; zero: 500 ms, 4 s, 5 s
	Habits     Habits
	Keep       time.Duration // how much heard sound is kept per call; zero: 2 minutes

	OnMessage func(*Message) // each message sent or received; runs on the phone's goroutine and must not call it
	Log       *slog.Logger   // for panics; nil: slog.Default
}

// Phone is one endpoint.
type Phone struct {
	*loop
	cfg    Config
	local  netip.AddrPort
	wg     sync.WaitGroup // readers, RTP, scripts
	ctx    context.Context
	cancel context.CancelCauseFunc

	// Owned by the loop.
	habits  Habits
	dead    bool
	clients map[string]*clientTx
	servers map[string]*serverTx
	calls   []*Call
	arrived []*Call // inbound, not yet taken by WaitCall
	scripts []Script
	reg     registration
	log     []*Message
	badIn   int
}

// New starts a phone on its socket.
func New(cfg Config) (*Phone, error) {
	if cfg.Conn == nil {
		return nil, errors.New("simphone: Config.Conn is nil")
	}
	local, err := netip.ParseAddrPort(cfg.Conn.LocalAddr().String())
	if err != nil || local.Addr().IsUnspecified() {
		return nil, fmt.Errorf("simphone: the socket needs a concrete IP, not %v", cfg.Conn.LocalAddr())
	}
	defaults(&cfg, local)
	p := &Phone{cfg: cfg, local: local, habits: cfg.Habits, clients: map[string]*clientTx{}, servers: map[string]*serverTx{}}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	p.loop = newLoop(p.panicked)
	p.wg.Go(p.read)
	return p, nil
}

func defaults(cfg *Config, local netip.AddrPort) {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&cfg.User, "phone")
	set(&cfg.AuthUser, cfg.User)
	set(&cfg.Agent, "simphone")
	if cfg.Peer.IsValid() {
		set(&cfg.Domain, hostText(cfg.Peer.Addr()))
	}
	set(&cfg.Domain, hostText(local.Addr()))
	set(&cfg.Contact, fmt.Sprintf("sip:%s@%s", cfg.User, local))
	if !cfg.MediaIP.IsValid() {
		cfg.MediaIP = local.Addr()
	}
	if cfg.ListenRTP == nil {
		cfg.ListenRTP = func(a netip.AddrPort) (net.PacketConn, error) {
			return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
		}
	}
	if cfg.Codecs == nil {
		cfg.Codecs = []Codec{PCMU, PCMA}
	}
	if cfg.Level == 0 {
		cfg.Level = -13
	}
	for d, v := range map[*time.Duration]time.Duration{&cfg.T1: 500 * time.Millisecond, &cfg.T2: 4 * time.Second,
		&cfg.T4: 5 * time.Second, &cfg.Keep: 2 * time.Minute} {
		if *d == 0 {
			*d = v
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
}

func hostText(ip netip.Addr) string {
	if ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}

func (p *Phone) panicked(r any) {
	p.cfg.Log.Error("simphone panicked", "err", r, "addr", p.local.String(), "file", string(debug.Stack()))
}

// Addr is the address of the SIP socket.
func (p *Phone) Addr() netip.AddrPort { return p.local }

// Close ends the phone without a word on the wire (hang up and unregister before,
// or it looks as if it died), closes its sockets and waits for its goroutines.
// It is idempotent.
func (p *Phone) Close() error {
	p.cancel(ErrClosed)
	p.end()
	p.cfg.Conn.Close()
	p.do(func() {
		for _, c := range p.calls {
			c.sess.close()
		}
	})
	p.wg.Wait()
	return nil
}

// Die makes the phone stop answering anything and saying anything, RTP included,
// as if its power was cut. Revive ends that; state is as it was.
func (p *Phone) Die() { p.setDead(true) }

// Encrypt sets how the phone encrypts the calls to come.
func (p *Phone) Encrypt(how SRTP) { p.do(func() { p.cfg.SRTP = how }) }

// Revive gives a dead phone its power back.
func (p *Phone) Revive() { p.setDead(false) }

// Dead says whether the phone's power is cut.
func (p *Phone) Dead() (dead bool) {
	p.do(func() { dead = p.dead })
	return dead
}

func (p *Phone) setDead(dead bool) {
	p.do(func() {
		p.dead = dead
		for _, c := range p.calls {
			c.sess.setDead(dead)
		}
	})
}

// Behave changes the phone's habits from now on.
func (p *Phone) Behave(change func(*Habits)) { p.do(func() { change(&p.habits) }) }

// OnCall sets what becomes of inbound calls: the first script for the next call,
// and so on; the last one stays for all after it. Without scripts (or with none
// left) a call is answered 100 only, and WaitCall's caller decides.
func (p *Phone) OnCall(scripts ...Script) { p.do(func() { p.scripts = slices.Clone(scripts) }) }

// WaitCall blocks until an inbound call has arrived that no WaitCall has returned
// yet.
func (p *Phone) WaitCall(ctx context.Context) (*Call, error) {
	var c *Call
	err := p.wait(ctx, func() bool {
		if len(p.arrived) == 0 {
			return false
		}
		c, p.arrived = p.arrived[0], p.arrived[1:]
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("simphone: no call came: %w", err)
	}
	return c, nil
}

// Calls are all calls so far, in the order they began.
func (p *Phone) Calls() (out []*Call) {
	p.do(func() { out = slices.Clone(p.calls) })
	return out
}

// Messages are all messages so far, in the order of the wire. They are shared:
// do not change them.
func (p *Phone) Messages() (out []*Message) {
	p.do(func() { out = slices.Clone(p.log) })
	return out
}

// Received are the messages that came in.
func (p *Phone) Received() []*Message {
	return slices.DeleteFunc(p.Messages(), func(m *Message) bool { return m.Out })
}

// WaitMessage blocks until a message has crossed the wire that match accepts, and
// returns the first; earlier messages count.
func (p *Phone) WaitMessage(ctx context.Context, match func(*Message) bool) (*Message, error) {
	var found *Message
	next := 0
	err := p.wait(ctx, func() bool {
		for ; next < len(p.log) && found == nil; next++ {
			if match(p.log[next]) {
				found = p.log[next]
			}
		}
		return found != nil
	})
	return found, err
}

// Unreadable counts datagrams that did not parse.
func (p *Phone) Unreadable() (n int) {
	p.do(func() { n = p.badIn })
	return n
}

// SendRaw writes a datagram from the SIP socket to the peer, whatever it holds.
func (p *Phone) SendRaw(b []byte) error { return p.SendRawTo(b, p.cfg.Peer) }

// SendRawTo is SendRaw to another address.
func (p *Phone) SendRawTo(b []byte, to netip.AddrPort) error {
	_, err := p.cfg.Conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}
