package call

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/desk"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
	"trunkline/media"
	"trunkline/recorder"
	"trunkline/routing"
	"trunkline/sip"
)

// bench is the switchboard with its real rooms on a simulated network, in a
// bubble; only the journal is a list.
type bench struct {
	*testing.T
	net   *simnet.Net
	board *Switchboard
	sip   *sip.Endpoint
	media *media.Engine
	tapes *recorder.Recorder
	log   *words

	mu      sync.Mutex
	entries []Entry

	busy   sync.WaitGroup // what phones do beside taking calls
	phones []*simphone.Phone
	own    []netip.AddrPort // the phones' SIP sockets and the switch's
	stop   func()
}

// words collects the log.
type words struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

var (
	pagesAt   = netip.MustParseAddrPort("10.0.0.1:30000") // all browsers'; open once one has come
	switchAt  = netip.MustParseAddrPort("10.0.0.1:5060")
	carrierIP = netip.MustParseAddr("10.0.0.9")
)

const (
	early = "+14155550100" // its flow answers at once
	late  = "+14155550101" // its flow rings the caller until an agent answers
	away  = "+14155550102" // its flow dials out again, and queues who was not taken
	brief = "+14155550103" // its flow gives up soon
)

// benchSetup has as many agents in one team as asked for, with short times.
func benchSetup(agents int) Setup {
	team := routing.Team{
		ID: "support", Ring: 6 * time.Second, RingStart: 2 * time.Second,
		RetryAfter: 20 * time.Second, WrapUp: 2 * time.Second, AwayAfter: 3,
	}
	var all []routing.Agent
	for i := range agents {
		id := agentName(i)
		team.Agents = append(team.Agents, id)
		all = append(all, routing.Agent{ID: id, Name: string(id), CallLimit: 1})
	}
	queue := []routing.FlowStep{{Queue: &routing.QueueStep{Team: "support"}}}
	return Setup{
		Hash: "test", Domain: "pbx.example.com", Country: "US",
		Trunks:  map[sip.TrunkID]Trunk{"acme": {}},
		Numbers: map[desk.Number]routing.FlowID{early: "early", late: "late", away: "away", brief: "brief"},
		Flows: map[routing.FlowID]routing.Flow{
			"early": {ID: "early", Steps: queue},
			"late":  {ID: "late", Answer: "late", Steps: queue},
			"away": {ID: "away", Steps: append([]routing.FlowStep{
				{Forward: &routing.ForwardStep{Number: "+14155550199", Trunks: []string{"acme"}}},
			}, queue...)},
			"brief": {ID: "brief", Steps: []routing.FlowStep{
				{Queue: &routing.QueueStep{Team: "support", MaxWait: 4 * time.Second}},
				{Hangup: &routing.HangupStep{Code: 480}},
			}},
		},
		Router: routing.Config{Agents: all, Teams: []routing.Team{team}},
		Teams:  map[routing.TeamID]Team{"support": {Name: "Support", Recording: true, Reclaim: 3 * time.Second}},
		Dial:   DialRules{Country: "US", Allow: []string{"national"}}, DialTrunks: []sip.TrunkID{"acme"}, TransferRing: 6 * time.Second,
		Codes: Codes{Active: "*40", Away: "*41", Pickup: "*44", Reclaim: "*11", Echo: "*43"},
		Keys:  Keys{Pause: "*1", Transfer: "*2", Ask: "*3", Swap: "*4", Merge: "*5", Complete: "*6", Cancel: "*0", Hold: "*8"},
		Music: media.Music(), RTPTimeout: 5 * time.Second, HeldTimeout: 20 * time.Second,
	}
}

func agentName(i int) routing.AgentID { return routing.AgentID(fmt.Sprintf("agent%02d", i)) }

// newBench opens the rooms. It must be called in a bubble; end closes them.
func newBench(t *testing.T, agents int) *bench {
	t.Helper()
	b := &bench{T: t, net: simnet.New(), log: &words{}, own: []netip.AddrPort{switchAt}}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	var err error
	check := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b.board = New(Config{Setup: benchSetup(agents), Log: log})
	b.tapes, _, err = recorder.Open(recorder.Config{Dir: t.TempDir(), Emit: b.board.FromRecorder, Log: log})
	check()
	b.media, err = media.New(media.Config{
		PortMin: 20000, PortMax: 24999, Codecs: []media.Codec{media.PCMU, media.PCMA},
		Shards: 1, Network: b.net, WebRTC: &media.WebRTC{Bind: []netip.Addr{switchAt.Addr()}, Port: pagesAt.Port()}, Emit: b.board.FromMedia, Log: log,
	})
	check()
	conn, err := b.net.ListenPacket(switchAt)
	check()
	var accounts []sip.Account
	for i := range agents {
		id := string(agentName(i))
		accounts = append(accounts, sip.Account{ID: sip.AccountID(id), Name: id, Password: id + "-password"})
	}
	b.sip, err = sip.New(sip.Config{
		Domain: "pbx.example.com", UDP: []net.PacketConn{conn}, Accounts: accounts,
		Trunks: []sip.Trunk{{ID: "acme", Host: carrierIP.String(), AcceptFrom: []netip.Prefix{netip.PrefixFrom(carrierIP, 32)}}},
		Emit:   b.board.FromSip, Log: log,
	})
	check()
	b.run()
	return b
}

