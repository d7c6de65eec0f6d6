package main

import (
	"fmt"
	"strconv"
	"time"

	"trunkline/config"
	"trunkline/media"
	"trunkline/routing"
)

// flowWiring maps flows, and reads the prompts that they play.
type flowWiring struct {
	cfg     *config.Config
	prompts map[string]*media.Clip
	menus   int   // of the flow at hand
	err     error // the first
}

func (w *flowWiring) flow(f config.Flow) routing.Flow {
	w.menus = 0
	return routing.Flow{ID: routing.FlowID(f.ID), Answer: f.Answer, Steps: w.steps(f.ID, f.Steps)}
}

func (w *flowWiring) steps(flow string, in []config.Step) []routing.FlowStep {
	var out []routing.FlowStep
	for i := range in {
		out = append(out, w.step(flow, &in[i]))
	}
	return out
}

func (w *flowWiring) path(flow string, p config.Path) routing.FlowPath {
	return routing.FlowPath{Flow: routing.FlowID(p.Flow), Steps: w.steps(flow, p.Steps)}
}

func (w *flowWiring) step(flow string, st *config.Step) (step routing.FlowStep) {
	switch st.Verb {
	case config.Play:
		step.Play = &routing.PlayStep{Sounds: w.sounds(st.Play), Whole: !st.BargeIn}
	case config.Say:
		step.Play = &routing.PlayStep{Sounds: w.sounds(config.Sounds{st.Say}), Whole: !st.BargeIn}
	case config.Menu:
		step.Menu = w.menu(flow, st)
	case config.ByHours:
		h := w.cfg.HoursFor(st.Hours)
		step.Hours = &routing.HoursStep{Hours: hours(w.cfg, h), Open: w.path(flow, st.Open), Closed: w.path(flow, st.Closed), Holiday: w.path(flow, st.Holiday)}
	case config.Set:
		step.Set = &routing.SetStep{Attributes: map[string]string{}}
		for _, a := range st.Set {
			step.Set.Attributes[a.Name] = a.Value
		}
	case config.Match:
		step.Match = &routing.MatchStep{Subject: st.Match, Otherwise: w.path(flow, st.Otherwise)}
		for _, c := range st.Cases {
			step.Match.Cases = append(step.Match.Cases, routing.MatchCase{Values: c.Values(), Path: w.path(flow, c.To)})
		}
	case config.Goto:
		step.Goto = routing.FlowID(st.Goto)
	case config.Queue:
		team, agent := w.target(st.Queue)
		step.Queue = &routing.QueueStep{Team: team, Agent: agent, Priority: st.Priority, MaxWait: st.MaxWait, Unanswered: w.path(flow, st.Unanswered)}
	case config.Forward:
		step.Forward = &routing.ForwardStep{Number: st.Forward, Trunks: forwardTrunks(w.cfg, *st), CallerID: st.CallerID}
	case config.Hangup:
		step.Hangup = &routing.HangupStep{Code: st.Hangup}
	default:
		w.fail(fmt.Errorf("a flow's step has the verb %q, which cannot be obeyed", st.Verb))
	}
	return step
}

func (w *flowWiring) fail(err error) {
	if w.err == nil { // of nil nothing is told
		w.err = err
	}
}

// target is the team or the agent of that name; they share one namespace.
func (w *flowWiring) target(name string) (routing.TeamID, routing.AgentID) {
	if w.cfg.Team(name) == nil {
		return "", routing.AgentID(name)
	}
	return routing.TeamID(name), ""
}

