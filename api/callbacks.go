package api

import (
	"slices"
	"strconv"
	"time"

	"trunkline/routing"
)

// Callback is one promise to ring back.
type Callback struct {
	routing.Callback
	Last       routing.CallbackMark `json:"last_event" doc:"ignored is an event, and no state"`
	LastAt     time.Time            `json:"last_event_at"`
	LastAgent  string               `json:"last_event_agent,omitempty"`
	AgeSeconds float64              `json:"age_seconds" doc:"since the first request"`
	Offered    bool                 `json:"offered" doc:"agents are rung for it, now or once there is one free"`
}

// callbackView maps a callback to the wire.
func callbackView(c routing.Callback, now time.Time) Callback {
	last := c.Last()
	return Callback{
		Callback: c, Last: last.Mark, LastAt: last.At, LastAgent: string(last.Agent), AgeSeconds: now.Sub(c.First).Seconds(),
		Offered: c.State == routing.CallbackPending && c.Stage == routing.CallbackWaits,
	}
}

// CallbackCounts are how many callbacks there are, by state, and of the pending ones by team and agent.
type CallbackCounts struct {
	States map[routing.CallbackState]int `json:"states"`
	Teams  map[string]int                `json:"pending_by_team"`
	Agents map[string]int                `json:"pending_by_agent" doc:"assigned by hand"`
	// OldestSeconds is the age of the oldest that is pending.
	OldestSeconds float64 `json:"oldest_pending_seconds"`
	Offered       int     `json:"offered" doc:"pending, and agents are rung for them"`
	ByHand        int     `json:"by_hand" doc:"pending, and for the hand alone"`
	Ignored       int     `json:"ignored" doc:"whose last event was being ignored"`
}

func countCallbacks(all []routing.Callback, now time.Time) CallbackCounts {
	out := CallbackCounts{States: map[routing.CallbackState]int{}, Teams: map[string]int{}, Agents: map[string]int{}}
	for i := range all {
		c := &all[i]
		out.States[c.State]++
		if c.Last().Mark == routing.MarkIgnored {
			out.Ignored++
		}
		if c.State != routing.CallbackPending {
			continue
		}
		out.Teams[string(c.Team)]++
		if c.Agent != "" {
			out.Agents[string(c.Agent)]++
		}
		out.OldestSeconds = max(out.OldestSeconds, now.Sub(c.First).Seconds())
		if c.Until.After(now) {
			out.Offered++
		} else {
			out.ByHand++
		}
	}
	return out
}

// CallbackDay is one day's requests, by what has become of them.
type CallbackDay struct {
	Day        string `json:"day" doc:"of the first request, in the switch's time zone"`
	Requested  int    `json:"requested"`
	Pending    int    `json:"pending"`
	Answered   int    `json:"answered"`
	Closed     int    `json:"closed"`
	Unanswered int    `json:"unanswered"`
	Ignored    int    `json:"ignored" doc:"how often agents ignored them"`
	Attempts   int    `json:"attempts"`
}

// callbackDays gives the days in order; those without a request are left out.
func callbackDays(all []routing.Callback, zone *time.Location) []CallbackDay {
	at := map[string]*CallbackDay{}
	for i := range all {
		c := &all[i]
		name := c.First.In(zone).Format(time.DateOnly)
		d := at[name]
		if d == nil {
			d = &CallbackDay{Day: name}
			at[name] = d
		}
		d.Requested++
		d.Ignored += c.Ignored
		d.Attempts += len(c.Attempts)
		switch c.State {
		case routing.CallbackPending:
			d.Pending++
		case routing.CallbackAnswered:
			d.Answered++
		case routing.CallbackClosed:
			d.Closed++
		case routing.CallbackUnanswered:
			d.Unanswered++
		}
	}
	out := []CallbackDay{}
	for _, d := range at {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b CallbackDay) int {
		if a.Day < b.Day {
			return -1
		}
		return 1
	})
	return out
}

// callbackRows is the table of an export.
func callbackRows(all []routing.Callback) [][]string {
	rows := [][]string{{"id", "number", "name", "team", "agent", "state", "reason", "first_asked", "asked", "until", "requests", "ignored", "attempts", "last_event", "last_event_at", "last_event_agent", "call"}}
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for i := range all {
		c := &all[i]
		last := c.Last()
		rows = append(rows, []string{
			string(c.ID), c.Number, c.Name, string(c.Team), string(c.Agent), string(c.State), c.Reason, when(c.First), when(c.Asked), when(c.Until),
			strconv.Itoa(c.Requests), strconv.Itoa(c.Ignored), strconv.Itoa(len(c.Attempts)), string(last.Mark), when(last.At), string(last.Agent), c.Call,
		})
	}
	return rows
}
