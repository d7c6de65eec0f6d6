package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decode puts n, the value of key, into v. What does not fit is a problem and
// leaves v's default; decoding goes on.
func (r *reader) decode(n *yaml.Node, key string, v reflect.Value) {
	if n = r.follow(n, key); n == nil {
		return
	}
	switch v.Addr().Interface().(type) {
	case *Secret, *time.Duration, *netip.Addr, *netip.Prefix, *PortRange:
		r.scalar(n, key, v)
		return
	case *Flow:
		if n.Kind == yaml.SequenceNode {
			r.decode(n, key, v.FieldByName("Steps"))
			return
		}
	case *Path:
		r.path(n, key, v)
		return
	case *Step:
		r.step(n, key, v)
		return
	case *Sounds:
		r.sounds(n, key, v)
		return
	case *Sound:
		r.sound(n, key, v)
		return
	case *Choice:
		r.choice(n, key, v)
		return
	case *Case, *Exit:
		r.path(n, key, v.FieldByName("To"))
		return
	case *Skills:
		r.keyed(n, key, v)
		return
	case *SkillLevel:
		r.decode(n, key, v.FieldByName("Level"))
		return
	case *Attribute:
		text, _ := r.plain(n, key)
		v.FieldByName("Value").SetString(text)
		return
	case *HoursOf:
		r.hoursOf(n, key, v)
		return
	case *WeekHours, *SpecialHours:
		r.spans(n, key, v.FieldByName("Spans"))
		return
	case *Days:
		r.days(n, key, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.mapping(n, key, v)
	case reflect.Slice:
		r.list(n, key, v)
	default:
		r.scalar(n, key, v)
	}
}

// follow gives what an alias stands for, and nil where a value is null
// (which keeps the default of lists and mappings) or the file is a bomb.
func (r *reader) follow(n *yaml.Node, key string) *yaml.Node {
	for hops := 0; n.Kind == yaml.AliasNode; hops++ {
		if hops > maxDepth {
			return nil
		}
		n = n.Alias
	}
	// Every level of nesting adds to the key's path, aliases to an ancestor too.
	if r.nodes++; r.nodes > maxNodes || strings.Count(key, ".")+strings.Count(key, "[") > maxDepth {
		if !r.spoilt {
			r.spoilt = true
			r.problem(n, "", "is nested too deeply or repeats itself through aliases: write it out")
		}
		return nil
	}
	return n
}

// isNull says that nothing is written after the colon.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// fields gives the struct's fields by the key that names them: found out once
// a reading, because a file has thousands of steps. They are not changed.
func (r *reader) fields(t reflect.Type) map[string]reflect.StructField {
	if all := r.known[t]; all != nil {
		return all
	}
	all := make(map[string]reflect.StructField)
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "-" {
			all[name] = f
		}
	}
	if r.known == nil {
		r.known = make(map[reflect.Type]map[string]reflect.StructField)
	}
	r.known[t] = all
	return all
}

// join is the path of a key inside another.
func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// pairs lists the keys of a mapping in file order, with what << merges in
// after them, and tells duplicates.
func (r *reader) pairs(n *yaml.Node, key string) []place {
	var merged []place
	own := make([]place, 0, len(n.Content)/2)
	seen := firsts{list: &own}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" {
			if v = r.follow(v, join(key, "<<")); v != nil && v.Kind == yaml.MappingNode {
				merged = append(merged, r.pairs(v, join(key, "<<"))...)
			} else if v != nil {
				r.problem(v, key, "<< wants one alias of a mapping: write <<: *name")
			}
			continue
		}
		if k.Kind != yaml.ScalarNode {
			r.problem(k, key, "a key is text: quote it, or put values with ${…} in quotes")
			continue
		}
		if first := seen.of(k.Value); first != nil {
			r.problem(k, join(key, k.Value), "is a duplicate of line %d: keep one of them", first.Line)
			continue
		}
		own = append(own, place{k, v})
		seen.added()
	}
	for _, p := range merged {
		if seen.of(p.key.Value) == nil {
			own = append(own, p)
			seen.added()
		}
	}
	return own
}

// firsts finds the keys of a list: a long one, as of numbers, by a map.
type firsts struct {
	list *[]place
	far  map[string]*yaml.Node
}

func (f *firsts) of(name string) *yaml.Node {
	if f.far != nil {
		return f.far[name]
	}
	for _, p := range *f.list {
		if p.key.Value == name {
			return p.key
		}
	}
	return nil
}

func (f *firsts) added() {
	switch all := *f.list; {
	case f.far != nil:
		last := all[len(all)-1].key
		f.far[last.Value] = last
	case len(all) > 16:
		f.far = make(map[string]*yaml.Node)
		for _, p := range all {
			f.far[p.key.Value] = p.key
		}
	}
}

// mapping puts a mapping into a struct. It gives the keys that were there.
func (r *reader) mapping(n *yaml.Node, key string, v reflect.Value) []string {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.problem(n, key, "is %s: it wants a mapping of %s", describe(n), strings.Join(names(v.Type()), ", "))
		return nil
	}
	known := r.fields(v.Type())
	var present []string
	for _, p := range r.pairs(n, key) {
		name, path := p.key.Value, join(key, p.key.Value)
		f, ok := known[name]
		if !ok {
			r.unknown(p.key, path, keysOf(n, v.Type()))
			continue
		}
		present = append(present, name)
		r.places[path] = p.spot()
		if _, options, _ := strings.Cut(f.Tag.Get("yaml"), ","); options == "keyed" {
			r.keyed(p.value, path, v.FieldByIndex(f.Index))
			continue
		}
		r.decode(p.value, path, v.FieldByIndex(f.Index))
		r.enum(p.value, path, v.FieldByIndex(f.Index), f)
	}
	return present
}

