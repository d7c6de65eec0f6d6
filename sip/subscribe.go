package sip

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// The event packages that phones ask for, and we have (RFC 6665): the lamp for
// messages (RFC 3842) and the lamps for colleagues (RFC 4235).
const (
	messageSummary = "message-summary"
	dialogPackage  = "dialog"
	allowEvents    = messageSummary + ", " + dialogPackage

	summaryType    = "application/simple-message-summary"
	dialogInfoType = "application/dialog-info+xml"

	subscribeMin     = 30 * time.Second
	subscribeMax     = time.Hour
	maxSubscriptions = 64 // of one account; a further one replaces the oldest
)

// watchers are the subscriptions of authenticated phones. NOTIFYs leave from
// run alone, so each subscriber hears things in the order in which they were.
type watchers struct {
	e *Endpoint

	mu    sync.Mutex
	subs  map[dialogKey]*subscription
	calls map[AccountID]map[LegID]callState
	wake  chan struct{} // holds one

	messages map[AccountID]waiting
	unasked  map[AccountID]bool // whose phones are to be told of them without a subscription
}

// callState is what a dialog-info document tells of one leg of an agent.
type callState struct {
	state   string // RFC 4235 §3.7.1: trying, early, confirmed
	inbound bool   // the agent calls
}

// subscription is one dialog with a subscriber; leg is its state alone, without
// a goroutine. The watchers' lock guards it.
type subscription struct {
	key     dialogKey
	owner   AccountID
	event   string
	watched AccountID
	since   time.Time
	expires time.Time
	version int
	leg     *Leg
	due     bool   // a NOTIFY is to be sent
	ending  string // reason of the last one; empty: it goes on
}

func newWatchers(e *Endpoint) *watchers {
	return &watchers{e: e, subs: map[dialogKey]*subscription{}, calls: map[AccountID]map[LegID]callState{}, wake: make(chan struct{}, 1), messages: map[AccountID]waiting{}, unasked: map[AccountID]bool{}}
}

// subscribe answers a SUBSCRIBE outside a dialog.
func (e *Endpoint) subscribe(req *sip.Request, f *flow, key string) {
	event := eventOf(req)
	if event != messageSummary && event != dialogPackage {
		e.turnDown(req, f, key, 489, "Bad Event", sip.NewHeader("Allow-Events", allowEvents))
		return
	}
	v := e.phones.authenticate(req)
	if v.response != nil {
		e.turnAway(req, f, key, v.response)
		return
	}
	life, brief := subscribeLife(req)
	watched := AccountID(unescape(req.Recipient.User))
	if watched == "" {
		watched = v.account
	}
	c := req.Contact()
	switch {
	case e.draining.Load():
		e.unavailable(req, f, key)
	case brief:
		e.turnDown(req, f, key, 423, "Interval Too Brief", sip.NewHeader("Min-Expires", strconv.Itoa(int(subscribeMin.Seconds()))))
	case c == nil || c.Address.Wildcard:
		e.turnDown(req, f, key, 400, "No Contact")
	case event == messageSummary && watched != v.account:
		e.refused(ruleIdentity, f, "messages of another")
		e.answer(key, f, e.makeReply(req, 403, "Forbidden"))
	case !e.phones.has(watched):
		e.answer(key, f, e.makeReply(req, 404, "Not Found"))
	default:
		e.watchers.open(req, f, key, &subscription{owner: v.account, event: event, watched: watched}, life)
	}
}

