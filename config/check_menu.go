package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	choiceOf    = regexp.MustCompile(`^[0-9*#]{1,16}$`)
	attributeOf = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)
	subjects    = []string{"caller", "called", "name", "contact", "tag", "language"}
)

func (r *reader) checkMenu(c *Config, key string, s *Step) {
	r.checkSounds(c, join(key, "menu"), s.Menu)
	r.checkSounds(c, join(key, "invalid"), s.Invalid)
	if len(s.Choices) == 0 && !s.Extensions && !r.bad(join(key, "choices")) {
		r.fail(key, "has no choices: write choices: {\"1\": sales}")
	}
	for _, one := range s.Choices {
		at := join(join(key, "choices"), one.Digits)
		if !choiceOf.MatchString(one.Digits) {
			r.fail(at, "%q cannot be pressed: write 1 to 16 of the keys 0 to 9, * and #, in quotes", one.Digits)
		}
		if one.To.None() && !r.bad(at) {
			r.fail(at, "leads nowhere: write a flow's name, steps, back or repeat")
		}
		if a := c.byExtension(one.Digits); s.Extensions && a != nil {
			r.fail(at, "is the extension of %s too: give one of them other digits", a.ID)
		}
	}
	if !slices.ContainsFunc(c.Agents, func(a Agent) bool { return a.Extension != "" }) && s.Extensions {
		r.fail(join(key, "extensions"), "no agent has an extension: give agents one, or remove the key")
	}
	r.atLeast(join(key, "timeout"), s.Timeout, 100*time.Millisecond)
	r.atLeast(join(key, "digit_timeout"), s.DigitTimeout, 100*time.Millisecond)
	r.between(join(key, "retries"), s.Retries, 0, 20)
}

func (c *Config) byExtension(digits string) *Agent {
	return find(c.Agents, func(a *Agent) bool { return a.Extension != "" && a.Extension == digits })
}

func (r *reader) checkHoursStep(c *Config, key string, s *Step) {
	r.checkHoursNamed(c, join(key, "hours"), s.Hours)
	if s.Open.None() && s.Closed.None() {
		r.fail(key, "has neither open: nor closed:, so it changes nothing: add one of them")
	}
}

// checkHoursNamed checks hours that are named, or written on the spot.
func (r *reader) checkHoursNamed(c *Config, at string, h HoursOf) {
	switch {
	case h.Hours != nil:
		r.checkHoursOf(c, at, h.Hours)
	case c.HoursFor(h) == nil && !r.bad(at):
		all := ids(c.Hours, func(h Hours) string { return h.ID })
		r.fail(at, "there are no hours %q%s", h.Name, orElse(didYouMean(h.Name, all), ": define them under hours:"))
	}
}

func (r *reader) checkSet(key string, s *Step) {
	if len(s.Set) == 0 && !r.bad(join(key, "set")) {
		r.fail(join(key, "set"), "sets nothing: write {name: value}")
	}
	for _, a := range s.Set {
		at := join(join(key, "set"), a.Name)
		switch {
		case !attributeOf.MatchString(a.Name):
			r.fail(at, "%q cannot be an attribute: write letters, digits, dashes and underscores, a letter first", a.Name)
		case a.Name != "language" && (slices.Contains(subjects, a.Name) || a.Name == "now"):
			r.fail(at, "%s is what it is and cannot be set: use another name", a.Name)
		case len(a.Value) > maxValue:
			r.fail(at, "has %d characters: write %d at most", len(a.Value), maxValue)
		}
		r.checkValue(at, a.Value)
	}
}

// maxValue is the longest value of an attribute.
const maxValue = 256

// checkValue checks the {names} in a value.
func (r *reader) checkValue(key, text string) {
	for {
		_, after, ok := strings.Cut(text, "{")
		if !ok {
			return
		}
		name, rest, ok := strings.Cut(after, "}")
		if !ok {
			r.fail(key, "has a { without }: write {name} for an attribute")
			return
		}
		if name != "now" && !isSubject(name) {
			r.fail(key, "{%s} is no attribute: write {name} with letters, digits, dashes and underscores", name)
		}
		text = rest
	}
}

