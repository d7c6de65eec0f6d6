package simphone

import (
	"net/netip"
	"time"
)

// clientTx is a client transaction, RFC 3261 §17.1, with the Accepted state of
// RFC 6026 for INVITE. Owned by the loop.
type clientTx struct {
	p          *Phone
	req        *Message
	to         netip.AddrPort
	onResponse func(*Message) // each response, retransmitted 2xx to INVITE included
	onTimeout  func()

	provisional, final bool
	ack                *Message // of a failed INVITE, sent again for each retransmission
	again, giveUp      *alarm
}

// start sends req in a new client transaction. The request's topmost Via must
// carry its branch.
func (p *Phone) start(req *Message, to netip.AddrPort, onResponse func(*Message), onTimeout func()) *clientTx {
	t := &clientTx{p: p, req: req, to: to, onResponse: onResponse, onTimeout: onTimeout}
	p.clients[t.key()] = t
	p.send(req, to)
	if !p.habits.NoRetransmit {
		t.again = p.after(p.cfg.T1, func() { t.retransmit(2 * p.cfg.T1) }) // timers A and E
	}
	t.giveUp = p.after(64*p.cfg.T1, t.timeout) // timers B and F
	return t
}

func (t *clientTx) key() string { return t.req.branch() + " " + t.req.Method }

func (t *clientTx) retransmit(next time.Duration) {
	if t.final || (t.provisional && t.req.Method == "INVITE") {
		return
	}
	t.p.send(t.req, t.to)
	if t.req.Method != "INVITE" && (next > t.p.cfg.T2 || t.provisional) {
		next = t.p.cfg.T2
	}
	t.again = t.p.after(next, func() { t.retransmit(2 * next) })
}

func (t *clientTx) timeout() {
	if t.final || (t.provisional && t.req.Method == "INVITE") {
		return // an INVITE that rings has no timer B
	}
	t.final = true
	delete(t.p.clients, t.key())
	t.onTimeout()
}

func (p *Phone) clientResponse(m *Message) {
	_, method := m.CSeq()
	t := p.clients[m.branch()+" "+method]
	if t == nil {
		return
	}
	if m.Code < 200 {
		if !t.final {
			t.provisional = true
			t.onResponse(m)
		}
		return
	}
	t.again.stop()
	first := !t.final
	t.final = true
	invite := method == "INVITE"
	if first {
		keep := p.cfg.T4 // timer K
		if invite {
			keep = 64 * p.cfg.T1 // timers D and M
		}
		p.after(keep, func() { delete(p.clients, t.key()) })
	}
	switch {
	case invite && m.Code >= 300: // §17.1.1.3: the ACK of the same transaction
		if first {
			t.ack = ackFor(t.req, m)
		}
		if !p.habits.NoACKFailure {
			p.send(t.ack, t.to)
		}
		if first {
			t.onResponse(m)
		}
	case invite || first:
		t.onResponse(m)
	}
}

// ackFor builds the ACK of a failed INVITE: RFC 3261 §17.1.1.3.
func ackFor(invite, final *Message) *Message {
	a := &Message{Method: "ACK", URI: invite.URI}
	a.Add("Via", invite.All("Via")[0])
	for _, r := range invite.All("Route") {
		a.Add("Route", r)
	}
	a.Add("Max-Forwards", "70")
	a.Add("From", invite.Get("From"))
	a.Add("To", final.Get("To"))
	a.Add("Call-ID", invite.Get("Call-ID"))
	a.Add("CSeq", cseq(invite)+" ACK")
	return a
}

func cseq(m *Message) string {
	v, _, _ := cutSpace(m.Get("CSeq"))
	return v
}

// serverTx is a server transaction, RFC 3261 §17.2.
type serverTx struct {
	p     *Phone
	req   *Message
	call  *Call // of an INVITE
	last  *Message
	acked bool
	again *alarm
}

func serverKey(m *Message, method string) string {
	sentBy := ""
	if v := m.All("Via"); len(v) > 0 {
		_, rest, _ := cutSpace(v[0])
		sentBy = uriOf(rest) // host:port without parameters
	}
	return m.branch() + " " + sentBy + " " + method
}

func (p *Phone) serverRequest(m *Message) {
	method := m.Method
	if method == "ACK" {
		method = "INVITE"
	}
	t := p.servers[serverKey(m, method)]
	switch {
	case t != nil && m.Method == "ACK": // of a failed INVITE
		t.acked = true
		t.again.stop()
	case t != nil: // a retransmission: the last response again, except a 2xx, which the dialog repeats (RFC 6026 §7.1)
		if t.last != nil && (t.last.Code < 200 || t.last.Code >= 300 || m.Method != "INVITE") {
			p.send(t.last, replyAddr(m))
		}
	case m.Method == "ACK":
		p.ackArrived(m)
	default:
		t = &serverTx{p: p, req: m}
		key := serverKey(m, method)
		p.servers[key] = t
		if m.Method != "INVITE" {
			p.after(64*p.cfg.T1, func() { delete(p.servers, key) }) // timer J
		}
		p.request(t)
	}
}

// respond sends a response in the transaction; a second final one is ignored.
func (t *serverTx) respond(r *Message) {
	if t.last != nil && t.last.Code >= 200 {
		return
	}
	t.last = r
	to := replyAddr(t.req)
	t.p.send(r, to)
	if r.Code < 200 || t.req.Method != "INVITE" {
		return
	}
	key := serverKey(t.req, "INVITE")
	t.p.after(64*t.p.cfg.T1, func() { t.again.stop(); delete(t.p.servers, key) }) // timers H and L
	if r.Code >= 300 && !t.p.habits.NoRetransmit {
		t.repeat(t.p.cfg.T1) // timer G
	}
}

func (t *serverTx) repeat(d time.Duration) {
	t.again = t.p.after(d, func() {
		if !t.acked {
			t.p.send(t.last, replyAddr(t.req))
			t.repeat(min(2*d, t.p.cfg.T2))
		}
	})
}
