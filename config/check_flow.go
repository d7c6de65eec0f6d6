package config

import (
	"slices"
	"strings"
	"time"
)

// checkFlows checks every flow.
func (r *reader) checkFlows(c *Config) {
	for i := range c.Flows {
		f := &c.Flows[i]
		key := join("flows", f.ID)
		r.name(key, f.ID)
		steps := key
		if _, mapped := r.places[join(key, "steps")]; mapped {
			steps = join(key, "steps")
		}
		if f.Answer != "" && f.Answer != "early" && f.Answer != "late" {
			r.fail(join(key, "answer"), "%q is not a choice: write early or late, or remove the key", f.Answer)
		}
		r.checkSteps(c, steps, f.Steps, false)
		if f.ID == Back || f.ID == Repeat {
			r.fail(key, "%s is what a menu's choices call the menu: give the flow another name", f.ID)
		}
	}
	r.checkLoops(c)
}

// checkSteps checks steps; follows: another step comes after them.
func (r *reader) checkSteps(c *Config, key string, steps []Step, follows bool) {
	if len(steps) == 0 {
		r.fail(key, "has no steps, so its callers would be hung up: write one such as - queue: support")
	}
	for i := range steps {
		at, last := index(key, i), i+1 == len(steps)
		r.checkStep(c, at, &steps[i], follows || !last)
		if last {
			if !follows {
				r.checkEnd(at, &steps[i])
			}
			return
		}
		if why := leaves(&steps[i]); why != "" {
			r.fail(index(key, i+1), "is never reached, because the step before it %s", why)
		}
	}
}

// leaves says why no step after this one is reached; empty: one is.
func leaves(s *Step) string {
	if s.GoesOn() {
		return ""
	}
	switch s.Verb {
	case Hangup:
		return "hangs up: remove one of them"
	case Goto:
		return "goes to a flow, which does not come back: remove one of them"
	case Queue:
		if s.MaxWait == 0 && !s.turnsAway() {
			return "has no end: give that step a max_wait"
		}
		return "goes on with unanswered: move it there"
	}
	return "leads elsewhere by every way: remove it, or leave one way out"
}

// GoesOn tells whether the step after this one can be reached from it.
func (s *Step) GoesOn() bool {
	switch s.Verb {
	case Hangup, Goto:
		return false
	case Queue:
		for _, w := range s.ways() {
			if w.key != "unanswered" && w.path.goesOn() {
				return true
			}
		}
		return (s.MaxWait > 0 || s.turnsAway()) && s.Unanswered.goesOn()
	case Forward:
		return s.Unanswered.goesOn()
	case Menu, ByHours, Match:
		for _, w := range s.ways() {
			if w.path.goesOn() {
				return true
			}
		}
		return false
	}
	return true
}

func (p Path) goesOn() bool {
	if p.Flow != "" {
		return false
	}
	for i := range p.Steps {
		if !p.Steps[i].GoesOn() {
			return false
		}
	}
	return true
}

// way is one of the ways that a step leads on by, with the key it is written under.
type way struct {
	key  string
	path Path
}

// ways are all that are not simply the next step, and those that are by default.
func (s *Step) ways() []way {
	var all []way
	switch s.Verb {
	case Queue:
		all = append(all, way{"unanswered", s.Unanswered})
		if !s.Full.None() {
			all = append(all, way{"full", s.Full})
		}
		if p, led := s.NobodyPath(); led && s.Nobody.Flow != NobodyUnanswered {
			all = append(all, way{"nobody", p})
		}
		for _, x := range s.Exit {
			all = append(all, way{join("exit", x.Digit), x.To})
		}
	case Menu:
		for _, c := range s.Choices {
			all = append(all, way{join("choices", c.Digits), c.To})
		}
		all = append(all, way{"otherwise", s.Otherwise})
	case ByHours:
		all = append(all, way{"open", s.Open}, way{"closed", s.Closed})
		if !s.Holiday.None() {
			all = append(all, way{"holiday", s.Holiday})
		}
	case Match:
		for _, c := range s.Cases {
			all = append(all, way{join("cases", c.Value), c.To})
		}
		all = append(all, way{"otherwise", s.Otherwise})
	case Forward:
		all = append(all, way{"unanswered", s.Unanswered})
	case Goto:
		all = append(all, way{"goto", Path{Flow: s.Goto}})
	}
	return all
}

// checkEnd tells of a step that is the last one and leaves callers without a word.
func (r *reader) checkEnd(key string, s *Step) {
	switch {
	case s.Verb == Queue && s.MaxWait > 0 && s.Unanswered.None():
		r.warn(join(key, "max_wait"), "after %s the caller is hung up, because nothing follows: add unanswered: or a step", written(s.MaxWait))
	case s.Verb == Set:
		r.fail(key, "is a dead end: the caller is hung up without a word, because nothing follows: write a step after it")
	case s.Verb == Menu && s.Otherwise.None():
		r.fail(key, "is a dead end: who chooses nothing is hung up, because nothing follows: add otherwise: or a step")
	case s.Verb == Match && s.Otherwise.None():
		r.fail(key, "is a dead end: who fits no case is hung up, because nothing follows: add otherwise: or a step")
	case s.Verb == ByHours && s.Open.None():
		r.fail(key, "is a dead end: callers in open hours are hung up, because nothing follows: add open: or a step")
	case s.Verb == ByHours && s.Closed.None():
		r.fail(key, "is a dead end: callers in closed hours are hung up, because nothing follows: add closed: or a step")
	}
}

