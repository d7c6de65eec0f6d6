package routing

import (
	"strconv"
	"time"
)

// MailboxRun lets an agent hear messages: how many there are, then each, the new ones first, with a menu after it.
type MailboxRun struct {
	Messages []MailboxItem `json:"messages,omitempty"` // new ones first
	At       int           `json:"at,omitempty"`
	State    string        `json:"state,omitempty"`
	Tries    int           `json:"tries,omitempty"`
	Until    time.Time     `json:"until,omitzero"`
}

// MailboxItem is one message as it is announced.
type MailboxItem struct {
	ID     string `json:"id"`
	New    bool   `json:"new,omitempty"`
	Number string `json:"number,omitempty"` // empty: withheld
}

// The states of a MailboxRun.
const (
	mbCounts  = "counts"
	mbHead    = "head"
	mbMessage = "message"
	mbMenu    = "menu"
	mbSaid    = "said" // deleted, or kept; the next one follows
	mbLast    = "last"
	mbOver    = "over"
)

func (r *MailboxRun) step(now time.Time, ev AsideEvent) []AsideCommand {
	switch ev := ev.(type) {
	case AsideBegin:
		if r.State == "" {
			return r.counts()
		}
	case AsidePlayed:
		return r.played(now)
	case AsideDigit:
		return r.digit(ev.Digit)
	case AsideTick:
		if r.State != mbMenu || r.Until.IsZero() || r.Until.After(now) {
			return nil
		}
		r.Until = time.Time{}
		if r.Tries++; r.Tries > asideTries {
			return r.next(1)
		}
		return []AsideCommand{AsidePlay{prompts("voicemail-menu")}}
	}
	return nil
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
		r.State = mbLast
		return []AsideCommand{AsidePlay{prompts("no-messages")}}
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
	case mbMenu:
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
		r.State = mbLast
		return []AsideCommand{AsidePlay{prompts("no-more-messages")}}
	}
	return r.head()
}

// digit is live in everything that is heard.
func (r *MailboxRun) digit(digit string) []AsideCommand {
	switch r.State {
	case mbHead, mbMessage, mbMenu:
	case mbCounts:
		return r.head()
	default:
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
