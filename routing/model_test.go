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
	watching  bool
	held      time.Time
	heldLen   time.Duration
	noAnswers int
	last      time.Time
	rings     map[OfferID]TeamID // with the team whose limit counts
	has       map[WorkID]TeamID
	skills    map[string]int
	off       bool
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
	promised  time.Time
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
			a = &modelAgent{id: c.ID, active: true, channel: ChannelAll, has: map[WorkID]TeamID{}, rings: map[OfferID]TeamID{}}
			m.agents[c.ID] = a
		}
		a.removed, a.limit, a.skills = false, max(c.CallLimit, 1), map[string]int{}
		for _, s := range c.Skills {
			a.skills[s.Name] = s.Level
		}
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

func (a *modelAgent) load() int { return len(a.rings) + len(a.has) }

func (a *modelAgent) loadOf(team TeamID) (n int) {
	for _, of := range a.rings {
		if of == team {
			n++
		}
	}
	for _, of := range a.has {
		if of == team {
			n++
		}
	}
	return n
}

// there is who could be offered a call of a team now or after those in hand.
func (m *model) there(a *modelAgent, team TeamID) bool {
	return !a.removed && a.active && !a.off && a.channel != ChannelConversations && (a.phones > 0 || a.desk && !a.watching) && (a.desk || !m.teams[team].NeedDesk)
}

// present is product.md §1.4 and §1.8, for one team.
func (m *model) present(a *modelAgent, team TeamID) bool {
	return m.there(a, team) && !a.away(m.now) && a.load() < a.limit && !a.held.After(m.now)
}

// eligible is §1.7 and §1.11 as well, and what the work asks for.
func (m *model) eligible(a *modelAgent, w *modelWork) bool {
	if limit := m.teams[w.Team].CallLimit; w.refused[a.id].After(m.now) || w.holders[a.id] || limit > 0 && a.loadOf(w.Team) >= limit ||
		!w.Until.IsZero() && !w.Until.After(m.now) {
		return false
	}
	if w.Target != "" {
		return w.Target == a.id && m.present(a, w.Team)
	}
	if m.sticks(w) {
		return w.Sticky == a.id && m.present(a, w.Team)
	}
	if !m.skilled(a, w) {
		return false
	}
	for _, id := range m.open(w) {
		if m.in[id][a.id] && m.present(a, id) {
			return true
		}
	}
	return false
}

// skilled says whether an agent has what is asked for by now.
func (m *model) skilled(a *modelAgent, w *modelWork) bool {
	for _, s := range w.Skills {
		level := s.Level
		for _, x := range w.Relax {
			for _, other := range x.Skills {
				if other.Name == s.Name && !w.Entered.Add(x.After).After(m.now) {
					level = other.Level
				}
			}
		}
		if a.skills[s.Name] < level {
			return false
		}
	}
	return true
}

// open is the teams that may take a work by now.
func (m *model) open(w *modelWork) []TeamID {
	teams := []TeamID{w.Team}
	for _, o := range w.Overflow {
		if !w.Entered.Add(o.After).After(m.now) {
			teams = append(teams, o.Teams...)
		}
	}
	return teams
}

// sticks says whether a work is still for one agent alone; once it is not, it never is again.
func (m *model) sticks(w *modelWork) bool {
	if w.Sticky == "" {
		return false
	}
	a := m.agents[w.Sticky]
	member := false
	for _, o := range append([]Overflow{{Teams: []TeamID{w.Team}}}, w.Overflow...) {
		for _, id := range o.Teams {
			member = member || m.in[id][w.Sticky]
		}
	}
	member = member || w.ByHand
	if a == nil || !member || !w.StickyUntil.After(m.now) || !m.there(a, w.Team) || a.held.After(m.now) ||
		w.refused[a.id].After(m.now) || w.holders[a.id] || !w.ByHand && !m.skilled(a, w) {
		w.Sticky = ""
	}
	return w.Sticky != ""
}

