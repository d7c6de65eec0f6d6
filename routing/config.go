package routing

import "time"

// AgentID names an agent: the key under agents in the configuration.
type AgentID string

// TeamID names a team: the key under teams in the configuration.
type TeamID string

// WorkID names what is handed out: a call. It is unique for ever and sorts by time where two works waited equally long.
type WorkID string

// PhoneID names one live device of an agent.
type PhoneID string

// FlowID names a flow: the key under flows in the configuration.
type FlowID string

// OfferID numbers offers from 1, across restarts as long as the snapshot is kept.
type OfferID uint64

// DeskPhone is the device that an open Help Desk tab is: Ring names it, last, when the agent's tab is open.
const DeskPhone PhoneID = "desk"

// Defaults for what a Config leaves zero.
const (
	DefaultRing       = 30 * time.Second
	DefaultRingStart  = 4 * time.Second
	DefaultRetryAfter = 5 * time.Minute
	DefaultCallLimit  = 1
)

// How long an agent who was busy or unreachable is held back: the first time, and at most.
const (
	backOffFirst = 10 * time.Second
	backOffMost  = 60 * time.Second
)

// How long an ended offer is remembered, so that an answer that crosses its end is told why it is dropped: RFC 3261
// gives a response 64*T1 = 32 s.
const offerMemory = 40 * time.Second

// How long, if no phone of it can still answer: at hundreds of calls a second the remembered ones are most of a snapshot.
const toldTwice = time.Second

// How long a work that nobody holds and that does not wait is remembered (who refused it, who had wrap-up for it),
// unless Removed says that its caller has gone.
const workMemory = 10 * time.Minute

// Reasons of a status that the router itself sets.
const (
	ReasonWrapUp       = "Call wrap up"
	ReasonNotAnswering = "not answering"
)

// Config is who can be offered work. Order matters only in that an agent's first team is the first one here that has the agent.
type Config struct {
	Agents []Agent `json:"agents,omitempty"`
	Teams  []Team  `json:"teams,omitempty"`
}

// Agent is one person who takes calls. A new agent is active, on every channel, and without a phone.
type Agent struct {
	ID        AgentID `json:"id"`
	Name      string  `json:"name,omitempty"`
	CallLimit int     `json:"call_limit,omitempty"` // calls at once, ringing ones included; 0: DefaultCallLimit
	Skills    []Skill `json:"skills,omitempty"`
}

// Team is a named set of agents and how they are rung. Agents that the Config does not have are passed over.
type Team struct {
	ID         TeamID        `json:"id"`
	Agents     []AgentID     `json:"agents,omitempty"`
	NeedDesk   bool          `json:"need_desk,omitempty"`   // only agents with an open Help Desk are present
	Ring       time.Duration `json:"ring,omitempty"`        // from the first 180/183; 0: DefaultRing
	RingStart  time.Duration `json:"ring_start,omitempty"`  // without ringing by then: unreachable; 0: DefaultRingStart
	RetryAfter time.Duration `json:"retry_after,omitempty"` // a refused work to the same agent; 0: DefaultRetryAfter
	WrapUp     time.Duration `json:"wrap_up,omitempty"`     // 0: none
	AwayAfter  int           `json:"away_after,omitempty"`  // no-answers in a row; 0: never set away
	CallLimit  int           `json:"call_limit,omitempty"`  // of its calls, at once in one agent's hands; 0: the agent's own limit alone
}

func (t Team) withDefaults() Team {
	if t.Ring <= 0 {
		t.Ring = DefaultRing
	}
	if t.RingStart <= 0 {
		t.RingStart = DefaultRingStart
	}
	if t.RetryAfter <= 0 {
		t.RetryAfter = DefaultRetryAfter
	}
	return t
}

// Channel says for which kinds of work an agent is there.
type Channel string

// The channels. Calls are offered on ChannelAll and ChannelPhone.
const (
	ChannelAll           Channel = "all"
	ChannelPhone         Channel = "phone"
	ChannelConversations Channel = "conversations"
)

// Status is what an agent is shown as.
type Status string

// The statuses. Wrap-up is StatusAway with ReasonWrapUp and an absolute end.
const (
	StatusActive Status = "active"
	StatusAway   Status = "away"
)
