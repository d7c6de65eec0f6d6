package routing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAKillAtAnyMomentKeepsTheLines has a house of several queues killed at any moment and brought back by what it had
// written until then, as the process does it: the router's last snapshot, its events since, and the callbacks, all as text.
// What was promised is there to the second; and before and after, no phone rings for a callback or a call while another of
// a higher priority, or one that came before it, could have rung at somebody who is free, in whichever queue it stands.
func TestAKillAtAnyMomentKeepsTheLines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newKillDay(rt)
		for range rapid.IntRange(1, 3).Draw(rt, "lives") {
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				d.pass(time.Duration(d.pick(30)*d.pick(30)) * time.Second)
				d.happen()
			}
			d.kill()
		}
		d.serveAll()
	})
}

// killDay is a house with its journal, and what a naive clerk knows of who waits and who is free.
type killDay struct {
	*rapid.T
	now    time.Time
	cfg    Config
	router *Router
	book   *Callbacks

	journal []written
	base    []byte // the snapshot, of before
	from    int    // this line of the journal

	count   int
	waits   map[WorkID]Queued
	refused map[WorkID]map[AgentID]time.Time
	free    map[AgentID]bool
	rings   map[AgentID]Ring
	held    map[AgentID]WorkID
}

// written is one line of the journal: a router's event, or a callback as it was kept.
type written struct {
	at       time.Time
	event    []byte
	callback []byte
	refusals []refusedAt // that the event has led to
}

type refusedAt struct {
	work  WorkID
	agent AgentID
	until time.Time
}

func newKillDay(rt *rapid.T) *killDay {
	d := &killDay{T: rt, now: time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC), book: NewCallbacks(nil), refused: map[WorkID]map[AgentID]time.Time{}}
	for i := range 3 {
		d.cfg.Agents = append(d.cfg.Agents, Agent{ID: AgentID(fmt.Sprintf("a%d", i))})
	}
	for i := range 4 { // agent i mod 3 is alone in it, or has a colleague
		t := Team{ID: TeamID(fmt.Sprintf("t%d", i)), Agents: []AgentID{d.cfg.Agents[i%3].ID}}
		if other := d.cfg.Agents[d.pick(3)].ID; other != t.Agents[0] {
			t.Agents = append(t.Agents, other)
		}
		d.cfg.Teams = append(d.cfg.Teams, t)
	}
	d.router = New(d.cfg)
	d.nobody()
	return d
}

// nobody is how a process begins: no phone is known, nobody waits.
func (d *killDay) nobody() {
	d.waits, d.free, d.rings, d.held = map[WorkID]Queued{}, map[AgentID]bool{}, map[AgentID]Ring{}, map[AgentID]WorkID{}
}

func (d *killDay) pick(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "") }

func (d *killDay) pass(long time.Duration) {
	end := d.now.Add(long)
	for range 10_000 {
		next := d.router.Deadline()
		if at := d.book.Deadline(); next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
		if next.IsZero() || next.After(end) {
			d.now = end
			return
		}
		d.now = later(d.now, next)
		d.route(Tick{})
		d.feed(CallbackTick{})
	}
	d.Fatal("deadlines do not end")
}

func (d *killDay) happen() {
	agent, team := d.cfg.Agents[d.pick(3)].ID, d.cfg.Teams[d.pick(4)].ID
	since := d.now.Add(-time.Duration(d.pick(600)) * time.Second)
	switch d.pick(8) {
	case 0, 1, 2:
		d.count++
		d.feed(CallbackAsked{
			ID: CallbackID(fmt.Sprintf("c%03d", d.count)), Number: fmt.Sprintf("+1415555%04d", d.count), Team: team, Priority: d.pick(3),
			For: time.Duration(1+d.pick(120)) * time.Minute, Since: since,
		})
	case 3:
		d.count++
		d.route(Queued{Work: WorkID(fmt.Sprintf("w%03d", d.count)), Team: team, Priority: d.pick(3), Since: since})
	case 4:
		d.phone(agent, d.pick(3) > 0)
	case 5:
		d.base, d.from = mustText(d, d.router.Snapshot()), len(d.journal)
	default:
		d.act(agent, d.pick(4))
	}
}

// phone has an agent's phone come or go.
func (d *killDay) phone(agent AgentID, there bool) {
	phones := []PhoneID{"p"}
	if !there {
		phones = nil
	}
	_, rings := d.rings[agent]
	d.free[agent] = there && !rings && d.held[agent] == ""
	d.route(PhonesChanged{Agent: agent, Phones: phones, Fresh: true})
}

