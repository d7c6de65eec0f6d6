package desk

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// Errors of Merge.
var (
	ErrNoContact   = errors.New("no such contact")
	ErrSameContact = errors.New("both are the same contact")
)

// ErrTaken is Put's: another contact has the external id.
var ErrTaken = errors.New("another contact has this external id")

// Book holds the contacts in memory, indexed by number and by the company's
// own ids. What it hands out are copies. It is safe for concurrent use; who
// searches it holds nobody up for longer than a look at 512 contacts.
type Book struct {
	mu         sync.RWMutex
	contacts   map[ContactID]*Contact  // what a pointer leads to is never changed
	order      []*Contact              // by ID
	byNumber   map[Number]*Contact     // the best match
	shared     map[Number][]*Contact   // of numbers that several have: all, best first
	byExternal map[string]*Contact     // aliases too
	merged     map[ContactID]ContactID // those that are no more → who they became
	anonymous  map[ContactID]struct{}  // nobody has said who they are yet
	strangers  []ContactID             // the same, oldest first; those that are known by now, too
	words      map[string]string       // the names of attributes, tags and kinds, once each
}

// NewBook makes a Book of the contacts kept from before.
func NewBook(contacts []Contact) *Book {
	n := len(contacts)
	b := &Book{
		contacts: make(map[ContactID]*Contact, n), order: make([]*Contact, 0, n+n/8), byNumber: make(map[Number]*Contact, n),
		shared: map[Number][]*Contact{}, byExternal: map[string]*Contact{}, merged: map[ContactID]ContactID{},
		anonymous: map[ContactID]struct{}{}, words: map[string]string{},
	}
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
	if c := b.byNumber[n]; n != Anonymous && c != nil {
		return c.clone(), false
	}
	return b.lead(n, name, now), true
}

// Lead makes a new lead, whoever has the number, for the caller to journal.
func (b *Book) Lead(n Number, name string, now time.Time) Contact {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lead(n, name, now)
}

func (b *Book) lead(n Number, name string, now time.Time) Contact {
	c := Contact{ID: NewContactID(now), Kind: Lead, Name: CleanName(name), Made: now.UTC(), Anonymous: n == Anonymous}
	if n != Anonymous {
		c.Numbers = []Number{n}
	} else {
		c.Name = "" // whoever hides the number does not mean the name
	}
	return b.put(c).clone()
}

// Lookup returns the contact whose number this is, and false if nobody's is.
func (b *Book) Lookup(n Number) (Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c := b.byNumber[n]; n != Anonymous && c != nil {
		return c.clone(), true
	}
	return Contact{}, false
}

// Contact returns the contact with this ID, or the one that it was merged
// into, and false if there is none.
func (b *Book) Contact(id ContactID) (Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c := b.contacts[b.resolve(id)]; c != nil {
		return c.clone(), true
	}
	return Contact{}, false
}

// Resolve returns the ID of whom a contact was merged into; its own, if it was not.
func (b *Book) Resolve(id ContactID) ContactID {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.resolve(id)
}

func (b *Book) resolve(id ContactID) ContactID {
	if to, gone := b.merged[id]; gone {
		return to
	}
	return id
}

// External returns the contact that the company's own system calls by this id.
func (b *Book) External(id string) (Contact, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c := b.byExternal[id]; id != "" && c != nil {
		return c.clone(), true
	}
	return Contact{}, false
}

// Put adds a contact or replaces the one with its ID. ErrTaken says that
// another has its external id, and nothing was put.
func (b *Book) Put(c Contact) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.byExternal[c.External]; c.External != "" && o != nil && o.ID != c.ID {
		return ErrTaken
	}
	b.put(c)
	return nil
}

// Delete forgets contacts; there need not be any.
func (b *Book) Delete(ids ...ContactID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		b.drop(id)
	}
	b.disorder(ids)
}

