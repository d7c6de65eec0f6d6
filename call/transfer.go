package call

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// transfer is the customer on the way to somebody else. Until that one has
// answered, the agent and the customer stay as they are: a transfer that
// fails leaves things as they were.
type transfer struct {
	ask bool // speak to them first
	by  routing.AgentID
	to  Destination

	third     *line    // who answered; nil: nobody yet
	outside   *outside // a number: how it is dialled
	queued    bool     // an agent or a team: waits in the router, or rings
	due       time.Time
	byCarrier bool // a number: the carrier was asked to call it (REFER)
	taken     bool // and has agreed to
	swapped   bool // ask: the customer is talked to meanwhile
	merged    bool // ask: all three hear each other

	back    routing.TeamID  // the team whose queue the customer returns to
	outcome routing.Outcome // of the last agent who was rung
	receipt int             // of Record.Transfers
	keyed   bool            // by the phone's keys
	refer   *referral       // the phone whose key it was; nil: none
}

// beginTransfer looks for whom the customer is to be handed to.
func (s *Switchboard) beginTransfer(c *liveCall, l *line, to Destination, askFirst bool) error {
	return s.transferBy(c, l, to, askFirst, nil)
}

// transferBy is beginTransfer for a phone that wants to know how it fares; nil:
// none does.
func (s *Switchboard) transferBy(c *liveCall, l *line, to Destination, askFirst bool, by *referral) error {
	if c.transfer != nil {
		return fmt.Errorf("%w: a transfer is under way", ErrNotNow)
	}
	if l.role != roleAgent || !c.answered {
		return fmt.Errorf("%w: there is nobody to transfer", ErrNotNow)
	}
	t := &transfer{ask: askFirst, by: l.agent, to: to, refer: by, receipt: len(c.record.Transfers)}
	var find func()
	switch {
	case to.Number != "":
		o, err := s.transferNumber(c, l, to.Number)
		if err != nil {
			return err
		}
		t.outside = o
		find = func() {
			if !s.referOut(c) {
				s.transferTries(c)
			}
		}
	default:
		if err := s.targetOnline(l, to); err != nil {
			return err
		}
		t.queued, t.due = true, s.now.Add(s.waits(to, l))
		find = func() {
			s.route(routing.Queued{
				Work: routing.WorkID(c.id), Team: to.Team, Target: to.Agent,
				Priority: c.waiting.Priority, Since: c.came, Returned: true,
			})
		}
	}
	c.transfer = t
	c.record.Transfers = append(c.record.Transfers, Transferred{By: l.agent, To: to, Ask: askFirst, Began: s.now})
	s.log.Info("a transfer began", "call", c.id, "agent", l.agent, "team", to.Team)
	s.callFact(c, Fact{Kind: FactTransferring, By: l.agent, Agent: to.Agent, Team: to.Team})
	if by != nil {
		by.leg.AnswerRefer(by.id, 202)
	}
	if askFirst {
		s.arrange(c)
	}
	find()
	s.keep(c)
	return nil
}

// transferTries dials the number over the next trunk; none left, it failed.
func (s *Switchboard) transferTries(c *liveCall) {
	t := c.transfer
	if !s.tryTrunk(c, t.outside) {
		s.transferFailed(c, outcomeOf(t.outside.code), t.outside.code)
	}
}

// thirdProgressed is a 18x of the number that is dialled. Whoever asks first
// hears its early media.
func (s *Switchboard) thirdProgressed(l *line, e sip.Progressed) {
	c := l.call
	t := c.transfer
	if t == nil || e.Code < 180 {
		return
	}
	s.transferRang(c)
	if l.early(e) && t.ask {
		l.session.Begin()
		s.arrange(c)
	}
}

// transferRang notes the first ringing.
func (s *Switchboard) transferRang(c *liveCall) {
	t := c.transfer
	t.due = noTime
	if r := &c.record.Transfers[t.receipt]; r.Rang.IsZero() {
		r.Rang = s.now
		t.refer.tell(180, false)
		s.callFact(c, Fact{Kind: FactTransferRang, By: t.by, Agent: t.to.Agent, Team: t.to.Team})
	}
}

