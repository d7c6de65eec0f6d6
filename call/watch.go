package call

import (
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Watch is told of what comes and goes, by the loop; a nil function is not
// called. None of them may block.
type Watch struct {
	// Seated tells of a leg that a call has from now on.
	Seated func(Seat)
	// Left tells of the same leg when it has ended, with its last word on the sound.
	Left func(Seat, Heard)
	// Behind tells once a turn how long its oldest letter had waited.
	Behind func(time.Duration)
}

// Seat is one leg's place in a call.
type Seat struct {
	Call   ID
	Leg    sip.LegID
	CallID string // as SIP has it

	// Who is there: exactly one is set.
	Trunk sip.TrunkID
	Agent routing.AgentID

	// Heard tells how the sound fares, at any time, from any goroutine; nil:
	// there is none.
	Heard func() Heard
}

// Heard is what is known of a leg's sound.
type Heard struct {
	media.Stats
	media.Quality
}

// tell says that a line is there, once its leg is.
func (s *Switchboard) tell(l *line) {
	if s.hands.Watch.Seated != nil {
		s.hands.Watch.Seated(l.seatView())
	}
}

// tellLeft says that a line has gone.
func (s *Switchboard) tellLeft(l *line) {
	if s.hands.Watch.Left == nil || l.leg == nil {
		return
	}
	seat := l.seatView()
	var last Heard
	if seat.Heard != nil {
		last = seat.Heard()
	}
	s.hands.Watch.Left(seat, last)
}

func (l *line) seatView() Seat {
	id := l.call.id
	if w := l.call.watch; w != nil {
		id = w.of.id // whose ladder shows it
	}
	seat := Seat{Call: id, Leg: l.id, CallID: l.leg.CallID()}
	switch {
	case l.agent != "":
		seat.Agent = l.agent
	case l.outside != nil:
		seat.Trunk = l.trunk
	default:
		seat.Trunk = l.call.trunk
	}
	if session := l.session; session != nil {
		seat.Heard = func() Heard { return Heard{session.Stats(), session.Quality()} }
	}
	return seat
}
