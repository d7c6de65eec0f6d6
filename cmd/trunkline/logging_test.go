package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuckWriter blocks until it is let go, as a terminal after Ctrl-S.
type stuckWriter struct {
	bytes.Buffer
	let chan struct{}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	<-w.let
	return w.Buffer.Write(b)
}

func TestLoggingNeverWaitsForASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuckWriter{let: make(chan struct{})}
		log, closeLog := logger(out, "text")
		began := time.Now()
		for range 3 * logQueue {
			log.Info("a line")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("logging to a stuck writer took %v, want no time", took)
		}
		close(out.let)
		closeLog()
		text := out.String()
		if got := strings.Count(text, "a line"); got < logQueue || got > logQueue+1 {
			t.Errorf("lines kept: got %d, want the %d that fit", got, logQueue)
		}
		if !strings.Contains(text, "log lines were dropped") {
			t.Error("the dropped lines are not told")
		}
	})
}