// look ends what sticks no longer: it is asked after everything that happens.
func (m *model) look() {
	for _, w := range m.works {
		if w.waits && w.rings == 0 {
			m.sticks(w)
		}
	}
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
	defer m.look()
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
			a.desk, a.watching = ev.Open, ev.Open && ev.Watching
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
		if !w.waits && w.rings == 0 || w.Team != ev.Team || w.Target != "" || ev.Target != "" {
			w.promised = time.Time{}
		}
		w.Queued, w.waits, w.forgotten = ev, true, false
		if ev.Entered.IsZero() {
			w.Entered = now
		}
		if delete(w.refused, ev.Target); ev.ByHand {
			delete(w.refused, ev.Sticky)
		}
	case Prioritized:
		if w := m.works[ev.Work]; w != nil && (w.waits || w.rings != 0) {
			w.Priority = ev.Priority
		}
	case ShiftSet:
		if a := m.agents[ev.Agent]; a != nil {
			a.off = ev.Off
		}
	case Removed:
		if w := m.works[ev.Work]; w != nil {
			w.waits, w.idleSince, w.forgotten = false, now, ev.Why == OutcomeAbandoned
			m.forget(w)
		}
	case Engaged:
		if a := m.agents[ev.Agent]; a != nil && !a.removed {
			if _, has := a.has[ev.Work]; !has {
				a.has[ev.Work] = ev.Team
			}
			m.know(ev.Work).holders[ev.Agent] = true
		}
	case Refused:
		if a := m.agents[ev.Agent]; a != nil && !a.removed {
			w := m.know(ev.Work)
			w.refused[ev.Agent], w.idleSince = m.now.Add(m.retryAfter(w)), m.now
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
			a.rings, a.has, a.phones, a.desk = map[OfferID]TeamID{}, map[WorkID]TeamID{}, 0, false
			a.watching = false
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
	if a == nil || w == nil {
		return
	}
	if _, has := a.has[ev.Work]; !has {
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
			m.agents[c.Agent].has[c.Work] = m.agents[c.Agent].rings[c.Offer]
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
		case Placed:
			m.placed(c)
		case Deserted:
			if n := m.manned(c.Team); n != 0 {
				m.Fatalf("%#v: %d are there", c, n)
			}
		}
		m.look()
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
	a.rings[c.Offer] = w.Team
	m.offers[c.Offer] = &modelOffer{work: c.Work, agent: c.Agent}
}

func (m *model) candidates(w *modelWork) []AgentID {
	if w.Target != "" {
		return []AgentID{w.Target}
	}
	var all []AgentID
	for _, id := range m.open(w) {
		all = append(all, m.teams[id].Agents...)
	}
	if w.Sticky != "" { // of a team that is not open yet, perhaps
		all = append(all, w.Sticky)
	}
	return all
}

// placed checks that a caller is told the true place, and never less than anybody in front was promised.
func (m *model) placed(c Placed) {
	m.Helper()
	w := m.works[c.Work]
	if w == nil || !w.waits && w.rings == 0 || w.Target != "" {
		return
	}
	place := 1
	for _, v := range m.works {
		if v == w || v.Team != w.Team || v.Target != "" || !v.waits && v.rings == 0 || !sooner(v, w) {
			continue
		}
		if place++; c.Confidence >= ConfidentFrom && v.promised.After(m.now.Add(c.Wait)) {
			m.Fatalf("%#v: work %s in front was promised %v", c, v.Work, v.promised)
		}
	}
	if c.Confidence >= ConfidentFrom {
		w.promised = m.now.Add(c.Wait)
	}
	if c.Place != place {
		m.Fatalf("%#v: want place %d", c, place)
	}
}

// manned counts who is there for a team.
func (m *model) manned(team TeamID) (n int) {
	for id := range m.in[team] {
		if a := m.agents[id]; a != nil && m.there(a, team) {
			n++
		}
	}
	return n
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
	delete(a.rings, c.Offer)
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

// agreeTeams compares what the router shows of its teams with the model.
func (m *model) agreeTeams(views []TeamView) error {
	for _, v := range views {
		waiting := 0
		for _, w := range m.works {
			if w.Team == v.ID && w.Target == "" && (w.waits || w.rings != 0) {
				waiting++
			}
		}
		if got, want := fmt.Sprint(v.Present, v.Waiting), fmt.Sprint(m.manned(v.ID), waiting); got != want {
			return fmt.Errorf("team %s: got %s present and waiting, want %s", v.ID, got, want)
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
