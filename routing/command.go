package routing

import "time"

// Outcome says what became of an offer, or why a phone is to stop.
type Outcome string

// The outcomes. They are distinct in facts, records, API and metrics, always.
const (
	OutcomeAccepted          Outcome = "accepted"           // a phone answered in time
	OutcomeDeclined          Outcome = "declined"           // the agent refused
	OutcomeNoAnswer          Outcome = "no_answer"          // rang until the deadline
	OutcomeBusy              Outcome = "busy"               // refused as busy without ringing
	OutcomeUnreachable       Outcome = "unreachable"        // no phone could be made to ring
	OutcomeMisconfigured     Outcome = "misconfigured"      // the phone cannot do what is needed: to be said loudly
	OutcomeAbandoned         Outcome = "abandoned"          // the caller went while it rang
	OutcomeAnsweredElsewhere Outcome = "answered_elsewhere" // another phone of the same offer won; only of a phone
	OutcomeTooLate           Outcome = "too_late"           // a phone answered after the deadline; only of a phone
	OutcomeWithdrawn         Outcome = "withdrawn"          // the work or the agent was taken away by the house
)

// Command is something to be done, in order. The set is sealed.
type Command interface{ command() }

// Ring starts an offer: every phone is dialled at once. From here the agent's capacity is reserved.
type Ring struct {
	Offer  OfferID
	Work   WorkID
	Agent  AgentID
	Team   TeamID
	Phones []PhoneID
}

// Cancel stops one phone that was not answered. Why is for the CANCEL's Reason: OutcomeAnsweredElsewhere,
// OutcomeNoAnswer, OutcomeAbandoned and so on.
type Cancel struct {
	Offer OfferID
	Phone PhoneID
	Why   Outcome
}

// Connect joins the phone that answered with the work's caller. The agent holds the work until Released.
type Connect struct {
	Offer OfferID
	Work  WorkID
	Agent AgentID
	Phone PhoneID
}

// Drop hangs up a phone that answered but cannot be used: OutcomeTooLate, OutcomeAnsweredElsewhere, OutcomeAbandoned,
// OutcomeDeclined (at the desk) or OutcomeWithdrawn.
type Drop struct {
	Offer OfferID
	Phone PhoneID
	Why   Outcome
}

// OfferRang says that the first phone of an offer rings, and until when there is time to answer.
type OfferRang struct {
	Offer OfferID
	Work  WorkID
	Agent AgentID
	Until time.Time // an answer at this very moment is late
}

// OfferEnded comes exactly once for every Ring, whatever became of it, except over a restart.
type OfferEnded struct {
	Offer   OfferID
	Work    WorkID
	Agent   AgentID
	Team    TeamID
	Outcome Outcome
	Code    int // the final response of the phone that says the outcome; 0: none does
	Made    time.Time
	Rang    time.Time // zero: never rang
	At      time.Time
}

// StatusChanged says what an agent is shown as from now on.
type StatusChanged struct {
	Agent  AgentID
	Status Status
	Reason string
	Until  time.Time // of wrap-up; zero: until changed
}

// Stranded gives a work back that can no longer be offered to anybody because its team or its target was removed
// from the configuration. It no longer waits: its flow has to go on without (FlowStranded).
type Stranded struct {
	Work   WorkID
	Team   TeamID
	Target AgentID
}

// Expired gives a work back whose time to be offered is over (Queued.Until). An offer that was in flight then has ended
// before. It no longer waits.
type Expired struct {
	Work WorkID
}

// Placed answers Asked.
type Placed struct {
	Work       WorkID
	Team       TeamID
	Place      int           // from 1, those who ring counted; 0: it does not wait
	Wait       time.Duration // estimated, rounded as people say it; 0: nobody can tell
	Confidence int           // of a hundred of the last answered calls, for so many it would have held
}

// Deserted says that the last agent of a team who was there has gone while works wait for it.
type Deserted struct{ Team TeamID }

func (Ring) command()          {}
func (Cancel) command()        {}
func (Connect) command()       {}
func (Drop) command()          {}
func (OfferRang) command()     {}
func (OfferEnded) command()    {}
func (StatusChanged) command() {}
func (Stranded) command()      {}
func (Expired) command()       {}
func (Placed) command()        {}
func (Deserted) command()      {}
