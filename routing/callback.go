package routing

import "time"

// CallbackID names a promise to ring back, for ever. It sorts by the time of the request.
type CallbackID string

// Work is what the Router calls it while it is offered.
func (id CallbackID) Work() WorkID { return WorkID(id) }

// CallbackState is what has become of a callback.
type CallbackState string

// The states. What is true in each:
const (
	CallbackPending    CallbackState = "pending"    // not actioned
	CallbackAnswered   CallbackState = "answered"   // the customer was called, and answered
	CallbackClosed     CallbackState = "closed"     // closed without calling
	CallbackUnanswered CallbackState = "unanswered" // the customer was called, and did not pick up
)

// CallbackStage says what is being done about a callback.
type CallbackStage string

// The stages. What is true in each:
const (
	CallbackIdle    CallbackStage = "idle"    // nothing: done, or by hand only, or not yet (quiet hours, a trunk that failed)
	CallbackWaits   CallbackStage = "waits"   // the Router has it: it waits, or rings at an agent
	CallbackCalling CallbackStage = "calling" // an agent has it, and the customer is called
)

// CallbackMark is an event in a callback's life; being ignored is one, and no state.
type CallbackMark string

// The marks.
const (
	MarkRequested   CallbackMark = "requested"
	MarkMerged      CallbackMark = "merged" // the same number asked again
	MarkOffered     CallbackMark = "offered"
	MarkIgnored     CallbackMark = "ignored" // declined, or not answered, by an agent
	MarkCalling     CallbackMark = "calling" // an agent accepted it, or calls by hand
	MarkAnswered    CallbackMark = "answered"
	MarkUnanswered  CallbackMark = "unanswered"
	MarkFailed      CallbackMark = "failed"      // no trunk could carry the call: it is offered again later
	MarkGivenUp     CallbackMark = "given_up"    // the agent left before the customer's phone rang
	MarkInterrupted CallbackMark = "interrupted" // the switch ended while the customer was called
	MarkExpired     CallbackMark = "expired"     // its time to be offered is over: by hand only
	MarkAssigned    CallbackMark = "assigned"    // by hand, to an agent; without one, back to the team
	MarkClosed      CallbackMark = "closed"      // by hand, or by the house with a reason
	MarkCalledIn    CallbackMark = "called_in"   // closed: the customer called in, and an agent answered
	MarkStranded    CallbackMark = "stranded"    // its team is gone: by hand only
)

// Callback is a promise to ring a customer back. It is a value that can be copied and written as JSON.
type Callback struct {
	ID      CallbackID `json:"id"`
	Number  string     `json:"number"` // E.164: the only one that is ever dialled for it
	Name    string     `json:"name,omitempty"`
	Contact string     `json:"contact,omitempty"`

	Team     TeamID  `json:"team"`                // whose agents it is offered to
	Agent    AgentID `json:"agent,omitempty"`     // assigned by hand: offered to nobody else
	ViewOnly bool    `json:"view_only,omitempty"` // assigned, and not even offered to that agent
	Priority int     `json:"priority,omitempty"`

	Asked    time.Time `json:"asked"`           // the last request
	First    time.Time `json:"first"`           // the first one, from which its time runs
	Since    time.Time `json:"since"`           // its place in line: the arrival of the call that it replaces
	Until    time.Time `json:"until"`           // offered until then, after that by hand
	Quiet    []Span    `json:"quiet,omitempty"` // not offered within: night where the customer is
	After    time.Time `json:"after,omitzero"`  // not offered before: a trunk failed
	Call     string    `json:"call,omitempty"`  // in which it was asked for, last
	Requests int       `json:"requests"`        // how often it was asked for

	State    CallbackState `json:"state"`
	Stage    CallbackStage `json:"stage"`
	Reason   string        `json:"reason,omitempty"`    // of being closed
	Done     time.Time     `json:"done,omitzero"`       // left pending, last
	Forget   time.Time     `json:"forget,omitzero"`     // one that is done: when it leaves Callbacks
	CalledIn bool          `json:"called_in,omitempty"` // while the stage was calling
	Spent    bool          `json:"spent,omitempty"`     // MarkExpired or MarkStranded was given

	Attempts []CallbackAttempt `json:"attempts,omitempty"`
	Marks    []CallbackNote    `json:"marks"`             // in order, the last mostMarks
	Ignored  int               `json:"ignored,omitempty"` // how often
}

// Span is a stretch of time: from From to before To.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// CallbackAttempt is one call to the customer.
type CallbackAttempt struct {
	Call    string       `json:"call,omitempty"`
	Agent   AgentID      `json:"agent"`
	ByHand  bool         `json:"by_hand,omitempty"`
	Began   time.Time    `json:"began"`
	Ended   time.Time    `json:"ended,omitzero"`
	Outcome CallbackMark `json:"outcome,omitempty"` // empty: goes on
}

// CallbackNote is one event of a callback.
type CallbackNote struct {
	Mark  CallbackMark `json:"mark"`
	At    time.Time    `json:"at"`
	Agent AgentID      `json:"agent,omitempty"`
	By    string       `json:"by,omitempty"` // who ordered it
}

