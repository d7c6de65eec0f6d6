package call

import (
	"context"
	"errors"
	"slices"
	"time"

	"trunkline/desk"
	"trunkline/recorder"
	"trunkline/routing"
)

// Errors of DeleteContact.
var (
	ErrInCall   = errors.New("a call of this contact goes on")
	ErrSettling = errors.New("the last call of this contact is still being written down")
)

// maxStrangers bounds the contacts of anonymous callers of whom nothing else
// is known; strangerBatch how many are deleted in one turn of the loop.
const (
	maxStrangers  = 50_000
	strangerBatch = 500
	sweepEvery    = time.Hour
)

// Contacts is the book of contacts. It is to be read: what is changed in it
// must be journalled, which the switchboard's orders do.
func (s *Switchboard) Contacts() *desk.Book { return s.book }

// know finds the caller's contact, or makes a lead. Whoever withholds the
// number gets a contact of their own; what is no E.164 number names nobody.
func (s *Switchboard) know(c *liveCall) {
	number := c.customer()
	if !c.hidden && !number.IsE164() {
		return
	}
	if c.hidden {
		number = desk.Anonymous
	}
	var contact desk.Contact
	made := s.setup.AlwaysLead && c.out == nil
	if made {
		contact = s.book.Lead(number, c.record.Name, s.now)
	} else {
		contact, made = s.book.Match(number, c.record.Name, s.now)
	}
	s.isOf(c, contact)
	if made {
		s.append(ContactKept{contact})
		s.callFact(c, Fact{Kind: FactContactMade, Contact: contact.ID})
	}
	if number != desk.Anonymous && s.hands.LookUp != nil && s.hands.LookUp(LookUp{Call: c.id, Contact: contact.ID, Number: number, Dialled: c.record.Dialled}) {
		c.asked = s.now.Add(lookUpWait)
	}
}

// isOf puts a contact on a call.
func (s *Switchboard) isOf(c *liveCall, contact desk.Contact) {
	c.contact = contact
	if c.record.Contact = contact.ID; contact.Name != "" && !contact.Anonymous {
		c.record.Name = contact.Name
	}
	if c.record.Flow != "" {
		s.flow(c, routing.FlowKnown{Caller: c.whoCalls()})
	}
}

// contactChanged brings the calls in progress of a contact up to date.
func (s *Switchboard) contactChanged(contact desk.Contact) {
	asking := s.handling
	for _, c := range s.inOrder() {
		if !c.ended && c.record.Contact != "" && s.book.Resolve(c.record.Contact) == contact.ID {
			s.handling = c // a panic in its flow costs it, and no other
			s.isOf(c, contact)
			s.keep(c)
		}
	}
	s.handling = asking
}

// contactKept journals a contact that was made or changed, and says so.
func (s *Switchboard) contactKept(contact desk.Contact, f Fact) {
	f.Contact = contact.ID
	s.append(ContactKept{contact})
	s.fact(f)
	s.contactChanged(contact)
}

// contactOrder runs an order on a contact and waits until it is on disk.
func (s *Switchboard) contactOrder(ctx context.Context, order func() (desk.Contact, error)) (desk.Contact, error) {
	type answer struct {
		c   desk.Contact
		err error
	}
	a, err := ask(ctx, s, func(time.Time) answer {
		c, err := order()
		return answer{c, err}
	})
	if err = errors.Join(a.err, err); err == nil {
		err = s.kept(ctx)
	}
	return a.c, err
}

// MakeContact keeps a new contact; its ID and times are given here. It is on
// disk when it returns without an error; by is for the audit.
func (s *Switchboard) MakeContact(ctx context.Context, c desk.Contact, by string) (desk.Contact, error) {
	return s.contactOrder(ctx, func() (desk.Contact, error) {
		c.ID, c.Made, c.Changed, c.Merged, c.Aliases, c.Anonymous = desk.NewContactID(s.now), s.now.UTC(), time.Time{}, nil, nil, false
		c, err := c.Clean()
		if err == nil {
			err = s.book.Put(c)
		}
		if err == nil {
			s.contactKept(c, Fact{Kind: FactContactMade, Reason: "by " + by})
		}
		return c, err
	})
}

// ChangeContact changes a contact by a function, which is run on the loop and
// must not wait. Likewise.
func (s *Switchboard) ChangeContact(ctx context.Context, id desk.ContactID, by string, change func(*desk.Contact, time.Time) error) (desk.Contact, error) {
	return s.ChangeContactAs(ctx, id, Fact{Reason: "by " + by}, change)
}

