package routing

import (
	"maps"
	"slices"
	"time"
)

// FlowRun is one caller's stay on a flow. It is a value that can be copied and written as JSON; it carries the flows that it
// can lead to and the steps that it has still to take, so a reload does not change a path that was begun.
type FlowRun struct {
	Flow   FlowID          `json:"flow"`
	Answer string          `json:"answer,omitempty"`
	Flows  map[FlowID]Flow `json:"flows,omitempty"` // shared by all calls of one configuration, never changed
	State  FlowState       `json:"state"`
	Rest   []FlowStep      `json:"rest,omitempty"` // steps to come

	Caller     FlowCaller        `json:"caller,omitzero"`
	Attributes map[string]string `json:"attributes,omitempty"` // what set steps gave; replaced, never changed
	Chosen     []Choice          `json:"chosen,omitempty"`     // in menus, in order

	Digits string     `json:"digits,omitempty"` // typed ahead, or not yet a choice
	Menu   *MenuStep  `json:"menu,omitempty"`   // where the caller chooses
	Before []menuMark `json:"before,omitempty"` // the menus that led here, for back
	Tries  int        `json:"tries,omitempty"`  // of Menu that came to nothing
	Whole  bool       `json:"whole,omitempty"`  // no digit stops what plays
	Ends   time.Time  `json:"ends,omitzero"`    // a # until then ends the choice that was taken, and is nothing else

	Queue    *QueueStep   `json:"queue,omitempty"`    // the last one entered: where a lost agent's caller returns to
	Stay     Stay         `json:"stay,omitzero"`      // in it
	Forward  *ForwardStep `json:"forward,omitempty"`  // the one being dialled, or the last one
	Answered bool         `json:"answered,omitempty"` // the carrier's call
	Rung     bool         `json:"rung,omitempty"`     // FlowRing was given
	Failure  int          `json:"failure,omitempty"`  // what the last forward's failure means to the carrier
	Hops     int          `json:"hops,omitempty"`     // flows entered since the caller did something or waited
	Until    time.Time    `json:"until,omitzero"`     // of choosing and waiting
}

// FlowCaller is who calls, as far as a flow asks.
type FlowCaller struct {
	Number     string            `json:"number,omitempty"` // E.164; empty: withheld
	Called     string            `json:"called,omitempty"` // E.164
	Name       string            `json:"name,omitempty"`
	Contact    string            `json:"contact,omitempty"` // lead, user; empty: nobody known
	Tags       []string          `json:"tags,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"` // the contact's
}

// Choice is what a caller has chosen in a menu.
type Choice struct {
	Menu   string `json:"menu"`
	Digits string `json:"digits"`
	Name   string `json:"name,omitempty"` // empty: the choice has none
}

// FlowState says where a caller is.
type FlowState string

// The states. What is true in each:
const (
	FlowNew        FlowState = "new"        // not begun
	FlowPlaying    FlowState = "playing"    // a prompt plays; FlowPlayed is to come
	FlowAsking     FlowState = "asking"     // Menu's prompt plays; FlowPlayed is to come
	FlowChoosing   FlowState = "choosing"   // in Menu, a digit is awaited until Until
	FlowKnocking   FlowState = "knocking"   // at Queue; FlowSeen is to come
	FlowWaiting    FlowState = "waiting"    // in Queue, until Until
	FlowWithAgent  FlowState = "with_agent" // taken from Queue
	FlowForwarding FlowState = "forwarding" // an outside number is being dialled
	FlowForwarded  FlowState = "forwarded"  // the outside number answered
	FlowServed     FlowState = "served"     // a callback is offered, a message taken or heard; FlowDone is to come
	FlowEnded      FlowState = "ended"      // FlowEnd was given
)

// Bounds of one run.
const (
	MostHops   = 100 // flows entered in a row without a digit, an agent or a wait
	MostDigits = 32  // typed ahead; further ones are dropped
	MostChosen = 100 // choices that are kept, the last ones: a caller may press keys for hours
)

// StartFlow returns a run at the start of a flow, which can lead to any of all; FlowBegin sets it going. The run keeps all,
// which must not be changed any more.
func StartFlow(f Flow, all map[FlowID]Flow, who FlowCaller) FlowRun {
	return FlowRun{Flow: f.ID, Answer: f.Answer, Flows: all, State: FlowNew, Rest: slices.Clone(f.Steps), Caller: who}
}

// StartWith returns the run of an answered caller whom a team's agent has and who came through no flow: FlowReturned puts
// them where the first of the flows, by their ids, has its callers wait for the team, and then on as that flow says. Where
// none does they wait without end.
func StartWith(team TeamID, all map[FlowID]Flow, who FlowCaller) FlowRun {
	run := FlowRun{Flows: all, State: FlowWithAgent, Answered: true, Queue: &QueueStep{Team: team}, Caller: who}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if q, rest := waitsFor(team, all[id].Steps); q != nil {
			run.Flow, run.Queue, run.Rest = id, q, rest
			break
		}
	}
	return run
}