// act has an agent answer or decline what rings, or end what was answered.
func (d *killDay) act(agent AgentID, how int) {
	if r, rings := d.rings[agent]; rings {
		ev := Event(PhoneAnswered{r.Offer, "p"})
		if how == 0 {
			ev = Declined{r.Offer}
		}
		d.route(ev)
		return
	}
	work := d.held[agent]
	if work == "" {
		return
	}
	if told, there := d.book.Find(CallbackID(work)); there && told.Stage == CallbackCalling {
		outcome := []CallbackMark{MarkAnswered, MarkUnanswered, MarkFailed, MarkGivenUp}[how]
		d.feed(CallbackTold{CallbackID(work), outcome})
	}
	delete(d.held, agent)
	d.free[agent] = d.there(agent)
	d.route(Released{Work: work, Agent: agent, Spoke: true})
}

func (d *killDay) there(agent AgentID) bool {
	for _, a := range d.router.Agents(d.now) {
		if a.ID == agent {
			return len(a.Phones) > 0
		}
	}
	return false
}

// route journals an event, steps the router and hears what it says.
func (d *killDay) route(ev Event) {
	text, err := EncodeEvent(ev)
	if err != nil {
		d.Fatal(err)
	}
	d.journal = append(d.journal, written{at: d.now, event: text})
	mine := len(d.journal) - 1
	switch ev := ev.(type) {
	case Queued:
		d.waits[ev.Work] = ev
	case Removed:
		delete(d.waits, ev.Work)
	case Refused:
		d.refuses(mine, ev.Work, ev.Agent)
	}
	cmds := d.router.Step(d.now, ev)
	if err := d.router.Check(); err != nil {
		d.Fatal(err)
	}
	var then []Event
	for _, c := range cmds {
		switch c := c.(type) {
		case Ring:
			d.mayRing(c)
			then = append(then, PhoneRang{c.Offer, "p"})
		case Connect:
			delete(d.rings, c.Agent)
			d.held[c.Agent] = c.Work
		case OfferEnded:
			d.ended(mine, c)
		case Expired:
			delete(d.waits, c.Work)
		}
	}
	d.nobodyIsFreeForWhoWaits()
	for _, c := range cmds {
		for _, ev := range callbackEvents(c, d.known()) {
			d.feed(ev)
		}
	}
	for _, ev := range then {
		d.route(ev)
	}
}

func (d *killDay) ended(mine int, c OfferEnded) {
	if c.Outcome == OutcomeAccepted {
		return
	}
	ring := d.rings[c.Agent]
	delete(d.rings, c.Agent)
	d.free[c.Agent] = d.there(c.Agent)
	switch c.Outcome {
	case OutcomeDeclined, OutcomeNoAnswer:
		d.refuses(mine, c.Work, c.Agent)
		d.waits[c.Work] = d.stood(ring.Work)
	case OutcomeUnreachable:
		d.Fatalf("%#v: a phone that rang", c)
	}
}

// stood is how a work stood in its queue, by the last event that put it there.
func (d *killDay) stood(id WorkID) (q Queued) {
	for _, e := range d.journal {
		if e.event == nil {
			continue
		}
		ev, err := DecodeEvent(e.event)
		if err != nil {
			d.Fatal(err)
		}
		if one, ok := ev.(Queued); ok && one.Work == id {
			q = one
		}
	}
	return q
}

func (d *killDay) refuses(mine int, work WorkID, agent AgentID) {
	r := refusedAt{work, agent, d.now.Add(DefaultRetryAfter)}
	d.journal[mine].refusals = append(d.journal[mine].refusals, r)
	d.remember(r)
}

func (d *killDay) remember(r refusedAt) {
	if d.refused[r.work] == nil {
		d.refused[r.work] = map[AgentID]time.Time{}
	}
	d.refused[r.work][r.agent] = r.until
}

func (d *killDay) known() map[CallbackID]Callback {
	known := map[CallbackID]Callback{}
	for _, c := range d.book.Snapshot() {
		known[c.ID] = c
	}
	return known
}

// mayTake says whether a work may be offered to an agent who is free.
func (d *killDay) mayTake(w Queued, agent AgentID) bool {
	i := slices.IndexFunc(d.cfg.Teams, func(t Team) bool { return t.ID == w.Team })
	return d.free[agent] && slices.Contains(d.cfg.Teams[i].Agents, agent) && !d.refused[w.Work][agent].After(d.now) &&
		(w.Until.IsZero() || w.Until.After(d.now))
}

