package routing

import (
	"fmt"
	"slices"
	"time"
)

// Explanation says whom a work is, or would be, offered to at one moment, and why not to the others. Times in its texts are
// in the location of the time that it was asked with.
type Explanation struct {
	At         time.Time    `json:"at"`
	Work       WorkID       `json:"work,omitempty"` // empty: a call that is imagined
	Team       TeamID       `json:"team,omitempty"`
	Target     AgentID      `json:"target,omitempty"`
	Priority   int          `json:"priority,omitempty"`
	Returned   bool         `json:"returned,omitempty"`
	Since      time.Time    `json:"since,omitzero"`
	Ahead      int          `json:"ahead,omitempty"` // works that are served before, of the same team or target
	Considered []Considered `json:"considered,omitempty"`
	Chosen     AgentID      `json:"chosen,omitempty"` // empty: nobody can be offered it now
	TieBreak   string       `json:"tie_break,omitempty"`
	Summary    string       `json:"summary"`
}

// Considered is one agent in an Explanation: those who can be offered the work first, best first, then the others by id.
type Considered struct {
	Agent    AgentID     `json:"agent"`
	Name     string      `json:"name,omitempty"`
	Place    int         `json:"place,omitempty"` // from 1; 0: excluded
	Open     int         `json:"open"`            // open calls, ringing ones included
	Limit    int         `json:"limit"`
	Last     time.Time   `json:"last,omitzero"` // assignment; zero: never
	Excluded []Exclusion `json:"excluded,omitempty"`
}

// Exclusion is one reason why an agent is not offered a work.
type Exclusion struct {
	Rule  string    `json:"rule"` // one of the Rule constants
	Text  string    `json:"text"`
	Until time.Time `json:"until,omitzero"` // it ends by itself then
}

// The rules that exclude an agent.
const (
	RuleRemoved  = "removed"
	RuleAway     = "away"
	RuleWrapUp   = "wrap_up"
	RuleChannel  = "channel"
	RuleDevice   = "device"
	RuleDesk     = "desk"
	RuleLimit    = "limit"
	RuleHeldBack = "held_back"
	RuleRefused  = "refused"
	RuleHolds    = "holds"
	RuleSchedule = "schedule"
	RuleTeam     = "team_limit"
	RuleSkill    = "skill"
	RuleOverflow = "overflow"
	RuleSticky   = "sticky"
)

// Explain says who is considered for a work now. For one that waits it says why it waits; for one that rings or is held it says
// who would be next. False: no such work.
func (r *Router) Explain(now time.Time, id WorkID) (Explanation, bool) {
	w := r.works[id]
	if w == nil {
		return Explanation{}, false
	}
	return r.explain(now, w), true
}

// ExplainTeam says who would be offered a new call of a team now.
func (r *Router) ExplainTeam(now time.Time, id TeamID) Explanation {
	return r.explain(now, &work{teamID: id, team: r.teams[id], since: now.UTC()})
}

// Recall recomputes the decision behind an offer: it restores the snapshot, replays the events and explains the state that the
// offer was decided on. It fails when the events do not lead to that offer.
func Recall(cfg Config, from Snapshot, events []Timed, id OfferID) (Explanation, error) {
	r, err := Restore(cfg, from)
	if err != nil {
		return Explanation{}, err
	}
	var found *Explanation
	for _, ev := range events {
		r.decided = func(w *work, _ *agent) {
			if r.lastOffer+1 == id {
				e := r.explain(ev.At, w)
				found = &e
			}
		}
		if r.Step(ev.At, ev.Event); found != nil {
			return *found, nil
		}
	}
	return Explanation{}, fmt.Errorf("offer %d is not made by these events", id)
}

func (r *Router) explain(now time.Time, w *work) Explanation {
	e := Explanation{
		At: now, Work: w.id, Team: w.teamID, Target: w.target, Priority: w.priority, Returned: w.returned, Since: w.since,
		Ahead: r.ahead(w),
	}
	var fit, others []Considered
	for _, a := range r.candidates(w) {
		c := Considered{Agent: a.id, Name: a.name, Open: len(a.open), Limit: a.limit, Last: a.last}
		c.Excluded = append(a.excluded(now, w), r.excludedBy(now, a, w)...)
		if len(c.Excluded) > 0 {
			others = append(others, c)
		} else {
			fit = append(fit, c)
		}
	}
	slices.SortFunc(fit, func(a, b Considered) int {
		return r.agents[a.Agent].score().compare(r.agents[b.Agent].score())
	})
	for i := range fit {
		fit[i].Place = i + 1
	}
	e.Considered = append(fit, others...)
	if len(fit) > 0 {
		e.Chosen, e.TieBreak = fit[0].Agent, tieBreak(now, fit)
	}
	e.Summary = e.summary(w)
	return e
}

