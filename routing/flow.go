package routing

import "time"

// Flow is the path that a caller is led along. It is a value: a call keeps the one it arrived under.
type Flow struct {
	ID     FlowID     `json:"id"`
	Answer string     `json:"answer,omitempty"` // AnswerBySteps, AnswerEarly or AnswerLate
	Steps  []FlowStep `json:"steps,omitempty"`
}

// When the carrier's call is answered.
const (
	AnswerBySteps = ""      // by the first step that needs it: play, queue
	AnswerEarly   = "early" // at once, whatever the first step is
	AnswerLate    = "late"  // when an agent answers: until then the caller hears it ring, and prompts are passed over
)

// FlowStep is one step; exactly one of its fields is set.
type FlowStep struct {
	Play    *PlayStep    `json:"play,omitempty"`
	Queue   *QueueStep   `json:"queue,omitempty"`
	Forward *ForwardStep `json:"forward,omitempty"`
	Hangup  *HangupStep  `json:"hangup,omitempty"`
}

// PlayStep plays a prompt to its end. It answers the call.
type PlayStep struct {
	Prompt string `json:"prompt"`
}

// QueueStep waits for an agent of a team. It answers the call.
type QueueStep struct {
	Team       TeamID        `json:"team"`
	Priority   int           `json:"priority,omitempty"`
	MaxWait    time.Duration `json:"max_wait,omitempty"`   // 0: for ever
	Unanswered []FlowStep    `json:"unanswered,omitempty"` // after MaxWait; the steps after the queue follow
}

// ForwardStep sends the caller to an outside number. It does not answer the call: the far side's answer does.
type ForwardStep struct {
	Number   string   `json:"number"`
	Trunks   []string `json:"trunks,omitempty"`
	CallerID string   `json:"caller_id,omitempty"` // "trunk" or "caller"
}

// HangupStep ends the call.
type HangupStep struct {
	Code int `json:"code,omitempty"` // for a call that was not answered; 0: the failure of the forward before, else 480
}

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
func (FlowTick) flowEvent()            {}

// FlowCommand is something to be done for the caller, in order. The set is sealed.
type FlowCommand interface{ flowCommand() }

// FlowAnswer answers the carrier's call. It comes at most once.
type FlowAnswer struct{}

// FlowRing tells the carrier that it rings (180), for a flow that answers late. It comes at most once.
type FlowRing struct{}

// FlowPlay plays a prompt once; FlowPlayed is to follow.
type FlowPlay struct{ Prompt string }

// FlowQueue makes the caller wait: Queued with these values and the caller's arrival.
type FlowQueue struct {
	Team     TeamID
	Priority int
	Returned bool
}

// FlowUnqueue takes the caller out of the queue: Removed.
type FlowUnqueue struct{}

// FlowForward dials the number; the trunks are tried in order.
type FlowForward struct {
	Number   string
	Trunks   []string
	CallerID string
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
)

func (FlowAnswer) flowCommand()  {}
func (FlowRing) flowCommand()    {}
func (FlowPlay) flowCommand()    {}
func (FlowQueue) flowCommand()   {}
func (FlowUnqueue) flowCommand() {}
func (FlowForward) flowCommand() {}
func (FlowEnd) flowCommand()     {}
