package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/api"
	"trunkline/config"
	"trunkline/routing"
)

// explainer walks a flow as a call would take it at a moment: hours and matches are decided, menus are shown with all
// their choices, or taken as what is pressed says.
type explainer struct {
	cfg   *config.Config
	order teamOrder
	e     *api.Explanation

	at     time.Time
	run    routing.FlowRun // who calls, and what the flow has set
	press  string          // what is still to be pressed
	choose bool            // something is pressed at all
	seen   map[string]bool // flows that were shown
}

func newExplainer(cfg *config.Config, q api.Question, who routing.FlowCaller, order teamOrder, e *api.Explanation) *explainer {
	return &explainer{
		cfg: cfg, order: order, e: e, at: q.At, press: q.Press, choose: q.Press != "", seen: map[string]bool{},
		run: routing.StartFlow(routing.Flow{}, nil, who),
	}
}

// answered says when the carrier's call is answered.
func answered(f *config.Flow) string {
	switch {
	case f.Answer == "early":
		return "at once"
	case f.Answer == "late":
		return "when an agent or a forward answers; the caller hears ringing until then"
	}
	for i, s := range f.Steps {
		switch s.Verb {
		case config.Set:
			continue
		case config.Forward:
			return "when the forward answers"
		case config.Hangup:
			return "never"
		case config.ByHours, config.Match, config.Goto:
			return "by the first step that sounds"
		}
		return fmt.Sprintf("by step %d", i+1)
	}
	return "never"
}

// whole explains a flow and says what becomes of the call.
func (x *explainer) whole(f *config.Flow) (end string, err error) {
	x.seen[f.ID] = true
	end, _, err = x.steps(f.Steps, 0)
	return end, err
}

const endOfFlow = "hung up at the end of the flow"

// steps explains steps; on: the step after them follows.
func (x *explainer) steps(all []config.Step, depth int) (end string, on bool, err error) {
	end, on = endOfFlow, true
	for i := range all {
		was := end
		if end, on, err = x.step(&all[i], depth); err != nil || !on {
			return end, on, err
		}
		if end == "" {
			end = was
		}
	}
	return end, on, nil
}

// step explains one step. end is what becomes of the call if nothing follows; "": what was said before.
func (x *explainer) step(s *config.Step, depth int) (end string, on bool, err error) {
	switch s.Verb {
	case config.Play:
		x.add(depth, "play "+soundsText(s.Play))
		return endOfFlow, true, nil
	case config.Say:
		x.add(depth, "say "+soundsText(config.Sounds{s.Say}))
		return endOfFlow, true, nil
	case config.Set:
		return "", true, x.set(s, depth)
	case config.Goto:
		return x.path(config.Path{Flow: s.Goto}, depth, "go to")
	case config.Match:
		return x.match(s, depth)
	case config.ByHours:
		return x.hours(s, depth)
	case config.Menu:
		return x.menu(s, depth)
	case config.Queue:
		end, err = x.queue(s, depth)
		return end, s.GoesOn(), err
	case config.Callback:
		x.add(depth, "offer a callback by "+s.Callback)
	case config.Voicemail:
		x.add(depth, "take a message for "+s.Voicemail)
	case config.OpenMailbox:
		x.add(depth, "play the messages of "+s.Mailbox+", once its pin is typed")
	case config.Forward:
		return x.forward(s, depth)
	case config.Hangup:
		x.add(depth, fmt.Sprintf("hang up (%d if not answered yet)", s.Hangup))
		return "hung up by the flow", false, nil
	}
	return "", true, nil
}

// path explains where a step leads; words say how.
func (x *explainer) path(p config.Path, depth int, words string) (end string, on bool, err error) {
	toFlow := words
	if words != "go to" && !strings.HasSuffix(words, ",") {
		toFlow += ":"
	}
	switch f := x.cfg.Flow(p.Flow); {
	case p.None():
		return "", true, nil
	case p.Flow == config.Back || p.Flow == config.Repeat:
		x.add(depth, words+": "+map[string]string{config.Back: "the menu before", config.Repeat: "this menu again"}[p.Flow])
		return "as the caller chooses", false, nil
	case f == nil:
		x.add(depth, words+":")
		return x.steps(p.Steps, depth+1)
	case x.seen[p.Flow]:
		x.add(depth, toFlow+" flow "+p.Flow+", see above")
		return "goes on with flow " + p.Flow, false, nil
	default:
		x.add(depth, toFlow+" flow "+p.Flow+":")
		x.seen[p.Flow] = true
		end, _, err = x.steps(f.Steps, depth+1)
		return end, false, err
	}
}

func (x *explainer) set(s *config.Step, depth int) error {
	given := map[string]string{}
	var texts []string
	for _, a := range s.Set {
		given[a.Name] = a.Value
		texts = append(texts, a.Name+" = "+a.Value)
	}
	x.run.Set(x.at, given)
	x.add(depth, "set "+strings.Join(texts, ", "))
	return nil
}

// match takes the case that fits. Nobody is looked up: the caller is a number without a contact.
func (x *explainer) match(s *config.Step, depth int) (end string, on bool, err error) {
	m := routing.MatchStep{Subject: s.Match}
	for _, c := range s.Cases {
		m.Cases = append(m.Cases, routing.MatchCase{Values: c.Values(), Path: routing.FlowPath{Flow: routing.FlowID(c.Value)}})
	}
	value := x.run.Attribute(s.Match)
	if value == "" {
		value = map[bool]string{true: "withheld", false: "empty"}[s.Match == "caller"]
	}
	taken := string(x.run.Match(&m).Flow)
	i := slices.IndexFunc(s.Cases, func(c config.Case) bool { return c.Value == taken })
	if i < 0 {
		x.add(depth, fmt.Sprintf("match %s, which is %s: no case fits", s.Match, value))
		return x.path(s.Otherwise, depth, "otherwise")
	}
	x.add(depth, fmt.Sprintf("match %s, which is %s: case %s", s.Match, value, taken))
	return x.path(s.Cases[i].To, depth, "then")
}

