package call

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// browserLeg is the leg of a Help Desk that is its agent's phone. There is no
// dialog: what rings, and what has ended, the page sees as the agent's part in
// the call; its answer comes as an order with a description, and its 200 is the
// connection that follows. So every verb but Hangup has nothing to say.
type browserLeg struct {
	board *Switchboard
	id    sip.LegID
	over  bool // the loop's
}

func (l *browserLeg) ID() sip.LegID                 { return l.id }
func (l *browserLeg) CallID() string                { return "browser-" + string(l.id) }
func (l *browserLeg) Progress(int, []byte)          {}
func (l *browserLeg) Answer([]byte)                 {}
func (l *browserLeg) Reject(int, string)            {}
func (l *browserLeg) Reoffer([]byte)                {}
func (l *browserLeg) AnswerReoffer([]byte)          {}
func (l *browserLeg) RejectReoffer(int)             {}
func (l *browserLeg) AnswerRefer(uint32, int)       {}
func (l *browserLeg) NotifyRefer(uint32, int, bool) {}
func (l *browserLeg) Probe()                        {} // its packets tell, see media.Resumed
func (l *browserLeg) Info(string, []byte)           {}
func (l *browserLeg) Talk()                         {}
func (l *browserLeg) Refer(string, sip.NameAddr)    {}

// Hangup ends the leg; Ended follows, once.
func (l *browserLeg) Hangup(int, sip.Reason) {
	if !l.over {
		l.over = true
		l.board.FromSip(sip.Ended{Leg: l.id, By: sip.Ours, At: l.board.now})
	}
}

// tab is what is known of an agent's Help Desk.
type tab struct {
	open  bool
	phone bool // and it is a phone itself
}

// inBrowser says whether a line's phone is its agent's Help Desk.
func (l *line) inBrowser() bool { return l.phone == routing.DeskPhone }

// SetDesk tells whether an agent's Help Desk is open and answers; watching: it
// is no phone itself. It does not wait for the loop.
func (s *Switchboard) SetDesk(agent routing.AgentID, open, watching bool) {
	s.box.post(letter{order: func(time.Time) {
		s.tabs[agent] = tab{open: open, phone: open && !watching}
		s.route(routing.DeskChanged{Agent: agent, Open: open, Watching: watching})
		if open && !watching {
			return
		}
		for _, c := range s.inOrder() { // what rings there is seen by nobody
			s.handling = c
			for _, l := range c.ringsAt(agent) {
				if l.inBrowser() && (!open || !l.answers) {
					s.dismiss(l, reasonFor(routing.OutcomeUnreachable))
					s.failed(l, failure{})
				}
			}
			s.rearm(c)
		}
	}})
}

// phonesAt are an agent's live phones: those that SIP knows, and the Help Desk.
func (s *Switchboard) phonesAt(agent routing.AgentID) []sip.ContactID {
	all := s.contacts(agent)
	if s.tabs[agent].phone {
		all = append(all, sip.ContactID(routing.DeskPhone))
	}
	return all
}

// phonesFor are those that may ring for a call that their agent asked for by asker:
// the Help Desk's page where it is a phone and no phone asked, else all.
func (s *Switchboard) phonesFor(agent routing.AgentID, asker sip.ContactID) []sip.ContactID {
	if s.tabs[agent].phone && asker == "" {
		return []sip.ContactID{sip.ContactID(routing.DeskPhone)}
	}
	return s.contacts(agent)
}

// dialBrowser opens a session for a line whose phone is a browser. It rings when
// the page says that it shows it.
func (s *Switchboard) dialBrowser(l *line, from sip.NameAddr) error {
	l.id, l.shown, l.private = sip.LegID(s.newID()), from, true
	session, err := l.call.bridge.NewSession(media.SessionConfig{
		ID: media.SessionID(l.id), Browser: true, Timeout: s.setup.RTPTimeout, HeldTimeout: s.setup.HeldTimeout, Dormant: true,
	})
	if err != nil {
		return err
	}
	if c := l.call.caller; c != nil && c.session != nil {
		if codec, ok := c.session.Codec(); ok {
			session.Prefer(codec)
		}
	} else if r := l.call.record; r.Direction == Internal && s.tabs[routing.AgentID(r.Dialled)].phone {
		session.Prefer(media.Opus) // one page calls another: they are passed each other's
	}
	l.session, l.leg = session, &browserLeg{board: s, id: l.id}
	s.seat(l)
	s.tell(l)
	return nil
}

