package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/simphone"
)

// watchedSite has ann take calls, and bob supervise.
func watchedSite(t *testing.T) *site {
	s := newSite(t, strings.Replace(siteTeam, "[ann, bob]", "[ann]", 1)+siteFlow)
	s.edit("bob: {name: Bob Ray, password: bob-password-1}", "bob: {name: Bob Ray, password: bob-password-1, role: supervisor, extension: \"102\"}")
	return s
}

// onCard is who watched a call, as its card tells somebody.
func (d bearer) onCard(id string) []call.Watched {
	d.Helper()
	var card struct{ Watched []call.Watched }
	code, text := d.request("GET", "/v1/calls/"+id, "")
	if err := json.Unmarshal([]byte(text), &card); code != 200 || err != nil {
		d.Fatalf("card: got %d %s", code, text)
	}
	return card.Watched
}

// A supervisor's phone is rung over HTTP, hears, and is heard as the mode says;
// who may not, may not, and who was watched does not read it.
func TestBinarySupervisorWatchesOverHTTP(t *testing.T) {
	s := watchedSite(t)
	s.serve()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	c, a := s.talk(s.carrier(), ann, annTone)
	bob := s.agent(4, "bob", bobTone, simphone.Ring().Then(func(c *simphone.Call) {
		if strings.Contains(c.Invite().Get("Call-Info"), "answer-after=0") {
			c.Answer()
		}
	}))
	id := s.live().ID
	anns, sup := s.bearer(api.ScopeAgent, "ann"), s.bearer(api.ScopeSupervisor, "")
	facts := sup.follow("0")
	watch := func(d bearer, method, body string, want int, says string) {
		t.Helper()
		if code, text := d.request(method, "/v1/calls/"+id+"/watch", body); code != want || !strings.Contains(text, says) {
			t.Fatalf("%s %s: got %d %s, want %d %s", method, body, code, text, want, says)
		}
	}
	watch(anns, "POST", `{"mode": "listen"}`, 403, "needs the scope supervisor")
	watch(sup, "POST", `{"mode": "listen"}`, 422, "phone is missing")
	watch(sup, "POST", `{"mode": "listen", "phone": "ann"}`, 403, "ann is no supervisor")
	watch(sup, "POST", `{"mode": "listen", "phone": "root"}`, 404, "no such agent")
	watch(sup, "POST", `{"mode": "spy", "phone": "bob"}`, 422, "listen")
	watch(sup, "PATCH", `{"mode": "whisper", "phone": "bob"}`, 409, "does not watch it")
	watch(sup, "POST", `{"mode": "listen", "phone": "bob"}`, 204, "")
	w := bob.MustCall(s)
	s.hears("bob", w, annTone, customerTone)
	s.hears("the customer", c, annTone)
	s.hears("ann", a, customerTone)
	watch(sup, "PATCH", `{"mode": "whisper", "phone": "bob"}`, 204, "")
	s.hears("ann", a, customerTone, bobTone)
	s.hears("the customer", c, annTone)
	watch(sup, "PATCH", `{"mode": "barge", "phone": "bob"}`, 204, "")
	s.hears("the customer", c, annTone, bobTone)
	if got := s.live().Watched; len(got) != 1 || got[0].By != "bob" || got[0].Mode != call.WatchBarge {
		t.Errorf("status: got %+v, want bob barging", got)
	}
	if code, text := anns.request("GET", "/v1/calls", ""); code != 200 || strings.Contains(text, "watched") {
		t.Errorf("ann's calls: got %d %s, want no word of who watches", code, text)
	}
	if _, text := sup.request("GET", "/metrics", ""); !strings.Contains(text, `trunkline_calls_watched{mode="barge"} 1`) || !strings.Contains(text, "trunkline_watches_total 1") {
		t.Errorf("metrics: got none of who watches")
	}
	watch(sup, "DELETE", "", 204, "")
	w.MustEnd(s, simphone.Theirs, 0)
	watch(sup, "DELETE", "", 204, "")
	s.hears("the customer", c, annTone)
	if got := sup.onCard(id); len(got) != 3 || got[2].To.IsZero() || got[2].By != "bob" || !strings.HasPrefix(got[2].Who, "token ") {
		t.Errorf("the card: got %+v, want three stretches, over", got)
	}
	if got := anns.onCard(id); len(got) > 0 {
		t.Errorf("ann's card: got %+v, want none", got)
	}
	s.must(c.Hangup(s.within(5 * time.Second)))
	for _, kind := range []call.FactKind{call.FactWatchOrdered, call.FactWatchBegan, call.FactWatchMode, call.FactWatchEnded} {
		s.eventually("the fact "+string(kind), func() bool { return facts.has(id, kind) })
	}
}
