package routing

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Router hands out work. Make it with New or Restore.
type Router struct {
	now       time.Time // of the last step
	lastOffer OfferID

	agents map[AgentID]*agent // look-up only; order is roster's
	roster []*agent           // by id, removed ones that are still in a call included
	teams  map[TeamID]*team   // look-up only
	order  []*team            // in the configuration's order
	works  map[WorkID]*work   // look-up only
	offers map[OfferID]*offer // look-up only; live and remembered ones

	queue       []*work // all waiting works, in the order of service
	readyAgents int     // agents who are fit for an offer
	timers      timers
	skills      map[string]int // the agents' skills by number; look-up only
	round       uint64         // of match
	pending     *Config        // to be taken over by the next step, after Restore

	// Of the running step.
	out         []Command
	dirtyAgents []*agent
	dirtyWorks  []*work

	// decided, when set, is called before each offer with the state that it was decided on.
	decided func(*work, *agent)
}

// New returns a Router without works. Of two agents or teams with one id the first counts.
func New(cfg Config) *Router {
	r := &Router{
		agents: map[AgentID]*agent{},
		teams:  map[TeamID]*team{},
		works:  map[WorkID]*work{},
		offers: map[OfferID]*offer{},
	}
	r.configure(cfg)
	return r
}

// Step takes in what happened at now and returns what is to be done, in order. Deadlines up to now pass first, those
// at now included. A now before the last one is read as the last one. The result is the caller's to keep.
func (r *Router) Step(now time.Time, ev Event) []Command {
	r.out = nil
	_, restarted := ev.(Restarted)
	if !restarted {
		r.takeOver() // at the time of the snapshot: what gives way while works wait counts from there
	}
	if now = now.UTC(); now.After(r.now) { // UTC also drops the monotonic reading: replay must see what was seen
		r.now = now
	}
	if restarted {
		r.restart() // before the deadlines: what rang when the process ended has no outcome
		r.takeOver()
	}
	r.runDue()
	r.handle(ev)
	r.match()
	out := r.out
	r.out = nil
	return out
}

// takeOver takes over the configuration that the router was restored under.
func (r *Router) takeOver() {
	if r.pending != nil {
		r.configure(*r.pending)
		r.pending = nil
	}
}

// Deadline returns the earliest time at which a Tick is wanted; zero: none.
func (r *Router) Deadline() time.Time {
	if t := r.timers.next(); t != nil {
		return t.at
	}
	return time.Time{}
}

func (r *Router) emit(c Command) { r.out = append(r.out, c) }

// memory returns when something is to be forgotten: rounded up to a second, so that many are forgotten in one Tick.
func (r *Router) memory(keep time.Duration) time.Time {
	return r.now.Add(keep + time.Second - 1).Truncate(time.Second)
}

func (r *Router) runDue() {
	for {
		t := r.timers.next()
		if t == nil || t.at.After(r.now) {
			return
		}
		r.due(t)
	}
}

// due lets one deadline pass.
func (r *Router) due(t *timer) {
	switch t.kind {
	case timerOffer:
		r.timers.stop(t)
		r.offerDue(t.offer)
	case timerForget:
		r.timers.stop(t)
		delete(r.offers, t.offer.id)
	case timerWork:
		r.timers.stop(t)
		r.workDue(t.work)
	case timerBackOff:
		r.timers.stop(t)
		r.touch(t.agent)
	case timerWrapUp:
		before := t.agent.shown()
		r.timers.stop(t)
		r.announce(t.agent, before)
		r.touch(t.agent)
	}
}

func (r *Router) handle(ev Event) {
	switch ev := ev.(type) {
	case Configured:
		r.configure(ev.Config)
	case PhonesChanged:
		r.setPhones(ev)
	case DeskChanged:
		r.setDesk(ev)
	case StatusSet:
		r.setStatus(ev)
	case ChannelSet:
		if a := r.agents[ev.Agent]; a != nil {
			a.channel = ev.Channel
			r.touch(a)
		}
	case Queued:
		r.queued(ev)
	case Prioritized:
		r.prioritize(ev)
	case Asked:
		r.asked(ev)
	case QueueSet:
		if t := r.teams[ev.Team]; t != nil {
			t.closed = ev.Closed
		}
	case ShiftSet:
		if a := r.agents[ev.Agent]; a != nil {
			a.off, a.offUntil = ev.Off, ev.Until.UTC()
			r.touch(a)
		}
	case Removed:
		r.remove(ev)
	case PhoneRang:
		r.phoneRang(ev)
	case PhoneAnswered:
		r.phoneAnswered(ev)
	case PhoneFailed:
		r.phoneFailed(ev)
	case Declined:
		r.decline(ev)
	case Engaged:
		r.engage(ev)
	case Refused:
		r.refused(ev)
	case Released:
		r.release(ev)
	case Restarted, Tick:
	default:
		panic(fmt.Sprintf("routing: unknown event %T", ev))
	}
}

// restart forgets every work and offer; what is the agents' stays, their phones and tabs excepted.
func (r *Router) restart() {
	for _, a := range r.roster {
		r.unindex(a)
		a.open, a.targeted, a.phones, a.desk, a.watching = nil, nil, nil, false, false
	}
	for _, t := range r.order {
		t.lanes, t.line = nil, nil
	}
	for _, t := range slices.Clone(r.timers) {
		if t.kind != timerWrapUp && t.kind != timerBackOff {
			r.timers.stop(t)
		}
	}
	r.dirtyWorks = r.dirtyWorks[:0]
	clear(r.offers)
	r.queue = nil
	for _, id := range slices.Sorted(maps.Keys(r.works)) {
		r.outlive(r.works[id])
	}
	for _, a := range slices.Clone(r.roster) {
		if a.removed {
			r.retire(a)
			continue
		}
		r.touch(a)
	}
}

// outlive keeps over a restart what is remembered of a lasting work; any other is forgotten.
func (r *Router) outlive(w *work) {
	w.state, w.offer, w.holders, w.wrapped = idle, nil, nil, nil
	w.lanes, w.stuck, w.line = nil, nil, nil
	if !w.lasting {
		delete(r.works, w.id)
		return
	}
	r.settle(w)
}