// disorder takes contacts out of the order.
func (b *Book) disorder(ids []ContactID) {
	var at []int
	for _, id := range ids {
		if i, there := b.place(id); there {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return
	}
	slices.Sort(at)
	at = append(slices.Compact(at), len(b.order))
	to := at[0]
	for k, i := range at[:len(at)-1] {
		to += copy(b.order[to:], b.order[i+1:at[k+1]])
	}
	clear(b.order[to:])
	b.order = b.order[:to]
}

// Merge puts all that is known of two contacts into the first and returns it,
// for the caller to journal; the second is gone, and its ID means the first.
func (b *Book) Merge(into, from ContactID, now time.Time) (Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	into, from = b.resolve(into), b.resolve(from)
	x, y := b.contacts[into], b.contacts[from]
	switch {
	case x == nil || y == nil:
		return Contact{}, ErrNoContact
	case into == from:
		return Contact{}, ErrSameContact
	}
	m, err := merge(*x, *y).Clean()
	if err != nil {
		return Contact{}, err
	}
	m.Changed = now.UTC()
	b.drop(from)
	b.disorder([]ContactID{from})
	return b.put(m).clone(), nil
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
	all := make([]Contact, len(b.order))
	for i, c := range b.order {
		all[i] = c.clone()
	}
	b.mu.RUnlock()
	slices.SortFunc(all, older)
	return all
}

// DropStrangers deletes contacts of anonymous callers of whom nobody has said
// anything since: those made before a time, and the oldest of those beyond
// the newest most; up to limit of them. It returns whom it deleted.
func (b *Book) DropStrangers(before time.Time, most, limit int) (gone []ContactID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.strangers) > 0 && len(gone) < limit {
		id := b.strangers[0]
		if _, still := b.anonymous[id]; still {
			if len(b.anonymous) <= most && !b.contacts[id].Made.Before(before) {
				break
			}
			b.drop(id)
			gone = append(gone, id)
		}
		b.strangers = b.strangers[1:]
	}
	b.disorder(gone)
	return gone
}

// put keeps a contact, and returns what it keeps.
func (b *Book) put(c Contact) *Contact {
	c = c.clone()
	c.Name = CleanName(c.Name)
	b.intern(&c)
	b.enter(&c)
	return &c
}

// enter puts a contact, which is not changed from now on, into every index.
func (b *Book) enter(p *Contact) {
	c := *p
	b.drop(c.ID)
	b.contacts[c.ID] = p
	if at, there := b.place(c.ID); there {
		b.order[at] = p
	} else {
		b.order = slices.Insert(b.order, at, p)
	}
	for i, n := range c.Numbers {
		if n != Anonymous && !slices.Contains(c.Numbers[:i], n) {
			b.index(n, p)
		}
	}
	for _, id := range append(slices.Clip(c.Aliases), c.External) {
		if id != "" {
			b.byExternal[id] = p
		}
	}
	for _, id := range c.Merged {
		b.merged[id] = c.ID
	}
	if c.Anonymous && len(c.Numbers)+len(c.Notes)+len(c.Tags)+len(c.Attributes)+len(c.Merged) == 0 && c.Name == "" && c.External == "" {
		b.anonymous[c.ID] = struct{}{}
		b.strangers = append(b.strangers, c.ID)
	}
}

// intern lets contacts share the texts that are everywhere.
func (b *Book) intern(c *Contact) {
	word := func(text string) string {
		if w, ok := b.words[text]; ok {
			return w
		}
		if len(b.words) < 10_000 {
			b.words[text] = strings.Clone(text)
		}
		return text
	}
	c.Kind = Kind(word(string(c.Kind)))
	for i := range c.Tags {
		c.Tags[i] = word(c.Tags[i])
	}
	for i := range c.Attributes {
		c.Attributes[i].Key = word(c.Attributes[i].Key)
	}
}

// place is where a contact is, or would be, in the order.
func (b *Book) place(id ContactID) (int, bool) {
	if n := len(b.order); n == 0 || b.order[n-1].ID < id {
		return n, false
	}
	return slices.BinarySearchFunc(b.order, id, func(c *Contact, id ContactID) int { return cmp.Compare(c.ID, id) })
}

// index enters a number of a contact.
func (b *Book) index(n Number, p *Contact) {
	was := b.byNumber[n]
	if was == nil {
		b.byNumber[n] = p
		return
	}
	all := b.shared[n]
	if all == nil {
		all = []*Contact{was}
	}
	all = append(all, p)
	slices.SortFunc(all, func(x, y *Contact) int { return better(*x, *y) })
	b.shared[n], b.byNumber[n] = all, all[0]
}

// drop takes a contact out of everything but the order.
func (b *Book) drop(id ContactID) {
	old := b.contacts[id]
	if old == nil {
		return
	}
	delete(b.contacts, id)
	delete(b.anonymous, id)
	for _, n := range old.Numbers {
		b.unindex(n, old)
	}
	for _, id := range append(slices.Clip(old.Aliases), old.External) {
		if b.byExternal[id] == old {
			delete(b.byExternal, id)
		}
	}
	for _, id := range old.Merged {
		delete(b.merged, id)
	}
}

func (b *Book) unindex(n Number, old *Contact) {
	all := slices.DeleteFunc(b.shared[n], func(c *Contact) bool { return c == old })
	switch {
	case len(all) == 0:
		if b.byNumber[n] == old {
			delete(b.byNumber, n)
		}
		delete(b.shared, n)
	case len(all) == 1:
		b.byNumber[n] = all[0]
		delete(b.shared, n)
	default:
		b.shared[n], b.byNumber[n] = all, all[0]
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