// candidates returns who is considered at all: the target, or the team and those it overflows to, by id.
func (r *Router) candidates(w *work) []*agent {
	switch a := r.agents[w.target]; {
	case w.target != "" && a != nil:
		return []*agent{a}
	case w.target == "" && w.team != nil:
		if len(w.wants.Overflow) == 0 {
			return w.team.members
		}
		var all []*agent
		for _, a := range r.roster {
			if slices.ContainsFunc(a.teams, func(t *team) bool { _, ok := w.opensTo(t); return ok }) {
				all = append(all, a)
			}
		}
		return all
	}
	return nil
}

// opensTo returns how long after it entered the agents of a team may take the work; false: never.
func (w *work) opensTo(t *team) (time.Duration, bool) {
	if t == w.team {
		return 0, true
	}
	return w.wants.openTo(t.ID)
}

func (r *Router) ahead(w *work) int {
	n := 0
	for _, v := range r.queue {
		if v.teamID == w.teamID && v.target == w.target && v != w && v.before(w) {
			n++
		}
	}
	return n
}

func (e Explanation) summary(w *work) string {
	switch {
	case w.state == ringing:
		return fmt.Sprintf("rings at %s until %s; then %s", w.offer.agent.id, clock(e.At, w.offer.timer.at), e.next(w))
	case w.state == idle && len(w.holders) > 0:
		return fmt.Sprintf("in the hands of %s; would it wait: %s", w.holders[0].id, e.next(w))
	}
	return e.next(w)
}

// next says what becomes of the work now if it waits.
func (e Explanation) next(w *work) string {
	switch {
	case e.Chosen != "":
		return "offered to " + string(e.Chosen) + ": " + e.TieBreak
	case w.target == "" && w.team == nil:
		return "no team " + string(w.teamID)
	case len(e.Considered) == 0 && w.target != "":
		return "no agent " + string(w.target)
	case len(e.Considered) == 0:
		return "team " + string(w.teamID) + " has no agents"
	}
	var next time.Time
	for _, c := range e.Considered {
		last := c.Excluded[len(c.Excluded)-1]
		if len(c.Excluded) == 1 && !last.Until.IsZero() && (next.IsZero() || last.Until.Before(next)) {
			next = last.Until
		}
	}
	if next.IsZero() {
		return "waits: nobody can be offered it until something changes"
	}
	return "waits: the first can be offered it at " + clock(e.At, next)
}

// tieBreak says what put the first of those who can take it before the second.
func tieBreak(now time.Time, fit []Considered) string {
	first := fit[0]
	if len(fit) == 1 {
		return "the only one who can be offered it"
	}
	second := fit[1]
	switch {
	case first.Open < second.Open:
		return fmt.Sprintf("fewest open calls: %d, %s has %d", first.Open, second.Agent, second.Open)
	case first.Last.IsZero() && !second.Last.IsZero():
		return fmt.Sprintf("as few open calls as %s; never assigned a call, %s was at %s",
			second.Agent, second.Agent, clock(now, second.Last))
	case first.Last.Before(second.Last):
		return fmt.Sprintf("as few open calls as %s; longest since the last assignment: %s, %s at %s",
			second.Agent, clock(now, first.Last), second.Agent, clock(now, second.Last))
	}
	return fmt.Sprintf("as few open calls and as long since the last assignment as %s; first by id", second.Agent)
}

// excluded returns every reason why the agent is not offered a work now; a nil work is a new call of whichever team.
func (a *agent) excluded(now time.Time, w *work) []Exclusion {
	var list []Exclusion
	add := func(rule string, until time.Time, text string) {
		list = append(list, Exclusion{Rule: rule, Text: text, Until: until})
	}
	if a.removed {
		add(RuleRemoved, time.Time{}, "no longer configured")
	}
	if a.off {
		add(RuleSchedule, a.offUntil, a.offText(now))
	}
	if s := a.shown(); s.status == StatusAway && !s.until.IsZero() {
		add(RuleWrapUp, s.until, "wrapping up a call until "+clock(now, s.until))
	}
	if !a.active {
		add(RuleAway, time.Time{}, a.awayText(now))
	}
	if !a.takesCalls() {
		add(RuleChannel, time.Time{}, "channel is "+string(a.channel)+": takes no calls")
	}
	if len(a.open) >= a.limit {
		add(RuleLimit, time.Time{}, a.limitText(now))
	}
	if w != nil && w.team != nil && w.team.NeedDesk && !a.desk {
		add(RuleDesk, time.Time{}, "no open Help Desk, which team "+string(w.team.ID)+" demands")
	} else if !a.reachable() {
		text := "no live phone and no open Help Desk"
		if a.desk {
			text = "no live phone"
		}
		add(RuleDevice, time.Time{}, text)
	}
	if t := a.backOff.until(); !t.IsZero() {
		add(RuleHeldBack, t, fmt.Sprintf("%s %s, held back until %s", a.backWhy, ago(now, a.backFrom), clock(now, t)))
	}
	if w == nil {
		return list
	}
	if slices.Contains(w.holders, a) {
		add(RuleHolds, time.Time{}, "is in this call")
	}
	if f, ok := w.refusedBy(a, now); ok {
		add(RuleRefused, f.until, fmt.Sprintf("%s %s, eligible at %s", f.words(), ago(now, f.at), clock(now, f.until)))
	}
	return list
}

