package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"trunkline/api"
)

// callbacksCmd shows promises to ring back, and acts on one by hand.
type callbacksCmd struct {
	where
	Action string `arg:"" optional:"" enum:"list,show,request,call,close,assign," default:"list" help:"list (default), show, request, call, close or assign."`
	ID     string `arg:"" optional:"" help:"The callback; of request: the number."`
	State  string `enum:"pending,answered,closed,unanswered," default:"" help:"list: only those in this state."`
	Event  string `help:"list: only those whose last event this was, such as ignored."`
	Team   string `help:"list: only this team's; request: whose agents are rung."`
	Agent  string `help:"list: only this agent's; call: who calls; assign: to whom (without it, back to the team)."`
	Reason string `help:"close: why."`
	Max    int    `default:"50" help:"list: how many of the newest (at most 1000)."`
	JSON   bool   `name:"json" help:"As JSON."`
}

// Run does what was asked.
func (c *callbacksCmd) Run(t *terminal) error {
	if c.Action != "list" && c.Action != "" && c.ID == "" {
		return usageError{"which one? trunkline callbacks " + c.Action + " ID"}
	}
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		var cb api.Callback
		var err error
		switch c.Action {
		case "show":
			cb, err = client.Callback(ctx, c.ID)
		case "request":
			cb, err = client.RequestCallback(ctx, c.ID, c.Team)
		case "call", "assign":
			cb, err = client.ActOnCallback(ctx, c.ID, c.Action, map[string]string{"agent": c.Agent})
		case "close":
			cb, err = client.ActOnCallback(ctx, c.ID, c.Action, map[string]string{"reason": c.Reason})
		default:
			return c.list(ctx, t, client)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(t.out, cb)
		}
		return showCallbacks(t, []api.Callback{cb})
	})
}

func (c *callbacksCmd) list(ctx context.Context, t *terminal, client *api.Client) error {
	query := url.Values{"limit": {strconv.Itoa(c.Max)}}
	for name, value := range map[string]string{"state": c.State, "event": c.Event, "team": c.Team, "agent": c.Agent} {
		if value != "" {
			query.Set(name, value)
		}
	}
	all, err := client.Callbacks(ctx, query)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(t.out, all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(t.out, "no callbacks")
		return err
	}
	return showCallbacks(t, all)
}

func showCallbacks(t *terminal, all []api.Callback) error {
	rows := newTable(t.out)
	for _, c := range all {
		age := (time.Duration(c.AgeSeconds) * time.Second).String()
		rows.row(string(c.ID), string(c.State), c.Number, string(c.Team), string(c.Agent), age, string(c.Last), c.Name)
	}
	return rows.end()
}
