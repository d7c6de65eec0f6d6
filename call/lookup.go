package call

import (
	"time"

	"trunkline/desk"
	"trunkline/routing"
)

// lookUpWait is how long an offer waits for what is known elsewhere of the
// caller: long enough to be shown to the first agent, too short to be noticed.
const lookUpWait = 300 * time.Millisecond

// LookUp asks who a number is.
type LookUp struct {
	Call    ID
	Contact desk.ContactID // the one that the number was matched with
	Number  desk.Number
	Dialled string
}

// LookedUp takes what a LookUp found; nil: nothing, or nobody answered. It may
// come at any time, and never blocks.
func (s *Switchboard) LookedUp(q LookUp, said *desk.Contact) {
	s.box.post(letter{order: func(time.Time) {
		c := s.calls[q.Call]
		if c != nil && c.ended {
			c = nil
		}
		s.handling = c
		if said != nil {
			s.learn(q, *said)
		}
		if c != nil {
			s.heardOf(c)
			s.rearm(c)
		}
	}})
}

// learn puts what is known elsewhere into the book.
func (s *Switchboard) learn(q LookUp, said desk.Contact) {
	was, there := s.book.Contact(q.Contact)
	if !there {
		return // deleted meanwhile
	}
	if other, known := s.book.External(said.External); known && other.ID != was.ID {
		if was.External != "" {
			s.log.Warn("a look-up names another contact than the number's", "call", q.Call)
			return
		}
		// The company's contact calls from a number that was not known to be theirs.
		merged, err := s.mergeContacts(other.ID, was.ID, "looked up", q.Call)
		if err != nil {
			s.log.Warn("what was looked up cannot be kept", "call", q.Call, "err", err)
			return
		}
		was = merged
	}
	said.Numbers, said.Notes = nil, nil
	now, err := was.Learn(said, s.now)
	if err != nil {
		s.log.Warn("what was looked up cannot be kept", "call", q.Call, "err", err)
		return
	}
	if now.Same(was) {
		return
	}
	now.Changed = s.now.UTC()
	if err := s.book.Put(now); err != nil {
		s.log.Warn("what was looked up cannot be kept", "call", q.Call, "err", err)
		return
	}
	s.contactKept(now, Fact{Kind: FactContactChanged, Call: q.Call, Reason: "looked up"})
}

// offerable tells the router of a waiting call, once it is known who calls or
// an offer has waited long enough for it.
func (s *Switchboard) offerable(c *liveCall, waiting routing.Queued) {
	c.waiting = waiting
	if c.asked.After(s.now) {
		c.untold = true
		s.rearm(c)
		return
	}
	s.route(c.waiting)
}

// heardOf ends the wait for a look-up.
func (s *Switchboard) heardOf(c *liveCall) {
	c.asked = noTime
	if c.untold && c.queued { // else it was picked up meanwhile
		s.route(c.waiting)
	}
	c.untold = false
}
