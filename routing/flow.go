package routing

import "time"

// Flow is the path that a caller is led along. It is a value: a call keeps the one it arrived under, with all that it leads to.
type Flow struct {
	ID     FlowID     `json:"id"`
	Answer string     `json:"answer,omitempty"` // AnswerBySteps, AnswerEarly or AnswerLate
	Steps  []FlowStep `json:"steps,omitempty"`
}

// When the carrier's call is answered.
const (
	AnswerBySteps = ""      // by the first step that needs it: play, menu, queue, callback, voicemail, mailbox
	AnswerEarly   = "early" // at once, whatever the first step is
	AnswerLate    = "late"  // when an agent answers: until then the caller hears it ring, and prompts are passed over
)

// FlowStep is one step; exactly one of its fields is set.
type FlowStep struct {
	Play      *PlayStep      `json:"play,omitempty"`
	Menu      *MenuStep      `json:"menu,omitempty"`
	Hours     *HoursStep     `json:"hours,omitempty"`
	Set       *SetStep       `json:"set,omitempty"`
	Match     *MatchStep     `json:"match,omitempty"`
	Goto      FlowID         `json:"goto,omitempty"`
	Queue     *QueueStep     `json:"queue,omitempty"`
	Forward   *ForwardStep   `json:"forward,omitempty"`
	Callback  *CallbackStep  `json:"callback,omitempty"`
	Voicemail *VoicemailStep `json:"voicemail,omitempty"`
	Mailbox   *MailboxStep   `json:"mailbox,omitempty"`
	Hangup    *HangupStep    `json:"hangup,omitempty"`
}

// paths are the ways that a step leads.
func (s *FlowStep) paths() (all []FlowPath) {
	switch {
	case s.Menu != nil:
		for _, c := range s.Menu.Choices {
			all = append(all, c.Path)
		}
		all = append(all, s.Menu.Otherwise)
	case s.Hours != nil:
		all = []FlowPath{s.Hours.Open, s.Hours.Closed, s.Hours.Holiday}
	case s.Match != nil:
		for _, c := range s.Match.Cases {
			all = append(all, c.Path)
		}
		all = append(all, s.Match.Otherwise)
	case s.Queue != nil:
		all = []FlowPath{s.Queue.Unanswered}
		for _, p := range []*FlowPath{s.Queue.Full, s.Queue.Nobody} {
			if p != nil {
				all = append(all, *p)
			}
		}
		for _, x := range s.Queue.Exits {
			all = append(all, x.Path)
		}
	case s.Forward != nil:
		all = []FlowPath{s.Forward.Unanswered}
	}
	return all
}

// FlowPath is where a caller goes on: to a flow, which does not come back, or along steps that are followed by those after
// the step that leads there. The zero FlowPath is the next step.
type FlowPath struct {
	Flow  FlowID     `json:"flow,omitempty"` // or PathBack, PathRepeat
	Steps []FlowStep `json:"steps,omitempty"`
}

// What a menu's choices can name beside flows.
const (
	PathBack   FlowID = "back"   // to the menu before; in the first one, to itself
	PathRepeat FlowID = "repeat" // to the same menu, from its beginning
)

// None says that the path is the next step.
func (p FlowPath) None() bool { return p.Flow == "" && len(p.Steps) == 0 }

// Sound is one thing that a caller hears: a prompt, or a value spoken from the prompts of the call's language.
type Sound struct {
	Prompt string  `json:"prompt,omitempty"`
	Say    SayKind `json:"say,omitempty"`
	Value  string  `json:"value,omitempty"` // of Say; {name} stands for an attribute of the call, see FlowRun.Attribute
}

// SayKind is how a value is spoken.
type SayKind string

// The kinds, with the values they take.
const (
	SayNumber SayKind = "number" // whole, 0 to 999999: forty-two
	SayDigits SayKind = "digits" // what else there is in it is passed over: four two
	SayTime   SayKind = "time"   // 15:04, RFC 3339, or now: three oh four p.m.
	SayDate   SayKind = "date"   // 2006-01-02, RFC 3339, or now: Monday, January second
)

// PlayStep plays sounds to their end. It answers the call. A digit stops it and counts for the menu that follows.
type PlayStep struct {
	Sounds []Sound `json:"sounds"`
	Whole  bool    `json:"whole,omitempty"` // no digit stops it
}

