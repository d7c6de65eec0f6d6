package call

import (
	"encoding/json"
	"time"

	"trunkline/desk"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// Entry is one thing the switchboard hands to the journal. The set is closed.
// What an Entry holds is a copy: the journal may keep it.
type Entry interface{ entry() }

// RouterEvent is one event the router was stepped with: replaying them on a
// snapshot gives the same commands. Seq has no gaps.
type RouterEvent struct {
	Seq    uint64          `json:"seq"`
	At     time.Time       `json:"at"`
	Config string          `json:"config"` // hash of the configuration it was decided under
	Data   json.RawMessage `json:"data"`   // routing.EncodeEvent
}

// RouterSnapshot is the router after the event Seq. Older snapshots and
// events up to Seq may be forgotten.
type RouterSnapshot struct {
	Seq  uint64           `json:"seq"`
	At   time.Time        `json:"at"`
	Data routing.Snapshot `json:"data"` // a copy: nobody changes it any more
}

// Opened is a call in progress; a later Opened of the same call replaces it.
type Opened struct{ Record Record }

// Closed is a call's final record: it ends Opened. It may come again, when
// its recording was sealed; the last one counts.
type Closed struct{ Record Record }

// Bound is the whole set of an account's registrations.
type Bound struct {
	Account  sip.AccountID
	Bindings []sip.Binding
}

// CallbackKept is a callback as it is now; a later one of the same id replaces it.
type CallbackKept struct{ Callback routing.Callback }

// CallbackDropped removes a callback and everything kept of it.
type CallbackDropped struct{ ID routing.CallbackID }

// MessageKept is a voicemail message as it is now.
type MessageKept struct{ Message Message }

// MessageDropped says that a voicemail message was deleted.
type MessageDropped struct{ ID recorder.ID }

// ContactKept is a contact that was made or changed.
type ContactKept struct{ Contact desk.Contact }

// ContactGone is a contact that is no more.
type ContactGone struct{ Contact desk.ContactID }

// ContactMerged is a contact that another has become part of.
type ContactMerged struct {
	Contact desk.Contact
	Gone    desk.ContactID
}

// Erasing is a contact of which everything kept is to be deleted; ContactErased
// says that it is.
type Erasing struct{ Erasure Erasure }

// ContactErased ends Erasing.
type ContactErased struct{ Contact desk.ContactID }

func (Fact) entry()            {}
func (RouterEvent) entry()     {}
func (RouterSnapshot) entry()  {}
func (Opened) entry()          {}
func (Closed) entry()          {}
func (Bound) entry()           {}
func (ContactKept) entry()     {}
func (ContactGone) entry()     {}
func (ContactMerged) entry()   {}
func (Erasing) entry()         {}
func (ContactErased) entry()   {}
func (CallbackKept) entry()    {}
func (CallbackDropped) entry() {}
func (MessageKept) entry()     {}
func (MessageDropped) entry()  {}

// Boot is what the journal knew at start.
type Boot struct {
	FactSeq   uint64 // the last Fact's number; 0: none
	RouterSeq uint64 // the last RouterEvent's number; 0: none

	Router       *RouterSnapshot // nil: none yet
	RouterEvents []RouterEvent   // after Router, in order

	Open     []Record // calls that were in progress, to be closed as interrupted
	Ended    []Fact   // of Open: the ends that were told, where only the record was lost
	Unsealed []Record // calls that had ended, whose recordings were not sealed yet
	Bindings []sip.Binding
	Contacts []desk.Contact
	Erasing  []Erasure // deletions of contacts that a crash cut short
	Spent    []Spent   // on numbers dialled; of older days too

	Callbacks []routing.Callback // that are pending
	Messages  []Message          // in the voicemail boxes
	Spoken    []Spoke            // with whom contacts spoke last
	Days      []TeamDay

	WrongCodes []WrongCodes // that were typed for voicemail boxes
}
