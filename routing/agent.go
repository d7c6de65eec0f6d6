package routing

import (
	"cmp"
	"slices"
	"time"
)

// agent is one person's state. A removed agent is no longer configured and is kept only for the calls still in hand.
type agent struct {
	// Of the configuration.
	id      AgentID
	name    string
	limit   int
	levels  []int   // of skills, by their numbers; shorter: 0
	rank    int     // place among all agents by id
	teams   []*team // in the configuration's order
	removed bool

	// Presence, as told by events.
	active  bool
	reason  string    // of not being active
	since   time.Time // of what shown returns
	channel Channel
	phones  []PhoneID
	desk    bool // has a tab open
	off     bool // outside the schedule

	watching bool // and the tab is no phone

	offUntil time.Time // of off, as told

	// Set by the router: what keeps the agent from offers until a deadline.
	wrapUp   timer
	backOff  timer
	backLen  time.Duration // the last back-off's; 0: none since the last sign of life
	backWhy  Outcome
	backFrom time.Time

	// History.
	noAnswers int
	last      time.Time // assignment: an offer that rang, or was answered

	// Works in hand or ringing, in the order they came.
	open []holding

	// Works that wait for this agent alone, in order: targeted ones, and those that stick.
	targeted []*work

	// Index: where the teams' ready lists have the agent, as of the last reindex, and whether they count the agent as there.
	at    score
	ready fitness
	there fitness
	dirty bool
}

// holding is one unit of an agent's load.
type holding struct {
	work   *work
	offer  *offer // ringing; nil: connected or engaged
	team   TeamID // whose limit it counts to
	routed bool   // handed out by the router
	limit  int    // the agent's limit when it was handed out
}

// score is what balanced assignment compares: fewest open calls, then longest since the last assignment (never is
// longest), then the agent's id.
type score struct {
	open int
	last time.Time
	rank int
}

func (s score) compare(t score) int {
	if c := cmp.Compare(s.open, t.open); c != 0 {
		return c
	}
	if c := s.last.Compare(t.last); c != 0 { // the zero time is before all others
		return c
	}
	return cmp.Compare(s.rank, t.rank)
}

// fitness says what an agent may be offered, refusals of the single work aside.
type fitness uint8

const (
	unfit   fitness = iota
	fit             // has a live device, but no open desk tab
	fitDesk         // has an open desk tab as well
)

func newAgent(id AgentID) *agent {
	a := &agent{id: id, active: true, channel: ChannelAll}
	a.wrapUp = timer{kind: timerWrapUp, agent: a}
	a.backOff = timer{kind: timerBackOff, agent: a}
	return a
}

func (a *agent) score() score { return score{len(a.open), a.last, a.rank} }

// fitness computes from the state what ready holds as an index.
func (a *agent) fitness() fitness {
	switch {
	case a.wrapUp.armed(), a.backOff.armed(), len(a.open) >= a.limit:
		return unfit
	}
	return a.presence()
}

// tabRings says that the tab is a phone.
func (a *agent) tabRings() bool { return a.desk && !a.watching }

// reachable says that the agent has a live device.
func (a *agent) reachable() bool { return len(a.phones) > 0 || a.tabRings() }

func (a *agent) takesCalls() bool { return a.channel == ChannelAll || a.channel == ChannelPhone }

// fitsTeam says whether the agent is present for a team; nil is no team, for targeted works.
func (a *agent) fitsTeam(t *team) bool {
	if t != nil && t.NeedDesk {
		return a.ready == fitDesk
	}
	return a.ready != unfit
}

// devices returns what an offer to the agent rings.
func (a *agent) devices() []PhoneID {
	ids := make([]PhoneID, 0, len(a.phones)+1)
	ids = append(ids, a.phones...)
	if a.tabRings() {
		ids = append(ids, DeskPhone)
	}
	return ids
}

func (a *agent) holds(w *work) bool {
	return slices.ContainsFunc(a.open, func(h holding) bool { return h.work == w && h.offer == nil })
}

// drop takes one holding off the agent and says whether there was one; o is nil for one that does not ring.
func (a *agent) drop(w *work, o *offer) bool {
	i := slices.IndexFunc(a.open, func(h holding) bool { return h.work == w && h.offer == o })
	if i < 0 {
		return false
	}
	a.open = slices.Delete(a.open, i, i+1)
	return true
}

// profile returns the team whose times count for an offer to the agent: the work's, else the agent's first, else the defaults.
func (a *agent) profile(t *team) Team {
	switch {
	case t != nil:
		return t.Team
	case len(a.teams) > 0:
		return a.teams[0].Team
	}
	return Team{}.withDefaults()
}

// shown is what the outside sees of an agent's status.
type shown struct {
	status Status
	reason string
	until  time.Time
}

func (a *agent) shown() shown {
	switch {
	case a.wrapUp.armed():
		return shown{StatusAway, ReasonWrapUp, a.wrapUp.at}
	case !a.active:
		return shown{StatusAway, a.reason, time.Time{}}
	}
	return shown{status: StatusActive}
}

