package sip

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// RFC 3261 §17.1.1.1: estimates of the round trip, and the ends that follow.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
	t4 = 5 * time.Second

	// giveUp is 64*T1: timers B, F, H, J, L and M.
	giveUp = 64 * t1
)

var knobs sync.Once

// setKnobs sets sipgo's package-wide variables: the only place that does. They
// are read without locks, so it must run before any transaction is made.
func setKnobs() {
	knobs.Do(func() {
		sip.SetTimers(t1, t2, t4)
		sip.SIPDebug = false
		sip.TransactionFSMDebug = false
		// Scar: "failed to parse" with the whole datagram at ERROR, and a line
		// for each transaction. What matters is counted and said by us.
		sip.SetDefaultLogger(slog.New(mute{}))
	})
}

// mute is a slog handler that drops everything, cheaply.
type mute struct{}

func (mute) Enabled(context.Context, slog.Level) bool  { return false }
func (mute) Handle(context.Context, slog.Record) error { return nil }
func (m mute) WithAttrs([]slog.Attr) slog.Handler      { return m }
func (m mute) WithGroup(string) slog.Handler           { return m }
