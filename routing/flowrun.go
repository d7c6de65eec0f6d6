package routing

import (
	"slices"
	"time"
)

// FlowRun is one caller's stay on a flow. It is a value that can be copied and written as JSON; it carries the steps that it
// has still to take, so a reload does not change a path that was begun.
type FlowRun struct {
	Flow     FlowID     `json:"flow"`
	Answer   string     `json:"answer,omitempty"`
	State    FlowState  `json:"state"`
	Rest     []FlowStep `json:"rest,omitempty"`     // steps to come
	Queue    *QueueStep `json:"queue,omitempty"`    // the last one entered: where a lost agent's caller returns to
	Answered bool       `json:"answered,omitempty"` // the carrier's call
	Rung     bool       `json:"rung,omitempty"`     // FlowRing was given
	Failure  int        `json:"failure,omitempty"`  // what the last forward's failure means to the carrier
	Until    time.Time  `json:"until,omitzero"`     // of waiting
}

// FlowState says where a caller is.
type FlowState string

// The states. What is true in each:
const (
	FlowNew        FlowState = "new"        // not begun
	FlowPlaying    FlowState = "playing"    // a prompt plays; FlowPlayed is to come
	FlowWaiting    FlowState = "waiting"    // in Queue, until Until
	FlowWithAgent  FlowState = "with_agent" // taken from Queue
	FlowForwarding FlowState = "forwarding" // an outside number is being dialled
	FlowForwarded  FlowState = "forwarded"  // the outside number answered
	FlowEnded      FlowState = "ended"      // FlowEnd was given
)

// StartFlow returns a run at the start of a flow; FlowBegin sets it going.
func StartFlow(f Flow) FlowRun {
	return FlowRun{Flow: f.ID, Answer: f.Answer, State: FlowNew, Rest: slices.Clone(f.Steps)}
}

// Deadline returns when a FlowTick is wanted; zero: none.
func (f *FlowRun) Deadline() time.Time { return f.Until }

// Step takes in what happened at now and returns what is to be done, in order. A deadline at now passes first, except that
// an agent who has the caller keeps them. An event that does not fit the state came too late and is ignored.
func (f *FlowRun) Step(now time.Time, ev FlowEvent) []FlowCommand {
	now = now.UTC()
	_, taken := ev.(FlowAnswered)
	if f.State == FlowWaiting && !f.Until.IsZero() && !f.Until.After(now) && !taken {
		if _, stranded := ev.(FlowStranded); stranded { // it spoke of the queue that is left now
			return f.leaveQueue(now, nil, false)
		}
		return append(f.leaveQueue(now, nil, true), f.react(now, ev)...)
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
	case FlowPlayed:
		if f.State == FlowPlaying {
			return f.advance(now, nil)
		}
	case FlowAnswered:
		if f.State == FlowWaiting {
			f.State, f.Until = FlowWithAgent, time.Time{}
			return f.answer(nil)
		}
	case FlowReturned:
		return f.returned(now)
	case FlowStranded:
		if f.State == FlowWaiting {
			return f.leaveQueue(now, nil, false)
		}
	case FlowForwardAnswered:
		if f.State == FlowForwarding {
			f.State = FlowForwarded
			return f.answer(nil)
		}
	case FlowForwardFailed:
		if f.State == FlowForwarding {
			f.Failure = FailureCode(ev.Code)
			return f.advance(now, nil)
		}
	case FlowForwardEnded:
		if f.State == FlowForwarded {
			return f.end(nil, 0, FlowCauseFarEnd)
		}
	case FlowForwardRinging, FlowTick:
	}
	return nil
}

// advance enters the next step.
func (f *FlowRun) advance(now time.Time, out []FlowCommand) []FlowCommand {
	for len(f.Rest) > 0 {
		step := f.Rest[0]
		f.Rest = f.Rest[1:]
		switch {
		case step.Play != nil && f.Answer == AnswerLate && !f.Answered:
			// The caller hears it ring; there is nothing a prompt could be heard on.
		case step.Play != nil:
			f.State = FlowPlaying
			return append(f.answer(out), FlowPlay{Prompt: step.Play.Prompt})
		case step.Queue != nil:
			return f.enterQueue(now, out, step.Queue, false)
		case step.Forward != nil:
			f.State = FlowForwarding
			return append(out, FlowForward{
				Number: step.Forward.Number, Trunks: slices.Clone(step.Forward.Trunks), CallerID: step.Forward.CallerID,
			})
		case step.Hangup != nil:
			return f.end(out, step.Hangup.Code, FlowCauseHangup)
		}
	}
	if f.Failure != 0 && !f.Answered {
		return f.end(out, f.Failure, FlowCauseForward)
	}
	return f.end(out, 0, FlowCauseHangup)
}

func (f *FlowRun) enterQueue(now time.Time, out []FlowCommand, q *QueueStep, returned bool) []FlowCommand {
	f.State, f.Queue, f.Until = FlowWaiting, q, time.Time{}
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
	return append(out, FlowQueue{Team: q.Team, Priority: q.Priority, Returned: returned})
}

// leaveQueue goes on without an agent: the unanswered path, then the steps after the queue.
func (f *FlowRun) leaveQueue(now time.Time, out []FlowCommand, unqueue bool) []FlowCommand {
	f.Until = time.Time{}
	if unqueue {
		out = append(out, FlowUnqueue{})
	}
	f.Rest = slices.Concat(f.Queue.Unanswered, f.Rest)
	return f.advance(now, out)
}

// returned puts the caller back into the queue that an agent was taken from; the time to wait there starts anew.
func (f *FlowRun) returned(now time.Time) []FlowCommand {
	if f.State != FlowWithAgent {
		return nil
	}
	return f.enterQueue(now, nil, f.Queue, true)
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
	f.State, f.Until, f.Rest = FlowEnded, time.Time{}, nil
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
