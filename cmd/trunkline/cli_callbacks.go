package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"trunkline/api"
	"trunkline/routing"
)

// callbacksCmd shows promises to ring back, and acts on one by hand.
type callbacksCmd struct {
	where
	Action string `arg:"" optional:"" enum:"list,show,request,call,close,assign,volumes,export," default:"list" help:"list (default), show, request, call, close, assign, volumes (by day and state) or export (as CSV)."`
	ID     string `arg:"" optional:"" help:"The callback: its ID, the end of it, or the customer's number; of request: the number; of export: the file, which must not exist yet (without it the standard output)."`
	State  string `enum:"pending,answered,closed,unanswered," default:"" help:"list, volumes, export: only those in this state."`
	Event  string `help:"list, volumes, export: only those whose last event this was, such as ignored."`
	Team   string `help:"list, volumes, export: only this team's; request: whose agents are rung."`
	Agent  string `help:"list, volumes, export: only this agent's; call: who calls; assign: to whom (without it, back to the team)."`
	Reason string `help:"close: why."`
	Max    int    `default:"50" help:"list: how many of the newest (at most 1000)."`
	JSON   bool   `name:"json" help:"As JSON."`
}

// Run does what was asked.
func (c *callbacksCmd) Run(t *terminal) error {
	switch c.Action {
	case "export":
		return c.export(t)
	case "show", "call", "close", "assign":
		if c.ID == "" {
			return usageError{"which one? trunkline callbacks " + c.Action + " ID"}
		}
	case "request":
		if c.ID == "" || c.Team == "" {
			return usageError{"whom, and by whose agents? trunkline callbacks request NUMBER --team TEAM"}
		}
	}
	return c.ask(t, func(ctx context.Context, client *api.Client) error {
		switch c.Action {
		case "", "list":
			return c.list(ctx, t, client)
		case "volumes":
			return c.volumes(ctx, t, client)
		case "request":
			cb, err := client.RequestCallback(ctx, c.ID, c.Team)
			return c.told(t, cb, err)
		}
		id, err := callbackID(ctx, client, c.ID)
		if err != nil {
			return err
		}
		var cb api.Callback
		switch c.Action {
		case "call", "assign":
			cb, err = client.ActOnCallback(ctx, id, c.Action, map[string]string{"agent": c.Agent})
		case "close":
			cb, err = client.ActOnCallback(ctx, id, c.Action, map[string]string{"reason": c.Reason})
		default:
			if cb, err = client.Callback(ctx, id); err == nil && !c.JSON {
				return showCallback(t.out, cb, time.Local)
			}
		}
		return c.told(t, cb, err)
	})
}

// told shows the one that was acted on.
func (c *callbacksCmd) told(t *terminal, cb api.Callback, err error) error {
	switch {
	case err != nil:
		return err
	case c.JSON:
		return writeJSON(t.out, cb)
	}
	return showCallbacks(t, []api.Callback{cb})
}

// callbackID finds a callback's ID by the end of it, or by the customer's number: the pending one, else the newest.
func callbackID(ctx context.Context, client *api.Client, text string) (string, error) {
	if len(text) >= idLength {
		return strings.ToUpper(text), nil
	}
	all, err := client.Callbacks(ctx, url.Values{"limit": {"1000"}})
	if err != nil {
		return "", err
	}
	var byNumber, byEnd []api.Callback // newest first
	for _, cb := range all {
		switch {
		case cb.Number == text && cb.State == routing.CallbackPending:
			return string(cb.ID), nil
		case cb.Number == text:
			byNumber = append(byNumber, cb)
		case strings.HasSuffix(string(cb.ID), strings.ToUpper(text)):
			byEnd = append(byEnd, cb)
		}
	}
	switch {
	case len(byNumber) > 0:
		return string(byNumber[0].ID), nil
	case len(byEnd) == 1:
		return string(byEnd[0].ID), nil
	case len(byEnd) > 1:
		return "", fmt.Errorf("%d callbacks end in %s: give more of the ID", len(byEnd), text)
	}
	return "", fmt.Errorf("no callback among the newest 1000 is to %s, or ends in it: trunkline callbacks lists them", text)
}

// query is what list, volumes and export ask for.
func (c *callbacksCmd) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"state": c.State, "event": c.Event, "team": c.Team, "agent": c.Agent} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func (c *callbacksCmd) list(ctx context.Context, t *terminal, client *api.Client) error {
	query := c.query()
	query.Set("limit", strconv.Itoa(c.Max))
	all, err := client.Callbacks(ctx, query)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return writeJSON(t.out, all)
	case len(all) == 0:
		_, err := fmt.Fprintln(t.out, "no callbacks")
		return err
	}
	return showCallbacks(t, all)
}

func (c *callbacksCmd) volumes(ctx context.Context, t *terminal, client *api.Client) error {
	days, err := client.CallbackVolumes(ctx, c.query())
	switch {
	case err != nil:
		return err
	case c.JSON:
		return writeJSON(t.out, days)
	case len(days) == 0:
		_, err := fmt.Fprintln(t.out, "no callbacks")
		return err
	}
	rows := newTable(t.out)
	rows.row("day", "requested", "pending", "answered", "unanswered", "closed", "ignored", "calls")
	for _, d := range days {
		cells := []string{d.Day}
		for _, n := range []int{d.Requested, d.Pending, d.Answered, d.Unanswered, d.Closed, d.Ignored, d.Attempts} {
			cells = append(cells, strconv.Itoa(n))
		}
		rows.row(cells...)
	}
	return rows.end()
}

// export writes the callbacks as CSV.
func (c *callbacksCmd) export(t *terminal) error {
	return writeExport(t, c.where, c.ID, func(ctx context.Context, client *api.Client, to io.Writer) error {
		return client.ExportCallbacks(ctx, c.query(), to)
	})
}

func showCallbacks(t *terminal, all []api.Callback) error {
	rows := newTable(t.out)
	for _, c := range all {
		age := (time.Duration(c.AgeSeconds) * time.Second).String()
		rows.row(string(c.ID), string(c.State), c.Number, string(c.Team), string(c.Agent), age, string(c.Last), c.Name)
	}
	return rows.end()
}

// showCallback writes one callback in full: what happened, in order.
func showCallback(w io.Writer, c api.Callback, zone *time.Location) error {
	fmt.Fprintf(w, "Callback %s\n", c.ID)
	t := newTable(w)
	row := func(name, value string) {
		if value != "" {
			t.row(name, value)
		}
	}
	when := func(at time.Time) string { return at.In(zone).Format(time.DateTime) }
	row("number", c.Number)
	row("name", c.Name)
	row("state", string(c.State)+prefixed(", ", c.Reason))
	row("team", string(c.Team))
	row("assigned to", string(c.Agent))
	if c.State == routing.CallbackPending {
		row("offered until", when(c.Until))
	}
	for _, m := range c.Marks {
		t.row(when(m.At), strings.TrimSpace(string(m.Mark)+prefixed(" ", string(m.Agent))+prefixed(" by ", m.By)))
	}
	for _, a := range c.Attempts {
		t.row(when(a.Began), "called by "+string(a.Agent)+": "+cmp.Or(string(a.Outcome), "goes on"), a.Call)
	}
	return t.end()
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
