package api

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"trunkline/routing"
)

func TestCallbacksAsATableAreNoFormulas(t *testing.T) {
	h := newHouse(t)
	w := h.ask("sue", "GET", "/v1/callbacks.csv", "")
	rows, err := csv.NewReader(strings.NewReader(w.Body.String())).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("table: got %q, %v, want two rows", w.Body, err)
	}
	if got := rows[1][2]; got != "'=cmd|calc" {
		t.Errorf("the name: got %q, want an apostrophe before the formula", got)
	}
	if got := rows[1][1]; got != "+14155550123" {
		t.Errorf("the number: got %q, want it as it is", got)
	}
	for in, want := range map[string]string{
		"": "", "Ann": "Ann", "=1+1": "'=1+1", "+1": "+1", "+1+cmd": "'+1+cmd", "-2.5": "-2.5", "-x": "'-x", "@a": "'@a", "\t=1": "'\t=1", "\r=1": "'\r=1",
	} {
		if got := csvCell(in); got != want {
			t.Errorf("cell %q: got %q, want %q", in, got, want)
		}
	}
}

func TestCallbacksAreCountedByStateAndDay(t *testing.T) {
	one := promise()
	two := promise()
	two.State, two.Team, two.First, two.Asked, two.Ignored = routing.CallbackPending, "support", at.Add(12*time.Hour), at.Add(12*time.Hour), 2
	two.Until = two.Asked.Add(2 * time.Hour)
	two.Marks = append(two.Marks, routing.CallbackNote{Mark: routing.MarkIgnored})
	all := []routing.Callback{one, two}
	got, _ := json.Marshal(countCallbacks(all, at.Add(13*time.Hour)))
	want := `{"states":{"closed":1,"pending":1},"pending_by_team":{"support":1},"pending_by_agent":{"ann":1},"oldest_pending_seconds":3600,"offered":1,"by_hand":0,"ignored":1}`
	if string(got) != want {
		t.Errorf("counts: got %s, want %s", got, want)
	}
	zone := time.FixedZone("west", -6*3600)
	if days := callbackDays(all, time.UTC); len(days) != 2 || days[1].Day != "2026-11-24" || days[1].Pending != 1 || days[1].Ignored != 2 {
		t.Errorf("days in UTC: got %+v, want two", days)
	}
	if days := callbackDays(all, zone); len(days) != 1 || days[0].Requested != 2 || days[0].Closed != 1 {
		t.Errorf("days in the west: got %+v, want one with both", days)
	}
}

// The age of a callback is that of its first request; an age and a time bound it together.
func TestCallbacksAreAskedForByAge(t *testing.T) {
	for _, c := range []struct {
		q        CallbackQuery
		from, to time.Time
	}{
		{CallbackQuery{}, time.Time{}, time.Time{}},
		{CallbackQuery{Older: 90}, time.Time{}, at.Add(-90 * time.Second)},
		{CallbackQuery{Young: 3600}, at.Add(-time.Hour), time.Time{}},
		{CallbackQuery{Older: 60, Young: 600}, at.Add(-10 * time.Minute), at.Add(-time.Minute)},
		{CallbackQuery{Older: 60, To: at.Add(-2 * time.Minute)}, time.Time{}, at.Add(-2 * time.Minute)},
		{CallbackQuery{Older: 180, To: at.Add(-2 * time.Minute)}, time.Time{}, at.Add(-3 * time.Minute)},
		{CallbackQuery{Young: 60, From: at.Add(-2 * time.Minute)}, at.Add(-time.Minute), time.Time{}},
	} {
		if f := c.q.filter(at); !f.From.Equal(c.from) || !f.To.Equal(c.to) {
			t.Errorf("%+v: got from %v to %v, want from %v to %v", c.q, f.From, f.To, c.from, c.to)
		}
	}
	f := CallbackQuery{State: "pending", Event: "ignored", Team: "support", Agent: "ann"}.filter(at)
	if f.State != routing.CallbackPending || f.Last != routing.MarkIgnored || f.Team != "support" || f.Agent != "ann" || f.Limit < 10_000 {
		t.Errorf("filter: got %+v, want what was asked for, and all of them", f)
	}
}
