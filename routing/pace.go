package routing

import (
	"slices"
	"time"
)

// How the wait of a team's callers is estimated: from the last calls of its queue that had to wait and were answered.
// Each says how long the first of the line had to stand there; who stands at place p will wait p times the mean of it.
// The same calls say how far that can be trusted: for how many of them would it have held.
const (
	paceCalls = 20            // so many of the last ones count
	paceLeast = 5             // fewer tell nothing
	paceAge   = 2 * time.Hour // older ones neither
)

// A sample is one call that waited and was answered.
type sample struct {
	At     time.Time     `json:"at"`
	Waited time.Duration `json:"waited"` // since it entered the queue
	Head   time.Duration `json:"head"`   // since it entered and the call before it was answered
	Place  int           `json:"place"`  // when it entered, from 1
}

// pace is what is known of how fast a team answers.
type pace struct {
	moved   time.Time // the last answer
	samples []sample  // the last ones, oldest first
}

// answered notes that a call of the team was answered.
func (p *pace) answered(w *work, now time.Time) {
	from := w.entered
	if p.moved.After(from) {
		from = p.moved
	}
	p.moved = now
	if w.place == 0 { // an agent was free: that says nothing of those who have to wait
		return
	}
	if len(p.samples) >= paceCalls {
		p.samples = slices.Delete(p.samples, 0, len(p.samples)-paceCalls+1)
	}
	p.samples = append(p.samples, sample{At: now, Waited: now.Sub(w.entered), Head: now.Sub(from), Place: w.place})
}

// estimate returns how long a caller at a place will wait, and for how many of a hundred that would have held. 0, 0:
// nobody can tell.
func (p *pace) estimate(place int, now time.Time) (wait time.Duration, confidence int) {
	fresh := p.samples
	for len(fresh) > 0 && now.Sub(fresh[0].At) > paceAge {
		fresh = fresh[1:]
	}
	if len(fresh) < paceLeast {
		return 0, 0
	}
	var sum time.Duration
	for _, s := range fresh {
		sum += s.Head
	}
	mean := sum / time.Duration(len(fresh))
	held := 0
	for _, s := range fresh {
		if said := mean * time.Duration(s.Place); s.Waited <= said+said/2+30*time.Second && s.Waited >= said/2-30*time.Second {
			held++
		}
	}
	return mean * time.Duration(place), 100 * held / len(fresh)
}

// asked answers where a work stands and how long it will wait. What it is promised is remembered, so that nobody behind
// it is promised less.
func (r *Router) asked(ev Asked) {
	p := Placed{Work: ev.Work}
	w := r.works[ev.Work]
	switch {
	case w == nil:
	case w.line != nil:
		p.Team = w.teamID
		p.Place, p.Wait, p.Confidence = r.promise(w)
	case w.state == waiting:
		p.Team, p.Place = w.teamID, 1+slices.Index(r.agents[w.target].targeted, w)
	}
	r.emit(p)
}

// promise is what a work in a line is told.
func (r *Router) promise(w *work) (place int, wait time.Duration, confidence int) {
	t := w.line
	at, _ := slices.BinarySearchFunc(t.line, w, (*work).compare)
	if t.present > 0 {
		wait, confidence = t.pace.estimate(at+1, r.now)
	}
	if confidence == 0 {
		return at + 1, 0, 0
	}
	until := r.now.Add(wait)
	for _, v := range t.line[:at] {
		if v.promised.After(until) {
			until = v.promised
		}
	}
	wait = roundWait(until.Sub(r.now))
	if confidence >= ConfidentFrom {
		w.promised = r.now.Add(wait)
	}
	return at + 1, wait, confidence
}

// ConfidentFrom is the least confidence with which a caller is told an estimate.
const ConfidentFrom = 60

// roundWait rounds a wait up to what people say: whole minutes up to five, then fives, tens, and half hours.
func roundWait(d time.Duration) time.Duration {
	step := time.Minute
	switch {
	case d > time.Hour:
		step = 30 * time.Minute
	case d > 20*time.Minute:
		step = 10 * time.Minute
	case d > 5*time.Minute:
		step = 5 * time.Minute
	}
	return max((d+step-1)/step, 1) * step
}
