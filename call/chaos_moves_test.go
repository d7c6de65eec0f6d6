package call

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"trunkline/internal/simbrowser"
	"trunkline/internal/simphone"
)

// gadgets are the further devices of some agents: a second phone, or a Help
// Desk that is one.
type gadgets struct {
	*bench
	phones []*simphone.Phone // of the first agents
	pages  []*page
	ends   sync.WaitGroup
	stop   chan struct{}
}

const (
	secondPhones = 4
	helpDesks    = 3 // of the agents after those
	supervisors  = 4 // the last agents, whose phones are answered at once
)

// gadgets puts them on the network; take ends them.
func (b *bench) gadgets(rnd *rand.Rand) *gadgets {
	b.Helper()
	g := &gadgets{bench: b, stop: make(chan struct{})}
	for i := range secondPhones {
		id := string(agentName(i))
		p := b.phone(fmt.Sprintf("10.0.2.%d:5060", i+1), simphone.Config{User: id, Password: id + "-password", Domain: "pbx.example.com", Tone: 1000})
		p.OnCall(moods(rnd)...)
		g.phones = append(g.phones, p)
	}
	for i := range helpDesks {
		p := &page{bench: b, n: secondPhones + i, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 2))}
		g.pages = append(g.pages, p)
		g.ends.Go(func() { p.live(g.stop) })
	}
	for _, p := range b.phones[chaosAgents-supervisors : chaosAgents] {
		p.OnCall(simphone.Ring().Answer())
	}
	return g
}

// take closes the pages and sends the second phones away.
func (g *gadgets) take() {
	g.Helper()
	close(g.stop)
	g.ends.Wait()
	for _, p := range g.phones {
		p.Revive()
		p.OnCall(simphone.Decline(603))
		_ = p.Unregister(g.Context())
	}
}

// moves has an agent go to another device: by registering there, by taking a
// call's place, by taking back what was lost, or by all that dying.
func (g *gadgets) moves(rnd *rand.Rand) {
	i := rnd.IntN(secondPhones)
	from, to := g.bench.phones[i], g.phones[i]
	for n := range secondPhones { // one of them talks, if any does
		if i = (i + n) % secondPhones; !talks(from) {
			from, to = g.bench.phones[i], g.phones[i]
		}
	}
	if talks(to) || rnd.IntN(8) == 0 {
		from, to = to, from
	}
	stays, what := time.Duration(rnd.IntN(15))*time.Second, rnd.IntN(7)
	g.busy.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		switch what {
		case 0:
			_, _ = to.Register(ctx, time.Minute)
		case 1:
			_ = g.phones[i].Unregister(ctx)
		case 2:
			caller(to, "*11", stays, false)
		case 3: // the phone dies, and its agent goes to the other one
			from.Die()
			time.Sleep(stays / 2)
			to.Revive()
			to.OnCall(simphone.Ring().Answer())
			_, _ = to.Register(ctx, time.Minute)
		default:
			for _, c := range from.Calls() {
				if c.State() == simphone.Answered {
					own, peer := c.Tags()
					takesPlace(to, simphone.WithHeader("Replaces", c.ID()+";to-tag="+peer+";from-tag="+own), stays)
					return
				}
			}
		}
	})
}

func talks(p *simphone.Phone) bool {
	return slices.ContainsFunc(p.Calls(), func(c *simphone.Call) bool { return c.State() == simphone.Answered })
}

// takesPlace calls with Replaces and hangs up after a while.
func takesPlace(p *simphone.Phone, replaces simphone.Option, stays time.Duration) {
	c := p.Dial("trunkline", replaces)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second+stays)
	defer cancel()
	if _, err := c.WaitEnded(ctx); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = c.Hangup(ctx)
	}
}

// watches has a supervisor, who is any agent, begin, change or end a watch.
func (b *bench) watches(ctx context.Context, rnd *rand.Rand, all []CallStatus) error {
	if len(all) == 0 {
		return nil
	}
	all = talking(all, rnd)
	o := Order{
		Verb: []Verb{WatchCall, WatchCall, WatchCall, WatchAs, Unwatch}[rnd.IntN(5)], Call: all[rnd.IntN(len(all))].ID,
		By: agentName(chaosAgents - 1 - rnd.IntN(supervisors)), Mode: []WatchMode{WatchListen, WatchWhisper, WatchBarge, "shout"}[min(rnd.IntN(20)/6, 3)], Who: "the storm",
	}
	if rnd.IntN(4) == 0 {
		o.To.Agent = agentName(rnd.IntN(chaosAgents))
	}
	if rnd.IntN(8) == 0 {
		o.By = agentName(rnd.IntN(chaosAgents))
	}
	if rnd.IntN(3) > 0 { // of who watches already
		b.onLoop(func(s *Switchboard) {
			for _, c := range s.inOrder() {
				if c.watch != nil && !c.ended {
					o.By = c.out.agent
					if o.Verb != WatchCall {
						o.Call = c.watch.of.id
					}
					return
				}
			}
		})
	}
	return b.board.Do(ctx, o)
}

