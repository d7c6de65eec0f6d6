package routing

import (
	"fmt"
	"slices"
	"time"
)

// world is a router, the model beside it, and what the phones and callers around them could do next.
type world struct {
	tester
	pick    func(n int) int
	now     time.Time
	cfg     Config // as it began
	runs    Config // as it is now
	router  *Router
	model   *model
	busy    bool // no restarts, hardly any reloads, sparse nonsense
	calls   int
	ringing []Ring // live and just ended
	held    []Held
}

func newWorld(t tester, pick func(int) int, agents, teams int) *world {
	w := &world{tester: t, pick: pick, now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)}
	for i := range agents {
		w.cfg.Agents = append(w.cfg.Agents, Agent{ID: AgentID(fmt.Sprintf("a%04d", i)), CallLimit: pick(3), Skills: []Skill{{"s0", pick(3)}, {"s1", pick(3)}}})
	}
	for i := range teams {
		team := Team{
			ID: TeamID(fmt.Sprintf("t%d", i)), NeedDesk: pick(4) == 0, WrapUp: time.Duration(pick(3)) * 10 * time.Second, AwayAfter: 3,
			CallLimit: pick(4) % 3,
		}
		for _, a := range w.cfg.Agents {
			if pick(teams) == 0 {
				team.Agents = append(team.Agents, a.ID)
			}
		}
		w.cfg.Teams = append(w.cfg.Teams, team)
	}
	w.runs = w.cfg
	w.router, w.model = New(w.cfg), newModel(t, w.cfg, w.now)
	for _, a := range w.cfg.Agents {
		w.feed(PhonesChanged{Agent: a.ID, Phones: []PhoneID{"p1", "p2"}[:pick(3)]})
	}
	return w
}

// step lets some time pass and something happen.
func (w *world) step() (Event, []Command) {
	w.Helper()
	switch next := w.router.Deadline(); {
	case w.busy: // hundreds of events a second
		w.now = w.now.Add(time.Duration(w.pick(8000)) * time.Microsecond)
	case w.pick(4) == 0:
		w.now = w.now.Add(time.Duration(w.pick(8000)) * time.Millisecond)
	case w.pick(3) == 0 && next.After(w.now): // to the very moment
		w.now = next
	}
	ev := w.event()
	return ev, w.feed(ev)
}

func (w *world) feed(ev Event) []Command {
	w.Helper()
	cmds := w.router.Step(w.now, ev)
	w.follow(ev, cmds)
	for _, c := range cmds {
		switch c := c.(type) {
		case Ring:
			w.ringing = append(w.ringing, c)
		case Connect:
			w.held = append(w.held, Held{Work: c.Work, Agent: c.Agent})
		}
	}
	if extra := len(w.ringing) - 2*len(w.cfg.Agents) - 10; extra > 0 {
		w.ringing = w.ringing[extra:]
	}
	return cmds
}

// follow has the model take the event where the router took it: after the deadlines that were due.
func (w *world) follow(ev Event, cmds []Command) {
	w.Helper()
	if _, ok := ev.(Restarted); ok {
		w.model.take(w.now, ev)
		w.model.check(cmds)
		return
	}
	due := 0
	for due < len(cmds) && w.isDue(cmds[:due+1]) {
		due++
	}
	w.model.now = w.now
	w.model.check(cmds[:due])
	w.model.take(w.now, ev)
	w.model.check(cmds[due:])
}

// isDue says whether the last of the commands comes from a deadline: an offer that ran out and what belongs to it. Where an
// event says the same it says nothing to the model, so it does not matter which it was.
func (w *world) isDue(cmds []Command) bool {
	ranOut := func(o Outcome) bool {
		return o == OutcomeNoAnswer || o == OutcomeUnreachable || o == OutcomeBusy || o == OutcomeMisconfigured
	}
	switch c := cmds[len(cmds)-1].(type) {
	case Cancel:
		return ranOut(c.Why)
	case OfferEnded:
		return ranOut(c.Outcome)
	case StatusChanged:
		return true
	case Expired:
		if slices.ContainsFunc(cmds[:len(cmds)-1], func(before Command) bool { return before == Command(c) }) {
			return false // queued again, and its time is over again
		}
		known := w.model.works[c.Work]
		return known != nil && (known.waits || known.rings != 0) && !known.Until.IsZero() && !known.Until.After(w.now)
	case Stranded:
		if len(cmds) < 2 {
			return false
		}
		ended, ok := cmds[len(cmds)-2].(OfferEnded)
		if !ok || ended.Work != c.Work {
			return false
		}
		known := w.model.works[c.Work]
		a := w.model.agents[known.Target]
		_, team := w.model.teams[known.Team]
		return known.Target == "" && !team || known.Target != "" && (a == nil || a.removed)
	}
	return false
}

// event picks what happens next.
func (w *world) event() Event {
	kind := w.pick(100)
	if w.busy && kind >= 88 { // a large house is reloaded and restarted seldom
		kind = w.pick(88)
	}
	switch {
	case kind < 18:
		return w.newCall()
	case kind < 62:
		return w.phoneEvent()
	case kind < 72:
		return w.release()
	case kind < 75:
		return Removed{w.someWork(), []Outcome{OutcomeAbandoned, OutcomeAbandoned, OutcomeWithdrawn, ""}[w.pick(4)]}
	case kind < 76:
		return Refused{w.someWork(), w.someAgent()}
	case kind < 78:
		switch w.pick(4) {
		case 0:
			return Prioritized{w.someWork(), w.pick(3)}
		case 1:
			return Asked{w.someWork()}
		case 2:
			return QueueSet{w.someTeam(), w.pick(2) == 0}
		}
		return Tick{}
	case kind < 88:
		return w.presence()
	case kind < 91:
		id, a := w.someWork(), w.someAgent()
		w.held = append(w.held, Held{Work: id, Agent: a})
		return Engaged{id, a, w.someTeam()}
	case kind < 94: // moved, targeted, returned, or by nonsense to a team that is not there
		ev := Queued{Work: w.someWork(), Team: w.someTeam(), Priority: w.pick(2), Since: w.now, Returned: w.pick(2) == 0}
		if w.pick(2) == 0 {
			ev.Target = w.someAgent()
		}
		w.callback(&ev)
		return ev
	case kind < 98:
		w.runs = w.otherConfig()
		return Configured{w.runs}
	}
	w.held = nil
	return Restarted{}
}

