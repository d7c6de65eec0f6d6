package sip

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Leg is one dialog with one phone or carrier, in either direction. One
// goroutine owns it; verbs and packets are letters to that goroutine. Its
// methods may be called from any goroutine, in any state.
type Leg struct {
	id    LegID
	e     *Endpoint
	agent AccountID // whose phone it is; set before run

	mu     sync.Mutex
	box    []func()
	closed bool          // nobody reads the box any more
	wake   chan struct{} // holds one

	// All below belongs to the leg's goroutine.

	phase phase
	ended bool // Ended was emitted: no further event
	timer *time.Timer
	due   [dueKinds]time.Time

	dialog

	invite  *inviteTx     // inbound: until the final response
	early   earlyResponse // the last 18x to it
	final   *final        // the 2xx that waits for its ACK
	held    []func()      // the peer's re-INVITEs that came before that ACK
	heldBye func()        // its BYE, likewise
	bye     *Reason       // our BYE waits for that ACK
	open    int           // client transactions not over
	call    *dialState    // outbound: until the final response
	rel     reliability   // inbound: of its 18x
	acked   *sent         // our last ACK of a 2xx
	behind  []*clientTx   // INVITEs to places that we moved on from

	ours    *reoffer // our re-INVITE on its way
	queue   [][]byte // our offers behind it
	theirs  *theirs  // the peer's offer that we have not answered
	refers  []*referral
	listens bool      // a subscription alone, see refer_outside.go
	asked   *clientTx // our REFER, until its last NOTIFY
	probe   *clientTx // our OPTIONS in the dialog
	talk    *clientTx // our NOTIFY that asks a phone to answer

	peer atomic.Pointer[string] // the peer's tag, for who looks for the dialog (RFC 3891)
}

// phase says what is true of a leg.
type phase int

const (
	invited    phase = iota // inbound: no final response is out
	dialling                // outbound: no final response is in
	cancelling              // outbound: hung up, the INVITE's final response is awaited
	answered                // inbound: the 2xx is out, its ACK is not in
	up                      // 2xx and ACK have passed
	leaving                 // Ended was emitted; transactions are left on the wire
	gone                    // nothing is left
)

// dueKind names a deadline of a leg.
type dueKind int

const (
	dueRepeat   dueKind = iota // send the 2xx again
	dueNoACK                   // the 2xx was never acknowledged
	dueAnswer                  // Dial.AnswerWithin
	dueTrying                  // no response at all: the next place
	dueRinging                 // no ringing: the next place
	dueEarly                   // say again that it rings
	dueSevered                 // the peer's connection broke, and it had time to come back
	dueProbe                   // our OPTIONS was not answered
	dueTalk                    // the phone rings on, though it was asked to answer
	dueGlare                   // send the re-INVITE again after a 491
	dueBye                     // a BYE was held for an ACK long enough
	dueReliable                // send the reliable 18x again
	dueNoPrack                 // it was never acknowledged
	dueRefresh                 // of the session, by us
	dueExpired                 // the session was not refreshed by the peer
	dueDeaf                    // a subscription alone is over
	dueLinger                  // transactions left on the wire have had their time
	dueKinds
)

func (e *Endpoint) newLeg(id LegID, p phase) *Leg {
	l := &Leg{id: id, e: e, phase: p, wake: make(chan struct{}, 1)}
	l.timer = time.NewTimer(time.Hour)
	return l
}