// eventOf is the event package of a request, without its parameters.
func eventOf(req *sip.Request) string {
	hs := append(headersOf(req, "Event"), headersOf(req, "o")...)
	if len(hs) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(hs[0].Value(), ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// subscribeLife is how long a subscription is to last; brief: too short.
func subscribeLife(req *sip.Request) (life time.Duration, brief bool) {
	h := req.GetHeader("expires")
	if h == nil {
		return subscribeMax, false
	}
	life = min(parseExpires(strings.TrimSpace(h.Value())), subscribeMax)
	return life, life > 0 && life < subscribeMin
}

// open makes a subscription and tells it the state at once (RFC 6665 §4.2.1).
func (w *watchers) open(req *sip.Request, f *flow, key string, s *subscription, life time.Duration) {
	req.To().Params.Add("tag", w.e.newTag())
	l := &Leg{e: w.e, dialog: dialog{
		phone: true, callID: req.CallID(), localTag: tagOf(req.To().Params), remoteTag: tagOf(req.From().Params),
		from:      &sip.FromHeader{DisplayName: req.To().DisplayName, Address: req.To().Address, Params: req.To().Params},
		to:        &sip.ToHeader{DisplayName: req.From().DisplayName, Address: req.From().Address, Params: req.From().Params},
		remoteSeq: req.CSeq().SeqNo, routes: routesOf(req),
		in: &flow{udp: f.udp, tcp: f.tcp, remote: f.source, source: f.source},
	}}
	l.refresh(req.Contact())
	l.contact = w.e.contact(l.in, req.Recipient.Scheme == "sips")
	s.key, s.leg, s.since = dialogKey{l.callID.Value(), l.localTag}, l, time.Now()
	w.mu.Lock()
	var oldest *subscription
	n := 0
	for _, o := range w.subs {
		if o.owner == s.owner && o.ending == "" {
			if n++; oldest == nil || o.since.Before(oldest.since) {
				oldest = o
			}
		}
	}
	if n >= maxSubscriptions {
		oldest.ending, oldest.due = "noresource", true
	}
	w.subs[s.key] = s
	w.mu.Unlock()
	w.accept(req, f, key, s, life)
}

// accept answers 200 and has the state told.
func (w *watchers) accept(req *sip.Request, f *flow, key string, s *subscription, life time.Duration) {
	w.e.answer(key, f, w.e.makeReply(req, 200, "OK", s.leg.contact,
		sip.NewHeader("Expires", strconv.Itoa(int(life.Seconds()))), sip.NewHeader("Allow-Events", allowEvents)))
	w.mu.Lock()
	s.expires, s.due = time.Now().Add(life), true
	if life == 0 {
		s.ending = "timeout"
	}
	w.mu.Unlock()
	w.nudge()
}

// renew takes a SUBSCRIBE inside a subscription's dialog; false: it is none's.
func (w *watchers) renew(req *sip.Request, f *flow, key string) bool {
	w.mu.Lock()
	s := w.subs[dialogKey{req.CallID().Value(), tagOf(req.To().Params)}]
	if s == nil || s.ending != "" || s.leg.remoteTag != tagOf(req.From().Params) {
		w.mu.Unlock()
		return false
	}
	life, brief := subscribeLife(req)
	late := req.CSeq().SeqNo <= s.leg.remoteSeq
	other := eventOf(req) != s.event
	if !late && !other && !brief {
		s.leg.remoteSeq = req.CSeq().SeqNo
		s.leg.refresh(req.Contact())
		s.leg.follow(&flow{udp: f.udp, tcp: f.tcp, remote: f.source, source: f.source})
	}
	w.mu.Unlock()
	switch {
	case late:
		w.e.turnDown(req, f, key, 500, "CSeq is not above the last")
	case other:
		w.e.turnDown(req, f, key, 489, "Bad Event", sip.NewHeader("Allow-Events", allowEvents))
	case brief:
		w.e.turnDown(req, f, key, 423, "Interval Too Brief", sip.NewHeader("Min-Expires", strconv.Itoa(int(subscribeMin.Seconds()))))
	default:
		w.accept(req, f, key, s, life)
	}
	return true
}

// heard keeps what becomes of an agent's leg, for who watches the agent.
func (w *watchers) heard(l *Leg, ev Event) {
	if l.agent == "" {
		return
	}
	state := ""
	switch ev := ev.(type) {
	case Invited:
		state = "trying"
	case Progressed:
		if ev.Code > 100 {
			state = "early"
		}
	case Answered, Confirmed:
		state = "confirmed"
	case Ended:
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	legs := w.calls[l.agent]
	before := legs[l.id]
	_, ended := ev.(Ended)
	switch {
	case ended:
		if delete(legs, l.id); len(legs) == 0 {
			delete(w.calls, l.agent)
		}
	case state == "" || state == before.state || before.state == "confirmed":
		return
	default:
		if legs == nil {
			legs = map[LegID]callState{}
			w.calls[l.agent] = legs
		}
		legs[l.id] = callState{state: state, inbound: l.inbound}
	}
	for _, s := range w.subs {
		if s.event == dialogPackage && s.watched == l.agent {
			s.due = true
			w.nudge()
		}
	}
}

func (w *watchers) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drop ends the subscriptions that match, with a reason (RFC 6665 §4.1.3).
func (w *watchers) drop(reason string, match func(*subscription) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.subs {
		if s.ending == "" && match(s) {
			s.ending, s.due = reason, true
		}
	}
	w.nudge()
}

// run sends NOTIFYs and ends what is over, until ctx is done; then it ends all.
func (w *watchers) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := w.turn(time.Now())
		wait := time.Hour
		if !next.IsZero() {
			wait = max(time.Until(next), time.Second/10)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			w.drop("probation;retry-after=10", func(*subscription) bool { return true })
			w.turn(time.Now())
			return
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// turn sends what is due and returns when the next subscription ends.
func (w *watchers) turn(now time.Time) (next time.Time) {
	type outgoing struct {
		s   *subscription
		req *sip.Request
		f   *flow
	}
	var out []outgoing
	w.mu.Lock()
	for key, s := range w.subs {
		if s.ending == "" && !now.Before(s.expires) {
			s.ending, s.due = "timeout", true
		}
		if s.due {
			req, f := w.notify(s, now)
			out = append(out, outgoing{s, req, f})
		}
		switch {
		case s.ending != "":
			delete(w.subs, key)
		case next.IsZero() || s.expires.Before(next):
			next = s.expires
		}
	}
	unasked := map[AccountID]string{}
	for id := range w.unasked {
		unasked[id] = w.summary(id)
	}
	clear(w.unasked)
	w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(unasked)) {
		w.tellUnasked(id, unasked[id])
	}
	slices.SortFunc(out, func(a, b outgoing) int { return a.s.since.Compare(b.s.since) })
	for _, o := range out {
		if _, err := w.e.clients.start(o.req, o.f, notified{w, o.s}); err != nil {
			w.forget(o.s)
		}
	}
	return next
}

// notify builds the NOTIFY of a subscription's state. The lock is held.
func (w *watchers) notify(s *subscription, now time.Time) (*sip.Request, *flow) {
	s.due = false
	req, f := s.leg.request(sip.NOTIFY)
	req.AppendHeader(s.leg.contact)
	req.AppendHeader(sip.NewHeader("Event", s.event))
	state := "active;expires=" + strconv.Itoa(int(s.expires.Sub(now).Seconds()))
	if s.ending != "" {
		state = "terminated;reason=" + s.ending
	}
	req.AppendHeader(sip.NewHeader("Subscription-State", state))
	body, kind := w.summary(s.watched), summaryType
	if s.event == dialogPackage {
		body, kind = w.dialogInfo(s), dialogInfoType
	}
	h := sip.ContentTypeHeader(kind)
	req.AppendHeader(&h)
	req.SetBody([]byte(body))
	return req, f
}

// dialogInfo is the whole state of an agent's calls (RFC 4235 §4.1). The lock is
// held.
func (w *watchers) dialogInfo(s *subscription) string {
	var b strings.Builder
	entity := &strings.Builder{}
	_ = xml.EscapeText(entity, []byte("sip:"+escapeUser(string(s.watched))+"@"+w.e.cfg.Domain))
	fmt.Fprintf(&b, "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"%d\" state=\"full\" entity=\"%s\">\r\n", s.version, entity)
	s.version++
	legs := w.calls[s.watched]
	ids := make([]LegID, 0, len(legs))
	for id := range legs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		direction := "recipient"
		if legs[id].inbound {
			direction = "initiator"
		}
		fmt.Fprintf(&b, "<dialog id=\"%s\" direction=\"%s\"><state>%s</state></dialog>\r\n", id, direction, legs[id].state)
	}
	b.WriteString("</dialog-info>\r\n")
	return b.String()
}

func (w *watchers) forget(s *subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.subs[s.key] == s {
		delete(w.subs, s.key)
	}
}

// notified owns a NOTIFY: a subscriber that refuses it, or does not answer, has
// no subscription (RFC 6665 §4.2.2).
type notified struct {
	w *watchers
	s *subscription
}

func (n notified) onResponse(t *clientTx, res *sip.Response) {
	if res.StatusCode < 200 {
		return
	}
	t.finish()
	if res.StatusCode >= 300 {
		n.w.forget(n.s)
	}
}

func (n notified) onFailure(*clientTx, error) { n.w.forget(n.s) }
