package api

import (
	"cmp"
	"slices"
	"time"

	"trunkline/call"
)

// Status is a picture of the switch at one moment.
type Status struct {
	At       time.Time `json:"at"`
	Started  time.Time `json:"started"`
	Version  string    `json:"version"`
	Config   string    `json:"config"` // hash of the configuration in force
	Draining bool      `json:"draining"`
	Trunks   []Trunk   `json:"trunks"`
	Agents   []Agent   `json:"agents"`
	Queues   []Queue   `json:"queues"`
	Calls    []Call    `json:"calls"`
	Counts   Counts    `json:"counts"`

	// Bans are the sources that the SIP edge does not hear now; Rejections are
	// what it refused since its start, by rule.
	Bans       []Ban             `json:"bans"`
	Rejections map[string]uint64 `json:"rejections"`
}

// Ban is a source that is not heard for a while, or a user for which its
// credentials are not looked at.
type Ban struct {
	Source  string    `json:"source"` // as a network
	User    string    `json:"user,omitempty"`
	Rule    string    `json:"rule"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Dropped uint64    `json:"dropped"` // packets since
}

// Counts are totals since the start of the process.
type Counts = call.Counts

// Sound is how a leg of a call sounds.
type Sound = call.Sound

// Trunk is one carrier's account.
type Trunk struct {
	ID  string `json:"id"`
	Up  bool   `json:"up"` // its address is known
	Why string `json:"why,omitempty"`
	// State is what is true of it: known, alive, registered, registering,
	// unregistered, refused, unreachable, unresolved.
	State    string    `json:"state,omitempty"`
	Target   string    `json:"target,omitempty"` // where its calls go first, as udp:192.0.2.1:5060
	Until    time.Time `json:"until,omitzero"`   // of its registration
	Calls    int       `json:"calls"`
	MaxCalls int       `json:"max_calls"`
}

// Agent is one agent, with the phones that are there.
type Agent struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Status    string     `json:"status"` // active, away
	Reason    string     `json:"reason,omitempty"`
	Since     time.Time  `json:"since,omitzero"`
	Until     time.Time  `json:"until,omitzero"` // end of the wrap-up
	Teams     []string   `json:"teams"`
	CallLimit int        `json:"call_limit"`
	Ringing   []string   `json:"ringing"` // calls that ring there
	Talking   []string   `json:"talking"` // calls connected
	NoAnswers int        `json:"no_answers"`
	Available bool       `json:"available"`     // would be offered a new call now
	Why       string     `json:"why,omitempty"` // if not: the first reason
	Phones    []Phone    `json:"phones"`
	CallerIDs []CallerID `json:"caller_ids"`        // what its calls out may show; none is the default: the trunk's is
	Removed   bool       `json:"removed,omitempty"` // not configured any more, and still in a call
}

// CallerID is a number of ours that an agent's calls out may show.
type CallerID struct {
	Number  string `json:"number"`
	Team    string `json:"team,omitempty"`    // whose it is; without one the agent's own
	Default bool   `json:"default,omitempty"` // shown where dial names no from
}

// Phone is one live phone of an agent.
type Phone struct {
	URI       string    `json:"uri"`
	UserAgent string    `json:"user_agent,omitempty"`
	Address   string    `json:"address,omitempty"` // where it registered from
	Static    bool      `json:"static"`
	Since     time.Time `json:"since,omitzero"`
}

// Queue is one team's line of waiting calls.
type Queue struct {
	Team string `json:"team"`
	QueueFields
}

// Call is one call in progress.
type Call struct {
	ID      string    `json:"id"`
	Trunk   string    `json:"trunk"`
	Caller  string    `json:"caller"` // "": anonymous
	Dialled string    `json:"dialled"`
	State   string    `json:"state"`
	Agent   string    `json:"agent,omitempty"`
	Since   time.Time `json:"since"` // of the state
	Began   time.Time `json:"began"`

	Direction call.Direction `json:"direction,omitempty"` // inbound where empty
	Dialler   string         `json:"dialler,omitempty"`   // the agent whose own call it is: not of inbound ones

	Sound []Sound `json:"sound,omitempty"` // of the legs that are up

	SRTP []call.Secured `json:"srtp,omitempty"` // its legs whose sound is or was encrypted

	Watched []call.Watched `json:"watched,omitempty"` // by supervisors, now; agents are not told

	Name  string      `json:"name,omitempty"`  // of the contact
	Waits *call.Waits `json:"waits,omitempty"` // for a team or an agent; nil: it does not
}

// Card is what is kept of a call, with its sums in seconds; while the call
// goes on, they are of the moment.
type Card struct {
	call.Record
	Recordings  []Recording `json:"recordings"`
	InProgress  bool        `json:"in_progress"`
	Duration    float64     `json:"duration_seconds"`
	TalkTime    float64     `json:"talk_seconds"`
	QueueTime   float64     `json:"queue_seconds"`
	HoldTime    float64     `json:"hold_seconds"`
	EndedReason string      `json:"ended_reason,omitempty"` // in words

	Watched []call.Watched `json:"watched,omitempty"` // by supervisors; who is an agent is not told
}

// Recording is one recording of a call.
type Recording struct {
	ID       string  `json:"id"`
	Agent    string  `json:"agent,omitempty"`
	Path     string  `json:"path"`
	Duration float64 `json:"duration_seconds"`
	Note     string  `json:"note,omitempty"`
	Sealed   bool    `json:"sealed"`

	Pauses     []call.Paused `json:"pauses,omitempty"`     // silence in it: from when to when, by whom and why
	Transcript string        `json:"transcript,omitempty"` // of one call's card: waiting, running, failed, done
}

// Unbanned is an address that is heard again.
type Unbanned struct {
	Source string `json:"source"`
}

// Changes is what a reload did.
type Changes struct {
	Applied      []string `json:"applied"`
	NeedsRestart []string `json:"needs_restart"`
	Warnings     []string `json:"warnings"`
}

// TestCall lets one call in, once, until a time, from this machine.
type TestCall struct {
	User     string    `json:"user"`
	Password string    `json:"password"`
	Domain   string    `json:"domain"`
	Address  string    `json:"address"` // host:port of a SIP listener, reachable from this machine
	Number   string    `json:"number"`  // what to dial
	Until    time.Time `json:"until"`
}

// TrunkQuestion asks for the examination of a trunk.
type TrunkQuestion struct {
	Trunk  string
	Number string // that the test call dials; empty: one of ours, over the carrier and back
	NoCall bool   // no test call
}

// TrunkFinding is what one step of it found.
type TrunkFinding struct {
	Step    string   `json:"step,omitempty"` // name, connection, certificate, register, options, call, sound, keys, hold, resume, refresh, end
	OK      bool     `json:"ok"`
	Text    string   `json:"text,omitempty"`
	Cure    string   `json:"cure,omitempty"`
	Details []string `json:"details,omitempty"`
	Done    bool     `json:"done,omitempty"` // the last line: nothing was found any more
}

// Version says what runs.
type Version struct {
	Version string    `json:"version"`
	Go      string    `json:"go"`
	Process int       `json:"process,omitempty"`
	Started time.Time `json:"started,omitzero"`
}

// Question asks where a call would go.
type Question struct {
	To    string    // number dialled, in any way of writing
	From  string    // caller; empty: anonymous
	Press string    // what the caller presses in menus; empty: all choices are shown
	At    time.Time // zero: now
}

// Explanation says where a call would go and why, step by step.
type Explanation struct {
	To     string          `json:"to"`   // as it is kept: E.164 where it has such a form
	From   string          `json:"from"` // likewise; "": anonymous
	At     time.Time       `json:"at"`
	Live   bool            `json:"live"` // from the running switch; else every agent is supposed active with a phone
	Trunks []ExplainTrunk  `json:"trunks"`
	Flow   string          `json:"flow,omitempty"`
	Answer string          `json:"answer,omitempty"` // when the carrier's call is answered, in words
	Steps  []ExplainedStep `json:"steps"`
	End    string          `json:"end"` // what becomes of the call at last, in words
}

// ExplainTrunk is a trunk over which the call could come.
type ExplainTrunk struct {
	ID   string `json:"id"`
	From string `json:"from"` // the addresses it is known by
}

// ExplainedStep is one step of the flow.
type ExplainedStep struct {
	Depth  int              `json:"depth"` // 0: the flow's own; deeper: reached by unanswered
	Step   string           `json:"step"`  // in words
	Team   string           `json:"team,omitempty"`
	Agents []ExplainedAgent `json:"agents,omitempty"`
}

// ExplainedAgent is one agent of a team, in the order of being rung.
type ExplainedAgent struct {
	Place int    `json:"place"` // 1 is rung first; 0: would not be rung
	ID    string `json:"id"`
	Why   string `json:"why"`
}

// statusView maps the switchboard's picture to the wire.
func statusView(s call.Status, version string) Status {
	out := Status{
		At: s.At, Started: s.Started, Version: version, Config: s.Config, Draining: s.Draining, Counts: s.Counts,
		Trunks: []Trunk{}, Agents: []Agent{}, Queues: []Queue{}, Calls: []Call{}, Bans: []Ban{}, Rejections: map[string]uint64{},
	}
	for _, t := range s.Trunks {
		out.Trunks = append(out.Trunks, Trunk{ID: string(t.ID), Up: t.Up, Why: t.Why, State: string(t.State), Target: t.At, Until: t.Until, Calls: t.Calls, MaxCalls: t.Max})
	}
	for _, a := range s.Agents {
		out.Agents = append(out.Agents, agentView(a))
	}
	for _, q := range s.Queues {
		out.Queues = append(out.Queues, Queue{Team: string(q.Team), QueueFields: queueFields(q)})
	}
	for _, c := range s.Calls {
		out.Calls = append(out.Calls, Call{
			ID: string(c.ID), Trunk: string(c.Trunk), Caller: c.Caller.String(), Dialled: c.Dialled,
			State: string(c.State), Agent: string(c.Agent), Since: c.Since, Began: c.Began, Sound: c.Sound,
			Direction: c.Direction, Dialler: string(c.Dialler),
			SRTP: c.SRTP, Watched: c.Watched, Name: c.Name, Waits: c.Waits,
		})
	}
	return out
}

func agentView(a call.AgentStatus) Agent {
	out := Agent{
		ID: string(a.ID), Name: a.Name, Status: string(a.Status), Reason: a.Reason, Since: a.Since, Until: a.Until,
		Teams: []string{}, CallLimit: a.Limit, Ringing: []string{}, Talking: []string{}, NoAnswers: a.NoAnswers,
		Available: a.Available, Why: a.Why, Phones: []Phone{}, CallerIDs: []CallerID{}, Removed: a.Removed,
	}
	for _, t := range a.Teams {
		out.Teams = append(out.Teams, string(t))
	}
	for _, h := range a.Open {
		if h.Offer != 0 {
			out.Ringing = append(out.Ringing, string(h.Work))
		} else {
			out.Talking = append(out.Talking, string(h.Work))
		}
	}
	for _, id := range a.CallerIDs {
		out.CallerIDs = append(out.CallerIDs, CallerID{Number: string(id.Number), Team: string(id.Team), Default: id.Default})
	}
	for _, p := range a.Phones {
		out.Phones = append(out.Phones, Phone{URI: p.URI, UserAgent: p.UserAgent, Address: p.Address, Static: p.Static, Since: p.Since})
	}
	return out
}

// CardOf maps a record to the wire; now is for the sums of a call in progress.
func CardOf(r call.Record, now time.Time) Card {
	c := Card{
		Record:     r,
		Recordings: []Recording{},
		InProgress: r.Ended.IsZero(),
		Duration:   r.Duration(now).Seconds(),
		TalkTime:   r.Sum(call.SegmentTalk, now).Seconds(),
		QueueTime:  r.Sum(call.SegmentQueue, now).Seconds(),
		HoldTime:   r.Sum(call.SegmentHold, now).Seconds(),
	}
	if !c.InProgress {
		c.EndedReason = r.Ending.String()
	}
	for _, x := range r.Recordings {
		c.Recordings = append(c.Recordings, Recording{
			ID: string(x.ID), Agent: string(x.Agent), Path: x.Path, Duration: x.Duration.Seconds(), Note: x.Note, Sealed: x.Sealed,
			Pauses: x.Pauses,
		})
	}
	return c
}

// merge puts the records of calls in progress and those that are kept in one
// list, newest first; a kept one is final and has the word.
func merge(live, kept []call.Record, most int) []call.Record {
	seen := make(map[call.ID]bool, len(kept))
	all := slices.Clone(kept)
	for _, r := range kept {
		seen[r.ID] = true
	}
	for _, r := range live {
		if !seen[r.ID] {
			all = append(all, r)
		}
	}
	// Ids are ULIDs: they sort by arrival.
	slices.SortStableFunc(all, func(a, b call.Record) int { return cmp.Compare(b.ID, a.ID) })
	return all[:min(most, len(all))]
}
