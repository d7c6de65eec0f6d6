package config

import "time"

// Flow is the path of a caller. In the file it is the list of steps, or
// {answer: …, steps: […]}.
type Flow struct {
	// ID is the flow's name in the file.
	ID string `yaml:"-"`

	// When the carrier's call is answered: "" by the first step that sounds,
	// early at once, late when an agent answers.
	Answer string `yaml:"answer"`
	// The steps, in order. After the last one the call ends.
	Steps []Step `yaml:"steps"`
}

// Verb is what a step does.
type Verb string

// The verbs.
const (
	Play        Verb = "play"
	Say         Verb = "say"
	Menu        Verb = "menu"
	ByHours     Verb = "hours"
	Set         Verb = "set"
	Match       Verb = "match"
	Goto        Verb = "goto"
	Queue       Verb = "queue"
	Callback    Verb = "callback"
	Voicemail   Verb = "voicemail"
	OpenMailbox Verb = "mailbox"
	Forward     Verb = "forward"
	Hangup      Verb = "hangup"
)

// Step is one step of a flow: exactly one verb, and its options beside it.
type Step struct {
	// Verb is the one verb the step has.
	Verb Verb `yaml:"-"`

	// What is heard: a shipped prompt, a WAV file beside the configuration file, a value that is spoken, or a list of these.
	Play Sounds `yaml:"play"`
	// A digit stops what is heard, and counts for the menu that follows.
	BargeIn bool `yaml:"barge_in"`

	// A value that is spoken.
	Say Sound `yaml:"say"`

	// What is heard before a choice is made.
	Menu Sounds `yaml:"menu"`
	// Where each choice leads, by its digits.
	Choices []Choice `yaml:"choices,keyed"`
	// How long a digit is waited for, after what is heard.
	Timeout time.Duration `yaml:"timeout"`
	// How long a further digit is waited for, where the choice could have one.
	DigitTimeout time.Duration `yaml:"digit_timeout"`
	// How often the menu is heard again after a wrong choice or none.
	Retries int `yaml:"retries"`
	// What is heard after a wrong choice.
	Invalid Sounds `yaml:"invalid"`
	// Agents' extensions are choices too.
	Extensions bool `yaml:"extensions"`
	// What follows the last try of a menu, or no case of a match: a flow's name or steps; without it, the next step.
	Otherwise Path `yaml:"otherwise"`

	// One of hours:, or hours written on the spot.
	Hours HoursOf `yaml:"hours"`
	// Where it goes on when somebody is there: a flow's name or steps; without it, the next step.
	Open Path `yaml:"open"`
	// Where it goes on when nobody is there: a flow's name or steps; without it, the next step.
	Closed Path `yaml:"closed"`
	// Where it goes on when closed on a holiday; without it, closed.
	Holiday Path `yaml:"holiday"`

	// Attributes that the call gets, by name; {name} in a value stands for one that it has.
	Set []Attribute `yaml:"set,keyed"`

	// What the cases are about: caller, called, name, contact, tag, language, contact.NAME, or an attribute.
	Match string `yaml:"match"`
	// Where each value leads: one value or several with commas; numbers by their beginning.
	Cases []Case `yaml:"cases,keyed"`

	// The flow that is gone on with; it does not come back.
	Goto string `yaml:"goto"`

	// The team to wait for, or an agent.
	Queue string `yaml:"queue"`
	// Higher is served first.
	Priority int `yaml:"priority"`
	// Longest wait; 0s: no limit.
	MaxWait time.Duration `yaml:"max_wait"`
	// What follows the longest wait, a closed queue, or a forward that nobody takes: a flow's name or steps; without it, the next step.
	Unanswered Path `yaml:"unanswered"`
	// What is heard while waiting, one after the other: prompts or WAV files; empty: the shipped music.
	Music []string `yaml:"music"`
	// What is said while waiting.
	Announce Announce `yaml:"announce"`
	// Keys that lead out of the queue, and where to.
	Exit []Exit `yaml:"exit,keyed"`
	// Offer a callback to who waits.
	CallbackOffer CallbackOffer `yaml:"callback_offer"`
	// Most callers who wait; 0: any number.
	MaxQueue int `yaml:"max_queue"`
	// Where one too many goes: a flow's name or steps; without it, unanswered.
	Full Path `yaml:"full"`
	// Where callers go while nobody of the team is there: wait, unanswered, a flow's name or steps.
	Nobody Path `yaml:"nobody"`
	// Skills that agents must have, and how much of them.
	Skills Skills `yaml:"skills"`
	// Lower levels after some time.
	Relax []Relax `yaml:"relax"`
	// Teams whose agents are rung too after some time.
	Overflow []Overflow `yaml:"overflow"`
	// Callers are kept for the agent whom they spoke with last.
	Sticky Sticky `yaml:"sticky"`

	// The team that rings the caller back.
	Callback string `yaml:"callback"`

	// The team or agent for whom a message is taken.
	Voicemail string `yaml:"voicemail"`

	// The team or agent whose messages are heard, once the box's pin is typed.
	Mailbox string `yaml:"mailbox"`

	// The E.164 number to send the call to over a trunk.
	Forward string `yaml:"forward"`
	// Trunks in the order they are tried; empty: those of dial.trunks.
	Trunks []string `yaml:"trunks"`
	// trunk: our number in From, the caller in Diversion. caller: the caller's number.
	CallerID string `yaml:"caller_id" jsonschema:"enum=trunk,enum=caller"`
	// How long a forward may ring, on each trunk; one that rang is not tried over the next.
	Ring time.Duration `yaml:"ring"`

	// SIP code for a call that was not answered yet; without a value 480.
	Hangup int `yaml:"hangup"`
}

