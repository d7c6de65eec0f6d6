package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/routing"
)

// crowded is a picture in which many wait for support, and one for sales.
func crowded() call.Status {
	s := call.Status{At: at, Queues: []call.QueueStatus{
		{Team: "support", Name: "Support", Waiting: mostWaiting + 5, Longest: 90 * time.Second, Closed: true, Agents: map[string]int{"available": 1, "away": 2},
			Today: call.TeamDay{Answered: 8, AnsweredIn: 6, Abandoned: 3, AbandonedIn: 1, Left: 2}},
		{Team: "sales", Name: "Sales", Waiting: 1, Longest: 4 * time.Second},
	}}
	for i := range mostWaiting + 5 { // the newest first: the page is told of the longest waiting
		s.Calls = append(s.Calls, call.CallStatus{ID: call.ID(fmt.Sprintf("C%02d", i)), Caller: "+14155550123", Name: "Jane Doe",
			Waits: &call.Waits{Team: "support", Since: at.Add(time.Duration(-i) * time.Second)}})
	}
	s.Calls = append(s.Calls, call.CallStatus{ID: "S", Caller: "+14155550124", Waits: &call.Waits{Team: "sales", Agent: "ann", Priority: 5, Since: at.Add(-4 * time.Second)}},
		call.CallStatus{ID: "T", Caller: "+14155550125", State: call.SegmentTalk, Agent: "bob"})
	return s
}

func TestTheWallHasFiguresAndNothingOfAnybody(t *testing.T) {
	goals := Goals{Within: 20, Wait: Limits{60, 180}, ServiceLevel: Limits{0.8, 0.6}}
	all := wallOf(crowded(), func(id routing.TeamID) Goals {
		if id == "support" {
			return goals
		}
		return Goals{}
	})
	text, err := json.Marshal(Wall{At: at, Teams: all})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"415555", "Jane", "ann", "bob", "C01"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the wall: got %s in %s, want figures alone", secret, text)
		}
	}
	// Service level: 6 in time, of 8 answered, 2 who gave up late, 2 led on.
	if s := all[0]; s.Waiting != mostWaiting+5 || !s.Oldest.Equal(at.Add(-90*time.Second)) || !s.Closed || s.Agents["away"] != 2 || s.Answered != 8 || s.Abandoned != 3 || s.Left != 2 ||
		s.ServiceLevel == nil || *s.ServiceLevel != 0.5 || s.Goals != goals {
		t.Errorf("support: got %+v, want its figures", s)
	}
	if s := all[1]; s.ServiceLevel != nil || s.Answered != 0 || s.Goals != (Goals{}) {
		t.Errorf("sales: got %+v, want no service level yet", s)
	}
}

func TestSupervisorsSeeWhoWaitsLongestFirstAndAgentsDoNot(t *testing.T) {
	lines := linesOf(crowded(), nil)
	if c := lines[0].Calls; len(c) != mostWaiting || c[0].ID != fmt.Sprintf("C%02d", mostWaiting+4) || c[0].Name != "Jane Doe" {
		t.Errorf("support: got %d callers, %+v first, want the %d that wait longest", len(c), c[0], mostWaiting)
	}
	if c := lines[1].Calls; len(c) != 1 || c[0].Agent != "ann" || c[0].Priority != 5 || c[0].Caller != "+14155550124" {
		t.Errorf("sales: got %+v, want the one that waits, not the one that talks", c)
	}
	var rows staff
	rows.update(crowded(), nil)
	for scope, want := range map[Scope]bool{ScopeAgent: false, ScopeSupervisor: true, ScopeAdmin: true} {
		got, _ := rows.since(0, scope)
		if _, there := got[wallRow+"support"]; there != want || got["team support"] == nil {
			t.Errorf("%s: got the wallboard's row %v, want %v", scope, there, want)
		}
	}
	if rows.update(crowded(), nil) {
		t.Error("the same picture: got a change, want none")
	}
}