// keyed puts a mapping into a list whose elements know their key.
func (r *reader) keyed(n *yaml.Node, key string, v reflect.Value) {
	if n = r.follow(n, key); n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.problem(n, key, "is %s: it wants a mapping, one name: {…} a line", describe(n))
		return
	}
	pairs := r.pairs(n, key)
	before := v.Len()
	all := reflect.MakeSlice(v.Type(), before+len(pairs), before+len(pairs))
	reflect.Copy(all, v)
	defer v.Set(all)
	for i, p := range pairs {
		path := join(key, p.key.Value)
		if p.key.ShortTag() != "!!str" && !plainKeys(v.Type().Elem()) {
			r.problem(p.key, path, "is read as %s, not as text: write %q in quotes", describe(p.key), p.key.Value)
		}
		r.places[path] = p.spot()
		element := all.Index(before + i)
		element.Set(r.fresh(v.Type().Elem()))
		element.Field(0).SetString(p.key.Value)
		r.decode(p.value, path, element)
	}
}

// plainKeys tells whether an element's keys stand as they are written, whatever YAML takes them for: 1, 2026-12-24.
func plainKeys(t reflect.Type) bool {
	return t == reflect.TypeFor[Choice]() || t == reflect.TypeFor[Exit]() || t == reflect.TypeFor[SpecialHours]()
}

// fresh is an element with its defaults: to be copied, not changed.
func (r *reader) fresh(t reflect.Type) reflect.Value {
	v, made := r.blank[t]
	if !made {
		if v = defaults(t); r.blank == nil {
			r.blank = make(map[reflect.Type]reflect.Value)
		}
		r.blank[t] = v
	}
	return v
}

func defaults(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[Trunk]():
		return reflect.ValueOf(DefaultTrunk())
	case reflect.TypeFor[Agent]():
		return reflect.ValueOf(DefaultAgent())
	case reflect.TypeFor[Team]():
		return reflect.ValueOf(DefaultTeam())
	case reflect.TypeFor[User]():
		return reflect.ValueOf(DefaultUser())
	case reflect.TypeFor[Step]():
		return reflect.ValueOf(DefaultStep())
	}
	return reflect.Zero(t)
}

// list puts a sequence into a slice.
func (r *reader) list(n *yaml.Node, key string, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		if n.Kind == yaml.ScalarNode {
			r.problem(n, key, "is %s: it wants a list: write [%s]", describe(n), n.Value)
		} else {
			r.problem(n, key, "is %s: it wants a list", describe(n))
		}
		return
	}
	all := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		path := key + "[" + strconv.Itoa(i) + "]"
		r.places[path] = place{item, item}.spot()
		element := all.Index(i)
		element.Set(r.fresh(v.Type().Elem()))
		if isNull(item) && element.Kind() != reflect.Struct {
			r.problem(item, path, "is empty: write a value after the dash, or remove the line")
		} else {
			r.decode(item, path, element)
		}
	}
	v.Set(all)
}

// enum checks a text, or each of a list, against the values its field permits.
func (r *reader) enum(n *yaml.Node, key string, v reflect.Value, f reflect.StructField) {
	var allowed []string
	for _, part := range strings.Split(f.Tag.Get("jsonschema"), ",") {
		if value, ok := strings.CutPrefix(part, "enum="); ok {
			allowed = append(allowed, value)
		}
	}
	if len(allowed) == 0 {
		return
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			path := key + "[" + strconv.Itoa(i) + "]"
			line, column := r.at(path)
			r.oneOf(line, column, path, v.Index(i).String(), allowed)
		}
		return
	}
	r.oneOf(n.Line, n.Column, key, v.String(), allowed)
}

// later are values that a coming version will take, with what to write until then.
var later = map[string]string{
	"ws":   "write udp or tcp",
	"wss":  "write udp or tcp",
	"opus": "write PCMU, PCMA or G722",
	"OPUS": "write PCMU, PCMA or G722",
}

func (r *reader) oneOf(line, column int, key, value string, allowed []string) {
	if value == "" || slices.Contains(allowed, value) {
		return
	}
	if cure := later[value]; cure != "" {
		r.wrong(line, column, key, "%q is not available in this version: %s", value, cure)
		return
	}
	r.wrong(line, column, key, "%q is not one of %s%s", value, strings.Join(allowed, ", "), didYouMean(value, allowed))
}

// unknown tells of a key that the mapping does not have.
func (r *reader) unknown(k *yaml.Node, path string, all []string) {
	if near := nearest(k.Value, all); near != "" {
		r.problem(k, path, "is not a key here: did you mean %s?", near)
		return
	}
	r.problem(k, path, "is not a key here: the keys are %s", strings.Join(all, ", "))
}

// names lists the keys of a struct in the order of its fields.
func names(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "-" && name != "" {
			all = append(all, name)
		}
	}
	return all
}

// describe says what kind of value stands there.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "empty"
	}
	return "text"
}
