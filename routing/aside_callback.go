package routing

import "time"

// CallbackRun asks a caller whether, and at which number, to be rung back: their own, or one that they type; it is asked for
// once they have confirmed it by a key.
type CallbackRun struct {
	Caller string    `json:"caller,omitempty"` // E.164; empty: withheld, or none that could be called
	Number string    `json:"number,omitempty"` // to be confirmed
	Typed  string    `json:"typed,omitempty"`
	State  string    `json:"state,omitempty"`
	Tries  int       `json:"tries,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

// The states of a CallbackRun: asking whether Number is right, typing another, waiting for what the house says, a last word.
const (
	cbAsking  = "asking"
	cbTyping  = "typing"
	cbTelling = "telling"
	cbLast    = "last"
	cbOver    = "over"
)

const mostTyped = 20

func (r *CallbackRun) step(now time.Time, ev AsideEvent) []AsideCommand {
	switch ev := ev.(type) {
	case AsideBegin:
		if r.State != "" {
			return nil
		}
		if r.Caller == "" {
			return r.typeIn(prompts("callback-offer", "callback-enter-number"))
		}
		return r.ask(r.Caller, prompts("callback-offer"))
	case AsidePlayed:
		switch r.State {
		case cbLast:
			return r.over()
		case cbAsking, cbTyping:
			r.Until = now.Add(asideWait)
		}
	case AsideTick:
		if r.Until.IsZero() || r.Until.After(now) {
			return nil
		}
		return r.late()
	case AsideDigit:
		return r.digit(now, ev.Digit)
	case AsideTold:
		if r.State != cbTelling {
			return nil
		}
		if ev.OK {
			r.State = cbLast
			return []AsideCommand{AsidePlay{prompts("callback-confirmed")}}
		}
		if r.Tries++; r.Tries > asideTries {
			r.State = cbLast
			return []AsideCommand{AsidePlay{prompts("callback-not-possible")}}
		}
		return r.typeIn(prompts("callback-not-possible", "callback-enter-number"))
	}
	return nil
}

func (r *CallbackRun) ask(number string, first []Sound) []AsideCommand {
	r.State, r.Number, r.Until = cbAsking, number, time.Time{}
	sounds := append(first, prompts("callback-number")...)
	sounds = append(sounds, Sound{Say: SayDigits, Value: number})
	sounds = append(sounds, prompts("to-confirm", "press-1", "callback-other-number", "press-2", "to-cancel", "press-star")...)
	return []AsideCommand{AsidePlay{sounds}}
}

func (r *CallbackRun) typeIn(sounds []Sound) []AsideCommand {
	r.State, r.Typed, r.Until = cbTyping, "", time.Time{}
	return []AsideCommand{AsidePlay{sounds}}
}

// late is nothing pressed in time; what was typed by then counts.
func (r *CallbackRun) late() []AsideCommand {
	r.Until = time.Time{}
	switch {
	case r.State == cbTyping && r.Typed != "":
		return r.ask(r.Typed, nil)
	case r.Tries >= asideTries:
		return r.over()
	}
	r.Tries++
	if r.State == cbTyping {
		return r.typeIn(prompts("callback-enter-number"))
	}
	return r.ask(r.Number, nil)
}

func (r *CallbackRun) digit(now time.Time, digit string) []AsideCommand {
	switch {
	case r.State == cbAsking && digit == "1":
		r.State, r.Until = cbTelling, time.Time{}
		return []AsideCommand{AsideHush{}, AsidePromise{Number: r.Number}}
	case r.State == cbAsking && digit == "2":
		return r.typeIn(prompts("callback-enter-number"))
	case r.State == cbAsking && digit == "*":
		return append([]AsideCommand{AsideHush{}}, r.over()...)
	case r.State != cbTyping:
		return nil
	case digit == "*" && r.Typed == "": // the plus of a number abroad
		r.Typed = "+"
	case digit == "*":
		return r.typeIn(prompts("callback-enter-number"))
	case digit == "#" && r.Typed != "":
		return r.ask(r.Typed, nil)
	case digit != "#" && len(r.Typed) < mostTyped:
		r.Typed += digit
	}
	r.Until = now.Add(asideWait)
	return []AsideCommand{AsideHush{}}
}

func (r *CallbackRun) over() []AsideCommand {
	r.State, r.Until = cbOver, time.Time{}
	return []AsideCommand{AsideOver{}}
}
