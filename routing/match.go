package routing

import "time"

// The matcher. Between two steps no work waits that an agent who is present could be offered; so after an event only
// the works and agents that it touched can make a pair: a work with any agent, an agent with any work. Of all pairs
// the first work in the order of service is handed out first, always to the best agent for it, until none is left.
// matchTouched and matchAll decide the same; the first looks at what was touched, the second at everything.

// With more touched than this, going through the whole queue once is cheaper.
const fewTouched = 8

func (r *Router) match() {
	r.round++
	if len(r.dirtyAgents)+len(r.dirtyWorks) > fewTouched {
		r.matchAll()
	} else {
		r.matchTouched()
	}
	for _, w := range r.dirtyWorks {
		r.linedUp(w)
	}
	for _, a := range r.dirtyAgents {
		a.dirty = false
	}
	clear(r.dirtyAgents)
	clear(r.dirtyWorks)
	r.dirtyAgents, r.dirtyWorks = r.dirtyAgents[:0], r.dirtyWorks[:0]
}

// matchAll goes through all waiting works in the order of service once: handing one out never makes room for another.
func (r *Router) matchAll() {
	for i := 0; i < len(r.queue) && r.readyAgents > 0; {
		w := r.queue[i]
		if a := r.best(w); a != nil {
			r.offer(w, a) // takes w out of the queue
		} else {
			i++
		}
	}
}

func (r *Router) matchTouched() {
	for r.readyAgents > 0 {
		w := r.firstTouched()
		if w == nil {
			return
		}
		a := r.best(w)
		if a == nil {
			panic("routing: nobody takes work " + string(w.id) + " that an agent was found for")
		}
		r.offer(w, a)
	}
}

// firstTouched returns the first work, in the order of service, that a touched pair can be made for.
func (r *Router) firstTouched() *work {
	var first *work
	for _, a := range r.dirtyAgents {
		if w := r.firstFor(a); w != nil && (first == nil || w.before(first)) {
			first = w
		}
	}
	for _, w := range r.dirtyWorks {
		if w.state == waiting && (first == nil || w.before(first)) && r.best(w) != nil {
			first = w
		}
	}
	return first
}

// firstFor returns the first waiting work that an agent may be offered, over all the agent's teams.
func (r *Router) firstFor(a *agent) *work {
	if a.ready == unfit {
		return nil
	}
	var first *work
	for _, w := range a.targeted {
		if a.fitsTeam(w.team) && w.takes(a, r.now) {
			first = w
			break
		}
	}
	for _, t := range a.teams {
		if !a.fitsTeam(t) {
			continue
		}
		for _, l := range t.lanes {
			if l.admits(a) {
				first = l.first(a, r.now, first)
			}
		}
	}
	return first
}

// first returns the first work of the lane that an agent whom it admits may be offered, or other if that comes before.
func (l *lane) first(a *agent, now time.Time, other *work) *work {
	for _, w := range l.queue {
		if other != nil && !w.before(other) {
			return other
		}
		if w.free(a, now) {
			return w
		}
	}
	return other
}

// best returns who is offered a work: of those present who have not refused it and do not hold it, the one with the fewest open
// calls, then the longest since the last assignment, then the least id. Nil: nobody.
func (r *Router) best(w *work) *agent {
	alone := w.stuck
	if w.target != "" {
		alone = r.agents[w.target]
	}
	if alone != nil {
		if alone.fitsTeam(w.team) && w.takes(alone, r.now) {
			return alone
		}
		return nil
	}
	var best *agent
	for _, l := range w.lanes {
		if a := r.bestIn(l, w); a != nil && (best == nil || a.at.compare(best.at) < 0) {
			best = a
		}
	}
	return best
}

// bestIn is best among the agents of one team.
func (r *Router) bestIn(l *lane, w *work) *agent {
	if l.dead == r.round {
		return nil
	}
	dead := true
	for _, a := range l.at.ready {
		if !l.admits(a) {
			continue
		}
		if dead = false; w.free(a, r.now) {
			return a
		}
	}
	if dead {
		l.dead = r.round
	}
	return nil
}
