package call

import (
	"time"

	"github.com/oklog/ulid/v2"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// Leg is what the switchboard needs of one dialog with a phone or carrier.
// Its verbs never block and never fail; what became of them arrives as an
// event, and Ended comes exactly once, last. Hangup is legal in any state.
type Leg interface {
	ID() sip.LegID
	CallID() string
	Progress(code int, sdp []byte)
	Answer(sdp []byte)
	Reject(code int, reason string)
	Reoffer(sdp []byte)
	AnswerReoffer(sdp []byte)
	RejectReoffer(code int)
	AnswerRefer(id uint32, code int)
	NotifyRefer(id uint32, code int, last bool)
	Probe()
	Info(contentType string, body []byte)
	Talk()
	Refer(user string, by sip.NameAddr)
	Hangup(code int, why sip.Reason)
}

// The proof that the rooms fit the switchboard's seams.
var (
	_ Leg       = (*sip.Leg)(nil)
	_ media.Tap = (*recorder.Recording)(nil)
)

// role is what a line is to its call.
type role uint8

const (
	roleCaller  role = iota // the customer, from a trunk
	roleAgent               // a teammate's phone, ringing or talking
	roleForward             // an outside number over a trunk
	roleThird               // an outside number that a transfer dials; roleForward once it has the customer
)

// lineState says what is true of a line.
type lineState uint8

const (
	lineDialled lineState = iota // asked to ring, or (the caller's) not answered yet
	lineUp                       // answered
	lineLeaving                  // we hung it up; sip.Ended is still to come
)

// line is one leg of a call with its session.
type line struct {
	leg     Leg
	id      sip.LegID
	role    role
	state   lineState
	session *media.Session
	call    *liveCall

	// The session description's state.
	confirmed bool // the caller's ACK has come
	agreed    bool // a description of a 18x was taken
	offerless bool // the peer's INVITE carried no offer: ours is in the 200, its answer in the ACK
	reliable  bool // the peer wants its 18x acknowledged
	held      bool // the peer holds us: it does not hear us
	judged    bool // how it sounded is on the card

	charged time.Time // of a number that was answered: since when its time is not charged yet
	private bool      // its signalling goes over TLS
	suite   string    // its sound is encrypted with; "": plain RTP

	// What was ordered.
	holding bool // this side holds the others
	muted   bool
	doubted time.Time // its packets have stopped: when it counts as missing, or again as there; zero: no doubt
	missing bool      // it has not answered either: whoever listens hears music
	errand  errand    // why an agent's phone is dialled
	taped   bool      // its session is on the tape, on the agent's side
	heeds   heeds     // which keys are kept from the others

	// Of an agent's phone that is dialled, see answerAt.
	shown    sip.NameAddr // who it shows as calling
	rang     bool
	talks    bool      // can be asked to answer by itself while it rings
	answers  bool      // was asked to answer by itself
	replaced bool      // another INVITE took its place
	told     *referral // of one that is to take another's place: hears whether it did

	// Early media, behind a proxy that forks: the phone that is heard, and all that were.
	fork  string
	forks []string

	// An agent's line.
	offer routing.OfferID
	phone routing.PhoneID
	agent routing.AgentID
	team  routing.TeamID

	// An outside number's line.
	outside *outside
	trunk   sip.TrunkID
}

// liveCall is one customer's stay while it lasts.
type liveCall struct {
	id      ID
	record  *Record
	trunk   sip.TrunkID
	came    time.Time    // when the INVITE was read: the order of a queue, whoever was handled first
	shown   sip.NameAddr // the caller as the carrier names them: Display and User
	hidden  bool         // the caller withholds the number
	contact desk.Contact // as it is known now
	history []string     // History-Info of the INVITE
	hops    int          // Max-Forwards of the INVITE: what is dialled for it gets one less (RFC 7332)

	prompts   Prompts   // of the configuration it arrived under
	comforted bool      // music is heard for that reason
	quietAt   time.Time // music begins: the caller has heard nothing for so long; zero: something is heard
	caller    *line
	bridge    *media.Bridge
	flow      routing.FlowRun
	out       *outgoing // an agent's own call; nil: a customer's
	service   bool      // a code: ends when its tone was played
	giveUp    time.Time // nobody rung has answered by then; zero: no limit

	aside     *aside             // what the caller is led through; nil: nothing
	callback  routing.CallbackID // for which it is made; "": none
	tentative bool               // offered for a callback and not accepted: nothing is kept of it
	watch     *watching          // it is a supervisor's leg beside another call; nil: it is not
	watchers  []*liveCall        // who watch this call, see watcher.go
	reserved  routing.AgentID    // spared for a customer who is dialled first; "": nobody

	answer    []byte         // our session description for the caller's 200
	answered  bool           // the caller's leg was sent a 200
	early     bool           // sound flows before that: the caller is told of it
	queued    bool           // waits in the router
	asked     time.Time      // until when an offer waits for a look-up of the caller; zero: for none
	untold    bool           // queued, and the router does not know it yet because of that
	entered   time.Time      // the wait that is not counted yet began; zero: none
	countedBy routing.TeamID // whose figures that wait is in, also when the call is moved
	waiting   routing.Queued // as it was told to the router
	unkept    bool           // in Switchboard.unkept
	ended     bool           // has its Ending; only lines that are leaving remain

	far      *line     // who talks with the caller: an agent's or a forward's line
	ringing  []*line   // dialled, not answered
	lines    []*line   // all whose legs have not ended
	forward  *outside  // nil: no forward in progress
	transfer *transfer // nil: none under way

	referFailed time.Time   // when a phone was last told that its transfer failed
	typing      *typing     // nil: the agent types nothing
	reclaim     *reclaiming // nil: no agent was lost

	play      media.PlayID // the prompt being played; 0: none
	plays     media.PlayID
	onHold    bool // the caller and far are parted because one holds the other
	tape      *recorder.Recording
	paused    bool
	unpauseAt time.Time // a pause ends by itself; zero: by hand
	maximum   time.Time // when max_duration is over, from the answer, until then from the arrival; zero: no limit

	// The flow's events that wait while one is handled, see flow.go.
	flowEvents []routing.FlowEvent
	flowing    bool
	farewell   sip.Reason // of the peer whose leaving is being handled

	// Owned by alarms.
	due  time.Time
	slot int
}

// from is how the caller is shown on a teammate's phone.
func (c *liveCall) from(domain, team string) sip.NameAddr {
	label, user := c.record.Name, string(c.customer())
	switch {
	case c.hidden:
		user = "anonymous"
	case user == "": // no number: a name, as between exchanges
		user = c.shown.User
	}
	if label == "" {
		label = user
	}
	if c.callback != "" && c.caller == nil {
		label = "callback: " + label
	}
	if team != "" {
		label += " · " + team
	}
	if n := len(c.record.Choices); n > 0 && c.record.Choices[n-1].Name != "" {
		label += " · " + c.record.Choices[n-1].Name
	}
	return sip.NameAddr{Display: label, User: user, Host: domain}
}

// newID is a ULID of this moment.
func (s *Switchboard) newID() string {
	return ulid.MustNew(ulid.Timestamp(s.now), ulid.DefaultEntropy()).String()
}

// format is a trunk's number format, with the default where none is set.
func format(f desk.Format, or desk.Format) desk.Format {
	if f == "" {
		return or
	}
	return f
}

// rearm sets the call's alarm to the earliest thing that is due.
func (s *Switchboard) rearm(c *liveCall) {
	var at time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if !c.ended {
		soonest(c.maximum)
		soonest(c.flow.Deadline())
		if c.transfer != nil {
			soonest(c.transfer.due)
		}
		soonest(c.giveUp)
		if c.reclaim != nil {
			soonest(c.reclaim.until)
		}
		if c.typing != nil {
			soonest(c.typing.until)
		}
		soonest(c.unpauseAt)
		if c.aside != nil {
			soonest(c.asideDeadline())
		}
		soonest(c.doubtful())
		if c.untold {
			soonest(c.asked)
		}
		soonest(c.quietAt)
	}
	s.alarms.set(c, at)
}

// alarm does what is due for a call.
func (s *Switchboard) alarm(c *liveCall) {
	if c.ended {
		return
	}
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(s.now) }
	switch {
	case due(c.maximum):
		s.end(c, Ending{By: BySystem, Cause: CauseMaxDuration}, reasonMaxDuration)
		return
	case due(c.flow.Deadline()):
		s.flow(c, routing.FlowTick{})
	}
	if c.transfer != nil && due(c.transfer.due) {
		s.transferDue(c)
	}
	if due(c.giveUp) {
		s.unansweredCall(c)
	}
	if c.reclaim != nil && due(c.reclaim.until) {
		s.reclaimOver(c)
	}
	if c.typing != nil && due(c.typing.until) {
		s.typed(c)
	}
	if c.untold && due(c.asked) {
		s.heardOf(c)
	}
	if due(c.quietAt) {
		s.comfort(c)
	}
	if c.aside != nil && !c.ended {
		s.asideDue(c)
	}
	if due(c.unpauseAt) {
		_ = s.unpause(c, "")
	}
	if due(c.doubtful()) {
		s.miss(c)
	}
	s.rearm(c)
}
