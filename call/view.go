package call

import (
	"time"

	"trunkline/desk"
	"trunkline/routing"
	"trunkline/sip"
)

// Status is a picture of the switch at one moment.
type Status struct {
	At       time.Time     `json:"at"`
	Started  time.Time     `json:"started"`
	Config   string        `json:"config"` // hash of the configuration in force
	Draining bool          `json:"draining,omitempty"`
	Trunks   []TrunkStatus `json:"trunks"`
	Agents   []AgentStatus `json:"agents"`
	Queues   []QueueStatus `json:"queues"`
	Calls    []CallStatus  `json:"calls"`
	Counts   Counts        `json:"counts"`
	Messages MessageCount  `json:"messages"`

	Callbacks []routing.CallbackCount `json:"callbacks"` // that are pending, by team
}

// MessageCount is how many voicemail messages there are.
type MessageCount struct {
	New   int `json:"new"` // that nobody has heard
	Heard int `json:"heard"`
}

// TrunkStatus is one trunk's line in Status.
type TrunkStatus struct {
	ID    sip.TrunkID        `json:"id"`
	Up    bool               `json:"up"`
	Why   string             `json:"why,omitempty"`
	State sip.TrunkCondition `json:"state,omitempty"`
	At    string             `json:"target,omitempty"` // where its calls go first
	Until time.Time          `json:"until,omitzero"`   // of its registration
	Calls int                `json:"calls"`
	Max   int                `json:"max"`
}

// AgentStatus is one agent's line in Status.
type AgentStatus struct {
	routing.AgentView
	Phones    []PhoneStatus `json:"phones"`
	CallerIDs []CallerID    `json:"caller_ids,omitempty"` // that calls out may show
	Doing     time.Time     `json:"doing,omitzero"`       // since when: ringing, in a call, or what Status says; zero: not known
}

// PhoneStatus is one live phone of an agent.
type PhoneStatus struct {
	URI       string    `json:"uri"`
	UserAgent string    `json:"user_agent,omitempty"`
	Address   string    `json:"address,omitempty"` // where it registered from
	Static    bool      `json:"static,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

// QueueStatus is one team's line in Status.
type QueueStatus struct {
	Team    routing.TeamID `json:"team"`
	Name    string         `json:"name,omitempty"`
	Waiting int            `json:"waiting"`
	Longest time.Duration  `json:"longest"` // of the calls that wait now
	Present int            `json:"present"` // agents who could be offered a call now or after their calls

	Closed     bool           `json:"closed,omitempty"` // to new callers
	Agents     map[string]int `json:"agents,omitempty"` // by state: available, busy, wrap_up, away, off_duty, offline
	Today      TeamDay        `json:"today"`
	Wait       time.Duration  `json:"wait,omitempty"` // of who came now; 0: nobody can tell
	Confidence int            `json:"confidence,omitempty"`
}

// CallStatus is one call in progress.
type CallStatus struct {
	ID      ID              `json:"id"`
	Trunk   sip.TrunkID     `json:"trunk"`
	Caller  desk.Number     `json:"caller"`
	Dialled string          `json:"dialled"`
	State   SegmentKind     `json:"state"`
	Agent   routing.AgentID `json:"agent,omitempty"`
	Since   time.Time       `json:"since"` // of the state
	Began   time.Time       `json:"began"`

	Direction Direction       `json:"direction,omitempty"`
	Dialler   routing.AgentID `json:"dialler,omitempty"` // whose own call it is

	Sound   []Sound   `json:"sound,omitempty"` // of the legs that are up
	SRTP    []Secured `json:"srtp,omitempty"`  // its legs whose sound is or was encrypted
	Watched []Watched `json:"watched,omitempty"`

	Name  string `json:"name,omitempty"`  // of the contact
	Waits *Waits `json:"waits,omitempty"` // for a team or an agent, also while it rings at one; nil: it does not
}

// Waits is how a call waits.
type Waits struct {
	Team     routing.TeamID  `json:"team,omitempty"`
	Agent    routing.AgentID `json:"agent,omitempty"` // for this agent alone
	Since    time.Time       `json:"since"`
	Priority int             `json:"priority,omitempty"`
}

// Counts are totals since the start of the process.
type Counts struct {
	Calls       uint64 `json:"calls"`
	DialRefused uint64 `json:"dial_refused"` // numbers that the dial rules forbid
	DialCapped  uint64 `json:"dial_capped"`  // numbers not dialled because a cap of dial: was reached
	Refused     uint64 `json:"refused"`      // new calls that were not taken, for whatever reason
	Mismatches  uint64 `json:"mismatches"`
	Faults      uint64 `json:"faults"`  // panics that cost a call
	Unheard     uint64 `json:"unheard"` // legs that should have been heard and were not
	Watches     uint64 `json:"watches"` // calls that somebody was to watch
}
