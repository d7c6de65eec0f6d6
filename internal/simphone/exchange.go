package simphone

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// exchange is a request and what became of it, challenges answered. Owned by the
// loop.
type exchange struct {
	p    *Phone
	req  *Message
	to   netip.AddrPort
	call *Call // whose CSeq counts; nil: the registration's or none
	tx   *clientTx

	onResponse func(*Message)          // provisional responses, and every 2xx of an INVITE
	onDone     func(*Message)          // the first final response; nil: none came
	onAgain    func(withAuth *Message) // the request is sent again with credentials
	tries      int
	done       bool
}

func (p *Phone) exchange(e *exchange) {
	e.p = p
	if p.habits.Message != nil {
		p.habits.Message(e.req)
	}
	e.tx = p.start(e.req, e.to, e.response, func() {
		if !e.done {
			e.done = true
			e.onDone(nil)
		}
	})
}

func (e *exchange) response(m *Message) {
	if m.Code < 200 {
		if e.onResponse != nil {
			e.onResponse(m)
		}
		return
	}
	if (m.Code == 401 || m.Code == 407) && !e.done && e.again(m) {
		return
	}
	if e.done {
		if e.onResponse != nil && m.Code < 300 {
			e.onResponse(m)
		}
		return
	}
	e.done = true
	e.onDone(m)
}

// again answers a challenge; false: there is nothing (more) to answer with. A
// stale nonce does not count as a refusal.
func (e *exchange) again(m *Message) bool {
	p := e.p
	c, ok := bestChallenge(m)
	if !ok || p.cfg.Password == "" || p.habits.NoAuth || e.tries >= 3 || (e.tries >= 1 && !c.stale) {
		return false
	}
	e.tries++
	p.reg.challenge, p.reg.count = c, 0
	next := *e.req
	next.Headers = slices.Clone(e.req.Headers)
	num, _ := e.req.CSeq()
	num++
	if e.call != nil {
		e.call.cseq = max(e.call.cseq+1, num)
		num = e.call.cseq
	} else if e.req.Method == "REGISTER" {
		p.reg.cseq = num
	}
	next.Set("CSeq", strconv.FormatUint(uint64(num), 10)+" "+next.Method)
	next.Set("Via", p.via())
	p.authorize(&next, c)
	e.req = &next
	if e.onAgain != nil {
		e.onAgain(&next)
	}
	p.exchange(e)
	return true
}

// authorize puts credentials for the phone's current challenge into m.
func (p *Phone) authorize(m *Message, c challenge) {
	p.reg.count++
	password := p.cfg.Password
	if p.habits.WrongPassword {
		password += "wrong"
	}
	if !p.habits.ReuseNonce || p.reg.credentials == "" {
		p.reg.credentials = c.credentials(login{p.cfg.AuthUser, password, m.Method, m.URI, randomToken(), p.reg.count})
	}
	name := "Authorization"
	if c.proxy {
		name = "Proxy-Authorization"
	}
	m.Set(name, p.reg.credentials)
}

func (p *Phone) via() string {
	return fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bK%s;rport", p.local, randomToken())
}

// outside builds a request outside a dialog.
func (p *Phone) outside(method, uri, from, to string) *Message {
	m := &Message{Method: method, URI: uri}
	m.Add("Via", p.via())
	m.Add("Max-Forwards", "70")
	m.Add("From", from+";tag="+randomToken())
	m.Add("To", to)
	m.Add("Call-ID", randomToken()+"@"+p.local.Addr().String())
	m.Add("CSeq", "1 "+method)
	m.Add("Contact", "<"+p.cfg.Contact+">")
	m.Add("User-Agent", p.cfg.Agent)
	return m
}

// aor is the phone's address of record as a name-addr.
func (p *Phone) aor() string { return "<sip:" + p.cfg.User + "@" + p.cfg.Domain + ">" }

// Request sends a request outside a dialog to the peer, answers a challenge, and
// blocks until the final response: (*StatusError for 300 and above, ErrTimeout
// for none). target is a user part or a URI; "" is the peer itself.
func (p *Phone) Request(ctx context.Context, method, target string, opts ...Option) (*Message, error) {
	o := collect(opts)
	uri := p.uri(target)
	if o.uri != "" {
		uri = o.uri
	}
	m := p.outside(method, uri, p.aor(), "<"+uri+">")
	o.apply(m)
	return p.ask(ctx, &exchange{req: m, to: p.cfg.Peer})
}

// ask runs an exchange and blocks for its end.
func (p *Phone) ask(ctx context.Context, e *exchange) (*Message, error) {
	var final *Message
	finished := false
	e.onDone = func(m *Message) { final, finished = m, true }
	p.do(func() { p.exchange(e) })
	if err := p.wait(ctx, func() bool { return finished }); err != nil {
		return nil, err
	}
	return final, outcome(e.req.Method, final)
}

// outcome is the error of a final response.
func outcome(method string, final *Message) error {
	switch {
	case final == nil:
		return fmt.Errorf("%s: %w", method, ErrTimeout)
	case final.Code >= 300:
		return &StatusError{method, final.Code, final.Phrase}
	}
	return nil
}

// uri makes a URI of a dialled string.
func (p *Phone) uri(target string) string {
	switch {
	case strings.HasPrefix(target, "sip:"), strings.HasPrefix(target, "tel:"):
		return target
	case target == "":
		return "sip:" + p.cfg.Domain
	}
	return "sip:" + target + "@" + p.cfg.Domain
}
