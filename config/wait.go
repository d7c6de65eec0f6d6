package config

import (
	"slices"
	"strings"
	"time"
)

// Announce is what callers hear while they wait, beside the music.
type Announce struct {
	// Say their place in the queue.
	Position bool `yaml:"position"`
	// Say how long they will wait, if the last answered calls tell.
	Wait bool `yaml:"wait"`
	// One of these each time, in turn.
	Prompts Sounds `yaml:"prompts"`
	// From entering the queue to the first announcement.
	First time.Duration `yaml:"first"`
	// From the end of one to the next.
	Every time.Duration `yaml:"every"`
}

// On says that something is announced.
func (a Announce) On() bool { return a.Position || a.Wait || len(a.Prompts) > 0 }

// Exit is a key that leads out of a queue. In the file it is a path.
type Exit struct {
	// Digit is the key in the file.
	Digit string `yaml:"-"`
	To    Path   `yaml:"-"`
}

// CallbackOffer is offered to callers who wait.
type CallbackOffer struct {
	// After so long.
	After time.Duration `yaml:"after"`
	// Or at this place in the queue or behind it; 0: whatever the place.
	Position int `yaml:"position"`
	// What is pressed to accept it. Required.
	Key string `yaml:"key" jsonschema:"required"`
	// How it is offered; the key is said after it.
	Prompt Sounds `yaml:"prompt"`
	// Whose agents ring back; empty: the queue's team.
	Team string `yaml:"team"`
}

// SkillLevel is a skill and its level. In the file it is a number.
type SkillLevel struct {
	// Skill is the key in the file.
	Skill string `yaml:"-"`
	Level int    `yaml:"-"`
}

// Skills are several. In the file they are a mapping.
type Skills []SkillLevel

// Relax asks for other levels after a time.
type Relax struct {
	// Since the caller entered the queue. Required.
	After time.Duration `yaml:"after" jsonschema:"required"`
	// The levels from then on; 0: not asked for any more. Required.
	Skills Skills `yaml:"skills" jsonschema:"required"`
}

// Overflow adds teams after a time.
type Overflow struct {
	// Since the caller entered the queue. Required.
	After time.Duration `yaml:"after" jsonschema:"required"`
	// Teams whose agents are rung too. Required.
	Teams []string `yaml:"teams" jsonschema:"required"`
}

// Sticky brings callers to the agent whom they spoke with last.
type Sticky struct {
	// So long they wait for that agent alone; 0s: it does not matter whom they spoke with.
	Wait time.Duration `yaml:"wait"`
	// The last call is no older than this.
	Within time.Duration `yaml:"within"`
}

// What nobody can be beside a path.
const (
	NobodyWait       = "wait"
	NobodyUnanswered = "unanswered"
)

// mostLevel is the highest level of a skill.
const mostLevel = 1000

// longestMemory is how long it is remembered with whom a caller spoke.
const longestMemory = 90 * day

func (r *reader) checkWait(c *Config, key string, s *Step) {
	team := c.Team(s.Queue) != nil
	r.checkAnnounce(c, join(key, "announce"), &s.Announce)
	for i, name := range s.Music {
		if name != "music" { // the shipped piece
			r.checkPrompt(c, index(join(key, "music"), i), name)
		}
	}
	keys := map[string]bool{}
	for _, x := range s.Exit {
		at := join(join(key, "exit"), x.Digit)
		if len(x.Digit) != 1 || !strings.Contains("0123456789*#", x.Digit) {
			r.fail(at, "%q is no key: write one of 0 to 9, * and #, in quotes", x.Digit)
		}
		if x.To.None() && !r.bad(at) {
			r.fail(at, "leads nowhere: write a flow's name or steps")
		}
		keys[x.Digit] = true
	}
	r.checkOffer(c, join(key, "callback_offer"), s, keys)
	r.between(join(key, "max_queue"), s.MaxQueue, 0, 100_000)
	if !s.Full.None() && s.MaxQueue == 0 {
		r.fail(join(key, "full"), "is never reached, because any number may wait: give the step a max_queue")
	}
	if s.Nobody.Flow == NobodyUnanswered && s.Unanswered.None() && !r.bad(join(key, "unanswered")) {
		r.warn(join(key, "nobody"), "there is no unanswered: callers go on with the next step")
	}
	if !team && len(s.Overflow)+len(s.Skills)+len(s.Relax) > 0 && c.Agent(s.Queue) != nil {
		r.fail(key, "waits for one agent: remove overflow, skills and relax, or wait for a team")
	}
	r.checkSkills(join(key, "skills"), s.Skills, 1)
	r.checkRelax(c, key, s)
	r.checkOverflow(c, key, s)
	if s.Sticky.Wait < 0 || s.Sticky.Wait > time.Hour {
		r.fail(join(key, "sticky.wait"), "%s is out of range: write 0s to 1h", written(s.Sticky.Wait))
	}
	if s.Sticky.Within > longestMemory {
		r.fail(join(key, "sticky.within"), "%s is longer than it is remembered: write %s or less", written(s.Sticky.Within), written(longestMemory))
	}
}

