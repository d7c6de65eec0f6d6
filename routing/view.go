package routing

import (
	"maps"
	"slices"
	"time"
)

// AgentView is what is shown of an agent. It is a copy.
type AgentView struct {
	ID        AgentID
	Name      string
	Status    Status
	Reason    string    // of being away
	Since     time.Time // of this status; zero: since configured
	Until     time.Time // of wrap-up
	Off       bool      // outside the schedule, until OffUntil
	OffUntil  time.Time // zero: not known
	Channel   Channel
	Phones    []PhoneID
	Skills    []Skill // by name
	Desk      bool    // has a Help Desk open
	DeskRings bool    // which is a phone itself
	Teams     []TeamID
	Limit     int
	Open      []Held
	Last      time.Time // last assignment: an offer that rang; zero: never
	NoAnswers int       // in a row
	HeldBack  time.Time // busy or unreachable: until then not offered anything; zero: no
	Available bool      // would be offered a new call now
	Why       string    // if not: the first reason, in words
	Removed   bool      // no longer configured, but still in a call
}

// TeamView is what is shown of a team and its queue. It is a copy.
type TeamView struct {
	ID      TeamID
	Closed  bool // to new calls
	Present int  // agents who could be offered a call now or after theirs
	Ready   int  // agents who could be offered one now
	Waiting int  // its works that wait or ring, those for one agent by hand excepted

	// What a caller who came now would have to wait, and for how many of a hundred of the last answered calls that would
	// have held; 0: nobody can tell.
	Wait       time.Duration
	Confidence int
}

// Team returns the view of a team; false: there is none.
func (r *Router) Team(id TeamID) (TeamView, bool) {
	t := r.teams[id]
	if t == nil {
		return TeamView{}, false
	}
	return r.teamView(t), true
}

// Teams returns every team in the order of the configuration.
func (r *Router) Teams() []TeamView {
	views := make([]TeamView, 0, len(r.order))
	for _, t := range r.order {
		views = append(views, r.teamView(t))
	}
	return views
}

func (r *Router) teamView(t *team) TeamView {
	v := TeamView{ID: t.ID, Closed: t.closed, Present: t.present, Ready: len(t.ready), Waiting: len(t.line)}
	if t.present > 0 {
		if v.Wait, v.Confidence = t.pace.estimate(len(t.line)+1, r.now); v.Confidence > 0 {
			v.Wait = roundWait(v.Wait)
		}
	}
	return v
}

// There says whether an agent could be offered a call now or after those in hand: active, with a live device, on a channel
// that takes calls, within the schedule.
func (r *Router) There(id AgentID) bool {
	a := r.agents[id]
	return a != nil && a.there != unfit
}

// WorkView is what is shown of a work that waits or rings. It is a copy.
type WorkView struct {
	Work     WorkID
	Team     TeamID
	Target   AgentID
	Priority int
	Returned bool
	Since    time.Time
	Position int       // among the waiting of its team, 1 is next; 0: rings
	Offer    OfferID   // rings
	Agent    AgentID   // rings there
	Until    time.Time // of the offer's present deadline
	RetryAt  time.Time // first cool-down that ends; zero: nobody refused it
	Entered  time.Time // when it began to wait in this queue
	Sticky   AgentID   // kept for this agent
}

// Held is one work in one agent's hands.
type Held struct {
	Work  WorkID
	Agent AgentID
	Offer OfferID // ringing; 0: connected or engaged
}

// Agents returns every agent, in the order of their ids, as of the last step. now is for words in Why.
func (r *Router) Agents(now time.Time) []AgentView {
	views := make([]AgentView, 0, len(r.roster))
	for _, a := range r.roster {
		views = append(views, r.agentView(now, a))
	}
	return views
}

func (r *Router) agentView(now time.Time, a *agent) AgentView {
	s := a.shown()
	v := AgentView{
		ID: a.id, Name: a.name, Status: s.status, Reason: s.reason, Since: a.since, Until: s.until, Channel: a.channel,
		Phones: slices.Clone(a.phones), Desk: a.desk, DeskRings: a.tabRings(), Limit: a.limit, Open: a.held(), Last: a.last, NoAnswers: a.noAnswers,
		HeldBack: a.backOff.until(), Removed: a.removed, Off: a.off, OffUntil: a.offUntil,
	}
	for _, name := range slices.Sorted(maps.Keys(r.skills)) {
		if level := r.levelOf(a, name); level > 0 {
			v.Skills = append(v.Skills, Skill{name, level})
		}
	}
	for _, t := range a.teams {
		v.Teams = append(v.Teams, t.ID)
	}
	excluded := a.excluded(now, nil)
	v.Available = len(excluded) == 0
	if !v.Available {
		v.Why = excluded[0].Text
	}
	return v
}

func (a *agent) held() []Held {
	var list []Held
	for _, h := range a.open {
		held := Held{Work: h.work.id, Agent: a.id}
		if h.offer != nil {
			held.Offer = h.offer.id
		}
		list = append(list, held)
	}
	return list
}

// Waiting returns every work that waits or rings: the waiting in the order of service, then the ringing by offer.
func (r *Router) Waiting(_ time.Time) []WorkView {
	views := make([]WorkView, 0, len(r.queue))
	position := map[TeamID]int{}
	for _, w := range r.queue {
		v := w.view()
		if w.target == "" {
			position[w.teamID]++
			v.Position = position[w.teamID]
		} else {
			v.Position = 1 + slices.Index(r.agents[w.target].targeted, w)
		}
		views = append(views, v)
	}
	for _, id := range slices.Sorted(maps.Keys(r.offers)) {
		if o := r.offers[id]; o.live() {
			v := o.work.view()
			v.Offer, v.Agent, v.Until = o.id, o.agent.id, o.timer.at
			views = append(views, v)
		}
	}
	return views
}

func (w *work) view() WorkView {
	return WorkView{
		Work: w.id, Team: w.teamID, Target: w.target, Priority: w.priority, Returned: w.returned, Since: w.since,
		RetryAt: w.retryAt(), Entered: w.entered, Sticky: w.sticky,
	}
}

// Open returns every work in an agent's hands or ringing there, by agent and then in the order they came: what the
// owner compares with its live legs.
func (r *Router) Open() []Held {
	var list []Held
	for _, a := range r.roster {
		list = append(list, a.held()...)
	}
	return list
}
