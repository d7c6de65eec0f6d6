package routing

import "time"

// Event is something that happened. The set is sealed; every one can be journalled (EncodeEvent).
// Events about agents, works and offers that the router does not know are ignored.
type Event interface{ event() }

// Configured swaps the configuration. Ringing at an agent who is no longer there is withdrawn; calls go on;
// a waiting work whose team or target is gone is given back by Stranded.
type Configured struct {
	Config Config `json:"config"`
}

// PhonesChanged says which phones of an agent are live now, all of them, in the order in which they are to be named.
type PhonesChanged struct {
	Agent  AgentID   `json:"agent"`
	Phones []PhoneID `json:"phones,omitempty"`
	Fresh  bool      `json:"fresh,omitempty"` // caused by a new registration: clears the agent's back-off
}

// DeskChanged says whether an agent has a Help Desk tab open that answers the heartbeat. Watching: it shows what rings
// and takes orders, and is no phone itself. Ringing for a team that demands the tab ends when it closes.
type DeskChanged struct {
	Agent    AgentID `json:"agent"`
	Open     bool    `json:"open,omitempty"`
	Watching bool    `json:"watching,omitempty"`
}

// StatusSet is an agent, or somebody for them, switching to active or away. It ends wrap-up early.
type StatusSet struct {
	Agent  AgentID `json:"agent"`
	Active bool    `json:"active,omitempty"`
	Reason string  `json:"reason,omitempty"` // of being away
}

// ChannelSet is an agent choosing which kinds of work to take.
type ChannelSet struct {
	Agent   AgentID `json:"agent"`
	Channel Channel `json:"channel"`
}

// Queued makes a work wait, or moves a waiting one (an offer in flight for it is withdrawn). What is remembered of
// the work stays. An agent who holds the work is not offered it.
type Queued struct {
	Work     WorkID    `json:"work"`
	Team     TeamID    `json:"team,omitempty"`     // empty only with a Target: the target's first team says how long to ring
	Target   AgentID   `json:"target,omitempty"`   // offered to this agent only
	Priority int       `json:"priority,omitempty"` // higher is served first
	Since    time.Time `json:"since"`              // when the caller arrived; zero: now
	Returned bool      `json:"returned,omitempty"` // was answered before: goes before all never-answered works of its priority
	Until    time.Time `json:"until,omitzero"`     // from then on no offer is made: Expired gives it back; zero: no end
	Lasting  bool      `json:"lasting,omitempty"`  // a callback: who refused it is remembered over Restarted

	Entered time.Time `json:"entered,omitzero"` // when it began to wait here: what Asks says counts from then; zero: now
	Asks
	Sticky      AgentID   `json:"sticky,omitempty"` // kept for this agent alone, until StickyUntil, they refuse it or leave
	StickyUntil time.Time `json:"sticky_until,omitzero"`
	ByHand      bool      `json:"by_hand,omitempty"` // Sticky was chosen by hand: whatever they refused, have or belong to
}

// Prioritized changes a waiting or ringing work's priority; ringing goes on.
type Prioritized struct {
	Work     WorkID `json:"work"`
	Priority int    `json:"priority,omitempty"`
}

// Asked asks where a work stands in its queue and how long it will wait: Placed answers, always.
type Asked struct {
	Work WorkID `json:"work"`
}

// QueueSet closes a team's queue, or opens it. Works that wait stay; whether new ones come is up to who queues them (TeamView.Closed).
type QueueSet struct {
	Team   TeamID `json:"team"`
	Closed bool   `json:"closed,omitempty"`
}

// ShiftSet says whether an agent's schedule has them at work. Outside it nothing is offered; a status they set stays.
type ShiftSet struct {
	Agent AgentID   `json:"agent"`
	Off   bool      `json:"off,omitempty"`
	Until time.Time `json:"until,omitzero"` // the schedule's next change, to be told; zero: none is known
}

// Removed takes a work out of waiting. OutcomeAbandoned: its caller has gone, and everything about it is forgotten once no
// agent holds it. Any other Why: the flow took it away, it may be Queued again. Ringing for it is cancelled with Why.
type Removed struct {
	Work WorkID  `json:"work"`
	Why  Outcome `json:"why,omitempty"` // empty: OutcomeWithdrawn
}

// PhoneRang is the first 180 or 183 of one phone of an offer. 181 and 182 are not ringing.
type PhoneRang struct {
	Offer OfferID `json:"offer"`
	Phone PhoneID `json:"phone"`
}

// PhoneAnswered is the 2xx of one phone of an offer.
type PhoneAnswered struct {
	Offer OfferID `json:"offer"`
	Phone PhoneID `json:"phone"`
}

// PhoneFailed is the final refusal of one phone of an offer. Harmless after a Cancel.
type PhoneFailed struct {
	Offer OfferID `json:"offer"`
	Phone PhoneID `json:"phone"`
	Code  int     `json:"code,omitempty"` // SIP final response; 0: transport error or no response

	// Misfit: the agent answered, but the phone's session description cannot be used. That is no refusal.
	Misfit bool `json:"misfit,omitempty"`
}

// Declined is an agent refusing an offer at the Help Desk or by the API.
type Declined struct {
	Offer OfferID `json:"offer"`
}

// Engaged says that an agent has a call that the router did not hand out: internal, outbound, or taken over.
// It counts to the limit and is never refused by it.
type Engaged struct {
	Work  WorkID  `json:"work"`
	Agent AgentID `json:"agent"`
	Team  TeamID  `json:"team,omitempty"` // whose limit it counts to as well
}

// Refused says that an agent gave a work back that they had taken: it counts as declined.
type Refused struct {
	Work  WorkID  `json:"work"`
	Agent AgentID `json:"agent"`
}

// Released says that an agent's leg of a work is gone.
type Released struct {
	Work  WorkID  `json:"work"`
	Agent AgentID `json:"agent"`
	Spoke bool    `json:"spoke,omitempty"` // with the customer: wrap-up, once per work and agent
	Team  TeamID  `json:"team,omitempty"`  // whose wrap-up counts; empty or unknown: the agent's first team's
}

// Restarted is the process starting on a snapshot: all works and offers are gone without outcome and without commands;
// of a lasting work who refused it stays.
// Status, wrap-up, last assignment, back-off and the count of no-answers stay; phones and tabs are unknown until told.
type Restarted struct{}

// Tick lets deadlines pass. It is wanted at Deadline; one too many is harmless.
type Tick struct{}

func (Configured) event()    {}
func (PhonesChanged) event() {}
func (DeskChanged) event()   {}
func (StatusSet) event()     {}
func (ChannelSet) event()    {}
func (Queued) event()        {}
func (Prioritized) event()   {}
func (Asked) event()         {}
func (QueueSet) event()      {}
func (ShiftSet) event()      {}
func (Removed) event()       {}
func (PhoneRang) event()     {}
func (PhoneAnswered) event() {}
func (PhoneFailed) event()   {}
func (Declined) event()      {}
func (Engaged) event()       {}
func (Refused) event()       {}
func (Released) event()      {}
func (Restarted) event()     {}
func (Tick) event()          {}