func (x *explainer) hours(s *config.Step, depth int) (end string, on bool, err error) {
	h := hours(x.cfg, x.cfg.HoursFor(s.Hours))
	open, holiday := h.Open(x.at)
	name := s.Hours.Name
	if name == "" {
		name = "on the spot"
	}
	x.add(depth, fmt.Sprintf("hours %s: %s", name, openText(&h, x.at)))
	switch {
	case open:
		return x.path(s.Open, depth, "open")
	case holiday && !s.Holiday.None():
		return x.path(s.Holiday, depth, "holiday")
	}
	return x.path(s.Closed, depth, "closed")
}

// openText says whether somebody is there, and until when.
func openText(h *routing.Hours, at time.Time) string {
	open, holiday := h.Open(at)
	text := "closed"
	switch {
	case open:
		text = "open"
	case holiday:
		text = "closed for a holiday"
	}
	zone := h.Zone.Location
	text = at.In(zone).Format("Monday 15:04 MST, ") + text
	last := at.AddDate(0, 0, 60)
	for from := at; from.Before(last); from = from.AddDate(0, 0, 7) { // Next looks a week ahead
		if next := h.Next(from); !next.IsZero() {
			if next.Before(last) {
				text += " until " + next.In(zone).Format("Monday 2006-01-02 15:04 MST")
			}
			break
		}
	}
	return text
}

// menu shows every choice, or takes the one that is pressed.
func (x *explainer) menu(s *config.Step, depth int) (end string, on bool, err error) {
	x.add(depth, fmt.Sprintf("menu %s; %s for a digit, %s", soundsText(s.Menu), short(s.Timeout), tries(s.Retries)))
	var pressed *config.Choice
	for i, c := range s.Choices { // the longest that fits is what was meant
		if strings.HasPrefix(x.press, c.Digits) && (pressed == nil || len(c.Digits) > len(pressed.Digits)) {
			pressed = &s.Choices[i]
		}
	}
	if x.extension(s, pressed, depth) {
		return endOfFlow, true, nil
	}
	if pressed != nil {
		x.press = x.press[len(pressed.Digits):]
		return x.path(pressed.To, depth, choiceText(*pressed))
	}
	if x.choose {
		words := "nothing else is pressed"
		if x.press != "" {
			words, x.press = "press "+x.press+", which is no choice", ""
		}
		return x.path(s.Otherwise, depth, words)
	}
	for _, c := range s.Choices {
		_, goes, err := x.path(c.To, depth, choiceText(c))
		if on = on || goes; err != nil {
			return "", on, err
		}
	}
	if s.Extensions {
		x.add(depth, "an agent's extension: wait for that agent")
		on = true
	}
	_, goes, err := x.path(s.Otherwise, depth, "nothing chosen")
	return "as the caller chooses", on || goes, err
}

func choiceText(c config.Choice) string {
	text := "press " + c.Digits
	if c.Name != "" {
		text += " (" + c.Name + ")"
	}
	return text
}

func soundsText(all config.Sounds) string {
	var texts []string
	for _, s := range all {
		switch {
		case s.Text != "":
			texts = append(texts, fmt.Sprintf("%q", s.Text))
		case s.Prompt != "":
			texts = append(texts, s.Prompt)
		default:
			one := sound(s)
			texts = append(texts, fmt.Sprintf("%s %s", one.Say, one.Value))
		}
	}
	return strings.Join(texts, ", ")
}

func shown(s config.Step) string {
	if s.CallerID == "caller" {
		return "the caller's number"
	}
	return "the trunk's number, and the caller in Diversion"
}

func (x *explainer) add(depth int, step string) *api.ExplainedStep {
	x.e.Steps = append(x.e.Steps, api.ExplainedStep{Depth: depth, Step: step})
	return &x.e.Steps[len(x.e.Steps)-1]
}

// queue explains a wait, its team's order, and what follows the wait.
func (x *explainer) queue(s *config.Step, depth int) (end string, err error) {
	text := "wait for " + s.Queue
	if s.Priority != 0 {
		text += fmt.Sprintf(" with priority %d", s.Priority)
	}
	if s.MaxWait > 0 {
		text += ", at most " + short(s.MaxWait)
	}
	if team := x.cfg.Team(s.Queue); team != nil {
		text += fmt.Sprintf("; one agent at a time rings for %s", short(team.Ring))
	}
	step := x.add(depth, text)
	if x.cfg.Team(s.Queue) != nil && x.order != nil {
		step.Team = s.Queue
		order, err := x.order(s.Queue)
		if err != nil {
			return "", err
		}
		for i, c := range order.Considered {
			step.Agents = append(step.Agents, explained(order, i, c))
		}
	}
	if err := x.waiting(s, depth); err != nil {
		return "", err
	}
	if s.MaxWait == 0 {
		return "waits until an agent takes the call or the caller gives up", nil
	}
	end, on, err := x.path(s.Unanswered, depth, "after "+short(s.MaxWait)+" without an agent"+comma(s.Unanswered))
	if on {
		return "hung up after " + short(s.MaxWait) + " without an agent", err
	}
	return end, err
}

// comma parts a flow's name from what stands before it.
func comma(p config.Path) string {
	if p.Flow != "" {
		return ","
	}
	return ""
}

func tries(n int) string {
	if n == 1 {
		return "1 more try"
	}
	return fmt.Sprintf("%d more tries", n)
}
