package main

import (
	"cmp"
	"fmt"
	"time"

	"trunkline/api"
	"trunkline/config"
	"trunkline/routing"
)

// whenCmd says which way a flow, or hours, go at a time.
type whenCmd struct {
	file
	Flow string `arg:"" help:"A flow, or the name of hours."`
	Time string `arg:"" optional:"" help:"18:30, '2026-12-24 18:30' (in the configuration's time zone, or with one: '2026-12-24 18:30 Europe/Dublin') or RFC 3339 (default: now)."`
	From string `placeholder:"NUMBER" help:"The caller's number (default: anonymous)."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run answers from the file alone.
func (c *whenCmd) Run(t *terminal) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	at, err := parseTime(c.Time, cfg.Location(), time.Now())
	if err != nil {
		return err
	}
	flow := cfg.Flow(c.Flow)
	if flow == nil {
		h := cfg.HoursFor(config.HoursOf{Name: c.Flow})
		if h == nil {
			return fmt.Errorf("there is no flow and there are no hours %q", c.Flow)
		}
		of := hours(cfg, h)
		_, err := fmt.Fprintf(t.out, "hours %s: %s\n", c.Flow, openText(&of, at))
		return err
	}
	e := api.Explanation{Flow: flow.ID, From: c.From, At: at, Answer: answered(flow), Steps: []api.ExplainedStep{}, Trunks: []api.ExplainTrunk{}}
	x := newExplainer(cfg, api.Question{At: at}, routing.FlowCaller{Number: c.From}, nil, &e)
	if e.End, err = x.whole(flow); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(t.out, e)
	}
	table := newTable(t.out)
	table.row("flow", e.Flow)
	table.row("from", cmp.Or(e.From, "anonymous"))
	table.row("at", at.Format("Monday 2006-01-02 15:04:05 MST"))
	table.row("answered", e.Answer)
	if err := table.end(); err != nil {
		return err
	}
	fmt.Fprintln(t.out)
	showSteps(t.out, e)
	_, err = fmt.Fprintf(t.out, "\nend: %s\n", e.End)
	return err
}
