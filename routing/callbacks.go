package routing

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Callbacks are the promises to ring back that are pending, and for a while those that are done. It is a value like the
// Router, pure in the same way. It decides what the Router is to offer, and until when; the Router decides to whom.
//
//   - One pending callback a number. A second request merges into it: place in line, time to be offered and quiet hours
//     stay those of the request that it began with. Once it is for the hand alone it stays so (product §3.1, §3.5).
//   - Offered from the first request until Until, quiet hours left out. Quiet hours do not prolong that: a request
//     whose whole time is quiet is for the hand alone.
//   - The number that is called is the one that was asked for; nothing changes it.
//   - A carrier that fails is not the customer's not picking up: the callback stays pending, is offered again after
//     callbackRetry and, after Until, is for the hand alone.
type Callbacks struct {
	now      time.Time
	byID     map[CallbackID]*Callback // look-up; order is by id
	pending  map[string]*Callback     // by number
	deadline time.Time                // earliest of dueAt; zero: none
	stale    bool                     // deadline is to be found anew

	// Of the running step.
	out   []CallbackCommand
	dirty []*Callback // to be kept
}

// callbackRetry is how long a callback rests after a trunk's failure.
const callbackRetry = 5 * time.Minute

// callbackMemory is how long one that is done stays here, so that two orders on it meet.
const callbackMemory = 10 * time.Minute

// NewCallbacks returns the callbacks that were kept; CallbackRestarted is to be the first event.
func NewCallbacks(kept []Callback) *Callbacks {
	b := &Callbacks{byID: map[CallbackID]*Callback{}, pending: map[string]*Callback{}, stale: true}
	for _, c := range kept {
		b.put(c.clone())
	}
	return b
}

func (b *Callbacks) put(c Callback) *Callback {
	b.byID[c.ID] = &c
	if c.State == CallbackPending {
		b.pending[c.Number] = &c
	}
	return &c
}

// clone gives a copy that shares nothing with c.
func (c *Callback) clone() Callback {
	d := *c
	d.Quiet, d.Attempts, d.Marks = slices.Clone(c.Quiet), slices.Clone(c.Attempts), slices.Clone(c.Marks)
	return d
}

// Snapshot returns a copy of every callback here, in the order of their ids.
func (b *Callbacks) Snapshot() []Callback {
	all := make([]Callback, 0, len(b.byID))
	for _, c := range b.inOrder() {
		all = append(all, c.clone())
	}
	return all
}

func (b *Callbacks) inOrder() []*Callback {
	all := make([]*Callback, 0, len(b.byID))
	for _, c := range b.byID {
		all = append(all, c)
	}
	slices.SortFunc(all, func(c, d *Callback) int { return strings.Compare(string(c.ID), string(d.ID)) })
	return all
}

