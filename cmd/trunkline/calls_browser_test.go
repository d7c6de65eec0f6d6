package main

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/call"
	"trunkline/internal/simbrowser"
	"trunkline/internal/simphone"
	"trunkline/internal/tone"
	"trunkline/routing"
)

// webPhone is an agent's Help Desk that is a phone: what the page would do on
// the socket is done on the switchboard, and its sound is a browser's.
type webPhone struct {
	*story
	agent routing.AgentID
	hz    float64
	host  string
	b     *simbrowser.Browser // nil: it is in no call
	leg   string
}

// webPhone opens an agent's Help Desk.
func (s *story) webPhone(agent string, hz float64) *webPhone {
	s.Helper()
	s.hosts++
	p := &webPhone{story: s, agent: routing.AgentID(agent), hz: hz, host: netip.AddrFrom4([4]byte{10, 0, 2, byte(s.hosts)}).String()}
	s.house.board.SetDesk(p.agent, true, false)
	s.Cleanup(p.away)
	synctest.Wait()
	return p
}

// page is a new RTCPeerConnection.
func (p *webPhone) page() *simbrowser.Browser {
	p.Helper()
	conn, err := p.net.ListenPacket(netip.MustParseAddrPort(p.host + ":0"))
	if err != nil {
		p.Fatal(err)
	}
	p.net.Name(conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr(), string(p.agent)+"'s page")
	b, err := simbrowser.New(simbrowser.Config{Conn: conn, Tone: p.hz})
	if err != nil {
		p.Fatal(err)
	}
	return b
}

// away closes the page's connection, as a page that goes.
func (p *webPhone) away() {
	if p.b != nil {
		_ = p.b.Close()
		p.b = nil
	}
}

// part waits until the agent has a part of a role in a call.
func (p *webPhone) part(role call.Role) call.Part {
	p.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		parts, err := p.house.board.Parts(p.ctx, p.agent)
		if err != nil {
			p.fatal(err)
		}
		for _, one := range parts {
			if one.Role == role {
				return one
			}
		}
	}
	p.Fatalf("%s: got no part as %s within a minute\n%s", p.agent, role, p.log)
	return call.Part{}
}

// rings waits for an offer and says that the page shows it.
func (p *webPhone) rings() call.ID {
	p.Helper()
	part := p.part(call.RoleOffered)
	if !part.Browser {
		p.Errorf("%s: got %+v, want it to ring in the browser", p.agent, part)
	}
	p.house.board.DeskShows(p.agent, part.Record.ID)
	synctest.Wait()
	return part.Record.ID
}

// answers answers a call, or comes back to it, and waits until the two are connected.
func (p *webPhone) answers(id call.ID) {
	p.Helper()
	old := p.b
	p.b = p.page()
	offer, err := p.b.Offer()
	if err != nil {
		p.fatal(err)
	}
	leg, answer, err := p.house.board.AnswerInBrowser(p.ctx, p.agent, id, offer, netip.Addr{})
	if err != nil {
		p.fatal(err)
	}
	p.leg = string(leg)
	if err := p.b.Answer(answer); err != nil {
		p.fatal(err)
	}
	select {
	case <-p.b.Up():
	case <-time.After(5 * time.Second):
		p.Fatalf("%s: got no connection\n%s", p.agent, p.log)
	}
	if old != nil {
		_ = old.Close()
	}
	synctest.Wait()
}

// hears wants the page to hear a tone, and takes a second.
func (p *webPhone) hears(hz float64) {
	p.Helper()
	p.b.Heard()
	<-time.After(time.Second)
	pcm := p.b.Hears()
	if level := tone.Level(pcm, 8000, hz); len(pcm) < 4000 || level < -22 {
		p.Errorf("%s: got %.0f Hz at %.1f dB in %d samples, want it at -12", p.agent, hz, level, len(pcm))
	}
}

// deaf wants it not to hear the tone.
func (p *webPhone) deaf(hz float64) {
	p.Helper()
	<-time.After(200 * time.Millisecond)
	p.b.Heard()
	<-time.After(500 * time.Millisecond)
	if level := tone.Level(p.b.Hears(), 8000, hz); level > -40 {
		p.Errorf("%s: got %.0f Hz at %.1f dB, want none of it", p.agent, hz, level)
	}
}

func (p *webPhone) does(id call.ID, o call.Order) {
	p.Helper()
	o.Call, o.By = id, p.agent
	if err := p.house.board.Do(p.ctx, o); err != nil {
		p.fatal(err)
	}
	synctest.Wait()
}

const webTeam = "teams:\n  support: {name: Support, agents: [ann, bob]}\n" + queueFlow

