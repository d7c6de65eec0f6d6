package main

import (
	"fmt"
	"strings"

	"trunkline/config"
)

// waiting shows what a queue does for who waits there, and the ways out of it that are not its longest wait.
func (x *explainer) waiting(s *config.Step, depth int) error {
	for _, line := range []string{said(s.Announce), asked(s), keptFor(s.Sticky), offered(s)} {
		if line != "" {
			x.add(depth+1, line)
		}
	}
	if len(s.Music) > 0 {
		x.add(depth+1, "music: "+strings.Join(s.Music, ", "))
	}
	for _, r := range s.Relax {
		x.add(depth+1, fmt.Sprintf("after %s asks for %s", short(r.After), levels(r.Skills)))
	}
	for _, o := range s.Overflow {
		x.add(depth+1, fmt.Sprintf("after %s agents of %s are rung too", short(o.After), strings.Join(o.Teams, " and ")))
	}
	return x.aside(s, depth+1)
}

// aside explains the ways out: keys, too many callers, nobody there.
func (x *explainer) aside(s *config.Step, depth int) error {
	for _, e := range s.Exit {
		if _, _, err := x.path(e.To, depth, "press "+e.Digit+" while waiting"); err != nil {
			return err
		}
	}
	if s.MaxQueue > 0 {
		words := fmt.Sprintf("when %d wait already", s.MaxQueue)
		switch {
		case !s.Full.None():
			if _, _, err := x.path(s.Full, depth, words); err != nil {
				return err
			}
		default:
			x.add(depth, words+": as unanswered")
		}
	}
	switch to, led := s.NobodyPath(); {
	case !led:
	case s.Nobody.Flow == config.NobodyUnanswered:
		x.add(depth, "while nobody of the team is there: as unanswered")
	default:
		_, _, err := x.path(to, depth, "while nobody of the team is there")
		return err
	}
	return nil
}

func said(a config.Announce) string {
	var what []string
	if a.Position {
		what = append(what, "their place")
	}
	if a.Wait {
		what = append(what, "the wait")
	}
	if len(a.Prompts) > 0 {
		what = append(what, soundsText(a.Prompts))
	}
	if len(what) == 0 {
		return ""
	}
	return fmt.Sprintf("says %s after %s, then every %s", strings.Join(what, ", "), short(a.First), short(a.Every))
}

func asked(s *config.Step) string {
	if len(s.Skills) == 0 {
		return ""
	}
	return "asks for " + levels(s.Skills)
}

func levels(all config.Skills) string {
	var texts []string
	for _, one := range all {
		texts = append(texts, fmt.Sprintf("%s %d", one.Skill, one.Level))
	}
	return strings.Join(texts, ", ")
}

func keptFor(s config.Sticky) string {
	if s.Wait == 0 {
		return ""
	}
	return fmt.Sprintf("kept %s for the agent whom the caller spoke with within %s", short(s.Wait), short(s.Within))
}

func offered(s *config.Step) string {
	o := s.CallbackOffer
	if o.Key == "" {
		return ""
	}
	var when []string
	if o.After > 0 {
		when = append(when, "after "+short(o.After))
	}
	if o.Position > 0 {
		when = append(when, fmt.Sprintf("from place %d on", o.Position))
	}
	if len(when) == 0 {
		when = []string{"at once"}
	}
	team := o.Team
	if team == "" {
		team = s.Queue
	}
	return fmt.Sprintf("offers a callback by %s %s, with key %s", team, strings.Join(when, " or "), o.Key)
}

// forward explains a forward and where it goes on when nobody takes it.
func (x *explainer) forward(s *config.Step, depth int) (end string, on bool, err error) {
	x.add(depth, fmt.Sprintf("forward to %s over %s for at most %s, showing %s", s.Forward, strings.Join(forwardTrunks(x.cfg, *s), ", then "), short(s.Ring), shown(*s)))
	if s.Unanswered.None() {
		return "as the forward ends; if nobody takes it, the flow goes on, and at its end the call is refused or hung up", true, nil
	}
	return x.path(s.Unanswered, depth, "if nobody takes it"+comma(s.Unanswered))
}

// extension takes an agent's extension out of what is pressed, unless a choice is longer.
func (x *explainer) extension(s *config.Step, choice *config.Choice, depth int) bool {
	if !s.Extensions {
		return false
	}
	for _, a := range x.cfg.Agents {
		if choice != nil && len(choice.Digits) >= len(a.Extension) {
			continue
		}
		if a.Extension != "" && strings.HasPrefix(x.press, a.Extension) {
			x.press = x.press[len(a.Extension):]
			x.add(depth, fmt.Sprintf("press %s: wait for %s, at most %s", a.Extension, a.ID, short(extensionWait)))
			return true
		}
	}
	return false
}
