package call

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"trunkline/desk"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// Hands are what the switchboard acts with. None of their methods that the
// loop calls may block.
type Hands struct {
	Sip      *sip.Endpoint
	Media    *media.Engine
	Recorder *recorder.Recorder
	Append   func(...Entry) // the journal: never blocks; may keep the entries, not the slice

	// Sync waits until all that was appended before it is on disk; orders are
	// answered after it, never the loop. Nil: nothing waits.
	Sync func(context.Context) error
	// LookUp begins to ask who a number is; LookedUp takes the answer. It never
	// blocks. False: there is nobody to ask, or it was asked lately. Nil: nobody.
	LookUp func(LookUp) bool
	// Voice is what is done about messages beside the loop.
	Voice Voice
	// Watch is told of what comes and goes.
	Watch Watch
	// Repaired are the recordings that a crash left open, as they are now.
	Repaired []recorder.Repaired
}

// Config is what a Switchboard starts from.
type Config struct {
	Setup Setup
	Boot  Boot
	Log   *slog.Logger // nil: slog.Default
}

// Switchboard owns every call. Its methods may be called from any goroutine;
// they post to the loop. Those that return an answer wait for the loop and
// are bounded by their context.
type Switchboard struct {
	log      *slog.Logger
	box      *mailbox
	done     chan struct{} // closed when Run has returned
	amending turns         // who changes a card that the loop may not hold, see Amend
	behind   atomic.Int64  // ns of the last letter that waited too long; 0: never

	// Owned by the loop.
	hands      Hands
	base       time.Time                      // when it was made: the clock's zero, see clock
	now        time.Time                      // of the letter being handled
	setup      Setup                          // see install
	callerIDs  map[routing.AgentID][]CallerID // of the setup; whoever asked for a Status has it too: never changed
	started    time.Time
	draining   bool
	calls      map[ID]*liveCall
	live       int // of calls: those that have not ended
	lines      map[sip.LegID]*line
	sessions   map[media.SessionID]*line
	offers     map[routing.OfferID]*liveCall // that ring
	offered    map[offerPhone]*line          // by what the router calls them, until their legs have ended
	recording  map[recorder.ID]*Record       // until sealed
	trunks     map[sip.TrunkID]*trunkState
	phones     map[routing.AgentID][]sip.Contact
	tabs       map[routing.AgentID]tab       // Help Desks
	fresh      map[routing.AgentID]time.Time // the last new registration
	book       *desk.Book
	counts     Counts
	complaints map[complaint]complained
	alarms     alarms
	checkAt    time.Time // of the next reconciliation
	shiftAt    time.Time // an agent's schedule changes next; zero: none does
	idle       []chan struct{}
	handling   *liveCall // whose event is being handled: it pays for a panic

	// The router and its journal, see router.go.
	brain brain
	freed map[routing.AgentID]time.Time // when each agent's last call left their hands, in this run
	// What was promised to customers, see callback.go.
	promises  promises
	messages  map[recorder.ID]*Message // in the voicemail boxes
	greetings map[Box]*media.Clip      // recorded by phone
	wrong     map[Box]WrongCodes       // typed for boxes
	doomed    map[recorder.ID]ID       // recordings that are to be deleted once they are sealed, and whose calls they are of

	// The journal: what this turn of the loop has to say, see journal.go.
	factSeq          uint64
	spent            map[string]Spent // on numbers dialled, see caps.go
	sweepAt          time.Time        // when contacts of anonymous callers are looked at
	spoken           map[desk.ContactID]Spoke
	today            map[routing.TeamID]TeamDay // of the last day that each team had callers
	chargeAt         time.Time                  // when the calls that are up are charged
	out              []Entry
	unkept           []*liveCall // whose record has changed
	answers          []func()    // to orders of this turn: given when out is with the journal
	interruptedCalls []Record    // found open at start
	endsTold         []Fact      // of calls, some of which were found open
	unsealedCalls    []Record    // found ended, with recordings that were not sealed
	seen             time.Time   // the latest moment that the journal of the process before this one tells of
}

// offerPhone is how the router names a line.
type offerPhone struct {
	offer routing.OfferID
	phone routing.PhoneID
}

type trunkState struct {
	said  sip.TrunkState // last
	calls int
}

