package call

import (
	"time"

	"trunkline/desk"
	"trunkline/recorder"
	"trunkline/routing"
)

// Box names a voicemail box: a team's or an agent's. Exactly one field is set.
type Box struct {
	Team  routing.TeamID  `json:"team,omitempty"`
	Agent routing.AgentID `json:"agent,omitempty"`
}

// String is the key of the team or agent: they share one namespace.
func (b Box) String() string { return string(b.Team) + string(b.Agent) }

// Message is one voicemail message. Its sound is a recording, on the card of the call that left it.
type Message struct {
	ID       recorder.ID    `json:"id"` // of its recording
	Box      Box            `json:"box"`
	Call     ID             `json:"call"`
	Path     string         `json:"path"`
	Caller   desk.Number    `json:"caller"` // "" is anonymous
	Name     string         `json:"name,omitempty"`
	Contact  desk.ContactID `json:"contact,omitempty"`
	At       time.Time      `json:"at"`
	Duration time.Duration  `json:"duration"`
	Heard    time.Time      `json:"heard,omitzero"` // zero: it is new
	By       string         `json:"by,omitempty"`   // who heard it first
	Sealed   bool           `json:"sealed,omitempty"`
	Mailed   bool           `json:"mailed,omitempty"` // handed over to be mailed
}