func TestABrowserIsAnAgentsPhone(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		ann := s.webPhone("ann", annTone)
		customer := s.dial()
		id := ann.rings()
		ann.answers(id)
		s.answered(customer)
		s.hear(customer, annTone)
		ann.hears(customerTone)
		part := ann.part(call.RoleTalking)
		if !part.Browser || string(part.Leg) != ann.leg || part.Recording != "on" {
			t.Errorf("got %+v, want it in the browser, at leg %s, recorded", part, ann.leg)
		}

		ann.does(id, call.Order{Verb: call.Hold})
		ann.deaf(customerTone)
		ann.does(id, call.Order{Verb: call.Resume})
		s.hear(customer, annTone)
		ann.does(id, call.Order{Verb: call.Mute})
		ann.hears(customerTone)
		ann.does(id, call.Order{Verb: call.Unmute})
		s.hear(customer, annTone)

		ann.does(id, call.Order{Verb: call.Hangup})
		s.ended(customer)
		select {
		case <-ann.b.Gone():
		case <-time.After(time.Second):
			t.Error("the page: got no farewell")
		}
	})
}

func TestADeclinedCallRingsTheNextAgentsBrowser(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		ann, bob := s.webPhone("ann", annTone), s.webPhone("bob", bobTone)
		customer := s.dial()
		id := ann.rings()
		ann.does(id, call.Order{Verb: call.Decline})
		if got := bob.rings(); got != id {
			t.Errorf("got %s, want %s", got, id)
		}
		bob.answers(id)
		s.hear(customer, bobTone)
		bob.hears(customerTone)
		bob.does(id, call.Order{Verb: call.Hangup})
	})
}

// A page that does not say that it shows the offer is passed over, and nothing is
// counted against its agent.
func TestAPageThatShowsNothingIsPassedOver(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		ann, bob := s.webPhone("ann", annTone), s.webPhone("bob", bobTone)
		s.dial()
		ann.part(call.RoleOffered)
		s.house.board.SetDesk("ann", false, true)
		id := bob.rings()
		bob.answers(id)
		for _, o := range bob.part(call.RoleTalking).Record.Offers {
			if o.Agent == "ann" && (o.Outcome != routing.OutcomeUnreachable || !o.Rang.IsZero()) {
				t.Errorf("ann's offer: got %+v, want unreachable, and no ringing", o)
			}
		}
		bob.does(id, call.Order{Verb: call.Hangup})
	})
}

// Both of an agent's phones ring; whichever answers first has the call.
func TestADeskPhoneAndABrowserRingTogether(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		desk := s.agent("ann", bobTone, simphone.Ring())
		ann := s.webPhone("ann", annTone)
		customer := s.dial()
		rings := s.rings(desk)
		id := ann.rings()
		ann.answers(id)
		s.hear(customer, annTone)
		if end := s.ended(rings); end.Code == 0 {
			t.Errorf("the desk phone: got %v, want it cancelled", end)
		}
		ann.does(id, call.Order{Verb: call.Hangup})
	})
}

func TestAPageThatIsReloadedComesBackToItsCall(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		ann := s.webPhone("ann", annTone)
		customer := s.dial()
		id := ann.rings()
		ann.answers(id)
		s.hear(customer, annTone)

		ann.away() // the old page says farewell
		lost := ann.part(call.RoleLost)
		if !lost.Browser {
			t.Errorf("got %+v, want the page to know that it may come back", lost)
		}
		<-time.After(3 * time.Second) // the customer hears music
		ann.answers(id)
		s.hear(customer, annTone)
		ann.hears(customerTone)

		old := ann.b // a second tab takes over
		ann.b = nil
		ann.answers(id)
		s.hear(customer, annTone)
		ann.hears(customerTone)
		select {
		case <-old.Gone():
		case <-time.After(time.Second):
			t.Error("the page from before: got no farewell")
		}
		_ = old.Close()
		ann.does(id, call.Order{Verb: call.Hangup})
	})
}

// Whoever talks at a desk phone goes on in the page: as they were, on hold; and when the phone has died.
func TestACallGoesOnInThePage(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		desk := s.agent("ann", annTone, simphone.Ring().Answer(), simphone.Ring().Answer())
		customer := s.dial()
		a := s.gets(desk)
		s.hear(customer, annTone)
		ann := s.webPhone("ann", annTone)
		id := ann.part(call.RoleTalking).Record.ID
		ann.does(id, call.Order{Verb: call.Hold})
		ann.answers(id)
		if end := s.ended(a); end.Code != 0 {
			t.Errorf("the desk phone: got %v, want it hung up", end)
		}
		if part := ann.part(call.RoleTalking); !part.Holding || !part.Browser || string(part.Leg) != ann.leg {
			t.Errorf("got %+v, want it held by the page", part)
		}
		ann.does(id, call.Order{Verb: call.Resume})
		s.hear(customer, annTone)
		ann.hears(customerTone)
		ann.does(id, call.Order{Verb: call.Hangup})
		ann.away()

		s.house.board.SetDesk(ann.agent, true, true) // the desk phone is the phone
		customer = s.dial()
		s.gets(desk)
		s.hear(customer, annTone)
		desk.Die()
		<-time.After(12 * time.Second) // not heard for 3 s, asked for 4 s
		id = ann.part(call.RoleLost).Record.ID
		s.house.board.SetDesk(ann.agent, true, false)
		ann.answers(id)
		s.hear(customer, annTone)
		ann.hears(customerTone)
		ann.does(id, call.Order{Verb: call.Hangup})
	})
}

