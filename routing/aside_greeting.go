package routing

import (
	"strconv"
	"time"
)

// GreetingRun lets who may hear a box hear and record its greeting. What was recorded counts once it is accepted; hanging up
// drops it.
type GreetingRun struct {
	Boxes int       `json:"boxes"` // to choose from; the first is the own one
	Box   int       `json:"box,omitempty"`
	State string    `json:"state,omitempty"`
	Tries int       `json:"tries,omitempty"`
	Heard bool      `json:"heard,omitempty"` // in grMenu and grReview: a greeting is heard, not what can be done
	Until time.Time `json:"until,omitzero"`
}

// The states of a GreetingRun.
const (
	grChoosing  = "choosing" // whose greeting
	grMenu      = "menu"
	grIntro     = "intro" // what to do is said; the tone and the recording follow
	grRecording = "recording"
	grStopping  = "stopping" // AsideStopped is to come
	grReview    = "review"
	grTelling   = "telling" // AsideTold is to come
)

// begin is the first thing that is heard.
func (r *GreetingRun) begin() (out []AsideCommand, over bool) {
	if r.Boxes > 1 {
		return r.choose()
	}
	return r.menu()
}

func (r *GreetingRun) choose() ([]AsideCommand, bool) {
	r.State, r.Until = grChoosing, time.Time{}
	sounds := prompts("for-your-greeting", "press-1")
	for i := 1; i < min(r.Boxes, 9); i++ {
		sounds = append(sounds, prompts("for-a-teams-greeting")...)
		if r.Boxes > 2 {
			sounds = append(sounds, Sound{Say: SayNumber, Value: strconv.Itoa(i)})
		}
		sounds = append(sounds, prompts("press-"+strconv.Itoa(i+1))...)
	}
	return []AsideCommand{AsidePlay{append(sounds, prompts("to-go-back", "press-star")...)}}, false
}

func (r *GreetingRun) menu(first ...string) ([]AsideCommand, bool) {
	r.State, r.Until, r.Heard = grMenu, time.Time{}, false
	return []AsideCommand{AsidePlay{prompts(append(first, "greeting-menu")...)}}, false
}

func (r *GreetingRun) review() ([]AsideCommand, bool) {
	r.State, r.Until, r.Heard = grReview, time.Time{}, false
	return []AsideCommand{AsidePlay{prompts("greeting-review")}}, false
}

// step takes in what happened; over: the mailbox goes on.
func (r *GreetingRun) step(now time.Time, ev AsideEvent) (out []AsideCommand, over bool) {
	switch ev := ev.(type) {
	case AsidePlayed:
		return r.played(now)
	case AsideDigit:
		return r.digit(now, ev.Digit)
	case AsideSilent:
		return r.stop()
	case AsideStopped:
		return r.stopped(ev.Short)
	case AsideFailed:
		if r.State == grRecording || r.State == grStopping || r.State == grReview {
			out, _ = r.menu("voicemail-failed")
			return append([]AsideCommand{AsideDrop{}}, out...), false
		}
	case AsideTold:
		switch {
		case r.State != grTelling:
		case ev.OK:
			return r.menu("greeting-saved")
		default:
			return r.menu("voicemail-failed")
		}
	case AsideTick:
		if r.Until.IsZero() || r.Until.After(now) {
			return nil, false
		}
		return r.late()
	}
	return nil, false
}

func (r *GreetingRun) played(now time.Time) ([]AsideCommand, bool) {
	switch r.State {
	case grIntro:
		return r.record(now)
	case grMenu:
		if r.Heard {
			return r.menu()
		}
		r.Until = now.Add(asideWait)
	case grReview:
		if r.Heard {
			return r.review()
		}
		r.Until = now.Add(asideWait)
	case grChoosing:
		r.Until = now.Add(asideWait)
	}
	return nil, false
}

// late is nothing pressed in time; a greeting is not left unaccepted without a word.
func (r *GreetingRun) late() ([]AsideCommand, bool) {
	r.Until = time.Time{}
	if r.State == grRecording {
		return r.stop()
	}
	if r.Tries++; r.Tries <= asideTries {
		switch r.State {
		case grChoosing:
			return r.choose()
		case grReview:
			return r.review()
		}
		return r.menu()
	}
	if r.State == grReview {
		return []AsideCommand{AsideDrop{}}, true
	}
	return nil, true
}

func (r *GreetingRun) digit(now time.Time, digit string) ([]AsideCommand, bool) {
	r.Tries = 0
	hush := []AsideCommand{AsideHush{}}
	switch r.State {
	case grChoosing:
		n, err := strconv.Atoi(digit)
		switch {
		case digit == "*":
			return hush, true
		case err == nil && n >= 1 && n <= min(r.Boxes, 9):
			r.Box = n - 1
			return r.menu()
		}
	case grMenu:
		return r.pressed(digit)
	case grIntro:
		if digit == "#" {
			out, over := r.record(now)
			return append(hush, out...), over
		}
	case grRecording:
		if digit == "#" {
			return r.stop()
		}
	case grReview:
		return r.judged(now, digit)
	}
	return nil, false
}

// pressed is a key in the menu.
func (r *GreetingRun) pressed(digit string) ([]AsideCommand, bool) {
	switch digit {
	case "1":
		return r.intro()
	case "2":
		r.Until, r.Heard = time.Time{}, true
		return []AsideCommand{AsideGreeting{Box: r.Box}}, false
	case "3":
		r.State, r.Until = grTelling, time.Time{}
		return []AsideCommand{AsideHush{}, AsideStandard{Box: r.Box}}, false
	case "*":
		if r.Boxes > 1 {
			return r.choose()
		}
		return []AsideCommand{AsideHush{}}, true
	}
	return nil, false
}

// judged is a key after a recording.
func (r *GreetingRun) judged(now time.Time, digit string) ([]AsideCommand, bool) {
	switch digit {
	case "1":
		r.Until, r.Heard = time.Time{}, true
		return []AsideCommand{AsideReplay{}}, false
	case "2":
		out, over := r.record(now)
		return append([]AsideCommand{AsideHush{}, AsideDrop{}}, out...), over
	case "3", "#":
		r.State, r.Until = grTelling, time.Time{}
		return []AsideCommand{AsideHush{}, AsideAccept{Box: r.Box}}, false
	case "*":
		out, over := r.menu()
		return append([]AsideCommand{AsideDrop{}}, out...), over
	}
	return nil, false
}

func (r *GreetingRun) intro(first ...string) ([]AsideCommand, bool) {
	r.State, r.Until = grIntro, time.Time{}
	return []AsideCommand{AsidePlay{prompts(append(first, "greeting-record")...)}}, false
}

// mostGreeting is the longest greeting.
const mostGreeting = 2 * time.Minute

func (r *GreetingRun) record(now time.Time) ([]AsideCommand, bool) {
	r.State, r.Until, r.Heard = grRecording, now.Add(mostGreeting), false
	return []AsideCommand{AsideRecord{}}, false
}

func (r *GreetingRun) stop() ([]AsideCommand, bool) {
	if r.State != grRecording {
		return nil, false
	}
	r.State, r.Until = grStopping, time.Time{}
	return []AsideCommand{AsideStop{}}, false
}

func (r *GreetingRun) stopped(short bool) ([]AsideCommand, bool) {
	switch {
	case r.State != grStopping:
		return nil, false
	case !short:
		return r.review()
	}
	out, over := r.intro("voicemail-too-short")
	if r.Tries++; r.Tries > asideTries {
		r.Tries = 0
		out, over = r.menu("voicemail-too-short")
	}
	return append([]AsideCommand{AsideDrop{}}, out...), over
}
