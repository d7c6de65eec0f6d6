package main

import (
	"strings"
	"testing"
	"time"

	"trunkline/internal/simphone"
)

// Schedules of agents are optional: who has one is offered calls within its hours alone, to the minute.
func TestAnAgentWithHoursIsOfferedCallsWithinThem(t *testing.T) {
	live(t, "timezone: UTC\n"+noWrapUp+queueFlow, func(s *story) {
		s.reload("timezone: UTC\n"+noWrapUp+queueFlow, "name: Ann Lee,", `name: Ann Lee, hours: {week: {sat: "00:01-02:00"}},`)
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		k := s.dial()
		s.answered(k)
		time.Sleep(30 * time.Second)
		if n := invites(ann); n != 0 {
			t.Errorf("before her hours: got %d INVITEs, want none", n)
		}
		a := s.gets(ann)
		if at := time.Now().UTC().Format("15:04"); at != "00:01" {
			t.Errorf("offered at %s, want 00:01, when her hours begin", at)
		}
		s.bye(k)
		s.ended(a)
	})
}

// The limit is the agent's, for all calls; a team may have a lower one for its own.
func TestCallLimitsOfAgentsAndTeams(t *testing.T) {
	const two = "teams:\n  support: {name: Support, agents: [ann], wrap_up: 0s%}\n" + queueFlow
	for _, x := range []struct {
		name, agent, team string
		both              bool
	}{
		{"one by default", "", "", false},
		{"two of the agent", "call_limit: 2, ", "", true},
		{"one of the team", "call_limit: 2, ", ", call_limit: 1", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			yaml := strings.Replace(two, "%", x.team, 1)
			live(t, yaml, func(s *story) {
				s.reload(yaml, "name: Ann Lee,", x.agent+"name: Ann Lee,")
				s.muteCustomer = true
				ann := s.agent("ann", annTone, simphone.Ring().Answer(), simphone.Ring().Answer())
				one, two := s.dial(), s.dial()
				s.answered(one)
				s.answered(two)
				time.Sleep(20 * time.Second)
				if got := invites(ann) == 2; got != x.both {
					t.Errorf("beside one call: got %d INVITEs, want both %v", invites(ann), x.both)
				}
				s.bye(one)
				time.Sleep(5 * time.Second)
				if n := invites(ann); n != 2 {
					t.Errorf("after it: got %d INVITEs, want 2", n)
				}
				s.bye(two)
				time.Sleep(2 * time.Second)
				s.unheard = true
			})
		})
	}
}

// invites are the calls that a phone was offered.
func invites(p *simphone.Phone) (n int) {
	calls := map[string]bool{}
	for _, m := range p.Received() {
		if m.Method == "INVITE" && m.Get("CSeq") == "1 INVITE" {
			calls[m.Get("Call-ID")] = true
		}
	}
	return len(calls)
}
