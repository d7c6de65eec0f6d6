package desk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Refusal says what is wrong with a field of a contact or note, and what
// would be right.
type Refusal struct{ Field, What string }

// Error is the field and what is wrong.
func (r Refusal) Error() string { return r.Field + " " + r.What }

func tooLong(field string, most int) Refusal {
	return Refusal{field, "is too long: write at most " + strconv.Itoa(most) + " bytes"}
}

func tooMany(field string, most int) Refusal {
	return Refusal{field, "are too many: at most " + strconv.Itoa(most)}
}

// Clean returns the contact as it may be kept: names, tags and attributes
// without what cannot be seen, each number and tag once. A Refusal says what
// is wrong with one that cannot be.
func (c Contact) Clean() (Contact, error) {
	c = c.clone()
	c.Name = CleanName(c.Name)
	c.External = CleanName(c.External)
	switch {
	case c.Kind == "":
		c.Kind = Lead
	case c.Kind != Lead && c.Kind != User:
		return c, Refusal{"kind", fmt.Sprintf("%q is not known: write lead or user", string(c.Kind))}
	case len(c.External) > maxExternal:
		return c, tooLong("external_id", maxExternal)
	}
	seen := c.Numbers[:0]
	for _, n := range c.Numbers {
		if !n.IsE164() {
			return c, Refusal{"numbers", fmt.Sprintf("%q is not a telephone number: write it in E.164, such as +14155550100", string(n))}
		}
		if !slices.Contains(seen, n) {
			seen = append(seen, n)
		}
	}
	if c.Numbers = seen; len(seen) > maxNumbers {
		return c, tooMany("numbers", maxNumbers)
	}
	var err error
	if c.Tags, err = AddTags(nil, c.Tags...); err != nil {
		return c, err
	}
	if len(c.Notes) > maxNotes {
		return c, tooMany("notes", maxNotes)
	}
	c.Attributes, err = c.Attributes.clean()
	return c, err
}

func (a Attributes) clean() (out Attributes, err error) {
	for _, one := range a {
		key, value := CleanName(one.Key), strings.Clone(strings.TrimSpace(strings.ToValidUTF8(one.Value, ""))) // not the line it came in
		switch {
		case key == "":
			return nil, Refusal{"attributes", "have one without a name: give it one"}
		case len(key) > maxKey:
			return nil, tooLong("attributes: the name "+key, maxKey)
		case len(value) > maxValue:
			return nil, tooLong("attributes: "+key, maxValue)
		}
		out = out.With(key, value)
	}
	if len(out) > maxAttributes {
		return nil, tooMany("attributes", maxAttributes)
	}
	return out, nil
}

// Same says whether two contacts say the same, whenever it was said.
func (c Contact) Same(o Contact) bool {
	return c.ID == o.ID && c.Kind == o.Kind && c.Name == o.Name && c.External == o.External && c.Anonymous == o.Anonymous &&
		slices.Equal(c.Numbers, o.Numbers) && slices.Equal(c.Attributes, o.Attributes) && slices.Equal(c.Tags, o.Tags) &&
		slices.EqualFunc(c.Notes, o.Notes, func(x, y Note) bool {
			return x.Text == y.Text && x.By == y.By && x.At.Equal(y.At) && x.Edited.Equal(y.Edited)
		}) &&
		slices.Equal(c.Merged, o.Merged) && slices.Equal(c.Aliases, o.Aliases)
}

func (c Contact) clone() Contact {
	c.Numbers = slices.Clone(c.Numbers)
	c.Attributes = slices.Clone(c.Attributes)
	c.Tags = slices.Clone(c.Tags)
	c.Notes = slices.Clone(c.Notes)
	c.Merged = slices.Clone(c.Merged)
	c.Aliases = slices.Clone(c.Aliases)
	return c
}

// merge joins what is known of two contacts under the first's ID. Where both
// say something, the first has the word.
func merge(into, from Contact) Contact {
	m := into.clone()
	if m.Name == "" {
		m.Name = from.Name
	}
	if from.Kind == User {
		m.Kind = User
	}
	if from.External != "" {
		if m.External == "" {
			m.External = from.External
		} else {
			m.Aliases = append(m.Aliases, from.External)
		}
	}
	m.Aliases = append(m.Aliases, from.Aliases...)
	for _, n := range from.Numbers {
		if !slices.Contains(m.Numbers, n) {
			m.Numbers = append(m.Numbers, n)
		}
	}
	for _, a := range from.Attributes {
		if m.Attributes.Get(a.Key) == "" {
			m.Attributes = m.Attributes.With(a.Key, a.Value)
		}
	}
	for _, t := range from.Tags {
		if !HasTag(m.Tags, t) {
			m.Tags = append(m.Tags, t)
		}
	}
	m.Notes = append(m.Notes, from.Notes...)
	slices.SortStableFunc(m.Notes, func(x, y Note) int { return x.At.Compare(y.At) })
	m.Merged = append(append(m.Merged, from.ID), from.Merged...)
	m.Anonymous = into.Anonymous && from.Anonymous
	if from.Made.Before(m.Made) {
		m.Made = from.Made
	}
	return m
}