// mayRing wants nobody passed over.
func (d *killDay) mayRing(c Ring) {
	w, waits := d.waits[c.Work]
	if !waits || !d.mayTake(w, c.Agent) {
		d.Fatalf("%#v: it does not wait, or the agent must not be offered it: %+v", c, w)
	}
	for _, v := range d.waits {
		first := v.Priority > w.Priority || v.Priority == w.Priority && (v.Since.Before(w.Since) || v.Since.Equal(w.Since) && v.Work < w.Work)
		for agent := range d.free {
			if first && d.mayTake(v, agent) {
				d.Fatalf("%#v, of priority %d since %v: %s of %s, of priority %d since %v, comes first, at %s", c, w.Priority, w.Since, v.Work, v.Team, v.Priority, v.Since, agent)
			}
		}
	}
	delete(d.waits, c.Work)
	d.free[c.Agent], d.rings[c.Agent] = false, c
}

func (d *killDay) nobodyIsFreeForWhoWaits() {
	for _, w := range d.waits {
		for agent := range d.free {
			if d.mayTake(w, agent) {
				d.Fatalf("at %v: %+v waits while %s is free", d.now, w, agent)
			}
		}
	}
}

// feed steps the callbacks, journals what is kept and obeys in order.
func (d *killDay) feed(ev CallbackEvent) {
	for _, c := range d.book.Step(d.now, ev) {
		switch c := c.(type) {
		case CallbackKeep:
			d.journal = append(d.journal, written{at: d.now, callback: mustText(d, c.Callback)})
		case CallbackQueue:
			d.route(c.Queued)
		case CallbackUnqueue:
			d.route(Removed{Work: c.ID.Work()})
		case CallbackRefuse:
			d.route(Refused{c.ID.Work(), c.Agent})
		case CallbackForget:
			d.route(Removed{Work: c.ID.Work(), Why: OutcomeAbandoned})
		}
	}
}

// kill ends the process: the last lines of the journal were not on disk yet. After a while it starts again on the others.
func (d *killDay) kill() {
	cut := max(d.from, len(d.journal)-d.pick(4))
	d.journal = d.journal[:cut]
	d.now = d.now.Add(time.Duration(d.pick(20*60)) * time.Second)
	d.nobody()
	d.router, d.refused = New(d.cfg), map[WorkID]map[AgentID]time.Time{}
	if d.base != nil {
		var snap Snapshot
		d.read(d.base, &snap)
		var err error
		if d.router, err = Restore(d.cfg, snap); err != nil {
			d.Fatal(err)
		}
	}
	kept := map[CallbackID]Callback{}
	for i, e := range d.journal {
		switch {
		case e.callback != nil:
			var c Callback
			d.read(e.callback, &c)
			kept[c.ID] = c
		case i >= d.from:
			ev, err := DecodeEvent(e.event)
			if err != nil {
				d.Fatal(err)
			}
			d.router.Step(e.at, ev)
		}
		for _, r := range e.refusals {
			d.remember(r)
		}
	}
	var pending []Callback
	for _, c := range kept {
		if c.State == CallbackPending {
			pending = append(pending, c)
		}
	}
	d.book = NewCallbacks(pending)
	d.route(Restarted{})
	d.route(Configured{d.cfg})
	d.feed(CallbackRestarted{})
	for _, was := range pending {
		d.isThere(was)
	}
}

func (d *killDay) read(text []byte, to any) {
	if err := json.Unmarshal(text, to); err != nil {
		d.Fatal(err)
	}
}

// isThere wants a callback that was on disk as it was, and in its queue while its time is not over.
func (d *killDay) isThere(was Callback) {
	now, there := d.book.Find(was.ID)
	same := was
	same.Stage, same.Spent, same.Marks, same.Attempts = now.Stage, now.Spent, now.Marks, now.Attempts
	if !there || !reflect.DeepEqual(now, same) {
		d.Fatalf("after the start: got %+v, want %+v", now, was)
	}
	for _, a := range now.Attempts {
		if a.Ended.IsZero() {
			d.Fatalf("after the start: got %+v, want no call to the customer that goes on", now)
		}
	}
	q, waits := d.waits[was.ID.Work()]
	if should := was.Until.After(d.now) && !was.After.After(d.now); waits != should || waits && (q.Priority != was.Priority || !q.Since.Equal(was.Since) || !q.Until.Equal(was.Until)) {
		d.Fatalf("at %v: %+v waits is %v, as %+v", d.now, was, waits, q)
	}
}

// serveAll has every agent come back and everything be served, in its order.
func (d *killDay) serveAll() {
	for _, a := range d.cfg.Agents {
		d.phone(a.ID, true)
	}
	for range 10_000 {
		if len(d.rings)+len(d.held) == 0 && len(d.waits) == 0 {
			return
		}
		if len(d.rings)+len(d.held) == 0 {
			d.pass(time.Minute) // all have refused it
		}
		for _, a := range d.cfg.Agents {
			d.act(a.ID, 1)
		}
	}
	d.Fatalf("never served: %+v", d.waits)
}

func mustText(t tester, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
