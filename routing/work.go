package routing

import (
	"cmp"
	"slices"
	"time"
)

// Where a work is. What is true in each state:
//
//	idle     it is in no queue and has no offer; agents may hold it. With no holder its timer runs: its memory.
//	waiting  it is in r.queue and in what those look at who may take it: lanes of teams, or one agent's own list. Its
//	         timer is its first cool-down or the next thing that gives way, if any.
//	ringing  it is in no queue and has exactly one live offer, which has the timer.
//
// In both it stands in its team's line, unless it has a target.
type workState uint8

const (
	idle workState = iota
	waiting
	ringing
)

func (s workState) String() string {
	return [...]string{"idle", "waiting", "ringing"}[s]
}

// work is one call as the router sees it.
type work struct {
	id WorkID

	// As queued last.
	teamID   TeamID
	team     *team // nil: none named, or no longer configured
	target   AgentID
	priority int
	returned bool
	since    time.Time
	until    time.Time // no offer from then on; zero: no end
	lasting  bool      // outlives a restart, as far as it is remembered

	// How it waits, as queued last.
	entered     time.Time
	wants       Asks
	sticky      AgentID // empty: it never stuck, or does no more
	stickyUntil time.Time
	byHand      bool      // sticky was chosen by hand
	place       int       // in the line, when nobody was free for it; 0: somebody was
	lined       bool      // place was looked at
	promised    time.Time // it was told that it would not wait longer; zero: nothing was told

	state workState
	offer *offer // while ringing
	timer timer

	// Where it is looked for, see join.
	asks  []ask
	lanes []*lane
	stuck *agent // kept for them
	line  *team  // whose line it stands in

	// Who has it, beside being offered: more than one during a transfer.
	holders []*agent

	// Memory.
	refusals  []refusal // in the order of the agents' ids
	wrapped   []AgentID // had their wrap-up for it
	forgotten bool      // its caller has gone: no memory once nobody holds it
}

// refusal is one agent not having taken one work.
type refusal struct {
	agent *agent
	why   Outcome
	at    time.Time
	until time.Time // eligible again at this very moment
}

// before is the order of service: priority, then those who were answered before, then who arrived first.
func (w *work) before(v *work) bool { return w.compare(v) < 0 }

func (w *work) compare(v *work) int {
	if c := cmp.Compare(v.priority, w.priority); c != 0 {
		return c
	}
	if w.returned != v.returned {
		if w.returned {
			return -1
		}
		return 1
	}
	if c := w.since.Compare(v.since); c != 0 {
		return c
	}
	return cmp.Compare(w.id, v.id)
}

// refusedBy returns the refusal that still keeps the agent from the work.
func (w *work) refusedBy(a *agent, now time.Time) (refusal, bool) {
	if len(w.refusals) == 0 {
		return refusal{}, false
	}
	i, found := w.findRefusal(a)
	if !found || !w.refusals[i].until.After(now) {
		return refusal{}, false
	}
	return w.refusals[i], true
}

func (w *work) findRefusal(a *agent) (int, bool) {
	return slices.BinarySearchFunc(w.refusals, a.rank, func(f refusal, rank int) int { return cmp.Compare(f.agent.rank, rank) })
}

func (w *work) refuse(f refusal) {
	i, found := w.findRefusal(f.agent)
	if found {
		w.refusals[i] = f
		return
	}
	w.refusals = slices.Insert(w.refusals, i, f)
}

// retryAt returns when the first cool-down ends; zero: there is none.
func (w *work) retryAt() time.Time {
	var first time.Time
	for _, f := range w.refusals {
		if first.IsZero() || f.until.Before(first) {
			first = f.until
		}
	}
	return first
}

func (w *work) expireRefusals(now time.Time) {
	w.refusals = slices.DeleteFunc(w.refusals, func(f refusal) bool { return !f.until.After(now) })
}

// takes says whether an agent who is fit may be offered this work.
func (w *work) takes(a *agent, now time.Time) bool {
	return w.free(a, now) && a.below(w.team) && (w.target != "" || w.stuck == a && w.byHand || a.meets(w.asks))
}

// free says whether nothing between the two keeps the work from the agent.
func (w *work) free(a *agent, now time.Time) bool {
	if _, refused := w.refusedBy(a, now); refused {
		return false
	}
	return !slices.Contains(w.holders, a)
}

// know returns the work's state, made if it is new.
func (r *Router) know(id WorkID) *work {
	w := r.works[id]
	if w == nil {
		w = &work{id: id}
		w.timer = timer{kind: timerWork, work: w}
		r.works[id] = w
	}
	return w
}

// queued makes a work wait, wherever it was.
func (r *Router) queued(ev Queued) {
	w := r.know(ev.Work)
	switch w.state {
	case waiting:
		r.dequeue(w)
	case ringing:
		r.endOffer(w.offer, OutcomeWithdrawn, OutcomeWithdrawn)
	}
	if w.line == nil || w.teamID != ev.Team || ev.Target != "" { // else it stays where it was promised a wait
		w.promised = time.Time{}
	}
	w.leaveLine()
	w.teamID, w.target = ev.Team, ev.Target
	w.byHand = ev.ByHand
	chosen := ev.Target
	if ev.ByHand {
		chosen = ev.Sticky
	}
	if a := r.agents[chosen]; a != nil { // by hand: whoever asks knows that it was refused before
		w.refusals = slices.DeleteFunc(w.refusals, func(f refusal) bool { return f.agent == a })
	}
	w.priority, w.returned, w.forgotten = ev.Priority, ev.Returned, false
	w.until, w.lasting = ev.Until.UTC(), ev.Lasting
	w.since = ev.Since.UTC()
	if ev.Since.IsZero() {
		w.since = r.now
	}
	w.entered, w.wants, w.sticky, w.stickyUntil = ev.Entered.UTC(), ev.Asks.clone(), ev.Sticky, ev.StickyUntil.UTC()
	if ev.Entered.IsZero() {
		w.entered = r.now
	}
	w.place, w.lined = 0, false
	r.enqueue(w)
}

