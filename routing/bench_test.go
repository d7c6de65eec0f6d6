package routing

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkRouterSaturatedDay runs eight hours of a house with 1,000 agents where 1,000 calls wait at every moment, and times
// every Step. The day is the same each time, so it is run three times: a step's own cost is the least of its three times, and
// worst-µs and p99.99-µs are of those; seen-worst-µs is the worst of all as measured, with what the machine did to it.
func BenchmarkRouterSaturatedDay(b *testing.B) {
	for _, house := range []struct{ agents, teams, waiting int }{{1000, 20, 1000}, {1000, 1, 1000}, {50, 3, 200}} {
		b.Run(fmt.Sprintf("agents=%d/teams=%d/waiting=%d", house.agents, house.teams, house.waiting), func(b *testing.B) {
			var steps []time.Duration
			var sum, seen time.Duration
			calls, count := 0, 0
			for b.Loop() {
				for range 3 {
					d := newDay(house.agents, house.teams, house.waiting)
					d.run(8 * time.Hour)
					if err := d.router.Check(); err != nil {
						b.Fatal(err)
					}
					steps, calls = least(steps, d.steps), d.answered
					for _, s := range d.steps {
						sum, seen, count = sum+s, max(seen, s), count+1
					}
				}
			}
			own := slices.Sorted(slices.Values(steps))
			b.ReportMetric(float64(sum.Nanoseconds())/float64(count), "ns/step")
			b.ReportMetric(micros(own[len(own)*9999/10000]), "p99.99-µs")
			b.ReportMetric(micros(own[len(own)-1]), "worst-µs")
			b.ReportMetric(micros(seen), "seen-worst-µs")
			b.ReportMetric(float64(len(steps)), "steps/day")
			b.ReportMetric(float64(calls), "calls/day")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// least keeps the lesser of two days' times, step by step.
func least(a, b []time.Duration) []time.Duration {
	if a == nil {
		return slices.Clone(b)
	}
	for i := range a {
		a[i] = min(a[i], b[i])
	}
	return a
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// BenchmarkAgentFreeToOffer times the one Step from an agent's release to the next Ring with 1,000 calls waiting.
func BenchmarkAgentFreeToOffer(b *testing.B) {
	d := newDay(1000, 20, 1000)
	d.run(20 * time.Minute)
	b.ReportAllocs()
	a := d.router.roster[0]
	now := d.now
	freed := 0
	for b.Loop() {
		var ev Event = StatusSet{Agent: a.id, Reason: "bench"}
		if len(a.open) > 0 {
			h := a.open[0]
			if h.offer != nil {
				ev = PhoneAnswered{h.offer.id, a.phones[0]}
			} else {
				ev = Released{Work: h.work.id, Agent: a.id}
				freed++
			}
		} else {
			ev = StatusSet{Agent: a.id, Active: true}
		}
		d.router.Step(now, ev)
	}
	if freed == 0 {
		b.Fatal("the agent was never freed")
	}
}

// BenchmarkSnapshot takes the whole state of a saturated house.
func BenchmarkSnapshot(b *testing.B) {
	d := newDay(1000, 20, 1000)
	d.run(20 * time.Minute)
	for b.Loop() {
		d.router.Snapshot()
	}
}

// day is phones and callers around a router, as they are: most answer after some seconds, some decline, ring out, are busy
// or dead; callers talk three minutes or give up; agents take breaks.
type day struct {
	router   *Router
	random   *rand.Rand
	now      time.Time
	agenda   agenda
	teams    int
	waiting  int
	calls    int
	answered int
	steps    []time.Duration
	gone     map[OfferID]bool
	mixed    *mixture // nil: calls ask for nothing
}

func newDay(agents, teams, waiting int) *day { return newDayOf(agents, teams, waiting, nil) }

func newDayOf(agents, teams, waiting int, mixed *mixture) *day {
	d := &day{mixed: mixed, random: rand.New(rand.NewPCG(1, 2)), now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), teams: teams, waiting: waiting}
	var cfg Config
	for i := range teams {
		cfg.Teams = append(cfg.Teams, Team{ID: TeamID(fmt.Sprintf("t%d", i)), WrapUp: 10 * time.Second, AwayAfter: 3})
	}
	for i := range agents {
		id := AgentID(fmt.Sprintf("a%04d", i))
		cfg.Agents = append(cfg.Agents, Agent{ID: id, Skills: mixed.skills(d.random)})
		for _, t := range []int{i % teams, d.random.IntN(teams)} {
			cfg.Teams[t].Agents = append(cfg.Teams[t].Agents, id)
		}
	}
	d.router = New(cfg)
	d.gone = map[OfferID]bool{}
	for range waiting {
		d.call()
		if mixed != nil { // one by one: what they ask for does not give way all at once
			d.now = d.now.Add(50 * time.Millisecond)
		}
	}
	for _, a := range cfg.Agents {
		d.step(PhonesChanged{Agent: a.ID, Phones: []PhoneID{"p1", "p2"}[:1+d.random.IntN(2)], Fresh: true})
	}
	return d
}

func (d *day) run(length time.Duration) {
	end := d.now.Add(length)
	for d.now.Before(end) {
		due := d.router.Deadline()
		if len(d.agenda) > 0 && (due.IsZero() || d.agenda[0].at.Before(due)) {
			next := heap.Pop(&d.agenda).(entry)
			d.now = next.at
			if !d.gone[next.offer] || next.offer == 0 {
				d.step(next.ev)
			}
		} else {
			d.now = due
			d.step(Tick{})
		}
		for len(d.router.queue) < d.waiting {
			d.call()
		}
	}
}

func (d *day) call() {
	d.calls++
	id := WorkID(fmt.Sprintf("w%07d", d.calls))
	queued := Queued{Work: id, Team: TeamID(fmt.Sprintf("t%d", d.random.IntN(d.teams))), Priority: d.random.IntN(20) / 19}
	d.mixed.ask(d, &queued)
	d.step(queued)
	if d.random.IntN(10) == 0 {
		d.later(time.Duration(d.random.IntN(600))*time.Second, Removed{id, OutcomeAbandoned}, 0)
	}
}

func (d *day) step(ev Event) {
	start := time.Now()
	cmds := d.router.Step(d.now, ev)
	d.steps = append(d.steps, time.Since(start))
	for _, c := range cmds {
		switch c := c.(type) {
		case Ring:
			d.mixed.rang(d, c)
			d.ring(c)
		case Connect:
			d.answered++
			talk := time.Duration(d.random.ExpFloat64() * float64(3*time.Minute))
			d.later(talk, Released{Work: c.Work, Agent: c.Agent, Spoke: true}, 0)
			d.later(talk, Removed{c.Work, OutcomeAbandoned}, 0)
		case OfferEnded:
			d.gone[c.Offer] = true
		case StatusChanged:
			if c.Reason == ReasonNotAnswering {
				d.later(5*time.Minute, StatusSet{Agent: c.Agent, Active: true}, 0)
			}
		}
	}
}

// ring has the phones of an offer do what phones do.
func (d *day) ring(c Ring) {
	p := c.Phones[d.random.IntN(len(c.Phones))]
	first, second := 200*time.Millisecond, time.Second+time.Duration(d.random.IntN(8000))*time.Millisecond
	switch kind := d.random.IntN(100); {
	case kind < 80:
		d.later(first, PhoneRang{c.Offer, p}, c.Offer)
		d.later(second, PhoneAnswered{c.Offer, p}, c.Offer)
	case kind < 90:
		d.later(first, PhoneRang{c.Offer, p}, c.Offer)
		d.later(second, PhoneFailed{Offer: c.Offer, Phone: p, Code: 486}, c.Offer)
	case kind < 95:
		d.later(first, PhoneRang{c.Offer, p}, c.Offer)
	case kind < 98:
		for _, p := range c.Phones {
			d.later(first, PhoneFailed{Offer: c.Offer, Phone: p, Code: 486}, c.Offer)
		}
	}
}

func (d *day) later(after time.Duration, ev Event, o OfferID) {
	heap.Push(&d.agenda, entry{d.now.Add(after), len(d.steps), ev, o})
}

// entry is something that will happen; offer, when set, must still be live then.
type entry struct {
	at    time.Time
	order int
	ev    Event
	offer OfferID
}

type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if c := a[i].at.Compare(a[j].at); c != 0 {
		return c < 0
	}
	return a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	x := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return x
}

// BenchmarkReload swaps a configuration under a saturated house: the one Step that looks at everything.
func BenchmarkReload(b *testing.B) {
	d := newDay(1000, 20, 1000)
	d.run(20 * time.Minute)
	cfg := Config{}
	for _, a := range d.router.roster {
		cfg.Agents = append(cfg.Agents, Agent{ID: a.id})
	}
	for _, t := range d.router.order {
		cfg.Teams = append(cfg.Teams, t.Team)
	}
	for b.Loop() {
		d.router.Step(d.now, Configured{cfg})
	}
}

// BenchmarkAgentWhoRefusedEverything times the step that looks for work for an agent who has refused all of 1,000 waiting calls.
func BenchmarkAgentWhoRefusedEverything(b *testing.B) {
	d := newDay(1, 1, 1000)
	for range 1000 {
		d.router.Step(d.now, Declined{d.router.lastOffer})
	}
	if len(d.router.queue) != 1000 {
		b.Fatalf("waiting: got %d, want all 1000", len(d.router.queue))
	}
	for b.Loop() {
		d.router.Step(d.now, StatusSet{Agent: "a0000", Active: true})
	}
}
