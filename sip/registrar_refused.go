package sip

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// maxRefused bounds how many (source, user) pairs are counted between two lines.
const maxRefused = 256

// refusals counts wrong credentials per source and user and says one line a
// second at most: the pair that failed most since the last one.
type refusals struct {
	log *slog.Logger

	mu    sync.Mutex
	next  time.Time // no line before
	count map[refused]*refusedCount
	order []refused // keys of count, in the order they came
	lost  int       // failures that had no room
}

type refused struct {
	addr netip.Addr
	user string
}

type refusedCount struct {
	n   int
	why misfit // with the cure
}

// add counts one failure. It may log.
func (f *refusals) add(addr netip.Addr, user string, why misfit, now time.Time) {
	if len(user) > 64 {
		user = user[:64]
	}
	key := refused{addr, user}
	f.mu.Lock()
	if f.count == nil {
		f.count = map[refused]*refusedCount{}
	}
	switch c := f.count[key]; {
	case c != nil:
		c.n++
		c.why = why
	case len(f.count) < maxRefused:
		f.count[key] = &refusedCount{n: 1, why: why}
		f.order = append(f.order, key)
	default:
		f.lost++
	}
	line := f.line(now)
	f.mu.Unlock()
	f.say(line)
}

// flush says what is still unsaid, if a second has passed since the last
// line. It returns when to come again; zero: nothing is unsaid.
func (f *refusals) flush(now time.Time) (again time.Time) {
	f.mu.Lock()
	line := f.line(now)
	if len(f.order) > 0 {
		again = f.next
	}
	f.mu.Unlock()
	f.say(line)
	return again
}

// line is the line to log now, nil if there is none or it is not yet time.
func (f *refusals) line(now time.Time) []any {
	if len(f.order) == 0 || now.Before(f.next) {
		return nil
	}
	worst, others := f.order[0], f.lost
	for _, k := range f.order {
		others += f.count[k].n
		if f.count[k].n > f.count[worst].n {
			worst = k
		}
	}
	w := f.count[worst]
	line := []any{"addr", worst.addr.String(), "agent", worst.user, "count", w.n, "err", w.why.String()}
	if others -= w.n; others > 0 {
		line = append(line, slog.Group("others", "count", others))
	}
	f.next = now.Add(time.Second)
	f.count, f.order, f.lost = nil, nil, 0
	return line
}

func (f *refusals) say(line []any) {
	if line != nil {
		f.log.Warn("phone refused", line...)
	}
}