// transferAnswered is somebody taking the customer, or being asked whether to.
func (s *Switchboard) transferAnswered(c *liveCall, l *line) {
	t := c.transfer
	c.ringing = without(c.ringing, l)
	l.state = lineUp
	l.session.Begin()
	t.third, t.queued, t.due = l, false, noTime
	if t.ask && c.far != nil {
		s.callFact(c, Fact{Kind: FactConsulting, By: t.by, Agent: l.agent, Trunk: l.trunk, Leg: l.id})
		s.arrange(c)
		s.keep(c)
		return
	}
	s.handOver(c)
}

// steer is what whoever asks first does meanwhile.
func (s *Switchboard) steer(c *liveCall, v Verb) error {
	t := c.transfer
	if t == nil {
		return fmt.Errorf("%w: no transfer is under way", ErrNotNow)
	}
	if v == Cancel {
		s.transferFailed(c, OutcomeCancelled, 0)
		return nil
	}
	if t.third == nil {
		return fmt.Errorf("%w: nobody has answered yet", ErrNotNow)
	}
	switch v {
	case Swap:
		t.swapped, t.merged = !t.swapped && !t.merged, false
		s.arrange(c)
	case Merge:
		t.merged, t.swapped = true, false
		s.arrange(c)
	case Complete:
		s.handOver(c)
	default:
		return fmt.Errorf("%w: %s", ErrNotNow, v)
	}
	return nil
}

// handOver leaves the customer with the third party. Whoever had the call is
// released, and has wrap-up. A recording goes on with an agent and stops with
// a number.
func (s *Switchboard) handOver(c *liveCall) {
	t, old := c.transfer, c.far
	l := t.third
	c.transfer, c.far = nil, l
	r := &c.record.Transfers[t.receipt]
	r.Outcome, r.Answered, r.Ended = routing.OutcomeAccepted, s.now, s.now
	r.SIP, r.Q850 = 200, 16
	t.refer.tell(200, true)
	if l.team == "" {
		l.team = t.team(old)
	}
	if l.role == roleThird {
		l.role = roleForward
		if c.tape != nil {
			r.RecordingStopped = s.now
			s.stopTape(c)
		}
		s.endWatches(c, "transferred", reasonTransferred)
	}
	if old != nil {
		old.untape()
		s.leave(c, old)
		s.dismiss(old, reasonTransferred)
	}
	if c.tape == nil && l.role == roleAgent && s.setup.Teams[l.team].Recording {
		s.startTape(c, l) // the initiator had gone, and the recording with it
	}
	s.arrange(c)
	s.log.Info("call transferred", "call", c.id, "agent", l.agent, "team", l.team, "trunk", l.trunk)
	s.callFact(c, Fact{Kind: FactTransferred, By: t.by, Agent: l.agent, Team: l.team, Trunk: l.trunk, Leg: l.id})
	s.keep(c)
	s.rearm(c)
}

// team is whose call it is: that of whoever had it.
func (t *transfer) team(old *line) routing.TeamID {
	switch {
	case t.to.Team != "":
		return t.to.Team
	case old != nil:
		return old.team
	}
	return t.back
}

// transferFailed ends a transfer without success: the initiator and the
// customer go on; without an initiator the customer returns to the front.
func (s *Switchboard) transferFailed(c *liveCall, why routing.Outcome, code int) {
	t := c.transfer
	s.dropThird(c, why)
	c.transfer = nil
	r := &c.record.Transfers[t.receipt]
	r.Outcome, r.Ended = why, s.now
	r.SIP, r.Q850 = t.causes(why, code)
	t.refer.tell(fragOf(why, code), true)
	if t.refer != nil && why != OutcomeCancelled {
		c.referFailed = s.now
	}
	s.log.Info("a transfer failed", "call", c.id, "agent", t.by, "reason", string(why), "code", code)
	s.callFact(c, Fact{Kind: FactTransferFailed, By: t.by, Agent: t.to.Agent, Team: t.to.Team, Outcome: why, Count: code})
	if c.far == nil {
		s.giveBack(c, t.back)
		return
	}
	s.arrange(c)
	if t.keyed && why != OutcomeCancelled {
		c.far.session.Play(media.Refusal(), 0) // a plain phone is told no other way
	}
	s.keep(c)
	s.rearm(c)
}

