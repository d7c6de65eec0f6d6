package routing

import (
	"slices"
	"strconv"
	"time"
)

// Announcements are what callers hear while they wait, beside the music.
type Announcements struct {
	First  time.Duration `json:"first,omitempty"`  // after entering the queue
	Every  time.Duration `json:"every,omitempty"`  // from the end of one to the next; 0: none at all
	Place  bool          `json:"place,omitempty"`  // their place in the queue
	Wait   bool          `json:"wait,omitempty"`   // how long it will be, if anybody can tell
	Sounds []Sound       `json:"sounds,omitempty"` // one at a time, in turn
}

// QueueExit is a digit that leads out of the queue.
type QueueExit struct {
	Digit string   `json:"digit"`
	Path  FlowPath `json:"path,omitzero"`
}

// CallbackOffer offers a callback to who waits: After so long, or at Place or behind it; both zero: from the beginning.
type CallbackOffer struct {
	After  time.Duration `json:"after,omitempty"`
	Place  int           `json:"place,omitempty"`
	Digit  string        `json:"digit"`
	Sounds []Sound       `json:"sounds"` // that it is offered, and by which digit
	Step   CallbackStep  `json:"step"`
}

// Stickiness brings callers back to the agent whom they spoke with last.
type Stickiness struct {
	Wait   time.Duration `json:"wait"`   // so long for that agent alone
	Within time.Duration `json:"within"` // the last call is no older
}

// FlowLook asks who is there before the caller waits, or because nobody seems to be: FlowSeen answers at once.
type FlowLook struct {
	Team  TeamID
	Agent AgentID // in place of Team
}

// FlowSeen is how a queue is.
type FlowSeen struct {
	Closed  bool      `json:"closed,omitempty"`
	Present int       `json:"present,omitempty"` // agents who could be offered the call, now or after those in hand
	Waiting int       `json:"waiting,omitempty"` // calls
	Last    AgentID   `json:"last,omitempty"`    // whom this caller spoke with last; empty: not known
	LastAt  time.Time `json:"last_at,omitzero"`  // until when
}

// FlowAskPlace asks where the caller stands: Asked. FlowPlaced answers.
type FlowAskPlace struct{}

// FlowPlaced is Placed, for the caller.
type FlowPlaced struct {
	Place      int           `json:"place,omitempty"`
	Wait       time.Duration `json:"wait,omitempty"`
	Confidence int           `json:"confidence,omitempty"`
}

// FlowDeserted says that the last agent of the queue's team has gone (Deserted).
type FlowDeserted struct{}

// FlowMoved says that somebody has put the caller into another queue, where they wait now.
type FlowMoved struct {
	Team TeamID `json:"team"`
}

func (FlowSeen) flowEvent()       {}
func (FlowPlaced) flowEvent()     {}
func (FlowDeserted) flowEvent()   {}
func (FlowMoved) flowEvent()      {}
func (FlowLook) flowCommand()     {}
func (FlowAskPlace) flowCommand() {}

func (q *QueueStep) offers() bool  { return q.Offer != nil }
func (q *QueueStep) onlyOne() bool { return q.Agent != "" }

// Stay is one wait in a queue.
type Stay struct {
	Say     time.Time `json:"say,omitzero"`   // the next announcement; zero: one plays, or none is planned
	Turn    int       `json:"turn,omitempty"` // of Announcements.Sounds
	Saying  bool      `json:"saying,omitempty"`
	Then    []Sound   `json:"then,omitempty"`    // to be said after that
	Offer   time.Time `json:"offer,omitzero"`    // when the callback is offered
	Offered bool      `json:"offered,omitempty"` // its digit counts
	Look    time.Time `json:"look,omitzero"`     // whether anybody is there
}

// How long nobody may be there before waiting callers are led on: phones that register anew are away for a moment.
const desertedFor = 10 * time.Second

// How often it is looked whether the one agent is there whom a caller waits for.
const lookEvery = 15 * time.Second

// Prompts of the waiting, of the shipped sets.
const (
	promptYouAreNext = "you-are-next"
	promptYouAre     = "you-are-number"
	promptInTheQueue = "in-the-queue"
	promptWaitAbout  = "wait-about"
	promptWaitLess   = "wait-less-than-a-minute"
	promptMinutes    = "minutes"
	promptHour       = "hour"
	promptHours      = "hours"
)

