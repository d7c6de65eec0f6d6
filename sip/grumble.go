package sip

import (
	"log/slog"
	"sync"
	"time"
)

// grumbler says repeating trouble at most once a second for each text, with
// how often it was meant. The texts are constants of ours, so the map is
// bounded.
type grumbler struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]*grudge
}

type grudge struct {
	at    time.Time
	count int
}

func newGrumbler(log *slog.Logger) *grumbler {
	return &grumbler{log: log, last: map[string]*grudge{}}
}

func (g *grumbler) say(text string, args ...any) {
	now := time.Now()
	g.mu.Lock()
	k := g.last[text]
	if k == nil {
		k = &grudge{}
		g.last[text] = k
	}
	k.count++
	if now.Sub(k.at) < time.Second {
		g.mu.Unlock()
		return
	}
	n := k.count
	k.at, k.count = now, 0
	g.mu.Unlock()
	g.log.Warn(text, append(args, "count", n)...)
}
