package routing

import "time"

// AsideEvent is something that happened to a caller who is led through an aside: a callback or a message is asked for, or
// messages are heard. The set is sealed; one that does not fit the present state is late and ignored.
type AsideEvent interface{ asideEvent() }

// AsideBegin starts it.
type AsideBegin struct{}

// AsidePlayed says that what was played has ended.
type AsidePlayed struct{}

// AsideDigit is a key of the caller.
type AsideDigit struct{ Digit string }

// AsideTold says what became of an AsidePromise (whether the number may be called back), an AsideCheck (whether the code is
// right), an AsideAccept or an AsideStandard (whether it is on disk). Closed: no further code is taken.
type AsideTold struct{ OK, Closed bool }

// AsideSilent says that nothing was said for as long as ends a message.
type AsideSilent struct{}

// AsideStopped says how long the recording was that AsideStop ended; Short: too short to be a message.
type AsideStopped struct{ Short bool }

// AsideFailed says that the recording cannot be made: the disk.
type AsideFailed struct{}

// AsideTick lets a deadline pass.
type AsideTick struct{}

func (AsideBegin) asideEvent()   {}
func (AsidePlayed) asideEvent()  {}
func (AsideDigit) asideEvent()   {}
func (AsideTold) asideEvent()    {}
func (AsideSilent) asideEvent()  {}
func (AsideStopped) asideEvent() {}
func (AsideFailed) asideEvent()  {}
func (AsideTick) asideEvent()    {}

// AsideCommand is something to be done for the caller, in order. The set is sealed.
type AsideCommand interface{ asideCommand() }

// AsidePlay plays sounds, in place of what plays; AsidePlayed follows.
type AsidePlay struct{ Sounds []Sound }

// AsideHush stops what plays.
type AsideHush struct{}

// AsidePromise asks for a callback to a number; AsideTold follows.
type AsidePromise struct{ Number string }

// AsideRecord begins a recording, after a tone.
type AsideRecord struct{}

// AsideStop ends the recording; AsideStopped follows.
type AsideStop struct{}

// AsideDrop deletes what was recorded.
type AsideDrop struct{}

// AsideSend keeps what was recorded as a message.
type AsideSend struct{}

// AsideReplay plays what was recorded; AsidePlayed follows.
type AsideReplay struct{}

// AsideMessage plays one of the messages of a box; AsidePlayed follows.
type AsideMessage struct{ ID string }

// AsideDelete deletes one of the messages.
type AsideDelete struct{ ID string }

// AsideHeard notes that a message was heard.
type AsideHeard struct{ ID string }

// AsideCheck asks whether a code opens the box; AsideTold follows.
type AsideCheck struct{ Code string }

// AsideGreeting plays the greeting of a box, by its place among those of the MailboxRun; AsidePlayed follows.
type AsideGreeting struct{ Box int }

// AsideAccept makes what was recorded the greeting of a box; AsideTold follows.
type AsideAccept struct{ Box int }

// AsideStandard takes a recorded greeting away: the configuration's is heard again; AsideTold follows.
type AsideStandard struct{ Box int }

// AsideOver ends the aside. It comes once, last.
type AsideOver struct{}

func (AsidePlay) asideCommand()     {}
func (AsideHush) asideCommand()     {}
func (AsidePromise) asideCommand()  {}
func (AsideRecord) asideCommand()   {}
func (AsideStop) asideCommand()     {}
func (AsideDrop) asideCommand()     {}
func (AsideSend) asideCommand()     {}
func (AsideReplay) asideCommand()   {}
func (AsideMessage) asideCommand()  {}
func (AsideDelete) asideCommand()   {}
func (AsideHeard) asideCommand()    {}
func (AsideCheck) asideCommand()    {}
func (AsideGreeting) asideCommand() {}
func (AsideAccept) asideCommand()   {}
func (AsideStandard) asideCommand() {}
func (AsideOver) asideCommand()     {}

// How long a key is waited for after what was played, and how often it is played again.
const (
	asideWait  = 6 * time.Second
	asideTries = 2
)

// prompts are sounds of prompts alone.
func prompts(names ...string) []Sound {
	out := make([]Sound, len(names))
	for i, name := range names {
		out[i].Prompt = name
	}
	return out
}

// Aside is one caller's way through an aside. It is a value like FlowRun.
type Aside struct {
	Callback  *CallbackRun  `json:"callback,omitempty"`
	Voicemail *VoicemailRun `json:"voicemail,omitempty"`
	Mailbox   *MailboxRun   `json:"mailbox,omitempty"`
}

// Step takes in what happened at now and returns what is to be done, in order.
func (a *Aside) Step(now time.Time, ev AsideEvent) []AsideCommand {
	switch now = now.UTC(); {
	case a.Callback != nil:
		return a.Callback.step(now, ev)
	case a.Voicemail != nil:
		return a.Voicemail.step(now, ev)
	case a.Mailbox != nil:
		return a.Mailbox.step(now, ev)
	}
	return nil
}

// Deadline returns when an AsideTick is wanted; zero: none.
func (a *Aside) Deadline() time.Time {
	switch {
	case a.Callback != nil:
		return a.Callback.Until
	case a.Voicemail != nil:
		return a.Voicemail.Until
	case a.Mailbox != nil:
		return a.Mailbox.deadline()
	}
	return time.Time{}
}
