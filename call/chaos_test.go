package call

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/raced"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

var (
	chaosSeed = flag.Uint64("chaos.seed", 1, "the first seed of the random calls")
	chaosRuns = flag.Int("chaos.runs", 1, "how many seeds")
)

// Whatever callers, agents and the network do: every call has one end, nobody
// is forgotten, nothing is left.
func TestRandomCallsOnABadNetworkLeaveNothingBehind(t *testing.T) {
	for i := range *chaosRuns {
		seed := *chaosSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			chaos(t, rand.New(rand.NewPCG(seed, 0)))
		})
		if t.Failed() {
			return
		}
	}
}

var chaosCalls = raced.Or(100, 200)

const chaosAgents = 16

func chaos(t *testing.T, rnd *rand.Rand) { storm(t, rnd, (*bench).meddle, func(*bench) {}) }

// storm is many callers and agents; meddle is what else happens between two
// calls, check what is wanted of it at the end.
func storm(t *testing.T, rnd *rand.Rand, meddle func(*bench, *rand.Rand), check func(*bench)) {
	b := newBench(t, chaosAgents)
	defer b.end()
	var agents []*simphone.Phone
	for i := range chaosAgents {
		agents = append(agents, b.agent(i, moods(rnd)...))
	}
	good, deaf := b.carrier(5060), b.carrier(5062)
	good.OnCall(moods(rnd)...) // what is dialled out reaches it
	deaf.Behave(func(h *simphone.Habits) { h.NoACK = true })
	attentive := b.listenAlong(good)
	b.net.SetFault(simnet.Fault{Loss: 0.05, Duplicate: 0.05, Reorder: 0.05, ReorderBy: 30 * time.Millisecond})

	var callers sync.WaitGroup
	for i := range chaosCalls {
		carrier, number := good, early
		stays := min(time.Duration(rnd.ExpFloat64()*8*float64(time.Second)), 40*time.Second)
		if rnd.IntN(25) == 0 {
			carrier, stays = deaf, 50*time.Second // longer than a 200 is repeated
		}
		if rnd.IntN(2) == 0 {
			number = []string{late, away, brief}[rnd.IntN(3)]
		}
		silent := rnd.IntN(15) == 0
		callers.Go(func() { caller(carrier, number, stays, silent) })
		time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
		if i%25 == 24 { // the phones that died come back
			revive(b.phones)
		}
		meddle(b, rnd)
	}
	callers.Wait()
	b.busy.Wait()
	revive(b.phones)
	b.reload(chaosAgents)
	b.net.SetFault(simnet.Fault{})
	b.hangUpOwn()
	b.settle(5 * time.Minute)
	attentive()
	b.wantTrueCards()
	b.wantNothingLeft()
	b.wantNoDefects()
	if got := len(b.cards()); got < chaosCalls*8/10 { // a carrier that has died places none
		t.Errorf("calls: got %d, want nearly %d", got, chaosCalls)
	}
	check(b)
	b.wantAgentsAtWork(agents)
}

// hangUpOwn ends the agents' own calls: who was called by a click and who was
// dialled may both be such as wait for the other to hang up.
func (b *bench) hangUpOwn() {
	b.Helper()
	var own []ID
	b.onLoop(func(s *Switchboard) {
		for id, c := range s.calls {
			if !c.ended && c.record.Direction != "" && c.record.Direction != Inbound {
				own = append(own, id)
			}
		}
	})
	for _, id := range own {
		_ = b.board.Do(b.Context(), Order{Verb: Hangup, Call: id}) // one may have ended meanwhile
	}
}

func revive(phones []*simphone.Phone) {
	for _, p := range phones {
		p.Revive()
	}
}

// meddle is what people order meanwhile: agents go and come, and now and then
// another configuration.
func (b *bench) meddle(rnd *rand.Rand) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if rnd.IntN(5) == 0 {
		active, reason := rnd.IntN(3) > 0, ""
		if !active {
			reason = "lunch"
		}
		if err := b.board.SetAgent(ctx, agentName(rnd.IntN(4)), active, reason); err != nil {
			b.Error(err)
		}
	}
	if rnd.IntN(40) == 0 {
		b.reload(chaosAgents - rnd.IntN(5))
	}
}

// reload puts a configuration with so many agents in force.
func (b *bench) reload(agents int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.board.Reload(ctx, benchSetup(agents), ""); err != nil {
		b.Error(err)
	}
}

// saysNothing is the number of the callers who send no sound.
const saysNothing = "+14155550124"

// caller calls and, after a while, hangs up in whatever state the call is.
func caller(carrier *simphone.Phone, number string, stays time.Duration, silent bool) {
	from := "+14155550123"
	if silent {
		from = saysNothing
	}
	c := carrier.Dial(number, simphone.From(from))
	c.StopRTP(silent)
	ctx, cancel := context.WithTimeout(context.Background(), stays)
	_, err := c.WaitEnded(ctx)
	cancel()
	if err == nil {
		return
	}
	ctx, cancel = context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_ = c.Hangup(ctx)
	_, _ = c.WaitEnded(ctx)
}

// moods are what a phone does with one call after the other.
func moods(rnd *rand.Rand) []simphone.Script {
	var out []simphone.Script
	wait := func(most time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(most))) }
	for range 100 {
		rings := simphone.Ring().After(wait(5 * time.Second))
		answers := rings.Answer()
		var s simphone.Script
		switch rnd.IntN(16) {
		case 0, 1, 2, 3, 4:
			s = answers.After(wait(10 * time.Second)).Bye()
		case 5:
			s = answers.After(wait(3 * time.Second)).Hold(simphone.HoldKind(rnd.IntN(4))).After(wait(4 * time.Second)).Resume().After(wait(5 * time.Second)).Bye()
		case 6:
			s = answers.After(wait(3 * time.Second)).Hold(simphone.HoldInactive).Bye()
		case 7:
			s = answers // until the caller hangs up
		case 8:
			s = rings.Decline([]int{486, 480, 603, 600}[rnd.IntN(4)])
		case 9:
			s = simphone.Decline([]int{486, 503, 600, 404, 488}[rnd.IntN(5)])
		case 10:
			s = simphone.Ignore()
		case 11:
			s = simphone.Ring() // rings out
		case 12:
			s = simphone.Ring().AnswerOnCancel()
		case 13:
			s = rings.Fork()
		case 14:
			s = answers.After(wait(4 * time.Second)).Die()
		case 15:
			s = rings.Die()
		}
		out = append(out, s)
	}
	return out
}

// wantAgentsAtWork wants every agent in a state that is true: those who are
// away know why, and when asked to come back, all take calls.
func (b *bench) wantAgentsAtWork(phones []*simphone.Phone) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	status, err := b.board.Status(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range status.Agents {
		if a.Status == routing.StatusAway && a.Reason == "" {
			b.Errorf("%s: got away without a reason", a.ID)
		}
	}
	for i, p := range phones {
		p.OnCall(simphone.Ring().Answer())
		if err := b.board.SetAgent(ctx, agentName(i), true, ""); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(3 * time.Minute) // back-offs and registrations
	carrier := b.phones[chaosAgents]
	var calls []*simphone.Call
	for range phones {
		calls = append(calls, carrier.Dial(early, simphone.From("+14155550123")))
	}
	time.Sleep(2 * time.Second)
	status, err = b.board.Status(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range status.Agents {
		if len(a.Open) != 1 {
			b.Errorf("%s: got %+v, want in a call", a.ID, a)
		}
	}
	for _, c := range calls {
		c.MustBye(b)
	}
	b.settle(time.Minute)
}
