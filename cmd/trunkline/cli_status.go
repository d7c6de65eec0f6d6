package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"trunkline/api"
)

// writeJSON writes v for programs.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table writes rows in columns, indented.
type table struct {
	tabs *tabwriter.Writer
	err  error
}

func newTable(w io.Writer) *table { return &table{tabs: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (t *table) row(cells ...string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.tabs, "  "+strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
}

func (t *table) end() error {
	if t.err != nil {
		return t.err
	}
	return t.tabs.Flush()
}

// showStatus writes the switch's picture for people.
func showStatus(w io.Writer, s api.Status) error {
	state := "up " + short(s.At.Sub(s.Started))
	if s.Draining {
		state = "STOPPING, takes no new calls, " + state
	}
	fmt.Fprintf(w, "trunkline %s, %s, %s, configuration %s\n", s.Version, state, count(len(s.Calls), "call"), s.Config)
	fmt.Fprintf(w, "since its start: %s, %d refused", count(int(s.Counts.Calls), "call"), s.Counts.Refused)
	if s.Counts.Faults > 0 || s.Counts.Mismatches > 0 {
		fmt.Fprintf(w, ", DEFECTS: %d faults, %d mismatches (see the log)", s.Counts.Faults, s.Counts.Mismatches)
	}
	fmt.Fprintln(w)
	for _, part := range []struct {
		title string
		rows  func(*table)
		n     int
		none  string
	}{
		{"Trunks", func(t *table) { trunkRows(t, s) }, len(s.Trunks), "none: add one under trunks:"},
		{"Agents", func(t *table) { agentRows(t, s) }, len(s.Agents), "none: add one under agents:"},
		{"Queues", func(t *table) { queueRows(t, s) }, len(s.Queues), "none: add a team under teams:"},
		{"Calls", func(t *table) { callRows(t, s) }, len(s.Calls), "none"},
	} {
		fmt.Fprintf(w, "\n%s\n", part.title)
		t := newTable(w)
		if part.n == 0 {
			t.row(part.none)
		} else {
			part.rows(t)
		}
		if err := t.end(); err != nil {
			return err
		}
	}
	return showBans(w, s)
}

// showBans is a part of the status when there is something to see.
func showBans(w io.Writer, s api.Status) error {
	if len(s.Bans) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nBanned\n")
	t := newTable(w)
	for _, b := range s.Bans {
		who := b.Source
		if b.User != "" {
			who += " as " + b.User
		}
		t.row(who, b.Rule, "until "+b.Until.Local().Format(time.TimeOnly), count(int(b.Dropped), "packet")+" dropped")
	}
	return t.end()
}

func trunkRows(t *table, s api.Status) {
	for _, x := range s.Trunks {
		state := "up"
		if !x.Up {
			state = "DOWN"
		}
		t.row(x.ID, state, fmt.Sprintf("%d of %s", x.Calls, count(x.MaxCalls, "call")), trunkWhy(x))
	}
}

// trunkWhy is how a trunk is and why, in a line.
func trunkWhy(x api.Trunk) string {
	if x.Until.IsZero() {
		return x.Why
	}
	return x.Why + ", until " + x.Until.Local().Format(time.TimeOnly)
}

func agentRows(t *table, s api.Status) {
	for _, a := range s.Agents {
		t.row(a.ID, a.Name, agentState(a), phones(a.Phones))
	}
}

// agentState is what an agent does now, in words.
func agentState(a api.Agent) string {
	var parts []string
	switch {
	case a.Status == "away" && !a.Until.IsZero():
		parts = append(parts, strings.ToLower(a.Reason)+" until "+a.Until.Local().Format(time.TimeOnly))
	case a.Status == "away" && a.Reason != "":
		parts = append(parts, "away ("+a.Reason+")")
	case a.Status == "away":
		parts = append(parts, "away")
	case a.Available:
		parts = append(parts, "ready")
	case len(a.Phones) == 0:
		parts = append(parts, "active, no phone")
	}
	if n := len(a.Ringing); n > 0 {
		parts = append(parts, "ringing")
	}
	if n := len(a.Talking); n > 0 {
		parts = append(parts, "in "+count(n, "call"))
	}
	if len(parts) == 0 {
		parts = append(parts, a.Why)
	}
	if a.Removed {
		parts = append(parts, "no longer configured")
	}
	return strings.Join(parts, ", ")
}

func phones(all []api.Phone) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.URI
		switch {
		case p.Static:
			texts[i] += " (fixed)"
		case p.UserAgent != "":
			texts[i] += " (" + p.UserAgent + ")"
		}
	}
	return strings.Join(texts, ", ")
}

func queueRows(t *table, s api.Status) {
	for _, q := range s.Queues {
		waiting := "nobody waits"
		if q.Waiting > 0 {
			waiting = fmt.Sprintf("%s waiting, the longest %s", count(q.Waiting, "call"), short(seconds(q.LongestSeconds)))
		}
		t.row(q.Team, waiting, count(q.Present, "agent")+" present", queueDay(q))
	}
}

func callRows(t *table, s api.Status) {
	for _, c := range s.Calls {
		who := c.State
		if c.Agent != "" {
			who += " " + c.Agent
		}
		for _, w := range c.Watched {
			who += fmt.Sprintf(", %s: %s", w.By, w.Mode)
		}
		t.row(c.ID, c.Trunk, origin(c.Caller, c.Dialler)+" → "+c.Dialled, who, short(s.At.Sub(c.Since)), scores(c.Sound), encrypted(c.SRTP))
	}
}

// origin says who calls: the agent whose own call it is, else the caller.
func origin(number, agent string) string { return cmp.Or(agent, number, "anonymous") }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// short is a duration as people say it: 45s, 3m 20s, 2h 5m, 3d 4h.
func short(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h >= 24:
		return two(h/24, "d", h%24, "h")
	case h > 0:
		return two(h, "h", m, "m")
	case m > 0:
		return two(m, "m", s, "s")
	}
	return fmt.Sprintf("%ds", s)
}

// two is a large and a small part, the small one only if there is one.
func two(large int, unit string, small int, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d%s", large, unit)
	}
	return fmt.Sprintf("%d%s %d%s", large, unit, small, smallUnit)
}

// showChanges writes what a reload did.
func showChanges(w io.Writer, c api.Changes) error {
	for _, line := range c.Warnings {
		fmt.Fprintf(w, "warning: %s\n", line)
	}
	if len(c.Applied)+len(c.NeedsRestart) == 0 {
		_, err := fmt.Fprintln(w, "reloaded: nothing changed")
		return err
	}
	fmt.Fprintf(w, "reloaded: %s applied, calls in progress were not touched\n", count(len(c.Applied), "change"))
	for _, line := range c.Applied {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if len(c.NeedsRestart) > 0 {
		fmt.Fprintln(w, "not in force until trunkline is restarted:")
	}
	for _, line := range c.NeedsRestart {
		if _, err := fmt.Fprintf(w, "  %s\n", line); err != nil {
			return err
		}
	}
	return nil
}
