package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/routing"
)

const (
	// beatEvery is how often a page is asked for a sign of life, which its own
	// code gives from a Worker; beatsMissed of them and it is gone.
	beatEvery   = 5 * time.Second
	beatsMissed = 2
	// shownWithin is how long a page may take to say that it shows an offer.
	shownWithin = 2 * time.Second
	// deskGrace is how long a page that went away may take to come back, as
	// after a reload, before its agent is not present any more.
	deskGrace = 5 * time.Second
	// staffEvery bounds how often the picture of agents and teams is renewed.
	staffEvery = 300 * time.Millisecond
	// staffStale bounds how old it gets: at midnight the day's figures begin
	// anew, and shifts end, without a fact.
	staffStale = 10 * time.Second
	// maxPages bounds the open pages.
	maxPages = 2500
)

// Desks are the Help Desks that are open. Publish is called by the
// switchboard's loop: it notes what concerns an open page and wakes it, and
// never waits for one. Each page has a goroutine that writes what is new since
// it last wrote, so that a slow one holds nothing up and costs a bounded memory.
type Desks struct {
	board  *call.Switchboard
	stream *Stream
	goals  func(routing.TeamID) Goals // nil: none

	mu     sync.Mutex
	pages  map[*tab]bool
	agents map[routing.AgentID]*seat
	calls  map[call.ID][]*tab // whose agent is in the call
	stale  chan struct{}      // the picture of agents and teams is out of date

	staff staff
}

// seat is one agent's place: at most one of their pages is in use.
type seat struct {
	page    *tab // nil: none
	others  []*tab
	present bool // as the router was told
	phone   bool // likewise
	silent  bool // the page is there and does not show what it should
	left    *time.Timer
}

// NewDesks makes the open Help Desks of a switchboard, with the stream of its facts.
func NewDesks(board *call.Switchboard, stream *Stream) *Desks {
	return &Desks{board: board, stream: stream, pages: map[*tab]bool{}, agents: map[routing.AgentID]*seat{}, calls: map[call.ID][]*tab{}, stale: make(chan struct{}, 1)}
}

// Publish takes facts as they happen.
func (d *Desks) Publish(f call.Fact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.pages) == 0 {
		return
	}
	if f.Kind != call.FactQuality {
		select {
		case d.stale <- struct{}{}:
		default:
		}
	}
	for _, agent := range []routing.AgentID{f.Agent, f.By} {
		if s := d.agents[agent]; agent != "" && s != nil && s.page != nil {
			s.page.look()
		}
	}
	for _, p := range d.calls[f.Call] {
		p.look()
	}
}

// has notes which calls a page's agent is in.
func (d *Desks) has(p *tab, calls []call.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range p.calls {
		if d.calls[id] = slices.DeleteFunc(d.calls[id], func(o *tab) bool { return o == p }); len(d.calls[id]) == 0 {
			delete(d.calls, id)
		}
	}
	p.calls = calls
	if !d.pages[p] {
		p.calls = nil
	}
	for _, id := range p.calls {
		d.calls[id] = append(d.calls[id], p)
	}
}

// Run renews the picture of agents and teams while pages are open, until ctx
// is done.
func (d *Desks) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.stale:
		case <-time.After(staffStale):
			if d.Open() == 0 {
				continue
			}
		}
		d.renew(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(staffEvery):
		}
	}
}

// renew takes a picture and wakes the pages if it differs from the last one.
func (d *Desks) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := d.board.Status(ctx)
	if err != nil || !d.staff.update(status, d.goals) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.pages {
		p.wake()
	}
}

// enter seats a page; false: there are too many. One of an agent whose other
// page is in use waits, unless it is the same tab come back.
func (d *Desks) enter(p *tab) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.pages) >= maxPages {
		return false
	}
	d.pages[p] = true
	if p.agent == "" {
		p.inUse.Store(true)
	} else if s := d.seatOf(p.agent); s.page == nil || s.page.tab == p.tab {
		d.use(s, p)
	} else {
		s.others = append(s.others, p)
	}
	select {
	case d.stale <- struct{}{}:
	default:
	}
	return true
}

func (d *Desks) seatOf(agent routing.AgentID) *seat {
	s := d.agents[agent]
	if s == nil {
		s = &seat{}
		d.agents[agent] = s
	}
	return s
}

// take makes a page the one in use.
func (d *Desks) take(p *tab) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.agent != "" && d.pages[p] {
		d.use(d.seatOf(p.agent), p)
	}
}

// use puts a page into the seat; the lock is held.
func (d *Desks) use(s *seat, p *tab) {
	if s.page == p {
		return
	}
	if old := s.page; old != nil {
		old.inUse.Store(false)
		s.others = append(s.others, old)
		old.wake()
	}
	s.others = slices.DeleteFunc(s.others, func(o *tab) bool { return o == p })
	if s.left != nil {
		s.left.Stop()
		s.left = nil
	}
	s.page, s.silent = p, false
	p.inUse.Store(true)
	p.wake()
	d.tell(s, p.agent)
}

// leave takes a page away. Its agent stays present for a moment: a reload is
// no absence.
func (d *Desks) leave(p *tab) {
	d.has(p, nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pages, p)
	s := d.agents[p.agent]
	if s == nil || p.agent == "" {
		return
	}
	s.others = slices.DeleteFunc(s.others, func(o *tab) bool { return o == p })
	if s.page != p {
		return
	}
	s.page = nil
	s.left = time.AfterFunc(deskGrace, func() { d.vacate(p.agent) })
}

// vacate gives a seat whose page did not come back to another page of the
// agent, or tells that there is none.
func (d *Desks) vacate(agent routing.AgentID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.agents[agent]
	if s == nil || s.page != nil {
		return
	}
	if n := len(s.others); n > 0 {
		d.use(s, s.others[n-1])
		return
	}
	d.tell(s, agent)
	delete(d.agents, agent)
}

// device takes whether a page is its agent's phone.
func (d *Desks) device(p *tab, phone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.phone.Store(phone)
	if s := d.agents[p.agent]; s != nil && s.page == p {
		d.tell(s, p.agent)
	}
}

// silence marks a page that did not show an offer in time, or that shows
// things again.
func (d *Desks) silence(p *tab, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.agents[p.agent]; s != nil && s.page == p && s.silent != silent {
		s.silent = silent
		d.tell(s, p.agent)
	}
}

// tell tells the router whether an agent is there; the lock is held.
func (d *Desks) tell(s *seat, agent routing.AgentID) {
	present := s.page != nil && !s.silent
	phone := present && s.page.phone.Load()
	if present != s.present || phone != s.phone {
		s.present, s.phone = present, phone
		d.board.SetDesk(agent, present, !phone)
		select {
		case d.stale <- struct{}{}: // colleagues see it
		default:
		}
	}
}

// endSession closes the pages of a session that was ended.
func (d *Desks) endSession(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.pages {
		if p.session == id {
			p.end()
		}
	}
}

// Open counts the pages that are open.
func (d *Desks) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pages)
}
