package api

import (
	"context"

	"trunkline/call"
)

// sight says which facts an account may see: a supervisor all, an agent what
// agents and teams are up to, and the calls that are theirs.
type sight struct {
	server  *Server
	account Account
	mine    map[call.ID]bool
	until   uint64 // up to here the journal is caught up with
}

func (v *sight) sees(ctx context.Context, f call.Fact) bool {
	if v.account.Scope != ScopeAgent {
		return true
	}
	switch f.Kind {
	case call.FactWatchOrdered, call.FactWatchBegan, call.FactWatchMode, call.FactWatchEnded: // whoever is watched is not told so
		return false
	case call.FactVoicemailLeft, call.FactVoicemailHeard, call.FactVoicemailDeleted: // of the boxes that they hear
		ctx = context.WithValue(ctx, whoKey{}, who{scope: ScopeAgent, agent: v.account.Agent})
		return v.server.mayOpen(ctx, call.Box{Team: f.Team, Agent: f.Agent}, "") == nil
	case call.FactAgentStatus, call.FactAgentPhones, call.FactStarted, call.FactStopped, call.FactReloaded:
		return true
	}
	if f.Call == "" {
		return false
	}
	if v.mine == nil {
		v.mine = map[call.ID]bool{}
	}
	mine, known := v.mine[f.Call]
	if theirs := string(f.Agent) == v.account.Agent || string(f.By) == v.account.Agent; theirs && !mine {
		mine, known = true, true
		v.mine[f.Call] = true
	}
	if !known && f.Seq <= v.until { // it may have become theirs before the first fact that is read
		ctx = context.WithValue(ctx, whoKey{}, who{scope: ScopeAgent, agent: v.account.Agent})
		_, err := v.server.record(ctx, string(f.Call))
		mine = err == nil
		v.mine[f.Call] = mine
	}
	if len(v.mine) > maxMine { // of ended calls little is still to come
		clear(v.mine)
	}
	return mine
}
