package call

import (
	"slices"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Sound is how one leg of a call sounded: at its end, on the call card; now,
// in the status.
type Sound struct {
	Leg   sip.LegID       `json:"leg"`
	Party Party           `json:"party"`
	Agent routing.AgentID `json:"agent,omitempty"`
	Trunk sip.TrunkID     `json:"trunk,omitempty"`

	media.Quality
	Unheard []Unheard `json:"unheard,omitempty"`
}

// Unheard is a time in which a leg that should have been heard was not.
type Unheard struct {
	From  time.Time   `json:"from"`
	To    time.Time   `json:"to,omitzero"` // zero: never again
	Cause media.Cause `json:"cause"`
}

// sound is the leg as it is named in a Sound.
func (l *line) sound() Sound {
	out := Sound{Leg: l.id, Agent: l.agent, Trunk: l.trunk, Party: ByForward}
	switch {
	case l.agent != "":
		out.Party = ByAgent
	case l == l.call.caller:
		out.Party, out.Trunk = ByCaller, l.call.trunk
	}
	return out
}

// sounded finds the leg's Sound on the card, or puts one there.
func (c *liveCall) sounded(l *line) *Sound {
	i := slices.IndexFunc(c.record.Sound, func(s Sound) bool { return s.Leg == l.id })
	if i < 0 {
		i = len(c.record.Sound)
		c.record.Sound = append(c.record.Sound, l.sound())
	}
	return &c.record.Sound[i]
}

// judge tells once, at its end, how a leg sounded; one that was never sent
// sound is passed over.
func (s *Switchboard) judge(l *line) {
	if l.session == nil || l.judged || l.session.Stats().Sent == 0 {
		return
	}
	l.judged = true
	c := l.call
	one := c.sounded(l)
	one.Quality = l.session.Quality()
	q := one.Quality
	s.callFact(c, Fact{Kind: FactQuality, Leg: l.id, Agent: l.agent, Team: l.team, Trunk: one.Trunk, Quality: &q})
}

// unheard is a leg that somebody listens to and that has not been heard for
// some seconds. Before the answer it need not say anything.
func (s *Switchboard) unheard(l *line, e media.OneWay) {
	c := l.call
	if !c.answered || l.state != lineUp || l.holds() || c.watch != nil { // who watches need not speak
		return
	}
	one := c.sounded(l)
	if n := len(one.Unheard); n > 0 && one.Unheard[n-1].To.IsZero() {
		one.Unheard[n-1].Cause = e.Cause // what came later says more
	} else {
		s.counts.Unheard++
		one.Unheard = append(one.Unheard, Unheard{From: s.now.Add(-e.For), Cause: e.Cause})
	}
	attrs := []any{"call", c.id, "leg", l.id, "agent", l.agent, "reason", string(e.Cause)}
	if e.From.IsValid() {
		attrs = append(attrs, "addr", e.From.String())
	}
	s.grumble("a leg is not heard", one.Trunk, 0, attrs...)
	s.callFact(c, Fact{Kind: FactOneWay, Leg: l.id, Agent: l.agent, Team: l.team, Trunk: one.Trunk, Reason: string(e.Cause)})
	s.keep(c)
}

// heardAgain ends that.
func (s *Switchboard) heardAgain(l *line, e media.HeardAgain) {
	c := l.call
	one := c.sounded(l)
	n := len(one.Unheard)
	if n == 0 || !one.Unheard[n-1].To.IsZero() {
		return
	}
	one.Unheard[n-1].To = one.Unheard[n-1].From.Add(e.For)
	s.callFact(c, Fact{Kind: FactHeardAgain, Leg: l.id, Agent: l.agent, Team: l.team, Trunk: one.Trunk, Reason: string(one.Unheard[n-1].Cause)})
	s.keep(c)
}

// sounds are the legs that are up, as they sound now.
func (c *liveCall) sounds() []Sound {
	var out []Sound
	for _, l := range c.lines {
		if l.state != lineUp || l.session == nil {
			continue
		}
		one := l.sound()
		if i := slices.IndexFunc(c.record.Sound, func(s Sound) bool { return s.Leg == l.id }); i >= 0 {
			one.Unheard = slices.Clone(c.record.Sound[i].Unheard)
		}
		one.Quality = l.session.Quality()
		out = append(out, one)
	}
	return out
}
