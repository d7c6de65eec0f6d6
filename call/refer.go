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

// referred is a phone's transfer key (RFC 3515), in the dialog of its call.
func (s *Switchboard) referred(l *line, e sip.Referred) {
	if code := s.refers(l, e, &referral{leg: l.leg, id: e.ID, by: e.ReferredBy}); code != 0 {
		l.leg.AnswerRefer(e.ID, code)
	}
}

// refers is the same transfer as by order, with true NOTIFYs to told. It gives
// the code that refuses it, or 0.
func (s *Switchboard) refers(l *line, e sip.Referred, told *referral) int {
	c := l.call
	switch {
	case c.ended || l.role != roleAgent || l.state != lineUp:
		return 491
	case e.Unknown:
		return 481
	case e.Replaces != "":
		return s.attended(l, e, told)
	case c.far != l:
		return 491
	}
	err := s.transferBy(c, l, s.destination(e.To.User), false, told)
	if err != nil {
		s.log.Info("a phone's transfer is refused", "call", c.id, "agent", l.agent, "err", err)
	}
	return codeOf(err)
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
	case err == nil:
		return 0
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