// post puts a letter into the box; false: the leg is gone. It never blocks.
func (l *Leg) post(f func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.box = append(l.box, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return true
}

// take empties the box. With nothing in it and the leg gone, it closes it.
func (l *Leg) take() (letters []func(), done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	letters, l.box = l.box, nil
	if len(letters) == 0 && l.phase == gone {
		l.closed = true
	}
	return letters, l.closed
}

// run is the leg's goroutine. A panic in it ends this leg and no other.
func (l *Leg) run() {
	defer l.bury()
	defer func() {
		if r := recover(); r != nil {
			l.e.panicked("leg", r)
			l.crash(fmt.Errorf("panic: %v", r))
		}
	}()
	for {
		letters, done := l.take()
		if done {
			return
		}
		for _, f := range letters {
			f()
		}
		l.tick(time.Now())
		if len(letters) > 0 || l.phase == gone {
			continue
		}
		l.arm()
		select {
		case <-l.wake:
		case <-l.timer.C:
		}
	}
}

// bury closes the box and removes the leg from the tables.
func (l *Leg) bury() {
	if !l.inbound { // for 64*T1 a late 2xx is still ours to refuse
		l.e.memory.put(dialledKey(l.callID.Value(), l.localTag), nil, nil)
	}
	l.remember()
	l.mu.Lock()
	l.closed, l.box = true, nil
	l.mu.Unlock()
	l.timer.Stop()
	l.e.legs.remove(l)
}

// crash ends the leg as well as it can after a panic.
func (l *Leg) crash(err error) {
	defer l.e.rescue("leg's end")
	l.quit(Ended{By: Failed, Code: 500, Text: "internal error", Err: err})
}

// abandon is the endpoint's last word: whatever is left ends now.
func (l *Leg) abandon() {
	l.quit(Ended{By: Failed, Code: 503, Text: "shutting down", Err: errClosed})
	l.phase = gone
}

// quit says good-bye on the wire and waits for nothing.
func (l *Leg) quit(ev Ended) {
	defer l.end(ev)
	switch l.phase {
	case invited:
		if l.invite != nil {
			l.refuseInvite(ev.Code, "")
		}
	case dialling, cancelling:
		if l.call != nil && l.call.tx != nil {
			l.call.tx.quiet.Store(true)
			l.sendCancel(Reason{Cause: ev.Code, Text: ev.Text})
		}
	case answered, up:
		if l.listens {
			l.deafen("noresource")
			return
		}
		l.sendBye(Reason{Cause: ev.Code, Text: ev.Text})
	}
}

func (l *Leg) emit(ev Event) {
	if !l.ended {
		l.e.watchers.heard(l, ev)
		l.e.cfg.Emit(ev)
	}
}

// end emits Ended, once, as the last event.
func (l *Leg) end(ev Ended) {
	if l.ended {
		return
	}
	l.ended = true
	ev.Leg, ev.At = l.id, time.Now()
	l.e.watchers.heard(l, ev)
	l.e.cfg.Emit(ev)
}

// depart ends the leg for everybody but the wire.
func (l *Leg) depart(ev Ended) {
	l.refuseTheirs(487)
	l.end(ev)
	l.phase = leaving
	l.queue = nil
	l.refuseRefers()
	l.probe, l.asked = nil, nil
	clear(l.due[dueAnswer:dueLinger])
	l.after(dueLinger, giveUp)
	l.releaseBye()
	l.release()
	l.settle()
}

// settle lets a leaving leg go when nothing is left on the wire.
func (l *Leg) settle() {
	if l.phase == leaving && l.open == 0 && l.final == nil && l.bye == nil {
		l.phase = gone
	}
}

func (l *Leg) after(k dueKind, d time.Duration) { l.due[k] = time.Now().Add(d) }

// arm sets the one timer to the earliest deadline.
func (l *Leg) arm() {
	var first time.Time
	for _, t := range l.due {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		l.timer.Stop()
		return
	}
	l.timer.Reset(time.Until(first))
}

// tick does what is due.
func (l *Leg) tick(now time.Time) {
	for k := range dueKinds {
		t := l.due[k]
		if t.IsZero() || now.Before(t) {
			continue
		}
		l.due[k] = time.Time{}
		switch k {
		case dueRepeat:
			l.repeat()
		case dueNoACK:
			l.noAck()
		case dueAnswer:
			l.unanswered()
		case dueTrying:
			l.silent("no response")
		case dueRinging:
			l.silent("no ringing")
		case dueEarly:
			l.stillEarly()
		case dueGlare:
			l.tryReoffer()
		case dueSevered:
			l.doProbe()
		case dueProbe:
			l.probeOver()
		case dueTalk:
			l.unmoved()
		case dueBye:
			l.releaseBye()
		case dueReliable:
			l.repeatReliable()
		case dueNoPrack:
			l.noPrack()
		case dueRefresh:
			l.refreshSession()
		case dueExpired:
			l.expired()
		case dueDeaf:
			l.deafen("timeout")
		case dueLinger:
			l.linger()
		}
	}
}

// linger ends a leg whose transactions have had their time, or whose INVITE got
// no final response for 64*T1 after the CANCEL (RFC 3261 §9.1).
func (l *Leg) linger() {
	if c := l.call; c != nil {
		l.call = nil
		if c.tx != nil {
			l.closeTx(c.tx)
		}
		l.end(c.end)
	}
	for _, t := range l.behind { // their CANCELs were not heeded
		l.closeTx(t)
	}
	l.phase = gone
}

// onResponse and onFailure make the leg the owner of its transactions.
func (l *Leg) onResponse(t *clientTx, res *sip.Response) {
	if !l.post(func() { l.response(t, res) }) {
		l.e.orphan(t, res)
	}
}

func (l *Leg) onFailure(t *clientTx, err error) { l.post(func() { l.failure(t, err) }) }

// response sorts the responses to our requests.
func (l *Leg) response(t *clientTx, res *sip.Response) {
	if t.over.Load() {
		return
	}
	l.can.learn(res)
	switch {
	case l.call != nil && t == l.call.tx:
		l.dialResponse(t, res)
	case l.ours != nil && t == l.ours.tx:
		l.reofferResponse(t, res)
	case slices.Contains(l.behind, t):
		l.lateResponse(t, res)
	case res.StatusCode < 200:
	case l.asked != nil && t == l.asked:
		l.closeTx(t)
		l.referAnswered(res.StatusCode)
	case l.probe != nil && t == l.probe:
		l.closeTx(t)
		l.probed(res.StatusCode)
	case l.talk != nil && t == l.talk:
		l.closeTx(t)
		l.talkAnswered(res.StatusCode)
	default:
		l.closeTx(t)
		l.byeResponse(t, res)
		l.unheard(t, res.StatusCode)
	}
	l.settle()
}

func (l *Leg) failure(t *clientTx, err error) {
	l.open--
	switch {
	case l.call != nil && t == l.call.tx:
		l.dialFailure(err)
	case l.ours != nil && t == l.ours.tx:
		l.reofferFailure(err)
	case l.asked != nil && t == l.asked:
		l.referAnswered(0)
	case l.probe != nil && t == l.probe:
		l.probed(0)
	case l.talk != nil && t == l.talk:
		l.talkAnswered(0)
	default:
		l.unheard(t, 0)
	}
	l.settle()
}

// send starts a client transaction of this leg.
func (l *Leg) send(req *sip.Request, f *flow) (*clientTx, error) {
	t, err := l.e.clients.start(req, f, l)
	if err == nil {
		l.open++
	}
	return t, err
}

// closeTx ends a transaction whose final response is in.
func (l *Leg) closeTx(t *clientTx) {
	if !t.over.Load() {
		t.finish()
		l.open--
	}
}
