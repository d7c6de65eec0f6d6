package call

import "trunkline/sip"

// legEvent takes what happened to a line.
func (s *Switchboard) legEvent(e sip.Event) {
	l := s.lines[sip.LegOf(e)]
	if l == nil {
		return // the call was closed by a fault; the leg ends by itself
	}
	s.handling = l.call
	switch e := e.(type) {
	case sip.Progressed:
		s.progressed(l, e)
	case sip.Answered:
		s.lineAnswered(l, e)
	case sip.Confirmed:
		s.confirmed(l, e)
	case sip.Reoffered:
		s.reoffered(l, e)
	case sip.Pracked:
		s.pracked(l, e)
	case sip.Refreshed:
		s.refreshed(l, e)
	case sip.Reconfirmed:
		s.reconfirmed(l, e)
	case sip.Referred:
		s.referred(l, e)
	case sip.Probed:
		s.probed(l, e)
	case sip.Transferring:
		s.carrierTells(l, e)
	case sip.Unmoved:
		s.unmoved(l)
	case sip.Info:
		s.info(l, e)
	case sip.Ended:
		s.lineEnded(l, e)
	}
	s.rearm(l.call)
}