// run starts the loops; stop ends them and closes the rooms.
func (b *bench) run() {
	loop, endLoop := context.WithCancel(context.Background())
	edge, endEdge := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		_ = b.board.Run(loop, Hands{Sip: b.sip, Media: b.media, Recorder: b.tapes, Append: b.keep})
	})
	tasks.Go(func() { _ = b.sip.Serve(edge) })
	b.stop = func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		if err := b.board.Drain(now, 5*time.Second); err != nil {
			b.Errorf("drain: %v", err)
		}
		if err := b.tapes.Close(); err != nil {
			b.Error(err)
		}
		endEdge()
		endLoop()
		tasks.Wait()
		if err := b.media.Close(); err != nil {
			b.Error(err)
		}
	}
}

func (b *bench) keep(entries ...Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(b.entries, entries...)
}

// end stops the house and the phones.
func (b *bench) end() {
	b.Helper()
	b.stop()
	for _, p := range b.phones {
		_ = p.Close()
	}
	_ = b.net.Close()
	if b.Failed() {
		b.Logf("the log:\n%s", b.log)
	}
}

// phone puts a phone on the network.
func (b *bench) phone(addr string, cfg simphone.Config) *simphone.Phone {
	b.Helper()
	at := netip.MustParseAddrPort(addr)
	conn, err := b.net.ListenPacket(at)
	if err != nil {
		b.Fatal(err)
	}
	cfg.Conn, cfg.Peer, cfg.ListenRTP, cfg.Keep = conn, switchAt, b.net.ListenPacket, time.Second
	p, err := simphone.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.phones, b.own = append(b.phones, p), append(b.own, at)
	return p
}

func (b *bench) carrier(port int) *simphone.Phone {
	b.Helper()
	return b.phone(netip.AddrPortFrom(carrierIP, uint16(port)).String(), simphone.Config{User: "carrier", Tone: 440})
}

// agent registers the phone of an agent.
func (b *bench) agent(i int, scripts ...simphone.Script) *simphone.Phone {
	b.Helper()
	id := string(agentName(i))
	p := b.phone(fmt.Sprintf("10.0.1.%d:5060", i+1), simphone.Config{User: id, Password: id + "-password", Domain: "pbx.example.com", Tone: 1000})
	p.OnCall(scripts...)
	p.MustRegister(b, time.Minute)
	synctest.Wait()
	return p
}

// onLoop runs f on the switchboard's goroutine, where its fields may be read
// and broken.
func (b *bench) onLoop(f func(s *Switchboard)) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := ask(ctx, b.board, func(time.Time) struct{} { f(b.board); return struct{}{} }); err != nil {
		b.Fatal(err)
	}
}

// facts and cards are what the journal has been given: every fact, and the
// last final record of each call in the order of their first.
func (b *bench) facts() []Fact {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Fact
	for _, e := range b.entries {
		if f, ok := e.(Fact); ok {
			out = append(out, f)
		}
	}
	return out
}

func (b *bench) cards() []Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Record
	for _, e := range b.entries {
		c, ok := e.(Closed)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(out, func(r Record) bool { return r.ID == c.Record.ID }); i >= 0 {
			out[i] = c.Record
		} else {
			out = append(out, c.Record)
		}
	}
	return out
}

// settle waits until no call is left and every recording is sealed, at most d.
func (b *bench) settle(d time.Duration) {
	b.Helper()
	deadline := time.Now().Add(d)
	for left := 1; left > 0; {
		b.onLoop(func(s *Switchboard) { left = len(s.calls) + len(s.lines) + len(s.recording) })
		if left > 0 && time.Now().After(deadline) {
			b.onLoop(func(s *Switchboard) {
				for _, c := range s.calls {
					b.Errorf("call %s is left: ended %v, %d lines, segments %+v", c.id, c.ended, len(c.lines), c.record.Segments)
					for _, l := range c.lines {
						b.Logf("its line %s: role %d, state %d, errand %d, agent %s at %s, in a browser %t", l.id, l.role, l.state, l.errand, l.agent, l.phone, l.inBrowser())
					}
				}
				b.Errorf("left after %v: %d calls, %d lines, %d recordings", d, len(s.calls), len(s.lines), len(s.recording))
			})
			return
		}
		time.Sleep(time.Second)
	}
}

