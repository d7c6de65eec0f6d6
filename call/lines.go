package call

import (
	"net/netip"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// progressed is a 1xx of a line that we dialled. Product rule 1.2: 180 and
// 183 are ringing, 181 and 182 are not.
func (s *Switchboard) progressed(l *line, e sip.Progressed) {
	if l.state != lineDialled {
		return
	}
	switch l.role {
	case roleForward:
		s.forwardProgressed(l, e)
		return
	case roleThird:
		s.thirdProgressed(l, e)
		return
	}
	if e.Code != 180 && e.Code != 183 {
		return
	}
	l.rang, l.talks = true, e.Talks
	switch l.errand {
	case called:
		l.call.record.rang(s.now)
		l.call.out.told.tell(180, false)
		s.ringCaller(l.call, 180)
	case moves:
		l.told.tell(180, false)
	case offered:
		s.route(routing.PhoneRang{Offer: l.offer, Phone: l.phone})
	}
}

// lineAnswered is the first 2xx of a line that we dialled; the leg has
// acknowledged it. One that crossed our hang-up is ended by the leg itself.
func (s *Switchboard) lineAnswered(l *line, e sip.Answered) {
	if l.state != lineDialled {
		if l.role == roleAgent && l.errand == offered && !l.replaced {
			s.route(routing.PhoneAnswered{Offer: l.offer, Phone: l.phone}) // it crossed: Drop says what is made of it
		}
		return
	}
	if err := l.takeAnswer(e.SDP); err != nil {
		s.log.Warn("the answer's session description is refused", "call", l.call.id, "leg", l.id, "agent", l.agent, "err", err)
		s.dismiss(l, sip.Reason{Protocol: "SIP", Cause: 488, Text: "Not acceptable here"})
		s.failed(l, failure{code: 488, misfit: true})
		return
	}
	if l.outside != nil {
		l.charged = s.now
	}
	l.held = l.session.Held()
	s.secured(l)
	switch l.errand {
	case returns:
		s.reclaimed(l.call, l)
		return
	case called:
		s.calleeAnswered(l.call, l)
		return
	case clicking:
		s.clicked(l.call, l)
		return
	case moves:
		s.moved(l.call, l)
		return
	case attaches:
		s.attached(l.call, l)
		return
	case watches:
		s.watchAnswered(l.call, l)
		return
	}
	switch l.role {
	case roleForward:
		s.forwardAnswered(l)
		return
	case roleThird:
		s.transferRang(l.call)
		s.transferAnswered(l.call, l)
		return
	}
	s.route(routing.PhoneAnswered{Offer: l.offer, Phone: l.phone})
}

// early takes the description of a 18x; false: there is none to follow. Behind
// a proxy that forks, the sound is that of the phone that began last; one that
// repeats itself does not take it back.
func (l *line) early(e sip.Progressed) bool {
	if len(e.SDP) == 0 || e.Fork != l.fork && slices.Contains(l.forks, e.Fork) || l.session.SetAnswer(e.SDP) != nil {
		return false
	}
	if l.agreed = true; e.Fork != l.fork {
		l.fork = e.Fork
		l.forks = append(l.forks, e.Fork)
	}
	return true
}

// takeAnswer takes the session description of a 2xx; the leg has filled in
// that of a 18x of the same phone. A gateway whose 18x name no phone has given
// it before (RFC 3261 §13.2.1).
func (l *line) takeAnswer(sdp []byte) error {
	if len(sdp) == 0 && l.agreed && l.fork == "" {
		return nil
	}
	return l.session.SetAnswer(sdp)
}

// ringCaller tells a caller who is not answered yet of a 18x. With it goes our
// description where sound flows already, so that a 180 does not have the
// caller's side play its own ringing over it; and where the INVITE had no offer
// and wants ours in the first reliable 18x (RFC 3262 §5).
func (s *Switchboard) ringCaller(c *liveCall, code int) {
	var sdp []byte
	switch {
	case c.answered, c.caller.state == lineUp:
		return
	case c.caller.offerless && c.caller.reliable, !c.caller.offerless && c.early:
		sdp = c.answer
	}
	c.caller.leg.Progress(code, sdp)
}

// pracked is the caller's answer to our offer in a 18x.
func (s *Switchboard) pracked(l *line, e sip.Pracked) {
	if err := l.session.SetAnswer(e.SDP); err != nil {
		s.log.Warn("a PRACK's session description is refused", "call", l.call.id, "leg", l.id, "err", err)
		s.end(l.call, Ending{By: BySystem, Cause: CauseNoCodec, Code: 488}, sip.Reason{Protocol: "SIP", Cause: 488, Text: "Not acceptable here"})
		return
	}
	l.offerless = false
	l.held = l.session.Held()
	s.secured(l)
	s.arrange(l.call)
}

// failure is why a dialled line will not be answered: a final response, or 0
// for a transport's; misfit: it was answered with what we cannot use.
type failure struct {
	code   int
	misfit bool
	cause  sip.Reason // the peer's, if it gave one
}

// failed is a dialled line that will not be answered.
func (s *Switchboard) failed(l *line, f failure) {
	l.call.ringing = without(l.call.ringing, l)
	if l.outside != nil {
		s.outsideFailed(l, f)
		return
	}
	switch l.errand {
	case returns: // another phone may still bring the agent back
		return
	case called, clicking, watches:
		s.calleeFailed(l.call, f.code)
		return
	case moves:
		l.notMoved(f.code)
		return
	}
	s.route(routing.PhoneFailed{Offer: l.offer, Phone: l.phone, Code: f.code, Misfit: f.misfit})
}

// confirmed is the ACK of the caller's 200.
func (s *Switchboard) confirmed(l *line, e sip.Confirmed) {
	if l.offerless {
		if err := l.session.SetAnswer(e.SDP); err != nil {
			s.log.Warn("the ACK's session description is refused", "call", l.call.id, "leg", l.id, "err", err)
			s.end(l.call, Ending{By: BySystem, Cause: CauseNoCodec}, sip.Reason{Protocol: "SIP", Cause: 488, Text: "Not acceptable here"})
			return
		}
		l.held = l.session.Held()
		s.secured(l)
		s.arrange(l.call)
	}
	l.confirmed = true
	l.session.Confirm()
}

// lineEnded is a leg's last event.
func (s *Switchboard) lineEnded(l *line, e sip.Ended) {
	c, was := l.call, l.state
	l.state = lineLeaving
	s.forget(l)
	defer s.settled(c)
	defer l.told.tell(487, true) // unless it was told otherwise
	if was == lineLeaving || c.ended {
		return
	}
	switch {
	case l == c.caller:
		s.callerEnded(c, was, e)
	case was == lineDialled && e.By == sip.Failed && l.role == roleAgent:
		s.failed(l, failure{}) // nobody refused: the phone could not be reached, or vanished
	case was == lineDialled:
		s.failed(l, failure{code: e.Code, cause: passed(e.Cause, sip.Reason{})})
	default:
		s.leftUs(l, e.By, passed(e.Cause, sip.Reason{}))
	}
}

// leftUs is a line, not the caller's, that was up and is gone.
func (s *Switchboard) leftUs(l *line, by sip.Side, cause sip.Reason) {
	c := l.call
	why := passed(cause, reasonNormal)
	switch {
	case c.transfer != nil && l == c.transfer.third:
		s.thirdEnded(c)
	case c.transfer != nil && l == c.far:
		s.initiatorLeft(c, l)
	case l.role == roleForward && by == sip.Failed:
		s.end(c, Ending{By: ByForward, Cause: CauseLegLost}, reasonNormal)
	case l.role == roleForward && c.flow.State == routing.FlowForwarded:
		s.flowWith(c, cause, routing.FlowForwardEnded{})
	case l.role == roleForward: // a transfer brought it here
		s.end(c, Ending{By: ByForward, Cause: CauseHangup, Reason: cause.String()}, why)
	case c.record.Direction == Internal && by == sip.Failed:
		s.end(c, Ending{By: ByCallee, Cause: CauseLegLost}, reasonNormal)
	case c.record.Direction == Internal:
		s.end(c, Ending{By: ByCallee, Cause: CauseHangup, Reason: cause.String()}, why)
	case by == sip.Theirs && l == c.far && l.team != "" && s.now.Sub(c.referFailed) < phoneGivesUp:
		s.release(c, l)
		s.giveBack(c, l.team)
	case by == sip.Theirs:
		s.end(c, Ending{By: ByAgent, Cause: CauseHangup, Reason: cause.String()}, why)
	default:
		s.lost(l)
	}
}

// phoneGivesUp is how soon after a transfer's failure a BYE is the phone's own: baresip 1.0.0 hangs
// up by itself then. Its agent wanted the customer served: they go to the front of the queue.
const phoneGivesUp = 500 * time.Millisecond

// callerEnded closes the call with what became of the caller's leg.
func (s *Switchboard) callerEnded(c *liveCall, was lineState, e sip.Ended) {
	ending := Ending{By: ByCaller, Cause: CauseHangup}
	switch {
	case e.By == sip.Theirs && e.Code != 0: // 487; also when its CANCEL crossed our 200
		ending = Ending{By: ByCaller, Cause: CauseCancelled, Code: 487}
	case was == lineDialled:
		ending = Ending{By: ByTrunk, Cause: CauseLegLost, Code: e.Code}
	case e.By == sip.Failed && !c.caller.confirmed:
		ending = Ending{By: ByTrunk, Cause: CauseNoAck}
	case e.By == sip.Failed:
		ending = Ending{By: ByTrunk, Cause: CauseLegLost}
	}
	if c.caller.role == roleAgent { // an agent's own call that was not answered yet, or of a colleague
		ending.By = ByAgent
	}
	cause := passed(e.Cause, sip.Reason{})
	ending.Reason = cause.String()
	c.farewell = cause
	s.end(c, ending, passed(cause, reasonNormal))
}

// spoke says whether an agent of the call spoke with a customer, so that
// wrap-up is due (product rule 6.1).
func (c *liveCall) spoke() bool {
	return c.caller != nil && c.caller.confirmed && c.record.Direction != Internal && !c.consult()
}

// giveBack returns a caller whom nobody has to the front of the queue: the
// flow's last one, or, of a call that came to the agent otherwise, the team's.
// Who is taken from neither goes on as the flow says: the team's overflow.
// There is no queue for a colleague who called: whom they called has hung up.
func (s *Switchboard) giveBack(c *liveCall, team routing.TeamID) {
	if c.record.Direction == Internal {
		s.end(c, Ending{By: ByCallee, Cause: CauseHangup}, reasonNormal)
		return
	}
	if team == "" {
		s.end(c, Ending{By: ByAgent, Cause: CauseLegLost}, reasonNormal)
		return
	}
	s.endWatches(c, "returned", reasonNormal)
	s.callFact(c, Fact{Kind: FactReturned, Team: team})
	s.waitFor(c, team)
}

// waitFor puts a caller whom nobody has at the front of the flow's last queue,
// or, where a team's agent had them or they were called for it, where the flows
// have callers wait for that team.
func (s *Switchboard) waitFor(c *liveCall, team routing.TeamID) {
	if c.flow.State != routing.FlowWithAgent {
		c.prompts = s.setup.Prompts
		c.flow = routing.StartWith(team, s.setup.Flows, c.whoCalls())
	}
	s.flow(c, routing.FlowReturned{})
	s.rearm(c)
}

// release takes the agent's line out of the call; the caller hears music.
func (s *Switchboard) release(c *liveCall, l *line) {
	s.stopTape(c)
	c.far = nil
	if c.caller != nil {
		c.bridge.Part(c.caller.session)
		c.caller.session.Background(s.setup.Music)
	}
	s.leave(c, l)
	s.keepCompany(c)
}

// leave frees the agent of a line that is taken out of the call.
func (s *Switchboard) leave(c *liveCall, l *line) {
	c.onHold = false
	c.record.Released = s.now
	if l.session != nil {
		c.bridge.Part(l.session)
	}
	s.callFact(c, Fact{Kind: FactReleased, Agent: l.agent, Team: l.team, Leg: l.id})
	if l.role == roleAgent {
		if c.spoke() {
			s.spokeWith(c, l.agent)
		}
		s.route(routing.Released{Work: routing.WorkID(c.id), Agent: l.agent, Team: l.team, Spoke: c.spoke()})
	}
}

// dismiss hangs up a line that is not leaving yet.
func (s *Switchboard) dismiss(l *line, why sip.Reason) { s.refuseWith(l, 0, why) }

// refuseWith is dismiss with the final response of a line that was not answered.
func (s *Switchboard) refuseWith(l *line, code int, why sip.Reason) {
	if l.state != lineLeaving {
		l.state = lineLeaving
		l.leg.Hangup(code, why)
	}
}

// seat makes a line known by its leg and its session.
func (s *Switchboard) seat(l *line) {
	s.lines[l.id] = l
	l.call.lines = append(l.call.lines, l)
	if l.session != nil {
		s.sessions[media.SessionID(l.id)] = l
	}
}

// forget drops a line that has ended: its session's ports go into quarantine.
func (s *Switchboard) forget(l *line) {
	c := l.call
	delete(s.lines, l.id)
	delete(s.sessions, media.SessionID(l.id))
	if key := (offerPhone{l.offer, l.phone}); s.offered[key] == l {
		delete(s.offered, key)
	}
	c.lines = without(c.lines, l)
	if l != c.far {
		c.ringing = without(c.ringing, l)
	}
	if l.outside != nil {
		s.charge(l)
		s.trunkOf(l.trunk).calls--
	}
	s.tellLeft(l)
	if l.session != nil {
		if !c.ended {
			s.judge(l)
		}
		l.session.Close()
	}
}

// trusted is where an agent's RTP may come from besides its description's
// address: where its phone registered from.
func (s *Switchboard) trusted(agent routing.AgentID, id sip.ContactID) []netip.Prefix {
	for _, p := range s.phones[agent] {
		if p.ID == id {
			return host(p.Source.Addr())
		}
	}
	return nil
}
