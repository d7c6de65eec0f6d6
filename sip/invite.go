package sip

import (
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/oklog/ulid/v2"
)

func newLegID() LegID { return LegID(ulid.Make().String()) }

// caller is who an INVITE is from, once it is known.
type caller struct {
	trunk   Trunk
	account AccountID
	once    string
}

// invite takes an INVITE outside any dialog: from a trunk by its address, from
// anybody else by digest.
func (e *Endpoint) invite(req *sip.Request, f *flow, key string) {
	req.To().Params.Add("tag", e.steadyTag(req))
	var from caller
	trunk, ok := e.carriers.ours(req.Recipient.User, f.source.Addr())
	if !ok {
		trunk, ok = e.carriers.whose(f.source.Addr())
	}
	if ok && !e.hasOurCredentials(req) {
		from.trunk = trunk
	} else {
		v := e.phones.authenticate(req)
		if v.response != nil {
			e.turnAway(req, f, key, v.response)
			return
		}
		from.account, from.once = v.account, v.once
		e.befriend(f)
	}
	switch {
	case e.draining.Load():
		e.unavailable(req, f, key)
	case hopsLeft(req) <= 1: // RFC 7332 §3: a B2BUA is a hop, and would pass on 0
		e.turnDown(req, f, key, 483, "Too Many Hops")
	case e.legs.merged(req): // RFC 3261 §8.2.2.2
		e.turnDown(req, f, key, 482, "Loop Detected")
	case e.looped(req): // RFC 3261 §16.3 step 4
		e.turnDown(req, f, key, 482, "Loop Detected")
	case wantsContact(req): // RFC 3261 §8.1.1.8
		e.turnDown(req, f, key, 400, "No Contact")
	default:
		var can abilities
		can.learn(req)
		if code, cure := e.policyOf(from.trunk).refusal(req, can, false); code != 0 {
			e.turnDown(req, f, key, code, phrase(code), cure)
			return
		}
		replaces, code := e.replacing(req, from)
		if code != 0 {
			e.turnDown(req, f, key, code, phrase(code))
			return
		}
		e.open(req, f, key, from, replaces)
	}
}

// looped: a request of ours has come back with our Via below another's.
func (e *Endpoint) looped(req *sip.Request) bool {
	for _, h := range req.GetHeaders("via") {
		if v, ok := h.(*sip.ViaHeader); ok {
			if b, _ := v.Params.Get("branch"); strings.HasPrefix(b, sip.RFC3261BranchMagicCookie+e.token) {
				return true
			}
		}
	}
	return false
}

// wantsContact: an INVITE needs a Contact. One of RFC 2543 does not; its From
// stands in.
func wantsContact(req *sip.Request) bool {
	if c := req.Contact(); c != nil {
		return c.Address.Wildcard
	}
	return strings.HasPrefix(branch(req), sip.RFC3261BranchMagicCookie)
}

func (e *Endpoint) unavailable(req *sip.Request, f *flow, key string) {
	e.turnDown(req, f, key, 503, "Service Unavailable", sip.NewHeader("Retry-After", "30"))
}

// hasOurCredentials: a phone may sit at a trunk's address. Credentials for
// another realm are a carrier's own affair.
func (e *Endpoint) hasOurCredentials(req *sip.Request) bool {
	for _, h := range req.GetHeaders("authorization") {
		if strings.Contains(strings.ToLower(h.Value()), `realm="`+strings.ToLower(e.cfg.Domain)+`"`) {
			return true
		}
	}
	return false
}

func (e *Endpoint) turnAway(req *sip.Request, f *flow, key string, res *sip.Response) {
	e.dress(res)
	if res.StatusCode == 401 || res.StatusCode == 407 {
		e.challenged(req)
		_ = f.WriteMsg(res) // stateless: 32 s of repetitions to a forged source would be an amplifier
		return
	}
	e.answer(key, f, res)
}

// befriend notes that the source proved itself.
func (e *Endpoint) befriend(f *flow) {
	e.friends.add(f.source.Addr(), time.Now())
	if f.tcp != nil {
		f.tcp.friend.Store(true)
	}
}

