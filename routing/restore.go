package routing

import (
	"fmt"
	"slices"
)

// Restore returns a Router in the state of the snapshot. What cfg lacks or adds is taken over by the next Step, as a
// Configured at the snapshot's time would. It fails when the snapshot is of another version or contradicts itself.
func Restore(cfg Config, s Snapshot) (*Router, error) {
	if s.Version != snapshotVersion {
		return nil, fmt.Errorf("routing snapshot: got version %d, want %d", s.Version, snapshotVersion)
	}
	b := builder{Router: New(asOf(cfg, s)), from: s}
	b.now, b.lastOffer = s.Now.UTC(), s.LastOffer
	for _, part := range []func() error{b.agentsBack, b.teamsBack, b.worksBack, b.offersBack, b.holdingsBack, b.waitingBack} {
		if err := part(); err != nil {
			return nil, fmt.Errorf("routing snapshot: %w", err)
		}
	}
	for _, a := range b.roster {
		b.touch(a)
	}
	if err := b.checkState(); err != nil {
		return nil, fmt.Errorf("routing snapshot: %w", err)
	}
	b.pending = &cfg
	return b.Router, nil
}

// asOf adds to cfg what only the snapshot still has, so that its state is whole before cfg is taken over.
func asOf(cfg Config, s Snapshot) Config {
	full := Config{Agents: slices.Clone(cfg.Agents), Teams: slices.Clone(cfg.Teams)}
	for _, a := range s.Agents {
		if !slices.ContainsFunc(cfg.Agents, func(c Agent) bool { return c.ID == a.ID }) {
			full.Agents = append(full.Agents, Agent{ID: a.ID, Name: a.Name, CallLimit: a.Limit})
		}
	}
	for _, w := range s.Works {
		if !slices.ContainsFunc(full.Teams, func(t Team) bool { return t.ID == w.Team }) {
			full.Teams = append(full.Teams, Team{ID: w.Team})
		}
	}
	return full
}

// builder puts a snapshot's parts into a new Router, in this order.
type builder struct {
	*Router
	from Snapshot
}

func (b *builder) agentsBack() error {
	for _, s := range b.from.Agents {
		a := b.agents[s.ID]
		a.removed, a.active, a.reason, a.since = s.Removed, !s.Away, s.Reason, s.Since.UTC()
		a.channel, a.phones, a.desk, a.watching = s.Channel, slices.Clone(s.Phones), s.Desk, s.Watching
		a.backLen, a.backWhy, a.backFrom = s.BackLen, s.BackWhy, s.BackFrom.UTC()
		a.noAnswers, a.last = s.NoAnswers, s.Last.UTC()
		a.off, a.offUntil = s.Off, s.OffUntil.UTC()
		if !s.WrapUp.IsZero() {
			b.timers.set(&a.wrapUp, s.WrapUp.UTC())
		}
		if !s.BackOff.IsZero() {
			b.timers.set(&a.backOff, s.BackOff.UTC())
		}
	}
	return nil
}

func (b *builder) teamsBack() error {
	for _, s := range b.from.Teams {
		if t := b.teams[s.ID]; t != nil {
			t.closed, t.pace = s.Closed, pace{moved: s.Moved.UTC(), samples: slices.Clone(s.Pace)}
			for i := range t.pace.samples {
				t.pace.samples[i].At = t.pace.samples[i].At.UTC()
			}
		}
	}
	for _, t := range b.order {
		t.present = 0
	}
	b.recountAll()
	return nil
}

