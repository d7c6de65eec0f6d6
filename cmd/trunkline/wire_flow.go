package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"trunkline/call"
	"trunkline/config"
	"trunkline/media"
	"trunkline/routing"
)

// flowWiring maps flows, and finds the prompts that they play.
type flowWiring struct {
	cfg     *config.Config
	speak   speaker // nil: texts are silent
	prompts *call.Prompts
	flowID  string // of the flow at hand
	menus   int    // of that
	err     error  // the first
}

func (w *flowWiring) flow(f config.Flow) routing.Flow {
	w.flowID, w.menus = f.ID, 0
	return routing.Flow{ID: routing.FlowID(f.ID), Answer: f.Answer, Steps: w.steps(w.cfg.StepsKey(f.ID), f.Steps)}
}

// steps maps steps; key is where they stand in the file.
func (w *flowWiring) steps(key string, in []config.Step) []routing.FlowStep {
	var out []routing.FlowStep
	for i := range in {
		out = append(out, w.step(fmt.Sprintf("%s[%d]", key, i), &in[i]))
	}
	return out
}

func (w *flowWiring) path(key string, p config.Path) routing.FlowPath {
	return routing.FlowPath{Flow: routing.FlowID(p.Flow), Steps: w.steps(key, p.Steps)}
}

func (w *flowWiring) step(key string, st *config.Step) (step routing.FlowStep) {
	switch st.Verb {
	case config.Play:
		step.Play = &routing.PlayStep{Sounds: w.sounds(key+".play", st.Play), Whole: !st.BargeIn}
	case config.Say:
		step.Play = &routing.PlayStep{Sounds: w.sounds(key+".say", config.Sounds{st.Say}), Whole: !st.BargeIn}
	case config.Menu:
		step.Menu = w.menu(key, st)
	case config.ByHours:
		h := w.cfg.HoursFor(st.Hours)
		step.Hours = &routing.HoursStep{Hours: hours(w.cfg, h), Open: w.path(key+".open", st.Open), Closed: w.path(key+".closed", st.Closed), Holiday: w.path(key+".holiday", st.Holiday)}
	case config.Set:
		step.Set = &routing.SetStep{Attributes: map[string]string{}}
		for _, a := range st.Set {
			step.Set.Attributes[a.Name] = a.Value
		}
	case config.Match:
		step.Match = &routing.MatchStep{Subject: st.Match, Otherwise: w.path(key+".otherwise", st.Otherwise)}
		for _, c := range st.Cases {
			step.Match.Cases = append(step.Match.Cases, routing.MatchCase{Values: c.Values(), Path: w.path(key+".cases."+c.Value, c.To)})
		}
	case config.Goto:
		step.Goto = routing.FlowID(st.Goto)
	case config.Queue:
		team, agent := w.target(st.Queue)
		step.Queue = &routing.QueueStep{Team: team, Agent: agent, Priority: st.Priority, MaxWait: st.MaxWait, Unanswered: w.path(key+".unanswered", st.Unanswered)}
		w.wait(key, st, step.Queue)
	case config.Callback:
		step.Callback = &routing.CallbackStep{Team: routing.TeamID(st.Callback)}
	case config.Voicemail:
		team, agent := w.target(st.Voicemail)
		step.Voicemail = &routing.VoicemailStep{Team: team, Agent: agent}
	case config.OpenMailbox:
		team, agent := w.target(st.Mailbox)
		step.Mailbox = &routing.MailboxStep{Team: team, Agent: agent}
	case config.Forward:
		step.Forward = &routing.ForwardStep{Number: st.Forward, Trunks: forwardTrunks(w.cfg, *st), CallerID: st.CallerID, Ring: st.Ring, Unanswered: w.path(key+".unanswered", st.Unanswered)}
	case config.Hangup:
		step.Hangup = &routing.HangupStep{Code: st.Hangup}
	default:
		w.fail(key, fmt.Errorf("has the verb %q, which cannot be obeyed", st.Verb))
	}
	return step
}

// fail keeps the first error, with its place; nil is none.
func (w *flowWiring) fail(key string, err error) {
	if w.err == nil && err != nil {
		w.err = w.cfg.Problem(key, err.Error())
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
func (w *flowWiring) menu(key string, st *config.Step) *routing.MenuStep {
	w.menus++
	m := &routing.MenuStep{
		ID: st.Menu[0].Prompt, Sounds: w.sounds(key+".menu", st.Menu), Invalid: w.sounds(key+".invalid", st.Invalid),
		Timeout: st.Timeout, DigitTimeout: st.DigitTimeout, Retries: st.Retries, Otherwise: w.path(key+".otherwise", st.Otherwise),
	}
	if m.ID == "" {
		m.ID = w.flowID + "-" + strconv.Itoa(w.menus)
	}
	for _, c := range st.Choices {
		m.Choices = append(m.Choices, routing.MenuChoice{Digits: c.Digits, Name: c.Label(), Path: w.path(key+".choices."+c.Digits, c.To)})
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

// sounds maps what is heard, and finds its prompts.
func (w *flowWiring) sounds(key string, all config.Sounds) []routing.Sound {
	var out []routing.Sound
	for _, s := range all {
		one := sound(s)
		switch {
		case s.Text != "":
			one.Prompt = "text:" + s.Text
			w.fail(key, w.spoken(one.Prompt, s.Text))
		case s.Prompt != "":
			w.fail(key, w.file(s.Prompt))
		}
		out = append(out, one)
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

// shipped are the shipped prompts, and those that the operator has put in their place or beside them.
func (w *flowWiring) shipped() error {
	for _, language := range media.Languages() {
		for _, name := range media.PromptNames(language) {
			if clip, ok := media.Prompt(language, name); ok {
				w.prompts.Add(language, name, clip)
			}
		}
	}
	own, err := w.cfg.OwnPrompts()
	if err != nil {
		return err
	}
	for _, p := range own {
		clip, err := readClip(p.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Path, err)
		}
		w.prompts.Add(p.Language, p.Name, clip)
	}
	return nil
}

// file reads a WAV file that a flow names, and those of the same name in folders of other languages beside it.
func (w *flowWiring) file(name string) error {
	path, isFile := w.cfg.PromptFile(name)
	if !isFile || w.prompts.Sets[w.cfg.Prompts.Language][name] != nil {
		return nil
	}
	clip, err := readClip(path)
	if err != nil {
		return err
	}
	w.prompts.Add(w.cfg.Prompts.Language, name, clip)
	for language := range w.prompts.Sets {
		other := filepath.Join(filepath.Dir(path), language, filepath.Base(path))
		if clip, err := readClip(other); err == nil {
			w.prompts.Add(language, name, clip)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", other, err)
		}
	}
	return nil
}

// spoken is a text that is spoken, once.
func (w *flowWiring) spoken(name, text string) error {
	switch {
	case w.prompts.Sets[w.cfg.Prompts.Language][name] != nil || w.err != nil:
		return nil
	case w.speak == nil:
		w.prompts.Add(w.cfg.Prompts.Language, name, new(media.Clip))
		return nil
	}
	clip, err := w.speak(text)
	if err != nil {
		return err
	}
	w.prompts.Add(w.cfg.Prompts.Language, name, clip)
	return nil
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
