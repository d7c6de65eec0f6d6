package routing

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/internal/raced"
)

// TestCallbacksKeepTheirPromises feeds a house with requests, agents who answer and ignore, restarts and orders by hand, at
// any times: no phone begins to ring for a callback when its time is over, in quiet hours, or when nothing is pending; a
// number has one pending callback and is never changed; what went through JSON does the same.
func TestCallbacksKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &callbackDay{
			T: rt, now: time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC), numbers: map[CallbackID]string{},
			book: NewCallbacks(nil), kept: map[CallbackID]Callback{}, asked: map[string]CallbackAsked{}, at: map[string]time.Time{},
		}
		cfg := Config{
			Agents: []Agent{{ID: "ann"}, {ID: "bob", CallLimit: 2}},
			Teams:  []Team{{ID: "support", Agents: []AgentID{"ann", "bob"}}, {ID: "sales", Agents: []AgentID{"bob"}}},
		}
		d.router = New(cfg)
		d.cfg = cfg
		for range rapid.IntRange(1, raced.Or(40, 80)).Draw(rt, "steps") {
			d.pass()
			d.happen()
			if err := d.router.Check(); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

type callbackDay struct {
	*rapid.T
	now     time.Time
	cfg     Config
	router  *Router
	book    *Callbacks
	kept    map[CallbackID]Callback
	numbers map[CallbackID]string
	asked   map[string]CallbackAsked // the request of a number that its pending callback, or the last one, began with
	at      map[string]time.Time     // of it
	rings   []Ring
	held    []Connect
	count   int
}

func (d *callbackDay) pick(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "") }

// pass lets time go by, with the deadlines on the way.
func (d *callbackDay) pass() {
	end := d.now.Add(time.Duration(d.pick(40)*d.pick(40)) * time.Second)
	for range 10_000 {
		next := d.router.Deadline()
		if at := d.book.Deadline(); next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
		if next.IsZero() || next.After(end) {
			d.now = end
			return
		}
		if next.After(d.now) {
			d.now = next
		}
		d.route(Tick{})
		d.feed(CallbackTick{})
	}
	d.Fatal("deadlines do not end")
}

func (d *callbackDay) happen() {
	id := CallbackID(fmt.Sprintf("c%03d", max(1, d.count-d.pick(6))))
	number := fmt.Sprintf("+1415555012%d", d.pick(4))
	agent := d.cfg.Agents[d.pick(2)].ID
	switch d.pick(14) {
	case 0, 1, 2:
		d.count++
		ev := CallbackAsked{
			ID: CallbackID(fmt.Sprintf("c%03d", d.count)), Number: number, Team: d.cfg.Teams[d.pick(2)].ID,
			For: time.Duration(1+d.pick(120)) * time.Minute, Since: d.now.Add(-time.Duration(d.pick(600)) * time.Second),
		}
		if d.pick(3) == 0 {
			from := d.now.Add(time.Duration(d.pick(60)-10) * time.Minute)
			ev.Quiet = []Span{{from, from.Add(time.Duration(1+d.pick(60)) * time.Minute)}}
		}
		if _, pending := d.book.PendingTo(number); !pending { // else it merges, and brings no time of its own
			d.numbers[ev.ID], d.asked[number], d.at[number] = number, ev, d.now
		}
		d.feed(ev)
	case 3, 4:
		d.route(PhonesChanged{Agent: agent, Phones: []PhoneID{"p"}[:d.pick(2)], Fresh: true})
	case 5, 6, 7, 8:
		d.phone()
	case 9:
		if len(d.held) > 0 {
			c := d.held[len(d.held)-1]
			d.held = d.held[:len(d.held)-1]
			d.feed(CallbackTold{CallbackID(c.Work), []CallbackMark{MarkAnswered, MarkUnanswered, MarkFailed, MarkGivenUp}[d.pick(4)]})
			d.route(Released{Work: c.Work, Agent: c.Agent})
		}
	case 10:
		d.feed([]CallbackEvent{CallbackShut{ID: id}, CallbackTaken{ID: id, Agent: agent, ByHand: true}, CallbackTold{id, MarkUnanswered}}[d.pick(3)])
	case 11:
		d.feed(CallbackGiven{ID: id, Agent: []AgentID{agent, ""}[d.pick(2)], ViewOnly: d.pick(3) == 0})
	case 12:
		d.feed(CallbackSeen{Number: number, Agent: agent, Out: d.pick(2) == 0})
	case 13:
		d.crash()
	}
}

