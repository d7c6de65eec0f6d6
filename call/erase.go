package call

import (
	"context"
	"slices"
	"strings"
	"time"

	"trunkline/desk"
	"trunkline/routing"
)

// Erasure is a contact whose deletion has begun: it is in the book no more,
// and what else is kept of it is being deleted. It is kept until all is, so
// that a crash does not stop it.
type Erasure struct {
	Contact desk.ContactID   `json:"contact"`
	Merged  []desk.ContactID `json:"merged,omitempty"`  // those that had become it
	Numbers []desk.Number    `json:"numbers,omitempty"` // its own, that no other contact has
	At      time.Time        `json:"at"`
	By      string           `json:"by"`
	Again   bool             `json:"-"` // a crash cut it short: what was deleted before may not be overwritten yet
}

// Is says whether a call is one of the contact's: by name, or, of calls that
// have no contact, by its number.
func (e *Erasure) Is(r *Record) bool {
	number := r.Caller
	if r.Direction == Outbound {
		number = desk.Number(r.Dialled)
	}
	return e.Names(r.Contact, number)
}

// Names is Is for what else has a contact and a number.
func (e *Erasure) Names(contact desk.ContactID, number desk.Number) bool {
	if contact != "" {
		return contact == e.Contact || slices.Contains(e.Merged, contact)
	}
	return number != desk.Anonymous && slices.Contains(e.Numbers, number)
}

// DeleteContact takes a contact out of the book and journals that everything
// kept of it is to be deleted, which is up to who asked: Erased ends it.
func (s *Switchboard) DeleteContact(ctx context.Context, id desk.ContactID, by string) (Erasure, error) {
	var e Erasure
	_, err := s.contactOrder(ctx, func() (desk.Contact, error) {
		c, there := s.book.Contact(id)
		if !there {
			return c, desk.ErrNoContact
		}
		e = Erasure{Contact: c.ID, Merged: c.Merged, Numbers: c.Numbers, At: s.now.UTC(), By: by}
		if err := s.busyWith(&e); err != nil {
			return c, err
		}
		s.book.Delete(c.ID)
		e.Numbers = slices.DeleteFunc(e.Numbers, func(n desk.Number) bool { _, others := s.book.Lookup(n); return others })
		for _, was := range append([]desk.ContactID{c.ID}, c.Merged...) {
			s.forgetSpoken(was)
		}
		s.append(ContactGone{c.ID})
		s.append(Erasing{e})
		for _, n := range e.Numbers {
			s.promise(routing.CallbackGone{Number: string(n)})
		}
		for id, m := range s.messages { // their sound goes with the calls
			if e.Names(m.Contact, m.Caller) {
				delete(s.messages, id)
				s.append(MessageDropped{id})
				s.lamps(m.Box)
			}
		}
		s.fact(Fact{Kind: FactContactDeleted, Contact: c.ID, Reason: "by " + by})
		return c, nil
	})
	return e, err
}

// busyWith says why a contact cannot be deleted now: something is still
// written about a call of it.
func (s *Switchboard) busyWith(e *Erasure) error {
	var settling error
	for _, c := range s.calls {
		if e.Is(c.record) {
			if !c.ended {
				return ErrInCall
			}
			settling = ErrSettling
		}
	}
	for _, r := range s.recording {
		if e.Is(r) {
			settling = ErrSettling
		}
	}
	return settling
}

// Erased says that nothing is kept any more of a contact that was deleted,
// and how many calls there were: the audit's last line of it.
func (s *Switchboard) Erased(ctx context.Context, e Erasure, calls int) error {
	_, err := ask(ctx, s, func(time.Time) struct{} {
		s.append(ContactErased{e.Contact})
		s.fact(Fact{Kind: FactContactErased, Contact: e.Contact, Count: calls, Reason: "by " + e.By})
		s.log.Info("a contact was deleted with everything kept of it", "count", calls, "reason", "contact "+string(e.Contact)+", by "+e.By)
		return struct{}{}
	})
	if err != nil {
		return err
	}
	return s.kept(ctx)
}

// Redact takes the contact's numbers out of the card of somebody else's call,
// and says whether there were any.
func (e *Erasure) Redact(r *Record) (found bool) {
	*r = r.clone()
	for i, d := range r.Diversion {
		digits := strings.Map(func(x rune) rune {
			if x < '0' || x > '9' {
				return -1
			}
			return x
		}, d)
		for _, n := range e.Numbers {
			if strings.Contains(digits, strings.TrimPrefix(string(n), "+")) {
				r.Diversion[i], found = redacted, true
			}
		}
	}
	for i := range r.Transfers {
		if to := &r.Transfers[i].To.Number; *to != "" && slices.ContainsFunc(e.Numbers, func(n desk.Number) bool {
			return strings.HasSuffix(string(n), strings.TrimLeft(*to, "+0")) && len(*to) > 6
		}) {
			*to, found = redacted, true
		}
	}
	return found
}

// redacted stands where a number of a deleted contact was.
const redacted = "deleted"
