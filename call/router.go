package call

import (
	"fmt"
	"runtime/debug"
	"time"

	"trunkline/routing"
)

// brain is the router and what is needed to rebuild it: its last snapshot
// and the events since, which are journalled too.
type brain struct {
	router *routing.Router
	seq    uint64 // of the last event

	last   routing.Snapshot
	events []timed // after last

	queue    []routing.Event
	stepping bool
}

type timed struct {
	at time.Time
	ev routing.Event
}

// snapshotEvery bounds the events that a rebuild or a start replays: a second's
// work. A snapshot of a busy day has megabytes, so they are rare.
const snapshotEvery = 1 << 16

// noTime is "never" for deadlines and alarms.
var noTime time.Time

// boot rebuilds the router from the journal: the last snapshot and the
// events after it, at their times. What the router commands meanwhile was
// done by the process before this one.
//
// A journal that cannot be replayed costs what the router remembered (who was
// assigned last, who is away), never the start: it is said loudly.
func (s *Switchboard) boot(b Boot) {
	s.brain.router = routing.New(s.setup.Router)
	s.brain.seq = b.RouterSeq
	s.interruptedCalls, s.endsTold, s.unsealedCalls = b.Open, b.Ended, b.Unsealed
	if err := s.replay(b); err != nil {
		s.log.Error("the router's journal cannot be replayed: agents are active, nobody counts as assigned yet", "err", err)
		s.brain.router = routing.New(s.setup.Router)
	}
	s.brain.last = s.brain.router.Snapshot()
}

func (s *Switchboard) replay(b Boot) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("replay panicked: %v", p)
		}
	}()
	if b.Router != nil {
		s.seen = b.Router.At
		r, err := routing.Restore(s.setup.Router, b.Router.Data)
		if err != nil {
			return fmt.Errorf("router's snapshot %d: %w", b.Router.Seq, err)
		}
		s.brain.router = r
	}
	for _, e := range b.RouterEvents {
		s.seen = e.At
		ev, err := routing.DecodeEvent(e.Data)
		if err != nil {
			return fmt.Errorf("router's event %d: %w", e.Seq, err)
		}
		s.brain.router.Step(e.At, ev)
	}
	return nil
}

// route steps the router and obeys it. Events that a command brings about at
// once wait until the commands before them are obeyed.
func (s *Switchboard) route(ev routing.Event) {
	if r, ok := ev.(routing.Released); ok {
		s.freed[r.Agent] = s.now
	}
	b := &s.brain
	b.queue = append(b.queue, ev)
	if b.stepping {
		return
	}
	b.stepping = true
	for len(b.queue) > 0 {
		next := b.queue[0]
		b.queue = b.queue[1:]
		for _, cmd := range s.step(next) {
			s.obey(cmd)
		}
	}
	b.queue, b.stepping = nil, false
}

// step journals an event and gives it to the router. A panic in there costs
// that event: the router is rebuilt without it, and the reconciler mends
// what it then knows otherwise than the lines.
func (s *Switchboard) step(ev routing.Event) (cmds []routing.Command) {
	b := &s.brain
	data, err := routing.EncodeEvent(ev)
	if err != nil {
		panic("call: a router event that cannot be journalled: " + err.Error())
	}
	b.seq++
	s.append(RouterEvent{Seq: b.seq, At: s.now, Config: s.setup.Hash, Data: data})
	defer func() {
		if p := recover(); p != nil {
			s.counts.Faults++
			s.log.Error("a defect in the router, it is rebuilt from its journal", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.rebuild()
			cmds = nil
			s.checkAt = s.now
		}
	}()
	cmds = b.router.Step(s.now, ev)
	b.events = append(b.events, timed{s.now, ev})
	if len(b.events) >= snapshotEvery {
		s.snapshot()
	}
	return cmds
}

// snapshot writes the router down, so that replay starts here.
func (s *Switchboard) snapshot() {
	b := &s.brain
	b.last, b.events = b.router.Snapshot(), nil
	s.append(RouterSnapshot{Seq: b.seq, At: s.now, Data: b.last}) // made text by the writer: thousands of works take long
}

// rebuild makes the router from its last snapshot and the events since; if
// that fails too, from the snapshot alone.
func (s *Switchboard) rebuild() {
	b := &s.brain
	replay := func(events []timed) (r *routing.Router) {
		defer func() {
			if recover() != nil {
				r = nil
			}
		}()
		r, err := routing.Restore(s.setup.Router, b.last)
		if err != nil {
			return nil
		}
		for _, e := range events {
			r.Step(e.at, e.ev)
		}
		return r
	}
	r := replay(b.events)
	if r == nil {
		b.events = nil
		if r = replay(nil); r == nil {
			r = routing.New(s.setup.Router)
		}
	}
	b.router = r
	s.snapshot() // the journal goes on from what was rebuilt
	for _, a := range s.setup.Router.Agents {
		b.queue = append(b.queue, s.phonesOf(a.ID, false))
	}
}
