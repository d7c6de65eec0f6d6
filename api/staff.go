package api

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/routing"
)

// Mate is an agent as colleagues see them.
type Mate struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Teams     []string  `json:"teams"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Since     time.Time `json:"since,omitzero"` // when they began what they do now
	Until     time.Time `json:"until,omitzero"` // of the wrap-up
	Busy      string    `json:"busy,omitempty"` // ringing, talking
	Online    bool      `json:"online"`         // could be transferred to
	Available bool      `json:"available"`      // would be offered a call now
	Why       string    `json:"why,omitempty"`
	Channel   string    `json:"channel"`
	Phones    int       `json:"phones"`
	Desk      bool      `json:"desk,omitempty"`    // has a Help Desk open
	Browser   bool      `json:"browser,omitempty"` // which is a phone itself
	NoAnswers int       `json:"no_answers,omitempty"`
}

// Crew is a team as its members see it.
type Crew struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Waiting   int       `json:"waiting"`
	Oldest    time.Time `json:"oldest,omitzero"` // since when the longest waiting waits
	Present   int       `json:"present"`
	Available int       `json:"available"`
}

// wallRow begins the names of the wallboard's rows.
const wallRow = "wall "

// staff is the picture of agents and teams, a row each, with the number of the
// change that each row is of.
type staff struct {
	mu     sync.Mutex
	change uint64
	rows   map[string]*staffRow
}

type staffRow struct {
	change uint64
	text   json.RawMessage // null: it is gone
}

// update takes a picture over; false: nothing differs.
func (s *staff) update(status call.Status, goals func(routing.TeamID) Goals) bool {
	next := map[string]any{}
	names := []string{}
	put := func(name string, row any) { next[name] = row; names = append(names, name) }
	available := map[routing.TeamID]int{}
	for _, a := range status.Agents {
		if a.Removed {
			continue
		}
		put("agent "+string(a.ID), mateOf(a))
		for _, t := range a.Teams {
			if a.Available {
				available[t]++
			}
		}
	}
	for _, q := range status.Queues {
		put("team "+string(q.Team), Crew{ID: string(q.Team), Name: q.Name, Waiting: q.Waiting, Present: q.Present, Available: available[q.Team], Oldest: oldest(status, q)})
	}
	for _, l := range linesOf(status, goals) {
		put(wallRow+l.ID, l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[string]*staffRow{}
	}
	before := s.change
	set := func(name string, text json.RawMessage) {
		if row := s.rows[name]; row == nil || string(row.text) != string(text) {
			s.change = before + 1
			s.rows[name] = &staffRow{s.change, text}
		}
	}
	for _, name := range names {
		text, err := json.Marshal(next[name])
		if err == nil {
			set(name, text)
		}
	}
	for name := range s.rows {
		if next[name] == nil {
			set(name, json.RawMessage("null"))
		}
	}
	return s.change != before
}

// since gives the rows that changed after a change, by name, and the last
// change. Those of the wallboard are for supervisors.
func (s *staff) since(change uint64, scope Scope) (map[string]json.RawMessage, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.change <= change {
		return nil, s.change
	}
	rows := map[string]json.RawMessage{}
	for name, row := range s.rows {
		if strings.HasPrefix(name, wallRow) && !scope.covers(ScopeSupervisor) {
			continue
		}
		if row.change > change && (change > 0 || string(row.text) != "null") {
			rows[name] = row.text
		}
	}
	return rows, s.change
}

func mateOf(a call.AgentStatus) Mate {
	m := Mate{
		ID: string(a.ID), Name: a.Name, Teams: []string{}, Status: string(a.Status), Reason: a.Reason, Since: a.Doing, Until: a.Until,
		Available: a.Available, Why: a.Why, Channel: string(a.Channel), Phones: len(a.Phones), Desk: a.Desk, Browser: a.DeskRings, NoAnswers: a.NoAnswers,
		Online: a.Status == routing.StatusActive && (len(a.Phones) > 0 || a.DeskRings),
	}
	for _, t := range a.Teams {
		m.Teams = append(m.Teams, string(t))
	}
	for _, h := range a.Open {
		if m.Busy = "talking"; h.Offer != 0 {
			m.Busy = "ringing"
		}
	}
	return m
}
