package routing

import "time"

// offer is one work ringing at one agent. Until ended its timer is its deadline: ring start while no phone has rung,
// ring after that. Once ended its timer is its memory, so that an answer that crosses the end is told why it is dropped.
type offer struct {
	id     OfferID
	work   *work
	agent  *agent
	team   TeamID
	phones []phone
	timer  timer

	// Of the team when the offer was made; a reload does not touch it.
	ring       time.Duration
	retryAfter time.Duration
	awayAfter  int

	made    time.Time
	rang    time.Time
	ended   time.Time
	outcome Outcome // empty: live
}

func (o *offer) live() bool { return o.outcome == "" }

// offer hands a waiting work to an agent: from here the capacity is reserved.
func (r *Router) offer(w *work, a *agent) {
	if r.decided != nil {
		r.decided(w, a)
	}
	r.dequeue(w)
	r.lastOffer++
	p := a.profile(w.team)
	o := &offer{
		id: r.lastOffer, work: w, agent: a, team: w.teamID, made: r.now,
		ring: p.Ring, retryAfter: p.RetryAfter, awayAfter: p.AwayAfter,
	}
	o.timer = timer{kind: timerOffer, offer: o}
	devices := a.devices()
	o.phones = make([]phone, len(devices))
	for i, id := range devices {
		o.phones[i].id = id
	}
	r.offers[o.id] = o
	r.timers.set(&o.timer, r.now.Add(p.RingStart))
	w.state, w.offer = ringing, o
	r.settle(w)
	a.open = append(a.open, holding{work: w, offer: o, team: w.teamID, routed: true, limit: a.limit})
	r.reindex(a)
	r.emit(Ring{Offer: o.id, Work: w.id, Agent: a.id, Team: o.team, Phones: devices})
}

// phoneRang starts the time to answer at the offer's first ringing; later ones do not start it again.
func (r *Router) phoneRang(ev PhoneRang) {
	o, p := r.find(ev.Offer, ev.Phone)
	if p == nil || !o.live() || p.state != dialled {
		return
	}
	p.state = rings
	if !o.rang.IsZero() {
		return
	}
	o.rang = r.now
	r.timers.set(&o.timer, r.now.Add(o.ring))
	o.agent.last = r.now
	r.reindex(o.agent)
	r.emit(OfferRang{Offer: o.id, Work: o.work.id, Agent: o.agent.id, Until: o.timer.at})
}

// phoneAnswered connects the first answer of a live offer and drops every other.
func (r *Router) phoneAnswered(ev PhoneAnswered) {
	o, p := r.find(ev.Offer, ev.Phone)
	if o == nil {
		r.emit(Drop{Offer: ev.Offer, Phone: ev.Phone, Why: OutcomeWithdrawn})
		return
	}
	switch {
	case o.live() && p != nil && p.state != failed:
		r.accept(o, p)
	case o.live(): // a phone that is not of this offer, or that had failed
		r.emit(Drop{Offer: o.id, Phone: ev.Phone, Why: OutcomeWithdrawn})
	case o.outcome == OutcomeAccepted && p != nil && p.state == answered: // told twice
	default:
		r.tooLate(o, ev.Phone)
	}
}

// tooLate drops an answer that crossed the end of its offer.
func (r *Router) tooLate(o *offer, id PhoneID) {
	why := o.outcome
	switch o.outcome {
	case OutcomeAccepted:
		why = OutcomeAnsweredElsewhere
	case OutcomeNoAnswer, OutcomeUnreachable, OutcomeBusy, OutcomeMisconfigured:
		why = OutcomeTooLate
		o.agent.noAnswers = 0
	}
	r.emit(Drop{Offer: o.id, Phone: id, Why: why})
}

// accept ends an offer with an answer: the agent holds the work from now on.
func (r *Router) accept(o *offer, p *phone) {
	a, w := o.agent, o.work
	p.state = answered
	if o.rang.IsZero() { // a bare 200 is an answer, and so an assignment
		a.last = r.now
	}
	a.noAnswers, a.backLen = 0, 0
	r.emit(Connect{Offer: o.id, Work: w.id, Agent: a.id, Phone: p.id})
	for i := range a.open {
		if a.open[i].offer == o {
			a.open[i].offer = nil
		}
	}
	w.holders = append(w.holders, a)
	if t := w.line; t != nil {
		t.pace.answered(w, r.now)
		w.leaveLine()
	}
	r.close(o, OutcomeAccepted, OutcomeAnsweredElsewhere)
	r.settle(w)
	r.touch(a)
}

// endOffer ends a live offer without an answer and leaves its work idle: the caller enqueues or settles it.
func (r *Router) endOffer(o *offer, outcome, why Outcome) {
	a, w := o.agent, o.work
	if !a.drop(w, o) {
		panic("routing: agent " + string(a.id) + " does not hold the offer of work " + string(w.id))
	}
	r.close(o, outcome, why)
	switch outcome {
	case OutcomeDeclined:
		a.backLen = 0
		w.refuse(refusal{agent: a, why: outcome, at: r.now, until: r.now.Add(o.retryAfter)})
	case OutcomeNoAnswer:
		a.backLen = 0
		w.refuse(refusal{agent: a, why: outcome, at: r.now, until: r.now.Add(o.retryAfter)})
		r.missed(a, o.awayAfter)
	case OutcomeBusy, OutcomeUnreachable, OutcomeMisconfigured:
		r.holdBack(a, outcome)
	}
	r.touch(a)
}

// pass ends a live offer for a reason that lies with the agent: the work goes on waiting, for the next one.
func (r *Router) pass(o *offer, outcome Outcome) {
	r.endOffer(o, outcome, outcome)
	r.enqueue(o.work)
}

// close marks an offer ended, stops its other phones and tells.
func (r *Router) close(o *offer, outcome, why Outcome) {
	if !o.live() || o.work.offer != o {
		panic("routing: an offer of work " + string(o.work.id) + " ends twice")
	}
	o.outcome, o.ended = outcome, r.now
	o.work.state, o.work.offer = idle, nil
	r.timers.stop(&o.timer)
	memory := toldTwice
	for _, p := range o.phones {
		if p.state == dialled || p.state == rings {
			r.emit(Cancel{Offer: o.id, Phone: p.id, Why: why})
			memory = offerMemory
		}
	}
	o.timer.kind = timerForget
	r.timers.set(&o.timer, r.memory(memory))
	r.emit(OfferEnded{
		Offer: o.id, Work: o.work.id, Agent: o.agent.id, Team: o.team,
		Outcome: outcome, Code: o.response(), Made: o.made, Rang: o.rang, At: r.now,
	})
}

// offerDue is a live offer's deadline: it rang long enough, or did not start to.
func (r *Router) offerDue(o *offer) {
	if !o.rang.IsZero() {
		r.pass(o, OutcomeNoAnswer)
		return
	}
	r.pass(o, worst(o.phones))
}

// decline is the agent's refusal by hand.
func (r *Router) decline(ev Declined) {
	if o := r.offers[ev.Offer]; o != nil && o.live() {
		r.pass(o, OutcomeDeclined)
	}
}

// find returns an offer, live or remembered, and its phone; either may be nil.
func (r *Router) find(id OfferID, dev PhoneID) (*offer, *phone) {
	o := r.offers[id]
	if o == nil {
		return nil, nil
	}
	for i := range o.phones {
		if o.phones[i].id == dev {
			return o, &o.phones[i]
		}
	}
	return o, nil
}