// knock asks for the house before a caller waits: a queue that is closed, full or deserted is not worth an answer.
func (f *FlowRun) knock(out []FlowCommand, q *QueueStep) []FlowCommand {
	f.State, f.Queue, f.Until, f.Stay = FlowKnocking, q, time.Time{}, Stay{}
	return append(out, FlowLook{Team: q.Team, Agent: q.Agent})
}

// seen goes in, or on.
func (f *FlowRun) seen(now time.Time, ev FlowSeen) []FlowCommand {
	q := f.Queue
	if f.State == FlowWaiting {
		return f.lookedAround(now, ev)
	}
	if f.State != FlowKnocking {
		return nil
	}
	switch {
	case ev.Closed:
		return f.follow(now, nil, q.Unanswered)
	case q.Nobody != nil && ev.Present == 0:
		return f.follow(now, nil, *q.Nobody)
	case q.MaxQueue > 0 && ev.Waiting >= q.MaxQueue && q.Full != nil:
		return f.follow(now, nil, *q.Full)
	case q.MaxQueue > 0 && ev.Waiting >= q.MaxQueue:
		return f.follow(now, nil, q.Unanswered)
	}
	var sticky AgentID
	if s := q.Sticky; s != nil && ev.Last != "" && now.Sub(ev.LastAt) <= s.Within {
		sticky = ev.Last
	}
	return f.enterQueue(now, nil, q, false, sticky)
}

// lookedAround leads on who waits where nobody is there any more.
func (f *FlowRun) lookedAround(now time.Time, ev FlowSeen) []FlowCommand {
	f.Stay.Look = time.Time{}
	switch q := f.Queue; {
	case q.Nobody == nil:
	case ev.Present == 0:
		return f.leaveQueue(now, *q.Nobody, false)
	case q.onlyOne():
		f.Stay.Look = now.Add(lookEvery)
	}
	return nil
}

func (f *FlowRun) enterQueue(now time.Time, out []FlowCommand, q *QueueStep, returned bool, sticky AgentID) []FlowCommand {
	f.State, f.Queue, f.Until, f.Digits = FlowWaiting, q, time.Time{}, ""
	if q.MaxWait > 0 {
		f.Until = now.Add(q.MaxWait)
	}
	switch {
	case f.Answer != AnswerLate:
		out = f.answer(out)
	case !f.Answered && !f.Rung:
		f.Rung = true
		out = append(out, FlowRing{})
	}
	f.Stay = Stay{}
	if f.Answered {
		f.plan(now)
	}
	switch {
	case q.Nobody == nil:
	case returned: // they did not knock: the last agent may have gone while they talked
		f.Stay.Look = now.Add(desertedFor)
	case q.onlyOne():
		f.Stay.Look = now.Add(lookEvery)
	}
	cmd := FlowQueue{
		Team: q.Team, Agent: q.Agent, Priority: q.Priority, Returned: returned, Entered: now, Asks: q.Asks.clone(), Music: q.Music,
	}
	if sticky != "" {
		cmd.Sticky, cmd.StickyUntil = sticky, now.Add(q.Sticky.Wait)
	}
	return append(out, cmd)
}

// plan sets when something is said.
func (f *FlowRun) plan(now time.Time) {
	q := f.Queue
	if q.Announce.Every > 0 || q.offers() && q.Offer.Place > 0 {
		f.Stay.Say = now.Add(q.Announce.First)
	}
	if q.offers() && (q.Offer.After > 0 || q.Offer.Place == 0) {
		f.Stay.Offer = now.Add(q.Offer.After)
	}
}

// waitDue lets the deadlines of a wait pass that are not its end.
func (f *FlowRun) waitDue(now time.Time) (out []FlowCommand) {
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	s := &f.Stay
	if due(s.Look) {
		s.Look = time.Time{}
		out = append(out, FlowLook{Team: f.Queue.Team, Agent: f.Queue.Agent})
	}
	if due(s.Offer) {
		out = f.offer(now, out)
	}
	if !due(s.Say) {
		return out
	}
	s.Say = time.Time{}
	if q := f.Queue; q.Announce.Place || q.Announce.Wait || q.offers() && q.Offer.Place > 0 {
		return append(out, FlowAskPlace{})
	}
	return f.announce(now, out, FlowPlaced{})
}

// offer says that the caller can be called back.
func (f *FlowRun) offer(now time.Time, out []FlowCommand) []FlowCommand {
	f.Stay.Offer, f.Stay.Offered = time.Time{}, true
	return f.say(now, out, f.Queue.Offer.Sounds)
}

