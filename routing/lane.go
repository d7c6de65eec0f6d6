package routing

import "slices"

// lane is the waiting works of one team that ask for the same and that the agents of one team, mostly the same, may
// take. An agent looks at the first of each lane, not at every work.
type lane struct {
	at    *team // whose agents look at it
	of    *team // whose works they are
	asks  []ask
	queue []*work // first to be served first

	dead uint64 // the round of match in which nobody who is ready could take any of it
}

// admits says whether an agent who is present may take works of the lane, refusals of single ones aside.
func (l *lane) admits(a *agent) bool { return a.meets(l.asks) && a.below(l.of) }

// lane returns the team's lane of such works, made if there is none.
func (t *team) lane(of *team, asks []ask) *lane {
	for _, l := range t.lanes {
		if l.of == of && slices.Equal(l.asks, asks) {
			return l
		}
	}
	l := &lane{at: t, of: of, asks: asks}
	t.lanes = append(t.lanes, l)
	return l
}

// join puts a waiting work where those who may take it now look: one agent's own list, or a lane of each team that is
// open to it.
func (r *Router) join(w *work) {
	w.asks = r.asksOf(w)
	switch a := r.agents[w.target]; {
	case w.target != "":
		insertWork(&a.targeted, w)
		return
	case r.sticks(w):
		w.stuck = r.agents[w.sticky]
		insertWork(&w.stuck.targeted, w)
		return
	}
	r.enter(w, w.team)
	for _, o := range w.wants.Overflow {
		if o.After > r.now.Sub(w.entered) {
			continue
		}
		for _, id := range o.Teams {
			if t := r.teams[id]; t != nil && !slices.ContainsFunc(w.lanes, func(l *lane) bool { return l.at == t }) {
				r.enter(w, t)
			}
		}
	}
}

func (r *Router) enter(w *work, t *team) {
	l := t.lane(w.team, w.asks)
	insertWork(&l.queue, w)
	w.lanes = append(w.lanes, l)
}

// leave is the end of join.
func (r *Router) leave(w *work) {
	switch {
	case w.target != "":
		removeWork(&r.agents[w.target].targeted, w)
	case w.stuck != nil:
		removeWork(&w.stuck.targeted, w)
		w.stuck = nil
	}
	for _, l := range w.lanes {
		if removeWork(&l.queue, w); len(l.queue) == 0 {
			l.at.lanes = slices.DeleteFunc(l.at.lanes, func(m *lane) bool { return m == l })
		}
	}
	clear(w.lanes)
	w.lanes = w.lanes[:0]
}

// rejoin has a waiting work looked for where it belongs now.
func (r *Router) rejoin(w *work) {
	r.leave(w)
	r.join(w)
	r.settle(w)
	r.dirtyWorks = append(r.dirtyWorks, w)
}

// sticks says whether a work is still kept for the one agent whom it sticks to. Once it is not, it never is again: the
// time is over, they refused it, cannot be reached, are not there, or belong to none of its teams.
func (r *Router) sticks(w *work) bool {
	if w.sticky == "" {
		return false
	}
	a := r.agents[w.sticky]
	stuck := a != nil && !a.removed && w.stickyUntil.After(r.now) && a.thereFor(w.team) && !a.backOff.armed() && w.free(a, r.now)
	if stuck && !w.byHand {
		stuck = a.meets(w.asks) && slices.ContainsFunc(a.teams, func(t *team) bool {
			_, ok := w.opensTo(t)
			return ok
		})
	}
	if !stuck {
		w.sticky = ""
	}
	return stuck
}

// thereFor says whether the agent could be offered works of a team, now or after those in hand.
func (a *agent) thereFor(t *team) bool {
	if t != nil && t.NeedDesk {
		return a.there == fitDesk
	}
	return a.there != unfit
}

// presence computes from the state what there holds as an index.
func (a *agent) presence() fitness {
	switch {
	case a.removed, !a.active, a.off, !a.takesCalls():
		return unfit
	case !a.reachable():
		return unfit
	case a.desk:
		return fitDesk
	}
	return fit
}

// recount brings the teams' counts of who is there up to date. Works that were kept for an agent who left go to all; a
// team whose last agent left is told of.
func (r *Router) recount(a *agent) {
	to := a.presence()
	if to == a.there {
		return
	}
	was := a.there
	a.there = to
	for _, t := range a.teams {
		before, now := counts(was, t), counts(to, t)
		if t.present += now - before; now < before && t.present == 0 && len(t.line) > 0 {
			r.emit(Deserted{Team: t.ID})
		}
	}
	if to < was {
		r.unstick(a)
	}
}

// unstick looks anew at the works that are kept for an agent, after what may end that.
func (r *Router) unstick(a *agent) {
	for _, w := range slices.Clone(a.targeted) {
		if w.stuck == a && !r.sticks(w) {
			r.rejoin(w)
		}
	}
}

func counts(as fitness, t *team) int {
	if as == fitDesk || as == fit && !t.NeedDesk {
		return 1
	}
	return 0
}