// excludedBy returns every reason that lies in what the work asks for.
func (r *Router) excludedBy(now time.Time, a *agent, w *work) []Exclusion {
	var list []Exclusion
	add := func(rule string, until time.Time, format string, args ...any) {
		list = append(list, Exclusion{Rule: rule, Text: fmt.Sprintf(format, args...), Until: until})
	}
	if !a.below(w.team) {
		add(RuleTeam, time.Time{}, "has %d of at most %d calls of team %s", a.openOf(w.team.ID), w.team.CallLimit, w.team.ID)
	}
	if w.target != "" || w.team == nil {
		return list
	}
	waited := r.now.Sub(w.entered)
	for _, s := range w.wants.Skills {
		need, has := w.wants.levelAt(s.Name, waited), r.levelOf(a, s.Name)
		if has >= need {
			continue
		}
		if at := w.relaxes(s.Name, has, waited); !at.IsZero() {
			add(RuleSkill, at, "%s %d, asked for is %d until %s", s.Name, has, need, clock(now, at))
		} else {
			add(RuleSkill, time.Time{}, "%s %d, asked for is %d", s.Name, has, need)
		}
	}
	if t, at := w.opensAt(a); at.After(r.now) {
		add(RuleOverflow, at, "team %s not before %s", t.ID, clock(now, at))
	}
	if w.stuck != nil && w.stuck != a {
		add(RuleSticky, w.stickyUntil, "kept for %s until %s", w.stuck.id, clock(now, w.stickyUntil))
	}
	return list
}

// levelOf returns an agent's level of a skill.
func (r *Router) levelOf(a *agent, name string) int {
	if i, known := r.skills[name]; known && i < len(a.levels) {
		return a.levels[i]
	}
	return 0
}

// relaxes returns when a level will do of a skill that it does not do of now; zero: never.
func (w *work) relaxes(name string, level int, after time.Duration) time.Time {
	for next, more := w.wants.next(after); more; next, more = w.wants.next(next) {
		if w.wants.levelAt(name, next) <= level {
			return w.entered.Add(next)
		}
	}
	return time.Time{}
}

// opensAt returns the team by which an agent may take the work first, and from when.
func (w *work) opensAt(a *agent) (by *team, at time.Time) {
	for _, t := range a.teams {
		if after, ok := w.opensTo(t); ok && (by == nil || w.entered.Add(after).Before(at)) {
			by, at = t, w.entered.Add(after)
		}
	}
	return by, at
}

func (a *agent) offText(now time.Time) string {
	if a.offUntil.IsZero() {
		return "outside the schedule"
	}
	return "outside the schedule until " + clock(now, a.offUntil)
}

func (a *agent) awayText(now time.Time) string {
	text := "away"
	if a.reason != "" {
		text += ", " + a.reason
	}
	if !a.since.IsZero() && !a.wrapUp.armed() {
		text += ", since " + clock(now, a.since)
	}
	return text
}

func (a *agent) limitText(now time.Time) string {
	text := fmt.Sprintf("at the call limit, %d of %d:", len(a.open), a.limit)
	for i, h := range a.open {
		if i > 0 {
			text += ","
		}
		if h.offer != nil {
			text += fmt.Sprintf(" rings for %s until %s", h.work.id, clock(now, h.offer.timer.at))
		} else {
			text += " in call " + string(h.work.id)
		}
	}
	return text
}

func (f refusal) words() string {
	if f.why == OutcomeNoAnswer {
		return "did not answer this call"
	}
	return "declined this call"
}

// ago says how long before now t was, in seconds.
func ago(now, t time.Time) string {
	return fmt.Sprintf("%d s ago", int(now.Sub(t)/time.Second))
}

// clock writes t in the location of now, with the date when it is another day's.
func clock(now, t time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}
