package routing

import (
	"fmt"
	"strings"
)

// look is the commands of a story that ask the router something.
func (s *story) look(verb string, args []string) bool {
	switch verb {
	case "show":
		s.show(args[0])
	case "explain":
		e, ok := s.router.Explain(s.now, WorkID(args[0]))
		if !ok {
			s.say("no work %s", args[0])
			return true
		}
		s.explanation(e)
	case "explain-team":
		s.explanation(s.router.ExplainTeam(s.now, TeamID(args[0])))
	case "recall":
		e, err := Recall(s.first, New(s.first).Snapshot(), s.events, s.offer(args))
		if err != nil {
			s.Fatal(err)
		}
		s.explanation(e)
	default:
		return false
	}
	return true
}

func (s *story) show(what string) {
	switch what {
	case "teams":
		for _, t := range s.router.Teams() {
			text := fmt.Sprintf("%s: %d waiting, %d present, %d ready", t.ID, t.Waiting, t.Present, t.Ready)
			if t.Closed {
				text += ", closed"
			}
			if t.Confidence > 0 {
				text += fmt.Sprintf(", about %v (%d%%)", t.Wait, t.Confidence)
			}
			s.say("%s", text)
		}
	case "agents":
		for _, a := range s.router.Agents(s.now) {
			text := fmt.Sprintf("%s: %s", a.ID, a.Status)
			if a.Reason != "" {
				text += ", " + a.Reason
			}
			if !a.Until.IsZero() {
				text += " until " + clockText(a.Until)
			}
			text += fmt.Sprintf("; %d of %d calls", len(a.Open), a.Limit)
			if a.Available {
				text += "; available"
			} else {
				text += "; " + a.Why
			}
			s.say("%s", text)
		}
	case "waiting":
		for _, w := range s.router.Waiting(s.now) {
			if w.Offer != 0 {
				s.say("%s rings at %s until %s", w.Work, w.Agent, clockText(w.Until))
			} else {
				s.say("%d. %s of %s since %s, retry %s", w.Position, w.Work, w.Team, clockText(w.Since), clockText(w.RetryAt))
			}
		}
	case "open":
		for _, h := range s.router.Open() {
			s.say("%s has %s, offer %d", h.Agent, h.Work, h.Offer)
		}
	}
}

func (s *story) explanation(e Explanation) {
	now := s.now
	defer func() { s.now = now }()
	s.now = e.At
	s.say("%s", e.Summary)
	if e.Ahead > 0 {
		s.say("  %d ahead", e.Ahead)
	}
	for _, c := range e.Considered {
		switch {
		case c.Place > 0:
			s.say("  %d. %s: %d of %d calls, last %s", c.Place, c.Agent, c.Open, c.Limit, clockText(c.Last))
		default:
			for _, x := range c.Excluded {
				s.say("  not %s: %s [%s]", c.Agent, x.Text, x.Rule)
			}
		}
	}
}

// inWords says a command as a line of a story.
func inWords(c Command) string {
	switch c := c.(type) {
	case Ring:
		phones := make([]string, len(c.Phones))
		for i, p := range c.Phones {
			phones[i] = string(p)
		}
		return fmt.Sprintf("ring %d: %s at %s on %s", c.Offer, c.Work, c.Agent, strings.Join(phones, ", "))
	case Cancel:
		return fmt.Sprintf("cancel %d on %s: %s", c.Offer, c.Phone, c.Why)
	case Connect:
		return fmt.Sprintf("connect %d: %s with %s on %s", c.Offer, c.Work, c.Agent, c.Phone)
	case Drop:
		return fmt.Sprintf("drop %d on %s: %s", c.Offer, c.Phone, c.Why)
	case OfferRang:
		return fmt.Sprintf("offer %d rings until %s", c.Offer, clockText(c.Until))
	case OfferEnded:
		text := fmt.Sprintf("offer %d of %s at %s: %s", c.Offer, c.Work, c.Agent, c.Outcome)
		if c.Rang.IsZero() {
			return text + ", did not ring"
		}
		return text + fmt.Sprintf(", rang %v", c.At.Sub(c.Rang))
	case StatusChanged:
		text := fmt.Sprintf("%s is %s", c.Agent, c.Status)
		if c.Reason != "" {
			text += ", " + c.Reason
		}
		if !c.Until.IsZero() {
			text += ", until " + clockText(c.Until)
		}
		return text
	case Stranded:
		if c.Target != "" {
			return fmt.Sprintf("stranded: %s, for agent %s", c.Work, c.Target)
		}
		return fmt.Sprintf("stranded: %s, of team %s", c.Work, c.Team)
	case Expired:
		return fmt.Sprintf("expired: %s", c.Work)
	case Placed:
		text := fmt.Sprintf("%s is at place %d of %s", c.Work, c.Place, c.Team)
		if c.Confidence > 0 {
			text += fmt.Sprintf(", about %v, which would have held for %d%%", c.Wait, c.Confidence)
		}
		return text
	case Deserted:
		return fmt.Sprintf("nobody of %s is there", c.Team)
	}
	return fmt.Sprintf("%#v", c)
}
