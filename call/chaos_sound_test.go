package call

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"trunkline/internal/simphone"
)

const (
	listenEvery = 500 * time.Millisecond
	// deadAir is the longest that an answered customer may hear nothing, while
	// somebody or something should be heard.
	deadAir = 2 * time.Second
)

// listener is what has been heard in a customer's call.
type listener struct {
	last time.Time // of sound, or of something that excuses silence
	told bool
}

// listenAlong listens to every customer's call at a carrier until the function
// that it gives is called: none may be without sound for longer than deadAir.
func (b *bench) listenAlong(carrier *simphone.Phone) (stop func()) {
	stopped := make(chan struct{})
	var ends sync.WaitGroup
	heard := 0
	ends.Go(func() {
		all := map[*simphone.Call]*listener{}
		for {
			select {
			case <-stopped:
				return
			case <-time.After(listenEvery):
			}
			heard += b.listen(carrier, all)
		}
	})
	return func() {
		b.Helper()
		close(stopped)
		ends.Wait()
		if heard < 300 {
			b.Errorf("listened: got %d times to sound, want the test to hear something", heard)
		}
	}
}

// listen gives in how many calls something was heard.
func (b *bench) listen(carrier *simphone.Phone, all map[*simphone.Call]*listener) (heard int) {
	now := time.Now()
	dead := carrier.Dead()
	for _, c := range carrier.Calls() {
		l := all[c]
		if l == nil {
			l = &listener{last: now}
			all[c] = l
		}
		if l.told {
			continue
		}
		switch _, ended := c.End(); {
		case ended, c.State() != simphone.Answered, c.Inbound() && !c.Confirmed(), dead:
			l.last = now
			continue
		case !c.Last(listenEvery).Silent():
			heard++
			l.last = now
			continue
		}
		if b.silentBecause(c.ID()) != "" { // asked each time: what is excused until now may begin anew from now
			l.last = now
			continue
		}
		if now.Sub(l.last) <= deadAir {
			continue
		}
		l.told = true
		b.Errorf("a customer (%s, call %s) has heard nothing for %v: %s", c.ID(), b.nameOf(c.ID()), now.Sub(l.last), b.scene(c.ID()))
	}
	return heard
}

// lineOf is the line of a dialog; nil: none. On the loop alone.
func (s *Switchboard) lineOf(callID string) *line {
	for _, l := range s.lines {
		if l.leg != nil && l.leg.CallID() == callID {
			return l
		}
	}
	return nil
}

// silentBecause is what excuses that a party hears nothing; "": nothing does.
func (b *bench) silentBecause(callID string) (why string) {
	b.onLoop(func(s *Switchboard) {
		l := s.lineOf(callID)
		switch {
		case l == nil:
			why = "its BYE is on the way"
		case l.state != lineUp || l.call.ended:
			why = "it has been hung up"
		case l.holds():
			why = "it holds"
		case l == l.call.caller && !l.confirmed:
			why = "its ACK has not come: until then it is sent a second of sound"
		case l.call.far == nil || !l.call.answered:
		default:
			others := 0
			for _, other := range seated(l.call.talking()) {
				quiet := other.role == roleForward && s.now.Sub(other.session.Stats().LastPacket) > listenEvery // an outside number may say nothing
				if other != l && !other.muted && !quiet && !b.mute(other) {
					others++
				}
			}
			if b.movedJustNow(l.call.id, s.now) {
				why = "it has been moved: the phone's sound comes when our 200 has"
			}
			if others == 0 && len(seated(l.call.talking())) > 0 {
				why = "it is with who is muted"
			}
		}
	})
	return why
}

// movedJustNow says whether an agent has come to a call by another phone within
// the last second: a 200 that is lost on the way is sent again after half of it.
func (b *bench) movedJustNow(id ID, now time.Time) bool {
	return slices.ContainsFunc(b.facts(), func(f Fact) bool { return f.Kind == FactMoved && f.Call == id && now.Sub(f.At) < time.Second })
}

// mute says whether a line's phone is there and sends no sound: one of the
// silent callers. A phone that is dead is no excuse.
func (b *bench) mute(l *line) bool {
	for _, p := range b.phones {
		for _, c := range p.Calls() {
			if c.ID() == l.leg.CallID() {
				return !p.Dead() && c.Caller() == saysNothing
			}
		}
	}
	return false
}

func (b *bench) nameOf(callID string) (id ID) {
	b.onLoop(func(s *Switchboard) {
		if l := s.lineOf(callID); l != nil {
			id = l.call.id
		}
	})
	return id
}

// scene describes the call of a dialog.
func (b *bench) scene(callID string) (text string) {
	b.onLoop(func(s *Switchboard) {
		l := s.lineOf(callID)
		if l == nil {
			return
		}
		c := l.call
		text = fmt.Sprintf("answered %v queued %v play %d transfer %+v reclaim %+v forward %+v segments %+v\n", c.answered, c.queued, c.play, c.transfer, c.reclaim, c.forward, c.record.Segments)
		for _, one := range c.lines {
			text += fmt.Sprintf("  %s role %d state %d agent %s held %v holding %v muted %v missing %v far %v caller %v stats %+v\n",
				one.id, one.role, one.state, one.agent, one.held, one.holding, one.muted, one.missing, one == c.far, one == c.caller, one.session.Stats())
		}
	})
	return text
}