// ChangeContactAs is ChangeContact with more to be told of it than who it was.
func (s *Switchboard) ChangeContactAs(ctx context.Context, id desk.ContactID, f Fact, change func(*desk.Contact, time.Time) error) (desk.Contact, error) {
	return s.contactOrder(ctx, func() (desk.Contact, error) {
		was, there := s.book.Contact(id)
		if !there {
			return desk.Contact{}, desk.ErrNoContact
		}
		c := was
		if err := change(&c, s.now); err != nil {
			return was, err
		}
		c.ID, c.Made, c.Merged, c.Aliases = was.ID, was.Made, was.Merged, was.Aliases
		c.Anonymous = was.Anonymous && len(c.Numbers) == 0 && c.Name == ""
		c.Changed = s.now.UTC()
		c, err := c.Clean()
		if err == nil {
			err = s.book.Put(c)
		}
		if err == nil {
			f.Kind = FactContactChanged
			s.contactKept(c, f)
		}
		return c, err
	})
}

// MergeContacts puts all that is known of one contact into another. The ID of
// the one that is gone means the other from now on, on the cards of its calls
// too. Likewise.
func (s *Switchboard) MergeContacts(ctx context.Context, into, from desk.ContactID, by string) (desk.Contact, error) {
	return s.contactOrder(ctx, func() (desk.Contact, error) { return s.mergeContacts(into, from, "by "+by, "") })
}

func (s *Switchboard) mergeContacts(into, from desk.ContactID, reason string, id ID) (desk.Contact, error) {
	gone := s.book.Resolve(from)
	c, err := s.book.Merge(into, from, s.now)
	if err != nil {
		return c, err
	}
	s.append(ContactMerged{Contact: c, Gone: gone})
	s.mergeSpoken(c.ID, gone)
	s.fact(Fact{Kind: FactContactMerged, Contact: c.ID, Gone: gone, Call: id, Reason: reason})
	s.log.Info("contacts were merged", "reason", "contact "+string(c.ID)+", "+reason)
	s.contactChanged(c)
	return c, nil
}

// importChunk is how many rows one turn of the loop takes, so that calls go
// on; importBatch how many wait for the disk, so that the journal's queue stays short.
const (
	importChunk = 100
	importBatch = 2000
)

// ImportContacts takes rows into the book, see desk.Book.Import. What it did
// is on disk when it returns without an error; with one, the rest is not done.
func (s *Switchboard) ImportContacts(ctx context.Context, rows []desk.Row, by string) (done desk.Imported, wrong []desk.RowError, err error) {
	type answer struct {
		done  desk.Imported
		wrong []desk.RowError
	}
	for batch := range slices.Chunk(rows, importBatch) {
		for chunk := range slices.Chunk(batch, importChunk) {
			a, err := ask(ctx, s, func(now time.Time) answer {
				kept, done, wrong := s.book.Import(chunk, now)
				for _, c := range kept {
					s.append(ContactKept{c})
				}
				return answer{done, wrong}
			})
			done.Created, done.Updated, done.Unchanged = done.Created+a.done.Created, done.Updated+a.done.Updated, done.Unchanged+a.done.Unchanged
			wrong = append(wrong, a.wrong...)
			if err != nil {
				return done, wrong, err
			}
		}
		if err := s.kept(ctx); err != nil {
			return done, wrong, err
		}
	}
	_, err = ask(ctx, s, func(time.Time) struct{} {
		s.fact(Fact{Kind: FactContactsImported, Count: done.Created + done.Updated, Reason: "by " + by})
		s.log.Info("contacts were imported", "count", done.Created+done.Updated, "reason", "by "+by)
		return struct{}{}
	})
	return done, wrong, err
}

// dropStrangers deletes contacts of anonymous callers whose time is over.
func (s *Switchboard) dropStrangers() {
	if s.sweepAt.After(s.now) {
		return
	}
	before := time.Time{}
	if s.setup.KeepAnonymous > 0 {
		before = s.now.Add(-s.setup.KeepAnonymous)
	}
	gone := s.book.DropStrangers(before, maxStrangers, strangerBatch)
	for _, id := range gone {
		s.append(ContactGone{id})
	}
	if s.sweepAt = s.now; len(gone) < strangerBatch {
		s.sweepAt = s.now.Add(sweepEvery)
	}
}

// noteDeleted begins the note on a recording whose sound was deleted.
const noteDeleted = "deleted "

// RecordingDeleted puts it on the card of an ended call that a recording's
// sound was deleted, and by whom: an audit line that stays.
func (s *Switchboard) RecordingDeleted(ctx context.Context, id ID, read func(ID) (Record, bool, error), recording recorder.ID, by string) error {
	_, err := s.Amend(ctx, id, read, func(r *Record, now time.Time) error {
		if one := r.recorded(recording); one != nil {
			one.Note = noteDeleted + now.UTC().Format(time.RFC3339) + " by " + by
		}
		s.log.Info("a recording was deleted", "call", r.ID, "reason", "by "+by)
		return nil
	}, Fact{Kind: FactRecordingDeleted, Recording: recording, Reason: "by " + by})
	return err
}