// isSubject tells whether a name can be that of something the call has.
func isSubject(name string) bool {
	name, _ = strings.CutPrefix(name, "contact.")
	return attributeOf.MatchString(name)
}

func (r *reader) checkMatch(c *Config, key string, s *Step) {
	at := join(key, "match")
	if !isSubject(s.Match) {
		r.fail(at, "%q is nothing a call has: write caller, called, name, contact, tag, language, contact.NAME, or an attribute", s.Match)
	}
	if len(s.Cases) == 0 && !r.bad(join(key, "cases")) {
		r.fail(key, "has no cases: write cases: {\"+49\": german}")
	}
	seen := make(map[string]string)
	for _, one := range s.Cases {
		at := join(join(key, "cases"), one.Value)
		for _, v := range one.Values() {
			fold := strings.ToLower(v)
			switch {
			case v == "":
				r.fail(at, "has an empty value: write one value, or several with commas")
			case (s.Match == "caller" || s.Match == "called") && !prefix164.MatchString(v) && (s.Match == "called" || fold != "anonymous"):
				r.fail(at, "%q is not the beginning of a number: write one such as \"+49\" or \"+14155550111\"%s", v, orAnonymous(s.Match))
			case s.Match == "contact" && !slices.Contains([]string{"user", "lead", "none"}, fold):
				r.fail(at, "%q is no kind of contact: write user, lead or none", v)
			case seen[fold] != "":
				r.fail(at, "%q is in %q already: keep one of them", v, seen[fold])
			}
			seen[fold] = one.Value
		}
		if one.To.None() && !r.bad(at) {
			r.fail(at, "leads nowhere: write a flow's name, or steps")
		}
	}
}

func orAnonymous(subject string) string {
	if subject == "caller" {
		return ", or anonymous"
	}
	return ""
}

// Values are the values of the case.
func (c Case) Values() []string {
	all := strings.Split(c.Value, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

func (r *reader) checkSounds(c *Config, key string, all Sounds) {
	if len(all) == 0 && !r.bad(key) && !strings.HasSuffix(key, ".invalid") {
		r.fail(key, "names no prompt: write one of %s, or a WAV file", r.promptNames())
	}
	for i, s := range all {
		at := key
		if _, listed := r.places[index(key, i)]; listed {
			at = index(key, i)
		}
		r.checkSound(c, at, s)
	}
}

var (
	digitsOf = regexp.MustCompile(`[0-9]`)
	wholeOf  = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})$`)
)

// checkSound checks a prompt, or a value as far as it is known.
func (r *reader) checkSound(c *Config, key string, s Sound) {
	if s.Text != "" {
		if !c.TTS.Speaks() {
			r.fail(key, "nothing here speaks texts: configure tts:, or play a WAV file")
		}
		return
	}
	value := s.Number + s.Digits + s.Time + s.Date
	if value == "" {
		if !r.bad(key) {
			r.checkPrompt(c, key, s.Prompt)
		}
		return
	}
	if strings.Contains(value, "{") {
		r.checkValue(key, value)
		return
	}
	if at, ok := clock(s.Time); s.Time != "" && (!ok || at == day) {
		r.fail(key, "%q is no time: write one such as 15:04, or {now}", s.Time)
	}
	if _, err := time.Parse(time.DateOnly, s.Date); s.Date != "" && err != nil {
		r.fail(key, "%q is no date: write one such as 2006-01-02, or {now}", s.Date)
	}
	if s.Number != "" && !wholeOf.MatchString(s.Number) {
		r.fail(key, "%q cannot be spoken as a number: write a whole one from 0 to 999999, or {attribute}", s.Number)
	}
	if s.Digits != "" && !digitsOf.MatchString(s.Digits) {
		r.fail(key, "%q has no digits: write some, or {attribute}", s.Digits)
	}
}
