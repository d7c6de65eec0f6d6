package routing

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// tester is what *testing.T and *rapid.T have in common that is needed here.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// model is the rules of product.md once more, as naively as they can be said: no index, no timer, every question answered by
// looking at everybody. It follows the events and checks every command.
type model struct {
	tester
	now    time.Time
	agents map[AgentID]*modelAgent
	order  []AgentID
	teams  map[TeamID]Team
	first  []TeamID
	in     map[TeamID]map[AgentID]bool
	works  map[WorkID]*modelWork
	offers map[OfferID]*modelOffer
	thrift int // look at the whole queue for one offer in so many; 1: for each
	seen   int
}

type modelAgent struct {
	id        AgentID
	limit     int
	removed   bool
	active    bool
	wrapUp    time.Time
	channel   Channel
	phones    int
	desk      bool
	held      time.Time
	heldLen   time.Duration
	noAnswers int
	last      time.Time
	rings     int
	has       map[WorkID]bool
}

type modelWork struct {
	Queued
	waits     bool
	rings     OfferID
	refused   map[AgentID]time.Time
	wrapped   map[AgentID]bool
	holders   map[AgentID]bool
	forgotten bool
	idleSince time.Time
}

type modelOffer struct {
	work  WorkID
	agent AgentID
	rang  bool
	ended Outcome
}

func newModel(t tester, cfg Config, now time.Time) *model {
	m := &model{
		tester: t, now: now, thrift: 1, agents: map[AgentID]*modelAgent{}, works: map[WorkID]*modelWork{}, offers: map[OfferID]*modelOffer{},
	}
	m.configure(cfg)
	return m
}

func (m *model) configure(cfg Config) {
	for _, a := range m.agents {
		a.removed = true
	}
	for _, c := range cfg.Agents {
		a := m.agents[c.ID]
		if a == nil {
			a = &modelAgent{id: c.ID, active: true, channel: ChannelAll, has: map[WorkID]bool{}}
			m.agents[c.ID] = a
		}
		a.removed, a.limit = false, max(c.CallLimit, 1)
	}
	m.order = m.order[:0]
	for id, a := range m.agents {
		m.order = append(m.order, id)
		if a.removed {
			for _, w := range m.works {
				delete(w.refused, id)
			}
		}
	}
	slices.Sort(m.order)
	m.teams, m.first, m.in = map[TeamID]Team{}, nil, map[TeamID]map[AgentID]bool{}
	for _, t := range cfg.Teams {
		m.teams[t.ID] = t.withDefaults()
		m.first = append(m.first, t.ID)
		m.in[t.ID] = map[AgentID]bool{}
		for _, a := range t.Agents {
			m.in[t.ID][a] = true
		}
	}
}

func (a *modelAgent) away(now time.Time) bool { return !a.active || a.wrapUp.After(now) }

func (a *modelAgent) load() int { return a.rings + len(a.has) }

// present is product.md §1.4 and §1.8, for one team.
func (m *model) present(a *modelAgent, team TeamID) bool {
	return !a.removed && !a.away(m.now) && a.channel != ChannelConversations && a.load() < a.limit &&
		(a.phones > 0 || a.desk) && (a.desk || !m.teams[team].NeedDesk) && !a.held.After(m.now)
}

// eligible is §1.7 and §1.11 as well.
func (m *model) eligible(a *modelAgent, w *modelWork) bool {
	if w.Target != "" {
		if w.Target != a.id {
			return false
		}
	} else if !m.in[w.Team][a.id] {
		return false
	}
	return m.present(a, w.Team) && !w.refused[a.id].After(m.now) && !w.holders[a.id] && (w.Until.IsZero() || w.Until.After(m.now))
}

// better is §1.5.
func better(a, b *modelAgent) bool {
	return cmp.Or(cmp.Compare(a.load(), b.load()), a.last.Compare(b.last), cmp.Compare(a.id, b.id)) < 0
}

