package routing

import (
	"slices"
	"strings"
	"time"
)

// Attribute is what the call has of that name:
//
//	caller, called     numbers in E.164; caller is empty when withheld
//	name, contact      of the contact: as shown; lead, user or none
//	language           what a set step gave, else the contact's attribute of that name
//	contact.NAME       an attribute of the contact
//	NAME               what a set step gave
//
// What it does not have is empty.
func (f *FlowRun) Attribute(name string) string {
	switch name {
	case MatchCaller:
		return f.Caller.Number
	case MatchCalled:
		return f.Caller.Called
	case "name":
		return f.Caller.Name
	case "contact":
		if f.Caller.Contact == "" {
			return "none"
		}
		return f.Caller.Contact
	case "language":
		return f.Language()
	}
	if of, ok := strings.CutPrefix(name, "contact."); ok {
		return f.Caller.Attributes[of]
	}
	return f.Attributes[name]
}

// Language is the language that the call's prompts are to be in; empty: the house's.
func (f *FlowRun) Language() string {
	if l := f.Attributes["language"]; l != "" {
		return l
	}
	return f.Caller.Attributes["language"]
}

// filled puts attributes in the place of {name}; {now} is the moment. What is no {name} stays.
func (f *FlowRun) filled(now time.Time, text string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, rest, ok := strings.Cut(after, "}")
		switch {
		case !ok:
			b.WriteString("{" + after)
			return b.String()
		case name == "now":
			b.WriteString(now.Format(time.RFC3339))
		default:
			b.WriteString(f.Attribute(name))
		}
		text = rest
	}
}

// sounds is the command that plays sounds, their values filled in.
func (f *FlowRun) sounds(now time.Time, all []Sound) FlowPlay {
	out := slices.Clone(all)
	for i := range out {
		out[i].Value = f.filled(now, out[i].Value)
	}
	return FlowPlay{Sounds: out, Language: f.Language()}
}

// Match is the path that the caller's or call's value leads to.
func (f *FlowRun) Match(m *MatchStep) FlowPath {
	path, longest := m.Otherwise, -1
	for _, c := range m.Cases {
		for _, v := range c.Values {
			if n := f.fits(m.Subject, v); n > longest {
				path, longest = c.Path, n
			}
		}
	}
	return path
}

// fits tells how well a value fits: -1 not at all, of numbers how much of one.
func (f *FlowRun) fits(subject, value string) int {
	fits := false
	switch subject {
	case MatchCaller, MatchCalled:
		number := f.Attribute(subject)
		if number == "" {
			fits = strings.EqualFold(value, CaseAnonymous)
			break
		}
		if strings.HasPrefix(number, value) {
			return len(value)
		}
	case MatchTag:
		fits = slices.ContainsFunc(f.Caller.Tags, func(t string) bool { return strings.EqualFold(t, value) })
	default:
		fits = strings.EqualFold(f.Attribute(subject), value)
	}
	if fits {
		return 0
	}
	return -1
}