// New makes a switchboard from what the journal knew. Calls that were in
// progress are closed as interrupted when Run begins.
func New(cfg Config) *Switchboard {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Switchboard{
		log:        cfg.Log,
		box:        newMailbox(),
		done:       make(chan struct{}),
		base:       time.Now(),
		calls:      map[ID]*liveCall{},
		lines:      map[sip.LegID]*line{},
		sessions:   map[media.SessionID]*line{},
		offers:     map[routing.OfferID]*liveCall{},
		offered:    map[offerPhone]*line{},
		recording:  map[recorder.ID]*Record{},
		complaints: map[complaint]complained{},
		trunks:     map[sip.TrunkID]*trunkState{},
		phones:     map[routing.AgentID][]sip.Contact{},
		fresh:      map[routing.AgentID]time.Time{},
		tabs:       map[routing.AgentID]tab{},
		book:       desk.NewBook(cfg.Boot.Contacts),
		factSeq:    cfg.Boot.FactSeq,
		promises:   newPromises(cfg.Boot.Callbacks),
		messages:   map[recorder.ID]*Message{},
		freed:      map[routing.AgentID]time.Time{},
		doomed:     map[recorder.ID]ID{},
		greetings:  map[Box]*media.Clip{},
		wrong:      map[Box]WrongCodes{},
	}
	s.install(cfg.Setup)
	for i := range cfg.Boot.Messages {
		m := cfg.Boot.Messages[i]
		s.messages[m.ID] = &m
	}
	for _, row := range cfg.Boot.WrongCodes {
		s.wrong[row.Box] = row
	}
	s.spoken, s.today = map[desk.ContactID]Spoke{}, map[routing.TeamID]TeamDay{}
	for _, row := range cfg.Boot.Days {
		s.today[row.Team] = row
	}
	s.recall(cfg.Boot.Spoken, s.base)
	s.spent = map[string]Spent{}
	for _, row := range cfg.Boot.Spent {
		s.spent[row.Account()] = row
	}
	s.boot(cfg.Boot)
	return s
}

// FromSip, FromMedia and FromRecorder take the rooms' events. They never block.
func (s *Switchboard) FromSip(e sip.Event)           { s.box.post(letter{sip: e}) }
func (s *Switchboard) FromMedia(e media.Event)       { s.box.post(letter{media: e}) }
func (s *Switchboard) FromRecorder(e recorder.Event) { s.box.post(letter{recorder: e}) }

// Run owns all calls until ctx is done. It does not end calls: Drain first.
func (s *Switchboard) Run(ctx context.Context, hands Hands) error {
	defer close(s.done)
	s.hands = hands
	maps.Copy(s.greetings, hands.Voice.Greetings)
	s.begin(s.clock(time.Now()))
	timer := time.NewTimer(0)
	defer timer.Stop()
	var letters []letter
	for {
		select {
		case <-ctx.Done():
			s.finish(s.clock(time.Now()))
			return ctx.Err()
		case <-s.box.ready:
		case <-timer.C:
		}
		letters = s.box.take(letters)
		if s.hands.Watch.Behind != nil && len(letters) > 0 {
			s.hands.Watch.Behind(time.Since(letters[0].at))
		}
		for i := range letters {
			s.guard(func() { s.handle(&letters[i]) })
		}
		s.guard(s.ring)
		s.flush()
		s.reply()
		timer.Reset(s.next().Sub(s.clock(time.Now())))
	}
}

// clock reads a time of this process as the wall clock at the start plus the
// monotonic time since: an operator or NTP who sets the clock neither freezes
// nor ends what is timed (product rule 6.3).
func (s *Switchboard) clock(t time.Time) time.Time { return s.base.Add(t.Sub(s.base)) }

// guard runs f; a panic in it costs the call being handled, and no other.
func (s *Switchboard) guard(f func()) {
	s.handling = nil
	s.now = s.clock(time.Now())
	defer func() {
		if p := recover(); p != nil {
			s.brain.stepping, s.brain.queue = false, nil
			s.promises.stepping, s.promises.queue = false, nil
			s.fault(p)
		}
	}()
	f()
}

func (s *Switchboard) handle(l *letter) {
	switch {
	case l.sip != nil:
		s.fromSip(l)
	case l.media != nil:
		s.fromMedia(l.media)
	case l.recorder != nil:
		s.fromRecorder(l.recorder)
	case l.order != nil:
		l.order(s.now)
	}
}

