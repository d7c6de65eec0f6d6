package call

import (
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// flow steps a call's flow. Events that a command brings about at once (a
// prompt that is not there, a trunk that cannot be dialled) wait until the
// commands before them are obeyed.
func (s *Switchboard) flow(c *liveCall, ev routing.FlowEvent) {
	c.flowEvents = append(c.flowEvents, ev)
	if c.flowing {
		return
	}
	c.flowing = true
	defer func() { c.flowing = false }()
	for len(c.flowEvents) > 0 && !c.ended {
		next := c.flowEvents[0]
		c.flowEvents = c.flowEvents[1:]
		for _, cmd := range c.flow.Step(s.now, next) {
			if c.ended {
				return
			}
			s.follow(c, cmd)
		}
	}
	c.flowEvents = nil
	if !c.ended {
		s.hush(c)
	}
}

// flowWith is flow for an event that a peer gave a Reason for: if the call ends
// of it, the other side is told.
func (s *Switchboard) flowWith(c *liveCall, cause sip.Reason, ev routing.FlowEvent) {
	c.farewell = cause
	defer func() { c.farewell = sip.Reason{} }()
	s.flow(c, ev)
}

// follow obeys one command of a flow.
func (s *Switchboard) follow(c *liveCall, cmd routing.FlowCommand) {
	switch cmd := cmd.(type) {
	case routing.FlowAnswer:
		s.answer(c)
	case routing.FlowRing:
		s.ringCaller(c, 180)
	case routing.FlowPlay:
		s.play(c, cmd)
	case routing.FlowStopPlay:
		s.stopPlay(c)
	case routing.FlowChose:
		s.chose(c, cmd)
	case routing.FlowSet:
		c.record.Attributes = c.flow.Attributes
		s.keep(c)
	case routing.FlowEntered:
		s.callFact(c, Fact{Kind: FactEntered, Flow: cmd.Flow})
	case routing.FlowLook:
		s.look(c, cmd)
	case routing.FlowAskPlace:
		s.route(routing.Asked{Work: routing.WorkID(c.id)})
	case routing.FlowOfferCallback:
		s.offerCallback(c, cmd.Step)
	case routing.FlowRecord:
		s.takeMessage(c, cmd.Step)
	case routing.FlowOpenMailbox:
		s.hearMessages(c, cmd.Step)
	case routing.FlowQueue:
		s.queue(c, cmd)
	case routing.FlowUnqueue:
		s.tally(c, fateLeft)
		s.unqueue(c, routing.OutcomeWithdrawn)
	case routing.FlowForward:
		s.beginForward(c, cmd)
	case routing.FlowEnd:
		why := reasonNormal
		if !c.answered {
			why = sip.Reason{} // the final response says it
		}
		s.end(c, flowEnding(c, cmd), passed(c.farewell, why))
	}
}

func flowEnding(c *liveCall, cmd routing.FlowEnd) Ending {
	e := Ending{By: ByFlow, Cause: CauseFlowEnd}
	switch cmd.Cause {
	case routing.FlowCauseForward:
		e.Cause = CauseForwardFailed
	case routing.FlowCauseLoop:
		e.Cause = CauseFlowLoop
	case routing.FlowCauseFarEnd:
		e = Ending{By: ByForward, Cause: CauseHangup}
	}
	e.Reason = c.farewell.String()
	if !c.answered {
		e.Code = cmd.Code
	}
	return e
}

// answer answers the carrier's call. At most one second of sound leaves
// before the ACK.
func (s *Switchboard) answer(c *liveCall) {
	if c.answered {
		return
	}
	c.answered = true
	c.record.Answered = s.now
	if c.caller.state != lineUp { // who asked for a call is at the phone already
		c.caller.state = lineUp
		c.caller.session.LimitUntilConfirmed()
		c.caller.session.Begin()
		c.caller.leg.Answer(c.answer)
	}
	if s.setup.MaxDuration > 0 {
		c.maximum = s.now.Add(s.setup.MaxDuration)
		s.rearm(c)
	}
	s.callFact(c, Fact{Kind: FactAnswered})
}

// play starts what a flow plays.
func (s *Switchboard) play(c *liveCall, cmd routing.FlowPlay) {
	clips, missing := s.clips(c, cmd.Sounds, cmd.Language)
	if missing {
		// The prompts were read with the flow; a value may come from outside.
		s.log.Warn("a part of what a flow plays is not there, passed over", "call", c.id, "flow", c.flow.Flow)
	}
	if len(clips) == 0 {
		s.flow(c, routing.FlowPlayed{})
		return
	}
	c.record.enter(s.now, Segment{Kind: SegmentFlow}) // after a queue that nobody answered: no longer waiting
	s.keep(c)
	c.plays++
	c.play = c.plays
	c.quietAt = time.Time{}
	if !c.queued {
		c.caller.session.Background(nil) // else a moment of music would be heard between two prompts
	}
	c.caller.session.Play(media.Join(clips...), c.play)
}

// mostQuiet is how long a caller hears nothing while a choice is awaited.
const mostQuiet = 1200 * time.Millisecond

// hush sees to it that a caller of whom a choice is awaited does not think the
// line is dead.
func (s *Switchboard) hush(c *liveCall) {
	switch {
	case c.flow.State != routing.FlowChoosing || c.play != 0:
		c.quietAt = time.Time{}
	case c.quietAt.IsZero() && !c.comforted:
		c.quietAt = s.now.Add(mostQuiet)
	}
	c.comforted = c.comforted && c.flow.State == routing.FlowChoosing && c.play == 0
}

// comfort lets a caller hear music after such a silence.
func (s *Switchboard) comfort(c *liveCall) {
	c.quietAt, c.comforted = time.Time{}, true
	c.caller.session.Background(s.setup.Music)
}

// chose keeps what the caller has chosen in a menu.
func (s *Switchboard) chose(c *liveCall, cmd routing.FlowChose) {
	if all := append(c.record.Choices, Chosen{At: s.now, Choice: cmd.Choice}); len(all) > routing.MostChosen {
		c.record.Choices = all[1:]
	} else {
		c.record.Choices = all
	}
	s.callFact(c, Fact{Kind: FactChose, Flow: cmd.Flow, Reason: cmd.Choice.Menu})
	s.keep(c)
}

// whoCalls is what a flow can ask of the caller.
func (c *liveCall) whoCalls() routing.FlowCaller {
	who := routing.FlowCaller{Number: string(c.customer()), Called: c.record.Dialled, Name: c.record.Name}
	if known := c.contact; known.ID != "" && !known.Anonymous {
		who.Contact, who.Tags, who.Attributes = string(known.Kind), known.Tags, known.Attributes.Map()
	}
	return who
}

func (s *Switchboard) stopPlay(c *liveCall) {
	if c.play != 0 {
		c.play = 0
		c.caller.session.StopPlay()
	}
}

// queue hands the call to the router. An answered caller hears music.
func (s *Switchboard) queue(c *liveCall, q routing.FlowQueue) {
	if c.queued {
		return
	}
	if c.answered {
		c.caller.session.Background(s.musicOf(c, q.Music))
	}
	c.queued = true
	if c.entered, c.countedBy = q.Entered, q.Team; c.entered.IsZero() || q.Returned {
		c.entered = noTime // counted before
	}
	c.record.enter(s.now, Segment{Kind: SegmentQueue, Team: q.Team})
	s.callFact(c, Fact{Kind: FactQueued, Team: q.Team})
	s.keep(c)
	s.offerable(c, routing.Queued{
		Work: routing.WorkID(c.id), Team: q.Team, Target: q.Agent, Priority: q.Priority, Since: c.came, Returned: q.Returned,
		Entered: q.Entered, Asks: q.Asks, Sticky: q.Sticky, StickyUntil: q.StickyUntil,
	})
}

// unqueue takes the call from the router, with all its offers.
func (s *Switchboard) unqueue(c *liveCall, why routing.Outcome) {
	if !c.queued {
		return
	}
	c.queued, c.untold = false, false
	s.route(routing.Removed{Work: routing.WorkID(c.id), Why: why})
}

// fromMedia takes what the sound engine saw.
func (s *Switchboard) fromMedia(e media.Event) {
	switch e := e.(type) {
	case media.Played:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended && l == l.call.caller && e.Play == l.call.play && e.Play != 0 {
			s.handling = l.call
			l.call.play = 0
			if l.call.service {
				s.end(l.call, Ending{By: BySystem, Cause: CauseServed}, reasonNormal)
				return
			}
			if l.call.aside != nil {
				s.asidePlayed(l.call)
				return
			}
			s.flow(l.call, routing.FlowPlayed{})
			s.rearm(l.call)
		}
	case media.Digit:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.pressed(l, e.Digit)
			s.rearm(l.call)
		}
	case media.DigitEnded:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.digitEnded(l, e)
		}
	case media.OneWay:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.unheard(l, e)
			if silent := e.Cause == media.CauseStopped || e.Cause == media.CauseNoPackets || e.Cause == media.CauseRefused; silent && l.role == roleAgent && l.state == lineUp {
				l.leg.Probe() // it may be lost: product §5
			}
		}
	case media.Stopped:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended && l.role == roleAgent && l.state == lineUp {
			s.handling = l.call
			s.doubt(l)
			s.rearm(l.call)
		}
	case media.Connected:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.browserConnected(l)
		}
	case media.Disconnected:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.log.Info("a browser's connection is over", "call", l.call.id, "leg", l.id, "agent", l.agent, "err", e.Err)
			s.unconnected(l)
		}
	case media.Resumed:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.trust(l)
			s.rearm(l.call)
		}
	case media.HeardAgain:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended {
			s.handling = l.call
			s.heardAgain(l, e)
		}
	case media.TimedOut:
		if l := s.sessions[e.Session]; l != nil && !l.call.ended && l.state == lineUp {
			s.handling = l.call
			s.silent(l, e)
			s.rearm(l.call)
		}
	}
}

// silent is a live line whose RTP stopped: the caller's ends the call, an
// agent's counts as lost (product rule 9).
func (s *Switchboard) silent(l *line, e media.TimedOut) {
	if l.call.watch != nil { // who only listens may send nothing
		l.leg.Probe()
		return
	}
	s.log.Warn("no sound from a live leg", "call", l.call.id, "leg", l.id, "agent", l.agent, "count", int(e.For.Seconds()))
	if l != l.call.caller && (l.role == roleAgent || l.call.transfer != nil) {
		s.dismiss(l, reasonNoSound)
		s.leftUs(l, sip.Failed, sip.Reason{})
		return
	}
	s.end(l.call, Ending{By: BySystem, Cause: CauseNoSound}, reasonNoSound)
}