// prioritize moves a work within the order of service.
func (r *Router) prioritize(ev Prioritized) {
	w := r.works[ev.Work]
	if w == nil || w.state == idle {
		return
	}
	waits := w.state == waiting
	if waits {
		r.dequeue(w)
	}
	w.leaveLine()
	w.priority = ev.Priority
	if waits {
		r.enqueue(w)
	} else if w.target == "" && w.team != nil {
		w.standIn(w.team)
	}
}

// enqueue puts an idle work into its queues, or gives it back when there is nobody it could ever be offered to, or no time.
func (r *Router) enqueue(w *work) {
	if !r.expire(w) {
		r.place(w)
	}
}

// place is enqueue without a look at the time.
func (r *Router) place(w *work) {
	w.team = r.teams[w.teamID]
	if r.strand(w) {
		return
	}
	w.state = waiting
	w.expireRefusals(r.now)
	insertWork(&r.queue, w)
	if w.target == "" {
		w.standIn(w.team)
	}
	r.join(w)
	r.settle(w)
	r.dirtyWorks = append(r.dirtyWorks, w)
}

// standIn puts a work into its team's line, where it may stand already.
func (w *work) standIn(t *team) {
	if w.line == nil {
		insertWork(&t.line, w)
		w.line = t
	}
}

func (w *work) leaveLine() {
	if w.line != nil {
		removeWork(&w.line.line, w)
		w.line = nil
	}
}

// linedUp notes the place of a work that nobody was free for when it came.
func (r *Router) linedUp(w *work) {
	if w.lined || w.line == nil {
		return
	}
	w.lined = true
	if w.state == waiting && !w.returned {
		at, _ := slices.BinarySearchFunc(w.line.line, w, (*work).compare)
		w.place = at + 1
	}
}

// strand gives an idle work back if its team or its target is gone.
func (r *Router) strand(w *work) bool {
	lost := w.team == nil
	if w.target != "" {
		a := r.agents[w.target]
		lost = a == nil || a.removed
	}
	if lost {
		w.leaveLine()
		r.emit(Stranded{Work: w.id, Team: w.teamID, Target: w.target})
		r.settle(w)
	}
	return lost
}

// expire gives an idle work back whose time to be offered is over.
func (r *Router) expire(w *work) bool {
	if w.until.IsZero() || w.until.After(r.now) {
		return false
	}
	w.leaveLine()
	r.emit(Expired{Work: w.id})
	r.settle(w)
	return true
}

func (r *Router) dequeue(w *work) {
	removeWork(&r.queue, w)
	r.leave(w)
	w.state = idle
}

func insertWork(list *[]*work, w *work) {
	i, found := slices.BinarySearchFunc(*list, w, (*work).compare)
	if found {
		panic("routing: work " + string(w.id) + " is twice in a queue")
	}
	*list = slices.Insert(*list, i, w)
}

func removeWork(list *[]*work, w *work) {
	i, found := slices.BinarySearchFunc(*list, w, (*work).compare)
	if !found {
		panic("routing: work " + string(w.id) + " waits and is in no queue")
	}
	*list = slices.Delete(*list, i, i+1)
}

// settle sets a work's timer after a change of its state, and forgets a work that nothing is left of.
func (r *Router) settle(w *work) {
	switch {
	case w.state == waiting && !w.wakeAt(r.now).IsZero():
		r.timers.set(&w.timer, w.wakeAt(r.now))
	case w.state != idle || len(w.holders) > 0:
		r.timers.stop(&w.timer)
	case w.forgotten || len(w.refusals)+len(w.wrapped) == 0:
		r.timers.stop(&w.timer)
		delete(r.works, w.id)
	default:
		until := r.memory(workMemory)
		for _, f := range w.refusals {
			if f.until.After(until) {
				until = f.until
			}
		}
		r.timers.set(&w.timer, until)
	}
}

// workDue is a cool-down or the time that ended for a waiting work, or an idle one's memory fading.
func (r *Router) workDue(w *work) {
	if w.state == idle {
		delete(r.works, w.id)
		return
	}
	if !w.until.IsZero() && !w.until.After(r.now) {
		r.dequeue(w)
		r.expire(w)
		return
	}
	w.expireRefusals(r.now)
	r.rejoin(w)
}

// wakeAt returns when something about a waiting work changes by itself: a cool-down ends, what it asks for gives way, or
// it is kept for one agent no longer, or its time is over. Zero: nothing does.
func (w *work) wakeAt(now time.Time) time.Time {
	at := w.retryAt()
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if !w.until.IsZero() {
		sooner(w.until)
	}
	if w.target != "" {
		return at
	}
	if after, ok := w.wants.next(now.Sub(w.entered)); ok {
		sooner(w.entered.Add(after))
	}
	if w.stuck != nil {
		sooner(w.stickyUntil)
	}
	return at
}
