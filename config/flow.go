package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var verbs = []Verb{Play, Queue, Forward, Hangup}

// laterVerbs are the verbs of coming versions, with what serves until then.
var laterVerbs = map[string]string{
	"menu":      "queue the caller without a choice, or give each choice a number of its own under numbers:",
	"hours":     "queue at all hours, with max_wait and unanswered for the time nobody is there",
	"set":       "remove it",
	"callback":  "use queue with max_wait",
	"voicemail": "use forward to a number that has a voicemail, or hangup",
}

// options are the keys beside a verb, by the verb they belong to.
var options = map[string]Verb{
	"priority": Queue, "max_wait": Queue, "unanswered": Queue,
	"trunks": Forward, "caller_id": Forward,
}

// step reads one step: exactly one verb, and only options of that verb.
func (r *reader) step(n *yaml.Node, key string, v reflect.Value) {
	s := v.Addr().Interface().(*Step)
	if n.Kind != yaml.MappingNode {
		if n.Kind == yaml.ScalarNode && slices.Contains(verbs, Verb(n.Value)) {
			r.problem(n, key, "is text: write %s: with the colon", n.Value)
		} else {
			r.problem(n, key, "is %s: a step is a verb and its value, such as queue: support", describe(n))
		}
		return
	}
	before := len(r.problems)
	r.laterVerbs(n, key)
	if len(r.problems) > before {
		return
	}
	var present []Verb
	var others []string
	for _, name := range r.mapping(withoutEmptyHangup(n), key, v) {
		if slices.Contains(verbs, Verb(name)) {
			present = append(present, Verb(name))
		} else {
			others = append(others, name)
		}
	}
	if hangup := value(n, string(Hangup)); hangup != nil && isNull(hangup) {
		present, s.Hangup = append(present, Hangup), 480
		r.places[join(key, "hangup")] = place{hangup, hangup}
	}
	switch {
	case len(present) == 0 && len(r.problems) == before:
		r.problem(n, key, "has no verb: write one of play, queue, forward, hangup")
	case len(present) > 1:
		r.problem(n, key, "has %d verbs (%s and %s): make each a step of its own, with its own dash", len(present), present[0], present[1])
	case len(present) == 1:
		s.Verb = present[0]
		for _, name := range others {
			if owner := options[name]; owner != s.Verb {
				r.problem(r.places[join(key, name)].key, join(key, name), "belongs to %s, not to %s: move it to the right step", owner, s.Verb)
			}
		}
	}
}

// laterVerbs tells of verbs that are known and not there yet.
func (r *reader) laterVerbs(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if cure, ok := laterVerbs[name]; ok {
			r.problem(n.Content[i], join(key, name), "is not available in this version: %s", cure)
		}
	}
}

