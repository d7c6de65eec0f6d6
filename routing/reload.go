package routing

import (
	"cmp"
	"slices"
)

// configure swaps the configuration under the running state. Nothing that is talking is touched; an offer in flight goes
// on unless its agent is gone; a waiting work moves with its team, or is given back when its team or target is gone.
func (r *Router) configure(cfg Config) {
	for _, a := range r.roster {
		r.unindex(a)
		a.teams = nil
	}
	r.skills = skillNumbers(cfg.Agents)
	r.setAgents(cfg.Agents)
	before := r.order
	r.setTeams(cfg.Teams)
	manned := map[TeamID]bool{}
	for _, t := range before {
		manned[t.ID] = t.present > 0
	}
	r.recountAll()
	r.requeue()
	for _, a := range slices.Clone(r.roster) {
		if a.removed {
			r.retire(a)
		}
	}
	for _, t := range r.order {
		if manned[t.ID] && t.present == 0 && len(t.line) > 0 {
			r.emit(Deserted{Team: t.ID})
		}
	}
	for _, a := range r.roster { // to be matched with the waiting works, which requeue has touched all
		r.reindex(a)
	}
}

// setAgents makes the roster: the configured agents and the removed ones that are still in a call.
func (r *Router) setAgents(configured []Agent) {
	for _, a := range r.roster {
		a.removed = true
	}
	for _, c := range configured {
		a := r.agents[c.ID]
		if a == nil {
			a = newAgent(c.ID)
			r.agents[c.ID] = a
			r.roster = append(r.roster, a)
		} else if !a.removed {
			continue // named twice
		}
		a.removed, a.name, a.limit = false, c.Name, c.CallLimit
		a.levels = r.levelsOf(c)
		if a.limit <= 0 {
			a.limit = DefaultCallLimit
		}
	}
	r.forgetRefusals()
	// Ranks may shift but never swap, so the order of timers and refusals stays right.
	slices.SortFunc(r.roster, func(a, b *agent) int { return cmp.Compare(a.id, b.id) })
	for i, a := range r.roster {
		a.rank = i
	}
}

// forgetRefusals drops what removed agents refused: whoever comes under their id later is somebody new.
func (r *Router) forgetRefusals() {
	for _, w := range r.works {
		w.refusals = slices.DeleteFunc(w.refusals, func(f refusal) bool { return f.agent.removed })
	}
}

func (r *Router) setTeams(configured []Team) {
	before := r.teams
	r.teams, r.order = map[TeamID]*team{}, nil
	for _, c := range configured {
		if r.teams[c.ID] != nil {
			continue
		}
		t := &team{Team: c.withDefaults()}
		t.Agents = slices.Clone(c.Agents)
		if was := before[c.ID]; was != nil {
			t.closed, t.pace = was.closed, was.pace
		}
		for _, id := range c.Agents {
			if a := r.agents[id]; a != nil && !a.removed && !slices.Contains(t.members, a) {
				t.members = append(t.members, a)
				a.teams = append(a.teams, t)
			}
		}
		slices.SortFunc(t.members, func(a, b *agent) int { return cmp.Compare(a.rank, b.rank) })
		r.teams[c.ID] = t
		r.order = append(r.order, t)
	}
}

// recountAll counts who is there, in new teams.
func (r *Router) recountAll() {
	for _, a := range r.roster {
		a.there = a.presence()
		for _, t := range a.teams {
			t.present += counts(a.there, t)
		}
	}
}

// requeue has every waiting work wait where it now belongs, and those that ring stand in the new lines.
func (r *Router) requeue() {
	all := r.queue
	r.queue = nil
	for _, a := range r.roster {
		a.targeted = nil
	}
	for _, w := range r.works {
		w.lanes, w.stuck, w.line = nil, nil, nil
		if w.state == ringing {
			if w.team = r.teams[w.teamID]; w.team != nil && w.target == "" {
				w.standIn(w.team)
			}
		}
	}
	for _, w := range all {
		w.state = idle
		r.place(w) // whose time is over is given back when the deadlines pass
	}
}

// retire takes what a removed agent has in hand away, as far as it can be, and forgets the agent with the last call.
func (r *Router) retire(a *agent) {
	for _, h := range slices.Clone(a.open) {
		if h.offer != nil {
			r.pass(h.offer, OutcomeWithdrawn)
		}
	}
	if len(a.open) > 0 {
		return
	}
	r.timers.stop(&a.wrapUp)
	r.timers.stop(&a.backOff)
	delete(r.agents, a.id)
	r.roster = slices.DeleteFunc(r.roster, func(b *agent) bool { return b == a })
}