// waitsFor finds the queue for a team in steps and in what they lead to, and what follows it.
func waitsFor(team TeamID, steps []FlowStep) (*QueueStep, []FlowStep) {
	for i, step := range steps {
		rest := steps[i+1:]
		if q := step.Queue; q != nil && q.Team == team {
			return q, slices.Clone(rest)
		}
		for _, p := range step.paths() {
			if q, then := waitsFor(team, p.Steps); q != nil {
				return q, slices.Concat(then, rest)
			}
		}
	}
	return nil, nil
}

// Deadline returns when a FlowTick is wanted; zero: none.
func (f *FlowRun) Deadline() time.Time {
	if at := f.nextOfStay(); f.Until.IsZero() || !at.IsZero() && at.Before(f.Until) {
		return at
	}
	return f.Until
}

// Awaits says that the flow waits for a digit of the caller, though nothing is played.
func (f *FlowRun) Awaits() bool { return f.State == FlowChoosing }

// Step takes in what happened at now and returns what is to be done, in order. A deadline at now passes first, except that
// an agent who has the caller keeps them. An event that does not fit the state came too late and is ignored.
func (f *FlowRun) Step(now time.Time, ev FlowEvent) []FlowCommand {
	now = now.UTC()
	if at := f.Deadline(); at.IsZero() || at.After(now) {
		return f.react(now, ev)
	}
	switch f.State {
	case FlowWaiting:
		switch ev.(type) {
		case FlowAnswered:
			return f.react(now, ev)
		case FlowStranded: // it spoke of the queue that is left now
			return f.leaveQueue(now, f.Queue.Unanswered, true)
		}
		if f.Until.IsZero() || f.Until.After(now) {
			return append(f.waitDue(now), f.react(now, ev)...)
		}
		return append(f.leaveQueue(now, f.Queue.Unanswered, false), f.react(now, ev)...)
	case FlowChoosing:
		return append(f.chooseLate(now), f.react(now, ev)...)
	}
	return f.react(now, ev)
}

func (f *FlowRun) react(now time.Time, ev FlowEvent) []FlowCommand {
	switch ev := ev.(type) {
	case FlowBegin:
		if f.State == FlowNew {
			var out []FlowCommand
			if f.Answer == AnswerEarly {
				out = f.answer(out)
			}
			return f.advance(now, out)
		}
	case FlowKnown:
		f.Caller = ev.Caller
	case FlowDigit:
		return f.digit(now, ev.Digit)
	case FlowPlayed:
		return f.played(now)
	case FlowAnswered:
		if f.State == FlowWaiting {
			f.State, f.Until, f.Hops, f.Stay = FlowWithAgent, time.Time{}, 0, Stay{}
			return f.answer(nil)
		}
	case FlowReturned:
		return f.returned(now)
	case FlowStranded:
		if f.State == FlowWaiting {
			return f.leaveQueue(now, f.Queue.Unanswered, true)
		}
	case FlowSeen:
		return f.seen(now, ev)
	case FlowPlaced:
		return f.announce(now, nil, ev)
	case FlowDeserted:
		if f.State == FlowWaiting && f.Queue.Nobody != nil && f.Stay.Look.IsZero() {
			f.Stay.Look = now.Add(desertedFor)
		}
	case FlowMoved:
		f.moved(ev)
	case FlowForwardAnswered:
		if f.State == FlowForwarding {
			f.State = FlowForwarded
			return f.answer(nil)
		}
	case FlowForwardFailed:
		if f.State == FlowForwarding {
			f.Failure = FailureCode(ev.Code)
			if f.Forward != nil {
				return f.follow(now, nil, f.Forward.Unanswered)
			}
			return f.advance(now, nil)
		}
	case FlowForwardEnded:
		if f.State == FlowForwarded {
			return f.end(nil, 0, FlowCauseFarEnd)
		}
	case FlowDone:
		if f.State == FlowServed {
			return f.advance(now, nil)
		}
	case FlowForwardRinging, FlowTick:
	}
	return nil
}

// played goes on after a prompt: to the next step, or to the time for a choice.
func (f *FlowRun) played(now time.Time) []FlowCommand {
	switch f.State {
	case FlowPlaying:
		return f.advance(now, nil)
	case FlowAsking:
		f.State, f.Until = FlowChoosing, now.Add(f.Menu.Timeout)
	case FlowWaiting:
		return f.said(now)
	}
	return nil
}

// advance enters the next step that takes time.
func (f *FlowRun) advance(now time.Time, out []FlowCommand) []FlowCommand {
	for len(f.Rest) > 0 {
		step := f.Rest[0]
		f.Rest = f.Rest[1:]
		var entered bool
		if out, entered = f.enter(now, out, step); entered {
			return out
		}
	}
	if f.Failure != 0 && !f.Answered {
		return f.end(out, f.Failure, FlowCauseForward)
	}
	return f.end(out, 0, FlowCauseHangup)
}