// causes are those of a failure: the final response, or what it would be of
// somebody in our house whose phones gave none; and the ISDN cause, the network's own
// where it gave one.
func (t *transfer) causes(why routing.Outcome, code int) (sip, q850 int) {
	if o := t.outside; o != nil && o.code == code && strings.EqualFold(o.cause.Protocol, "Q.850") {
		return code, o.cause.Cause
	}
	if code != 0 {
		return code, causeOf(code)
	}
	switch why {
	case routing.OutcomeAccepted:
		return 200, 16
	case OutcomeHungUp, OutcomeCancelled, routing.OutcomeAbandoned, routing.OutcomeWithdrawn:
		return 0, 16
	case routing.OutcomeNoAnswer:
		return 480, 19 // alerted, no answer (ITU-T Q.850)
	case routing.OutcomeUnreachable:
		return 480, 20 // subscriber absent
	}
	code = fragOf(why, 0)
	return code, causeOf(code)
}

// dropThird hangs up whoever rings or was asked, and takes the call from the
// router's queue. The phones of a transfer that is taken back show no missed
// call.
func (s *Switchboard) dropThird(c *liveCall, why routing.Outcome) {
	t := c.transfer
	reason := reasonFor(why)
	if why == OutcomeCancelled || why == routing.OutcomeAbandoned {
		reason = reasonFor(routing.OutcomeAnsweredElsewhere)
	}
	for _, l := range slices.Clone(c.ringing) {
		s.dismiss(l, reason)
	}
	c.ringing = nil
	if t.queued {
		t.queued = false
		gone := routing.OutcomeWithdrawn
		if why == routing.OutcomeAbandoned {
			gone = why
		}
		s.route(routing.Removed{Work: routing.WorkID(c.id), Why: gone})
	}
	if l := t.third; l != nil {
		t.third = nil
		c.bridge.Part(l.session)
		if l.role == roleAgent {
			s.route(routing.Released{Work: routing.WorkID(c.id), Agent: l.agent, Team: l.team, Spoke: t.merged})
		}
		s.dismiss(l, reasonNormal)
	}
}

// thirdEnded is the end of the leg of who was asked: back to the customer.
func (s *Switchboard) thirdEnded(c *liveCall) {
	s.transferFailed(c, OutcomeHungUp, 0)
}

// initiatorLeft is the end of the leg of whoever transfers. Who has answered
// takes the customer over; else it is still rung.
func (s *Switchboard) initiatorLeft(c *liveCall, l *line) {
	t := c.transfer
	t.back = l.team
	if t.third != nil {
		s.handOver(c)
		return
	}
	t.ask = false
	s.release(c, l)
	waits := Segment{Kind: SegmentQueue, Team: t.back}
	if c.record.Direction == Internal { // who calls a colleague is in no queue
		waits = Segment{Kind: SegmentDial, Team: c.out.team, Agent: c.out.agent}
	}
	c.record.enter(s.now, waits)
	s.keep(c)
}

// transferOfferEnded is an agent who did not take the customer. Of a team the
// next is rung, if there is one.
func (s *Switchboard) transferOfferEnded(c *liveCall, why routing.Outcome, code int) {
	t := c.transfer
	if t == nil || !t.queued || why == routing.OutcomeAccepted {
		return
	}
	t.outcome = why
	if t.to.Agent != "" || !s.someoneLeft(c) {
		s.transferFailed(c, why, code)
		return
	}
	t.due = s.now.Add(s.waits(t.to, c.caller))
}

// someoneLeft says whether a team has somebody who rings now, or might soon.
func (s *Switchboard) someoneLeft(c *liveCall) bool {
	e, known := s.brain.router.Explain(s.now, routing.WorkID(c.id))
	return known && slices.ContainsFunc(e.Considered, func(a routing.Considered) bool {
		return !slices.ContainsFunc(a.Excluded, func(x routing.Exclusion) bool {
			return x.Rule != routing.RuleLimit && x.Rule != routing.RuleHeldBack && x.Rule != routing.RuleWrapUp
		})
	})
}

// transferDue gives up a transfer to agents who are all at their limits.
func (s *Switchboard) transferDue(c *liveCall) {
	why := c.transfer.outcome
	switch {
	case c.transfer.byCarrier:
		why = routing.OutcomeNoAnswer
	case why == "":
		why = routing.OutcomeBusy
	}
	s.transferFailed(c, why, 0)
}
