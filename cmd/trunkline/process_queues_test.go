package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/call"
	"trunkline/internal/simphone"
)

const queuesTeams = "teams:\n  support: {name: Support, agents: [ann, bob], wrap_up: 0s}\n  sales: {name: Sales, agents: [bob], wrap_up: 0s}\n" +
	"flows:\n  main: [{queue: support, sticky: {wait: 20s}, unanswered: [{hangup: 486}]}]\n"

// team is a team's line in GET /v1/teams.
func (d bearer) queue(name string) api.Queue {
	d.Helper()
	for _, q := range d.status().Queues {
		if string(q.Team) == name {
			return q
		}
	}
	d.Fatalf("there is no team %s", name)
	return api.Queue{}
}

// What a supervisor orders of callers who wait and of agents, over HTTP: assigned, offered, moved, raised, closed, set away;
// each by whom is a fact. A queue that is closed, the figures of the day, whom a caller spoke with last and whose turn it is
// are the same after kill -9.
func TestBinarySupervisorsOrdersOverHTTP(t *testing.T) {
	s := newSite(t, queuesTeams)
	s.serve()
	carrier := s.carrier()
	quick := simphone.Ring().After(300 * time.Millisecond).Answer()
	ann := s.agent(3, "ann", annTone, quick)
	bob := s.agent(4, "bob", bobTone, quick)
	sup, anns := s.bearer(api.ScopeSupervisor, ""), s.bearer(api.ScopeAgent, "ann")
	post := func(path, body string, want int) {
		t.Helper()
		if code, text := sup.request("POST", path, body); code != want {
			t.Fatalf("POST %s %s: got %d %s, want %d", path, body, code, text, want)
		}
	}
	away := func(agent string) {
		t.Helper()
		post("/v1/agents/"+agent+"/status", `{"active": false, "reason": "lunch"}`, 200)
	}
	back := func(agent string) { t.Helper(); post("/v1/agents/"+agent+"/status", `{"active": true}`, 200) }
	waits := func(from string) (*simphone.Call, string) {
		t.Helper()
		c := carrier.Dial(ourNumber, simphone.From(from))
		c.MustAnswer(s)
		return c, s.live().ID
	}
	ends := func(c *simphone.Call, a *simphone.Call) {
		t.Helper()
		if a != nil {
			a.MustBye(s)
		} else {
			c.MustBye(s)
		}
		s.eventually("no call is up", func() bool { return len(s.status().Calls) == 0 })
	}

	away("ann")
	away("bob")
	c, id := waits("+14155550201")
	post("/v1/calls/"+id+"/move", `{"team": "nowhere"}`, 404)
	post("/v1/calls/"+id+"/assign", `{"agent": "bob"}`, 409) // away
	post("/v1/calls/"+id+"/priority", `{"priority": 5}`, 204)
	post("/v1/calls/"+id+"/move", `{"team": "sales"}`, 204)
	back("ann")
	s.beat()
	if q := sup.queue("sales"); q.Waiting != 1 {
		t.Errorf("sales: got %+v, want the call that was moved there", q)
	}
	anns.order(id, "assign", "{}", 403) // an agent is no supervisor
	post("/v1/calls/"+id+"/offer", `{"agent": "ann"}`, 204)
	a := ann.MustCall(s)
	s.hears("the customer, offered to ann by hand,", c, annTone)
	post("/v1/calls/"+id+"/move", `{"team": "support"}`, 409) // waits no more
	ends(c, a)

	away("ann")
	c, _ = waits("+14155550202")
	back("bob")
	b := bob.MustCall(s)
	s.hears("the next customer", c, bobTone)
	ends(c, b)

	away("bob")
	c, _ = waits("+14155550203")
	back("bob")
	bob.MustCall(s) // bob's again: ann is away
	s.eventually("it is answered", func() bool { return len(s.status().Calls) == 1 && s.status().Calls[0].State == "talk" })
	ends(c, nil)
	back("ann")

	post("/v1/teams/support/close", "", 204)
	if e := s.refusedCall(carrier); e != 486 {
		t.Errorf("a closed queue: got %d, want its unanswered path's 486", e)
	}
	before := sup.queue("support")
	s.kill()
	s.serve()
	ann.MustRegister(s, time.Hour)
	bob.MustRegister(s, time.Hour)
	after := sup.queue("support")
	if !after.Closed || before.Answered == 0 || after.Answered != before.Answered || after.Abandoned != before.Abandoned || after.Left != before.Left {
		t.Errorf("support after kill -9: got %+v, want closed and the figures of before: %+v", after, before)
	}
	if e := s.refusedCall(carrier); e != 486 {
		t.Errorf("a closed queue after kill -9: got %d, want 486", e)
	}
	post("/v1/teams/support/open", "", 204)
	c = carrier.Dial(ourNumber, simphone.From("+14155550202")) // whom bob had; ann's turn is first by balance
	b = bob.MustCall(s)
	s.hears("who comes back to bob", c, bobTone)
	ends(c, b)
	c = carrier.Dial(ourNumber, simphone.From("+14155550299"))
	a = ann.MustCall(s) // the longest since the last one
	s.hears("a new customer", c, annTone)
	ends(c, a)

	s.kill()
	said := map[call.FactKind]int{}
	for _, f := range s.facts() {
		if strings.HasPrefix(f.Reason, "by token ") {
			said[f.Kind]++
		}
	}
	for kind, want := range map[call.FactKind]int{
		call.FactAgentOrdered: 8, call.FactPriority: 1, call.FactRequeued: 1, call.FactOfferedTo: 1, call.FactQueueClosed: 1, call.FactQueueOpened: 1,
	} {
		if said[kind] < want {
			t.Errorf("facts %s by the supervisor: got %d, want %d", kind, said[kind], want)
		}
	}
}

