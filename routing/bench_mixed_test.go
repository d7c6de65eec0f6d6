package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkRouterMixed runs an hour of a house with 1,000 agents and 50 queues where 5,000 calls wait at every moment, half
// of them for skills that give way, half with other teams to come, a quarter for the agent of last time, and all ask for
// their place. As in BenchmarkRouterSaturatedDay the hour is run three times: mean-µs, p99-µs and worst-µs are of each step's
// least time, those with seen of all as measured.
func BenchmarkRouterMixed(b *testing.B) {
	const agents, queues, waiting, bar = 1000, 50, 5000, 50.0
	for b.Loop() {
		var own, seen []time.Duration
		var m mixture
		for range 3 {
			m = mixture{calls: map[WorkID]Queued{}}
			d := newDayOf(agents, queues, waiting, &m)
			d.run(time.Hour)
			if err := d.router.Check(); err != nil {
				b.Fatal(err)
			}
			for _, t := range d.router.order {
				if len(t.line) == 0 {
					b.Errorf("queue %s: nobody waits in it", t.ID)
				}
			}
			own, seen = least(own, d.steps), append(seen, d.steps...)
		}
		if m.skilled == 0 || m.overflown == 0 || m.stuck == 0 {
			b.Errorf("the house is not mixed: of its offers %d had skills, %d went to other teams, %d to the last agent", m.skilled, m.overflown, m.stuck)
		}
		slices.Sort(own)
		slices.Sort(seen)
		mean, p99 := meanMicros(own), micros(own[len(own)*99/100])
		b.ReportMetric(mean, "mean-µs")
		b.ReportMetric(p99, "p99-µs")
		b.ReportMetric(micros(own[len(own)-1]), "worst-µs")
		b.ReportMetric(meanMicros(seen), "seen-mean-µs")
		b.ReportMetric(micros(seen[len(seen)*99/100]), "seen-p99-µs")
		b.ReportMetric(micros(seen[len(seen)-1]), "seen-worst-µs")
		b.ReportMetric(float64(len(own)), "steps/h")
		b.ReportMetric(float64(m.skilled), "skilled/h")
		b.ReportMetric(float64(m.overflown), "overflown/h")
		b.ReportMetric(float64(m.stuck), "sticky/h")
		b.ReportMetric(0, "ns/op")
		if mean > bar || p99 > bar {
			b.Errorf("a step: got a mean of %.1f µs and p99 of %.1f µs, want at most %.0f", mean, p99, bar)
		}
	}
}

func meanMicros(all []time.Duration) float64 {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return micros(sum) / float64(len(all))
}

// mixture is calls that ask for more than a team, and counts the offers that it made a difference to. Nil asks for nothing.
type mixture struct {
	calls                     map[WorkID]Queued
	skilled, overflown, stuck int
}

// skillNames are what the agents of a mixed house have, each some, at levels 1 to 5.
var skillNames = []string{"english", "spanish", "german", "billing", "network", "sales"}

func (m *mixture) skills(random *rand.Rand) (all []Skill) {
	if m == nil {
		return nil
	}
	for _, name := range skillNames {
		if random.IntN(3) > 0 {
			all = append(all, Skill{name, 1 + random.IntN(5)})
		}
	}
	return all
}

// ask writes into a call what it asks for.
func (m *mixture) ask(d *day, q *Queued) {
	if m == nil {
		return
	}
	team := func() TeamID { return TeamID(fmt.Sprintf("t%d", d.random.IntN(d.teams))) }
	if d.random.IntN(2) == 0 {
		one, two := d.random.IntN(len(skillNames)), d.random.IntN(len(skillNames))
		q.Skills = []Skill{{skillNames[one], 1 + d.random.IntN(5)}}
		if two != one {
			q.Skills = append(q.Skills, Skill{skillNames[two], 1 + d.random.IntN(3)})
		}
		q.Relax = []Relax{{After: time.Minute, Skills: []Skill{{skillNames[one], 1}}}, {After: 5 * time.Minute, Skills: []Skill{{skillNames[one], 0}, {skillNames[two], 0}}}}
	}
	if d.random.IntN(2) == 0 {
		q.Overflow = []Overflow{{After: 2 * time.Minute, Teams: []TeamID{team()}}, {After: 8 * time.Minute, Teams: []TeamID{team(), team()}}}
	}
	if d.random.IntN(4) == 0 {
		q.Sticky, q.StickyUntil = d.router.roster[d.random.IntN(len(d.router.roster))].id, d.now.Add(2*time.Minute)
		if t := d.router.teams[q.Team]; d.random.IntN(4) > 0 { // mostly one of the team
			q.Sticky = t.Agents[d.random.IntN(len(t.Agents))]
		}
	}
	m.calls[q.Work] = *q
	for after := 30 * time.Second; after <= 10*time.Minute; after += 2 * time.Minute {
		d.later(after+time.Duration(d.random.IntN(1000))*time.Millisecond, Asked{q.Work}, 0)
	}
}

// rang counts an offer.
func (m *mixture) rang(d *day, c Ring) {
	if m == nil {
		return
	}
	q := m.calls[c.Work]
	if len(q.Skills) > 0 {
		m.skilled++
	}
	if !slices.Contains(d.router.teams[q.Team].Agents, c.Agent) {
		m.overflown++
	}
	if q.Sticky == c.Agent {
		m.stuck++
	}
}