// Waiting are those that the Router has, in the order of their ids.
func (b *Callbacks) Waiting() []CallbackID {
	var ids []CallbackID
	for _, c := range b.byID {
		if c.Stage == CallbackWaits {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// CallbackCount is how many of a team's callbacks are pending, by what is done about them.
type CallbackCount struct {
	Team                 TeamID
	Waits, Calling, Hand int // Hand: the others: only by hand, in quiet hours, or after a trunk's failure
}

// Pending counts the pending callbacks of each team that has some, in the order of the teams' ids.
func (b *Callbacks) Pending() []CallbackCount {
	teams := map[TeamID]CallbackCount{}
	for _, c := range b.pending {
		n := teams[c.Team]
		n.Team = c.Team
		switch c.Stage {
		case CallbackWaits:
			n.Waits++
		case CallbackCalling:
			n.Calling++
		default:
			n.Hand++
		}
		teams[c.Team] = n
	}
	return slices.SortedFunc(maps.Values(teams), func(a, b CallbackCount) int { return strings.Compare(string(a.Team), string(b.Team)) })
}

// Find returns a copy of a callback that is here.
func (b *Callbacks) Find(id CallbackID) (Callback, bool) {
	if c := b.byID[id]; c != nil {
		return c.clone(), true
	}
	return Callback{}, false
}

// PendingTo returns the pending callback to a number, if there is one.
func (b *Callbacks) PendingTo(number string) (Callback, bool) {
	if c := b.pending[number]; c != nil {
		return c.clone(), true
	}
	return Callback{}, false
}

// Deadline returns when a CallbackTick is wanted; zero: none.
func (b *Callbacks) Deadline() time.Time {
	if b.stale {
		b.deadline, b.stale = time.Time{}, false
		for _, c := range b.byID {
			if at := b.dueAt(c); !at.IsZero() && (b.deadline.IsZero() || at.Before(b.deadline)) {
				b.deadline = at
			}
		}
	}
	return b.deadline
}

// dueAt is when something becomes of a callback without an event.
func (b *Callbacks) dueAt(c *Callback) time.Time {
	switch {
	case c.Stage == CallbackCalling, c.Stage == CallbackWaits: // the Router gives it back in time
		return time.Time{}
	case c.State != CallbackPending:
		return c.Forget
	case c.Spent:
		return time.Time{}
	}
	if from, _ := c.next(later(b.now, c.After)); !from.IsZero() && !c.silent() {
		return from
	}
	return c.Until
}

// next is the next stretch at or after a time in which the callback may be offered; from is zero when there is none.
func (c *Callback) next(at time.Time) (from, to time.Time) {
	from, to = at, c.Until
	for _, q := range c.Quiet {
		if !q.To.After(from) {
			continue
		}
		if !q.From.After(from) {
			from = q.To
			continue
		}
		if q.From.Before(to) {
			to = q.From
		}
		break
	}
	if !from.Before(to) {
		return time.Time{}, time.Time{}
	}
	return from, to
}

// Step takes in what happened at now and returns what is to be done, in order. Deadlines up to now pass first.
func (b *Callbacks) Step(now time.Time, ev CallbackEvent) []CallbackCommand {
	if now = now.UTC(); now.After(b.now) {
		b.now = now
	}
	b.out = nil
	if _, ok := ev.(CallbackRestarted); ok {
		b.restarted()
	}
	if at := b.Deadline(); !at.IsZero() && !at.After(b.now) {
		for _, c := range b.inOrder() {
			b.pass(c)
		}
	}
	b.handle(ev)
	b.stale = true
	for _, c := range b.dirty {
		if b.byID[c.ID] == c {
			b.emit(CallbackKeep{c.clone()})
		}
	}
	out := b.out
	b.out, b.dirty = nil, nil
	return out
}

// pass lets one callback's deadline pass.
func (b *Callbacks) pass(c *Callback) {
	at := b.dueAt(c)
	switch {
	case at.IsZero() || at.After(b.now):
	case c.State != CallbackPending:
		delete(b.byID, c.ID)
	default:
		b.offer(c)
	}
	b.stale = true
}

// offer hands a pending callback to the Router if it may be offered now; whose time is over is for the hand.
func (b *Callbacks) offer(c *Callback) {
	c.Stage = CallbackIdle
	if !c.Until.After(b.now) {
		b.spent(c, MarkExpired)
		return
	}
	from, to := c.next(later(b.now, c.After))
	if c.silent() || c.Spent || from.IsZero() || from.After(b.now) {
		return
	}
	c.Stage = CallbackWaits
	b.changed(c)
	b.emit(CallbackQueue{Queued{
		Work: c.ID.Work(), Team: c.Team, Target: c.Agent, Priority: c.Priority, Since: c.Since, Until: to, Lasting: true,
	}})
}

// silent says that it is assigned, and rings at nobody.
func (c *Callback) silent() bool { return c.ViewOnly && c.Agent != "" }

// spent says once that a callback is not offered any more.
func (b *Callbacks) spent(c *Callback, why CallbackMark) {
	if !c.Spent {
		c.Spent = true
		b.note(c, CallbackNote{Mark: why}, "")
	}
}

func later(t, u time.Time) time.Time {
	if u.After(t) {
		return u
	}
	return t
}

func (b *Callbacks) emit(cmd CallbackCommand) { b.out = append(b.out, cmd) }

// changed has a callback kept at the end of the step.
func (b *Callbacks) changed(c *Callback) {
	if !slices.Contains(b.dirty, c) {
		b.dirty = append(b.dirty, c)
	}
}

// note adds an event to a callback and tells it.
func (b *Callbacks) note(c *Callback, n CallbackNote, why string) {
	n.At = b.now
	if c.Marks = append(c.Marks, n); len(c.Marks) > mostMarks {
		c.Marks = slices.Delete(c.Marks, 1, 2)
	}
	b.changed(c)
	b.emit(CallbackSay{ID: c.ID, Team: c.Team, Note: n, Why: why})
}
