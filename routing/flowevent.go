package routing

import "time"

// FlowEvent is something that happened on a caller's path. The set is sealed. One that does not fit the present step is
// late and ignored.
type FlowEvent interface{ flowEvent() }

// FlowBegin starts the flow.
type FlowBegin struct{}

// FlowPlayed says that the prompt has ended.
type FlowPlayed struct{}

// FlowAnswered says that an agent took the call from its queue.
type FlowAnswered struct{}

// FlowReturned says that the agent was lost: the caller goes back to the front of the last queue.
type FlowReturned struct{}

// FlowStranded says that the queue's team is gone (Stranded): the queue step ends as if its time were up.
type FlowStranded struct{}

// FlowForwardRinging says that the far side of a forward rings or sends early media.
type FlowForwardRinging struct{}

// FlowForwardAnswered says that the far side of a forward answered.
type FlowForwardAnswered struct{}

// FlowForwardFailed says that a forward was refused on every trunk.
type FlowForwardFailed struct {
	Code int `json:"code,omitempty"` // the far side's final response; 0: none came
}

// FlowForwardEnded says that the far side of an answered forward hung up.
type FlowForwardEnded struct{}

// FlowDigit is a digit that the caller has pressed, whichever way it came: once a digit.
type FlowDigit struct {
	Digit string `json:"digit"` // one of 0 to 9, *, #, A to D
}

// FlowKnown says who calls, as soon and as often as more is known.
type FlowKnown struct {
	Caller FlowCaller `json:"caller"`
}

// FlowDone says that a callback, voicemail or mailbox step is over: the next step follows.
type FlowDone struct{}

// FlowTick lets a deadline pass.
type FlowTick struct{}

func (FlowBegin) flowEvent()           {}
func (FlowPlayed) flowEvent()          {}
func (FlowAnswered) flowEvent()        {}
func (FlowReturned) flowEvent()        {}
func (FlowStranded) flowEvent()        {}
func (FlowForwardRinging) flowEvent()  {}
func (FlowForwardAnswered) flowEvent() {}
func (FlowForwardFailed) flowEvent()   {}
func (FlowForwardEnded) flowEvent()    {}
func (FlowDigit) flowEvent()           {}
func (FlowKnown) flowEvent()           {}
func (FlowDone) flowEvent()            {}
func (FlowTick) flowEvent()            {}

// FlowCommand is something to be done for the caller, in order. The set is sealed.
type FlowCommand interface{ flowCommand() }

// FlowAnswer answers the carrier's call. It comes at most once.
type FlowAnswer struct{}

// FlowRing tells the carrier that it rings (180), for a flow that answers late. It comes at most once.
type FlowRing struct{}

// FlowPlay plays sounds one after the other, in place of what is played; FlowPlayed is to follow. Their values are filled
// in. What comes next is ready when FlowPlayed arrives, so there is no gap but the switchboard's own.
type FlowPlay struct {
	Sounds   []Sound
	Language string // empty: the house's
}

// FlowStopPlay stops what is played; no FlowPlayed is to follow.
type FlowStopPlay struct{}

// FlowChose says what the caller has chosen in a menu, once it is certain.
type FlowChose struct {
	Choice Choice
	Flow   FlowID // where the menu is
}

// FlowSet says which attributes the call was given.
type FlowSet struct{ Attributes map[string]string }

// FlowEntered says that the caller is led along another flow.
type FlowEntered struct{ Flow FlowID }

// FlowOfferCallback offers the caller to be rung back; FlowDone is to follow.
type FlowOfferCallback struct{ Step CallbackStep }

// FlowRecord takes a message; FlowDone is to follow.
type FlowRecord struct{ Step VoicemailStep }

// FlowOpenMailbox lets the caller hear messages; FlowDone follows.
type FlowOpenMailbox struct{ Step MailboxStep }

// FlowQueue makes the caller wait: Queued with these values and the caller's arrival.
type FlowQueue struct {
	Team     TeamID
	Agent    AgentID // in place of Team
	Priority int
	Returned bool

	Entered time.Time // when this wait began
	Asks
	Sticky      AgentID // kept for this agent until StickyUntil; empty: for nobody
	StickyUntil time.Time
	Music       string // empty: the house's
}

// FlowUnqueue takes the caller out of the queue: Removed.
type FlowUnqueue struct{}

// FlowForward dials the number; the trunks are tried in order.
type FlowForward struct {
	Number   string
	Trunks   []string
	CallerID string
	Ring     time.Duration // 0: the switchboard's
}

// FlowEnd ends the call. It comes at most once, last.
type FlowEnd struct {
	Code  int    // final response if the call was not answered
	Cause string // one of the FlowCause constants
}

// Why a flow ended a call.
const (
	FlowCauseHangup  = "hangup"         // a hangup step, or no step left
	FlowCauseForward = "forward_failed" // a forward of an unanswered call failed and nothing follows
	FlowCauseFarEnd  = "forward_ended"  // the far side of a forward hung up
	FlowCauseLoop    = "flow_loop"      // the flow led in a circle MostHops times, and the caller did nothing
)

func (FlowAnswer) flowCommand()        {}
func (FlowRing) flowCommand()          {}
func (FlowPlay) flowCommand()          {}
func (FlowStopPlay) flowCommand()      {}
func (FlowChose) flowCommand()         {}
func (FlowSet) flowCommand()           {}
func (FlowEntered) flowCommand()       {}
func (FlowOfferCallback) flowCommand() {}
func (FlowRecord) flowCommand()        {}
func (FlowOpenMailbox) flowCommand()   {}
func (FlowQueue) flowCommand()         {}
func (FlowUnqueue) flowCommand()       {}
func (FlowForward) flowCommand()       {}
func (FlowEnd) flowCommand()           {}