// Who had muted or held comes back as they were: nothing is heard that they did not want heard.
func TestAPageComesBackMutedAndHolding(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		s.unheard = true // the recording has the silence
		ann := s.webPhone("ann", annTone)
		customer := s.dial()
		id := ann.rings()
		ann.answers(id)
		s.hear(customer, annTone)
		ann.does(id, call.Order{Verb: call.Mute})
		ann.away()
		ann.part(call.RoleLost)
		ann.answers(id)
		s.wantHears(customer, "silence")
		ann.hears(customerTone)
		ann.does(id, call.Order{Verb: call.Hold})
		ann.does(id, call.Order{Verb: call.Unmute})
		ann.away()
		ann.part(call.RoleLost)
		ann.answers(id)
		s.wantHears(customer, "music")
		ann.does(id, call.Order{Verb: call.Resume})
		s.hear(customer, annTone)
		ann.hears(customerTone)
		ann.does(id, call.Order{Verb: call.Hangup})
	})
}

// A page that vanishes without a word: music, then the front of the queue.
func TestAPageThatVanishesGivesTheCustomerBack(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		ann := s.webPhone("ann", annTone)
		customer := s.dial()
		id := ann.rings()
		ann.answers(id)
		s.hear(customer, annTone)

		ann.b.Mute(true) // the network stumbles
		<-time.After(2 * time.Second)
		ann.b.Mute(false)
		<-time.After(time.Second)
		s.hear(customer, annTone)
		if part := ann.part(call.RoleTalking); string(part.Leg) != ann.leg {
			t.Errorf("got leg %s, want the same: %s", part.Leg, ann.leg)
		}

		ann.b.Mute(true)
		ann.part(call.RoleLost)
		bob := s.webPhone("bob", bobTone)
		s.house.board.SetDesk("ann", false, true)
		began := time.Now()
		bob.answers(bob.rings())
		if waited := time.Since(began); waited < 15*time.Second || waited > 21*time.Second {
			t.Errorf("got the next agent after %v, want it when ann's 20 s are over", waited)
		}
		s.hear(customer, bobTone)
		bob.does(id, call.Order{Verb: call.Hangup})
	})
}

// A supervisor's page is the phone by which they listen, whisper and talk along,
// and comes back to it after a reload.
func TestASupervisorWatchesInTheBrowser(t *testing.T) {
	t.Parallel()
	live(t, webTeam, func(s *story) {
		bob := s.webPhone("bob", bobTone)
		s.set("bob", false)
		ann := s.webPhone("ann", annTone)
		customer := s.dial()
		id := ann.rings()
		ann.answers(id)
		s.answered(customer)
		watch := func(mode call.WatchMode) {
			t.Helper()
			bob.does(id, call.Order{Verb: call.WatchCall, Mode: mode, Who: "bob"})
		}
		watch(call.WatchListen)
		part := bob.part(call.RoleWatching)
		if !part.Browser || part.Watch == nil || !part.Watch.Rings || part.Watch.ID == id || part.Record.ID != id {
			t.Fatalf("got %+v, %+v, want the watched call's card, ringing in the browser by an id of its own", part, part.Watch)
		}
		bob.answers(part.Watch.ID)
		bob.hears(annTone)
		bob.hears(customerTone)
		s.hear(customer, annTone)
		ann.deaf(bobTone)
		watch(call.WatchWhisper)
		ann.hears(bobTone)
		s.hear(customer, annTone)
		watch(call.WatchBarge)
		s.wantHears(customer, "ann+bob")
		if part = bob.part(call.RoleWatching); string(part.Leg) != bob.leg || part.Watch.Mode != call.WatchBarge || part.Watch.Rings {
			t.Errorf("got %+v, %+v, want it at the page's leg, barging", part, part.Watch)
		}
		watch(call.WatchWhisper)
		bob.away()
		<-time.After(time.Second)
		s.hear(customer, annTone)
		bob.answers(part.Watch.ID) // the page has loaded again
		bob.hears(customerTone)
		ann.hears(bobTone)
		s.hear(customer, annTone)
		bob.away()
		<-time.After(30 * time.Second) // and did not come back
		if v := s.agentNow("bob"); len(v.Open) != 0 {
			t.Errorf("bob: got %+v, want him free", v)
		}
		s.hear(customer, annTone)
		ann.does(id, call.Order{Verb: call.Hangup})
		s.ended(customer)
	})
}
