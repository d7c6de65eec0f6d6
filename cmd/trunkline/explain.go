package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/config"
	"trunkline/desk"
	"trunkline/routing"
)

// explainCmd says where a call would go, in or out.
type explainCmd struct {
	file
	Number string `arg:"" optional:"" help:"The number that the world dials, in any way of writing; the same as --to."`
	To     string `xor:"what" placeholder:"NUMBER" help:"The number that the world dials."`
	Dial   string `xor:"what" placeholder:"NUMBER" help:"What an agent dials: a number, an agent, an extension, a code."`
	Press  string `placeholder:"DIGITS" help:"What the caller presses in menus; without it every choice is shown."`

	Agent string `placeholder:"NAME" help:"With --dial: who dials it."`
	From  string `placeholder:"NUMBER" help:"The caller's number (default: anonymous)."`
	At    string `placeholder:"TIME" help:"When: 18:30, '2026-12-24 18:30' (in the configuration's time zone) or RFC 3339 (default: now)."`
	Live  bool   `help:"Ask the running switch, which knows who is there. Without it the file alone answers, and every agent is supposed active with a phone."`
	JSON  bool   `name:"json" help:"As JSON."`
}

// Run explains from the file, or asks the running switch.
func (c *explainCmd) Run(t *terminal) error {
	switch {
	case c.Number != "" && c.To+c.Dial != "":
		return usageError{"a number is named twice: leave --to and --dial out"}
	case c.Number+c.To+c.Dial == "":
		return usageError{"names no number: trunkline explain NUMBER, or --dial NUMBER for what an agent dials"}
	}
	cfg, err := c.read()
	if err != nil {
		return err
	}
	if c.Dial != "" {
		d, err := explainDial(cfg, c.Dial, c.Agent)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(t.out, d)
		}
		return showDialling(t.out, d)
	}
	q := api.Question{To: cmp.Or(c.To, c.Number), From: c.From, Press: c.Press}
	if q.At, err = parseTime(c.At, cfg.Location(), time.Now()); err != nil {
		return err
	}
	var e api.Explanation
	if c.Live {
		err = where{DataDir: cfg.Data()}.ask(t, func(ctx context.Context, client *api.Client) error {
			if c.At != "" {
				return usageError{"--live asks what is now: leave --at out"}
			}
			q.At = time.Time{}
			e, err = client.Explain(ctx, q)
			return err
		})
	} else {
		e, err = explain(cfg, q, supposed(cfg, q.At))
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(t.out, e)
	}
	return showExplanation(t.out, cfg, e)
}

// parseTime reads --at; a time without a date is of today.
func parseTime(text string, zone *time.Location, now time.Time) (time.Time, error) {
	if text == "" {
		return now.In(zone), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.In(zone), nil
	}
	if i := strings.LastIndexByte(text, ' '); i > 0 && strings.Contains(text[i:], "/") { // 2026-12-25 09:00 Europe/Dublin
		if other, err := time.LoadLocation(text[i+1:]); err == nil {
			text, zone = text[:i], other
		}
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			today := now.In(zone)
			return time.Date(today.Year(), today.Month(), today.Day(), at.Hour(), at.Minute(), at.Second(), 0, zone), nil
		}
	}
	return time.Time{}, usageError{fmt.Sprintf("%q is no time: write 18:30, '2026-12-24 18:30' or 2026-12-24T18:30:00+01:00", text)}
}

// teamOrder says whom a team's next call would be offered to.
type teamOrder func(team string) (routing.Explanation, error)

// supposed asks a router of its own in which every agent is active with a phone.
func supposed(cfg *config.Config, at time.Time) teamOrder {
	rc := routerConfig(cfg)
	router := routing.New(rc)
	for _, a := range rc.Agents {
		router.Step(at, routing.PhonesChanged{Agent: a.ID, Phones: []routing.PhoneID{"supposed"}})
	}
	return func(team string) (routing.Explanation, error) {
		return router.ExplainTeam(at, routing.TeamID(team)), nil
	}
}

// explainLive asks the running switchboard, which knows who is there.
func explainLive(ctx context.Context, cfg *config.Config, board *call.Switchboard, q api.Question) (api.Explanation, error) {
	q.At = time.Now().In(cfg.Location())
	e, err := explain(cfg, q, func(team string) (routing.Explanation, error) {
		return board.ExplainTeam(ctx, routing.TeamID(team))
	})
	e.Live = true
	return e, err
}

