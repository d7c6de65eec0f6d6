package routing

import (
	"slices"
	"strings"
	"time"
)

// menuMark is a menu that a caller went through, the flow it is in, and the steps after it.
type menuMark struct {
	Flow FlowID     `json:"flow,omitempty"`
	Menu *MenuStep  `json:"menu"`
	Rest []FlowStep `json:"rest,omitempty"`
}

// mostBefore is how many menus back leads through.
const mostBefore = 16

// ask begins a menu. What was typed ahead is taken first; a menu that is answered so is not heard.
func (f *FlowRun) ask(now time.Time, out []FlowCommand, m *MenuStep) []FlowCommand {
	f.Menu, f.Tries, f.State, f.Until = m, 0, FlowChoosing, time.Time{}
	if f.Digits != "" && f.ends(now, f.Digits[:1]) {
		f.Digits = f.Digits[1:]
	}
	if f.Digits != "" {
		return f.choose(now, out, false)
	}
	return f.prompt(now, out, m.Sounds)
}

// prompt plays what the menu says.
func (f *FlowRun) prompt(now time.Time, out []FlowCommand, sounds []Sound) []FlowCommand {
	f.State, f.Until = FlowAsking, time.Time{}
	return append(out, f.sounds(now, sounds))
}

// digit keeps a digit, stops the prompt that may be stopped, and chooses.
func (f *FlowRun) digit(now time.Time, digit string) []FlowCommand {
	if f.ends(now, digit) {
		return nil
	}
	switch f.State {
	case FlowWaiting:
		return f.pressed(now, digit)
	case FlowPlaying, FlowAsking, FlowChoosing:
	default:
		return nil
	}
	if len(digit) != 1 || !strings.Contains("0123456789*#ABCD", digit) || len(f.Digits) >= MostDigits {
		return nil
	}
	f.Hops = 0
	f.Digits += digit
	switch {
	case f.State == FlowPlaying && f.Whole:
		return nil
	case f.State == FlowPlaying:
		return f.advance(now, []FlowCommand{FlowStopPlay{}})
	case f.State == FlowAsking:
		f.State = FlowChoosing
		return f.choose(now, []FlowCommand{FlowStopPlay{}}, false)
	}
	return f.choose(now, nil, false)
}

// ends says whether a digit is the # that people press after several digits, of a choice that was taken without it: it is
// neither the next menu's, unless that asks for one, nor the queue's exit key.
func (f *FlowRun) ends(now time.Time, digit string) bool {
	just := now.Before(f.Ends)
	f.Ends = time.Time{}
	if f.State == FlowAsking || f.State == FlowChoosing {
		exact, longer := f.Menu.like("#")
		just = just && exact == nil && !longer
	}
	return just && digit == "#"
}

// chooseLate is the end of the time for a digit.
func (f *FlowRun) chooseLate(now time.Time) []FlowCommand {
	f.Until = time.Time{}
	if f.Digits != "" {
		return f.choose(now, nil, true)
	}
	return f.again(now, nil, nil)
}

// choose takes the choice that the digits begin with; whole: no further digit comes. Digits beyond it are kept for the
// next menu.
func (f *FlowRun) choose(now time.Time, out []FlowCommand, whole bool) []FlowCommand {
	c, used, wait := f.Menu.find(f.Digits, whole)
	switch {
	case wait:
		f.State, f.Until = FlowChoosing, now.Add(f.Menu.DigitTimeout)
		return out
	case c == nil:
		f.Digits = "" // what was typed after a mistake was meant for another menu
		return f.again(now, out, f.Menu.Invalid)
	}
	f.Digits = f.Digits[used:]
	f.Until, f.Ends = time.Time{}, time.Time{}
	if len(c.Digits) > 1 && used == len(c.Digits) {
		f.Ends = now.Add(f.Menu.DigitTimeout)
	}
	choice := Choice{Menu: f.Menu.ID, Digits: c.Digits, Name: c.Name}
	if f.Chosen = append(slices.Clip(f.Chosen), choice); len(f.Chosen) > MostChosen {
		f.Chosen = slices.Clone(f.Chosen[1:])
	}
	out = append(out, FlowChose{Choice: choice, Flow: f.Flow})
	menu := menuMark{Flow: f.Flow, Menu: f.Menu, Rest: f.Rest}
	switch c.Path.Flow {
	case PathRepeat:
		return f.ask(now, out, f.Menu)
	case PathBack:
		if n := len(f.Before); n > 0 {
			menu, f.Before = f.Before[n-1], f.Before[:n-1]
		}
		if f.Rest = menu.Rest; f.Flow != menu.Flow {
			f.Flow = menu.Flow
			out = append(out, FlowEntered{Flow: menu.Flow})
		}
		return f.ask(now, out, menu.Menu)
	}
	f.Before = append(slices.Clip(f.Before), menu)
	if n := len(f.Before); n > mostBefore {
		f.Before = f.Before[n-mostBefore:]
	}
	return f.follow(now, out, c.Path)
}

// find is the choice that digits begin with and how many digits it took; wait: a further digit may decide. A # ends digits
// that could go on, unless it is a choice's own.
func (m *MenuStep) find(digits string, whole bool) (c *MenuChoice, used int, wait bool) {
	for n := 1; n <= len(digits); n++ {
		exact, longer := m.like(digits[:n])
		if exact != nil {
			c, used = exact, n
		}
		switch {
		case longer:
		case exact == nil && c != nil && digits[n-1] == '#' && used == n-1:
			return c, n, false
		default:
			return c, used, false
		}
	}
	return c, used, !whole
}

// like is the choice of exactly these digits, and whether there are some that go on.
func (m *MenuStep) like(digits string) (exact *MenuChoice, longer bool) {
	for i := range m.Choices {
		switch c := &m.Choices[i]; {
		case c.Digits == digits:
			exact = c
		case strings.HasPrefix(c.Digits, digits):
			longer = true
		}
	}
	return exact, longer
}

// again is a try that came to nothing: the menu once more, after what is said of it, or what follows the last one.
func (f *FlowRun) again(now time.Time, out []FlowCommand, said []Sound) []FlowCommand {
	if f.Tries++; f.Tries > f.Menu.Retries {
		return f.follow(now, out, f.Menu.Otherwise)
	}
	return f.prompt(now, out, slices.Concat(said, f.Menu.Sounds))
}

// menuAhead tells whether nothing but prompts and attributes stands between here and a menu.
func (f *FlowRun) menuAhead() bool {
	rest := f.Rest
	for hops := 0; len(rest) > 0 && hops < MostHops; {
		switch step := rest[0]; {
		case step.Menu != nil:
			return true
		case step.Play != nil, step.Set != nil:
			rest = rest[1:]
		case step.Goto != "":
			hops++
			rest = f.Flows[step.Goto].Steps
		default:
			return false
		}
	}
	return false
}