// announce tells a change of what is shown.
func (r *Router) announce(a *agent, before shown) {
	now := a.shown()
	if now == before {
		return
	}
	a.since = r.now
	r.emit(StatusChanged{Agent: a.id, Status: now.status, Reason: now.reason, Until: now.until})
}

// touch is called after every change of an agent: it brings the indexes up to date and has the agent matched.
func (r *Router) touch(a *agent) {
	r.reindex(a)
	r.recount(a)
	if a.ready != unfit && !a.dirty {
		a.dirty = true
		r.dirtyAgents = append(r.dirtyAgents, a)
	}
}

// reindex moves the agent to the right place in its teams' ready lists.
func (r *Router) reindex(a *agent) {
	to, as := a.score(), a.fitness()
	if to == a.at && as == a.ready {
		return
	}
	r.unindex(a)
	a.at, a.ready = to, as
	if as == unfit {
		return
	}
	r.readyAgents++
	for _, t := range a.teams {
		if a.fitsTeam(t) {
			t.insert(a)
		}
	}
}

// unindex takes the agent out of all ready lists.
func (r *Router) unindex(a *agent) {
	if a.ready == unfit {
		return
	}
	for _, t := range a.teams {
		if a.fitsTeam(t) {
			t.remove(a)
		}
	}
	a.ready = unfit
	r.readyAgents--
}

// setPhones takes over which phones are live.
func (r *Router) setPhones(ev PhonesChanged) {
	a := r.agents[ev.Agent]
	if a == nil {
		return
	}
	a.phones = nil
	for _, p := range ev.Phones {
		if !slices.Contains(a.phones, p) {
			a.phones = append(a.phones, p)
		}
	}
	if ev.Fresh {
		r.timers.stop(&a.backOff)
		a.backLen = 0
	}
	r.touch(a)
}

// setDesk takes over whether the agent's tab is open. What rings on other phones for a team that demands the tab ends
// with it: nobody would see who calls, and nothing is counted against the agent.
func (r *Router) setDesk(ev DeskChanged) {
	a := r.agents[ev.Agent]
	if a == nil {
		return
	}
	a.desk, a.watching = ev.Open, ev.Open && ev.Watching
	r.touch(a)
	if a.desk {
		return
	}
	for _, h := range slices.Clone(a.open) {
		if o := h.offer; o != nil && o.live() && h.work.team != nil && h.work.team.NeedDesk {
			r.pass(o, OutcomeUnreachable)
		}
	}
}

// setStatus is somebody's act: it ends wrap-up, and coming back clears the count of no-answers.
func (r *Router) setStatus(ev StatusSet) {
	a := r.agents[ev.Agent]
	if a == nil {
		return
	}
	before := a.shown()
	r.timers.stop(&a.wrapUp)
	a.active, a.reason = ev.Active, ev.Reason
	if a.active {
		a.reason, a.noAnswers = "", 0
	}
	r.announce(a, before)
	r.touch(a)
}

// holdBack keeps the agent from every offer for a while, twice as long each time in a row.
func (r *Router) holdBack(a *agent, why Outcome) {
	a.backLen = min(max(2*a.backLen, backOffFirst), backOffMost)
	a.backWhy, a.backFrom = why, r.now
	r.timers.set(&a.backOff, r.now.Add(a.backLen))
	r.unstick(a)
}

// missed counts a no-answer and sets the agent away when there were too many in a row.
func (r *Router) missed(a *agent, awayAfter int) {
	a.noAnswers++
	if awayAfter <= 0 || a.noAnswers < awayAfter || !a.active {
		return
	}
	before := a.shown()
	a.active, a.reason, a.noAnswers = false, ReasonNotAnswering, 0
	r.announce(a, before)
}

// team is a configured team with its ordered lists.
type team struct {
	Team
	members []*agent // in the order of their ids

	ready []*agent // present and below the limit, best first
	lanes []*lane  // what its agents may take: its own works and those that overflow to it
	line  []*work  // its own works that wait or ring and are not targeted, first to be served first

	present int  // members who could be offered a call now or after theirs
	closed  bool // to new works
	pace    pace
}

func (t *team) insert(a *agent) {
	i, found := t.find(a)
	if found {
		panic("routing: agent " + string(a.id) + " is twice in the ready list of team " + string(t.ID))
	}
	t.ready = slices.Insert(t.ready, i, a)
}

func (t *team) remove(a *agent) {
	i, found := t.find(a)
	if !found {
		panic("routing: agent " + string(a.id) + " is not in the ready list of team " + string(t.ID))
	}
	t.ready = slices.Delete(t.ready, i, i+1)
}

func (t *team) find(a *agent) (int, bool) {
	return slices.BinarySearchFunc(t.ready, a.at, func(b *agent, s score) int { return b.at.compare(s) })
}
