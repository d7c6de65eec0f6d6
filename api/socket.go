package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"trunkline/call"
	"trunkline/routing"
)

const (
	// socketWrite bounds one write to a page: who does not take it is dropped,
	// and comes back with the number of the last fact it has.
	socketWrite = 10 * time.Second
	// maxPageMessage bounds what a page sends at once.
	maxPageMessage = 16 << 10 // a browser's session description has up to 8 KiB
	// lastCalls is how many earlier calls of a customer an offer shows.
	lastCalls = 4
	// maxMine bounds the calls that are known to be an agent's, or not.
	maxMine = 5000
)

// tab is one open Help Desk. Its reader notes what the page says, its writer
// sends what is new; both end with the socket.
type tab struct {
	s       *Server
	conn    *websocket.Conn
	account Account
	agent   routing.AgentID
	session string
	tab     string
	via     netip.Addr // our address that the page was fetched from

	inUse atomic.Bool   // false: another page of the agent is
	phone atomic.Bool   // it is its agent's phone
	poke  chan struct{} // wakes the writer; holds one
	stop  chan struct{} // closed when the session ended
	ended sync.Once
	tasks sync.WaitGroup // its reader, and who looks calls up
	calls []call.ID      // owned by Desks

	mu     sync.Mutex
	stale  bool                          // the agent's parts are to be sent anew
	heard  time.Time                     // the last sign of life
	shown  map[routing.OfferID]time.Time // offers that were sent; zero: the page shows it
	extras [][]byte                      // messages that are ready
	quiet  func()                        // ends the echo that it hears; nil: none

	// Owned by the writer.
	seq       uint64 // the last fact that was sent
	seen      sight
	staff     uint64
	elsewhere bool
	asked     map[call.ID]bool
}

func (p *tab) wake() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// look has the agent's parts in calls sent anew.
func (p *tab) look() {
	p.mu.Lock()
	p.stale = true
	p.mu.Unlock()
	p.wake()
}

func (p *tab) end() { p.ended.Do(func() { close(p.stop) }) }

// socket serves one page until it goes.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	account, session, ok := s.signedIn(r)
	if !ok {
		answer(w, nil, &Error{Status: http.StatusUnauthorized, What: "nobody is signed in", Cure: "POST /desk/session"})
		return
	}
	if err := sameOrigin(r); err != nil {
		answer(w, nil, err)
		return
	}
	p := &tab{
		s: s, account: account, agent: routing.AgentID(account.Agent), session: session.ID, tab: r.URL.Query().Get("tab"),
		poke: make(chan struct{}, 1), stop: make(chan struct{}), heard: time.Now(), shown: map[routing.OfferID]time.Time{},
		stale: true, asked: map[call.ID]bool{}, seq: s.cfg.Stream.last(),
	}
	if after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64); err == nil && after <= p.seq {
		p.seq = after
	}
	p.seen = sight{server: s, account: account, until: s.cfg.Stream.last()}
	p.phone.Store(r.URL.Query().Get("phone") == "1")
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if a, err := netip.ParseAddrPort(at.String()); err == nil {
			p.via = a.Addr()
		}
	}
	if len(p.tab) > 64 || !s.cfg.Desks.enter(p) {
		answer(w, nil, &Error{Status: http.StatusServiceUnavailable, What: "too many Help Desks are open", Cure: "close some"})
		return
	}
	defer s.cfg.Desks.leave(p)
	defer p.endEcho()
	var err error
	if p.conn, err = websocket.Accept(w, r, nil); err != nil { // it has answered
		return
	}
	defer func() { _ = p.conn.CloseNow() }()
	p.conn.SetReadLimit(maxPageMessage)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	if !s.sockets.enter(p, cancel) {
		_ = p.conn.Close(websocket.StatusGoingAway, goingAway)
		return
	}
	defer s.sockets.leave(p) // after all that is done for the page
	defer func() {
		cancel()
		p.tasks.Wait()
	}()
	p.tasks.Go(func() {
		defer cancel()
		p.read(ctx)
	})
	p.write(ctx) // on this goroutine, whose panics cost this page alone
}

// said is what a page says.
type said struct {
	Type  string          `json:"type"`
	Offer routing.OfferID `json:"offer"`
	Call  call.ID         `json:"call"`
	Phone bool            `json:"phone"` // of device
	SDP   string          `json:"sdp"`
}

// read notes what the page says, until it goes.
func (p *tab) read(ctx context.Context) {
	for {
		kind, text, err := p.conn.Read(ctx)
		var m said
		if err != nil || kind != websocket.MessageText || json.Unmarshal(text, &m) != nil {
			return
		}
		now := time.Now()
		p.mu.Lock()
		p.heard = now
		p.mu.Unlock()
		switch m.Type {
		case "shown":
			p.mu.Lock()
			if _, sent := p.shown[m.Offer]; sent {
				p.shown[m.Offer] = time.Time{}
			}
			p.mu.Unlock()
			p.s.cfg.Desks.silence(p, false)
			if m.Call != "" && p.inUse.Load() {
				p.s.cfg.Board.DeskShows(p.agent, m.Call)
			}
		case "device":
			p.s.cfg.Desks.device(p, m.Phone)
		case "phone":
			p.answer(ctx, m) // one at a time
		case "echo":
			p.echo(ctx, m)
		case "echo-end":
			p.endEcho()
		case "awake":
			p.s.cfg.Desks.silence(p, false)
		case "take":
			p.s.cfg.Desks.take(p)
			p.look()
		case "look":
			p.look()
		case "active": // somebody is at the page: the session is in use
			p.s.cfg.Sessions.use(now, p.session)
		}
	}
}

