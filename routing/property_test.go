package routing

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/internal/raced"
)

// TestAnyEventsKeepTheRules feeds small houses with any events at any times, sensible and not, and checks each step
// against the model, against Check, and against a router restored from its snapshot.
func TestAnyEventsKeepTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "") }
		w := newWorld(rt, pick, 1+pick(6), 1+pick(3))
		steps := rapid.IntRange(1, raced.Or(50, 150)).Draw(rt, "steps")
		for range steps {
			before := restored(w, w.router, w.runs)
			ev, cmds := w.step()
			if again := before.Step(w.now, journalled(w, ev)); !reflect.DeepEqual(again, cmds) {
				rt.Fatalf("after %#v: the restored router says %v, the other one %v", ev, again, cmds)
			}
			if err := w.router.Check(); err != nil {
				rt.Fatalf("after %#v: %v", ev, err)
			}
			if err := w.model.nobodyWaits(); err != nil {
				rt.Fatalf("after %#v: %v", ev, err)
			}
			if err := w.model.agree(w.router.Agents(w.now)); err != nil {
				rt.Fatalf("after %#v: %v", ev, err)
			}
			if err := w.model.agreeTeams(w.router.Teams()); err != nil {
				rt.Fatalf("after %#v: %v", ev, err)
			}
		}
	})
}

// TestThousandsKeepTheRules is a day of thousands of agents and calls.
func TestThousandsKeepTheRules(t *testing.T) {
	agents, events := raced.Or(500, 2000), raced.Or(5000, 20_000)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, random.IntN, agents, 40)
	w.busy = true
	w.model.thrift = 500
	for i := range events {
		ev, _ := w.step()
		if i%2000 != 0 {
			continue
		}
		if err := w.router.Check(); err != nil {
			t.Fatalf("after %#v: %v", ev, err)
		}
		if err := w.model.nobodyWaits(); err != nil {
			t.Fatalf("after %#v: %v", ev, err)
		}
		if err := w.model.agree(w.router.Agents(w.now)); err != nil {
			t.Fatalf("after %#v: %v", ev, err)
		}
	}
	if w.model.seen < events/20 {
		t.Fatalf("offers: got %d of %d events, want more", w.model.seen, events)
	}
	t.Logf("%d offers, %d calls, %d waiting at the end", w.model.seen, w.calls, len(w.router.Waiting(w.now)))
}
