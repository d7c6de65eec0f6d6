package sip

import (
	"github.com/emiago/sipgo/sip"
)

// dialog is the state of RFC 3261 §12 that is ours to keep. It is plain
// values: what a leg would need to be restored. Header values are shared
// between messages and never changed, only replaced.
type dialog struct {
	inbound bool
	first   requestKey // of the INVITE that made it, when inbound
	phone   bool       // the peer is one of our phones
	device  ContactID  // which, when we called it

	callID    *sip.CallIDHeader
	from      *sip.FromHeader // ours, with our tag
	to        *sip.ToHeader   // the peer's, with its tag once known
	localTag  string
	remoteTag string
	localSeq  uint32
	remoteSeq uint32

	target  sip.Uri   // remote target, refreshed by re-INVITE and UPDATE
	routes  []sip.Uri // route set, fixed when the dialog is made
	in      *flow     // how the peer's messages reach us
	contact *sip.ContactHeader

	login *login // for the peer's challenges; nil: none

	policy  policy       // what we use with this peer
	can     abilities    // what it says that it can
	session sessionTimer // RFC 4028
	said    []byte       // our description in force: a refresh repeats it
	heard   []byte       // the peer's
}

// hop is where the next request of this dialog goes.
func (l *Leg) hop() *flow {
	if !l.in.usable() && l.device != "" { // the phone may have registered again
		if to, err := l.e.resolvePhone(l.device); err == nil {
			if f, err := l.e.flowTo(to.addr, to.way, to.prefer); err == nil {
				l.in = f
			}
		}
	}
	uri, routed := &l.target, len(l.routes) > 0
	if routed {
		uri = &l.routes[0]
	}
	return l.e.nextHop(uri, l.in, routed, l.phone)
}

// request builds a request of the dialog with the next CSeq, and its flow.
func (l *Leg) request(method sip.RequestMethod) (*sip.Request, *flow) {
	if method != sip.ACK {
		l.localSeq++
	}
	return l.requestSeq(method, l.localSeq)
}

func (l *Leg) requestSeq(method sip.RequestMethod, seq uint32) (*sip.Request, *flow) {
	f := l.hop()
	req := sip.NewRequest(method, l.target)
	req.AppendHeader(l.e.via(f))
	route(req, &l.target, l.routes)
	req.AppendHeader(maxForwards())
	req.AppendHeader(l.from)
	req.AppendHeader(l.to)
	req.AppendHeader(l.callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(sip.NewHeader("User-Agent", product))
	return req, f
}

// refresh takes the peer's Contact as the new remote target (RFC 3261
// §12.2.1.2, §12.2.2). The route set stays.
func (l *Leg) refresh(c *sip.ContactHeader) {
	if u, ok := targetOf(c); ok {
		l.target = u
	}
}

// targetOf is the URI of a Contact that can be a remote target.
func targetOf(c *sip.ContactHeader) (sip.Uri, bool) {
	if c == nil || c.Address.Wildcard || c.Address.Host == "" {
		return sip.Uri{}, false
	}
	u := *c.Address.Clone()
	u.Headers = nil
	return u, true
}

// follow takes the flow of a request that proved itself by its tags: a phone
// whose NAT gave it a new port, or a new connection in place of a lost one.
func (l *Leg) follow(f *flow) {
	if l.in.source != f.source || l.in.tcp != f.tcp {
		l.in = f
	}
}

// establish makes the dialog of a 2xx to our INVITE (RFC 3261 §12.1.2).
func (l *Leg) establish(res *sip.Response, f *flow) {
	l.remoteTag = tagOf(res.To().Params)
	l.known(l.remoteTag)
	l.to = res.To()
	l.routes = reversed(routesOf(res))
	l.refresh(res.Contact())
	if f.tcp != nil || l.in.tcp == nil {
		l.in = f
	}
}

// acknowledge builds, sends and returns the ACK of a 2xx.
func (l *Leg) acknowledge(seq uint32, auth []sip.Header) *sent {
	ack, f := l.requestSeq(sip.ACK, seq)
	for _, h := range auth {
		ack.AppendHeader(h) // RFC 3261 §22.1: the same credentials as the INVITE
	}
	ack.SetBody(nil)
	s := &sent{seq: seq, raw: raw(ack), flow: f}
	_ = f.write(s.raw)
	return s
}

// sent is a message kept for repetition.
type sent struct {
	seq  uint32
	raw  []byte
	flow *flow
}

// strayAnswer is a 2xx to an INVITE of this leg that has no transaction any
// more: a repetition, whose ACK was lost, or another branch of a fork.
func (l *Leg) strayAnswer(res *sip.Response, f *flow) {
	same := tagOf(res.To().Params) == l.remoteTag
	if a := l.acked; same && a != nil && res.CSeq().SeqNo == a.seq {
		l.e.count.retransmitted.Add(1)
		_ = a.flow.write(a.raw)
		return
	}
	if same && l.phase != cancelling {
		return // an old one of ours; its ACK is long gone and so is its use
	}
	l.e.refuseAnswer(res, f, Reason{Cause: 200, Text: "Call completed elsewhere"})
}

// refuseAnswer acknowledges a 2xx that nobody wants and hangs it up (RFC 3261
// §13.2.2.4). Scar: sipgo's WaitAnswer sends neither ACK nor BYE to a 200 that
// crosses its CANCEL, and the callee sits in silence. The dialog is built from
// the response alone, so this works when the leg is long gone.
func (e *Endpoint) refuseAnswer(res *sip.Response, in *flow, why Reason) {
	tag := tagOf(res.From().Params)
	// Only a call that we made: our token alone is known to every stranger
	// that was challenged, who could have us send a BYE, eleven times, to an
	// address of his choice.
	if _, _, ours := e.memory.get(dialledKey(res.CallID().Value(), tag)); !ours && e.legs.find(res.CallID().Value(), tag) == nil {
		e.count.stray.Add(1)
		return
	}
	key := "fork " + res.CallID().Value() + " " + tagOf(res.To().Params)
	if b, f, ok := e.memory.get(key); ok {
		if b != nil {
			_ = f.write(b)
		}
		return
	}
	l := &Leg{e: e, dialog: dialog{callID: res.CallID(), from: res.From(), localTag: tag, in: in}}
	l.establish(res, in)
	if l.target.Host == "" {
		l.target = res.To().Address
	}
	l.localSeq = res.CSeq().SeqNo
	ack := l.acknowledge(l.localSeq, nil)
	e.memory.put(key, ack.raw, ack.flow)
	bye, f := l.request(sip.BYE)
	if h := why.header(); h != nil {
		bye.AppendHeader(h)
	}
	bye.SetBody(nil)
	_, _ = e.clients.start(bye, f, unowned{})
}

// dialledKey stands in memory for an outbound leg that is gone.
func dialledKey(callID, tag string) string { return "dialled " + callID + " " + tag }

// unowned owns requests whose outcome changes nothing.
type unowned struct{}

func (unowned) onResponse(t *clientTx, res *sip.Response) {
	if res.StatusCode >= 200 {
		t.finish()
	}
}
func (unowned) onFailure(*clientTx, error) {}
