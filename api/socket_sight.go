package api

import (
	"context"
	"time"

	"trunkline/call"
)

// boxesFor is how long a page's boxes are known: many facts come at once, and who is in which team changes at a reload.
const boxesFor = 5 * time.Second

// sight says which facts an account may see: a supervisor all, an agent what
// agents and teams are up to, and the calls that are theirs.
type sight struct {
	server  *Server
	account Account
	mine    map[call.ID]bool
	until   uint64 // up to here the journal is caught up with

	hears func(call.Box) bool // nil: never known
	known time.Time           // when hears was asked for
}

// opens says whether the account hears a box. Where the switchboard does not answer, what was known last stays so.
func (v *sight) opens(ctx context.Context, box call.Box) bool {
	if now := time.Now(); v.hears == nil || now.Sub(v.known) > boxesFor {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		if hears, err := v.server.hears(ctx, who{scope: v.account.Scope, agent: v.account.Agent}); err == nil {
			v.hears, v.known = hears, now
		}
	}
	return v.hears != nil && v.hears(box)
}

func (v *sight) sees(ctx context.Context, f call.Fact) bool {
	if v.account.Scope != ScopeAgent {
		return true
	}
	switch f.Kind {
	case call.FactWatchOrdered, call.FactWatchBegan, call.FactWatchMode, call.FactWatchEnded: // whoever is watched is not told so
		return false
	case call.FactVoicemailLeft, call.FactVoicemailHeard, call.FactVoicemailDeleted: // of the boxes that they hear
		return v.opens(ctx, call.Box{Team: f.Team, Agent: f.Agent})
	case call.FactTranscript: // of a message: it has the box
		if box := (call.Box{Team: f.Team, Agent: f.Agent}); box != (call.Box{}) {
			return v.opens(ctx, box)
		}
	case call.FactReloaded: // who is in which team
		v.known = time.Time{}
		return true
	case call.FactAgentStatus, call.FactAgentPhones, call.FactStarted, call.FactStopped:
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
