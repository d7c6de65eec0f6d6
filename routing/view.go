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
	Channel   Channel
	Phones    []PhoneID
	Desk      bool
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
		Phones: slices.Clone(a.phones), Desk: a.desk, Limit: a.limit, Open: a.held(), Last: a.last, NoAnswers: a.noAnswers,
		HeldBack: a.backOff.until(), Removed: a.removed,
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
		RetryAt: w.retryAt(),
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