// open makes the leg of an admitted INVITE. 100 goes out first (RFC 3261
// §17.2.1): a switchboard under load must not cause retransmissions.
func (e *Endpoint) open(req *sip.Request, f *flow, key string, from caller, replaces LegID) {
	req.To().Params.Add("tag", e.newTag())
	l := e.newLeg(newLegID(), invited)
	l.inbound, l.phone, l.agent = true, from.trunk.ID == "", from.account
	l.callID, l.first = req.CallID(), keyOf(req)
	l.localTag, l.remoteTag = tagOf(req.To().Params), tagOf(req.From().Params)
	l.from = &sip.FromHeader{DisplayName: req.To().DisplayName, Address: req.To().Address, Params: req.To().Params}
	l.to = &sip.ToHeader{DisplayName: req.From().DisplayName, Address: req.From().Address, Params: req.From().Params}
	l.known(l.remoteTag)
	l.remoteSeq = req.CSeq().SeqNo
	l.localSeq = 1
	l.routes = routesOf(req)
	l.in = &flow{udp: f.udp, tcp: f.tcp, remote: f.source, source: f.source}
	l.target = *req.From().Address.Clone()
	l.refresh(req.Contact())
	l.contact = e.contact(l.in, req.Recipient.Scheme == "sips")
	l.policy = e.policyOf(from.trunk)
	l.can.learn(req)
	l.heard, _ = sdpOf(req)
	l.login = e.loginOf(from.trunk)
	ev := e.describe(l, req, from)
	ev.Replaces = replaces
	if !e.legs.add(l) {
		e.unavailable(req, f, key)
		return
	}
	// From here on a CANCEL may come, on another socket's goroutine.
	l.invite = e.servers.open(e, req, f, key, l)
	l.invite.respond(e.makeReply(req, 100, "Trying"))
	l.emit(ev) // before the leg's goroutine begins: callers are told in the order they called
	e.spawn(l.run)
}

// describe tells the switchboard about an INVITE.
func (e *Endpoint) describe(l *Leg, req *sip.Request, from caller) Invited {
	offer, _ := sdpOf(req)
	bind := l.in.local().Addr()
	ev := Invited{
		Leg: l, Trunk: from.trunk.ID, Account: from.account, Once: from.once,
		Dialled: dialled(req, from.trunk),
		Source:  l.in.source, Private: l.in.over() == onTLS, CallID: l.callID.Value(),
		Bind: bind, Advertise: e.advertised(bind, l.in.source.Addr()),
		MaxForwards: hopsLeft(req), Offer: offer, At: time.Now(),
		Reliable: requires(req, tagReliable) || l.policy.prack == ReliableRequired,
	}
	ev.identify(req)
	return ev
}

// meant is the address that a request is for. A strict router, or a phone that
// has us for an outbound proxy and is one of the old kind, writes our address
// into the Request-URI and what it means into the last Route (RFC 3261 §16.4).
func meant(req *sip.Request) *sip.Uri {
	if uri := &req.Recipient; uri.User != "" || !loose(uri) {
		return uri
	}
	routes := req.GetHeaders("route")
	if len(routes) == 0 {
		return &req.Recipient
	}
	if r, ok := routes[len(routes)-1].(*sip.RouteHeader); ok {
		return &r.Address
	}
	return &req.Recipient
}

// dialled finds the number a caller wants, where the trunk says.
func dialled(req *sip.Request, t Trunk) string {
	where := t.CalledFrom
	switch {
	case t.ID == "":
		where = []string{"uri"}
	case len(where) == 0:
		where = []string{"uri", "to"}
	}
	for _, w := range where {
		user := ""
		switch w {
		case "uri":
			if user = userOf(meant(req)); strings.HasPrefix(user, contactPrefix) {
				user = "" // our registered Contact: it says which account, not which number
			}
		case "to":
			user = userOf(&req.To().Address)
		case "p-called-party-id": // RFC 7315 §4.2
			if h := req.GetHeader(w); h != nil {
				n, _ := nameAddr(h.Value())
				user = n.User
			}
		}
		if user != "" {
			return user
		}
	}
	return ""
}
