package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var verbs = []Verb{Play, Say, Menu, ByHours, Set, Match, Goto, Queue, Callback, Voicemail, OpenMailbox, Forward, Hangup}

// options are the keys beside a verb, by the verbs they belong to.
var options = map[string][]Verb{
	"barge_in": {Play, Say},
	"choices":  {Menu}, "timeout": {Menu}, "digit_timeout": {Menu}, "retries": {Menu}, "invalid": {Menu}, "extensions": {Menu},
	"open": {ByHours}, "closed": {ByHours}, "holiday": {ByHours},
	"cases": {Match}, "otherwise": {Menu, Match},
	"priority": {Queue}, "max_wait": {Queue}, "unanswered": {Queue, Forward}, "music": {Queue}, "announce": {Queue}, "exit": {Queue},
	"callback_offer": {Queue}, "max_queue": {Queue}, "full": {Queue}, "nobody": {Queue}, "skills": {Queue}, "relax": {Queue},
	"overflow": {Queue}, "sticky": {Queue},
	"trunks": {Forward}, "caller_id": {Forward}, "ring": {Forward},
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
		r.places[join(key, "hangup")] = place{hangup, hangup}.spot()
	}
	switch {
	case len(present) == 0 && len(r.problems) == before:
		r.problem(n, key, "has no verb: write one of %s", listed(verbs))
	case len(present) > 1:
		r.problem(n, key, "has %d verbs (%s and %s): make each a step of its own, with its own dash", len(present), present[0], present[1])
	case len(present) == 1:
		s.Verb = present[0]
		for _, name := range others {
			if owners := options[name]; !slices.Contains(owners, s.Verb) {
				at := r.places[join(key, name)]
				r.wrong(int(at.keyLine), int(at.keyColumn), join(key, name), "belongs to %s, not to %s: move it to the right step", listed(owners), s.Verb)
			}
		}
	}
}

// keysOf are the keys that a mapping may have: of a step those of its verb alone.
func keysOf(n *yaml.Node, t reflect.Type) []string {
	all := names(t)
	if t != reflect.TypeFor[Step]() {
		return all
	}
	for _, verb := range verbs {
		if value(n, string(verb)) != nil {
			return slices.DeleteFunc(all, func(name string) bool { return name != string(verb) && !slices.Contains(options[name], verb) })
		}
	}
	return all
}

func listed(all []Verb) string {
	return strings.Join(ids(all, func(v Verb) string { return string(v) }), ", ")
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
	if hangup := value(n, string(Hangup)); hangup == nil || !isNull(hangup) {
		return n
	}
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
		p.Flow = "" // the default's
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

// sounds reads one sound, or a list.
func (r *reader) sounds(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind == yaml.SequenceNode {
		r.list(n, key, v)
		return
	}
	var one Sound
	r.decode(n, key, reflect.ValueOf(&one).Elem())
	v.Set(reflect.ValueOf(Sounds{one}))
}

// sound reads a prompt's name, or a value that is spoken.
func (r *reader) sound(n *yaml.Node, key string, v reflect.Value) {
	s := v.Addr().Interface().(*Sound)
	if n.Kind != yaml.MappingNode {
		r.scalar(n, key, reflect.ValueOf(&s.Prompt).Elem())
		return
	}
	before := len(r.problems)
	known := r.fields(v.Type())
	present := 0
	for _, p := range r.pairs(n, key) {
		at := join(key, p.key.Value)
		f, ok := known[p.key.Value]
		if !ok {
			r.unknown(p.key, at, names(v.Type()))
			continue
		}
		r.places[at] = p.spot()
		present++
		if value := r.follow(p.value, at); value != nil {
			*v.FieldByIndex(f.Index).Addr().Interface().(*string), _ = r.plain(value, at)
		}
	}
	if present != 1 && len(r.problems) == before {
		r.problem(n, key, "has %d keys: write a prompt's name, or one of %s with its value", present, strings.Join(names(v.Type()), ", "))
	}
}

// plain gives the text of a value whatever YAML takes it for.
func (r *reader) plain(n *yaml.Node, key string) (string, bool) {
	if n.Kind == yaml.ScalarNode && !isNull(n) && n.ShortTag() != "!!str" {
		return n.Value, true
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.problem(n, key, "is %s: it wants one value", describe(n))
		return "", false
	}
	return r.text(n, key, false)
}

// choice reads where a choice leads.
func (r *reader) choice(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind == yaml.MappingNode {
		r.mapping(n, key, v)
		return
	}
	r.path(n, key, v.FieldByName("To"))
}
