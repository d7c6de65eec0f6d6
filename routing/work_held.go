package routing

import (
	"slices"
)

// remove takes a work out of waiting and ringing.
func (r *Router) remove(ev Removed) {
	w := r.works[ev.Work]
	if w == nil {
		return
	}
	why := ev.Why
	if why == "" {
		why = OutcomeWithdrawn
	}
	w.forgotten = why == OutcomeAbandoned
	w.leaveLine()
	switch w.state {
	case waiting:
		r.dequeue(w)
	case ringing:
		r.endOffer(w.offer, why, why)
	}
	r.settle(w)
}

// engage adds a call that the router did not hand out to an agent's load.
func (r *Router) engage(ev Engaged) {
	a := r.agents[ev.Agent]
	if a == nil || a.removed {
		return
	}
	w := r.know(ev.Work)
	if w.state == ringing && w.offer.agent == a { // taken another way than by the phone that rings
		r.endOffer(w.offer, OutcomeAnsweredElsewhere, OutcomeAnsweredElsewhere)
		w.leaveLine()
	}
	if !a.holds(w) {
		a.open = append(a.open, holding{work: w, team: ev.Team})
		w.holders = append(w.holders, a)
	}
	r.settle(w)
	r.unstick(a)
	r.touch(a)
}

// refused keeps an agent from a work for a time, as a decline does.
func (r *Router) refused(ev Refused) {
	a := r.agents[ev.Agent]
	if a == nil || a.removed {
		return
	}
	w := r.know(ev.Work)
	w.refuse(refusal{agent: a, why: OutcomeDeclined, at: r.now, until: r.now.Add(a.profile(r.teams[w.teamID]).RetryAfter)})
	r.settle(w)
	r.unstick(a)
}

// release ends an agent's part in a work and starts wrap-up where it is due.
func (r *Router) release(ev Released) {
	a, w := r.agents[ev.Agent], r.works[ev.Work]
	if a == nil || w == nil || !a.drop(w, nil) {
		return
	}
	w.holders = slices.DeleteFunc(w.holders, func(b *agent) bool { return b == a })
	if ev.Spoke {
		r.startWrapUp(a, w, ev.Team)
	}
	r.settle(w)
	if a.removed {
		r.retire(a)
		return
	}
	r.touch(a)
}

// startWrapUp gives the agent time after a work, once for each work. One that is longer stays.
func (r *Router) startWrapUp(a *agent, w *work, id TeamID) {
	if a.removed || slices.Contains(w.wrapped, a.id) {
		return
	}
	length := a.profile(r.teams[id]).WrapUp
	if length <= 0 {
		return
	}
	w.wrapped = append(w.wrapped, a.id)
	until := r.now.Add(length)
	if a.wrapUp.armed() && !until.After(a.wrapUp.at) {
		return
	}
	before := a.shown()
	r.timers.set(&a.wrapUp, until)
	r.announce(a, before)
}
