package sip

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ReferredOutside is an agent's phone that asks, outside any dialog, for what a
// REFER in one asks for (RFC 3515 §2.4): a transfer of the call that it names by
// Target-Dialog (RFC 4538), or a call from itself. AnswerRefer and NotifyRefer
// of By answer it.
type ReferredOutside struct {
	Referred           // Leg: of Target-Dialog; empty: it names none
	Account  AccountID // has proved itself by digest, and is registered
	Contact  ContactID // the phone that asks
	By       *Leg      // its REFER, which no call is made with
	Stranger bool      // its Target-Dialog is none of ours
}

func (ReferredOutside) of() LegID { return "" }

// referred answers a REFER outside a dialog: those of registered phones are the
// switchboard's to decide.
func (e *Endpoint) referred(req *sip.Request, f *flow, key string) {
	if _, carrier := e.carriers.whose(f.source.Addr()); carrier && !e.hasOurCredentials(req) {
		e.turnDown(req, f, key, 403, "Forbidden") // product §5: a caller does not transfer us
		return
	}
	v := e.phones.authenticate(req)
	if v.response != nil {
		e.turnAway(req, f, key, v.response)
		return
	}
	beyond := policy{phone: true}.unsupported(req)
	ev, code := e.readRefer(req)
	contact, there := e.phones.which(v.account, req.Contact(), f.source)
	switch {
	case e.draining.Load():
		e.unavailable(req, f, key)
		return
	case beyond != "":
		e.turnDown(req, f, key, 420, "Bad Extension", sip.NewHeader("Unsupported", beyond))
		return
	case code != 0:
		e.turnDown(req, f, key, code, phrase(code))
		return
	case wantsContact(req): // RFC 3515 §2.2
		e.turnDown(req, f, key, 400, "No Contact")
		return
	case !there:
		e.refused(ruleIdentity, f, "REFER of a phone that is not registered")
		e.answer(key, f, e.makeReply(req, 403, "Not Registered"))
		return
	}
	out := ReferredOutside{Referred: ev, Account: v.account, Contact: contact}
	if all := req.GetHeaders("target-dialog"); len(all) > 0 {
		out.Leg, out.Stranger = e.targeted(all[0].Value())
	}
	e.memory.put(key, nil, nil) // Trying: retransmissions are absorbed until answered
	out.By = e.listen(req, f)
	r := newReferral(ev.ID, req, f, key)
	out.By.refers = append(out.By.refers, r)
	if !e.legs.add(out.By) {
		e.unavailable(req, f, key)
		return
	}
	e.cfg.Emit(out)
	e.spawn(out.By.run)
}

// targeted is the leg of ours that a Target-Dialog names (RFC 4538 §7): local
// and remote are the recipient's, though some say them as their own.
func (e *Endpoint) targeted(value string) (id LegID, stranger bool) {
	parts := strings.Split(value, ";")
	tags := map[string]string{}
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		tags[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(v)
	}
	callID, local, remote := strings.TrimSpace(parts[0]), tags["local-tag"], tags["remote-tag"]
	for range 2 {
		if l := e.legs.find(callID, local); l != nil && l.isPeer(remote) {
			return l.id, false
		}
		local, remote = remote, local
	}
	return "", true
}

// listen makes the leg of a subscription that a REFER outside a dialog begins
// (RFC 3515 §2.4.4). It has no session, and nobody hears of its end.
func (e *Endpoint) listen(req *sip.Request, f *flow) *Leg {
	req.To().Params.Add("tag", e.newTag())
	l := e.newLeg(newLegID(), up)
	l.listens, l.ended, l.phone, l.inbound, l.first = true, true, true, true, keyOf(req)
	l.callID, l.localTag, l.remoteTag = req.CallID(), tagOf(req.To().Params), tagOf(req.From().Params)
	l.from = &sip.FromHeader{DisplayName: req.To().DisplayName, Address: req.To().Address, Params: req.To().Params}
	l.to = &sip.ToHeader{DisplayName: req.From().DisplayName, Address: req.From().Address, Params: req.From().Params}
	l.remoteSeq, l.routes = req.CSeq().SeqNo, routesOf(req)
	l.in = &flow{udp: f.udp, tcp: f.tcp, remote: f.source, source: f.source}
	l.target = *req.From().Address.Clone()
	l.refresh(req.Contact())
	l.contact = e.contact(l.in, req.Recipient.Scheme == "sips")
	l.policy = e.policyOf(Trunk{})
	l.after(dueDeaf, referExpires)
	return l
}

// onListened is a request within such a subscription: it is renewed or ended
// (RFC 6665 §4.2.1), and nothing else.
func (l *Leg) onListened(req *sip.Request, f *flow, key string) {
	switch {
	case req.Method == sip.OPTIONS:
		l.e.answer(key, f, l.e.able(req, l.policy))
	case req.Method != sip.SUBSCRIBE:
		l.respond(key, f, req, 481)
	case eventOf(req) != "refer":
		l.respond(key, f, req, 489)
	default:
		life, _ := subscribeLife(req)
		life = min(life, referExpires)
		l.respond(key, f, req, 200, l.contact, sip.NewHeader("Expires", strconv.Itoa(int(life.Seconds()))))
		for _, r := range l.refers {
			r.expire = time.Now().Add(life)
		}
		if l.after(dueDeaf, life); life == 0 {
			l.deafen("timeout")
		}
	}
}

// deafen ends the subscription before the outcome is known.
func (l *Leg) deafen(reason string) {
	for _, r := range l.refers {
		if r.taken && !r.ended {
			l.tell(r, 100, "terminated;reason="+reason)
		}
	}
	l.depart(Ended{})
}

// heardOut lets such a subscription go once nothing more will be told.
func (l *Leg) heardOut() {
	if l.listens && len(l.refers) == 0 {
		l.depart(Ended{})
	}
}

// unheard is the final response to a NOTIFY, 0 where none came: who refuses it
// has no subscription (RFC 6665 §4.2.2).
func (l *Leg) unheard(t *clientTx, code int) {
	if l.listens && t.req.Method == sip.NOTIFY && (code < 200 || code >= 300) && l.phase == up {
		l.refers = nil
		l.heardOut()
	}
}
