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
	s.secured(l)
	s.arrange(l.call)
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
	s.secured(l)
	s.arrange(l.call)
}

// refreshed is a refresh of ours to which the peer answered with another
// description than its last.
func (s *Switchboard) refreshed(l *line, e sip.Refreshed) {
	if err := l.session.Renewed(e.SDP); err != nil {
		s.log.Warn("a refresh's session description is refused", "call", l.call.id, "leg", l.id, "agent", l.agent, "err", err)
		return // the session goes on as it was
	}
	l.held = l.session.Held()
	s.secured(l)
	s.arrange(l.call)
}