// sooner is the order of service.
func sooner(v, w *modelWork) bool {
	front := func(x *modelWork) int {
		if x.Returned {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(w.Priority, v.Priority), cmp.Compare(front(v), front(w)),
		v.Since.Compare(w.Since), cmp.Compare(v.Work, w.Work)) < 0
}

func (m *model) know(id WorkID) *modelWork {
	w := m.works[id]
	if w != nil && !w.waits && w.rings == 0 && len(w.holders) == 0 &&
		!w.idleSince.Add(workMemory+time.Second-1).Truncate(time.Second).After(m.now) {
		w = nil // faded
	}
	if w == nil {
		w = &modelWork{Queued: Queued{Work: id}, refused: map[AgentID]time.Time{}, wrapped: map[AgentID]bool{}, holders: map[AgentID]bool{}}
		m.works[id] = w
	}
	return w
}

// take follows what an event itself says.
func (m *model) take(now time.Time, ev Event) {
	m.now = now
	switch ev := ev.(type) {
	case Configured:
		m.configure(ev.Config)
	case PhonesChanged:
		if a := m.agents[ev.Agent]; a != nil {
			if a.phones = len(ev.Phones); ev.Fresh {
				a.held, a.heldLen = time.Time{}, 0
			}
		}
	case DeskChanged:
		if a := m.agents[ev.Agent]; a != nil {
			a.desk = ev.Open
		}
	case StatusSet:
		if a := m.agents[ev.Agent]; a != nil {
			a.active, a.wrapUp = ev.Active, time.Time{}
			if ev.Active {
				a.noAnswers = 0
			}
		}
	case ChannelSet:
		if a := m.agents[ev.Agent]; a != nil {
			a.channel = ev.Channel
		}
	case Queued:
		w := m.know(ev.Work)
		w.Queued, w.waits, w.forgotten = ev, true, false
	case Removed:
		if w := m.works[ev.Work]; w != nil {
			w.waits, w.idleSince, w.forgotten = false, now, ev.Why == OutcomeAbandoned
			m.forget(w)
		}
	case Engaged:
		if a := m.agents[ev.Agent]; a != nil && !a.removed {
			a.has[ev.Work] = true
			m.know(ev.Work).holders[ev.Agent] = true
		}
	case Released:
		m.release(ev)
	case Restarted:
		for id, w := range m.works {
			if w.waits, w.rings, w.idleSince = false, 0, now; w.Lasting {
				clear(w.wrapped)
				clear(w.holders)
			} else {
				delete(m.works, id)
			}
		}
		clear(m.offers)
		for id, a := range m.agents {
			a.rings, a.has, a.phones, a.desk = 0, map[WorkID]bool{}, 0, false
			if a.removed {
				delete(m.agents, id)
			}
		}
	}
}

func (m *model) forget(w *modelWork) {
	if w.forgotten && len(w.holders) == 0 && w.rings == 0 {
		delete(m.works, w.Work)
	}
}

func (m *model) release(ev Released) {
	a, w := m.agents[ev.Agent], m.works[ev.Work]
	if a == nil || w == nil || !a.has[ev.Work] {
		return
	}
	delete(a.has, ev.Work)
	delete(w.holders, ev.Agent)
	w.idleSince = m.now
	team, ok := m.teams[ev.Team]
	for _, id := range m.first {
		if !ok && m.in[id][a.id] {
			team, ok = m.teams[id], true
		}
	}
	if ev.Spoke && team.WrapUp > 0 && !w.wrapped[a.id] && !a.removed {
		w.wrapped[a.id] = true
		if until := m.now.Add(team.WrapUp); until.After(a.wrapUp) {
			a.wrapUp = until
		}
	}
	m.forget(w)
}

// check follows the commands of one step, each against the rules.
func (m *model) check(cmds []Command) {
	m.Helper()
	for _, c := range cmds {
		switch c := c.(type) {
		case Ring:
			m.ring(c)
		case OfferRang:
			m.offers[c.Offer].rang = true
			m.agents[c.Agent].last = m.now
		case Connect:
			o := m.offers[c.Offer]
			if o == nil || o.ended != "" {
				m.Fatalf("%#v: the offer has ended or never was", c)
			}
			m.agents[c.Agent].has[c.Work] = true
			m.works[c.Work].holders[c.Agent] = true
		case OfferEnded:
			m.ended(c)
		case Drop:
			if o := m.offers[c.Offer]; c.Why == OutcomeTooLate && m.agents[o.agent] != nil {
				m.agents[o.agent].noAnswers = 0
			}
		case Stranded:
			w := m.works[c.Work]
			if _, ok := m.teams[c.Team]; ok && c.Target == "" || !w.waits {
				m.Fatalf("%#v: it has a team or does not wait", c)
			}
			w.waits, w.idleSince = false, m.now
		case Expired:
			w := m.works[c.Work]
			if !w.waits || w.rings != 0 || w.Until.IsZero() || w.Until.After(m.now) {
				m.Fatalf("%#v: it does not wait, or its time is not over: %+v", c, w)
			}
			w.waits, w.idleSince = false, m.now
		}
	}
	for _, id := range m.order {
		if a := m.agents[id]; a != nil && a.removed && a.load() == 0 {
			delete(m.agents, id)
		}
	}
}

// ring checks that the right work rings at the right agent.
func (m *model) ring(c Ring) {
	m.Helper()
	w, a := m.works[c.Work], m.agents[c.Agent]
	if w == nil || a == nil || !w.waits || w.rings != 0 {
		m.Fatalf("%#v: the work does not wait, or rings already: %+v", c, w)
	}
	if !m.eligible(a, w) {
		m.Fatalf("%#v: the agent must not be offered it: %+v, refused until %v", c, a, w.refused[a.id])
	}
	for _, id := range m.candidates(w) {
		if b := m.agents[id]; b != nil && m.eligible(b, w) && better(b, a) {
			m.Fatalf("%#v: agent %s comes first: %+v before %+v", c, b.id, b, a)
		}
	}
	if m.seen++; m.seen%m.thrift == 0 {
		for _, v := range m.works {
			if v.waits && v.rings == 0 && sooner(v, w) && m.anyone(v) != "" {
				m.Fatalf("%#v: work %s comes first, for agent %s", c, v.Work, m.anyone(v))
			}
		}
	}
	w.waits, w.rings = false, c.Offer
	a.rings++
	m.offers[c.Offer] = &modelOffer{work: c.Work, agent: c.Agent}
}

func (m *model) candidates(w *modelWork) []AgentID {
	if w.Target != "" {
		return []AgentID{w.Target}
	}
	return m.teams[w.Team].Agents
}

func (m *model) anyone(w *modelWork) AgentID {
	for _, id := range m.candidates(w) {
		if a := m.agents[id]; a != nil && m.eligible(a, w) {
			return id
		}
	}
	return ""
}

func (m *model) ended(c OfferEnded) {
	m.Helper()
	o, w, a := m.offers[c.Offer], m.works[c.Work], m.agents[c.Agent]
	if o == nil || o.ended != "" {
		m.Fatalf("%#v: ends twice, or never was", c)
	}
	if o.rang != !c.Rang.IsZero() {
		m.Fatalf("%#v: rang is %v", c, o.rang)
	}
	o.ended = c.Outcome
	a.rings--
	w.rings, w.idleSince = 0, m.now
	switch c.Outcome {
	case OutcomeAccepted:
		a.noAnswers, a.heldLen = 0, 0
		if !o.rang {
			a.last = m.now
		}
	case OutcomeDeclined, OutcomeNoAnswer:
		w.waits, w.refused[a.id], a.heldLen = true, m.now.Add(m.retryAfter(w)), 0
		if c.Outcome == OutcomeNoAnswer {
			if a.noAnswers++; a.noAnswers >= 3 && a.active {
				a.active, a.noAnswers = false, 0
			}
		}
	case OutcomeBusy, OutcomeUnreachable, OutcomeMisconfigured:
		w.waits = true
		a.heldLen = min(max(2*a.heldLen, 10*time.Second), time.Minute)
		a.held = m.now.Add(a.heldLen)
	case OutcomeWithdrawn:
		w.waits = w.waits || a.removed
	}
	m.forget(w)
}

// retryAfter is one for all teams of a model's configuration.
func (m *model) retryAfter(*modelWork) time.Duration { return DefaultRetryAfter }

// nobodyWaits checks that no call waits while an eligible agent is idle.
func (m *model) nobodyWaits() error {
	for _, w := range m.works {
		if w.waits && w.rings == 0 {
			if id := m.anyone(w); id != "" {
				return fmt.Errorf("work %s waits while agent %s is free", w.Work, id)
			}
		}
	}
	return nil
}

// agree compares what the router shows of its agents with the model.
func (m *model) agree(views []AgentView) error {
	if len(views) != len(m.agents) {
		return fmt.Errorf("agents: got %d, want %d", len(views), len(m.agents))
	}
	for _, v := range views {
		a := m.agents[v.ID]
		wrap := time.Time{}
		if a.wrapUp.After(m.now) {
			wrap = a.wrapUp
		}
		if a.removed {
			continue // shown until the call ends; nothing is decided on it
		}
		got := fmt.Sprint(len(v.Open), v.Limit, v.Status == StatusAway, v.Until, v.NoAnswers, v.Last, v.HeldBack)
		held := time.Time{}
		if a.held.After(m.now) {
			held = a.held
		}
		if want := fmt.Sprint(a.load(), a.limit, a.away(m.now), wrap, a.noAnswers, a.last, held); got != want {
			return fmt.Errorf("agent %s: got %s, want %s", v.ID, got, want)
		}
	}
	return nil
}
