package routing

import (
	"strconv"
	"time"
)

// MailboxRun lets who may hear messages: how many there are, then each, the new ones first, with a menu after it; and leads
// to the greetings of the boxes. Guarded, it asks for the code of the box first.
type MailboxRun struct {
	Messages []MailboxItem `json:"messages,omitempty"` // new ones first
	Boxes    int           `json:"boxes,omitempty"`    // whose greetings can be recorded; the first is the own one
	Guarded  bool          `json:"guarded,omitempty"`  // the code is asked for
	Typed    string        `json:"typed,omitempty"`    // of the code
	At       int           `json:"at,omitempty"`
	State    string        `json:"state,omitempty"`
	Tries    int           `json:"tries,omitempty"`
	Until    time.Time     `json:"until,omitzero"`
	Greeting *GreetingRun  `json:"greeting,omitempty"` // while one is heard or recorded
}

// MailboxItem is one message as it is announced.
type MailboxItem struct {
	ID     string `json:"id"`
	New    bool   `json:"new,omitempty"`
	Number string `json:"number,omitempty"` // empty: withheld
}

// The states of a MailboxRun.
const (
	mbCode     = "code"     // it is asked for, and typed
	mbChecking = "checking" // AsideTold is to come
	mbCounts   = "counts"
	mbHead     = "head"
	mbMessage  = "message"
	mbMenu     = "menu"
	mbSaid     = "said" // deleted, or kept; the next one follows
	mbEnd      = "end"  // no further message: the last menu
	mbGreeting = "greeting"
	mbLast     = "last"
	mbOver     = "over"
)

func (r *MailboxRun) step(now time.Time, ev AsideEvent) []AsideCommand {
	if r.State == mbGreeting {
		out, over := r.Greeting.step(now, ev)
		if over {
			r.Greeting = nil
			return append(out, r.resume()...)
		}
		return out
	}
	switch ev := ev.(type) {
	case AsideBegin:
		switch {
		case r.State != "":
		case r.Guarded:
			return r.ask()
		default:
			return r.counts()
		}
	case AsidePlayed:
		return r.played(now)
	case AsideDigit:
		return r.digit(now, ev.Digit)
	case AsideTold:
		return r.told(ev)
	case AsideTick:
		if r.Until.IsZero() || r.Until.After(now) {
			return nil
		}
		return r.late()
	}
	return nil
}

// deadline is when something is due.
func (r *MailboxRun) deadline() time.Time {
	if r.Greeting != nil {
		return r.Greeting.Until
	}
	return r.Until
}

// late is nothing pressed in time.
func (r *MailboxRun) late() []AsideCommand {
	r.Until = time.Time{}
	if r.State == mbCode && r.Typed != "" { // without the hash key
		return r.check()
	}
	r.Tries++
	again := r.Tries <= asideTries
	switch r.State {
	case mbCode:
		if again {
			return r.ask()
		}
		return r.last()
	case mbMenu:
		if again {
			return []AsideCommand{AsidePlay{prompts("voicemail-menu")}}
		}
		return r.next(1)
	}
	return r.last()
}

// counts says how many there are.
func (r *MailboxRun) counts() []AsideCommand {
	fresh, old := 0, 0
	for _, m := range r.Messages {
		if m.New {
			fresh++
		} else {
			old++
		}
	}
	if fresh+old == 0 {
		return r.end("no-messages")
	}
	r.State = mbCounts
	sounds := prompts("you-have")
	for _, x := range []struct {
		n         int
		one, many string
	}{{fresh, "new-message", "new-messages"}, {old, "old-message", "old-messages"}} {
		if x.n == 0 {
			continue
		}
		if len(sounds) > 1 {
			sounds = append(sounds, prompts("and")...)
		}
		sounds = append(sounds, Sound{Say: SayNumber, Value: strconv.Itoa(x.n)})
		if x.n == 1 {
			sounds = append(sounds, prompts(x.one)...)
		} else {
			sounds = append(sounds, prompts(x.many)...)
		}
	}
	return []AsideCommand{AsidePlay{sounds}}
}

