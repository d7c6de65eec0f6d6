package api

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"trunkline/call"
	"trunkline/routing"
)

// Limits are from when on a figure warns and from when on it alarms; 0: never.
type Limits struct {
	Warn  float64 `json:"warn"`
	Alarm float64 `json:"alarm"`
}

// Goals are what a team's figures are held against, by its configuration.
type Goals struct {
	Within       float64 `json:"within_seconds" doc:"the time that the service level is of"`
	Wait         Limits  `json:"wait_seconds" doc:"of the longest wait: from these seconds on"`
	Waiting      Limits  `json:"waiting" doc:"from so many who wait on"`
	ServiceLevel Limits  `json:"service_level" doc:"below these shares, 0 to 1"`
}

// WallTeam is a team on the wallboard: figures, and nothing of any caller.
type WallTeam struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Waiting int            `json:"waiting"`
	Oldest  time.Time      `json:"oldest,omitzero" doc:"since when the longest waiting waits"`
	Closed  bool           `json:"closed,omitempty" doc:"to new calls"`
	Agents  map[string]int `json:"agents_by_state" doc:"available, busy, wrap_up, away, off_duty, offline"`

	// Of today, by the configured time zone.
	Answered     int      `json:"answered_today"`
	Abandoned    int      `json:"abandoned_today"`
	Left         int      `json:"left_today" doc:"led on by the flow: an exit key, the end of the wait, a callback"`
	ServiceLevel *float64 `json:"service_level_today,omitempty" doc:"0 to 1; none while nobody counts"`

	Goals Goals `json:"goals"`
}

// Wall is the wallboard at one moment.
type Wall struct {
	At    time.Time  `json:"at"`
	Teams []WallTeam `json:"teams"`
}

// WaitingCall is a caller in a team's line, as its supervisors see it.
type WaitingCall struct {
	ID       string    `json:"id"`
	Caller   string    `json:"caller"` // "": anonymous
	Name     string    `json:"name,omitempty"`
	Since    time.Time `json:"since"`
	Priority int       `json:"priority,omitempty"`
	Agent    string    `json:"agent,omitempty"` // for this agent alone
}

// mostWaiting bounds the callers of one team that a page is told of, the
// longest waiting first; the figures count all.
const mostWaiting = 30

// teamLine is a team as supervisors' pages get it.
type teamLine struct {
	WallTeam
	Calls []WaitingCall `json:"calls"`
}

// wallOf makes the wallboard of a picture of the switchboard.
func wallOf(status call.Status, goals func(routing.TeamID) Goals) []WallTeam {
	all := []WallTeam{}
	for _, q := range status.Queues {
		t := WallTeam{
			ID: string(q.Team), Name: q.Name, Waiting: q.Waiting, Oldest: oldest(status, q), Closed: q.Closed, Agents: maps.Clone(q.Agents),
			Answered: q.Today.Answered, Abandoned: q.Today.Abandoned, Left: q.Today.Left,
		}
		if level, ok := q.Today.ServiceLevel(); ok {
			t.ServiceLevel = &level
		}
		if goals != nil {
			t.Goals = goals(q.Team)
		}
		all = append(all, t)
	}
	return all
}

// oldest is since when the longest waiting of a team waits, to the second: it
// stays the same from picture to picture.
func oldest(status call.Status, q call.QueueStatus) time.Time {
	if q.Longest <= 0 {
		return time.Time{}
	}
	return status.At.Add(-q.Longest).Round(time.Second)
}

// linesOf adds who waits.
func linesOf(status call.Status, goals func(routing.TeamID) Goals) []teamLine {
	waiting := map[string][]WaitingCall{}
	for _, c := range status.Calls {
		if w := c.Waits; w != nil {
			waiting[string(w.Team)] = append(waiting[string(w.Team)], WaitingCall{
				ID: string(c.ID), Caller: c.Caller.String(), Name: c.Name, Since: w.Since, Priority: w.Priority, Agent: string(w.Agent),
			})
		}
	}
	all := []teamLine{}
	for _, t := range wallOf(status, goals) {
		calls := waiting[t.ID]
		slices.SortStableFunc(calls, func(a, b WaitingCall) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
		all = append(all, teamLine{t, append([]WaitingCall{}, calls[:min(len(calls), mostWaiting)]...)})
	}
	return all
}

func (s *Server) wallRoutes(api huma.API) {
	route(api, ScopeWall, "GET /v1/wall", "The wallboard: each team's figures, and nothing of any caller or agent",
		func(ctx context.Context, _ *struct{}) (*body[Wall], error) {
			status, err := s.picture(ctx)
			return answerOf(Wall{At: status.At, Teams: wallOf(status, s.cfg.Goals)}, err)
		})
}
