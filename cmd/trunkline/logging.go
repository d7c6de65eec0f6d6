package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// logger writes lines without ever making the one who logs wait: a terminal
// that is stopped or a full pipe costs log lines, not calls. close writes out
// what is queued, in bounded time.
func logger(out io.Writer, form string) (log *slog.Logger, closeLog func()) {
	w := newLogWriter(out)
	var h slog.Handler = slog.NewTextHandler(w, nil)
	if form == "json" {
		h = slog.NewJSONHandler(w, nil)
	}
	return slog.New(h), w.close
}

// logQueue is how many lines wait at most for a slow reader.
const logQueue = 8192

// logWriter is an io.Writer whose Write never blocks.
type logWriter struct {
	out     io.Writer
	lines   chan []byte
	dropped atomic.Uint64
	end     sync.Once
	quit    chan struct{}
	done    chan struct{}
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, lines: make(chan []byte, logQueue), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// Write queues one line; a full queue drops and counts it.
func (w *logWriter) Write(b []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), b...):
	default:
		w.dropped.Add(1)
	}
	return len(b), nil
}

func (w *logWriter) run() {
	defer close(w.done)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case b := <-w.lines:
			_, _ = w.out.Write(b)
		case <-second.C:
			w.sayDropped()
		case <-w.quit:
			for {
				select {
				case b := <-w.lines:
					_, _ = w.out.Write(b)
				default:
					w.sayDropped()
					return
				}
			}
		}
	}
}

func (w *logWriter) sayDropped() {
	if n := w.dropped.Swap(0); n > 0 {
		fmt.Fprintf(w.out, "time=%s level=WARN msg=\"log lines were dropped: whoever reads the log is too slow\" count=%d\n", time.Now().UTC().Format(time.RFC3339), n)
	}
}

// close waits at most a second for the queued lines.
func (w *logWriter) close() {
	w.end.Do(func() { close(w.quit) })
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	}
}
