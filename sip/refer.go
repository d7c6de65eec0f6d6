package sip

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Referred is a phone's REFER in its dialog (RFC 3515): it asks us to call
// somebody in its place. AnswerRefer must follow.
type Referred struct {
	Leg LegID
	ID  uint32   // names the REFER to AnswerRefer and NotifyRefer
	To  NameAddr // of Refer-To

	// Replaces (RFC 3891): whoever is at the other end of this leg of ours is
	// meant, and no call is made.
	Replaces LegID
	Unknown  bool // it has a Replaces, of a dialog that is none of ours

	ReferredBy string // as received (RFC 3892); empty: none
}

func (e Referred) of() LegID { return e.Leg }

// referral is a REFER that was not answered yet, or whose NOTIFYs go on.
type referral struct {
	id     uint32
	req    *sip.Request
	flow   *flow
	key    string
	quiet  bool // RFC 4488: no subscription is wanted
	taken  bool // answered with 2xx
	ended  bool // the last NOTIFY is out
	expire time.Time
}

// referExpires is how long a REFER's outcome may take: longer than it rings.
const referExpires = 180 * time.Second

// onRefer is a REFER of the peer.
func (l *Leg) onRefer(req *sip.Request, f *flow, key string) {
	switch {
	case !l.phone:
		l.respond(key, f, req, 403) // product §5: a caller does not transfer us
		return
	case l.phase != up && l.phase != answered:
		l.respond(key, f, req, 491)
		return
	}
	ev, code := l.e.readRefer(req)
	if code != 0 {
		l.respond(key, f, req, code)
		return
	}
	ev.Leg = l.id
	l.refers = append(l.refers, newReferral(ev.ID, req, f, key))
	l.emit(ev)
}

func newReferral(id uint32, req *sip.Request, f *flow, key string) *referral {
	r := &referral{id: id, req: req, flow: f, key: key, expire: time.Now().Add(referExpires)}
	if h := req.GetHeader("refer-sub"); h != nil && strings.EqualFold(strings.TrimSpace(h.Value()), "false") {
		r.quiet = true
	}
	return r
}

// readRefer reads what a REFER asks for, or gives the code that refuses it.
func (e *Endpoint) readRefer(req *sip.Request) (Referred, int) {
	target := req.GetHeaders("refer-to")
	if len(target) != 1 { // RFC 3515 §2.4.1
		return Referred{}, 400
	}
	to, uri, ok := referTo(target[0].Value())
	switch {
	case !ok:
		return Referred{}, 400
	case uri.Scheme != "sip" && uri.Scheme != "sips" && uri.Scheme != "tel":
		return Referred{}, 416
	}
	if m, there := uri.UriParams.Get("method"); there && !strings.EqualFold(m, "INVITE") { // RFC 3515 §2.1: calls alone are made
		return Referred{}, 403
	}
	ev := Referred{ID: req.CSeq().SeqNo, To: to}
	if h := req.GetHeader("referred-by"); h != nil {
		ev.ReferredBy = clean(h.Value())
	}
	if r, there := uri.Headers.Get("Replaces"); there {
		ev.Replaces, ev.Unknown = e.replaced(unescaped(r))
	}
	return ev, 0
}

// referTo reads a Refer-To: its address, whose headers may hold a Replaces.
func referTo(value string) (NameAddr, sip.Uri, bool) {
	var uri sip.Uri
	text := value
	if i := strings.IndexByte(value, '<'); i >= 0 {
		if j := strings.IndexByte(value[i:], '>'); j > 0 {
			text = value[i+1 : i+j]
		}
	}
	if err := sip.ParseUri(text, &uri); err != nil {
		return NameAddr{}, sip.Uri{}, false
	}
	to := NameAddr{User: userOf(&uri), Host: uri.Host}
	return to, uri, to.User != "" || uri.Host != ""
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// replaced is the leg of ours that a Replaces names (RFC 3891 §3): to-tag is
// ours, from-tag the peer's. unknown: it is none.
func (e *Endpoint) replaced(value string) (id LegID, unknown bool) {
	parts := strings.Split(value, ";")
	tags := map[string]string{}
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		tags[strings.ToLower(k)] = v
	}
	callID := strings.TrimSpace(parts[0])
	if l := e.legs.find(callID, tags["to-tag"]); l != nil && l.isPeer(tags["from-tag"]) {
		return l.id, false
	}
	if b, _, ok := e.memory.get(endedKey(callID, tags["to-tag"], tags["from-tag"])); ok && b != nil {
		return LegID(b), false
	}
	return "", true
}

// endedKey stands in memory for a phone's dialog that was lost: another phone
// may take its place (product §5).
func endedKey(callID, ours, theirs string) string {
	return "ended " + callID + " " + ours + " " + theirs
}

