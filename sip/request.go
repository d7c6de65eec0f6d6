package sip

import (
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// request is where requests go. It runs on the reading goroutine: requests of
// one peer reach their leg's mailbox in the order received. (sipgo starts a
// goroutine for each message: 226 of 2,000 BYEs overtook their ACK.)
func (e *Endpoint) request(req *sip.Request, f *flow, known bool) {
	repair(req)
	bad, lost := spoilt(req)
	if !mandatory(req) || bad != "" {
		e.count.malformed.Add(1)
		if !known {
			e.count.rules.add(ruleStranger)
		} else {
			e.refused(ruleMalformed, f, "Bad "+bad)
		}
		if known && !lost {
			e.misread(req, f, bad)
		}
		return
	}
	f = respondTo(req, f)
	req.SetTransport(f.transport())
	req.SetSource(f.source.String())
	if req.Method == sip.ACK {
		e.ack(req, f) // RFC 3261 §17: never answered, whatever is wrong with it
		return
	}
	key := serverKey(req, req.Method)
	if e.again(req, key) {
		e.count.retransmitted.Add(1)
		return
	}
	if v := validate(req, f.over()); v.code != 0 {
		if known || e.entitled(req, f, key) {
			e.refused(ruleOf(v.code), f, v.reason)
			e.reply(req, f, v.code, v.reason, v.header)
		}
		return
	}
	switch {
	case req.Method == sip.CANCEL:
		e.cancel(req, f, key, known)
	case tagOf(req.To().Params) != "":
		e.inDialog(req, f, key, known)
	default:
		e.outside(req, f, key, known)
	}
}

// entitled reports whether an unknown source may learn what is wrong with its
// request: its dialog's peer, or who proves himself first. Others are
// challenged, or get nothing, as if nothing were wrong.
func (e *Endpoint) entitled(req *sip.Request, f *flow, key string) bool {
	tag := tagOf(req.To().Params)
	switch {
	case tag != "":
		return e.legs.find(req.CallID().Value(), tag) != nil
	case req.Method != sip.INVITE && req.Method != sip.REGISTER:
		e.stranger()
		return false
	}
	v := e.phones.authenticate(req)
	if v.response != nil {
		e.turnAway(req, f, key, v.response)
		return false
	}
	return true
}

// misread answers 400 to a request of which not all could be read, if what
// could be is enough to answer. Never an ACK. bad is a header's name, or empty.
func (e *Endpoint) misread(req *sip.Request, f *flow, bad string) {
	if mandatory(req) && req.Method != sip.ACK {
		e.reply(req, respondTo(req, f), 400, "Bad "+bad)
	}
}

// respondTo is the flow for the responses to a request (RFC 3261 §18.2.2, RFC
// 3581 §4): the source address, with the Via's port where rport is not asked
// for. The Via tells the peer how we see it.
func respondTo(req *sip.Request, f *flow) *flow {
	v := req.Via()
	host := f.source.Addr().String()
	if p, ok := v.Params.Get("rport"); ok {
		if p == "" || f.tcp == nil {
			v.Params.Add("rport", strconv.Itoa(int(f.source.Port())))
		}
		v.Params.Add("received", host)
		return f
	}
	if v.Host != host {
		v.Params.Add("received", host)
	}
	if f.tcp != nil {
		return f
	}
	port := uint16(5060)
	if v.Port > 0 && v.Port < 65536 {
		port = uint16(v.Port)
	}
	if port == f.source.Port() {
		return f
	}
	return f.towards(port)
}

// again answers a retransmission, if this is one.
func (e *Endpoint) again(req *sip.Request, key string) bool {
	if req.Method == sip.INVITE {
		if i := e.servers.get(key); i != nil {
			_ = i.tx.Receive(req)
			return true
		}
	}
	b, f, ok := e.memory.get(key)
	if ok && b != nil {
		_ = f.write(b)
	}
	return ok
}

// ack belongs to the refusal it names by its branch, else to the leg whose tag
// it carries, whether or not it reuses the INVITE's branch.
func (e *Endpoint) ack(req *sip.Request, f *flow) {
	if e.servers.confirm(serverKey(req, sip.INVITE)) {
		return
	}
	if l := e.legs.find(req.CallID().Value(), tagOf(req.To().Params)); l != nil {
		l.post(func() { l.onAck(req, f) })
	}
}

// cancel answers a CANCEL and tells the leg (RFC 3261 §9.2).
func (e *Endpoint) cancel(req *sip.Request, f *flow, key string, known bool) {
	invite := serverKey(req, sip.INVITE)
	i := e.servers.get(invite)
	_, _, late := e.memory.get(invite)
	switch {
	case i != nil && i.leg != nil:
		if t := tagOf(i.req.To().Params); tagOf(req.To().Params) == "" && t != "" {
			req.To().Params.Add("tag", t)
		}
		e.answer(key, f, e.makeReply(req, 200, "OK"))
		i.leg.post(func() { i.leg.onCancel(i, reasonOf(req)) })
	case i != nil || late: // the final response is out: no effect
		e.answer(key, f, e.makeReply(req, 200, "OK"))
	case known:
		e.turnDown(req, f, key, 481, "Call/Transaction Does Not Exist")
	default:
		e.stranger()
	}
}

// inDialog hands a request with a To tag to its leg.
func (e *Endpoint) inDialog(req *sip.Request, f *flow, key string, known bool) {
	l := e.legs.find(req.CallID().Value(), tagOf(req.To().Params))
	if l == nil {
		if req.Method == sip.SUBSCRIBE && e.watchers.renew(req, f, key) {
			return
		}
		if !known {
			e.stranger()
			return
		}
		e.turnDown(req, f, key, 481, "Call/Transaction Does Not Exist")
		return
	}
	var posted bool
	if req.Method == sip.INVITE && !l.listens {
		i := e.servers.open(e, req, f, key, l)
		if posted = l.post(func() { l.onReinvite(i) }); !posted {
			i.respond(e.makeReply(req, 481, "Call/Transaction Does Not Exist"))
		}
		return
	}
	e.memory.put(key, nil, nil) // Trying: retransmissions are absorbed until answered
	if posted = l.post(func() { l.onRequest(req, f, key) }); !posted {
		e.turnDown(req, f, key, 481, "Call/Transaction Does Not Exist")
	}
}

// outside handles requests that begin something, or should have had a To tag.
func (e *Endpoint) outside(req *sip.Request, f *flow, key string, known bool) {
	switch req.Method {
	case sip.INVITE:
		e.invite(req, f, key)
		return
	case sip.REGISTER:
		e.register(req, f, key)
		return
	}
	if !known {
		e.stranger()
		return
	}
	switch req.Method {
	case sip.OPTIONS:
		if hopsLeft(req) == 0 && !e.ours(&req.Recipient) { // RFC 4475 §3.3.11: we shall not pass it on
			e.turnDown(req, f, key, 483, "Too Many Hops")
			return
		}
		e.answer(key, f, e.capabilities(req, f))
	case sip.BYE, sip.INFO, sip.UPDATE, sip.PRACK, sip.NOTIFY:
		e.turnDown(req, f, key, 481, "Call/Transaction Does Not Exist")
	case sip.SUBSCRIBE:
		if _, carrier := e.carriers.whose(f.source.Addr()); carrier && !e.hasOurCredentials(req) {
			e.turnDown(req, f, key, 405, "Method Not Allowed") // for agents' phones
			return
		}
		e.subscribe(req, f, key)
	case sip.REFER:
		e.referred(req, f, key)
	case sip.MESSAGE, sip.PUBLISH:
		e.turnDown(req, f, key, 405, "Method Not Allowed")
	default:
		e.turnDown(req, f, key, 501, "Not Implemented")
	}
}

// capabilities answers an OPTIONS (RFC 3261 §11.2) with what its sender may use.
func (e *Endpoint) capabilities(req *sip.Request, f *flow) *sip.Response {
	if e.draining.Load() || e.cfg.Busy != nil && e.cfg.Busy() {
		return e.makeReply(req, 503, "Service Unavailable", sip.NewHeader("Retry-After", "30"))
	}
	trunk, _ := e.carriers.whose(f.source.Addr())
	return e.able(req, e.policyOf(trunk))
}

// able is the same in a dialog: a call goes on however many others there are.
func (e *Endpoint) able(req *sip.Request, p policy) *sip.Response {
	res := e.makeReply(req, 200, "OK", sip.NewHeader("Accept", sdpType), sip.NewHeader("Allow", p.allow()), sip.NewHeader("Supported", p.supported()))
	if p.phone {
		res.AppendHeader(sip.NewHeader("Allow-Events", allowEvents))
	}
	return res
}

func (e *Endpoint) register(req *sip.Request, f *flow, key string) {
	if _, carrier := e.carriers.whose(f.source.Addr()); carrier { // others learn nothing before they prove who they are
		for _, h := range slices.Concat(req.GetHeaders("contact"), req.GetHeaders("m")) {
			if c := (cursor{b: []byte(h.Value())}); !c.contacts() {
				e.refused(ruleMalformed, f, "Bad Contact")
				e.reply(req, f, 400, "Bad Contact")
				return
			}
		}
	}
	res := e.phones.register(req, f.local().String())
	if res == nil {
		return
	}
	e.dress(res)
	if res.StatusCode == 401 || res.StatusCode == 407 {
		e.challenged(req)
		_ = f.WriteMsg(res) // stateless: a stranger leaves nothing behind
		return
	}
	if res.IsSuccess() {
		e.befriend(f)
	}
	e.answer(key, f, res)
}

func (e *Endpoint) challenged(req *sip.Request) {
	e.count.challenged.Add(1)
	if req.GetHeader("authorization") != nil {
		e.count.wrongPassword.Add(1)
	}
}

// makeReply builds a response with the Server header, and Allow in a 405 or 501.
func (e *Endpoint) makeReply(req *sip.Request, code int, reason string, more ...sip.Header) *sip.Response {
	if code > 100 && tagOf(req.To().Params) == "" {
		req.To().Params.Add("tag", e.steadyTag(req))
	}
	res := sip.NewResponseFromRequest(req, code, reason, nil)
	res.SipVersion = "SIP/2.0" // Scar: SIP/7.0 got "SIP/7.0 200 OK"
	e.dress(res)
	if code == 405 || code == 501 {
		res.AppendHeader(sip.NewHeader("Allow", widest.allow()))
	}
	for _, h := range more {
		if h != nil {
			res.AppendHeader(h)
		}
	}
	return res
}

func (e *Endpoint) dress(res *sip.Response) {
	if res.GetHeader("server") == nil {
		res.AppendHeader(sip.NewHeader("Server", product))
	}
}

// turnDown answers with a refusal of the edge's own.
func (e *Endpoint) turnDown(req *sip.Request, f *flow, key string, code int, reason string, more ...sip.Header) {
	e.refused(ruleOf(code), f, reason)
	e.answer(key, f, e.makeReply(req, code, reason, more...))
}

// answer sends the final response to a non-INVITE request, or a refusal that
// must come out the same when the request is repeated.
func (e *Endpoint) answer(key string, f *flow, res *sip.Response) {
	b := raw(res)
	e.memory.put(key, b, f)
	_ = f.write(b)
}

// reply answers without remembering: the same request gets the same again.
func (e *Endpoint) reply(req *sip.Request, f *flow, code int, reason string, more ...sip.Header) {
	if req.CSeq() == nil || req.To() == nil || req.CallID() == nil {
		res := sip.NewResponseFromRequest(req, code, reason, nil)
		res.SipVersion = "SIP/2.0"
		for _, h := range req.Headers() {
			if u, ok := h.(*unread); ok && echoed[u.Name()] {
				res.AppendHeader(u)
			}
		}
		_ = f.WriteMsg(res)
		return
	}
	_ = f.WriteMsg(e.makeReply(req, code, reason, more...))
}

// echoed are the headers of a request that its response repeats (RFC 3261
// §8.2.6.2), legible or not; Via is there already.
var echoed = map[string]bool{"From": true, "To": true, "Call-ID": true, "CSeq": true}

var tagSeed = maphash.MakeSeed()

// steadyTag is the To tag of a stateless response: the same for the same
// request (RFC 3261 §8.2.7), and with our token, so that its ACK is heard.
func (e *Endpoint) steadyTag(req *sip.Request) string {
	h := maphash.String(tagSeed, req.CallID().Value()+" "+branch(req)+" "+req.CSeq().Value())
	return e.token + strconv.FormatUint(h, 36)
}