// refusedCall is how a call that is not answered ends.
func (s *site) refusedCall(carrier *simphone.Phone) int {
	s.Helper()
	e, err := carrier.Dial(ourNumber, simphone.From(customer)).WaitEnded(s.within(10 * time.Second))
	s.must(err)
	return e.Code
}

// Of three who wait, the second is assigned to bob, who talks: ann, who comes back, has the first and then the third; the
// second waits for bob alone, whom the order finds though he is at his limit. Nobody else's place is changed by it.
func TestBinaryAssignedCallWaitsForItsAgentAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, "teams:\n  support: {agents: [ann, bob], wrap_up: 0s}\n"+siteFlow)
	s.serve()
	carrier := s.carrier()
	ann := s.agent(3, "ann", annTone, simphone.Ring().Answer())
	bob := s.agent(4, "bob", bobTone, simphone.Ring().Answer())
	sup := s.bearer(api.ScopeSupervisor, "")
	s.ask("agent", "ann", "away", "lunch")
	_, b := s.talk(carrier, bob, bobTone)
	froms := []string{"+14155550211", "+14155550212", "+14155550213"}
	ids := map[string]string{}
	for _, from := range froms {
		carrier.Dial(ourNumber, simphone.From(from)).MustAnswer(s)
		s.eventually(from+" waits", func() bool {
			for _, c := range s.status().Calls {
				if c.Caller == from && c.State == "queue" {
					ids[from] = c.ID
				}
			}
			return ids[from] != ""
		})
	}
	sup.order(ids[froms[1]], "assign", `{"agent": "bob"}`, 204)
	s.ask("agent", "ann", "active")
	for _, from := range []string{froms[0], froms[2]} {
		a := ann.MustCall(s)
		if a.Caller() != from {
			t.Fatalf("ann: got %s, want %s", a.Caller(), from)
		}
		a.MustAnswer(s)
		a.MustBye(s)
	}
	b.MustBye(s)
	if got := bob.MustCall(s).Caller(); got != froms[1] {
		t.Errorf("bob: got %s, want %s, who was assigned to him", got, froms[1])
	}
}