// explain follows a call through the configuration; order tells of the teams.
func explain(cfg *config.Config, q api.Question, order teamOrder) (api.Explanation, error) {
	to, _ := desk.Parse(q.To, cfg.Country, desk.FormatAuto)
	if to == "" {
		return api.Explanation{}, &api.Error{What: fmt.Sprintf("%q is not a phone number", q.To), Cure: "write digits, such as +14155550100"}
	}
	from := desk.Anonymous
	if q.From != "" {
		if from, _ = desk.Parse(q.From, cfg.Country, desk.FormatAuto); from == "" && !strings.EqualFold(q.From, "anonymous") {
			return api.Explanation{}, &api.Error{What: fmt.Sprintf("%q is not a phone number", q.From), Cure: "write digits, such as +14155550111, or anonymous"}
		}
	}
	e := api.Explanation{To: to.String(), From: from.String(), At: q.At, Trunks: []api.ExplainTrunk{}, Steps: []api.ExplainedStep{}}
	for _, t := range cfg.Trunks {
		e.Trunks = append(e.Trunks, api.ExplainTrunk{ID: t.ID, From: addresses(t)})
	}
	n := cfg.Number(to.String())
	if n == nil {
		e.End = "404 Not Found: the number is not under numbers:"
		return e, nil
	}
	flow := cfg.Flow(n.Flow)
	e.Flow, e.Answer = flow.ID, answered(flow)
	who := routing.FlowCaller{Number: from.String(), Called: to.String()}
	if from == desk.Anonymous {
		who.Number = ""
	}
	x := newExplainer(cfg, q, who, order, &e)
	end, err := x.whole(flow)
	e.End = end
	return e, err
}

// addresses says what a trunk is known by.
func addresses(t config.Trunk) string {
	if len(t.AcceptFrom) == 0 {
		return "the addresses of " + t.Host
	}
	texts := make([]string, len(t.AcceptFrom))
	for i, p := range t.AcceptFrom {
		texts[i] = network(p)
	}
	return strings.Join(texts, ", ")
}

func network(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// explained is why an agent has a place, or has none.
func explained(order routing.Explanation, i int, c routing.Considered) api.ExplainedAgent {
	a := api.ExplainedAgent{Place: c.Place, ID: string(c.Agent)}
	if c.Place == 0 {
		var why []string
		for _, x := range c.Excluded {
			why = append(why, x.Text)
		}
		a.Why = "not now: " + strings.Join(why, "; ")
		return a
	}
	last := "never assigned a call"
	if !c.Last.IsZero() {
		last = "last assigned at " + c.Last.In(order.At.Location()).Format(time.TimeOnly)
	}
	a.Why = fmt.Sprintf("%s open, limit %d, %s", count(c.Open, "call"), c.Limit, last)
	if i == 0 && order.TieBreak != "" {
		a.Why = order.TieBreak
	}
	return a
}

// showExplanation writes an explanation for people.
func showExplanation(w io.Writer, cfg *config.Config, e api.Explanation) error {
	t := newTable(w)
	t.row("to", e.To)
	t.row("from", origin(e.From, ""))
	t.row("at", e.At.In(cfg.Location()).Format("Monday 2006-01-02 15:04:05 MST"))
	for _, trunk := range e.Trunks {
		t.row("trunk", trunk.ID+", if it comes from "+trunk.From)
	}
	if len(e.Trunks) == 0 {
		t.row("trunk", "none: there is no trunk that a call could come over")
	}
	if e.Flow != "" {
		t.row("flow", e.Flow)
		t.row("answered", e.Answer)
	}
	if err := t.end(); err != nil {
		return err
	}
	if e.Flow != "" {
		fmt.Fprintln(w)
	}
	showSteps(w, e)
	fmt.Fprintf(w, "\nend: %s\n", e.End)
	if !e.Live && len(e.Steps) > 0 {
		_, err := fmt.Fprintln(w, "(supposing every agent is active with a phone; --live asks the running switch)")
		return err
	}
	return nil
}

// showSteps writes the steps, each with the agents it would ring.
func showSteps(w io.Writer, e api.Explanation) {
	for i, s := range e.Steps {
		indent := strings.Repeat("   ", s.Depth)
		fmt.Fprintf(w, "%3d. %s%s\n", i+1, indent, s.Step)
		for _, a := range s.Agents {
			place := "  -"
			if a.Place > 0 {
				place = fmt.Sprintf("%3d", a.Place)
			}
			fmt.Fprintf(w, "     %s%s %s: %s\n", indent, place, a.ID, a.Why)
		}
	}
}
