package api

import (
	"context"
	"testing"

	"trunkline/call"
)

// A page asks for its agent's boxes now and then, not at each fact; a reload may change them, and a switchboard that is
// behind takes none away.
func TestAPageKnowsItsBoxesForAWhile(t *testing.T) {
	h := newHouse(t)
	v := sight{server: h.server, account: Account{Scope: ScopeAgent, Agent: "ann"}}
	left := func(ctx context.Context, agent string) bool {
		return v.sees(ctx, call.Fact{Kind: call.FactVoicemailLeft, Call: "A", Agent: named(call.Fact{}.Agent, agent)})
	}
	if !left(t.Context(), "ann") || left(t.Context(), "bob") {
		t.Error("the boxes: got another's or not one's own, want one's own alone")
	}
	asked := v.known
	if left(t.Context(), "bob"); v.known != asked {
		t.Error("the next fact: got the boxes asked for again, want them known")
	}
	v.sees(t.Context(), call.Fact{Kind: call.FactReloaded})
	if left(t.Context(), "bob"); v.known == asked {
		t.Error("after a reload: got the boxes as before, want them asked for")
	}
	v.sees(t.Context(), call.Fact{Kind: call.FactReloaded})
	h.server.cfg.Board = silent()
	behind, cancel := context.WithCancel(t.Context())
	cancel()
	if !left(behind, "ann") || left(behind, "bob") {
		t.Error("without an answer: got other boxes, want those that were known")
	}
}
