package call

import (
	"net/netip"
	"slices"
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/routing"
	"trunkline/sip"
)

// Setup is what the configuration says to the switchboard. It is replaced
// whole by Reload; a call in progress keeps the flow it arrived under.
type Setup struct {
	Hash    string // of the configuration; journalled with every router event
	Domain  string // host part of From towards the agents' phones
	Country string // ISO code: numbers without + are read as this country's

	Trunks  map[sip.TrunkID]Trunk
	Numbers map[desk.Number]routing.FlowID
	Flows   map[routing.FlowID]routing.Flow
	Router  routing.Config
	Teams   map[routing.TeamID]Team

	Prompts Prompts // what flows play
	Music   *media.Clip

	Keys         Keys                       // pressed by agents during a call
	Codes        Codes                      // dialled by agents
	Extensions   map[string]routing.AgentID // short numbers of agents
	SRTP         map[routing.AgentID]Protection
	Dial         DialRules
	Shifts       map[routing.AgentID]routing.Hours // when agents are offered calls; missing: always
	CallerIDs    map[routing.AgentID]desk.Number   // shown on an agent's calls out; missing: the team's
	DialCaps     Caps                              // of all numbers that are dialled
	AgentCaps    map[routing.AgentID]Caps
	Zone         *time.Location // whose days count; nil: UTC
	DialTrunks   []sip.TrunkID  // over which agents' numbers are dialled, in order
	PauseFor     time.Duration  // after which a paused recording goes on by itself; 0: by hand
	PauseTone    *media.Clip    // heard by both when a recording is paused and goes on; nil: none
	TransferRing time.Duration  // of a number that a transfer dials; 0: 30 s

	AlwaysLead    bool          // every call in makes a new lead, whoever has the number
	KeepAnonymous time.Duration // contacts of anonymous callers of whom nothing else is known; 0: until there are too many
	Callbacks     Callbacks
	Watching      Watching // by supervisors
	Voicemail     Voicemail

	MaxCalls    int           // at once; 0: no limit
	MaxDuration time.Duration // of a call, from its answer; 0: no limit
	RTPTimeout  time.Duration
	HeldTimeout time.Duration
}

// Trunk is what the switchboard needs to know of a carrier's account.
type Trunk struct {
	In, Out   desk.Format
	MediaFrom []netip.Prefix // further networks its RTP may come from
	DTMF      media.DTMF     // how digits pass
	MaxCalls  int            // at once, both directions; 0: no limit
	Believe   bool           // its P-Asserted-Identity and Remote-Party-ID name the caller
	Refer     bool           // it makes blind transfers to numbers itself (REFER)
	CallerID  desk.Number    // ours, shown on calls out
	SRTP      Protection
	Caps      Caps // of calls out
	Private   bool // its signalling goes over TLS
}

// Team is what the switchboard needs to know of a team beyond routing's part.
type Team struct {
	Name      string // shown on phones
	Recording bool

	Transcripts bool   // make words of its recordings
	Language    string // spoken on its calls

	CallerID desk.Number   // shown on its agents' calls out; empty: the trunk's
	Reclaim  time.Duration // how long a lost agent may come back; 0: not at all

	CustomerFirst bool          // of a callback the customer is dialled before the agent's phone rings
	ViewOnly      bool          // what is assigned by hand rings at nobody
	ServiceLevel  time.Duration // callers are to be answered within
}

// TestTrunk is the name under which a test call enters (Switchboard.Admit).
const TestTrunk sip.TrunkID = "test"

// keepTeams keeps the teams of before that calls in progress wait for, or
// would return to: a waiting call keeps the definition it arrived under
// (product §2). The next reload drops them, once no call needs them; one of
// whose agents none is left is dropped at once, and its callers' flows go on.
func (s *Setup) keepTeams(before Setup, calls []*liveCall) {
	here := map[routing.TeamID]bool{"": true}
	for _, t := range s.Router.Teams {
		here[t.ID] = true
	}
	keep := func(id routing.TeamID, asks routing.Asks) {
		i := slices.IndexFunc(before.Router.Teams, func(t routing.Team) bool { return t.ID == id })
		if here[id] || i < 0 {
			return
		}
		t := before.Router.Teams[i]
		if len(asks.Overflow) == 0 && !slices.ContainsFunc(t.Agents, s.has) {
			return
		}
		here[id] = true
		s.Router.Teams = append(slices.Clip(s.Router.Teams), t)
		s.Teams[id] = before.Teams[id]
	}
	for _, c := range calls {
		if !c.ended {
			keep(c.waiting.Team, c.waiting.Asks)
			keep(c.returnsTo(), routing.Asks{})
		}
	}
}

// has says whether there is such an agent.
func (s *Setup) has(agent routing.AgentID) bool {
	return slices.ContainsFunc(s.Router.Agents, func(a routing.Agent) bool { return a.ID == agent })
}

// returnsTo is the team to whose queue a customer without a flow would be given
// back; "": there is no such customer.
func (c *liveCall) returnsTo() routing.TeamID {
	switch {
	case c.flow.State == routing.FlowWithAgent: // to the flow's own queue
		return ""
	case c.reclaim != nil:
		return c.reclaim.team
	case c.far != nil && c.far.role == roleAgent:
		return c.far.team
	case c.transfer != nil:
		return c.transfer.back
	}
	return ""
}

// trunk gives a trunk's setup; an unknown one reads numbers by country.
func (s *Setup) trunk(id sip.TrunkID) Trunk { return s.Trunks[id] }
