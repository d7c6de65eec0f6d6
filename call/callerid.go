package call

import (
	"cmp"
	"fmt"
	"slices"

	"trunkline/desk"
	"trunkline/routing"
)

// CallerID is a number of ours that an agent's calls out may show.
type CallerID struct {
	Number  desk.Number    `json:"number"`            // E.164
	Team    routing.TeamID `json:"team,omitempty"`    // whose it is; empty: the agent's own
	Default bool           `json:"default,omitempty"` // shown where none is chosen
}

// Shows is the number of ours that an agent's call out for a team shows where
// none is chosen: the agent's, else the team's; empty: the trunk's.
func (s *Setup) Shows(agent routing.AgentID, team routing.TeamID) desk.Number {
	return cmp.Or(s.CallerIDs[agent], s.Teams[team].CallerID)
}

// FirstTeam is the team whose rules an agent's own calls follow; empty: none.
func (s *Setup) FirstTeam(agent routing.AgentID) routing.TeamID {
	for _, t := range s.Router.Teams {
		if slices.Contains(t.Agents, agent) {
			return t.ID
		}
	}
	return ""
}

// callerIDs are what each agent may choose from: their own number and those of
// their teams in the order of the configuration, each once. None of them is the
// default where that is the trunk's. It looks at every agent of every team: once
// for a setup, and not at each look at the switch.
func (s *Setup) callerIDs() map[routing.AgentID][]CallerID {
	all, shows := map[routing.AgentID][]CallerID{}, map[routing.AgentID]desk.Number{}
	add := func(agent routing.AgentID, n desk.Number, team routing.TeamID) {
		if _, seen := shows[agent]; !seen { // team is their first one, or this is their own number
			shows[agent] = s.Shows(agent, team)
		}
		if n != "" && !slices.ContainsFunc(all[agent], func(id CallerID) bool { return id.Number == n }) {
			all[agent] = append(all[agent], CallerID{Number: n, Team: team, Default: n == shows[agent]})
		}
	}
	for agent, n := range s.CallerIDs {
		add(agent, n, "")
	}
	for _, t := range s.Router.Teams {
		for _, agent := range t.Agents {
			add(agent, s.Teams[t.ID].CallerID, t.ID)
		}
	}
	return all
}

// install has the switch work by a setup from now on.
func (s *Switchboard) install(next Setup) { s.setup, s.callerIDs = next, next.callerIDs() }

// mayShow reads the number that an agent chose for a call to show, in any way
// of writing; empty: none. ErrNotShown: it is none of theirs.
func (s *Switchboard) mayShow(agent routing.AgentID, from string) (desk.Number, error) {
	if from == "" {
		return "", nil
	}
	n, err := desk.Parse(from, s.setup.Country, desk.FormatAuto)
	if err != nil || !slices.ContainsFunc(s.callerIDs[agent], func(id CallerID) bool { return id.Number == n }) {
		return "", fmt.Errorf("%w: from: %s is caller_id neither of %s nor of a team of theirs", ErrNotShown, from, agent)
	}
	return n, nil
}