// mostMarks bounds what is kept of one callback's events: the first, and the last ones.
const mostMarks = 100

// Last is the last event.
func (c *Callback) Last() CallbackNote {
	if len(c.Marks) == 0 {
		return CallbackNote{}
	}
	return c.Marks[len(c.Marks)-1]
}

// CallbackEvent is something that happened to callbacks. The set is sealed. One about a callback that is not known, or
// that does not fit its stage, is late and ignored.
type CallbackEvent interface{ callbackEvent() }

// CallbackAsked is a request: in a flow, or by order. While a callback to the number is pending it merges.
type CallbackAsked struct {
	ID       CallbackID
	Number   string
	Name     string
	Contact  string
	Team     TeamID
	Priority int
	Since    time.Time     // the arrival of the call that it replaces; zero: now
	For      time.Duration // how long it is offered
	Quiet    []Span        // in order
	Call     string
	By       string // who asked by order; empty: the customer
}

// CallbackOffered is a phone of an agent that rings for it.
type CallbackOffered struct {
	ID    CallbackID
	Agent AgentID
}

// CallbackRefused is an offer that ended without an answer.
type CallbackRefused struct {
	ID      CallbackID
	Agent   AgentID
	Outcome Outcome
}

// CallbackTaken is an agent who has it: who accepted the offer, or calls by hand.
type CallbackTaken struct {
	ID     CallbackID
	Agent  AgentID
	ByHand bool
	Call   string
}

// CallbackTold is what became of the attempt: MarkAnswered, MarkUnanswered, MarkFailed, MarkGivenUp.
type CallbackTold struct {
	ID      CallbackID
	Outcome CallbackMark
}

// CallbackBack is the Router giving it back: its time is over (Expired), or its team is gone (Stranded).
type CallbackBack struct {
	ID       CallbackID
	Stranded bool
}

// CallbackShut closes it without a call.
type CallbackShut struct {
	ID     CallbackID
	By     string
	Reason string
}

// CallbackGiven assigns it by hand to an agent; to nobody, it goes back to the team.
type CallbackGiven struct {
	ID       CallbackID
	Agent    AgentID
	By       string
	ViewOnly bool // it does not ring, not even there
}

// CallbackSeen is an agent talking with the number: the customer called in, or, Out, was dialled by hand.
type CallbackSeen struct {
	Number string
	Agent  AgentID
	Call   string
	Out    bool
}

// CallbackAdopted is one that was done and forgotten: somebody acts on it again.
type CallbackAdopted struct{ Callback Callback }

// CallbackLost says that the Router does not have one that waits: a defect, mended by handing it over again.
type CallbackLost struct{ ID CallbackID }

// CallbackGone forgets every callback to a number: its contact was deleted.
type CallbackGone struct{ Number string }

// CallbackRestarted is the process starting: nothing rings and nobody is called.
type CallbackRestarted struct{}

// CallbackTick lets deadlines pass.
type CallbackTick struct{}

func (CallbackAsked) callbackEvent()     {}
func (CallbackOffered) callbackEvent()   {}
func (CallbackRefused) callbackEvent()   {}
func (CallbackTaken) callbackEvent()     {}
func (CallbackTold) callbackEvent()      {}
func (CallbackBack) callbackEvent()      {}
func (CallbackShut) callbackEvent()      {}
func (CallbackGiven) callbackEvent()     {}
func (CallbackSeen) callbackEvent()      {}
func (CallbackAdopted) callbackEvent()   {}
func (CallbackLost) callbackEvent()      {}
func (CallbackGone) callbackEvent()      {}
func (CallbackRestarted) callbackEvent() {}
func (CallbackTick) callbackEvent()      {}

// CallbackCommand is something to be done, in order. The set is sealed.
type CallbackCommand interface{ callbackCommand() }

// CallbackQueue hands it to the Router: Queued with these values, Lasting.
type CallbackQueue struct{ Queued Queued }

// CallbackUnqueue takes it from the Router: Removed.
type CallbackUnqueue struct{ ID CallbackID }

// CallbackRefuse tells the Router that an agent gave it back: Refused.
type CallbackRefuse struct {
	ID    CallbackID
	Agent AgentID
}

// CallbackForget lets the Router forget it, who refused it included.
type CallbackForget struct{ ID CallbackID }

// CallbackKeep writes it down as it is now. Every change of a callback gives one.
type CallbackKeep struct{ Callback Callback }

// CallbackDrop removes what was written of it.
type CallbackDrop struct{ ID CallbackID }

// CallbackSay tells what happened.
type CallbackSay struct {
	ID   CallbackID
	Team TeamID
	Note CallbackNote
	Why  string
}

func (CallbackQueue) callbackCommand()   {}
func (CallbackUnqueue) callbackCommand() {}
func (CallbackRefuse) callbackCommand()  {}
func (CallbackForget) callbackCommand()  {}
func (CallbackKeep) callbackCommand()    {}
func (CallbackDrop) callbackCommand()    {}
func (CallbackSay) callbackCommand()     {}
