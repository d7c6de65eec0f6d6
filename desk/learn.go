package desk

import (
	"errors"
	"slices"
	"time"
)

// Learn returns the contact with what somebody who knows says of it: what is
// said replaces a name, kind, external id or attribute of the same key, and
// adds to the numbers, tags and notes. What is not said stays. A note whose
// text is there already is not added.
func (c Contact) Learn(said Contact, now time.Time) (Contact, error) {
	c = c.clone()
	if said.Name != "" {
		c.Name = said.Name
	}
	if said.Kind != "" {
		c.Kind = said.Kind
	}
	if said.External != "" && !slices.Contains(c.Aliases, said.External) {
		c.External = said.External
	}
	c.Numbers = append(c.Numbers, said.Numbers...)
	for _, a := range said.Attributes {
		c.Attributes = c.Attributes.With(a.Key, a.Value)
	}
	c.Tags = append(c.Tags, said.Tags...)
	for _, n := range said.Notes {
		if slices.ContainsFunc(c.Notes, func(had Note) bool { return had.Text == n.Text }) {
			continue
		}
		if n.At.IsZero() {
			n.At = now.UTC()
		}
		c.Notes = append(c.Notes, n)
	}
	c.Anonymous = c.Anonymous && len(c.Numbers) == 0
	return c.Clean()
}

// Imported counts what became of rows.
type Imported struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
}

// Import takes rows into the book and returns the contacts that were made or
// changed, for the caller to journal. A row is of the contact that has its id
// or its external id, else of the one that has one of its numbers and no other
// external id; if there is none, of a new one: a user if it has an external
// id, else a lead. So the same rows again change nothing.
func (b *Book) Import(rows []Row, now time.Time) (kept []Contact, done Imported, wrong []RowError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range rows {
		c, was, err := b.learn(r.Contact, now)
		switch {
		case err != nil:
			wrong = append(wrong, RowError{Line: r.Line, What: err.Error()})
		case was == nil:
			done.Created++
			kept = append(kept, b.put(c).clone())
		case was.Same(c):
			done.Unchanged++
		default:
			done.Updated++
			c.Changed = now.UTC()
			kept = append(kept, b.put(c).clone())
		}
	}
	return kept, done, wrong
}

// learn is what a row makes of its contact, which was nil if it is a new one.
func (b *Book) learn(said Contact, now time.Time) (c Contact, was *Contact, err error) {
	was = b.owner(said)
	if o := b.byExternal[said.External]; said.External != "" && o != nil && o != was {
		return c, was, errors.New("the id and the external id are two contacts': leave one of them empty")
	}
	if was != nil {
		c, err = was.Learn(said, now)
		return c, was, err
	}
	c = Contact{ID: said.ID, Made: now.UTC(), Kind: Lead}
	if c.ID == "" {
		c.ID = NewContactID(now)
	}
	if said.External != "" {
		c.Kind = User
	}
	c, err = c.Learn(said, now)
	return c, nil, err
}

// owner is whose row it is; nil: nobody's yet.
func (b *Book) owner(said Contact) *Contact {
	if c := b.contacts[b.resolve(said.ID)]; c != nil {
		return c
	}
	if c := b.byExternal[said.External]; said.External != "" && c != nil {
		return c
	}
	if said.ID != "" {
		return nil // written by another switch, or before it was deleted here
	}
	for _, n := range said.Numbers {
		all := b.shared[n]
		if all == nil && b.byNumber[n] != nil {
			all = []*Contact{b.byNumber[n]}
		}
		for _, c := range all {
			if said.External == "" || c.External == "" {
				return c
			}
		}
	}
	return nil
}

// Rehearse tells what Import would do, and does nothing.
func (b *Book) Rehearse(rows []Row, now time.Time) (Imported, []RowError) {
	b.mu.RLock()
	all := slices.Clone(b.order)
	b.mu.RUnlock()
	copied := NewBook(nil)
	for _, c := range all {
		copied.enter(c)
	}
	_, done, wrong := copied.Import(rows, now)
	return done, wrong
}
