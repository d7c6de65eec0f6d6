package load

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Bare is the least that could stand where the switch stands: it answers every
// call, dials a phone for it, and passes the BYE on. It has no transactions,
// timers, sound or memory of anything; it is what a call's messages cost by
// themselves, for comparison.
type Bare struct {
	conn   *net.UDPConn
	phones netip.AddrPort
	agents int

	calls map[string]*bareCall // by the carrier's Call-ID
	legs  map[string]*bareCall // by the phone's
}

type bareCall struct {
	n            int
	id, from, to string // of the phone's leg
	phone        string // its target
}

// OpenBare listens on addr and sends calls to so many agents at phones.
func OpenBare(addr, phones netip.AddrPort, agents int) (*Bare, error) {
	c, err := listen(addr)
	if err != nil {
		return nil, err
	}
	return &Bare{conn: c, phones: phones, agents: agents, calls: map[string]*bareCall{}, legs: map[string]*bareCall{}}, nil
}

// Serve answers until the socket fails.
func (b *Bare) Serve() error {
	in, out := make([]byte, 8192), make([]byte, 0, 4096)
	for n := 0; ; {
		size, from, err := b.conn.ReadFromUDPAddrPort(in)
		if err != nil {
			return err
		}
		m, ok := parse(in[:size])
		if !ok {
			continue
		}
		if string(m.method) == "INVITE" {
			n++
		}
		b.message(&m, from, n, out)
	}
}

func (b *Bare) message(m *message, from netip.AddrPort, n int, out []byte) {
	at := b.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	switch {
	case string(m.method) == "OPTIONS":
		b.send(from, m.reply(out, "200 OK", "b", "", ""))
	case string(m.method) == "INVITE":
		c := &bareCall{n: n, id: fmt.Sprintf("bare-%d@%s", n, at.Addr())}
		b.calls[string(m.callID)], b.legs[c.id] = c, c
		b.send(from, m.reply(out, "100 Trying", "", "", ""))
		b.send(from, m.reply(out, "200 OK", "b"+strconv.Itoa(n), contact("bare", at), sdp(at.Addr(), Party{Port: 30000})))
		agent := fmt.Sprintf("a%03d", n%b.agents)
		c.phone = fmt.Sprintf("sip:%s@%s", agent, b.phones)
		c.from, c.to = fmt.Sprintf("<sip:%s@%s>;tag=q%d", user(m.from), at.Addr(), n), "<"+c.phone+">"
		out = request(out, "INVITE", c.phone, via(at, "x", n), c.from, c.to, c.id, 1, contact("bare", at))
		b.send(b.phones, body(out, sdp(at.Addr(), Party{Port: 30002})))
	case string(m.method) == "BYE":
		b.send(from, m.reply(out, "200 OK", "", "", ""))
		if c := b.calls[string(m.callID)]; c != nil {
			delete(b.calls, string(m.callID))
			b.send(b.phones, body(request(out, "BYE", c.phone, via(at, "y", c.n), c.from, c.to, c.id, 2, ""), ""))
		}
	case m.code == 200 && strings.HasSuffix(string(m.cseq), "INVITE"):
		if c := b.legs[string(m.callID)]; c != nil {
			c.to = string(m.to)
			b.send(b.phones, body(request(out, "ACK", string(m.contact), via(at, "z", c.n), c.from, c.to, c.id, 1, ""), ""))
		}
	case m.code == 200:
		delete(b.legs, string(m.callID))
	}
}

func (b *Bare) send(to netip.AddrPort, text []byte) { _, _ = b.conn.WriteToUDPAddrPort(text, to) }