func (r *reader) checkAnnounce(c *Config, key string, a *Announce) {
	if _, there := r.places[key]; !there {
		return
	}
	if !a.On() && !r.bad(key) {
		r.fail(key, "says nothing: write position: true, wait: true or prompts: [still-waiting]")
	}
	if len(a.Prompts) > 0 {
		r.checkSounds(c, join(key, "prompts"), a.Prompts)
	}
	r.atLeast(join(key, "every"), a.Every, 5*time.Second)
	r.atLeast(join(key, "first"), a.First, 0)
}

func (r *reader) checkOffer(c *Config, key string, s *Step, taken map[string]bool) {
	if _, there := r.places[key]; !there {
		return
	}
	o := &s.CallbackOffer
	at := join(key, "key")
	switch {
	case o.Key == "":
		r.fail(at, "is missing: write the key that accepts it, such as \"2\"")
	case len(o.Key) != 1 || !strings.Contains("0123456789*#", o.Key):
		r.fail(at, "%q is no key: write one of 0 to 9, * and #, in quotes", o.Key)
	case taken[o.Key]:
		r.fail(at, "%s leads out of the queue by exit too: choose another", o.Key)
	}
	r.checkSounds(c, join(key, "prompt"), o.Prompt)
	r.between(join(key, "position"), o.Position, 0, 1000)
	switch {
	case o.Team != "":
		r.checkTarget(c, join(key, "team"), o.Team, false)
	case c.Team(s.Queue) == nil:
		r.fail(join(key, "team"), "is missing, because the queue is no team's: write whose agents ring back")
	}
}

func (r *reader) checkSkills(key string, all Skills, least int) {
	for _, one := range all {
		at := join(key, one.Skill)
		if !attributeOf.MatchString(one.Skill) {
			r.fail(at, "%q cannot be a skill: write letters, digits, dashes and underscores, a letter first", one.Skill)
		}
		r.between(at, one.Level, least, mostLevel)
	}
}

func (r *reader) checkRelax(c *Config, key string, s *Step) {
	levels := map[string]int{}
	for _, one := range s.Skills {
		levels[one.Skill] = one.Level
		if !slices.ContainsFunc(c.Agents, func(a Agent) bool {
			return slices.ContainsFunc(a.Skills, func(x SkillLevel) bool { return x.Skill == one.Skill && x.Level >= one.Level })
		}) && len(s.Relax) == 0 {
			r.warn(join(join(key, "skills"), one.Skill), "no agent has %s at %d: such callers wait for ever; add relax:, or give agents the skill", one.Skill, one.Level)
		}
	}
	var before time.Duration
	for i, x := range s.Relax {
		at := index(join(key, "relax"), i)
		r.atLeast(join(at, "after"), x.After, time.Second)
		if x.After < before {
			r.fail(join(at, "after"), "%s comes before the one above: put them in order", written(x.After))
		}
		before = x.After
		if len(x.Skills) == 0 {
			r.fail(join(at, "skills"), "is missing: write the levels from then on, such as {spanish: 0}")
		}
		r.checkSkills(join(at, "skills"), x.Skills, 0)
		for _, one := range x.Skills {
			had, known := levels[one.Skill]
			switch where := join(join(at, "skills"), one.Skill); {
			case !known:
				r.fail(where, "is not among the skills that are asked for: add it to skills:, or remove it")
			case one.Level >= had:
				r.fail(where, "%d is not less than %d before: levels relax", one.Level, had)
			}
			levels[one.Skill] = one.Level
		}
	}
}

func (r *reader) checkOverflow(c *Config, key string, s *Step) {
	var before time.Duration
	seen := map[string]bool{s.Queue: true}
	for i, o := range s.Overflow {
		at := index(join(key, "overflow"), i)
		if o.After < before {
			r.fail(join(at, "after"), "%s comes before the one above: put them in order", written(o.After))
		}
		before = o.After
		if len(o.Teams) == 0 {
			r.fail(join(at, "teams"), "is missing: write the teams that are rung too, such as [sales]")
		}
		for k, name := range o.Teams {
			where := index(join(at, "teams"), k)
			r.checkTarget(c, where, name, false)
			if seen[name] {
				r.fail(where, "%s is rung already: remove it here", name)
			}
			seen[name] = true
		}
		if s.MaxWait > 0 && o.After >= s.MaxWait {
			r.warn(join(at, "after"), "the wait ends after %s, before this begins", written(s.MaxWait))
		}
	}
}

// NobodyPath is where callers go while nobody is there; false: they wait.
func (s *Step) NobodyPath() (Path, bool) {
	switch s.Nobody.Flow {
	case NobodyWait:
		return Path{}, false
	case NobodyUnanswered:
		return s.Unanswered, true
	}
	return s.Nobody, !s.Nobody.None()
}

// checkSchedule checks when an agent is offered calls.
func (r *reader) checkSchedule(c *Config, key string, h HoursOf) {
	if h.Name != "" || h.Hours != nil {
		r.checkHoursNamed(c, key, h)
	}
}

// turnsAway says that callers may be led on before they wait.
func (s *Step) turnsAway() bool {
	_, nobody := s.NobodyPath()
	return nobody || s.MaxQueue > 0
}
