package routing

import (
	"maps"
	"slices"
	"time"
)

// snapshotVersion is raised when an older Snapshot would be misread.
const snapshotVersion = 1

// Snapshot is the whole state of a Router, the configuration excepted. It is a value: it shares nothing with the Router
// and can be written as JSON. A Router restored from it does what the original would have done.
type Snapshot struct {
	Version   int          `json:"version"`
	Now       time.Time    `json:"now"` // of the last step
	LastOffer OfferID      `json:"last_offer,omitempty"`
	Agents    []AgentState `json:"agents,omitempty"`
	Teams     []TeamState  `json:"teams,omitempty"`
	Works     []WorkState  `json:"works,omitempty"`
	Offers    []OfferState `json:"offers,omitempty"`
}

// TeamState is one team in a Snapshot: what is not of the configuration.
type TeamState struct {
	ID     TeamID    `json:"id"`
	Closed bool      `json:"closed,omitempty"`
	Moved  time.Time `json:"moved,omitzero"` // the last answer
	Pace   []sample  `json:"pace,omitempty"` // the last calls that waited and were answered
}

// AgentState is one agent in a Snapshot.
type AgentState struct {
	ID        AgentID       `json:"id"`
	Name      string        `json:"name,omitempty"`
	Limit     int           `json:"limit,omitempty"`
	Removed   bool          `json:"removed,omitempty"` // no longer configured, still in a call
	Away      bool          `json:"away,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Since     time.Time     `json:"since,omitzero"`
	Channel   Channel       `json:"channel"`
	Phones    []PhoneID     `json:"phones,omitempty"`
	Desk      bool          `json:"desk,omitempty"`
	Watching  bool          `json:"watching,omitempty"`
	Off       bool          `json:"off,omitempty"`      // outside the schedule
	OffUntil  time.Time     `json:"off_until,omitzero"` // as told
	WrapUp    time.Time     `json:"wrap_up,omitzero"`   // until
	BackOff   time.Time     `json:"back_off,omitzero"`  // until
	BackLen   time.Duration `json:"back_len,omitempty"` // of the last back-off
	BackWhy   Outcome       `json:"back_why,omitempty"` // of the last back-off
	BackFrom  time.Time     `json:"back_from,omitzero"` // of the last back-off
	NoAnswers int           `json:"no_answers,omitempty"`
	Last      time.Time     `json:"last,omitzero"` // assignment
	Open      []HoldState   `json:"open,omitempty"`
}

// HoldState is one work in an agent's hands in a Snapshot.
type HoldState struct {
	Work   WorkID  `json:"work"`
	Offer  OfferID `json:"offer,omitempty"` // rings; 0: connected or engaged
	Team   TeamID  `json:"team,omitempty"`  // whose limit it counts to
	Routed bool    `json:"routed,omitempty"`
	Limit  int     `json:"limit,omitempty"`
}

// WorkState is one work in a Snapshot. One that neither waits nor has an offer is idle: held, or only remembered.
type WorkState struct {
	ID        WorkID         `json:"id"`
	Team      TeamID         `json:"team,omitempty"`
	Target    AgentID        `json:"target,omitempty"`
	Priority  int            `json:"priority,omitempty"`
	Returned  bool           `json:"returned,omitempty"`
	Since     time.Time      `json:"since,omitzero"`
	Until     time.Time      `json:"until,omitzero"`
	Lasting   bool           `json:"lasting,omitempty"`
	Waiting   bool           `json:"waiting,omitempty"`
	Deadline  time.Time      `json:"deadline,omitzero"`
	Refusals  []RefusalState `json:"refusals,omitempty"`
	Wrapped   []AgentID      `json:"wrapped,omitempty"`
	Forgotten bool           `json:"forgotten,omitempty"`

	Entered     time.Time `json:"entered,omitzero"`
	Asks        Asks      `json:"asks,omitzero"`
	Sticky      AgentID   `json:"sticky,omitempty"` // while it may stick
	StickyUntil time.Time `json:"sticky_until,omitzero"`
	ByHand      bool      `json:"by_hand,omitempty"`
	Place       int       `json:"place,omitempty"`
	Lined       bool      `json:"lined,omitempty"` // Place was looked at
	InLine      bool      `json:"in_line,omitempty"`
	Promised    time.Time `json:"promised,omitzero"`
}

// RefusalState is one agent not having taken a work, in a Snapshot.
type RefusalState struct {
	Agent AgentID   `json:"agent"`
	Why   Outcome   `json:"why"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// OfferState is one offer, live or remembered, in a Snapshot.
type OfferState struct {
	ID         OfferID       `json:"id"`
	Work       WorkID        `json:"work"`
	Agent      AgentID       `json:"agent"`
	Team       TeamID        `json:"team,omitempty"`
	Phones     []PhoneState  `json:"phones,omitempty"`
	Ring       time.Duration `json:"ring"`
	RetryAfter time.Duration `json:"retry_after"`
	AwayAfter  int           `json:"away_after,omitempty"`
	Made       time.Time     `json:"made"`
	Rang       time.Time     `json:"rang,omitzero"`
	Ended      time.Time     `json:"ended,omitzero"`
	Outcome    Outcome       `json:"outcome,omitempty"` // empty: live
	Deadline   time.Time     `json:"deadline"`
}

// PhoneState is one phone of an offer in a Snapshot.
type PhoneState struct {
	ID      PhoneID `json:"id"`
	State   string  `json:"state,omitempty"` // empty: dialled
	Outcome Outcome `json:"outcome,omitempty"`
	Code    int     `json:"code,omitempty"` // of a failed one
}

var phoneStates = [...]string{dialled: "", rings: "rings", failed: "failed", answered: "answered"}

// Snapshot returns a copy of the whole state.
func (r *Router) Snapshot() Snapshot {
	s := Snapshot{Version: snapshotVersion, Now: r.now, LastOffer: r.lastOffer}
	s.Agents = make([]AgentState, 0, len(r.roster))
	for _, a := range r.roster {
		s.Agents = append(s.Agents, a.state())
	}
	for _, t := range r.order {
		if t.closed || !t.pace.moved.IsZero() {
			s.Teams = append(s.Teams, TeamState{ID: t.ID, Closed: t.closed, Moved: t.pace.moved, Pace: slices.Clone(t.pace.samples)})
		}
	}
	s.Works = make([]WorkState, 0, len(r.works))
	for _, id := range slices.Sorted(maps.Keys(r.works)) {
		s.Works = append(s.Works, r.works[id].snapshot())
	}
	s.Offers = make([]OfferState, 0, len(r.offers))
	for _, id := range slices.Sorted(maps.Keys(r.offers)) {
		s.Offers = append(s.Offers, r.offers[id].snapshot())
	}
	return s
}

func (a *agent) state() AgentState {
	s := AgentState{
		ID: a.id, Name: a.name, Limit: a.limit, Removed: a.removed, Away: !a.active, Reason: a.reason, Since: a.since, Channel: a.channel,
		Phones: slices.Clone(a.phones), Desk: a.desk, Watching: a.watching, WrapUp: a.wrapUp.until(), BackOff: a.backOff.until(),
		BackLen: a.backLen, BackWhy: a.backWhy, BackFrom: a.backFrom, NoAnswers: a.noAnswers, Last: a.last,
		Off: a.off, OffUntil: a.offUntil,
	}
	for _, h := range a.open {
		hs := HoldState{Work: h.work.id, Team: h.team, Routed: h.routed, Limit: h.limit}
		if h.offer != nil {
			hs.Offer = h.offer.id
		}
		s.Open = append(s.Open, hs)
	}
	return s
}

func (w *work) snapshot() WorkState {
	s := WorkState{
		ID: w.id, Team: w.teamID, Target: w.target, Priority: w.priority, Returned: w.returned, Since: w.since,
		Waiting: w.state == waiting, Deadline: w.timer.until(), Wrapped: slices.Clone(w.wrapped), Forgotten: w.forgotten,
		Until: w.until, Lasting: w.lasting,
		Entered: w.entered, Asks: w.wants.clone(), Sticky: w.sticky, StickyUntil: w.stickyUntil, ByHand: w.byHand,
		Place: w.place, Lined: w.lined, InLine: w.line != nil, Promised: w.promised,
	}
	for _, f := range w.refusals {
		s.Refusals = append(s.Refusals, RefusalState{Agent: f.agent.id, Why: f.why, At: f.at, Until: f.until})
	}
	return s
}

func (o *offer) snapshot() OfferState {
	s := OfferState{
		ID: o.id, Work: o.work.id, Agent: o.agent.id, Team: o.team, Ring: o.ring, RetryAfter: o.retryAfter, AwayAfter: o.awayAfter,
		Made: o.made, Rang: o.rang, Ended: o.ended, Outcome: o.outcome, Deadline: o.timer.until(),
	}
	for _, p := range o.phones {
		s.Phones = append(s.Phones, PhoneState{ID: p.id, State: phoneStates[p.state], Outcome: p.outcome, Code: p.code})
	}
	return s
}