// DeskShows says that an agent's page shows a call that rings there. It does not
// wait for the loop.
func (s *Switchboard) DeskShows(agent routing.AgentID, id ID) {
	s.box.post(letter{order: func(time.Time) {
		c := s.calls[id]
		if c == nil || c.ended {
			return
		}
		s.handling = c
		for _, l := range c.ringsAt(agent) {
			if l.inBrowser() && !l.rang {
				s.progressed(l, sip.Progressed{Leg: l.id, Code: 180})
			}
		}
		s.rearm(c)
	}})
}

// AnswerInBrowser has an agent's page answer a call that rings there, or come
// back to one that it was in, as after a reload: offer is the browser's
// description, via our address that the page was fetched from. It returns the
// leg and the answer for the browser; the two are connected a moment later.
func (s *Switchboard) AnswerInBrowser(ctx context.Context, agent routing.AgentID, id ID, offer []byte, via netip.Addr) (sip.LegID, []byte, error) {
	type answer struct {
		l   *line
		err error
	}
	a, err := ask(ctx, s, func(time.Time) answer {
		l, err := s.takeInBrowser(id, agent)
		return answer{l, err}
	})
	if err != nil || a.err != nil {
		return "", nil, orErr(a.err, err)
	}
	l := a.l
	sdp, err := l.session.AnswerBrowser(offer, via)
	if err == nil {
		return l.id, sdp, nil
	}
	_, asked := ask(ctx, s, func(time.Time) struct{} {
		s.handling = l.call
		s.log.Warn("a browser's description is refused", "call", l.call.id, "leg", l.id, "agent", l.agent, "err", err)
		s.unconnected(l)
		return struct{}{}
	})
	return "", nil, orErr(err, asked)
}

func orErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// takeInBrowser finds what an agent's page may answer, and takes it.
func (s *Switchboard) takeInBrowser(id ID, agent routing.AgentID) (*line, error) {
	c := s.calls[id]
	if c == nil || c.ended {
		return nil, ErrNoCall
	}
	s.handling = c
	defer s.rearm(c)
	if !s.tabs[agent].phone {
		return nil, fmt.Errorf("%w: this page is not a phone", ErrOffline)
	}
	for _, l := range c.ringsAt(agent) {
		if !l.inBrowser() {
			continue
		}
		if !l.agreed {
			l.agreed, l.answers = true, true
			return l, nil
		}
		return s.ringAgain(c, l) // the page that answered is not there any more
	}
	old := c.seatOf(agent)
	switch {
	case old != nil:
	case c.caller != nil && c.caller.agent == agent && c.caller.state == lineUp: // whom they call has not answered yet
		old = c.caller
	case c.reclaim != nil && c.reclaim.agent == agent:
		l := &line{role: roleAgent, call: c, phone: routing.DeskPhone, agent: agent, team: c.reclaim.team, errand: returns, agreed: true, answers: true}
		return l, s.ringsThere(c, l, sip.NameAddr{})
	}
	if old == nil {
		return nil, fmt.Errorf("%w: it does not ring there", ErrNotNow)
	}
	for _, l := range slices.Clone(c.lines) { // a page that began to come back before
		if l.agent == agent && l.errand == attaches && l.state == lineDialled {
			s.dismiss(l, reasonFor(routing.OutcomeAnsweredElsewhere))
		}
	}
	l := &line{role: old.role, call: c, phone: routing.DeskPhone, agent: agent, team: old.team, errand: attaches, agreed: true, answers: true}
	return l, s.dialBrowser(l, sip.NameAddr{})
}

// ringsThere dials a browser's line among those that ring.
func (s *Switchboard) ringsThere(c *liveCall, l *line, from sip.NameAddr) error {
	if err := s.dialBrowser(l, from); err != nil {
		return err
	}
	c.ringing = append(c.ringing, l)
	return nil
}

