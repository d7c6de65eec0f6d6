package call

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"

	"trunkline/desk"
	"trunkline/routing"
)

// BenchmarkStatus is one look at a switch of a thousand agents, each in four of
// fifty teams that have a number each. Calls wait for it: it is taken on the
// loop, several times a second while pages are open.
func BenchmarkStatus(b *testing.B) {
	const agents, teams, each = 1000, 50, 4
	setup := benchSetup(0)
	setup.Router, setup.Teams, setup.CallerIDs = routing.Config{}, map[routing.TeamID]Team{}, map[routing.AgentID]desk.Number{}
	for i := range teams {
		id := routing.TeamID(fmt.Sprintf("team%02d", i))
		setup.Router.Teams = append(setup.Router.Teams, routing.Team{ID: id})
		setup.Teams[id] = Team{Name: string(id), CallerID: desk.Number(fmt.Sprintf("+1415555%04d", i))}
	}
	for i := range agents {
		id := agentName(i)
		setup.Router.Agents = append(setup.Router.Agents, routing.Agent{ID: id, Name: string(id), CallLimit: 1})
		setup.CallerIDs[id] = desk.Number(fmt.Sprintf("+1415556%04d", i))
		for j := range each {
			t := &setup.Router.Teams[(i+j*teams/each)%teams]
			t.Agents = append(t.Agents, id)
		}
	}
	board := New(Config{Setup: setup, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, stop := context.WithCancel(b.Context())
	var loop sync.WaitGroup
	loop.Go(func() { _ = board.Run(ctx, Hands{Append: func(...Entry) {}}) })
	defer loop.Wait()
	defer stop()
	for b.Loop() {
		v, err := board.Status(ctx)
		if err != nil || len(v.Agents) != agents || len(v.Agents[0].CallerIDs) != 1+each {
			b.Fatalf("got %v, %d agents, want %d, each with %d numbers", err, len(v.Agents), agents, 1+each)
		}
	}
}
