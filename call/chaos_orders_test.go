package call

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simphone"
)

// Whatever is ordered at whatever moment: no orphan leg, every call one end,
// every agent back to a true state, nothing left.
func TestRandomOrdersLeaveNothingBehind(t *testing.T) {
	for i := range *chaosRuns {
		seed := *chaosSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			var more *gadgets
			storm(t, rand.New(rand.NewPCG(seed, 1)), func(b *bench, rnd *rand.Rand) {
				if more == nil {
					more = b.gadgets(rnd)
				}
				b.meddle(rnd)
				more.moves(rnd)
				for range 12 {
					b.orders(rnd)
				}
			}, func(b *bench) {
				more.take()
				// The test is worth something only if all this came to pass.
				b.wantHappened(FactWatchBegan, FactWatchMode, FactWatchEnded, FactMoved, FactOfferedTo,
					FactTransferring, FactTransferred, FactTransferFailed, FactHeld, FactResumed,
					FactRecordingPaused, FactRecordingResumed, FactDialled)
			})
		})
		if t.Failed() {
			return
		}
	}
}

// orders gives one random order, or has a phone do something of its own.
func (b *bench) orders(rnd *rand.Rand) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	status, err := b.board.Status(ctx)
	if err != nil {
		b.Fatal(err)
	}
	switch {
	case rnd.IntN(3) == 0:
		b.phoneActs(rnd)
	case rnd.IntN(12) == 0:
		_, err = b.board.Dial(ctx, agentName(rnd.IntN(chaosAgents)), b.someone(rnd), "")
	case rnd.IntN(4) == 0:
		err = b.watches(ctx, rnd, status.Calls)
	case rnd.IntN(25) == 0:
		err = b.supervises(ctx, rnd, status.Calls)
	case len(status.Calls) > 0:
		status.Calls = talking(status.Calls, rnd)
		verbs := []Verb{Hold, Resume, Mute, Unmute, Pause, Continue, Transfer, Transfer, Transfer, Swap, Merge, Complete, Cancel, Reclaim}
		one := status.Calls[rnd.IntN(len(status.Calls))]
		o := Order{Verb: verbs[rnd.IntN(len(verbs))], Call: one.ID, By: one.Agent, Ask: rnd.IntN(2) == 0, For: time.Duration(rnd.IntN(2)) * time.Second}
		switch rnd.IntN(10) {
		case 0:
			o.By = agentName(rnd.IntN(chaosAgents))
		case 1:
			o.By = ""
		}
		if rnd.IntN(60) == 0 {
			o.Verb = Hangup
		}
		switch rnd.IntN(5) {
		case 0:
			o.To = Destination{Team: "support"}
		case 1, 2:
			o.To = Destination{Number: "+14155550199"}
		default:
			o.To = Destination{Agent: agentName(rnd.IntN(chaosAgents))}
		}
		err = b.board.Do(ctx, o)
	}
	for _, known := range []error{ErrNoCall, ErrNotInCall, ErrNotNow, ErrNoTarget, ErrOffline, ErrNotAllowed, ErrNoAgent} {
		if errors.Is(err, known) {
			return
		}
	}
	if err != nil {
		b.Errorf("an order: got %v, want a reason of the list", err)
	}
}

// talking are the calls that an agent has, and now and then all.
func talking(all []CallStatus, rnd *rand.Rand) []CallStatus {
	with := slices.DeleteFunc(slices.Clone(all), func(c CallStatus) bool { return c.Agent == "" })
	if len(with) == 0 || rnd.IntN(10) == 0 {
		return all
	}
	return with
}

// someone is what may be dialled.
func (b *bench) someone(rnd *rand.Rand) string {
	return []string{"+14155550199", string(agentName(rnd.IntN(chaosAgents))), "*44", "*11", "*41", "*40", "*43", "12", "+19005550100"}[rnd.IntN(9)]
}

// phoneActs has an agent's phone press keys, dial out, or refer its call.
func (b *bench) phoneActs(rnd *rand.Rand) {
	b.Helper()
	p := b.phones[rnd.IntN(chaosAgents)]
	if rnd.IntN(20) == 0 { // starts anew
		p.Revive()
		b.busy.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, _ = p.Register(ctx, time.Minute)
		})
		return
	}
	to, stays := b.someone(rnd), time.Duration(rnd.IntN(20))*time.Second
	keys := []string{"*1", "*2", "*3", "*4", "*5", "*6", "*0", "*8", "*2+1", "*30#"}[rnd.IntN(10)]
	what := rnd.IntN(3)
	b.busy.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if what == 0 {
			caller(p, to, stays, false)
			return
		}
		for _, c := range p.Calls() {
			if c.State() != simphone.Answered {
				continue
			}
			if what == 1 {
				c.SendDigits(keys)
				return
			}
			_, _ = c.Request(ctx, "REFER", simphone.WithHeader("Refer-To", "<sip:"+to+"@pbx.example.com>"))
			if stays < 5*time.Second {
				_ = c.Hangup(ctx)
			}
			return
		}
	})
}

// wantHappened wants facts of each of these kinds.
func (b *bench) wantHappened(kinds ...FactKind) {
	b.Helper()
	seen := map[FactKind]int{}
	for _, f := range b.facts() {
		seen[f.Kind]++
	}
	for _, k := range kinds {
		if seen[k] == 0 {
			b.Errorf("%s: got none, want some", k)
		}
	}
	b.Logf("facts: %v", seen)
}
