package call

import (
	"slices"
	"time"

	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// WatchMode says who hears whoever watches a call.
type WatchMode string

// The modes. In all of them whoever watches hears what the agent's call is.
const (
	WatchListen  WatchMode = "listen"  // nobody
	WatchWhisper WatchMode = "whisper" // the agent alone; it is on no recording
	WatchBarge   WatchMode = "barge"   // all of them; it is recorded
)

// Watching is what the configuration says of supervisors who watch calls.
type Watching struct {
	Supervisors map[routing.AgentID]bool // may do so by their phones
	Tone        *media.Clip              // that the agent hears when it begins; nil: none
	Show        bool                     // the agent's Help Desk says it

	Keys WatchKeys
}

// WatchKeys are pressed while a call is watched; an empty one is off.
type WatchKeys struct{ Listen, Whisper, Barge string }

// modes are the modes, each with what stands for it.
func modes(listen, whisper, barge string) map[WatchMode]string {
	return map[WatchMode]string{WatchListen: listen, WatchWhisper: whisper, WatchBarge: barge}
}

// Watched is a stretch on a call card in which somebody watched the call. To is
// zero while it lasts. Agents are not told of it.
type Watched struct {
	By    routing.AgentID `json:"by"`            // at whose phone
	Who   string          `json:"who,omitempty"` // ordered it
	Agent routing.AgentID `json:"agent"`         // who was watched
	Mode  WatchMode       `json:"mode"`
	From  time.Time       `json:"from"`
	To    time.Time       `json:"to,omitzero"`
}

// watchedNow gives the stretches that last.
func (r *Record) watchedNow() []Watched {
	return slices.DeleteFunc(slices.Clone(r.Watched), func(w Watched) bool { return !w.To.IsZero() })
}

// watching is true of the call that a watcher's own leg is: nothing is kept of
// it but what the card and the facts of the watched call say.
type watching struct {
	of    *liveCall       // the watched call; the watcher follows it over holds and transfers
	agent routing.AgentID // who is watched: who takes the call over is, from then on
	mode  WatchMode
	who   string // ordered it
	up    bool   // the phone has answered
}

// watcher is the watch of an agent's phone on any call, or nil.
func (s *Switchboard) watcher(by routing.AgentID) *liveCall {
	for _, w := range s.calls {
		if w.watch != nil && !w.ended && w.out.agent == by {
			return w
		}
	}
	return nil
}

// beginWatch is the watcher at the phone.
func (s *Switchboard) beginWatch(w *liveCall) {
	t := w.watch
	c := t.of
	t.up = true
	s.log.Info("a call is watched", "call", c.id, "agent", t.agent, "reason", string(t.mode)+" by "+t.who)
	s.callFact(c, Fact{Kind: FactWatchBegan, Agent: t.agent, By: w.out.agent, State: string(t.mode), Reason: "by " + t.who})
	s.watchRow(w)
	s.rewatch(c)
	if l := c.seatOf(t.agent); l != nil && s.setup.Watching.Tone != nil {
		l.session.Play(s.setup.Watching.Tone, 0)
	}
}

// watchRow begins a stretch on the watched call's card, and ends the one before.
func (s *Switchboard) watchRow(w *liveCall) {
	t := w.watch
	s.endWatchRow(w)
	t.of.record.Watched = append(t.of.record.Watched, Watched{By: w.out.agent, Who: t.who, Agent: t.agent, Mode: t.mode, From: s.now})
	s.keep(t.of)
}

func (s *Switchboard) endWatchRow(w *liveCall) {
	rows := w.watch.of.record.Watched
	for i := range rows {
		if rows[i].By == w.out.agent && rows[i].To.IsZero() {
			rows[i].To = s.now
		}
	}
}

// setMode changes who hears a watcher.
func (s *Switchboard) setMode(w *liveCall, mode WatchMode, who string) {
	t := w.watch
	if t.mode == mode {
		return
	}
	t.mode, t.who = mode, who
	if !t.up {
		return
	}
	s.log.Info("a call is watched otherwise", "call", t.of.id, "agent", t.agent, "reason", string(mode)+" by "+who)
	s.callFact(t.of, Fact{Kind: FactWatchMode, Agent: t.agent, By: w.out.agent, State: string(mode), Reason: "by " + who})
	s.watchRow(w)
	s.rewatch(t.of)
}

// rewatch makes the sound follow who watches a call.
func (s *Switchboard) rewatch(c *liveCall) {
	if c.far != nil {
		s.arrange(c)
		return
	}
	s.keepCompany(c)
}

// barging lists the lines of those who talk along.
func (c *liveCall) barging() []*line {
	var all []*line
	for _, w := range c.watchers {
		if w.watch.up && w.watch.mode == WatchBarge {
			all = append(all, w.caller)
		}
	}
	return all
}

// watching lists the lines of all who watch.
func (c *liveCall) watching() []*line {
	var all []*line
	for _, w := range c.watchers {
		if w.watch.up {
			all = append(all, w.caller)
		}
	}
	return all
}

// observe seats those who watch a call, beside the others or, who barges, among
// them. An agent who talks with nobody is heard all the same, and whispered to:
// the customer, who hears music, is not at the table.
func (s *Switchboard) observe(c *liveCall, in []*line) {
	for _, w := range c.watchers {
		t := w.watch
		if !t.up {
			continue
		}
		agent := c.seatOf(t.agent)
		if agent == nil {
			agent = c.seatOf("")
		}
		if agent == nil {
			continue
		}
		if agent.agent != t.agent { // the call is another's now
			t.agent = agent.agent
			s.callFact(c, Fact{Kind: FactWatchMode, Agent: t.agent, By: w.out.agent, State: string(t.mode), Reason: "by " + t.who})
			s.watchRow(w)
		}
		if len(in) == 0 {
			in = []*line{agent}
			c.bridge.Join(agent.session)
		}
		s.seatWatcher(c, w, agent, in)
	}
}

// seatWatcher gives one of them the place that the mode asks for.
func (s *Switchboard) seatWatcher(c *liveCall, w *liveCall, agent *line, in []*line) {
	l, keys := w.caller, s.setup.Watching.Keys
	l.session.Background(nil)
	switch {
	case w.watch.mode != WatchBarge && slices.Contains(in, agent):
		var ear *media.Session
		if w.watch.mode == WatchWhisper {
			ear = agent.session
		}
		c.bridge.Observe(l.session, ear)
	case w.watch.mode != WatchBarge: // its agent holds others who talk meanwhile
		c.bridge.Observe(l.session, nil)
	case !slices.Contains(in, l):
		c.bridge.Part(l.session)
	}
	if w.watch.mode == WatchBarge {
		l.session.Codes(slices.DeleteFunc([]string{keys.Listen, keys.Whisper, keys.Barge}, func(k string) bool { return k == "" }), nil)
		return
	}
	l.session.Codes(nil, nil)
}

// keepCompany is observe for a call whose agent is not there: who barges stays
// with the customer, the others hear music.
func (s *Switchboard) keepCompany(c *liveCall) {
	if len(c.watchers) == 0 || c.ended || c.caller == nil || c.caller.session == nil {
		return
	}
	with := seated(append([]*line{c.caller}, c.barging()...))
	for _, l := range append([]*line{c.caller}, c.watching()...) {
		if slices.Contains(with, l) {
			c.bridge.Join(l.session)
			continue
		}
		c.bridge.Part(l.session)
		l.session.Background(s.setup.Music)
	}
}

// endWatch ends one watch; why is for the facts.
func (s *Switchboard) endWatch(w *liveCall, why string, reason sip.Reason) {
	c := w.watch.of
	if w.ended {
		return
	}
	c.watchers = slices.DeleteFunc(c.watchers, func(one *liveCall) bool { return one == w })
	s.closeWatch(w, why, reason)
	if !c.ended {
		s.rewatch(c)
		if c.far == nil && c.caller != nil && c.caller.session != nil && len(c.watchers) == 0 {
			c.bridge.Part(c.caller.session)
		}
	}
}

// endWatches ends all watches of a call.
func (s *Switchboard) endWatches(c *liveCall, why string, reason sip.Reason) {
	all := c.watchers
	if c.watchers = nil; len(all) == 0 {
		return
	}
	was := s.handling
	for _, w := range all {
		s.closeWatch(w, why, reason)
	}
	s.handling = was
	if c.far == nil && c.caller != nil && c.caller.session != nil {
		c.bridge.Part(c.caller.session)
	}
}

// closeWatch hangs a watcher up, who is not among the watched call's any more.
func (s *Switchboard) closeWatch(w *liveCall, why string, reason sip.Reason) {
	if w.ended {
		return
	}
	t := w.watch
	c := t.of
	w.ended = true
	s.live--
	s.alarms.set(w, noTime)
	s.endWatchRow(w)
	s.log.Info("a call is watched no longer", "call", c.id, "agent", t.agent, "reason", why)
	s.callFact(c, Fact{Kind: FactWatchEnded, Agent: t.agent, By: w.out.agent, State: string(t.mode), Reason: why})
	s.keep(c)
	if l := w.caller; l != nil {
		l.untape()
		c.bridge.Part(l.session)
		s.dismiss(l, reason)
	}
	for _, l := range w.ringing {
		s.dismiss(l, reasonFor(routing.OutcomeAnsweredElsewhere)) // no missed call
	}
	w.ringing = nil
	s.route(routing.Released{Work: routing.WorkID(w.id), Agent: w.out.agent})
	s.settled(w)
}

// unwritten says that neither a card nor facts of its own are kept of a call.
func (c *liveCall) unwritten() bool { return c.tentative || c.watch != nil }
