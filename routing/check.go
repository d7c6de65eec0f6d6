package routing

import (
	"fmt"
	"maps"
	"slices"
)

// Check verifies what must be true between two steps and returns the first thing that is not. It never panics, changes
// nothing, and looks at everything: it is for tests and for the owner's reconciler, not for every step.
func (r *Router) Check() error {
	if err := r.checkState(); err != nil {
		return err
	}
	if r.pending != nil {
		return nil // restored; matched by the next step
	}
	return r.checkNobodyWaits()
}

func (r *Router) checkState() error {
	for _, check := range []func() error{r.checkOffers, r.checkAgents, r.checkReady, r.checkQueues, r.checkLines, r.checkWorks, r.checkTimers} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkOffers: no work with two offers; a live offer has a deadline, a work and an agent that have it; nobody is rung while
// away, unless they went away after it was made.
func (r *Router) checkOffers() error {
	for _, id := range slices.Sorted(maps.Keys(r.offers)) {
		o := r.offers[id]
		if !o.timer.armed() {
			return fmt.Errorf("offer %d has no deadline", o.id)
		}
		if !o.live() {
			continue
		}
		w, a := o.work, o.agent
		switch {
		case r.works[w.id] != w || w.offer != o || w.state != ringing:
			return fmt.Errorf("offer %d rings for work %s, which is %v", o.id, w.id, w.state)
		case r.agents[a.id] != a || !slices.ContainsFunc(a.open, func(h holding) bool { return h.offer == o && h.work == w }):
			return fmt.Errorf("offer %d rings at agent %s, who does not have it", o.id, a.id)
		case a.shown().status == StatusAway && a.since.Before(o.made):
			return fmt.Errorf("offer %d rings at agent %s, who is away since before", o.id, a.id)
		case len(o.phones) == 0:
			return fmt.Errorf("offer %d rings no phone", o.id)
		}
	}
	return nil
}

// checkAgents: no agent above the limit by the router's doing; what an agent has is real.
func (r *Router) checkAgents() error {
	for _, a := range r.roster {
		routed, limit := 0, 0
		for _, h := range a.open {
			if r.works[h.work.id] != h.work {
				return fmt.Errorf("agent %s has work %s, which is not there", a.id, h.work.id)
			}
			if h.offer != nil && (!h.offer.live() || h.offer.agent != a) {
				return fmt.Errorf("agent %s rings with offer %d, which has ended or is another's", a.id, h.offer.id)
			}
			if h.offer == nil && !slices.Contains(h.work.holders, a) {
				return fmt.Errorf("agent %s has work %s, which does not know", a.id, h.work.id)
			}
			if h.routed {
				routed, limit = routed+1, max(limit, h.limit)
			}
		}
		if routed > limit {
			return fmt.Errorf("agent %s has %d calls and a limit of %d", a.id, routed, limit)
		}
		if a.removed && len(a.open) == 0 {
			return fmt.Errorf("agent %s is removed and in no call", a.id)
		}
	}
	return nil
}

// checkReady: the ready lists are what fitness says, in order.
func (r *Router) checkReady() error {
	count := 0
	for _, a := range r.roster {
		if a.ready != a.fitness() || a.ready != unfit && a.at != a.score() {
			return fmt.Errorf("agent %s is indexed as %v at %v, and is %v at %v", a.id, a.ready, a.at, a.fitness(), a.score())
		}
		if a.ready != unfit {
			count++
		}
	}
	if count != r.readyAgents {
		return fmt.Errorf("%d agents are ready, counted as %d", count, r.readyAgents)
	}
	for _, t := range r.order {
		present := 0
		for _, a := range t.members {
			if a.ready != unfit && a.fitsTeam(t) {
				present++
			}
		}
		if present != len(t.ready) {
			return fmt.Errorf("team %s has %d agents ready, listed are %d", t.ID, present, len(t.ready))
		}
		for i, a := range t.ready {
			if !a.fitsTeam(t) || i > 0 && t.ready[i-1].at.compare(a.at) >= 0 {
				return fmt.Errorf("team %s: agent %s is in the wrong place of the ready list", t.ID, a.id)
			}
		}
	}
	return nil
}

// checkQueues: every waiting work is in the queue and in its team's or its target's, in order, and nothing else is.
func (r *Router) checkQueues() error {
	listed := 0
	lists := [][]*work{r.queue}
	for _, t := range r.order {
		for _, l := range t.lanes {
			if len(l.queue) == 0 {
				return fmt.Errorf("team %s keeps a lane that is empty", t.ID)
			}
			lists = append(lists, l.queue)
			listed += len(l.queue)
		}
	}
	for _, a := range r.roster {
		lists = append(lists, a.targeted)
		listed += len(a.targeted)
	}
	places := 0
	for _, w := range r.queue {
		places += max(len(w.lanes), 1)
		if err := r.checkPlaced(w); err != nil {
			return err
		}
	}
	if listed != places {
		return fmt.Errorf("%d works wait in %d places, %d are in the lists of teams and agents", len(r.queue), places, listed)
	}
	for _, list := range lists {
		for i, w := range list {
			if w.state != waiting || r.works[w.id] != w || i > 0 && !list[i-1].before(w) {
				return fmt.Errorf("work %s is %v and in the wrong place of a queue", w.id, w.state)
			}
		}
	}
	return nil
}

// checkPlaced: a waiting work is looked for by those who may take it, and by no others.
func (r *Router) checkPlaced(w *work) error {
	alone := w.stuck
	if w.target != "" {
		alone = r.agents[w.target]
	}
	if alone != nil {
		if len(w.lanes) > 0 || !slices.Contains(alone.targeted, w) {
			return fmt.Errorf("work %s is for agent %s alone, and not looked for there", w.id, alone.id)
		}
		return nil
	}
	if asks := r.asksOf(w); !slices.Equal(asks, w.asks) {
		return fmt.Errorf("work %s asks for %v, and is looked for as one that asks for %v", w.id, asks, w.asks)
	}
	for _, t := range r.order {
		after, open := w.wants.openTo(t.ID)
		open = t == w.team || open && after <= r.now.Sub(w.entered)
		here := slices.ContainsFunc(w.lanes, func(l *lane) bool {
			return l.at == t && l.of == w.team && slices.Equal(l.asks, w.asks) && slices.Contains(t.lanes, l) && slices.Contains(l.queue, w)
		})
		if open != here {
			return fmt.Errorf("work %s is open to team %s: %v, and looked for there: %v", w.id, t.ID, open, here)
		}
	}
	return nil
}

// checkLines: what waits or rings without a target stands in its team's line, in order, and nothing else does; who is there
// is counted.
func (r *Router) checkLines() error {
	stand := 0
	for _, t := range r.order {
		present := 0
		for _, a := range t.members {
			if a.there != a.presence() {
				return fmt.Errorf("agent %s counts as %v, and is %v", a.id, a.there, a.presence())
			}
			present += counts(a.there, t)
		}
		if present != t.present {
			return fmt.Errorf("team %s has %d agents there, counted as %d", t.ID, present, t.present)
		}
		for i, w := range t.line {
			stand++
			if w.line != t || w.state == idle || w.target != "" || w.teamID != t.ID || i > 0 && !t.line[i-1].before(w) {
				return fmt.Errorf("work %s is %v and in the wrong place of the line of team %s", w.id, w.state, t.ID)
			}
		}
	}
	for _, w := range r.works {
		if w.line != nil {
			stand--
		} else if w.target == "" && w.state == waiting {
			return fmt.Errorf("work %s waits and stands in no line", w.id)
		}
	}
	if stand != 0 {
		return fmt.Errorf("%d works too many stand in lines", stand)
	}
	return nil
}

// checkWorks: no state without an owner and a deadline.
func (r *Router) checkWorks() error {
	waits := 0
	for _, id := range slices.Sorted(maps.Keys(r.works)) {
		w := r.works[id]
		switch {
		case w.state == waiting:
			waits++
			if !w.wakeAt(r.now).IsZero() && !w.timer.armed() {
				return fmt.Errorf("work %s waits for what no deadline ends", w.id)
			}
			if at := w.wakeAt(r.now); !at.Equal(w.timer.until()) && r.pending == nil {
				return fmt.Errorf("work %s changes at %v, and its deadline is %v", w.id, at, w.timer.until())
			}
		case w.state == ringing && (w.offer == nil || !w.offer.live()):
			return fmt.Errorf("work %s rings without an offer", w.id)
		case w.state == idle && len(w.holders) == 0 && !w.timer.armed():
			return fmt.Errorf("work %s is nobody's and has no deadline", w.id)
		}
		for _, a := range w.holders {
			if r.agents[a.id] != a || !a.holds(w) {
				return fmt.Errorf("work %s is held by agent %s, who does not have it", w.id, a.id)
			}
		}
	}
	if waits != len(r.queue) {
		return fmt.Errorf("%d works wait, %d are queued", waits, len(r.queue))
	}
	return nil
}

// checkTimers: the heap is one, and nothing in it is overdue.
func (r *Router) checkTimers() error {
	for i, t := range r.timers {
		if t.place != i+1 || i > 0 && t.before(r.timers[(i-1)/2]) {
			return fmt.Errorf("a deadline at %v is in the wrong place", t.at)
		}
		if r.pending == nil && !t.at.After(r.now) {
			return fmt.Errorf("a deadline at %v has not passed by %v", t.at, r.now)
		}
	}
	return nil
}

// checkNobodyWaits: no work waits while an agent who is present could be offered it. It asks the state, not the indexes.
func (r *Router) checkNobodyWaits() error {
	for _, w := range r.queue {
		for _, a := range r.roster {
			if r.couldTake(a, w) {
				return fmt.Errorf("work %s waits while agent %s could take it", w.id, a.id)
			}
		}
	}
	return nil
}

// couldTake says whether an agent could be offered a waiting work, without asking an index.
func (r *Router) couldTake(a *agent, w *work) bool {
	f := a.fitness()
	presentFor := func(t *team) bool { return f == fitDesk || f == fit && (t == nil || !t.NeedDesk) }
	if !w.takes(a, r.now) {
		return false
	}
	if w.target != "" || w.stuck != nil {
		return (w.target == a.id || w.stuck == a) && presentFor(w.team)
	}
	return slices.ContainsFunc(a.teams, func(t *team) bool {
		after, open := w.wants.openTo(t.ID)
		return presentFor(t) && (t == w.team || open && after <= r.now.Sub(w.entered))
	})
}
