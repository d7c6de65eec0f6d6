package config

import (
	"slices"
	"strings"
)

// checkLoops refuses flows that never lead a caller anywhere.
func (r *reader) checkLoops(c *Config) {
	exits := exits(c)
	told := make(map[string]bool)
	for i := range c.Flows {
		f := &c.Flows[i]
		if trail := circle(c, f.ID, instant); trail != nil && !told[f.ID] {
			for _, id := range trail {
				told[id] = true
			}
			r.fail(join("flows", f.ID), "leads back to where it came from (%s) and nothing on the way takes time: end one of these flows with another step",
				strings.Join(trail, " → "))
			continue
		}
		if exits[f.ID] || told[f.ID] || len(f.Steps) == 0 {
			continue
		}
		for _, id := range reached(c, f.ID) {
			told[id] = true
		}
		trail := circle(c, f.ID, anywhere)
		if trail == nil {
			continue // it leads to a flow that is not there, which was told
		}
		r.fail(join("flows", f.ID), "leads round and round (%s) and never out: add a way to queue, voicemail, forward or hangup",
			strings.Join(trail, " → "))
	}
}

// exits tells of which flows a way leads out: to somebody, to a message, or to the end of the call.
func exits(c *Config) map[string]bool {
	out := make(map[string]bool)
	for changed := true; changed; {
		changed = false
		for i := range c.Flows {
			f := &c.Flows[i]
			if !out[f.ID] && exit(f.Steps, out, true) {
				out[f.ID], changed = true, true
			}
		}
	}
	return out
}

// exit tells whether steps lead out; end: that is so when they come to their end.
func exit(steps []Step, out map[string]bool, end bool) bool {
	for i := range steps {
		s := &steps[i]
		switch s.Verb {
		case Queue, Callback, Voicemail, OpenMailbox, Forward, Hangup:
			return true
		}
		for _, w := range s.ways() {
			if out[w.path.Flow] || exit(w.path.Steps, out, false) {
				return true
			}
		}
		if !s.GoesOn() {
			return false
		}
	}
	return end
}

// instant are the flows that steps can lead to before anything takes time.
func instant(steps []Step) (to []string, on bool) {
	for i := range steps {
		s := &steps[i]
		switch s.Verb {
		case Set, Goto, ByHours, Match:
		default:
			return to, false
		}
		on = s.Verb == Set
		for _, w := range s.ways() {
			if w.path.Flow != "" {
				to = append(to, w.path.Flow)
				continue
			}
			more, through := instant(w.path.Steps)
			to, on = append(to, more...), on || through
		}
		if !on {
			return to, false
		}
	}
	return to, true
}

// anywhere are the flows that steps can lead to.
func anywhere(steps []Step) (to []string, on bool) {
	for i := range steps {
		for _, w := range steps[i].ways() {
			if w.path.Flow != "" {
				to = append(to, w.path.Flow)
			}
			more, _ := anywhere(w.path.Steps)
			to = append(to, more...)
		}
	}
	return to, true
}

// circle is a way from a flow back to itself, or to a circle further on; nil: none.
func circle(c *Config, from string, next func([]Step) ([]string, bool)) []string {
	done := make(map[string]bool)
	var trail []string
	var walk func(id string) []string
	walk = func(id string) []string {
		if at := slices.Index(trail, id); at >= 0 {
			return append(slices.Clone(trail[at:]), id)
		}
		f := c.Flow(id)
		if f == nil || done[id] {
			return nil
		}
		done[id] = true
		trail = append(trail, id)
		defer func() { trail = trail[:len(trail)-1] }()
		to, _ := next(f.Steps)
		for _, t := range to {
			if found := walk(t); found != nil {
				return found
			}
		}
		return nil
	}
	return walk(from)
}

// reached are the flows that a flow leads to, itself first.
func reached(c *Config, from string) []string {
	all := []string{from}
	for i := 0; i < len(all); i++ {
		f := c.Flow(all[i])
		if f == nil {
			continue
		}
		to, _ := anywhere(f.Steps)
		for _, t := range to {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}
