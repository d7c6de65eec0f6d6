package desk

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Book holds the contacts in memory, indexed by number. What it hands out are
// copies. It is safe for concurrent use.
type Book struct {
	mu       sync.RWMutex
	contacts map[ContactID]Contact
	byNumber map[Number][]ContactID // best match first
}

// NewBook makes a Book of the contacts kept from before.
func NewBook(contacts []Contact) *Book {
	b := &Book{contacts: make(map[ContactID]Contact, len(contacts)), byNumber: make(map[Number][]ContactID, len(contacts))}
	for _, c := range contacts {
		b.put(c)
	}
	return b
}

// Match returns the contact whose number this is. If nobody's is, or it is
// Anonymous, a new lead with this name is made, kept and returned with made
// true, for the caller to journal. A number that several contacts share
// belongs to a user before a lead, then to the oldest. The name is cleaned by
// CleanName; a known contact's name is not changed by what a caller claims.
func (b *Book) Match(n Number, name string, now time.Time) (c Contact, made bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ids := b.byNumber[n]; n != Anonymous && len(ids) > 0 {
		return b.contacts[ids[0]].clone(), false
	}
	c = Contact{ID: NewContactID(now), Kind: Lead, Name: CleanName(name), Made: now.UTC(), Anonymous: n == Anonymous}
	if n != Anonymous {
		c.Numbers = []Number{n}
	} else {
		c.Name = "" // whoever hides the number does not mean the name
	}
	b.put(c)
	return c.clone(), true
}

// Lookup returns the contact whose number this is, and false if nobody's is.
func (b *Book) Lookup(n Number) (Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if ids := b.byNumber[n]; n != Anonymous && len(ids) > 0 {
		return b.contacts[ids[0]].clone(), true
	}
	return Contact{}, false
}

// Contact returns the contact with this ID, and false if there is none.
func (b *Book) Contact(id ContactID) (Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c, ok := b.contacts[id]
	return c.clone(), ok
}

// Put adds a contact or replaces the one with its ID.
func (b *Book) Put(c Contact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(c)
}

// Delete forgets a contact; there need not be one.
func (b *Book) Delete(id ContactID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(id)
}

// Len returns how many contacts there are.
func (b *Book) Len() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.contacts)
}

// Contacts returns all contacts, oldest first.
func (b *Book) Contacts() []Contact {
	b.mu.RLock()
	all := make([]Contact, 0, len(b.contacts))
	for _, c := range b.contacts {
		all = append(all, c.clone())
	}
	b.mu.RUnlock()
	slices.SortFunc(all, older)
	return all
}

func (b *Book) put(c Contact) {
	b.remove(c.ID)
	c = c.clone()
	c.Name = CleanName(c.Name)
	b.contacts[c.ID] = c
	for _, n := range c.Numbers {
		if n == Anonymous || slices.Contains(b.byNumber[n], c.ID) {
			continue
		}
		ids := append(b.byNumber[n], c.ID)
		slices.SortFunc(ids, func(x, y ContactID) int { return better(b.contacts[x], b.contacts[y]) })
		b.byNumber[n] = ids
	}
}

func (b *Book) remove(id ContactID) {
	old, ok := b.contacts[id]
	if !ok {
		return
	}
	delete(b.contacts, id)
	for _, n := range old.Numbers {
		ids := slices.DeleteFunc(b.byNumber[n], func(x ContactID) bool { return x == id })
		if len(ids) == 0 {
			delete(b.byNumber, n)
		} else {
			b.byNumber[n] = ids
		}
	}
}

// better orders who owns a shared number.
func better(x, y Contact) int {
	if x.Kind != y.Kind && (x.Kind == User || y.Kind == User) {
		if x.Kind == User {
			return -1
		}
		return 1
	}
	return older(x, y)
}

func older(x, y Contact) int {
	return cmp.Or(x.Made.Compare(y.Made), cmp.Compare(x.ID, y.ID))
}

func (c Contact) clone() Contact {
	c.Numbers = slices.Clone(c.Numbers)
	return c
}
