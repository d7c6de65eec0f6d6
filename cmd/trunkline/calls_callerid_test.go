package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// Numbers of ours that calls out show; ourNumber is that of the first trunk.
const (
	annNumber     = "+14155550110"
	supportNumber = "+14155550120"
	salesNumber   = "+14155550130"
	spareNumber   = "+14155550140"
)

// shows gives ann, her teams and trunk spare numbers of their own. She is in
// support first, then in sales; bob is in sales alone.
func shows(ann, support, sales string) (yaml string, changes []string) {
	id := func(n string) string {
		if n == "" {
			return ""
		}
		return `, caller_id: "` + n + `"`
	}
	yaml = "teams:\n  support: {name: Support, agents: [ann, carol]" + id(support) + "}\n  sales: {name: Sales, agents: [ann, bob]" + id(sales) + "}\n" +
		queueFlow + "dial: {trunks: [acme, spare]}\n"
	return yaml, []string{
		"ann-password-1, options: false", "ann-password-1, options: false" + id(ann),
		`accept_from: [10.0.0.8/32], caller_id: "+14155550100"}`, `accept_from: [10.0.0.8/32], caller_id: "` + spareNumber + `", format: {out: national}, identity: {send: pai}}`,
	}
}

// Product §7: a call out shows the agent's number, else the team's, else that of
// the trunk which carries it, in the trunk's own way of writing, and so says the card.
func TestCallOutShowsTheAgentsNumberElseTheTeamsElseTheTrunks(t *testing.T) {
	for _, c := range []struct {
		name, ann, support, sales string
		acme, spare, card         string // From and P-Asserted-Identity at each trunk
	}{
		{"the agent's", annNumber, supportNumber, salesNumber, annNumber, "4155550110", annNumber},
		{"the first team's", "", supportNumber, salesNumber, supportNumber, "4155550120", supportNumber},
		{"not the second team's", "", "", salesNumber, ourNumber, "4155550140", spareNumber},
		{"the trunk's", "", "", "", ourNumber, "4155550140", spareNumber},
	} {
		for _, click := range []bool{false, true} {
			name := c.name + " by phone"
			if click {
				name = c.name + " by click"
			}
			t.Run(name, func(t *testing.T) {
				yaml, changes := shows(c.ann, c.support, c.sales)
				act(t, yaml, func(s *story) {
					s.reload(yaml, changes...)
					s.carrier.OnCall(simphone.Ring().After(time.Second).Decline(503)) // on to the next trunk
					far := s.outside(simphone.Ring().After(time.Second).Answer())
					ann := s.agent("ann", annTone, simphone.Ring().Answer())
					var a *simphone.Call
					if click {
						_, err := s.house.board.Dial(s.ctx, "ann", number, "")
						s.does(err)
						a = s.gets(ann)
					} else {
						a = ann.Dial(number)
					}
					first := s.rings(s.carrier)
					if got := first.Caller(); got != c.acme {
						t.Errorf("the first trunk is shown %s, want %s", got, c.acme)
					}
					f := s.gets(far)
					if got, pai := f.Caller(), f.Invite().Get("P-Asserted-Identity"); got != c.spare || pai != "<sip:"+c.spare+"@pbx.example.com>" {
						t.Errorf("the next trunk is shown %s and told %s, want %s", got, pai, c.spare)
					}
					s.bye(f)
					s.ended(a)
					time.Sleep(time.Second)
					if got := s.card().Caller; string(got) != c.card {
						t.Errorf("the card: got %s, want %s", got, c.card)
					}
				})
			})
		}
	}
}

// What may be chosen is the agent's number and those of the agent's teams.
func TestAgentChoosesTheNumberThatACallOutShows(t *testing.T) {
	yaml, changes := shows(annNumber, supportNumber, salesNumber)
	act(t, yaml, func(s *story) {
		s.reload(yaml, changes...)
		s.carrier.OnCall(simphone.Ring().After(time.Second).Decline(486))
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		s.agent("bob", bobTone, simphone.Ring())
		for _, c := range []struct {
			agent routing.AgentID
			want  []call.CallerID
		}{
			{"ann", []call.CallerID{{Number: annNumber, Default: true}, {Number: supportNumber, Team: "support"}, {Number: salesNumber, Team: "sales"}}},
			{"bob", []call.CallerID{{Number: salesNumber, Team: "sales", Default: true}}},
			{"carol", []call.CallerID{{Number: supportNumber, Team: "support", Default: true}}},
		} {
			if got := s.agentNow(c.agent).CallerIDs; !slices.Equal(got, c.want) {
				t.Errorf("%s may show: got %+v, want %+v", c.agent, got, c.want)
			}
		}
		for _, c := range []struct{ from, want string }{
			{salesNumber, salesNumber},
			{"(415) 555-0120", supportNumber},
			{annNumber, annNumber},
			{"", annNumber},
		} {
			_, err := s.house.board.Dial(s.ctx, "ann", number, c.from)
			s.does(err)
			a := s.gets(ann)
			if got := s.rings(s.carrier).Caller(); got != c.want {
				t.Errorf("from %q: the trunk is shown %s, want %s", c.from, got, c.want)
			}
			s.ended(a)
			time.Sleep(time.Second)
			if got := s.card().Caller; string(got) != c.want {
				t.Errorf("from %q: the card has %s, want %s", c.from, got, c.want)
			}
		}
		for _, c := range []struct {
			agent routing.AgentID
			from  string
		}{
			{"bob", supportNumber}, {"bob", annNumber}, {"ann", ourNumber}, {"ann", customer}, {"ann", "anonymous"}, {"ann", "911"}, {"ann", "nobody"},
		} {
			if _, err := s.house.board.Dial(s.ctx, c.agent, number, c.from); !errors.Is(err, call.ErrNotShown) {
				t.Errorf("%s from %s: got %v, want %v", c.agent, c.from, err, call.ErrNotShown)
			}
		}
		if n := len(s.now().Calls); n != 0 {
			t.Errorf("calls after refusals: got %d, want none", n)
		}
	})
}

// A number that a reload takes away is not shown any more, also by a call
// whose agent's phone rings already.
func TestChosenNumberThatAReloadTakesAwayIsNotShown(t *testing.T) {
	yaml, changes := shows(annNumber, supportNumber, salesNumber)
	act(t, yaml, func(s *story) {
		s.reload(yaml, changes...)
		ann := s.agent("ann", annTone, simphone.Ring().After(5*time.Second).Answer())
		_, err := s.house.board.Dial(s.ctx, "ann", number, salesNumber)
		s.does(err)
		a := s.rings(ann)
		without, changes := shows(annNumber, supportNumber, "")
		s.reload(without, changes...)
		s.ended(a)
		time.Sleep(time.Second)
		if e := s.card().Ending; e.Cause != call.CauseNotAllowed || e.Code != 403 {
			t.Errorf("ending: got %+v, want 403: it is nobody's caller id any more", e)
		}
	})
}