// remember keeps the name of a phone's leg for those who come in its place.
func (l *Leg) remember() {
	if l.phone && l.remoteTag != "" {
		l.e.memory.put(endedKey(l.callID.Value(), l.localTag, l.remoteTag), []byte(l.id), nil)
	}
}

// replacing is the leg that an INVITE asks to take the place of (RFC 3891 §3),
// or the response that refuses it. Only our own phones may.
func (e *Endpoint) replacing(req *sip.Request, from caller) (LegID, int) {
	all := req.GetHeaders("replaces")
	switch {
	case len(all) == 0:
		return "", 0
	case len(all) > 1:
		return "", 400
	case from.account == "":
		return "", 403
	}
	id, unknown := e.replaced(all[0].Value())
	switch {
	case unknown:
		return "", 481
	case earlyOnly(all[0].Value()): // what an agent may take over is answered
		return "", 486
	}
	return id, 0
}

// earlyOnly is a Replaces that does not want an answered dialog (RFC 3891 §3).
func earlyOnly(value string) bool {
	return slices.ContainsFunc(strings.Split(value, ";")[1:], func(p string) bool {
		return strings.EqualFold(strings.TrimSpace(p), "early-only")
	})
}

// known notes the peer's tag for those who look for its dialog.
func (l *Leg) known(tag string) { l.peer.Store(&tag) }

// isPeer says whether a tag is that of the dialog's peer.
func (l *Leg) isPeer(tag string) bool {
	p := l.peer.Load()
	return p != nil && *p == tag
}

// AnswerRefer answers a Referred: 202 takes it, and NotifyRefer must follow
// until its last; 300 to 699 refuses it.
func (l *Leg) AnswerRefer(id uint32, code int) { l.post(func() { l.doAnswerRefer(id, code) }) }

// NotifyRefer tells the phone how its REFER fares: the status line of the call
// that was made for it (RFC 3515 §2.4.5). last ends it. It is sent only where
// the phone wants to know.
func (l *Leg) NotifyRefer(id uint32, code int, last bool) {
	l.post(func() { l.doNotifyRefer(id, code, last) })
}

func (l *Leg) referral(id uint32) *referral {
	for _, r := range l.refers {
		if r.id == id {
			return r
		}
	}
	return nil
}

func (l *Leg) doAnswerRefer(id uint32, code int) {
	r := l.referral(id)
	if r == nil || r.taken {
		return
	}
	if code >= 300 {
		l.respond(r.key, r.flow, r.req, code)
		l.forgetRefer(r)
		l.heardOut()
		return
	}
	r.taken = true
	more := []sip.Header{l.contact}
	if r.quiet {
		more = append(more, sip.NewHeader("Refer-Sub", "false"))
	}
	l.respond(r.key, r.flow, r.req, 202, more...)
	l.notify(r, 100, false) // RFC 3515 §2.4.4: at once
}

func (l *Leg) doNotifyRefer(id uint32, code int, last bool) {
	if r := l.referral(id); r != nil && r.taken && !r.ended {
		l.notify(r, code, last)
		l.heardOut()
	}
}

// notify sends the NOTIFY of a REFER.
func (l *Leg) notify(r *referral, code int, last bool) {
	if last {
		r.ended = true
		defer l.forgetRefer(r)
	}
	if r.quiet || l.phase != up && l.phase != answered {
		return
	}
	state := fmt.Sprintf("active;expires=%d", max(1, int(time.Until(r.expire).Seconds())))
	if last {
		state = "terminated;reason=noresource"
	}
	l.tell(r, code, state)
}

// tell is one NOTIFY: a status line, and the state of the subscription.
func (l *Leg) tell(r *referral, code int, state string) {
	req, f := l.request(sip.NOTIFY)
	req.AppendHeader(l.contact)
	req.AppendHeader(sip.NewHeader("Event", "refer;id="+strconv.FormatUint(uint64(r.id), 10)))
	req.AppendHeader(sip.NewHeader("Subscription-State", state))
	req.AppendHeader(sip.NewHeader("Content-Type", "message/sipfrag;version=2.0"))
	req.SetBody([]byte(fmt.Sprintf("SIP/2.0 %d %s\r\n", code, phrase(code))))
	if _, err := l.send(req, f); err != nil {
		l.e.grumble.say("NOTIFY not sent", "leg", string(l.id), "addr", f.remote.String(), "err", err)
	}
}

func (l *Leg) forgetRefer(r *referral) {
	for i, one := range l.refers {
		if one == r {
			l.refers = append(l.refers[:i], l.refers[i+1:]...)
			return
		}
	}
}

// refuseRefers answers what nobody has answered when the leg ends.
func (l *Leg) refuseRefers() {
	for _, r := range l.refers {
		if !r.taken {
			l.respond(r.key, r.flow, r.req, 487)
		}
	}
	l.refers = nil
}
