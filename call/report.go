package call

import (
	"cmp"
	"slices"
	"time"

	"trunkline/routing"
)

// Figures are what happened in a team, or to an agent, on one day.
type Figures struct {
	Day   string          `json:"day"` // 2006-01-02, of the zone
	Team  routing.TeamID  `json:"team,omitempty"`
	Agent routing.AgentID `json:"agent,omitempty"`

	// Of a team's queue. A call that enters it twice counts twice.
	Queued          int     `json:"queued"`
	AnsweredWithin  int     `json:"answered_within"` // the time that the service level is of
	Abandoned       int     `json:"abandoned"`       // the caller left
	AbandonedWithin int     `json:"abandoned_within"`
	Left            int     `json:"left"` // went on in the flow, or the house ended it
	WaitSeconds     float64 `json:"wait_seconds"`
	LongestSeconds  float64 `json:"longest_wait_seconds"` // of those answered or abandoned

	// Of a team's queue, and of an agent.
	Answered int `json:"answered"`

	// Of an agent's offers, by their outcomes (product §8), and of talks.
	Offered     int                     `json:"offered"`
	Outcomes    map[routing.Outcome]int `json:"outcomes,omitempty"`
	TalkSeconds float64                 `json:"talk_seconds"`
}

// ServiceLevel is the share of the answered calls that were within the time.
func (f *Figures) ServiceLevel() float64 { return share(f.AnsweredWithin, f.Answered) }

// ServiceLevelOfAll is the share of answered and abandoned calls that were
// answered, or gave up, within the time.
func (f *Figures) ServiceLevelOfAll() float64 {
	return share(f.AnsweredWithin+f.AbandonedWithin, f.Answered+f.Abandoned)
}

func share(part, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// Report folds facts, in their order, into figures. Waits and talks count on
// the day that they began.
type Report struct {
	zone   *time.Location
	within time.Duration
	rows   map[figuresKey]*Figures
	waits  map[ID]stretch
	talks  map[talkKey]stretch
}

// stretch is a wait or a talk that goes on.
type stretch struct {
	row *Figures
	at  time.Time
}

type figuresKey struct {
	day   string
	team  routing.TeamID
	agent routing.AgentID
}

type talkKey struct {
	call  ID
	agent routing.AgentID
}

// NewReport makes a Report of days of a zone; within is the time that the
// service level is of.
func NewReport(zone *time.Location, within time.Duration) *Report {
	return &Report{zone: zone, within: within, rows: map[figuresKey]*Figures{}, waits: map[ID]stretch{}, talks: map[talkKey]stretch{}}
}

// Fact takes the next fact.
func (r *Report) Fact(f Fact) {
	switch f.Kind {
	case FactQueued:
		r.leave(f, false)
		row := r.row(f.At, f.Team, "")
		row.Queued++
		r.waits[f.Call] = stretch{row, f.At}
	case FactConnected, FactPickedUp, FactTransferred:
		r.answered(f)
	case FactReleased:
		r.released(f, f.Agent)
	case FactForwarding, FactDialled:
		r.leave(f, false)
	case FactEnded:
		r.leave(f, f.Ending != nil && slices.Contains([]Party{ByCaller, ByCallee, ByTrunk}, f.Ending.By))
		for k := range r.talks {
			if k.call == f.Call {
				r.released(f, k.agent)
			}
		}
	case FactOfferMade:
		r.row(f.At, "", f.Agent).Offered++
	case FactOfferEnded:
		r.outcome(f, f.Outcome)
	case FactOfferTooLate:
		r.outcome(f, routing.OutcomeTooLate)
	}
}

func (r *Report) outcome(f Fact, o routing.Outcome) {
	row := r.row(f.At, "", f.Agent)
	if row.Outcomes == nil {
		row.Outcomes = map[routing.Outcome]int{}
	}
	row.Outcomes[o]++
}

func (r *Report) answered(f Fact) {
	if w, waits := r.waits[f.Call]; waits {
		delete(r.waits, f.Call)
		w.row.Answered++
		if r.waited(w, f.At) {
			w.row.AnsweredWithin++
		}
	}
	k := talkKey{f.Call, f.Agent}
	if _, talks := r.talks[k]; talks || f.Agent == "" {
		return
	}
	row := r.row(f.At, "", f.Agent)
	row.Answered++
	r.talks[k] = stretch{row, f.At}
}

func (r *Report) released(f Fact, agent routing.AgentID) {
	k := talkKey{f.Call, agent}
	if t, talks := r.talks[k]; talks {
		delete(r.talks, k)
		t.row.TalkSeconds += f.At.Sub(t.at).Seconds()
	}
}

// leave ends a wait that nobody answered.
func (r *Report) leave(f Fact, abandoned bool) {
	w, waits := r.waits[f.Call]
	if !waits {
		return
	}
	delete(r.waits, f.Call)
	if !abandoned {
		w.row.Left++
		return
	}
	w.row.Abandoned++
	if r.waited(w, f.At) {
		w.row.AbandonedWithin++
	}
}

// waited counts a wait, and says whether it was within the time.
func (r *Report) waited(w stretch, until time.Time) bool {
	d := until.Sub(w.at)
	w.row.WaitSeconds += d.Seconds()
	w.row.LongestSeconds = max(w.row.LongestSeconds, d.Seconds())
	return d <= r.within
}

func (r *Report) row(at time.Time, team routing.TeamID, agent routing.AgentID) *Figures {
	k := figuresKey{at.In(r.zone).Format(time.DateOnly), team, agent}
	row := r.rows[k]
	if row == nil {
		row = &Figures{Day: k.day, Team: team, Agent: agent}
		r.rows[k] = row
	}
	return row
}

// Teams gives the figures of teams, by day and team.
func (r *Report) Teams() []Figures { return r.some(func(f *Figures) bool { return f.Agent == "" }) }

// Agents gives those of agents, by day and agent.
func (r *Report) Agents() []Figures { return r.some(func(f *Figures) bool { return f.Agent != "" }) }

func (r *Report) some(want func(*Figures) bool) []Figures {
	out := []Figures{}
	for _, f := range r.rows {
		if want(f) {
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, func(x, y Figures) int {
		return cmp.Or(cmp.Compare(x.Day, y.Day), cmp.Compare(x.Team, y.Team), cmp.Compare(x.Agent, y.Agent))
	})
	return out
}