func (d *callbackDay) phone() {
	if len(d.rings) == 0 {
		return
	}
	r := d.rings[len(d.rings)-1-d.pick(min(len(d.rings), 3))]
	d.route([]Event{PhoneRang{r.Offer, "p"}, PhoneAnswered{r.Offer, "p"}, Declined{r.Offer}}[d.pick(3)])
}

// crash is a start on what was kept, of the callbacks that are pending.
func (d *callbackDay) crash() {
	d.route(Restarted{})
	var pending []Callback
	for _, id := range sortedIDs(d.kept) {
		if d.kept[id].State == CallbackPending {
			pending = append(pending, d.kept[id])
		}
	}
	was := d.book.Snapshot()
	d.book = NewCallbacks(pending)
	for _, c := range was {
		if now, there := d.book.Find(c.ID); c.State == CallbackPending && (!there || !reflect.DeepEqual(now, c)) {
			d.Fatalf("what was kept of %s: got %+v, want %+v", c.ID, now, c)
		}
	}
	d.rings, d.held = nil, nil
	d.feed(CallbackRestarted{})
}

func sortedIDs(m map[CallbackID]Callback) []CallbackID {
	b := NewCallbacks(nil)
	for _, c := range m {
		b.put(c)
	}
	var out []CallbackID
	for _, c := range b.inOrder() {
		out = append(out, c.ID)
	}
	return out
}

// route steps the router and tells the callbacks what it says, in the same order as the switchboard.
func (d *callbackDay) route(ev Event) {
	d.router = restored(d.T, d.router, d.cfg)
	for _, c := range d.router.Step(d.now, ev) {
		switch c := c.(type) {
		case Ring:
			d.mayRing(CallbackID(c.Work))
			d.rings = append(d.rings, c)
		case Connect:
			d.held = append(d.held, c)
		}
		for _, ev := range callbackEvents(c, d.kept) {
			d.feed(ev)
		}
	}
}

// mayRing is the promise, said once more and naively.
func (d *callbackDay) mayRing(id CallbackID) {
	c, there := d.book.Find(id)
	if !there || c.State != CallbackPending || c.Number != d.numbers[id] {
		d.Fatalf("it rings for %s, which is %+v and was asked for %s", id, c, d.numbers[id])
	}
	ask := d.asked[c.Number]
	if over := d.at[c.Number].Add(ask.For); !d.now.Before(over) {
		d.Fatalf("it rings for %s at %v, whose time was over at %v", id, d.now, over)
	}
	for _, q := range ask.Quiet {
		if !d.now.Before(q.From) && d.now.Before(q.To) {
			d.Fatalf("it rings for %s at %v, in quiet hours from %v to %v", id, d.now, q.From, q.To)
		}
	}
}

func (d *callbackDay) feed(ev CallbackEvent) {
	twin := copied(d.T, d.book)
	cmds := d.book.Step(d.now, ev)
	if again := twin.Step(d.now, ev); !reflect.DeepEqual(again, cmds) {
		d.Fatalf("after %#v:\nthe copy says %+v\nthe other one %+v", ev, again, cmds)
	}
	for _, c := range cmds {
		if keep, ok := c.(CallbackKeep); ok {
			d.kept[keep.Callback.ID] = keep.Callback
		}
	}
	for _, c := range cmds {
		switch c := c.(type) {
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
	pending := map[string]CallbackID{}
	for _, c := range d.book.Snapshot() {
		if other := pending[c.Number]; c.State == CallbackPending && other != "" {
			d.Fatalf("%s has two pending callbacks, %s and %s", c.Number, other, c.ID)
		}
		if c.State == CallbackPending {
			pending[c.Number] = c.ID
		}
	}
}
