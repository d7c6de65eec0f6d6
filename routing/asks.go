package routing

import (
	"cmp"
	"slices"
	"time"
)

// Skill is one ability and how much of it: of an agent, what they have; of a work, the least that it asks for.
type Skill struct {
	Name  string `json:"name"`
	Level int    `json:"level,omitempty"`
}

// Asks are what a work asks of whoever takes it, and how that gives way while it waits. Every After counts from when the
// work entered its queue.
type Asks struct {
	Skills   []Skill    `json:"skills,omitempty"`
	Relax    []Relax    `json:"relax,omitempty"`    // in the order of After
	Overflow []Overflow `json:"overflow,omitempty"` // in the order of After
}

// Relax sets other levels for some of the skills that a work asks for; 0 asks for none.
type Relax struct {
	After  time.Duration `json:"after"`
	Skills []Skill       `json:"skills"`
}

// Overflow adds teams whose agents may take the work too. Its times and its recording stay those of its own team.
type Overflow struct {
	After time.Duration `json:"after"`
	Teams []TeamID      `json:"teams"`
}

// levelAt returns how much of a skill is asked for after some time.
func (a Asks) levelAt(name string, after time.Duration) int {
	level := 0
	for _, s := range a.Skills {
		if s.Name == name {
			level = s.Level
		}
	}
	for _, x := range a.Relax {
		for _, s := range x.Skills {
			if s.Name == name && x.After <= after {
				level = s.Level
			}
		}
	}
	return level
}

// openTo returns when the agents of a team may take the work; false: never.
func (a Asks) openTo(id TeamID) (after time.Duration, ok bool) {
	for _, o := range a.Overflow {
		if slices.Contains(o.Teams, id) && (!ok || o.After < after) {
			after, ok = o.After, true
		}
	}
	return after, ok
}

// next returns the first After that lies beyond some time; false: nothing gives way any more.
func (a Asks) next(after time.Duration) (first time.Duration, ok bool) {
	consider := func(d time.Duration) {
		if d > after && (!ok || d < first) {
			first, ok = d, true
		}
	}
	for _, x := range a.Relax {
		consider(x.After)
	}
	for _, o := range a.Overflow {
		consider(o.After)
	}
	return first, ok
}

// clone returns a copy that shares nothing.
func (a Asks) clone() Asks {
	c := Asks{Skills: slices.Clone(a.Skills), Relax: slices.Clone(a.Relax), Overflow: slices.Clone(a.Overflow)}
	for i := range c.Relax {
		c.Relax[i].Skills = slices.Clone(c.Relax[i].Skills)
	}
	for i := range c.Overflow {
		c.Overflow[i].Teams = slices.Clone(c.Overflow[i].Teams)
	}
	return c
}

// ask is a Skill that is asked for, by its number; -1: nobody has it.
type ask struct{ skill, level int }

// skillNumbers numbers the skills that agents have, so that comparing them looks nothing up.
func skillNumbers(agents []Agent) map[string]int {
	numbers := map[string]int{}
	for _, a := range agents {
		for _, s := range a.Skills {
			if _, known := numbers[s.Name]; !known {
				numbers[s.Name] = len(numbers)
			}
		}
	}
	return numbers
}

// levelsOf returns the levels of an agent by the skills' numbers; of a skill named twice the first counts.
func (r *Router) levelsOf(c Agent) []int {
	if len(c.Skills) == 0 {
		return nil
	}
	levels := make([]int, len(r.skills))
	for _, s := range slices.Backward(c.Skills) {
		levels[r.skills[s.Name]] = s.Level
	}
	return levels
}

// asksOf returns what a work asks for now, in the order of the skills' numbers.
func (r *Router) asksOf(w *work) []ask {
	if len(w.wants.Skills) == 0 {
		return nil
	}
	var asks []ask
	for _, s := range w.wants.Skills {
		level := w.wants.levelAt(s.Name, r.now.Sub(w.entered))
		if level <= 0 {
			continue
		}
		number, known := r.skills[s.Name]
		if !known {
			number = -1
		}
		asks = append(asks, ask{number, level})
	}
	slices.SortFunc(asks, func(a, b ask) int { return cmp.Or(cmp.Compare(a.skill, b.skill), cmp.Compare(a.level, b.level)) })
	return asks
}

// meets says whether the agent has what is asked for.
func (a *agent) meets(asks []ask) bool {
	for _, k := range asks {
		if k.skill < 0 || k.skill >= len(a.levels) || a.levels[k.skill] < k.level {
			return false
		}
	}
	return true
}

// below says whether the agent has fewer calls of a team than one agent may have.
func (a *agent) below(t *team) bool {
	return t == nil || t.CallLimit <= 0 || a.openOf(t.ID) < t.CallLimit
}

// openOf counts the agent's calls of one team, ringing ones included.
func (a *agent) openOf(id TeamID) int {
	n := 0
	for _, h := range a.open {
		if h.team == id {
			n++
		}
	}
	return n
}
