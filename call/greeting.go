package call

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/routing"
)

// PIN opens a box from elsewhere than its agents' phones. It never prints.
type PIN struct{ digits string }

// NewPIN keeps digits as a PIN; none: the box does not open.
func NewPIN(digits string) PIN { return PIN{digits} }

// Set says whether there is one.
func (p PIN) Set() bool { return p.digits != "" }

// LogValue, Format and MarshalText are ****.
func (p PIN) LogValue() slog.Value         { return slog.StringValue("****") }
func (p PIN) Format(f fmt.State, _ rune)   { fmt.Fprint(f, "****") }
func (p PIN) MarshalText() ([]byte, error) { return []byte("****"), nil }

func (p PIN) is(digits string) bool {
	return p.Set() && subtle.ConstantTimeCompare([]byte(p.digits), []byte(digits)) == 1
}

// A box that so many wrong codes in a row were typed for, in however many calls, takes none for a time.
const (
	mostWrong   = 9
	closedAfter = 15 * time.Minute
)

// WrongCodes are the wrong codes in a row that were typed for a box, as the journal keeps them: a restart gives nobody
// further tries. Neither Count nor Until: the right one was typed.
type WrongCodes struct {
	Box   Box       `json:"box"`
	Count int       `json:"count"`
	Until time.Time `json:"until,omitzero"` // closed until then; zero, or over: it is not
}

func (WrongCodes) entry() {}

// boxCode judges a code that was typed.
func (s *Switchboard) boxCode(c *liveCall, code string) {
	box := c.aside.guarded
	w := s.wrong[box]
	switch {
	case s.now.Before(w.Until):
		s.asideStep(c, routing.AsideTold{Closed: true})
		return
	case s.setup.Voicemail.PINs[box].is(code):
		if w != (WrongCodes{}) {
			delete(s.wrong, box)
			s.append(WrongCodes{Box: box})
		}
		s.fillBox(c)
		s.asideStep(c, routing.AsideTold{OK: true})
		return
	}
	w = WrongCodes{Box: box, Count: w.Count + 1}
	closes := w.Count >= mostWrong
	if closes {
		w.Count, w.Until = 0, s.now.Add(closedAfter)
		s.log.Warn("a voicemail box is closed to other phones: too many wrong codes", "call", c.id, "team", box.Team, "agent", box.Agent)
		s.callFact(c, Fact{Kind: FactVoicemailClosed, Team: box.Team, Agent: box.Agent, Until: w.Until})
	}
	s.wrong[box] = w
	s.append(w)
	s.asideStep(c, routing.AsideTold{Closed: closes})
}

// greetingPrompt is what a box's recorded greeting is called among prompts.
const greetingPrompt = "greeting:"

// shippedGreeting is what callers of a box without one of its own hear.
const shippedGreeting = "voicemail-greeting"

// greeting is the name of what callers of a box hear; "": the shipped one.
func (s *Switchboard) greeting(box Box) string {
	if s.greetings[box] != nil {
		return greetingPrompt + box.String()
	}
	return s.setup.Voicemail.Greetings[box]
}

// recordedGreeting is the clip of such a name; nil: it is the name of none.
func (s *Switchboard) recordedGreeting(name string) *media.Clip {
	id, is := strings.CutPrefix(name, greetingPrompt)
	if !is {
		return nil
	}
	if clip := s.greetings[Box{Agent: routing.AgentID(id)}]; clip != nil {
		return clip
	}
	return s.greetings[Box{Team: routing.TeamID(id)}]
}

// playGreeting lets who hears a box hear what its callers do.
func (s *Switchboard) playGreeting(c *liveCall, box Box) {
	name := cmp.Or(s.greeting(box), shippedGreeting)
	clips, _ := s.clips(c, []routing.Sound{{Prompt: name}}, c.flow.Attribute("language"))
	s.asidePlays(c, media.Join(clips...))
}

// acceptGreeting makes what was recorded a box's greeting, once it is on disk.
func (s *Switchboard) acceptGreeting(c *liveCall) {
	t := c.aside.take
	if t == nil || !t.sealed || t.accepts == nil {
		return
	}
	box, from := *t.accepts, t.path
	t.accepts = nil
	s.changeGreeting(c, box, from)
}

// changeGreeting has the file of a box's greeting written, or removed where from is empty: beside the loop.
func (s *Switchboard) changeGreeting(c *liveCall, box Box, from string) {
	if s.hands.Voice.Greet == nil {
		s.asideStep(c, routing.AsideTold{})
		return
	}
	a := c.aside
	s.hands.Voice.Greet(box, from, func(clip *media.Clip, err error) {
		s.box.post(letter{order: func(time.Time) {
			s.handling = c
			fact := Fact{Reason: "by phone"}
			if c.out != nil {
				fact.By = c.out.agent
			}
			s.callFact(c, s.greetingChanged(box, clip, err, fact))
			if !c.ended && c.aside == a {
				s.dropTaking(c)
				s.asideStep(c, routing.AsideTold{OK: err == nil})
			}
		}})
	})
}
