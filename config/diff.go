package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Changes is what a reload does.
type Changes struct {
	// Applied are the keys whose change works at once, as "key: old → new".
	Applied []string
	// NeedsRestart are the keys whose change works after a restart only.
	NeedsRestart []string
}

// Empty says that nothing changed.
func (c Changes) Empty() bool { return len(c.Applied)+len(c.NeedsRestart) == 0 }

// bound are the keys whose values were given to sockets, folders and threads
// at the start.
var bound = []string{
	"domain", "data_dir", "listen", "nat", "retention", "session_timers", "dns", "hep", "webhooks", "contacts.lookup",
	"media.ports", "media.codecs", "media.jitter_buffer", "webrtc",
}

// Diff compares two configurations, key by key in the order of the file's
// shape. Secrets are compared and never shown.
func Diff(old, new *Config) Changes {
	var changes Changes
	compare("", reflect.ValueOf(old).Elem(), reflect.ValueOf(new).Elem(), func(key, what string) {
		line := key + ": " + what
		for _, b := range bound {
			if key == b || strings.HasPrefix(key, b+".") {
				changes.NeedsRestart = append(changes.NeedsRestart, line)
				return
			}
		}
		changes.Applied = append(changes.Applied, line)
	})
	return changes
}

// compare tells the difference of two values of one type, struct by struct
// and, in lists that have keys, entry by entry.
func compare(key string, a, b reflect.Value, tell func(key, what string)) {
	if secret, ok := a.Interface().(Secret); ok {
		if secret.Reveal() != b.Interface().(Secret).Reveal() {
			tell(key, "changed")
		}
		return
	}
	if a.Kind() == reflect.Struct && len(names(a.Type())) > 0 && a.Type() != reflect.TypeFor[Step]() {
		for i := range a.NumField() {
			name, options, _ := strings.Cut(a.Type().Field(i).Tag.Get("yaml"), ",")
			switch {
			case name == "-":
			case options == "keyed":
				compareKeyed(join(key, name), a.Field(i), b.Field(i), tell)
			default:
				compare(join(key, name), a.Field(i), b.Field(i), tell)
			}
		}
		return
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		if a.Kind() == reflect.Slice && a.Type().Elem().Kind() == reflect.Struct && a.Type().Elem() == reflect.TypeFor[Step]() {
			tell(key, "changed")
			return
		}
		tell(key, show(a)+" → "+show(b))
	}
}

// compareKeyed compares two lists by their entries' names: what was removed,
// what was added, what differs, and at last the order.
func compareKeyed(key string, a, b reflect.Value, tell func(key, what string)) {
	at := func(all reflect.Value) (map[string]int, []string) {
		byName, order := make(map[string]int), []string(nil)
		for i := range all.Len() {
			name := all.Index(i).Field(0).String()
			byName[name] = i
			order = append(order, name)
		}
		return byName, order
	}
	inA, orderA := at(a)
	inB, orderB := at(b)
	var keptA, keptB []string
	for _, name := range orderA {
		if j, kept := inB[name]; kept {
			keptA = append(keptA, name)
			compare(join(key, name), a.Index(inA[name]), b.Index(j), tell)
		} else {
			tell(join(key, name), "removed")
		}
	}
	for _, name := range orderB {
		if _, known := inA[name]; known {
			keptB = append(keptB, name)
		} else {
			tell(join(key, name), "added")
		}
	}
	if !reflect.DeepEqual(keptA, keptB) {
		tell(key, "order "+strings.Join(keptA, ", ")+" → "+strings.Join(keptB, ", "))
	}
}

// show is a value as an operator would write it.
func show(v reflect.Value) string {
	if v.Kind() == reflect.String && v.Len() == 0 {
		return "none"
	}
	if v.Kind() == reflect.Slice {
		texts := make([]string, v.Len())
		for i := range v.Len() {
			texts[i] = show(v.Index(i))
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return written(d)
	}
	return fmt.Sprint(v.Interface())
}