// ringAgain puts another line in the place of one whose page has gone while it
// connected; for the router it is the same phone of the same offer.
func (s *Switchboard) ringAgain(c *liveCall, old *line) (*line, error) {
	next := &line{
		role: roleAgent, call: c, offer: old.offer, phone: old.phone, agent: old.agent, team: old.team,
		errand: old.errand, rang: old.rang, agreed: true, answers: true,
	}
	old.replaced = true
	c.ringing = without(c.ringing, old)
	s.dismiss(old, reasonFor(routing.OutcomeAnsweredElsewhere))
	if err := s.ringsThere(c, next, old.shown); err != nil {
		s.failed(next, failure{})
		return nil, err
	}
	if next.errand == offered {
		s.offered[offerPhone{next.offer, next.phone}] = next
	}
	return next, nil
}

// browserConnected is a browser's 200.
func (s *Switchboard) browserConnected(l *line) {
	if l.state == lineDialled {
		s.lineAnswered(l, sip.Answered{Leg: l.id})
	}
	s.rearm(l.call)
}

// unconnected is a browser that did not connect, or is gone.
func (s *Switchboard) unconnected(l *line) {
	c := l.call
	defer s.rearm(c)
	switch {
	case l.state == lineUp:
		s.gone(l)
	case l.state == lineDialled:
		s.dismiss(l, reasonFor(routing.OutcomeUnreachable))
		if l.errand != attaches {
			s.failed(l, failure{})
		}
	}
}

// attached is an agent's page that is back in a call: in the place of its leg
// from before, if that is still there.
func (s *Switchboard) attached(c *liveCall, l *line) {
	old := c.seatOf(l.agent)
	if old == nil && c.caller != nil && c.caller.agent == l.agent && c.caller.state == lineUp {
		old = c.caller
	}
	switch {
	case old != nil:
		s.takePlace(c, old, l)
	case c.reclaim != nil && c.reclaim.agent == l.agent:
		l.role, l.team = roleAgent, c.reclaim.team
		s.reclaimed(c, l)
	default:
		s.dismiss(l, reasonNormal)
	}
}

// gone is a browser that was in the call and is not there any more. A customer
// whose agent it was hears music, and the agent may come back as after the loss
// of a phone; whoever else listened hears music for as long.
func (s *Switchboard) gone(l *line) {
	if s.losable(l) {
		s.vanished(l)
		return
	}
	l.missing, l.doubted = true, s.now.Add(s.reclaimTime(l))
	s.arrange(l.call)
}

// losable says whether the call goes on without a line, see lost.
func (s *Switchboard) losable(l *line) bool {
	c := l.call
	return l == c.far && c.transfer == nil && c.record.Direction != Internal && c.caller != nil && c.caller.role != roleAgent
}

// reclaimTime is for how long an agent may come back.
func (s *Switchboard) reclaimTime(l *line) time.Duration {
	if d := s.setup.Teams[l.team].Reclaim; d > 0 {
		return d
	}
	return missingFor
}

// patience is how long a browser may be silent before it counts as gone.
func (s *Switchboard) patience(l *line) time.Duration {
	if s.losable(l) {
		return silentFor
	}
	return s.reclaimTime(l)
}

// silentFor is how long the packets of a browser whose agent has a customer may
// be away, after the customer hears music for it, before it counts as lost: a
// network that stumbles is back by then.
const silentFor = 2 * time.Second

// vanished ends a browser's leg that did not come back.
func (s *Switchboard) vanished(l *line) {
	l.doubted = noTime
	s.dismiss(l, reasonNoSound)
	if l == l.call.caller { // an agent's own call
		s.end(l.call, Ending{By: ByAgent, Cause: CauseLegLost}, reasonNoSound)
		return
	}
	s.leftUs(l, sip.Failed, sip.Reason{})
}

// EchoInBrowser lets a browser hear itself, for its user to try microphone and
// speaker, until end is called.
func (s *Switchboard) EchoInBrowser(ctx context.Context, offer []byte, via netip.Addr) (answer []byte, end func(), err error) {
	engine, err := ask(ctx, s, func(time.Time) *media.Engine { return s.hands.Media })
	if err != nil {
		return nil, nil, err
	}
	id := media.SessionID("echo-" + ulid.Make().String())
	bridge := engine.NewBridge(media.BridgeID(id))
	session, err := bridge.NewSession(media.SessionConfig{ID: id, Browser: true})
	if err == nil {
		session.Echo()
		answer, err = session.AnswerBrowser(offer, via)
	}
	if err != nil {
		bridge.Close()
		return nil, nil, err
	}
	return answer, bridge.Close, nil
}