// checkStep checks one step; follows: another one comes after it.
func (r *reader) checkStep(c *Config, key string, s *Step, follows bool) {
	switch s.Verb {
	case Play:
		r.checkSounds(c, join(key, "play"), s.Play)
	case Say:
		r.checkSound(c, join(key, "say"), s.Say)
		if s.Say.Prompt != "" {
			r.fail(join(key, "say"), "is a prompt: write play: %s, or a value such as {number: 3}", s.Say.Prompt)
		}
	case Menu:
		r.checkMenu(c, key, s)
	case ByHours:
		r.checkHoursStep(c, key, s)
	case Set:
		r.checkSet(key, s)
	case Match:
		r.checkMatch(c, key, s)
	case Queue:
		r.checkQueue(c, key, s)
	case Callback:
		r.checkTarget(c, join(key, "callback"), s.Callback, false)
	case Voicemail:
		r.checkTarget(c, join(key, "voicemail"), s.Voicemail, true)
	case OpenMailbox:
		r.checkMailboxStep(c, join(key, "mailbox"), s.Mailbox)
	case Forward:
		r.checkForward(c, key, s)
	case Hangup:
		if s.Hangup < 400 || s.Hangup > 699 {
			r.fail(join(key, "hangup"), "%d is not a refusal: write a SIP code from 400 to 699, or nothing for 480", s.Hangup)
		}
	}
	for _, w := range s.ways() {
		r.checkPath(c, join(key, w.key), w.path, s.Verb == Menu && w.key != "otherwise", follows)
	}
}

// checkPath checks where a way leads; choice: back and repeat are places too.
func (r *reader) checkPath(c *Config, key string, p Path, choice, follows bool) {
	switch {
	case p.Steps != nil:
		r.checkSteps(c, key, p.Steps, follows)
	case p.Flow == "", choice && (p.Flow == Back || p.Flow == Repeat):
	case c.Flow(p.Flow) == nil:
		all := ids(c.Flows, func(f Flow) string { return f.ID })
		if choice {
			all = append(all, Back, Repeat)
		}
		if c.Team(p.Flow) != nil || c.Agent(p.Flow) != nil {
			r.fail(key, "there is no flow %q: write [{queue: %s}] to wait there", p.Flow, p.Flow)
			return
		}
		r.fail(key, "there is no flow %q%s", p.Flow, orElse(didYouMean(p.Flow, all), ": define it under flows:"))
	}
}

func (r *reader) checkQueue(c *Config, key string, s *Step) {
	r.checkTarget(c, join(key, "queue"), s.Queue, true)
	if s.Priority < -1000 || s.Priority > 1000 {
		r.fail(join(key, "priority"), "%d is out of range: write a number from -1000 to 1000", s.Priority)
	}
	r.checkWait(c, key, s)
}

// checkTarget wants a team, or where agents may stand, one of them.
func (r *reader) checkTarget(c *Config, key, name string, agents bool) {
	what := "team"
	if agents {
		what = "team or agent"
	}
	switch {
	case name == "":
		r.fail(key, "names no %s: write one of teams:", what)
	case c.Team(name) != nil, agents && c.Agent(name) != nil:
	case c.Agent(name) != nil:
		r.fail(key, "there is no team %q: it is an agent; make a team of that one agent", name)
	default:
		all := ids(c.Teams, func(t Team) string { return t.ID })
		if agents {
			all = append(all, ids(c.Agents, func(a Agent) string { return a.ID })...)
		}
		r.fail(key, "there is no team %q%s", name, orElse(didYouMean(name, all), ": define it under teams:"))
	}
}

func (r *reader) checkForward(c *Config, key string, s *Step) {
	at := join(key, "forward")
	emergency := slices.Contains(c.Dial.Emergency, s.Forward)
	switch {
	case emergency:
		r.fail(at, "%s is an emergency number: flows do not send callers there", s.Forward)
	case !e164.MatchString(s.Forward):
		r.fail(at, "%q is not a number in E.164: write it with plus and country code, such as \"+14155550199\"", s.Forward)
	default:
		if why := r.forbidden(c, s.Forward); why != "" {
			r.fail(at, "%s may not be dialled: %s", s.Forward, why)
		}
	}
	if len(c.Trunks) == 0 {
		r.fail(at, "there is no trunk to send the call over: define one under trunks:")
	}
	r.checkTrunkNames(c, join(key, "trunks"), s.Trunks)
	if s.Ring < time.Second || s.Ring > 3*time.Minute {
		r.fail(join(key, "ring"), "%s is out of range: write a time from 1s to 3m", written(s.Ring))
	}
}

// forbidden says why the dial rules surely refuse a number. Whether a number
// is a premium one is known when it is dialled only.
func (r *reader) forbidden(c *Config, number string) string {
	class, known := r.classes[number]
	if r.checks.Class != nil && !known {
		class = r.checks.Class(number, c.Country)
		r.classes[number] = class
	}
	if class == "premium" {
		return "it is a premium-rate number"
	}
	for _, p := range c.Dial.Deny {
		if p != "" && strings.HasPrefix(number, p) {
			return "dial.deny has " + p + ": remove one of them"
		}
	}
	for _, p := range c.Dial.Allow {
		if p == "national" && r.national(c, number, class) || p != "national" && p != "" && strings.HasPrefix(number, p) {
			return ""
		}
	}
	return "no entry of dial.allow permits it: add its prefix there"
}

// national tells whether a number is one of the country's; what nobody knows
// counts as one.
func (r *reader) national(c *Config, number, class string) bool {
	if class != "" {
		return class == "national"
	}
	if r.checks.CallingCode == nil {
		return true
	}
	code, known := r.checks.CallingCode(c.Country)
	return !known || strings.HasPrefix(number, "+"+code)
}

// StepsKey is the key under which a flow's steps stand.
func (c *Config) StepsKey(flow string) string {
	key := join("flows", flow)
	if _, mapped := c.places[join(key, "steps")]; mapped {
		return join(key, "steps")
	}
	return key
}
