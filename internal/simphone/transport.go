package simphone

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"time"
)

// read takes datagrams to the loop until the socket is closed.
func (p *Phone) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := p.cfg.Conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select {
			case <-p.stopped:
				return
			case <-time.After(10 * time.Millisecond): // ICMP errors and the like
			}
			continue
		}
		if len(bytes.Trim(buf[:n], "\r\n\x00")) == 0 {
			continue // keep-alive
		}
		b, peer := bytes.Clone(buf[:n]), sourceOf(from)
		p.post(func() { p.received(b, peer) })
	}
}

func (p *Phone) received(b []byte, peer netip.AddrPort) {
	if p.dead {
		return
	}
	m, err := Parse(b)
	if err != nil {
		p.badIn++
		return
	}
	m.At, m.Peer = time.Now(), peer
	p.note(m)
	if m.Code != 0 {
		p.clientResponse(m)
		return
	}
	p.serverRequest(m)
}

// send writes m to an address; a dead phone writes nothing.
func (p *Phone) send(m *Message, to netip.AddrPort) {
	if p.dead || !to.IsValid() {
		return
	}
	sent := *m
	sent.At, sent.Peer, sent.Out, sent.Raw = time.Now(), to, true, m.Bytes()
	p.note(&sent)
	// A datagram that cannot be sent is a datagram lost: the transaction tells.
	_, _ = p.cfg.Conn.WriteTo(sent.Raw, net.UDPAddrFromAddrPort(to))
}

func (p *Phone) note(m *Message) {
	p.log = append(p.log, m)
	if p.cfg.OnMessage != nil {
		p.cfg.OnMessage(m)
	}
}

// replyAddr is where the response to a request goes: RFC 3261 §18.2.2, RFC 3581 §4.
func replyAddr(m *Message) netip.AddrPort {
	vias := m.All("Via")
	if len(vias) == 0 {
		return m.Peer
	}
	_, sentBy, _ := cutSpace(vias[0])
	hasRport := bytes.Contains([]byte(vias[0]), []byte(";rport"))
	if ap, ok := hostPort("sip:" + sentBy); ok && !hasRport {
		return netip.AddrPortFrom(m.Peer.Addr(), ap.Port())
	}
	return m.Peer
}

// cutSpace cuts "SIP/2.0/UDP host:port;…" at the white space.
func cutSpace(v string) (before, after string, ok bool) {
	for i := 0; i < len(v); i++ {
		if v[i] == ' ' || v[i] == '\t' {
			return v[:i], v[i+1:], true
		}
	}
	return v, "", false
}