func (b *builder) worksBack() error {
	for _, s := range b.from.Works {
		if b.works[s.ID] != nil {
			return fmt.Errorf("work %s is there twice", s.ID)
		}
		w := b.know(s.ID)
		w.teamID, w.team, w.target = s.Team, b.teams[s.Team], s.Target
		w.priority, w.returned, w.since = s.Priority, s.Returned, s.Since.UTC()
		w.wrapped, w.forgotten = slices.Clone(s.Wrapped), s.Forgotten
		w.until, w.lasting = s.Until.UTC(), s.Lasting
		w.entered, w.wants, w.sticky, w.stickyUntil = s.Entered.UTC(), s.Asks.clone(), s.Sticky, s.StickyUntil.UTC()
		w.byHand = s.ByHand
		w.place, w.lined, w.promised = s.Place, s.Lined, s.Promised.UTC()
		if s.InLine {
			if w.team == nil {
				return fmt.Errorf("work %s stands in the line of team %q, which is not there", s.ID, s.Team)
			}
			w.standIn(w.team)
		}
		for _, f := range s.Refusals {
			if a := b.agents[f.Agent]; a != nil {
				w.refuse(refusal{agent: a, why: f.Why, at: f.At.UTC(), until: f.Until.UTC()})
			}
		}
		if !s.Deadline.IsZero() {
			b.timers.set(&w.timer, s.Deadline.UTC())
		}
	}
	return nil
}

func (b *builder) offersBack() error {
	for _, s := range b.from.Offers {
		o := &offer{
			id: s.ID, work: b.works[s.Work], agent: b.agents[s.Agent], team: s.Team,
			ring: s.Ring, retryAfter: s.RetryAfter, awayAfter: s.AwayAfter,
			made: s.Made.UTC(), rang: s.Rang.UTC(), ended: s.Ended.UTC(), outcome: s.Outcome,
		}
		o.timer = timer{kind: timerOffer, offer: o}
		if !o.live() {
			o.timer.kind = timerForget
		}
		if err := b.attach(o, s); err != nil {
			return err
		}
		for _, p := range s.Phones {
			state := slices.Index(phoneStates[:], p.State)
			if state < 0 {
				return fmt.Errorf("offer %d: phone %s is %q, which is no state", s.ID, p.ID, p.State)
			}
			o.phones = append(o.phones, phone{id: p.ID, state: phoneState(state), outcome: p.Outcome, code: p.Code})
		}
		b.offers[o.id] = o
		b.timers.set(&o.timer, s.Deadline.UTC())
	}
	return nil
}

// attach ties an offer to its work and agent. An ended one may have outlived both.
func (b *builder) attach(o *offer, s OfferState) error {
	if o.live() {
		if o.work == nil || o.agent == nil {
			return fmt.Errorf("offer %d rings for work %q at agent %q, of which one is not there", s.ID, s.Work, s.Agent)
		}
		if o.work.offer != nil {
			return fmt.Errorf("work %s has two offers, %d and %d", s.Work, o.work.offer.id, o.id)
		}
		o.work.state, o.work.offer = ringing, o
		return nil
	}
	if o.work == nil {
		o.work = &work{id: s.Work}
	}
	if o.agent == nil {
		o.agent = &agent{id: s.Agent, removed: true}
	}
	return nil
}

func (b *builder) holdingsBack() error {
	for _, s := range b.from.Agents {
		a := b.agents[s.ID]
		for _, h := range s.Open {
			w := b.works[h.Work]
			if w == nil {
				return fmt.Errorf("agent %s has work %s, which is not there", s.ID, h.Work)
			}
			entry := holding{work: w, team: h.Team, routed: h.Routed, limit: h.Limit}
			if h.Offer == 0 {
				w.holders = append(w.holders, a)
			} else if entry.offer = b.offers[h.Offer]; entry.offer == nil {
				return fmt.Errorf("agent %s rings with offer %d, which is not there", s.ID, h.Offer)
			}
			a.open = append(a.open, entry)
		}
	}
	return nil
}

func (b *builder) waitingBack() error {
	for _, s := range b.from.Works {
		if !s.Waiting {
			continue
		}
		w := b.works[s.ID]
		if w.state != idle {
			return fmt.Errorf("work %s waits and rings", s.ID)
		}
		if w.target != "" && b.agents[w.target] == nil || w.target == "" && w.team == nil {
			return fmt.Errorf("work %s waits for nobody", s.ID)
		}
		if w.target == "" != (w.line != nil) {
			return fmt.Errorf("work %s waits, and has a target or stands in a line, but not one of both", s.ID)
		}
		w.state = waiting
		insertWork(&b.queue, w)
		b.join(w)
	}
	return nil
}