// Path is a place to go on: a flow's name, or steps written on the spot, after which the next step follows. Both empty is
// no path: the next step.
type Path struct {
	Flow  string
	Steps []Step
}

// None says that the path is the next step.
func (p Path) None() bool { return p.Flow == "" && p.Steps == nil }

// What a menu's choices can name beside flows.
const (
	Back   = "back"   // the menu before
	Repeat = "repeat" // the same menu again
)

// Sounds are heard one after the other. In the file one stands without a list.
type Sounds []Sound

// Sound is a prompt or a value that is spoken. In the file a prompt is its name; values and texts are a mapping of one key.
type Sound struct {
	// Prompt is a shipped prompt or a WAV file.
	Prompt string `yaml:"-"`

	// A text that is spoken when the configuration is loaded (tts).
	Text string `yaml:"text"`
	// A whole number from 0 to 999999.
	Number string `yaml:"number"`
	// Digits one by one.
	Digits string `yaml:"digits"`
	// A time of day: 15:04, or {now}.
	Time string `yaml:"time"`
	// A date: 2026-01-31, or {now}.
	Date string `yaml:"date"`
}

// Choice is one choice of a menu. In the file it is a path, or {name: …, to: …}.
type Choice struct {
	// Digits is the key in the file.
	Digits string `yaml:"-"`

	// What agents see that the caller chose; empty: the flow's name.
	Name string `yaml:"name"`
	// A flow's name or steps; back: the menu before; repeat: this one again.
	To Path `yaml:"to"`
}

// Label is what agents see that the caller chose.
func (c Choice) Label() string { return orElse(c.Name, c.To.Flow) }

// Case is one case of a match. In the file it is a path.
type Case struct {
	// Value is the key in the file: one value, or several with commas.
	Value string `yaml:"-"`
	To    Path   `yaml:"-"`
}

// Attribute is one attribute that a call gets. In the file it is a value.
type Attribute struct {
	// Name is the key in the file.
	Name  string `yaml:"-"`
	Value string `yaml:"-"`
}
