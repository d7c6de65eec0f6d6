package call

import (
	"fmt"
	"slices"
	"strings"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// The verbs of supervisors on calls that are talked in.
const (
	WatchCall Verb = "watch"      // Order.By's phone rings and joins in Order.Mode; of who watches already the mode changes
	WatchAs   Verb = "watch_mode" // who watches it does so in Order.Mode from now on
	Unwatch   Verb = "unwatch"    // ends it; of all where Order.By is empty
)

// mostWatchers bounds those who watch one call.
const mostWatchers = 4

// watchOrder is an order about watching a call.
func (s *Switchboard) watchOrder(c *liveCall, o Order) error {
	if o.Verb == Unwatch {
		for _, w := range slices.Clone(c.watchers) {
			if o.By == "" || w.out.agent == o.By {
				s.endWatch(w, "ordered by "+o.Who, reasonNormal)
			}
		}
		return nil
	}
	if _, known := s.agentView(o.By); !known {
		return ErrNoAgent
	}
	w := s.watcher(o.By)
	switch here := w != nil && w.watch.of == c; {
	case watchTitles[o.Mode] == "":
		return fmt.Errorf("%w: the mode is listen, whisper or barge", ErrNotNow)
	case o.Verb == WatchAs && !here:
		return fmt.Errorf("%w: %s does not watch it", ErrNotNow, o.By)
	case o.Verb == WatchAs:
		o.To.Agent = ""
	}
	if w != nil && w.watch.of == c && (o.To.Agent == "" || o.To.Agent == w.watch.agent) {
		s.setMode(w, o.Mode, o.Who)
		return nil
	}
	l, err := s.watchable(c, o)
	if err != nil {
		return err
	}
	if w != nil && w.watch.up {
		s.watchAnother(w, c, l, o)
		return nil
	}
	if w != nil {
		s.endWatch(w, "another_call", reasonNormal)
	}
	if err := s.mayRing(o.By, false); err != nil {
		return err
	}
	w = s.newWatch(c, l, o)
	from := sip.NameAddr{Display: watchTitles[o.Mode] + ": " + s.agentName(l.agent), User: string(l.agent), Host: s.setup.Domain}
	if team := s.teamName(l.team); team != "" {
		from.Display += " · " + team
	}
	if !s.ringAll(w, o.By, s.phonesFor(o.By, ""), watches, from, autoAnswer) {
		s.endWatch(w, "no_ports", reasonNormal)
		return fmt.Errorf("%w: media.ports is exhausted", ErrNotNow)
	}
	w.giveUp = s.now.Add(s.transferRing())
	s.rearm(w)
	return nil
}

// watchTitles is what a watcher's phone shows while it rings.
var watchTitles = map[WatchMode]string{WatchListen: "Listen", WatchWhisper: "Whisper", WatchBarge: "Barge"}

// watchable gives the line of the agent who is to be watched, or says why
// nobody can be.
func (s *Switchboard) watchable(c *liveCall, o Order) (*line, error) {
	l := c.seatOf(o.To.Agent)
	in := func(l *line) bool { return l.agent == o.By && l.state != lineLeaving }
	switch {
	case s.draining:
		return nil, fmt.Errorf("%w: the switch is stopping", ErrNotNow)
	case l == nil && o.To.Agent != "":
		return nil, fmt.Errorf("%w: %s does not talk in it", ErrNotNow, o.To.Agent)
	case l == nil || !c.answered || c.far == nil:
		return nil, fmt.Errorf("%w: no agent has the call", ErrNotNow)
	case slices.ContainsFunc(c.lines, in):
		return nil, fmt.Errorf("%w: %s is in the call", ErrNotNow, o.By)
	case len(c.watchers) >= mostWatchers:
		return nil, fmt.Errorf("%w: %d watch the call already", ErrNotNow, mostWatchers)
	}
	return l, nil
}

// newWatch makes the call that the watcher's leg is.
func (s *Switchboard) newWatch(c *liveCall, l *line, o Order) *liveCall {
	w := s.newOwn(o.By, Destination{Agent: l.agent}, Dialled{})
	w.maximum = noTime // it lasts as long as what it watches
	w.watch = &watching{of: c, agent: l.agent, mode: o.Mode, who: o.Who}
	c.watchers = append(c.watchers, w)
	s.counts.Watches++
	s.engage(w)
	s.callFact(c, Fact{Kind: FactWatchOrdered, Agent: l.agent, By: o.By, State: string(o.Mode), Reason: "by " + o.Who})
	return w
}

// watchAnother takes a watcher who is at the phone to another call.
func (s *Switchboard) watchAnother(w, c *liveCall, l *line, o Order) {
	t := w.watch
	old := t.of
	s.endWatchRow(w)
	s.callFact(old, Fact{Kind: FactWatchEnded, Agent: t.agent, By: w.out.agent, State: string(t.mode), Reason: "another_call"})
	s.keep(old)
	old.watchers = slices.DeleteFunc(old.watchers, func(one *liveCall) bool { return one == w })
	w.caller.untape()
	old.bridge.Part(w.caller.session)
	s.rewatch(old)
	t.of, t.agent, t.mode, t.who = c, l.agent, o.Mode, o.Who
	c.watchers = append(c.watchers, w)
	s.counts.Watches++
	s.callFact(c, Fact{Kind: FactWatchOrdered, Agent: l.agent, By: o.By, State: string(o.Mode), Reason: "by " + o.Who})
	s.beginWatch(w)
}

// watchAnswered is the first phone of a watcher that answered.
func (s *Switchboard) watchAnswered(w *liveCall, l *line) {
	s.hangUpOthers(w, l)
	w.ringing = without(w.ringing, l)
	w.giveUp = noTime
	w.caller, w.answered = l, true
	l.state, l.confirmed, l.errand = lineUp, true, offered
	l.session.Begin()
	s.beginWatch(w)
}

// watchCode says whether something dialled is a watcher's code with an
// extension behind it.
func (s *Switchboard) watchCode(text string) (WatchMode, string, bool) {
	k := s.setup.Codes
	for mode, code := range modes(k.Listen, k.Whisper, k.Barge) {
		if rest, is := strings.CutPrefix(text, code); is && code != "" && rest != "" {
			return mode, rest, true
		}
	}
	return "", "", false
}

// watchBy is a supervisor's phone that has dialled such a code.
func (s *Switchboard) watchBy(in sip.Invited, mode WatchMode, extension string) {
	by := routing.AgentID(in.Account)
	agent := s.destination(extension).Agent
	o := Order{Verb: WatchCall, By: by, To: Destination{Agent: agent}, Mode: mode, Who: string(by)}
	c := s.talkOf(agent)
	switch {
	case !s.setup.Watching.Supervisors[by]:
		in.Leg.Reject(403, "For Supervisors Alone")
		return
	case agent == "":
		in.Leg.Reject(404, "No Such Extension")
		return
	case c == nil, s.watcher(by) != nil:
		in.Leg.Reject(480, "Not In A Call")
		return
	}
	l, err := s.watchable(c, o)
	if err != nil {
		s.log.Info("a call cannot be watched", "call", c.id, "agent", agent, "err", err)
		in.Leg.Reject(480, "Not Possible Now")
		return
	}
	w := s.newWatch(c, l, o)
	s.handling = w
	mine, answer, err := s.seatPhone(w, in)
	if err != nil {
		s.log.Warn("a supervisor's phone cannot watch a call", "call", c.id, "agent", by, "err", err)
		in.Leg.Reject(488, "")
		s.endWatch(w, "no_ports", reasonNormal)
		return
	}
	mine.leg.Answer(answer)
	s.watchAnswered(w, mine)
	mine.confirmed = false // until its ACK
}

// talkOf is the call that an agent talks in now; of several the one that is not
// on hold.
func (s *Switchboard) talkOf(agent routing.AgentID) *liveCall {
	var found *liveCall
	for _, c := range s.inOrder() {
		if agent == "" || c.ended || c.watch != nil || c.far == nil || c.seatOf(agent) == nil {
			continue
		}
		if found == nil || found.onHold {
			found = c
		}
	}
	return found
}

// watchKey is a key that a watcher pressed.
func (s *Switchboard) watchKey(w *liveCall, digit rune) {
	k := s.setup.Watching.Keys
	for mode, key := range modes(k.Listen, k.Whisper, k.Barge) {
		if key == string(digit) && w.watch.up {
			s.setMode(w, mode, string(w.out.agent))
			w.caller.session.Play(media.Beep(), 0)
		}
	}
}