// menu maps a menu. Its choices are kept under the name of what is heard first, and under the flow's and a number where
// that has none.
func (w *flowWiring) menu(flow string, st *config.Step) *routing.MenuStep {
	w.menus++
	m := &routing.MenuStep{
		ID: st.Menu[0].Prompt, Sounds: w.sounds(st.Menu), Invalid: w.sounds(st.Invalid),
		Timeout: st.Timeout, DigitTimeout: st.DigitTimeout, Retries: st.Retries, Otherwise: w.path(flow, st.Otherwise),
	}
	if m.ID == "" {
		m.ID = flow + "-" + strconv.Itoa(w.menus)
	}
	for _, c := range st.Choices {
		m.Choices = append(m.Choices, routing.MenuChoice{Digits: c.Digits, Name: c.Label(), Path: w.path(flow, c.To)})
	}
	if st.Extensions {
		for _, a := range w.cfg.Agents {
			if a.Extension == "" {
				continue
			}
			to := routing.FlowStep{Queue: &routing.QueueStep{Agent: routing.AgentID(a.ID), MaxWait: extensionWait}}
			m.Choices = append(m.Choices, routing.MenuChoice{Digits: a.Extension, Name: a.Name, Path: routing.FlowPath{Steps: []routing.FlowStep{to}}})
		}
	}
	return m
}

// extensionWait is how long the caller waits for the agent whose extension was chosen, before the step after the menu.
const extensionWait = time.Minute

func hours(c *config.Config, h *config.Hours) routing.Hours {
	out := routing.Hours{Zone: routing.Zone{Location: h.Location(c)}}
	for _, w := range h.Week {
		for _, d := range w.On() {
			out.Week[d] = spans(w.Spans)
		}
	}
	for _, s := range h.Special {
		out.Days = append(out.Days, special(s.On(), s.Spans))
	}
	for _, d := range h.Holidays {
		out.Days = append(out.Days, special(d, nil))
	}
	return out
}

func special(d config.Days, all config.Spans) routing.Special {
	date := func(d config.Day) routing.Date {
		return routing.Date{Year: d.Year, Month: time.Month(d.Month), Day: d.Day}
	}
	return routing.Special{From: date(d.From), To: date(d.To), Spans: spans(all)}
}

func spans(all config.Spans) []routing.Opening {
	out := make([]routing.Opening, len(all))
	for i, s := range all {
		out[i] = routing.Opening{From: s.From, To: s.To}
	}
	return out
}

// sounds maps what is heard, and reads its prompts.
func (w *flowWiring) sounds(all config.Sounds) []routing.Sound {
	var out []routing.Sound
	for _, s := range all {
		if s.Prompt != "" {
			w.fail(readPrompt(w.cfg, s.Prompt, w.prompts))
		}
		out = append(out, sound(s))
	}
	return out
}

func sound(s config.Sound) routing.Sound {
	switch {
	case s.Number != "":
		return routing.Sound{Say: routing.SayNumber, Value: s.Number}
	case s.Digits != "":
		return routing.Sound{Say: routing.SayDigits, Value: s.Digits}
	case s.Time != "":
		return routing.Sound{Say: routing.SayTime, Value: s.Time}
	case s.Date != "":
		return routing.Sound{Say: routing.SayDate, Value: s.Date}
	}
	return routing.Sound{Prompt: s.Prompt}
}

// forwardTrunks are the step's own, else those of dial.
func forwardTrunks(c *config.Config, st config.Step) []string {
	if len(st.Trunks) > 0 {
		return st.Trunks
	}
	return dialTrunks(c)
}

// dialTrunks are those of dial, else all.
func dialTrunks(c *config.Config) []string {
	if len(c.Dial.Trunks) > 0 {
		return c.Dial.Trunks
	}
	var all []string
	for _, t := range c.Trunks {
		all = append(all, t.ID)
	}
	return all
}

// readPrompt finds a shipped prompt, or reads a WAV file beside the configuration.
func readPrompt(c *config.Config, name string, prompts map[string]*media.Clip) error {
	if prompts[name] != nil {
		return nil
	}
	clip, ok := media.Prompt(name)
	if !ok {
		var err error
		if clip, err = readClip(c.Resolve(name)); err != nil {
			return fmt.Errorf("prompt %s: %w", name, err)
		}
	}
	prompts[name] = clip
	return nil
}