func (s *Switchboard) fromSip(l *letter) {
	switch e := l.sip.(type) {
	case sip.Invited:
		s.invited(e, s.late(l))
	case sip.Devices:
		s.devices(e)
	case sip.TrunkState:
		s.trunkState(e)
	case sip.ReferredOutside:
		s.referredOutside(e)
	default:
		s.legEvent(e)
	}
}

// late reports a letter that waited too long, and remembers when.
func (s *Switchboard) late(l *letter) bool {
	if s.now.Sub(l.at) <= overloadAfter {
		return false
	}
	s.behind.Store(s.now.UnixNano())
	return true
}

// Overloaded reports that a new call was refused within the last second because
// the switchboard was behind. It may be asked from any goroutine.
func (s *Switchboard) Overloaded() bool {
	at := s.behind.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < time.Second
}

// overloadAfter is how long the oldest entry may wait before new calls are
// refused.
const overloadAfter = 100 * time.Millisecond

// begin says that the switch runs and closes what a crash left open.
func (s *Switchboard) begin(now time.Time) {
	s.now, s.started = now, now
	s.checkAt = now.Add(checkEvery)
	s.fact(Fact{Kind: FactStarted, Reason: s.setup.Hash})
	s.guard(func() {
		s.interrupted()
		s.route(routing.Restarted{})
		s.route(routing.Configured{Config: s.setup.Router})
		s.promise(routing.CallbackRestarted{})
		s.shifts()
		s.beginBoxes()
		s.snapshot() // replay begins here, whatever was before
	})
	s.flush()
}

func (s *Switchboard) finish(now time.Time) {
	s.now = now
	s.fact(Fact{Kind: FactStopped, Count: len(s.calls)})
	s.snapshot()
	s.flush()
}

// ring does what has become due: the router's deadline, calls' alarms, and
// once a second the comparison of router and lines.
func (s *Switchboard) ring() {
	if at := s.brain.router.Deadline(); !at.IsZero() && !at.After(s.now) {
		s.route(routing.Tick{})
	}
	if at := s.promises.book.Deadline(); !at.IsZero() && !at.After(s.now) {
		s.promise(routing.CallbackTick{})
	}
	for c := s.alarms.due(s.now); c != nil; c = s.alarms.due(s.now) {
		s.handling = c
		s.alarm(c)
		s.handling = nil
	}
	if !s.shiftAt.IsZero() && !s.shiftAt.After(s.now) {
		s.shifts()
	}
	if !s.checkAt.After(s.now) {
		s.checkAt = s.now.Add(checkEvery)
		s.sayRest()
		s.dropStrangers()
		s.reconcile()
		if !s.chargeAt.After(s.now) {
			s.chargeAt = s.now.Add(chargeEvery)
			s.chargeAll()
			s.retireMessages()
		}
	}
}

// next is deadline; a router that cannot even tell its own is rebuilt.
func (s *Switchboard) next() (at time.Time) {
	defer func() {
		if p := recover(); p != nil {
			s.handling = nil
			s.fault(p)
			s.rebuild()
			at = s.now.Add(checkEvery)
		}
	}()
	return s.deadline()
}

// deadline is when ring has something to do next.
func (s *Switchboard) deadline() time.Time {
	next := s.checkAt
	if !s.shiftAt.IsZero() && s.shiftAt.Before(next) {
		next = s.shiftAt
	}
	if at := s.brain.router.Deadline(); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at := s.promises.book.Deadline(); !at.IsZero() && at.Before(next) {
		next = at
	}
	if at, ok := s.alarms.next(); ok && at.Before(next) {
		next = at
	}
	return next
}

// errStopped answers orders to a switchboard whose loop has ended.
var errStopped = errors.New("the switchboard has stopped")

// ask runs f on the loop and waits for it, and for what it brought about to
// be handed to the journal.
func ask[T any](ctx context.Context, s *Switchboard, f func(now time.Time) T) (T, error) {
	answer := make(chan T, 1)
	s.box.post(letter{order: func(now time.Time) {
		var v T // what an order that panics is answered with
		defer func() { s.answers = append(s.answers, func() { answer <- v }) }()
		v = f(now)
	}})
	var zero T
	select {
	case v := <-answer:
		return v, nil
	case <-ctx.Done():
		return zero, ctx.Err()
	case <-s.done:
		return zero, errStopped
	}
}
