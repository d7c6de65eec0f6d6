package load

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Begin sends one more call.
func (l *Load) Begin() {
	l.mu.Lock()
	n := len(l.calls)
	number := "+" + strconv.Itoa(firstCaller+n)
	c := &leg{n: n, callID: fmt.Sprintf("load-%d@%s", n, l.CarrierAddr().Addr()), begun: time.Now()}
	c.from = fmt.Sprintf("<sip:%s@%s>;tag=c%d", number, l.CarrierAddr().Addr(), n)
	c.to = fmt.Sprintf("<sip:%s@%s>", l.cfg.Dialled, l.cfg.Switch.Addr())
	l.calls = append(l.calls, c)
	l.result.Began = append(l.result.Began, c.begun)
	l.result.Begun++
	l.mu.Unlock()
	uri := fmt.Sprintf("sip:%s@%s", l.cfg.Dialled, l.cfg.Switch)
	out := request(nil, "INVITE", uri, via(l.CarrierAddr(), "i", n), c.from, c.to, c.callID, 1, contact("carrier", l.CarrierAddr()))
	party, _ := l.parties(n)
	l.send(l.carrier, body(out, sdp(l.CarrierAddr().Addr(), party)))
}

func (l *Load) atCarrier(m *message, out []byte) {
	l.mu.Lock()
	c := l.callOf(string(m.callID))
	if c == nil {
		l.mu.Unlock()
		return
	}
	switch {
	case m.method == nil && strings.HasSuffix(string(m.cseq), "INVITE"):
		l.inviteReply(c, m, out)
	case m.method == nil && strings.HasSuffix(string(m.cseq), "BYE"):
		l.over(c, m.code == 200, fmt.Sprintf("BYE got %d", m.code))
	case string(m.method) == "BYE":
		out = m.reply(out, "200 OK", "", "", "")
		l.send(l.carrier, out)
		l.over(c, c.connected, "hung up before an agent answered")
	default:
		l.mu.Unlock()
	}
}

// inviteReply is called with the lock held and releases it.
func (l *Load) inviteReply(c *leg, m *message, out []byte) {
	if m.code < 200 || c.ended {
		l.mu.Unlock()
		return
	}
	first := !c.answered
	c.answered = true
	c.to = string(m.to)
	c.ports[0] = portOf(m.body)
	if m.contact != nil {
		c.remote = string(m.contact)
	}
	target, branch := c.remote, "a"
	if m.code >= 300 {
		target, branch = fmt.Sprintf("sip:%s@%s", l.cfg.Dialled, l.cfg.Switch), "i"
	}
	out = request(out, "ACK", target, via(l.CarrierAddr(), branch, c.n), c.from, c.to, c.callID, 1, "")
	l.send(l.carrier, body(out, ""))
	if m.code >= 300 && first {
		l.over(c, false, fmt.Sprintf("INVITE got %d", m.code))
		return
	}
	if first && c.leaving {
		l.bye(c)
	}
	l.mu.Unlock()
}

// bye is the carrier hanging up.
func (l *Load) bye(c *leg) {
	l.send(l.carrier, body(request(nil, "BYE", c.remote, via(l.CarrierAddr(), "b", c.n), c.from, c.to, c.callID, 2, ""), ""))
}

// over ends a call once. It is called with the lock held and releases it.
func (l *Load) over(c *leg, well bool, why string) {
	if c.ended {
		l.mu.Unlock()
		return
	}
	c.ended = true
	if well {
		l.result.Done++
	} else {
		l.result.Failed++
		l.result.Failures[why]++
	}
	l.mu.Unlock()
	if l.OnDone != nil {
		l.OnDone()
	}
}

func (l *Load) atPhone(m *message, out []byte) {
	at := l.PhonesAddr()
	if l.OnRequest != nil && m.method != nil {
		l.OnRequest(string(m.method), m.at)
	}
	switch string(m.method) {
	case "INVITE":
		agent := user(m.uri)
		n, _ := strconv.Atoi(strings.TrimPrefix(user(m.from), "+"))
		r := &leg{n: n - firstCaller, callID: string(m.callID), remote: string(m.contact), agent: agent}
		tag := "p" + strconv.Itoa(r.n)
		l.send(l.phones, m.reply(out, "180 Ringing", tag, contact(agent, at), ""))
		_, party := l.parties(r.n)
		l.send(l.phones, m.reply(out, "200 OK", tag, contact(agent, at), sdp(at.Addr(), party)))
		r.from, r.to = string(m.to)+";tag="+tag, string(m.from)
		r.ports[1] = portOf(m.body)
		l.mu.Lock()
		l.rings[r.callID] = r
		l.result.Order = append(l.result.Order, r.n)
		if freed, ok := l.freed[agent]; ok {
			l.result.Next = append(l.result.Next, time.Since(freed))
			delete(l.freed, agent)
		}
		l.mu.Unlock()
	case "ACK":
		l.connected(string(m.callID))
	case "BYE", "OPTIONS":
		l.send(l.phones, m.reply(out, "200 OK", "", "", ""))
		l.mu.Lock()
		delete(l.rings, string(m.callID))
		l.mu.Unlock()
	}
}

// connected is the phone's ACK: the call talks, then one side hangs up.
func (l *Load) connected(callID string) {
	l.mu.Lock()
	r := l.rings[callID]
	if r == nil || r.connected || r.n < 0 || r.n >= len(l.calls) {
		l.mu.Unlock()
		return
	}
	r.connected = true
	c := l.calls[r.n]
	c.connected, c.ports[1] = true, r.ports[1]
	l.result.Connected++
	l.result.Setup = append(l.result.Setup, time.Since(c.begun))
	talk := l.talk
	l.mu.Unlock()
	if talk <= 0 {
		l.hangUp(c, r)
		return
	}
	time.AfterFunc(talk, func() { l.hangUp(c, r) })
}

func (l *Load) hangUp(c, r *leg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	if l.cfg.AgentEnds {
		l.freed[r.agent] = time.Now()
		delete(l.rings, r.callID)
		l.send(l.phones, body(request(nil, "BYE", r.remote, via(l.PhonesAddr(), "b", r.n), r.from, r.to, r.callID, 1, ""), ""))
		return
	}
	if c.leaving = true; c.answered {
		l.bye(c)
	}
}

func (l *Load) callOf(id string) *leg {
	num, _, _ := strings.Cut(strings.TrimPrefix(id, "load-"), "@")
	n, err := strconv.Atoi(num)
	if err != nil || n < 0 || n >= len(l.calls) {
		return nil
	}
	return l.calls[n]
}

func (l *Load) send(c *net.UDPConn, b []byte) { _, _ = c.WriteToUDPAddrPort(b, l.cfg.Switch) }

func via(at netip.AddrPort, kind string, n int) string {
	return fmt.Sprintf("%s;branch=z9hG4bK%s%d;rport", at, kind, n)
}

func contact(user string, at netip.AddrPort) string { return fmt.Sprintf("sip:%s@%s", user, at) }

func sdp(at netip.Addr, p Party) string {
	name := "PCMU"
	if p.PT == 8 {
		name = "PCMA"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP %d 101\r\na=rtpmap:%d %s/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n", at, at, p.Port, p.PT, p.PT, name)
}

// portOf is the port of a session description's sound, 0: there is none.
func portOf(sdp []byte) uint16 {
	_, rest, _ := bytes.Cut(sdp, []byte("m=audio "))
	text, _, _ := bytes.Cut(rest, []byte(" "))
	port, _ := strconv.ParseUint(string(text), 10, 16)
	return uint16(port)
}