// MenuStep asks for a choice. It answers the call.
type MenuStep struct {
	ID           string        `json:"id"` // what the choice is kept under
	Sounds       []Sound       `json:"sounds"`
	Choices      []MenuChoice  `json:"choices"`
	Timeout      time.Duration `json:"timeout"`       // without a digit, after the prompt
	DigitTimeout time.Duration `json:"digit_timeout"` // until a further digit, where one could follow
	Retries      int           `json:"retries,omitempty"`
	Invalid      []Sound       `json:"invalid,omitempty"`
	Otherwise    FlowPath      `json:"otherwise,omitzero"` // after the last try
}

// MenuChoice is one choice of a menu.
type MenuChoice struct {
	Digits string   `json:"digits"` // 0 to 9, * and #
	Name   string   `json:"name,omitempty"`
	Path   FlowPath `json:"path,omitzero"`
}

// HoursStep goes by the time of day.
type HoursStep struct {
	Hours   Hours    `json:"hours"`
	Open    FlowPath `json:"open,omitzero"`
	Closed  FlowPath `json:"closed,omitzero"`
	Holiday FlowPath `json:"holiday,omitzero"` // closed on a holiday; None: Closed
}

// SetStep gives the call attributes; {name} in a value stands for an attribute that the call has.
type SetStep struct {
	Attributes map[string]string `json:"attributes"`
}

// MatchStep goes by who calls, or by an attribute. The first case that fits is taken; of numbers, the longest prefix.
type MatchStep struct {
	Subject   string      `json:"subject"` // see FlowRun.Attribute; or MatchTag
	Cases     []MatchCase `json:"cases"`
	Otherwise FlowPath    `json:"otherwise,omitzero"`
}

// Subjects of a MatchStep that are not compared as text.
const (
	MatchCaller = "caller" // prefixes in E.164, or CaseAnonymous
	MatchCalled = "called" // prefixes in E.164
	MatchTag    = "tag"    // the contact's tags: one of them

	CaseAnonymous = "anonymous"
)

// MatchCase is one case: any of the values.
type MatchCase struct {
	Values []string `json:"values"`
	Path   FlowPath `json:"path,omitzero"`
}

// QueueStep waits for an agent of a team, or for one agent. It answers the call.
type QueueStep struct {
	Team       TeamID        `json:"team,omitempty"`
	Agent      AgentID       `json:"agent,omitempty"` // in place of Team
	Priority   int           `json:"priority,omitempty"`
	MaxWait    time.Duration `json:"max_wait,omitempty"`  // 0: for ever
	Unanswered FlowPath      `json:"unanswered,omitzero"` // after MaxWait; and where the queue is closed, or full without Full

	Asks
	MaxQueue int            `json:"max_queue,omitempty"` // so many wait at most; 0: any number
	Full     *FlowPath      `json:"full,omitempty"`      // in place of Unanswered, for who would be one too many
	Nobody   *FlowPath      `json:"nobody,omitempty"`    // while nobody is there; nil: wait
	Sticky   *Stickiness    `json:"sticky,omitempty"`
	Music    string         `json:"music,omitempty"` // empty: the house's
	Announce Announcements  `json:"announce,omitzero"`
	Exits    []QueueExit    `json:"exits,omitempty"`
	Offer    *CallbackOffer `json:"offer,omitempty"`
}

// ForwardStep sends the caller to an outside number. It does not answer the call: the far side's answer does.
type ForwardStep struct {
	Number   string   `json:"number"`
	Trunks   []string `json:"trunks,omitempty"`
	CallerID string   `json:"caller_id,omitempty"` // "trunk" or "caller"

	Ring       time.Duration `json:"ring,omitempty"`      // how long it may ring; 0: the switchboard's
	Unanswered FlowPath      `json:"unanswered,omitzero"` // where it goes on when nobody takes it; empty: the next step
}

// CallbackStep offers the caller to be rung back by a team. It answers the call.
type CallbackStep struct {
	Team TeamID `json:"team"`
}

// VoicemailStep takes a message for a team or an agent. It answers the call.
type VoicemailStep struct {
	Team  TeamID  `json:"team,omitempty"`
	Agent AgentID `json:"agent,omitempty"`
}

// MailboxStep lets the caller hear the messages of a team or an agent, once the box's code is typed. It answers the call.
type MailboxStep struct {
	Team  TeamID  `json:"team,omitempty"`
	Agent AgentID `json:"agent,omitempty"`
}

// HangupStep ends the call.
type HangupStep struct {
	Code int `json:"code,omitempty"` // for a call that was not answered; 0: the failure of the forward before, else 480
}
