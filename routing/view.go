package routing

import "time"

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