// wantNothingLeft wants no trace of ended calls in any room.
func (b *bench) wantNothingLeft() {
	b.Helper()
	b.onLoop(func(s *Switchboard) {
		for what, n := range map[string]int{
			"calls": len(s.calls), "lines": len(s.lines), "sessions": len(s.sessions), "offers": len(s.offers), "phones offered to": len(s.offered),
			"recordings": len(s.recording), "alarms": len(s.alarms.calls), "works of the router": len(s.brain.router.Open()),
			"callers who wait": len(s.brain.router.Waiting(s.now)), "calls of the trunk": s.trunkOf("acme").calls,
		} {
			if n != 0 {
				b.Errorf("%s: got %d, want none left", what, n)
			}
		}
		for _, a := range s.brain.router.Agents(s.now) {
			if len(a.Open) > 0 {
				b.Errorf("%s: got %+v, want no calls", a.ID, a)
			}
		}
	})
	time.Sleep(70 * time.Second) // ports are in quarantine for 2 s; SIP's last words take up to 64*T1 each
	for _, at := range b.net.Open() {
		if at.Addr() == switchAt.Addr() && at != switchAt && at != pagesAt {
			b.Errorf("port %v is still open", at)
		}
	}
	if n := b.sip.Stats().Legs; n != 0 {
		b.Errorf("legs: got %d, want none left", n)
	}
}

// wantTrueCards wants every call that arrived to have one end, and cards
// whose segments make up the whole.
func (b *bench) wantTrueCards() {
	b.Helper()
	arrived, ended, made, decided := map[ID]int{}, map[ID]int{}, map[routing.OfferID]int{}, map[routing.OfferID]int{}
	for i, f := range b.facts() {
		if f.Seq != uint64(i+1) {
			b.Fatalf("fact %d: got number %d, want no gap", i+1, f.Seq)
		}
		switch f.Kind {
		case FactArrived:
			arrived[f.Call]++
		case FactEnded:
			ended[f.Call]++
		case FactOfferMade:
			made[f.Offer]++
		case FactOfferEnded:
			decided[f.Offer]++
		}
	}
	cards := b.cards()
	if len(cards) != len(arrived) || len(ended) != len(arrived) {
		b.Errorf("calls: got %d arrived, %d ended, %d cards, want the same", len(arrived), len(ended), len(cards))
	}
	for id, n := range arrived {
		if n != 1 || ended[id] != 1 {
			b.Errorf("call %s: got %d arrivals and %d ends, want one each", id, n, ended[id])
		}
	}
	for id, n := range made {
		if n != 1 || decided[id] != 1 {
			b.Errorf("offer %d: got made %d times and ended %d times, want once each", id, n, decided[id])
		}
	}
	for _, r := range cards {
		if err := wholeCard(r); err != nil {
			b.Errorf("card %s (%s): %v", r.ID, r.Ending, err)
		}
	}
}

// wholeCard says what contradicts itself on a final record.
func wholeCard(r Record) error {
	var all []error
	wrong := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if r.Ending.By == "" || r.Ending.Cause == "" || r.Ended.IsZero() {
		wrong("ending: got %+v at %v, want one", r.Ending, r.Ended)
	}
	at := r.Initiated
	for i, g := range r.Segments {
		if !g.From.Equal(at) || g.To.Before(g.From) {
			wrong("segment %d: got %s from %v to %v, want from %v", i, g.Kind, g.From, g.To, at)
		}
		at = g.To
	}
	if !at.Equal(r.Ended) {
		wrong("segments end: got %v, want %v", at, r.Ended)
	}
	var sum time.Duration
	for _, kind := range []SegmentKind{SegmentFlow, SegmentQueue, SegmentTalk, SegmentHold, SegmentConsult, SegmentDial, SegmentForward} {
		sum += r.Sum(kind, r.Ended)
	}
	if sum != r.Ended.Sub(r.Initiated) {
		wrong("sum of the segments: got %v, want %v", sum, r.Ended.Sub(r.Initiated))
	}
	if (r.Ending.Code == 0) == r.Answered.IsZero() {
		wrong("code: got %d with the answer at %v", r.Ending.Code, r.Answered)
	}
	if r.Bridged.IsZero() != r.Released.IsZero() || r.Released.Before(r.Bridged) {
		wrong("bridged %v, released %v", r.Bridged, r.Released)
	}
	for _, o := range r.Offers {
		if o.Outcome == "" || o.Ended.Before(o.Made) || o.Ended.After(r.Ended) {
			wrong("offer to %s: got %q from %v to %v", o.Agent, o.Outcome, o.Made, o.Ended)
		}
	}
	for _, t := range r.Transfers {
		if t.Outcome == "" || t.Ended.Before(t.Began) || t.Ended.After(r.Ended) {
			wrong("transfer by %s: got %q from %v to %v", t.By, t.Outcome, t.Began, t.Ended)
		}
	}
	for _, rec := range r.Recordings {
		for _, p := range rec.Pauses {
			if p.To.Before(p.From) {
				wrong("pause: got %v to %v, want it over", p.From, p.To)
			}
		}
		if !rec.Sealed {
			wrong("recording %s: got not sealed", rec.ID)
		}
	}
	return errors.Join(all...)
}

// wantNoDefects wants neither panics nor differences so far.
func (b *bench) wantNoDefects() {
	b.Helper()
	b.onLoop(func(s *Switchboard) {
		if s.counts.Faults+s.counts.Mismatches > 0 {
			b.Errorf("counts: got %+v, want no faults and no mismatches", s.counts)
		}
	})
	if n := b.sip.Stats().Panics; n != 0 {
		b.Errorf("panics in sip: got %d, want none", n)
	}
}
