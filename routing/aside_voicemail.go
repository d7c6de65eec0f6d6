package routing

import "time"

// VoicemailRun takes a message: greeting, tone, recording, and after # a menu. Hanging up sends what was recorded.
type VoicemailRun struct {
	Greeting string        `json:"greeting,omitempty"` // a prompt; empty: the shipped one
	Full     bool          `json:"full,omitempty"`     // the box takes no more
	Most     time.Duration `json:"most"`               // longest message
	State    string        `json:"state,omitempty"`
	After    string        `json:"after,omitempty"` // what follows AsideStopped
	Tries    int           `json:"tries,omitempty"`
	Heard    bool          `json:"heard,omitempty"` // the caller hears the own message, not the menu
	Until    time.Time     `json:"until,omitzero"`
}

// The states of a VoicemailRun.
const (
	vmGreeting  = "greeting"
	vmRecording = "recording"
	vmStopping  = "stopping"
	vmReview    = "review" // stopped; the menu is heard, or the message
	vmShort     = "short"
	vmLast      = "last"
	vmOver      = "over"
)

// Recording says whether the caller is being recorded, or has been and has not decided: hanging up sends it.
func (r *VoicemailRun) Recording() bool {
	return r.State == vmRecording || r.State == vmStopping || r.State == vmReview
}

func (r *VoicemailRun) step(now time.Time, ev AsideEvent) []AsideCommand {
	switch ev := ev.(type) {
	case AsideBegin:
		if r.State != "" {
			return nil
		}
		if r.Full {
			return r.last("voicemail-full")
		}
		r.State = vmGreeting
		greeting := r.Greeting
		if greeting == "" {
			greeting = "voicemail-greeting"
		}
		return []AsideCommand{AsidePlay{prompts(greeting, "voicemail-instructions")}}
	case AsidePlayed:
		return r.played(now)
	case AsideDigit:
		return r.digit(now, ev.Digit)
	case AsideSilent:
		if r.State == vmRecording {
			return r.stop(vmLast)
		}
	case AsideTick:
		if r.Until.IsZero() || r.Until.After(now) {
			return nil
		}
		r.Until = time.Time{}
		switch r.State {
		case vmRecording:
			return r.stop(vmLast)
		case vmReview:
			return r.send()
		}
	case AsideStopped:
		if r.State == vmStopping {
			return r.stopped(ev.Short)
		}
	case AsideFailed:
		if r.Recording() {
			return append([]AsideCommand{AsideDrop{}}, r.last("voicemail-failed")...)
		}
	}
	return nil
}

func (r *VoicemailRun) played(now time.Time) []AsideCommand {
	switch r.State {
	case vmGreeting, vmShort:
		return r.record(now)
	case vmReview:
		if r.Heard { // his own message: the menu again
			return r.review()
		}
		r.Until = now.Add(asideWait)
	case vmLast:
		r.State, r.Until = vmOver, time.Time{}
		return []AsideCommand{AsideOver{}}
	}
	return nil
}

func (r *VoicemailRun) digit(now time.Time, digit string) []AsideCommand {
	switch {
	case (r.State == vmGreeting || r.State == vmShort) && digit == "#":
		return append([]AsideCommand{AsideHush{}}, r.record(now)...)
	case r.State == vmRecording && digit == "#":
		return r.stop(vmReview)
	case r.State != vmReview:
	case digit == "1":
		r.Until, r.Heard = time.Time{}, true
		return []AsideCommand{AsideReplay{}}
	case digit == "2":
		r.Heard = false
		return append([]AsideCommand{AsideHush{}, AsideDrop{}}, r.record(now)...)
	case digit == "3", digit == "#":
		return append([]AsideCommand{AsideHush{}}, r.send()...)
	}
	return nil
}

func (r *VoicemailRun) record(now time.Time) []AsideCommand {
	r.State, r.Until = vmRecording, now.Add(r.Most)
	return []AsideCommand{AsideRecord{}}
}

func (r *VoicemailRun) stop(then string) []AsideCommand {
	r.State, r.After, r.Until = vmStopping, then, time.Time{}
	return []AsideCommand{AsideStop{}}
}

func (r *VoicemailRun) stopped(short bool) []AsideCommand {
	switch {
	case short && r.Tries >= asideTries:
		return append([]AsideCommand{AsideDrop{}}, r.last("voicemail-too-short")...)
	case short:
		r.Tries++
		r.State = vmShort
		return []AsideCommand{AsideDrop{}, AsidePlay{prompts("voicemail-too-short", "voicemail-instructions")}}
	case r.After == vmReview:
		return r.review()
	}
	return r.send()
}

// review says what can be done with a message that has ended.
func (r *VoicemailRun) review() []AsideCommand {
	r.State, r.Heard = vmReview, false
	return []AsideCommand{AsidePlay{prompts("voicemail-review")}}
}

func (r *VoicemailRun) send() []AsideCommand {
	return append([]AsideCommand{AsideSend{}}, r.last("voicemail-saved")...)
}

func (r *VoicemailRun) last(prompt string) []AsideCommand {
	r.State, r.Until = vmLast, time.Time{}
	return []AsideCommand{AsidePlay{prompts(prompt)}}
}