// supervises orders a call that waits.
func (b *bench) supervises(ctx context.Context, rnd *rand.Rand, all []CallStatus) error {
	for _, c := range all {
		if c.State == SegmentQueue {
			return b.board.Do(ctx, Order{
				Verb: []Verb{Assign, OfferTo, OfferTo, Prioritize, Move}[rnd.IntN(5)], Call: c.ID, Who: "the storm", Priority: rnd.IntN(5),
				To: Destination{Agent: agentName(rnd.IntN(chaosAgents)), Team: "support"},
			})
		}
	}
	return nil
}

// page is an agent's Help Desk that is a phone: it acts on the agent's parts in
// calls as somebody at it would.
type page struct {
	*bench
	n    int // of its agent
	rnd  *rand.Rand
	b    *simbrowser.Browser // nil: it is in no call
	seen map[ID]int          // what is done with a call that rings
}

func (p *page) live(stop chan struct{}) {
	agent := agentName(p.n)
	p.seen = map[ID]int{}
	defer func() {
		p.board.SetDesk(agent, false, true)
		p.drop()
	}()
	open := false
	for {
		select {
		case <-stop:
			return
		case <-p.Context().Done():
			return
		case <-time.After(300 * time.Millisecond):
		}
		if !open || p.rnd.IntN(200) == 0 { // it is opened, or closed as it is
			if open = !open; !open {
				p.drop()
			}
			p.board.SetDesk(agent, open, false)
			continue
		}
		parts, err := p.board.Parts(p.Context(), agent)
		if err != nil {
			return
		}
		talks := false
		for _, one := range parts {
			p.acts(one)
			talks = talks || one.Browser && (one.Leg != "" || one.Answers)
		}
		if p.b != nil && (!talks || p.rnd.IntN(60) == 0) { // over, or the page is loaded anew
			p.drop()
		}
	}
}

// acts does what an agent might with one of their calls.
func (p *page) acts(one Part) {
	agent, id := agentName(p.n), one.Record.ID
	ring := id
	if one.Watch != nil {
		ring = one.Watch.ID
	}
	switch {
	case !one.Browser && one.Role != RoleLost:
	case one.Answers && p.b != nil: // it connects
	case one.Role == RoleLost, one.Leg != "" && p.b == nil:
		p.answers(ring)
	case one.Leg != "":
		if p.rnd.IntN(40) == 0 {
			_ = p.board.Do(p.Context(), Order{Verb: Hangup, Call: id, By: agent})
		}
	default:
		if _, known := p.seen[ring]; !known {
			p.seen[ring] = p.rnd.IntN(12)
			p.board.DeskShows(agent, ring)
		}
		switch p.seen[ring] {
		case 0: // let it ring
		case 1:
			_ = p.board.Do(p.Context(), Order{Verb: Decline, Call: ring, By: agent})
		default:
			if p.rnd.IntN(3) == 0 {
				p.answers(ring)
			}
		}
	}
}

// answers is the page answering a call, or coming back to it.
func (p *page) answers(id ID) {
	p.drop()
	conn, err := p.net.ListenPacket(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 3, byte(p.n)}), 0))
	if err != nil {
		p.Error(err)
		return
	}
	b, err := simbrowser.New(simbrowser.Config{Conn: conn, Tone: 1000})
	if err != nil {
		p.Error(err)
		return
	}
	p.b = b
	offer, err := b.Offer()
	if err != nil {
		p.Error(err)
		return
	}
	_, answer, err := p.board.AnswerInBrowser(p.Context(), agentName(p.n), id, offer, netip.Addr{})
	if err == nil {
		err = b.Answer(answer)
	}
	if err != nil {
		p.drop() // it rings no more
		if !errors.Is(err, ErrNotNow) && !errors.Is(err, ErrNoCall) && !errors.Is(err, ErrNotInCall) && !errors.Is(err, ErrOffline) {
			p.Errorf("a page that answers: got %v, want a reason of the list", err)
		}
	}
}

func (p *page) drop() {
	if p.b != nil {
		_ = p.b.Close()
		p.b = nil
	}
}
