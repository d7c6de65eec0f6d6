package desk

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Query says which contacts are wanted; its zero value means the newest 100.
// All that is set must hold.
type Query struct {
	Text      string    // within the name, a number, an attribute, a tag or the external id, however its letters are written
	Number    Number    // exactly
	Tag       string    // exactly, however its letters are written
	Kind      Kind      // "": any
	External  string    // exactly
	Anonymous bool      // also those of anonymous callers of whom nothing else is known
	Before    ContactID // only older than this one, to turn the page; "": from the newest
	Limit     int       // 0: 100
}

// lookAt is how many contacts a search looks at before it lets others in.
const lookAt = 512

// Search returns the contacts that a query wants, newest first, and whether
// there may be more behind them.
func (b *Book) Search(q Query) (found []Contact, more bool) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	wanted := newWanted(q)
	if q.Number != Anonymous || q.External != "" {
		return b.exact(q, wanted)
	}
	at := q.Before
	for {
		page, next := b.look(at, wanted, q.Limit+1-len(found))
		found = append(found, page...)
		if len(found) > q.Limit {
			return found[:q.Limit], true
		}
		if next == "" {
			return found, false
		}
		at = next
	}
}

// look looks at the next contacts that are older than one; next is "" at the end.
func (b *Book) look(before ContactID, w *wanted, most int) (found []Contact, next ContactID) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	i := len(b.order)
	if before != "" {
		i, _ = b.place(before)
	}
	for n := 0; i > 0 && n < lookAt && len(found) < most; n++ {
		i--
		if w.is(b.order[i], b) {
			found = append(found, b.order[i].clone())
		}
		next = b.order[i].ID
	}
	if i == 0 {
		next = ""
	}
	return found, next
}

// exact is a search by number or external id, which have an index.
func (b *Book) exact(q Query, w *wanted) (found []Contact, more bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var all []*Contact
	switch {
	case q.External != "":
		if c := b.byExternal[q.External]; c != nil {
			all = []*Contact{c}
		}
	case b.shared[q.Number] != nil:
		all = b.shared[q.Number]
	case b.byNumber[q.Number] != nil:
		all = []*Contact{b.byNumber[q.Number]}
	}
	for _, c := range all {
		if w.is(c, b) && (q.Before == "" || c.ID < q.Before) && (q.Number == Anonymous || slices.Contains(c.Numbers, q.Number)) {
			found = append(found, c.clone())
		}
	}
	slices.SortFunc(found, func(x, y Contact) int { return strings.Compare(string(y.ID), string(x.ID)) })
	return found[:min(len(found), q.Limit)], len(found) > q.Limit
}

// Page returns contacts of whom something is known, in the order of their IDs,
// out of the next most whose IDs are greater than after; the last ID that was
// looked at, and whether there are more.
func (b *Book) Page(after ContactID, most int) (page []Contact, last ContactID, more bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	i, there := 0, false
	if after != "" {
		if i, there = b.place(after); there {
			i++
		}
	}
	end := min(i+min(most, lookAt), len(b.order))
	for last = after; i < end; i++ {
		last = b.order[i].ID
		if _, stranger := b.anonymous[last]; !stranger {
			page = append(page, b.order[i].clone())
		}
	}
	return page, last, end < len(b.order)
}

// Shape returns the names of all attributes there are, in order, and the most
// numbers that a contact has, at least one: the columns of an export.
func (b *Book) Shape() (attributes []string, numbers int) {
	b.mu.RLock()
	all := slices.Clone(b.order)
	b.mu.RUnlock()
	seen := map[string]bool{}
	numbers = 1
	for _, c := range all {
		numbers = max(numbers, len(c.Numbers))
		for _, a := range c.Attributes {
			if !seen[a.Key] {
				seen[a.Key] = true
				attributes = append(attributes, a.Key)
			}
		}
	}
	slices.Sort(attributes)
	return attributes, numbers
}

// wanted is a query made ready.
type wanted struct {
	Query
	text, digits string
}

func newWanted(q Query) *wanted {
	w := &wanted{Query: q, text: strings.ToLower(strings.TrimSpace(q.Text))}
	w.digits = strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case strings.ContainsRune(" +-()./", r):
			return -1
		}
		return 'x' // a text with letters is within no number
	}, w.text), "0") // of trunk and international prefixes
	return w
}

func (w *wanted) is(c *Contact, b *Book) bool {
	if w.Kind != "" && c.Kind != w.Kind || w.Tag != "" && !HasTag(c.Tags, w.Tag) {
		return false
	}
	if _, stranger := b.anonymous[c.ID]; stranger && !w.Anonymous {
		return false
	}
	if w.text == "" {
		return true
	}
	if within(c.Name, w.text) || within(c.External, w.text) {
		return true
	}
	if len(w.digits) >= 3 && slices.ContainsFunc(c.Numbers, func(n Number) bool { return strings.Contains(string(n), w.digits) }) {
		return true
	}
	return slices.ContainsFunc(c.Tags, func(t string) bool { return within(t, w.text) }) ||
		slices.ContainsFunc(c.Attributes, func(a Attribute) bool { return within(a.Value, w.text) })
}

// within says whether small, which is in small letters, is in a text. It
// allocates nothing for texts in ASCII.
func within(text, small string) bool {
	if len(text) < len(small) {
		return false
	}
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return strings.Contains(strings.ToLower(text), small)
		}
	}
	for i := 0; i+len(small) <= len(text); i++ {
		j := 0
		for ; j < len(small); j++ {
			x := text[i+j]
			if 'A' <= x && x <= 'Z' {
				x += 'a' - 'A'
			}
			if x != small[j] {
				break
			}
		}
		if j == len(small) {
			return true
		}
	}
	return false
}
