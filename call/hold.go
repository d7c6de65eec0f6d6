package call

import (
	"errors"

	"trunkline/media"
	"trunkline/sip"
)

// reoffered answers a line's re-INVITE or UPDATE. It is never forwarded to
// the other line: each leg negotiates for itself.
func (s *Switchboard) reoffered(l *line, e sip.Reoffered) {
	if e.Offer == nil {
		// RFC 3261 §14.2: an offer of ours goes into the 200; it carries the
		// state as it is, so that it does not unhold.
		l.leg.AnswerReoffer(l.session.Offer())
		return
	}
	sdp, err := l.session.Answer(e.Offer)
	if err != nil {
		s.log.Warn("a re-INVITE's session description is refused", "call", l.call.id, "leg", l.id, "agent", l.agent, "err", err)
		code := 400
		if errors.Is(err, media.ErrNoCodec) {
			code = 488
		}
		l.leg.RejectReoffer(code)
		return
	}
	l.leg.AnswerReoffer(sdp)
	l.held = l.session.Held()
	s.hold(l.call)
}

// reconfirmed is the ACK of a re-INVITE: it carries the answer to our offer
// when theirs had none.
func (s *Switchboard) reconfirmed(l *line, e sip.Reconfirmed) {
	if e.SDP == nil {
		return
	}
	if err := l.session.SetAnswer(e.SDP); err != nil {
		s.log.Warn("an ACK's session description is refused", "call", l.call.id, "leg", l.id, "err", err)
		return // the session goes on as it was
	}
	l.held = l.session.Held()
	s.hold(l.call)
}

// hold makes the sound follow who holds whom: the one who is held hears
// music, the holder nothing; nobody holding, they hear each other.
func (s *Switchboard) hold(c *liveCall) {
	if c.far == nil || c.ended {
		return
	}
	near, far := c.caller, c.far
	held := near.held || far.held
	if held {
		c.bridge.Part(near.session)
		c.bridge.Part(far.session)
		near.session.Background(s.musicUnless(near.held))
		far.session.Background(s.musicUnless(far.held))
	}
	if held == c.onHold {
		return
	}
	c.onHold = held
	kind, fact := SegmentHold, FactHeld
	if !held {
		c.bridge.Join(near.session, far.session)
		kind, fact = SegmentTalk, FactResumed
		if far.role == roleForward {
			kind = SegmentForward
		}
	}
	c.record.enter(s.now, Segment{Kind: kind, Team: far.team, Agent: far.agent})
	s.callFact(c, Fact{Kind: fact, Agent: far.agent, Team: far.team})
	s.keep(c)
}

func (s *Switchboard) musicUnless(holder bool) *media.Clip {
	if holder {
		return nil
	}
	return s.setup.Music
}