// enter takes a step; entered: it takes time, or it has ended the call.
func (f *FlowRun) enter(now time.Time, out []FlowCommand, step FlowStep) (_ []FlowCommand, entered bool) {
	switch {
	case step.Play != nil:
		if f.Answer == AnswerLate && !f.Answered || f.Digits != "" && !step.Play.Whole && f.menuAhead() {
			// The caller hears it ring, or knows what to press and has done so.
			return out, false
		}
		f.State, f.Whole = FlowPlaying, step.Play.Whole
		return append(f.answer(out), f.sounds(now, step.Play.Sounds)), true
	case step.Menu != nil:
		return f.ask(now, f.answer(out), step.Menu), true
	case step.Hours != nil:
		return f.take(out, step.Hours.At(now))
	case step.Set != nil:
		return append(out, FlowSet{Attributes: f.Set(now, step.Set.Attributes)}), false
	case step.Match != nil:
		return f.take(out, f.Match(step.Match))
	case step.Goto != "":
		return f.take(out, FlowPath{Flow: step.Goto})
	case step.Queue != nil:
		return f.knock(out, step.Queue), true
	case step.Forward != nil:
		f.State, f.Forward = FlowForwarding, step.Forward
		return append(out, FlowForward{
			Number: step.Forward.Number, Trunks: slices.Clone(step.Forward.Trunks), CallerID: step.Forward.CallerID, Ring: step.Forward.Ring,
		}), true
	case step.Callback != nil:
		f.State = FlowServed
		return append(f.answer(out), FlowOfferCallback{Step: *step.Callback}), true
	case step.Voicemail != nil:
		f.State = FlowServed
		return append(f.answer(out), FlowRecord{Step: *step.Voicemail}), true
	case step.Mailbox != nil:
		f.State = FlowServed
		return append(f.answer(out), FlowOpenMailbox{Step: *step.Mailbox}), true
	case step.Hangup != nil:
		return f.end(out, step.Hangup.Code, FlowCauseHangup), true
	}
	return out, false
}

// take puts a path before the steps to come, or in their place where it is a flow's. ended: the flow goes in circles.
func (f *FlowRun) take(out []FlowCommand, p FlowPath) (_ []FlowCommand, ended bool) {
	if p.Flow == "" {
		if len(p.Steps) > 0 {
			f.Rest = slices.Concat(p.Steps, f.Rest)
		}
		return out, false
	}
	if f.Hops++; f.Hops > MostHops {
		return f.end(out, 0, FlowCauseLoop), true
	}
	f.Flow, f.Rest = p.Flow, slices.Clone(f.Flows[p.Flow].Steps) // one that is not there has no steps: the call ends
	return append(out, FlowEntered{Flow: p.Flow}), false
}

// follow is take and what comes of it.
func (f *FlowRun) follow(now time.Time, out []FlowCommand, p FlowPath) []FlowCommand {
	out, ended := f.take(out, p)
	if ended {
		return out
	}
	return f.advance(now, out)
}

// Set gives the call attributes, as a set step does, and returns them with their values filled in.
func (f *FlowRun) Set(now time.Time, attributes map[string]string) map[string]string {
	all := maps.Clone(f.Attributes)
	if all == nil {
		all = map[string]string{}
	}
	given := make(map[string]string, len(attributes))
	for name, value := range attributes { // order does not matter: values see what was before
		given[name] = f.filled(now, value)
	}
	maps.Copy(all, given)
	f.Attributes = all
	return given
}

// leaveQueue leaves the queue by a way; stranded: the router has let go of the caller already.
func (f *FlowRun) leaveQueue(now time.Time, p FlowPath, stranded bool) []FlowCommand {
	var out []FlowCommand
	if f.Stay.Saying {
		out = append(out, FlowStopPlay{})
	}
	if !stranded {
		f.Hops = 0 // there was a wait
		out = append(out, FlowUnqueue{})
	}
	f.Until, f.Stay = time.Time{}, Stay{}
	return f.follow(now, out, p)
}

// returned puts the caller back into the queue that an agent was taken from; the time to wait there starts anew.
func (f *FlowRun) returned(now time.Time) []FlowCommand {
	if f.State != FlowWithAgent {
		return nil
	}
	return f.enterQueue(now, nil, f.Queue, true, "")
}

func (f *FlowRun) answer(out []FlowCommand) []FlowCommand {
	if f.Answered {
		return out
	}
	f.Answered = true
	return append(out, FlowAnswer{})
}

// end gives the one FlowEnd. RFC 3261 §21.4.18: 480 is what a callee says who cannot take the call now.
func (f *FlowRun) end(out []FlowCommand, code int, cause string) []FlowCommand {
	if code == 0 {
		code = f.Failure
	}
	if code == 0 {
		code = 480
	}
	f.State, f.Until, f.Rest, f.Stay = FlowEnded, time.Time{}, nil, Stay{}
	return append(out, FlowEnd{Code: code, Cause: cause})
}

// FailureCode maps the final response of a forward's far side to the one for the caller's carrier. What speaks of the
// number or its owner is passed on; silence and time-outs become 480; what speaks of our trunk or its servers
// becomes 500: a 503 of one hop is not the next one's (RFC 3261 §16.7 step 6), and a 401 or 407 asks us, not the caller.
func FailureCode(far int) int {
	switch far {
	case 404, 410, 480, 484, 486, 488, 600, 603, 604, 606:
		return far
	case 0, 408, 487:
		return 480
	}
	return 500
}
