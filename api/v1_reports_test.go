package api

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
)

func TestReportsAreGivenAsJSONAndCSV(t *testing.T) {
	h := newHouse(t)
	w := h.ask("sue", "GET", "/v1/reports/teams?from=2026-11-28", "")
	var all []Figures
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all) != 1 || all[0].Queued != 1 || all[0].ServiceLevel != 1 || all[0].Team != "support" || all[0].Day != "2026-11-28" {
		t.Errorf("teams: got %d %s", w.Code, w.Body)
	}
	w = h.ask("sue", "GET", "/v1/reports/agents?from=2026-11-28&to=2026-11-29&format=csv", "")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2 || strings.Join(rows[1][:5], " ") != "2026-11-28  ann 0 1" || len(rows[0]) != len(rows[1]) {
		t.Errorf("agents: got %d %v, %v", w.Code, rows, err)
	}
	for query, want := range map[string]int{"": 422, "?from=yesterday": 422, "?from=2026-11-28&to=2026-11-27": 400, "?from=2020-01-01&to=2026-11-27": 400, "?from=2026-11-28&within=0": 422} {
		if w := h.ask("sue", "GET", "/v1/reports/teams"+query, ""); w.Code != want || !isProblem(w) {
			t.Errorf("%s: got %d %s, want %d", query, w.Code, w.Body, want)
		}
	}
}