func (r *MailboxRun) played(now time.Time) []AsideCommand {
	switch r.State {
	case mbCounts:
		return r.head()
	case mbHead:
		r.State = mbMessage
		return []AsideCommand{AsideMessage{ID: r.Messages[r.At].ID}}
	case mbMessage:
		r.State, r.Tries = mbMenu, 0
		return []AsideCommand{AsideHeard{ID: r.Messages[r.At].ID}, AsidePlay{prompts("voicemail-menu")}}
	case mbCode, mbMenu, mbEnd:
		r.Until = now.Add(asideWait)
	case mbSaid:
		return r.next(1)
	case mbLast:
		r.State, r.Until = mbOver, time.Time{}
		return []AsideCommand{AsideOver{}}
	}
	return nil
}

func (r *MailboxRun) head() []AsideCommand {
	r.State, r.Until = mbHead, time.Time{}
	m := r.Messages[r.At]
	sounds := append(prompts("message-number"), Sound{Say: SayNumber, Value: strconv.Itoa(r.At + 1)})
	sounds = append(sounds, prompts("message-from")...)
	if m.Number == "" {
		sounds = append(sounds, prompts("unknown-caller")...)
	} else {
		sounds = append(sounds, Sound{Say: SayDigits, Value: m.Number})
	}
	return []AsideCommand{AsidePlay{sounds}}
}

func (r *MailboxRun) next(by int) []AsideCommand {
	r.At, r.Until = max(r.At+by, 0), time.Time{}
	if r.At >= len(r.Messages) {
		r.At = len(r.Messages)
		return r.end("no-more-messages")
	}
	return r.head()
}

// end is the last menu: the greetings, or to hang up.
func (r *MailboxRun) end(first ...string) []AsideCommand {
	r.State, r.Until, r.Tries = mbEnd, time.Time{}, asideTries
	return []AsideCommand{AsidePlay{prompts(append(first, "for-the-greeting", "press-0")...)}}
}

// last says goodbye.
func (r *MailboxRun) last(first ...string) []AsideCommand {
	r.State, r.Until = mbLast, time.Time{}
	return []AsideCommand{AsidePlay{prompts(append(first, "goodbye")...)}}
}

// resume goes on where the greetings were asked for.
func (r *MailboxRun) resume() []AsideCommand {
	r.Tries = 0
	if r.At >= len(r.Messages) {
		return r.end()
	}
	return r.head()
}

// digit is live in everything that is heard.
func (r *MailboxRun) digit(now time.Time, digit string) []AsideCommand {
	switch r.State {
	case mbCode:
		return r.typed(now, digit)
	case mbCounts, mbHead, mbMessage, mbMenu, mbEnd:
	default:
		return nil
	}
	if digit == "0" && r.Boxes > 0 {
		r.State, r.Until = mbGreeting, time.Time{}
		r.Greeting = &GreetingRun{Boxes: r.Boxes}
		out, _ := r.Greeting.begin()
		return append([]AsideCommand{AsideHush{}}, out...)
	}
	switch {
	case r.State == mbCounts:
		return r.head()
	case r.State == mbEnd && digit == "*" && len(r.Messages) > 0:
		return r.next(-1)
	case r.State == mbEnd:
		return nil
	}
	id := r.Messages[r.At].ID
	heard := []AsideCommand(nil)
	if r.State != mbHead {
		heard = []AsideCommand{AsideHeard{ID: id}}
	}
	r.Until = time.Time{}
	switch digit {
	case "1":
		r.State = mbMessage
		return []AsideCommand{AsideMessage{ID: id}}
	case "2":
		r.State = mbSaid
		r.Messages = append(r.Messages[:r.At:r.At], r.Messages[r.At+1:]...)
		r.At-- // the next one has its place
		return []AsideCommand{AsideDelete{ID: id}, AsidePlay{prompts("voicemail-deleted")}}
	case "3":
		r.State = mbSaid
		return append(heard, AsidePlay{prompts("voicemail-saved")})
	case "#":
		return append(heard, r.next(1)...)
	case "*":
		return append(heard, r.next(-1)...)
	}
	return nil
}