func (w *world) newCall() Event {
	w.calls++
	ev := Queued{Work: WorkID(fmt.Sprintf("w%05d", w.calls)), Team: w.cfg.Teams[w.pick(len(w.cfg.Teams))].ID, Since: w.now}
	ev.Asks = w.someAsks()
	if w.pick(4) == 0 {
		ev.Sticky, ev.StickyUntil = w.someAgent(), w.now.Add(time.Duration(w.pick(20))*time.Second)
		ev.ByHand = w.pick(4) == 0
	}
	switch w.pick(8) {
	case 0:
		ev.Priority = 1 + w.pick(2)
	case 1:
		ev.Returned = true
	case 2:
		ev.Target = w.someAgent()
	case 3:
		w.callback(&ev)
	}
	return ev
}

// callback makes a work one that is offered until a time only, and outlives restarts.
func (w *world) callback(ev *Queued) {
	if w.pick(3) > 0 {
		ev.Until = w.now.Add(time.Duration(w.pick(61)-1) * time.Second)
	}
	ev.Lasting = w.pick(2) == 0
}

// someAsks is nothing mostly, else skills that relax and teams that open.
func (w *world) someAsks() (a Asks) {
	seconds := func() time.Duration { return time.Duration(w.pick(15)) * time.Second }
	if w.pick(3) == 0 {
		a.Skills = []Skill{{"s0", w.pick(3)}, {[]string{"s1", "nobody's"}[w.pick(6)/5], w.pick(3)}}
		for after, i := seconds(), w.pick(3); i > 0; after, i = after+seconds(), i-1 {
			a.Relax = append(a.Relax, Relax{after, []Skill{{a.Skills[w.pick(2)].Name, w.pick(2)}}})
		}
	}
	if w.pick(3) == 0 {
		for after, i := seconds(), 1+w.pick(2); i > 0; after, i = after+seconds(), i-1 {
			a.Overflow = append(a.Overflow, Overflow{after, []TeamID{w.someTeam(), w.someTeam()}[:1+w.pick(2)]})
		}
	}
	return a
}

// phoneEvent is one phone of a live or just ended offer, mostly doing what phones do.
func (w *world) phoneEvent() Event {
	if len(w.ringing) == 0 {
		return Tick{}
	}
	c := w.ringing[len(w.ringing)-1-w.pick(len(w.ringing))]
	phone := c.Phones[w.pick(len(c.Phones))]
	switch kind := w.pick(10); {
	case kind < 4:
		return PhoneRang{c.Offer, phone}
	case kind < 7:
		return PhoneAnswered{c.Offer, phone}
	case kind < 9:
		return PhoneFailed{Offer: c.Offer, Phone: phone, Code: []int{603, 600, 486, 480, 488, 503, 0}[w.pick(7)]}
	}
	return Declined{c.Offer}
}

func (w *world) release() Event {
	if len(w.held) == 0 {
		return Tick{}
	}
	i := w.pick(len(w.held))
	h := w.held[i]
	w.held[i] = w.held[len(w.held)-1]
	w.held = w.held[:len(w.held)-1]
	return Released{h.Work, h.Agent, w.pick(2) == 0, w.someTeam()}
}

func (w *world) presence() Event {
	a := w.someAgent()
	switch w.pick(7) {
	case 6:
		return ShiftSet{Agent: a, Off: w.pick(3) == 0}
	case 0:
		return PhonesChanged{Agent: a, Phones: []PhoneID{"p1", "p2"}[:w.pick(3)], Fresh: w.pick(2) == 0}
	case 1:
		return DeskChanged{a, w.pick(2) == 0, w.pick(2) == 0}
	case 2:
		return ChannelSet{a, []Channel{ChannelAll, ChannelPhone, ChannelConversations}[w.pick(3)]}
	case 3:
		return StatusSet{Agent: a, Reason: "lunch"}
	}
	return StatusSet{Agent: a, Active: true}
}

// otherConfig drops or adds an agent or a team, or changes a limit.
func (w *world) otherConfig() Config {
	cfg := Config{}
	for _, a := range w.cfg.Agents {
		if w.pick(8) != 0 {
			a.CallLimit = w.pick(3)
			cfg.Agents = append(cfg.Agents, a)
		}
	}
	for _, t := range w.cfg.Teams {
		if w.pick(8) != 0 {
			cfg.Teams = append(cfg.Teams, t)
		}
	}
	return cfg
}

// someWork is a recent call, seldom one that never was.
func (w *world) someWork() WorkID {
	return WorkID(fmt.Sprintf("w%05d", max(0, w.calls+1-w.pick(12))))
}

func (w *world) someAgent() AgentID {
	if w.pick(30) == 0 {
		return "nobody"
	}
	return w.cfg.Agents[w.pick(len(w.cfg.Agents))].ID
}

func (w *world) someTeam() TeamID {
	if w.pick(10) == 0 {
		return "nowhere"
	}
	return w.cfg.Teams[w.pick(len(w.cfg.Teams))].ID
}
