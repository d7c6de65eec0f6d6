package call

import (
	"time"

	"trunkline/routing"
)

// Transferred is a transfer's receipt on the call card.
type Transferred struct {
	By  routing.AgentID `json:"by"`
	To  Destination     `json:"to"`
	Ask bool            `json:"ask,omitempty"`

	Began    time.Time `json:"began"`
	Rang     time.Time `json:"rang,omitzero"`
	Answered time.Time `json:"answered,omitzero"` // the customer was handed over
	Ended    time.Time `json:"ended,omitzero"`    // zero while it goes on

	Outcome routing.Outcome `json:"outcome,omitempty"` // accepted is success
	SIP     int             `json:"sip,omitempty"`     // the final response; of an agent's phones the one that says the outcome
	Q850    int             `json:"q850,omitempty"`    // the ISDN cause: the network's, else of the same meaning

	RecordingStopped time.Time `json:"recording_stopped,omitzero"` // by a transfer to a number
}

// RingTime is how long the third party rang.
func (t *Transferred) RingTime(now time.Time) time.Duration {
	if t.Rang.IsZero() {
		return 0
	}
	return span(t.Rang, t.Ended, now)
}

// Outcomes of a transfer beside those of an offer.
const (
	OutcomeCancelled routing.Outcome = "cancelled" // by whoever asked for it
	OutcomeRejected  routing.Outcome = "rejected"  // the number was refused
	OutcomeFailed    routing.Outcome = "failed"    // no trunk could reach it
	OutcomeHungUp    routing.Outcome = "hung_up"   // who was asked hung up
)

// outcomeOf tells apart what the final response to a dialled number means.
func outcomeOf(code int) routing.Outcome {
	switch code {
	case 486, 600:
		return routing.OutcomeBusy
	case 603, 403, 607:
		return routing.OutcomeDeclined
	case 408, 480, 487:
		return routing.OutcomeNoAnswer
	case 488, 415, 606:
		return routing.OutcomeMisconfigured
	}
	if code >= 400 && code < 500 || code >= 600 {
		return OutcomeRejected
	}
	return OutcomeFailed
}

// causeOf maps a final response to an ISDN cause (RFC 3398 §8.2.6.1); 0: none.
func causeOf(code int) int {
	switch code {
	case 0:
		return 0
	case 200:
		return 16
	case 404, 485, 604:
		return 1
	case 410:
		return 22
	case 408, 504:
		return 102
	case 480:
		return 18
	case 484:
		return 28
	case 486, 600:
		return 17
	case 403, 603:
		return 21
	case 488, 606:
		return 79
	case 503:
		return 41
	}
	return 127
}
