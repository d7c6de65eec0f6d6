package call

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/routing"
)

// Keys are what agents press during a call; an empty one is off.
type Keys struct {
	Pause, Transfer, Ask, Swap, Merge, Complete, Cancel, Hold string
}

// Codes are what agents dial; an empty one is off.
type Codes struct {
	Active, Away, WrapUp, Pickup, Reclaim, Echo, Voicemail string

	Listen, Whisper, Barge string // of supervisors, with an agent's extension behind them
}

// all lists those that are on.
func (k Keys) all() []string {
	all := []string{k.Pause, k.Transfer, k.Ask, k.Swap, k.Merge, k.Complete, k.Cancel, k.Hold}
	return slices.DeleteFunc(all, func(text string) bool { return text == "" })
}

// known says whether a text is a key.
func (k Keys) known(text string) bool { return slices.Contains(k.all(), text) }

// begin says whether a text is the beginning of a key.
func (k Keys) begin(text string) bool {
	return slices.ContainsFunc(k.all(), func(one string) bool { return strings.HasPrefix(one, text) })
}

// typing is a key, or the number behind it, while an agent types it.
type typing struct {
	line  *line
	text  string
	verb  Verb // Transfer: text is the destination; "": text is the key itself
	ask   bool
	until time.Time // no further digit by then: it is whole
}

// Between the digits of a number (RFC 3435's default inter-digit time), and of a
// key: media.Session.Codes keeps them from the customer as long.
const (
	betweenDigits = 4 * time.Second
	betweenKeys   = 2 * time.Second
)

// heedKeys has the digits of keys kept from the customer where they are keys.
func (s *Switchboard) heedKeys(c *liveCall) {
	for _, l := range c.up() {
		heeds := heedsNone
		switch {
		case l.role != roleAgent:
		case l == c.far:
			heeds = heedsNumbers
		default:
			heeds = heedsKeys
		}
		if l.session == nil || l.heeds == heeds {
			continue
		}
		switch l.heeds = heeds; heeds {
		case heedsNone:
			l.session.Codes(nil, nil)
		case heedsKeys:
			l.session.Codes(s.setup.Keys.all(), nil)
		case heedsNumbers:
			l.session.Codes(s.setup.Keys.all(), []string{s.setup.Keys.Transfer, s.setup.Keys.Ask})
		}
	}
}

// heeds is what is kept from others of what a phone types.
type heeds uint8

const (
	heedsNone    heeds = iota
	heedsKeys          // keys alone: the call is not this agent's
	heedsNumbers       // also the number behind one
)

// pressed is a digit of a phone. During the call only those of agents count;
// the customer's never (product §5), before it they are for the flow.
func (s *Switchboard) pressed(l *line, digit rune) {
	c := l.call
	if c.watch != nil {
		s.watchKey(c, digit)
		return
	}
	if l == c.caller && c.aside != nil {
		s.asideStep(c, routing.AsideDigit{Digit: string(digit)})
		return
	}
	if l == c.caller && c.far == nil && c.answered && c.out == nil && !c.service {
		s.flow(c, routing.FlowDigit{Digit: string(digit)})
		return
	}
	if l.role != roleAgent || l.state != lineUp || c.far == nil || !c.answered || !slices.Contains(c.up(), l) {
		return
	}
	if c.typing == nil || c.typing.line != l {
		c.typing = &typing{line: l}
	}
	t := c.typing
	t.until = s.now.Add(betweenKeys)
	if t.verb != "" {
		t.until = s.now.Add(betweenDigits)
	}
	switch {
	case t.verb == "":
		t.text += string(digit)
		s.key(c, t)
	case digit == '#':
		s.typed(c)
	case digit == '*':
		c.typing = nil
		l.session.Play(media.Refusal(), 0)
	case len(t.text) < maxTyped:
		t.text += string(digit)
	}
}

// maxTyped is the longest number that is collected: E.164 with a prefix.
const maxTyped = 20

// key acts on a key that is whole, and forgets what is the beginning of none.
func (s *Switchboard) key(c *liveCall, t *typing) {
	k := s.setup.Keys
	one := func(text string) bool { return text != "" && text == t.text }
	var err error
	switch mine := t.line == c.far; {
	case !mine && !one(k.Hold) && k.known(t.text):
		err = fmt.Errorf("%w: the call is not this agent's", ErrNotNow)
	case one(k.Transfer), one(k.Ask):
		t.verb, t.ask, t.text, t.until = Transfer, one(k.Ask), "", s.now.Add(betweenDigits)
		t.line.session.Play(media.Beep(), 0)
		return
	case one(k.Pause) && c.paused:
		err = s.unpause(c, string(t.line.agent))
	case one(k.Pause):
		err = s.pause(c, string(t.line.agent), Order{})
	case one(k.Hold):
		t.line.holding = !t.line.holding
		s.arrange(c)
	case one(k.Swap):
		err = s.steer(c, Swap)
	case one(k.Merge):
		err = s.steer(c, Merge)
	case one(k.Complete):
		err = s.steer(c, Complete)
	case one(k.Cancel):
		err = s.steer(c, Cancel)
	case k.begin(t.text):
		return // not whole yet
	}
	c.typing = nil
	if last := len(t.text) - 1; last > 0 && !k.known(t.text) { // it may begin another
		again := *t
		again.text = again.text[last:]
		c.typing = &again
		s.key(c, &again)
		return
	}
	s.sorry(t.line, err)
}

// typed transfers to the number that is whole.
func (s *Switchboard) typed(c *liveCall) {
	t := c.typing
	c.typing = nil
	if t.verb == "" {
		return
	}
	err := s.beginTransfer(c, t.line, s.destination(t.text), t.ask)
	if err == nil && c.transfer != nil {
		c.transfer.keyed = true
	}
	s.sorry(t.line, err)
}

// sorry lets an agent hear that a key could not be obeyed.
func (s *Switchboard) sorry(l *line, err error) {
	if err == nil {
		return
	}
	s.log.Info("a key was not obeyed", "call", l.call.id, "agent", l.agent, "err", err)
	l.session.Play(media.Refusal(), 0)
}
