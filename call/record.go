package call

import (
	"time"

	"github.com/oklog/ulid/v2"

	"trunkline/desk"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// Record is what is kept of a call: the call card. It is whole at every
// moment: while the call goes on it says how far the call has come.
type Record struct {
	ID      ID          `json:"id"`
	Trunk   sip.TrunkID `json:"trunk"`
	Dialled string      `json:"dialled"` // as the carrier sent it when it is no number of ours
	Caller  desk.Number `json:"caller"`  // "" is anonymous
	Name    string      `json:"name,omitempty"`

	Direction Direction       `json:"direction,omitempty"` // inbound where empty
	Agent     routing.AgentID `json:"agent,omitempty"`     // whose own call it is: not of inbound ones

	Callback routing.CallbackID `json:"callback,omitempty"` // that it was made for
	Promised routing.CallbackID `json:"promised,omitempty"` // that was asked for in it

	Contact desk.ContactID `json:"contact,omitempty"`
	Flow    routing.FlowID `json:"flow,omitempty"`

	Notes []desk.Note `json:"notes,omitempty"`
	Tags  []string    `json:"tags,omitempty"`

	CallerSource CallerSource `json:"caller_source,omitempty"` // where Caller was read; "" for a caller who withholds it
	Diversion    []string     `json:"diversion,omitempty"`     // who sent the call on before it came here, the last first, as received

	// The times of product rule 6.3; zero is "never".
	Initiated time.Time `json:"initiated"`
	Ringing   time.Time `json:"ringing,omitzero"`  // the first agent's phone rang
	Answered  time.Time `json:"answered,omitzero"` // the caller's leg was answered
	Bridged   time.Time `json:"bridged,omitzero"`  // first joined with an agent or a forward
	Released  time.Time `json:"released,omitzero"` // the last joined leg left
	Ended     time.Time `json:"ended,omitzero"`

	Choices    []Chosen          `json:"choices,omitempty"`    // in the flow's menus, in order
	Attributes map[string]string `json:"attributes,omitempty"` // that the flow gave; never changed, replaced

	Ending   Ending    `json:"ending"`
	Offers   []Offered `json:"offers,omitempty"`
	Segments []Segment `json:"segments"`

	SRTP       []Secured     `json:"srtp,omitempty"` // the legs whose sound was encrypted; all others' was not
	Transfers  []Transferred `json:"transfers,omitempty"`
	Recordings []Recorded    `json:"recordings,omitempty"`
	Sound      []Sound       `json:"sound,omitempty"` // of each leg that was spoken with
	Watched    []Watched     `json:"watched,omitempty"`
}

// Chosen is what the caller has chosen in a menu.
type Chosen struct {
	At time.Time `json:"at"`
	routing.Choice
}

// CallerSource is the header that named a caller.
type CallerSource string

// From is what the caller's side writes; the others are what a carrier vouches
// for, where its trunk is believed.
const (
	CallerFrom CallerSource = "from"
	CallerPAI  CallerSource = "pai"  // P-Asserted-Identity
	CallerRPID CallerSource = "rpid" // Remote-Party-ID
)

// Offered is one agent's offer on a call card.
type Offered struct {
	Offer   routing.OfferID `json:"offer"`
	Agent   routing.AgentID `json:"agent"`
	Team    routing.TeamID  `json:"team"`
	Outcome routing.Outcome `json:"outcome,omitempty"` // "" while it rings
	SIP     int             `json:"sip,omitempty"`     // the final response of the phone that says the outcome
	TooLate bool            `json:"too_late,omitempty"`
	Made    time.Time       `json:"made"`
	Rang    time.Time       `json:"rang,omitzero"`
	Until   time.Time       `json:"until,omitzero"` // an answer then was late
	Ended   time.Time       `json:"ended,omitzero"`
}

// SegmentKind says what the caller was in.
type SegmentKind string

// The kinds of segments. Together they cover a call without gap or overlap.
const (
	SegmentFlow      SegmentKind = "flow"      // prompts and choices
	SegmentQueue     SegmentKind = "queue"     // waiting for an agent
	SegmentTalk      SegmentKind = "talk"      // joined with an agent
	SegmentHold      SegmentKind = "hold"      // one side holds the other
	SegmentConsult   SegmentKind = "consult"   // on hold while the agent asks somebody else
	SegmentDial      SegmentKind = "dial"      // an agent's own call, until it is answered
	SegmentVoicemail SegmentKind = "voicemail" // leaving a message
	SegmentForward   SegmentKind = "forward"   // dialling or joined with an outside number
)

// Segment is a stretch of a call. To is zero while it lasts.
type Segment struct {
	Kind  SegmentKind     `json:"kind"`
	From  time.Time       `json:"from"`
	To    time.Time       `json:"to,omitzero"`
	Team  routing.TeamID  `json:"team,omitempty"`
	Agent routing.AgentID `json:"agent,omitempty"`
}

// Recorded names a recording on a call card.
type Recorded struct {
	ID       recorder.ID     `json:"id"`
	Agent    routing.AgentID `json:"agent,omitempty"`
	Path     string          `json:"path"`
	Duration time.Duration   `json:"duration,omitempty"`
	Note     string          `json:"note,omitempty"` // why it ended early, or what is missing
	Sealed   bool            `json:"sealed"`

	Voicemail bool     `json:"voicemail,omitempty"` // a message, of the caller's side alone
	Pauses    []Paused `json:"pauses,omitempty"`
}

// Duration is the length of the call (product rule 6.3): from the INVITE to its
// end, of an outbound one from the answer; until now while it goes on.
func (r *Record) Duration(now time.Time) time.Duration {
	from := r.Initiated
	if r.Direction == Outbound {
		if from = r.Answered; from.IsZero() {
			return 0
		}
	}
	return span(from, r.Ended, now)
}

// Sum is the time spent in segments of a kind; until now for one that lasts.
func (r *Record) Sum(kind SegmentKind, now time.Time) time.Duration {
	var sum time.Duration
	for _, s := range r.Segments {
		if s.Kind == kind {
			sum += span(s.From, s.To, now)
		}
	}
	return sum
}

func span(from, to, now time.Time) time.Duration {
	if to.IsZero() {
		to = now
	}
	return to.Sub(from)
}

// enter ends the segment that lasts and begins another; a segment equal to
// the one that lasts changes nothing.
func (r *Record) enter(now time.Time, next Segment) {
	if n := len(r.Segments); n > 0 {
		last := &r.Segments[n-1]
		if last.Kind == next.Kind && last.Team == next.Team && last.Agent == next.Agent {
			return
		}
		last.To = now
	}
	next.From = now
	r.Segments = append(r.Segments, next)
}

// rang notes the first ringing.
func (r *Record) rang(now time.Time) {
	if r.Ringing.IsZero() {
		r.Ringing = now
	}
}

// end closes the last segment and the record.
func (r *Record) end(now time.Time, e Ending) {
	if n := len(r.Segments); n > 0 {
		r.Segments[n-1].To = now
	}
	r.Ended, r.Ending = now, e
}

// lastKnown is the latest time that a record of a call in progress can vouch
// for: of its events, and of the sound that was kept of it.
func (r *Record) lastKnown() time.Time {
	at := r.Initiated
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	for _, t := range []time.Time{r.Ringing, r.Answered, r.Bridged, r.Released} {
		later(t)
	}
	for _, o := range r.Offers {
		later(o.Made)
		later(o.Rang)
		later(o.Ended)
	}
	for _, g := range r.Segments {
		later(g.From)
	}
	for _, t := range r.Transfers {
		later(t.Began)
		later(t.Ended)
	}
	for _, rec := range r.Recordings {
		if id, err := ulid.ParseStrict(string(rec.ID)); err == nil { // it tells when the recording began
			later(ulid.Time(id.Time()).Add(rec.Duration).In(at.Location()))
		}
	}
	return at
}

// clone gives a copy that shares nothing with r, for those who write or show it.
func (r *Record) clone() Record {
	c := *r
	c.Offers = append([]Offered(nil), r.Offers...)
	c.Notes = append([]desk.Note(nil), r.Notes...)
	c.Tags = append([]string(nil), r.Tags...)
	c.Diversion = append([]string(nil), r.Diversion...)
	c.Choices = append([]Chosen(nil), r.Choices...)
	c.Segments = append([]Segment(nil), r.Segments...)
	c.Transfers = append([]Transferred(nil), r.Transfers...)
	c.Recordings = append([]Recorded(nil), r.Recordings...)
	c.SRTP = append([]Secured(nil), r.SRTP...)
	c.Watched = append([]Watched(nil), r.Watched...)
	c.Sound = append([]Sound(nil), r.Sound...)
	for i := range c.Sound {
		c.Sound[i].Unheard = append([]Unheard(nil), c.Sound[i].Unheard...)
	}
	for i := range c.Recordings {
		c.Recordings[i].Pauses = append([]Paused(nil), c.Recordings[i].Pauses...)
	}
	return c
}

func (r *Record) offered(id routing.OfferID) *Offered {
	for i := range r.Offers {
		if r.Offers[i].Offer == id {
			return &r.Offers[i]
		}
	}
	return nil
}

// Arrived is all that is known of a call whose arrival alone was journalled.
func Arrived(f Fact) Record {
	r := Record{ID: f.Call, Trunk: f.Trunk, Flow: f.Flow, Contact: f.Contact, Initiated: f.At}
	r.enter(f.At, Segment{Kind: SegmentFlow})
	return r
}

// Unsealed tells that what became of a recording is still to be told.
func (r *Record) Unsealed() bool {
	for _, rec := range r.Recordings {
		if !rec.Sealed {
			return true
		}
	}
	return false
}

// teamOf is whose call it was when a recording began: that of the first talk
// with its agent.
func (r *Record) teamOf(rec *Recorded) routing.TeamID {
	for _, g := range r.Segments {
		if g.Kind == SegmentTalk && g.Agent == rec.Agent {
			return g.Team
		}
	}
	return ""
}

func (r *Record) recorded(id recorder.ID) *Recorded {
	for i := range r.Recordings {
		if r.Recordings[i].ID == id {
			return &r.Recordings[i]
		}
	}
	return nil
}
