package call

import (
	"slices"

	"trunkline/media"
)

// holds says whether a line holds the others: it hears nothing and is not heard.
func (l *line) holds() bool { return l.held || l.holding }

// talking lists who is meant to hear whom now.
func (c *liveCall) talking() []*line {
	return append(c.parties(), c.barging()...)
}

// parties lists the same without supervisors who talk along.
func (c *liveCall) parties() []*line {
	t := c.transfer
	switch {
	case t == nil || t.swapped || !t.ask:
		return []*line{c.caller, c.far}
	case t.merged:
		return []*line{c.caller, c.far, t.third}
	case t.third != nil:
		return []*line{c.far, t.third}
	case t.outside != nil && t.outside.line != nil && t.outside.line.agreed:
		return []*line{c.far, t.outside.line} // early media
	}
	return []*line{c.far}
}

// absent says whether a line is with nobody: it holds, or its phone may be gone.
func (l *line) absent() bool { return l.holds() || l.missing }

// seated lists those of them who do hear each other: of two, both or none; of
// three, those who are not absent.
func seated(talking []*line) []*line {
	in := slices.DeleteFunc(slices.Clone(talking), (*line).absent)
	if len(in) < 2 {
		return nil
	}
	return in
}

// arrange makes the sound follow who holds whom and who is asked: those who
// are meant to hear each other do; who is held hears music, a holder nothing.
func (s *Switchboard) arrange(c *liveCall) {
	if c.watch != nil {
		if !c.ended {
			s.rewatch(c.watch.of)
		}
		return
	}
	if c.far == nil || !c.answered || c.ended {
		return
	}
	talking := c.talking()
	in := seated(talking)
	for _, l := range c.up() {
		if !slices.Contains(in, l) {
			c.bridge.Part(l.session)
			l.session.Background(s.alone(c, l))
		}
	}
	for _, l := range in {
		c.bridge.Join(l.session)
	}
	s.retape(c, in)
	s.heedKeys(c)
	s.observe(c, in)
	s.mood(c, in)
}

// up lists the lines of a call that a far side has.
func (c *liveCall) up() []*line {
	all := []*line{c.caller, c.far}
	if t := c.transfer; t != nil && t.third != nil {
		all = append(all, t.third)
	}
	return all
}

// alone is what a line hears that is not seated.
func (s *Switchboard) alone(c *liveCall, l *line) *media.Clip {
	switch t := c.transfer; {
	case l.absent():
		return nil
	case l == c.far && t != nil && t.ask && t.third == nil && !t.swapped:
		return media.Ringback(s.setup.Country) // whoever is asked rings
	}
	return s.setup.Music
}

// chime plays a short sound to all who hear each other; nil: nothing.
func (s *Switchboard) chime(c *liveCall, clip *media.Clip) {
	if clip == nil {
		return
	}
	for _, l := range seated(c.talking()) {
		c.plays++
		l.session.Play(clip, c.plays)
	}
}

// mood tells in record and facts what the customer is in now.
func (s *Switchboard) mood(c *liveCall, in []*line) {
	far, kind, held := c.far, SegmentTalk, false
	switch {
	case !slices.Contains(c.talking(), c.caller):
		kind = SegmentConsult
	case !slices.Contains(in, c.caller) && slices.ContainsFunc(c.talking(), (*line).holds):
		kind, held = SegmentHold, true
	case far.role == roleForward:
		kind = SegmentForward
	}
	c.record.enter(s.now, Segment{Kind: kind, Team: far.team, Agent: far.agent})
	if held != c.onHold {
		c.onHold = held
		fact := FactHeld
		if !held {
			fact = FactResumed
		}
		s.callFact(c, Fact{Kind: fact, Agent: far.agent, Team: far.team})
		s.keep(c)
	}
}