// announce says what there is to say, in whole: place, wait, one of the prompts, and the callback.
func (f *FlowRun) announce(now time.Time, out []FlowCommand, at FlowPlaced) []FlowCommand {
	q, s := f.Queue, &f.Stay
	if f.State != FlowWaiting {
		return out
	}
	var sounds []Sound
	if q.Announce.Every > 0 {
		if q.Announce.Place {
			sounds = append(sounds, placeInWords(at.Place)...)
		}
		if q.Announce.Wait && at.Confidence >= ConfidentFrom {
			sounds = append(sounds, waitInWords(at.Wait)...)
		}
		if n := len(q.Announce.Sounds); n > 0 {
			sounds = append(sounds, q.Announce.Sounds[s.Turn%n])
			s.Turn++
		}
	}
	if q.offers() && q.Offer.Place > 0 && at.Place >= q.Offer.Place {
		s.Offered, s.Offer = true, time.Time{}
	}
	if s.Offered {
		sounds = append(sounds, q.Offer.Sounds...)
	}
	if len(sounds) == 0 {
		f.sayAgain(now)
		return out
	}
	return f.say(now, out, sounds)
}

// sayAgain plans the next announcement.
func (f *FlowRun) sayAgain(now time.Time) {
	switch every := f.Queue.Announce.Every; {
	case every > 0:
		f.Stay.Say = now.Add(every)
	case f.Queue.offers() && f.Queue.Offer.Place > 0 && !f.Stay.Offered:
		f.Stay.Say = now.Add(lookEvery)
	}
}

// say plays sounds now, or after what is being said.
func (f *FlowRun) say(now time.Time, out []FlowCommand, sounds []Sound) []FlowCommand {
	if f.Stay.Saying {
		f.Stay.Then = slices.Concat(f.Stay.Then, sounds)
		return out
	}
	f.Stay.Saying, f.Stay.Say = true, time.Time{}
	return append(out, f.sounds(now, sounds))
}

// said is the end of an announcement.
func (f *FlowRun) said(now time.Time) []FlowCommand {
	f.Stay.Saying = false
	if then := f.Stay.Then; len(then) > 0 {
		f.Stay.Then = nil
		return f.say(now, nil, then)
	}
	f.sayAgain(now)
	return nil
}

// pressed is a digit of who waits.
func (f *FlowRun) pressed(now time.Time, digit string) []FlowCommand {
	q := f.Queue
	for _, x := range q.Exits {
		if x.Digit == digit {
			return f.leaveQueue(now, x.Path, false)
		}
	}
	if q.offers() && f.Stay.Offered && digit == q.Offer.Digit {
		step := q.Offer.Step
		return f.leaveQueue(now, FlowPath{Steps: []FlowStep{{Callback: &step}, {Hangup: &HangupStep{}}}}, false)
	}
	return nil
}

// moved has the caller wait in another team's queue, by the same rules.
func (f *FlowRun) moved(ev FlowMoved) {
	if f.State != FlowWaiting {
		return
	}
	q := *f.Queue
	q.Team, q.Agent = ev.Team, ""
	f.Queue = &q
}

// nextOfStay is the earliest deadline of a wait that is not its end.
func (f *FlowRun) nextOfStay() (at time.Time) {
	for _, t := range []time.Time{f.Stay.Look, f.Stay.Offer, f.Stay.Say} {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

func placeInWords(place int) []Sound {
	switch {
	case place <= 0:
		return nil
	case place == 1:
		return []Sound{{Prompt: promptYouAreNext}}
	}
	return []Sound{{Prompt: promptYouAre}, {Say: SayNumber, Value: strconv.Itoa(place)}, {Prompt: promptInTheQueue}}
}

// waitInWords never says less than the wait.
func waitInWords(wait time.Duration) []Sound {
	number, unit := int((wait+time.Minute-1)/time.Minute), promptMinutes
	switch {
	case wait <= 0:
		return nil
	case wait <= time.Minute:
		return []Sound{{Prompt: promptWaitLess}}
	case wait >= time.Hour:
		number, unit = int((wait+time.Hour-1)/time.Hour), promptHours
		if number == 1 {
			unit = promptHour
		}
	}
	return []Sound{{Prompt: promptWaitAbout}, {Say: SayNumber, Value: strconv.Itoa(number)}, {Prompt: unit}}
}
