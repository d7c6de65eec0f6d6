package call

import (
	"errors"

	"trunkline/routing"
	"trunkline/sip"
)

// referral is the phone that is told how a transfer fares.
type referral struct {
	leg Leg
	id  uint32
	by  string // its Referred-By
}

// referred is a phone's transfer key (RFC 3515): the same transfer as by
// order, with true NOTIFYs.
func (s *Switchboard) referred(l *line, e sip.Referred) {
	c := l.call
	refuse := func(code int) { l.leg.AnswerRefer(e.ID, code) }
	switch {
	case c.ended || l.role != roleAgent || l.state != lineUp:
		refuse(491)
		return
	case e.Unknown:
		refuse(481)
		return
	case e.Replaces != "":
		if code := s.attended(l, e); code != 0 {
			refuse(code)
		}
		return
	case c.far != l:
		refuse(491)
		return
	}
	err := s.transferBy(c, l, s.destination(e.To.User), false, &referral{leg: l.leg, id: e.ID, by: e.ReferredBy})
	if err != nil {
		s.log.Info("a phone's transfer is refused", "call", c.id, "agent", l.agent, "err", err)
		refuse(codeOf(err))
	}
}

// referredBy is who transfers, as the phone says it, else as we know it.
func (t *transfer) referredBy(domain string) string {
	if t.refer != nil && t.refer.by != "" && len(t.refer.by) <= 200 {
		return t.refer.by
	}
	return "<sip:" + string(t.by) + "@" + domain + ">"
}

// codeOf is what a phone is told of an order that is refused.
func codeOf(err error) int {
	switch {
	case errors.Is(err, ErrOffline):
		return 480
	case errors.Is(err, ErrNoTarget):
		return 404
	case errors.Is(err, ErrNotAllowed):
		return 403
	case errors.Is(err, ErrNotNow):
		return 491
	}
	return 500
}

// destination reads what was dialled: an agent by name or extension, a team,
// else a number.
func (s *Switchboard) destination(text string) Destination {
	if id, ok := s.setup.Extensions[text]; ok {
		return Destination{Agent: id}
	}
	if _, ok := s.agentView(routing.AgentID(text)); ok {
		return Destination{Agent: routing.AgentID(text)}
	}
	if _, ok := s.setup.Teams[routing.TeamID(text)]; ok {
		return Destination{Team: routing.TeamID(text)}
	}
	return Destination{Number: text}
}

// tell says how a phone's transfer fares.
func (r *referral) tell(code int, last bool) {
	if r != nil {
		r.leg.NotifyRefer(r.id, code, last)
	}
}

// fragOf is the status line for a transfer that failed.
func fragOf(why routing.Outcome, code int) int {
	if code != 0 {
		return code
	}
	switch why {
	case routing.OutcomeBusy:
		return 486
	case routing.OutcomeDeclined:
		return 603
	case routing.OutcomeNoAnswer, OutcomeHungUp:
		return 480
	case routing.OutcomeUnreachable:
		return 408
	case routing.OutcomeMisconfigured:
		return 488
	case OutcomeCancelled, routing.OutcomeAbandoned, routing.OutcomeWithdrawn:
		return 487
	}
	return 500
}