// value is the value of a mapping's key; nil where there is none.
func value(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// withoutEmptyHangup is the mapping without a hangup that has no code, the
// one key that is complete without a value.
func withoutEmptyHangup(n *yaml.Node) *yaml.Node {
	copied := *n
	copied.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != string(Hangup) || !isNull(n.Content[i+1]) {
			copied.Content = append(copied.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &copied
}

// path reads a flow's name or steps on the spot.
func (r *reader) path(n *yaml.Node, key string, v reflect.Value) {
	p := v.Addr().Interface().(*Path)
	switch n.Kind {
	case yaml.SequenceNode:
		r.decode(n, key, v.FieldByName("Steps"))
	case yaml.ScalarNode:
		if isNull(n) {
			r.problem(n, key, "has no value: write a flow's name, or steps")
			return
		}
		p.Flow, _ = r.text(n, key, false)
	default:
		r.problem(n, key, "is a mapping: write a flow's name, or a list of steps, each with a dash")
	}
}

// checkFlows checks every flow and puts the steps of named flows in place.
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
		r.checkSteps(c, steps, f.Steps)
	}
	r.link(c)
}

func (r *reader) checkSteps(c *Config, key string, steps []Step) {
	if len(steps) == 0 {
		r.fail(key, "has no steps, so its callers would be hung up: write one such as - queue: support")
	}
	for i := range steps {
		at := index(key, i)
		r.checkStep(c, at, &steps[i])
		if i+1 == len(steps) {
			r.warnOfTheEnd(at, &steps[i])
			break
		}
		switch s := steps[i]; {
		case s.Verb == Hangup:
			r.fail(index(key, i+1), "is never reached, because the step before it hangs up: remove one of them")
		case s.Verb == Queue && s.MaxWait == 0:
			r.fail(index(key, i+1), "is never reached, because the queue before it has no end: give that step a max_wait")
		case s.Verb == Queue && (s.Unanswered.Flow != "" || s.Unanswered.Steps != nil):
			r.fail(index(key, i+1), "is never reached, because the queue before it goes on with unanswered: move it there")
		}
	}
}

// warnOfTheEnd warns of a queue after which nothing is left for the caller.
func (r *reader) warnOfTheEnd(key string, s *Step) {
	if s.Verb == Queue && s.MaxWait > 0 && s.Unanswered.Flow == "" && s.Unanswered.Steps == nil {
		r.warn(join(key, "max_wait"), "after %s the caller is hung up, because nothing follows: add unanswered: or a step", written(s.MaxWait))
	}
}

func (r *reader) checkStep(c *Config, key string, s *Step) {
	switch s.Verb {
	case Play:
		r.checkPrompt(c, join(key, "play"), s.Play)
	case Queue:
		r.checkQueue(c, key, s)
	case Forward:
		r.checkForward(c, key, s)
	case Hangup:
		if s.Hangup < 400 || s.Hangup > 699 {
			r.fail(join(key, "hangup"), "%d is not a refusal: write a SIP code from 400 to 699, or nothing for 480", s.Hangup)
		}
	}
}

func (r *reader) checkQueue(c *Config, key string, s *Step) {
	at := join(key, "queue")
	if s.Queue == "" {
		r.fail(at, "names no team: write one of teams:")
	} else if team := c.Team(s.Queue); team == nil {
		hint := didYouMean(s.Queue, ids(c.Teams, func(t Team) string { return t.ID }))
		if c.Agent(s.Queue) != nil {
			hint = ": it is an agent; make a team of that one agent"
		}
		r.fail(at, "there is no team %q%s", s.Queue, orElse(hint, ": define it under teams:"))
	}
	if s.Priority < -1000 || s.Priority > 1000 {
		r.fail(join(key, "priority"), "%d is out of range: write a number from -1000 to 1000", s.Priority)
	}
	onward := s.Unanswered.Flow != "" || s.Unanswered.Steps != nil
	if onward && s.MaxWait == 0 && !r.bad(join(key, "max_wait")) {
		r.fail(join(key, "unanswered"), "is never reached, because the wait has no end: give the step a max_wait")
	}
	if s.Unanswered.Steps != nil {
		r.checkSteps(c, join(key, "unanswered"), s.Unanswered.Steps)
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
}

// forbidden says why the dial rules surely refuse a number. Whether a number
// is a premium one is known when it is dialled only.
func (r *reader) forbidden(c *Config, number string) string {
	class := ""
	if r.checks.Class != nil {
		class = r.checks.Class(number, c.Country)
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

// link puts the steps of flows named by unanswered in place, after checking
// that no flow leads back to itself.
func (r *reader) link(c *Config) {
	done := make(map[string]bool)
	var trail []string
	var flow func(f *Flow) bool
	var walk func(key string, steps []Step) bool
	walk = func(key string, steps []Step) bool {
		for i := range steps {
			p, at := &steps[i].Unanswered, join(index(key, i), "unanswered")
			if p.Flow == "" {
				if !walk(at, p.Steps) {
					return false
				}
				continue
			}
			next := c.Flow(p.Flow)
			if next == nil {
				all := ids(c.Flows, func(f Flow) string { return f.ID })
				r.fail(at, "there is no flow %q%s", p.Flow, orElse(didYouMean(p.Flow, all), ": define it under flows:"))
				continue
			}
			if from := slices.Index(trail, next.ID); from >= 0 {
				r.fail(at, "leads back to where it came from (%s): end one of these flows with forward or hangup",
					strings.Join(append(slices.Clone(trail[from:]), next.ID), " → "))
				return false
			}
			if !flow(next) {
				return false
			}
			p.Steps = next.Steps
		}
		return true
	}
	flow = func(f *Flow) bool {
		if done[f.ID] {
			return true
		}
		if len(trail) > 8 {
			r.fail(join("flows", f.ID), "is more than 8 flows away from where the caller began: join some of them")
			return false
		}
		trail = append(trail, f.ID)
		ok := walk(r.stepsKey(f.ID), f.Steps)
		trail = trail[:len(trail)-1]
		done[f.ID] = true
		return ok
	}
	for i := range c.Flows {
		flow(&c.Flows[i])
	}
}

// stepsKey is the key under which a flow's steps stand.
func (r *reader) stepsKey(id string) string {
	key := join("flows", id)
	if _, mapped := r.places[join(key, "steps")]; mapped {
		return join(key, "steps")
	}
	return key
}