// write sends what is new, until the page does not take it, is not heard any
// more, or has to go.
func (p *tab) write(ctx context.Context) {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	if !p.send(ctx, p.hello()) {
		return
	}
	for {
		more, ok := p.news(ctx)
		if !ok {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-p.s.stopping:
			_ = p.conn.Close(websocket.StatusGoingAway, goingAway)
			return
		case <-p.stop:
			p.send(ctx, []byte(`{"type":"signed-out"}`))
			_ = p.conn.Close(websocket.StatusPolicyViolation, "signed out")
			return
		case <-p.poke:
		case <-more:
		case <-time.After(p.patience()):
			p.s.cfg.Desks.silence(p, true)
			p.extra([]byte(`{"type":"awake"}`))
		case now := <-beat.C:
			if !p.lives(now) || !p.send(ctx, []byte(`{"type":"beat"}`)) {
				return
			}
		}
	}
}

// lives says whether the page was heard lately and may still be here.
func (p *tab) lives(now time.Time) bool {
	p.mu.Lock()
	heard := p.heard
	p.mu.Unlock()
	if now.Sub(heard) > beatsMissed*beatEvery+time.Second {
		return false
	}
	idle, _ := p.s.cfg.SignIns.Times()
	if a, known := p.s.cfg.SignIns.Account(p.account.ID); !known || a != p.account || !p.s.cfg.Sessions.good(now, idle, p.session) {
		p.end()
	}
	return true
}

// patience is how long the page may take now to show what was sent.
func (p *tab) patience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := time.Hour
	for id, sent := range p.shown {
		if sent.IsZero() {
			continue
		}
		wait := shownWithin - time.Since(sent)
		if wait <= 0 {
			p.shown[id] = time.Time{} // said once
		}
		left = min(left, max(wait, 0))
	}
	return left
}

func (p *tab) extra(text []byte) {
	p.mu.Lock()
	p.extras = append(p.extras, text)
	p.mu.Unlock()
	p.wake()
}

// hello is the first message: who is signed in, and where the facts go on.
func (p *tab) hello() []byte {
	text, _ := json.Marshal(struct {
		Type string    `json:"type"`
		Me   Me        `json:"me"`
		Seq  uint64    `json:"seq"`
		Beat int64     `json:"beat_ms"`
		Now  time.Time `json:"now"`
	}{"hello", Me{SignedIn: true, Account: p.account.ID, Name: p.account.Name, Scope: p.account.Scope, Agent: p.account.Agent, Version: p.s.cfg.Version}, p.seq, beatEvery.Milliseconds(), time.Now()})
	return text
}

// news sends all that is new. It gives the channel that is closed when there
// are more facts; false: the page does not take it.
func (p *tab) news(ctx context.Context) (<-chan struct{}, bool) {
	if !p.inUse.Load() {
		if !p.elsewhere && !p.send(ctx, []byte(`{"type":"elsewhere"}`)) {
			return nil, false
		}
		p.elsewhere = true
		return nil, true
	}
	if p.elsewhere {
		p.elsewhere, p.staff = false, 0
		if !p.send(ctx, p.hello()) {
			return nil, false
		}
	}
	p.mu.Lock()
	stale, extras := p.stale, p.extras
	p.stale, p.extras = false, nil
	p.mu.Unlock()
	if stale && p.agent != "" && !p.sendParts(ctx) {
		return nil, false
	}
	for _, text := range extras {
		if !p.send(ctx, text) {
			return nil, false
		}
	}
	if rows, change := p.s.cfg.Desks.staff.since(p.staff, p.account.Scope); len(rows) > 0 {
		text, err := json.Marshal(struct {
			Type string                     `json:"type"`
			Full bool                       `json:"full,omitempty"`
			Rows map[string]json.RawMessage `json:"rows"`
		}{"staff", p.staff == 0, rows})
		if err != nil || !p.send(ctx, text) {
			return nil, false
		}
		p.staff = change
	}
	return p.sendFacts(ctx)
}

// sendFacts sends the facts after the last one that was sent, as far as the
// account may see them; their numbers have gaps then, so the number up to which
// they are whole goes with them.
func (p *tab) sendFacts(ctx context.Context) (<-chan struct{}, bool) {
	for {
		lines, more, err := p.s.cfg.Stream.after(p.seq)
		if err != nil {
			return nil, false // the page comes back with its position
		}
		if len(lines) == 0 {
			return more, true
		}
		lines = lines[:min(len(lines), streamPage)]
		last := lines[len(lines)-1].seq
		text := []byte(`{"type":"facts","facts":[`)
		n := 0
		for _, l := range lines {
			if l.fact.Seq == 0 || !p.seen.sees(ctx, l.fact) {
				continue
			}
			if n > 0 {
				text = append(text, ',')
			}
			text = append(text, l.data...)
			n++
		}
		text = append(strconv.AppendUint(append(text, `],"upto":`...), last, 10), '}')
		if n > 0 || last-p.seq >= streamPage { // what concerns others is not worth a message
			if !p.send(ctx, text) {
				return nil, false
			}
		}
		p.seq = last
	}
}

func (p *tab) send(ctx context.Context, text []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, socketWrite)
	defer cancel()
	return p.conn.Write(ctx, websocket.MessageText, text) == nil
}
