package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trunkline/routing"
	"trunkline/sip"
)

// Verb is what an Order asks for.
type Verb string

// The verbs. Each is legal more than once: what is so already stays so.
const (
	Hold     Verb = "hold"             // the other side hears music, the holder nothing
	Resume   Verb = "resume"           // ends Hold
	Mute     Verb = "mute"             // nobody hears whoever asks
	Unmute   Verb = "unmute"           // ends Mute
	Pause    Verb = "pause_recording"  // for Order.For, or until Continue
	Continue Verb = "resume_recording" // ends Pause
	Keypad   Verb = "keypad"           // Order.Digits are pressed for whoever is talked to
	Transfer Verb = "transfer"         // to Order.To; with Ask after a word with them
	Swap     Verb = "swap"             // between the customer and who was asked
	Merge    Verb = "merge"            // all three hear each other
	Complete Verb = "complete"         // whoever asked first leaves the other two together
	Cancel   Verb = "cancel"           // the transfer: back to the customer
	PickUp   Verb = "answer"           // what rings at Order.By's phones: one of them answers by itself
	Decline  Verb = "decline"          // what rings at Order.By's phones
	Reclaim  Verb = "reclaim"          // a call whose agent was lost rings at that agent's phones
	Hangup   Verb = "hangup"           // the call ends
)

// Order is what a person asks of a call in progress. Of the fields behind By
// each verb reads those it names.
type Order struct {
	Verb Verb
	Call ID
	By   routing.AgentID // empty: an operator, who acts for the agent who has the call

	Digits string // 0-9 * # A-D
	To     Destination
	Ask    bool
	For    time.Duration // 0: as configured
	Reason string        // for the call card

	Priority int       // of Prioritize
	Mode     WatchMode // of WatchCall
	Who      string    // gave it, of the verbs of supervisors
}

// Destination is where a transfer goes: exactly one field is set.
type Destination struct {
	Agent  routing.AgentID `json:"agent,omitempty"`
	Team   routing.TeamID  `json:"team,omitempty"`
	Number string          `json:"number,omitempty"` // as it was dialled
}

// Why an order is not carried out. What is wrapped around them says more.
var (
	ErrNoCall     = errors.New("no such call in progress")
	ErrNotInCall  = errors.New("this agent is not in this call")
	ErrNotNow     = errors.New("not possible in the call's present state")
	ErrNoTarget   = errors.New("nobody to transfer to")
	ErrOffline    = errors.New("nobody there can take a call now")
	ErrNoDigits   = errors.New("no digits to press: write 0-9, *, # and A-D, at most 32")
	ErrNotShown   = errors.New("this agent's calls may not show that number")
	ErrNotAllowed = errors.New("the dial rules do not allow this number")
)

// Do carries out an order. It returns when the order is on its way: what
// becomes of a transfer arrives as facts and on the call card.
func (s *Switchboard) Do(ctx context.Context, o Order) error {
	err, asked := ask(ctx, s, func(time.Time) error { return s.do(o) })
	return errors.Join(err, asked)
}

// do is Do on the loop.
func (s *Switchboard) do(o Order) error {
	c := s.calls[o.Call]
	if c == nil || c.ended || c.watch != nil || c.tentative && o.Verb != PickUp && o.Verb != Decline {
		return ErrNoCall
	}
	s.handling = c
	defer s.rearm(c)
	if o.Verb == Hangup && o.By == "" {
		s.end(c, Ending{By: BySystem, Cause: CauseOrdered, Code: stopCode(c)}, reasonNormal)
		return nil
	}
	if o.Verb == Reclaim {
		return s.reclaimOrder(c, o.By)
	}
	switch o.Verb {
	case PickUp, Decline:
		return s.rings(c, o)
	case Assign, OfferTo, Move, Prioritize:
		return s.supervise(c, o)
	case WatchCall, WatchAs, Unwatch:
		return s.watchOrder(c, o)
	}
	l := c.seatOf(o.By)
	switch {
	case l == nil && o.Verb == Hangup && c.out != nil && c.out.agent == o.By && !c.answered:
		s.end(c, Ending{By: ByAgent, Cause: CauseCancelled, Code: 487}, reasonNormal) // whom they call has not answered yet
		return nil
	case l == nil && o.By == "":
		return fmt.Errorf("%w: no agent has the call", ErrNotNow)
	case l == nil:
		return ErrNotInCall
	}
	return s.control(c, l, o)
}

// seatOf is the line by which an agent is in the call; for nobody in
// particular, that of the agent who has the call. Who calls a colleague has
// hold, mute, keypad and hangup alone.
func (c *liveCall) seatOf(agent routing.AgentID) *line {
	up := func(l *line) bool {
		return l != nil && l.role == roleAgent && l.state == lineUp && (agent == "" || l.agent == agent)
	}
	switch {
	case up(c.far):
		return c.far
	case c.transfer != nil && up(c.transfer.third):
		return c.transfer.third
	case up(c.caller) && c.answered:
		return c.caller
	}
	return nil
}

// control is an order of an agent in the call, l.
func (s *Switchboard) control(c *liveCall, l *line, o Order) error {
	switch o.Verb {
	case Hold, Resume:
		l.holding = o.Verb == Hold
		s.arrange(c)
		return nil
	case Mute, Unmute:
		l.session.Mute(o.Verb == Mute)
		l.muted = o.Verb == Mute
		return nil
	case Keypad:
		return s.keypad(c, l, o.Digits)
	case Pause:
		return s.pause(c, string(l.agent), o)
	case Continue:
		return s.unpause(c, string(l.agent))
	case Hangup:
		return s.hangUp(c, l)
	}
	if l != c.far {
		return fmt.Errorf("%w: it is not this agent's to transfer", ErrNotNow)
	}
	if o.Verb == Transfer {
		return s.beginTransfer(c, l, o.To, o.Ask)
	}
	return s.steer(c, o.Verb)
}

// hangUp is an agent's own end of the call, as by the phone's key.
func (s *Switchboard) hangUp(c *liveCall, l *line) error {
	s.dismiss(l, reasonNormal)
	if l == c.caller {
		s.end(c, Ending{By: ByAgent, Cause: CauseHangup}, reasonNormal)
		return nil
	}
	s.leftUs(l, sip.Theirs, sip.Reason{})
	return nil
}

// agentView is what the router knows of an agent, or false.
func (s *Switchboard) agentView(id routing.AgentID) (routing.AgentView, bool) {
	all := s.brain.router.Agents(s.now)
	i := slices.IndexFunc(all, func(a routing.AgentView) bool { return a.ID == id && !a.Removed })
	if i < 0 {
		return routing.AgentView{}, false
	}
	return all[i], true
}

// online says whether an agent can be transferred to: active and live, even
// at the limit (product §5).
func online(a routing.AgentView) bool {
	return a.Status == routing.StatusActive && (len(a.Phones) > 0 || a.DeskRings) && !a.Removed
}
