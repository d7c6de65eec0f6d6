package main

import (
	"encoding/json"
	"strings"
	"testing"

	"trunkline/api"
	"trunkline/internal/simphone"
)

// An administrator sees what a reload would do before it is asked for, and who
// asked is in the journal.
func TestBinaryTellsItsFileFromWhatRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	admin, agent := s.bearer(api.ScopeAdmin, ""), s.bearer(api.ScopeAgent, "ann")
	check := func() (c api.FileCheck) {
		t.Helper()
		code, text := admin.request("GET", "/v1/config", "")
		if err := json.Unmarshal([]byte(text), &c); code != 200 || err != nil {
			t.Fatalf("got %d %s", code, text)
		}
		return c
	}
	if c := check(); c.Running != c.OnDisk || len(c.Problems)+len(c.Changes)+len(c.Restart) != 0 || c.Changed.IsZero() {
		t.Errorf("a file as it runs: got %+v, want no difference", c)
	}
	s.edit("wrap_up: 45s", "wrap_up: 30s")
	s.edit("domain: pbx.example.com", "domain: new.example.com")
	c := check()
	if c.Running == c.OnDisk || len(c.Changes) != 1 || !strings.HasPrefix(c.Changes[0], "teams.support.wrap_up: 45s → 30s") || len(c.Restart) != 1 || !strings.HasPrefix(c.Restart[0], "domain: ") {
		t.Errorf("a changed file: got %+v, want one change and one that waits for a restart", c)
	}
	if code, text := admin.request("POST", "/v1/reload", ""); code != 200 {
		t.Fatalf("reload: got %d %s", code, text)
	}
	s.logged("by token ")
	if c := check(); len(c.Changes) != 0 || len(c.Restart) != 1 {
		t.Errorf("after the reload: got %+v, want the domain to wait for a restart", c)
	}
	s.edit("wrap_up: 30s", "wrap_up: soon")
	c = check()
	if c.OnDisk != "" || len(c.Problems) != 1 || c.Problems[0].Line == 0 || c.Problems[0].Column == 0 || c.Problems[0].Key != "teams.support.wrap_up" || c.Problems[0].What == "" {
		t.Errorf("a bad file: got %+v, want its place and its cure", c)
	}
	for _, path := range []string{"/v1/config", "/v1/storage"} {
		if code, _ := agent.request("GET", path, ""); code != 403 {
			t.Errorf("an agent at %s: got %d, want 403", path, code)
		}
	}
}

func TestBinaryTriesATrunkOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t, siteTeam+siteFlow)
	s.serve()
	carrier := s.phone(2, simphone.Config{User: "carrier"})
	s.edit("host: "+s.host(2).String(), "host: "+carrier.Addr().String())
	admin := s.bearer(api.ScopeAdmin, "")
	if code, text := admin.request("POST", "/v1/reload", ""); code != 200 {
		t.Fatalf("reload: got %d %s", code, text)
	}
	code, text := admin.request("POST", "/v1/trunks/acme/test", `{"no_call": true}`)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var last api.TrunkFinding
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); code != 200 || err != nil || len(lines) < 2 || !last.Done {
		t.Errorf("got %d %s, want findings a line, the last with done", code, text)
	}
	if code, text := admin.request("POST", "/v1/trunks/nobody/test", `{}`); code != 404 {
		t.Errorf("a trunk that is not there: got %d %s, want 404", code, text)
	}
	if code, _ := s.bearer(api.ScopeSupervisor, "").request("POST", "/v1/trunks/acme/test", `{}`); code != 403 {
		t.Errorf("a supervisor: got %d, want 403", code)
	}
}
