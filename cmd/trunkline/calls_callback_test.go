package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/call"
	"trunkline/internal/simphone"
	"trunkline/routing"
	"trunkline/store"
)

// callbackTeam has no wrap-up, so that who has ignored or taken one is free again at once.
const callbackTeam = "teams:\n  support: {name: Support, agents: [ann, bob], wrap_up: 0s}\n" + queueFlow + "dial: {trunks: [spare]}\n"

// promise asks for a call back to number.
func (s *story) promise() routing.Callback {
	s.Helper()
	cb, err := s.house.board.RequestCallback(s.ctx, call.CallbackRequest{Number: number, Name: "Kim", Team: "support", By: "sue"})
	if err != nil {
		s.fatal(err)
	}
	return cb
}

// callback is one as it is on disk.
func (s *story) callback(id routing.CallbackID) routing.Callback {
	s.Helper()
	s.house.written()
	cb, err := s.house.store.Callback(id)
	if err != nil {
		s.fatal(err)
	}
	return cb
}

// becomes wants a callback in a state, with these events.
func (s *story) becomes(id routing.CallbackID, state routing.CallbackState, marks ...routing.CallbackMark) routing.Callback {
	s.Helper()
	synctest.Wait()
	cb := s.callback(id)
	var got []string
	for _, m := range cb.Marks {
		got = append(got, string(m.Mark))
	}
	var want []string
	for _, m := range marks {
		want = append(want, string(m))
	}
	if cb.State != state || strings.Join(got, " ") != strings.Join(want, " ") {
		s.Errorf("the callback: got %s by %v, want %s by %v", cb.State, got, state, want)
	}
	return cb
}

// restart ends the switch and starts it again on what it kept.
func (s *story) restart(meanwhile ...func()) {
	s.Helper()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	cfg := s.house.config()
	s.house.stop(now)
	for _, f := range meanwhile {
		f()
	}
	h, err := openHouse(cfg, s.world(), slog.New(slog.NewTextHandler(s.log, nil)))
	if err != nil {
		s.Fatal(err)
	}
	s.house = h
	h.start()
	synctest.Wait()
}

// Product §3: it rings like a call; ignored, it goes to the next teammate; it outlives a restart; accepted, the customer
// is dialled, and hears who accepted.
func TestCallbackFromTheRequestToTheCustomersAnswer(t *testing.T) {
	act(t, callbackTeam, func(s *story) {
		far := s.outside(simphone.Ring().After(2 * time.Second).Answer())
		ann := s.agent("ann", annTone, simphone.Ring().After(3*time.Second).Decline(486))
		cb := s.promise()
		a := s.rings(ann)
		if from := a.Invite().Get("From"); !strings.Contains(from, `"callback: Kim · Support"`) || !strings.Contains(from, "sip:"+number+"@") {
			t.Errorf("the agent's phone shows: got %s, want the callback's name, team and number", from)
		}
		s.ended(a)
		time.Sleep(time.Minute)
		s.becomes(cb.ID, routing.CallbackPending, "requested", "offered", "ignored")
		if n := len(s.cards()); n != 0 {
			t.Errorf("cards: got %d, want none: an ignored callback is no call", n)
		}
		s.restart()
		s.becomes(cb.ID, routing.CallbackPending, "requested", "offered", "ignored")
		bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
		b := s.gets(bob)
		f := s.gets(far)
		if got := f.Invite().User(); got != number {
			t.Errorf("dialled: got %s, want %s", got, number)
		}
		s.hear(f, bobTone)
		s.hear(b, farTone)
		s.becomes(cb.ID, routing.CallbackAnswered, "requested", "offered", "ignored", "offered", "calling", "answered")
		s.bye(f)
		s.ended(b)
		time.Sleep(2 * time.Second)
		r := s.card()
		if r.Callback != cb.ID || r.Direction != call.Outbound || r.Agent != "bob" || r.Dialled != number {
			t.Errorf("the card: got %+v, want bob's call out for the callback", r)
		}
		got := s.callback(cb.ID)
		if len(got.Attempts) != 1 || got.Attempts[0].Call != string(r.ID) || got.Attempts[0].Agent != "bob" || got.Attempts[0].ByHand {
			t.Errorf("attempts: got %+v, want bob's", got.Attempts)
		}
		s.recorded().wantSaid(t, 400*time.Millisecond, farTone, bobTone)
		s.othersTone = farTone
	})
}

// The five minutes of a refusal and the two hours run on over a restart.
func TestCallbackKeepsItsTimesOverARestart(t *testing.T) {
	act(t, callbackTeam, func(s *story) {
		s.outside(simphone.Answer())
		ann := s.agent("ann", annTone, simphone.Ring().Decline(603), simphone.Ring().Decline(603), simphone.Ring())
		began := time.Now()
		cb := s.promise()
		s.ended(s.rings(ann))
		declined := time.Now()
		time.Sleep(2 * time.Minute)
		s.restart()
		s.ended(s.rings(ann))
		if got := time.Since(declined); got < 5*time.Minute || got > 5*time.Minute+time.Second {
			t.Errorf("offered again: got after %v, want 5m", got)
		}
		s.set("ann", false)
		time.Sleep(time.Until(began.Add(2*time.Hour - time.Second)))
		s.becomes(cb.ID, routing.CallbackPending, "requested", "offered", "ignored", "offered", "ignored")
		s.restart()
		time.Sleep(2 * time.Second)
		s.set("ann", true)
		time.Sleep(time.Minute)
		s.becomes(cb.ID, routing.CallbackPending, "requested", "offered", "ignored", "offered", "ignored", "expired")
	})
}

func TestCallbackThatIsNotPickedUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		far   simphone.Script
		state routing.CallbackState
		last  routing.CallbackMark
	}{
		{"no answer", simphone.Ring().After(40 * time.Second).Decline(480), routing.CallbackUnanswered, "unanswered"},
		{"busy", simphone.Decline(486), routing.CallbackUnanswered, "unanswered"},
		{"declined", simphone.Ring().After(time.Second).Decline(603), routing.CallbackUnanswered, "unanswered"},
		{"the trunk fails", simphone.Decline(503), routing.CallbackPending, "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			act(t, callbackTeam, func(s *story) {
				s.outside(c.far)
				ann := s.agent("ann", annTone, simphone.Ring().Answer())
				cb := s.promise()
				s.ended(s.gets(ann))
				time.Sleep(time.Second)
				s.becomes(cb.ID, c.state, "requested", "offered", "calling", c.last)
				if v := s.agentNow("ann"); len(v.Open) != 0 {
					t.Errorf("ann: got %+v, want her free", v.Open)
				}
				if c.state == routing.CallbackPending { // the carrier is asked again later
					ann.OnCall(simphone.Ring())
					began := time.Now()
					s.rings(ann)
					if got := time.Since(began); got < 4*time.Minute {
						t.Errorf("offered again after %v, want 5m after the trunk's failure", got)
					}
				}
			})
		})
	}
}

// Who leaves before the customer's phone rings has ignored it; afterwards the customer did not pick up.
func TestAgentLeavesACallback(t *testing.T) {
	for _, c := range []struct {
		far   simphone.Script
		state routing.CallbackState
		last  routing.CallbackMark
	}{
		{simphone.Ignore(), routing.CallbackPending, "given_up"},
		{simphone.Ring(), routing.CallbackUnanswered, "unanswered"},
	} {
		act(t, callbackTeam, func(s *story) {
			s.outside(c.far)
			ann := s.agent("ann", annTone, simphone.Ring().Answer())
			cb := s.promise()
			a := s.gets(ann)
			time.Sleep(2 * time.Second)
			s.bye(a)
			time.Sleep(time.Second)
			s.becomes(cb.ID, c.state, "requested", "offered", "calling", c.last)
			time.Sleep(time.Minute)
		})
	}
}

// With callback_first: customer the agent is spared while the customer rings, and rung once they answer.
func TestCallbackOfTheCustomerFirst(t *testing.T) {
	yaml := strings.Replace(callbackTeam, "wrap_up: 0s", "wrap_up: 0s, callback_first: customer", 1)
	act(t, yaml, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: customerTone})
		far.OnCall(simphone.Ring().After(10 * time.Second).Answer())
		ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Answer())
		cb := s.promise()
		f := s.rings(far)
		time.Sleep(5 * time.Second)
		c := s.dial() // must not take the agent who is spared
		s.answered(c)
		time.Sleep(time.Second)
		if v := s.agentNow("ann"); len(v.Open) != 1 || v.Open[0].Offer != 0 {
			t.Errorf("ann: got %+v, want her spared for the callback", v.Open)
		}
		s.answered(f)
		a := s.gets(ann)
		s.hear(f, annTone)
		s.hear(a, customerTone)
		s.becomes(cb.ID, routing.CallbackAnswered, "requested", "calling", "answered")
		s.bye(f)
		s.ended(a)
		b := s.gets(ann)
		s.hear(b, customerTone)
		s.bye(c)
		s.ended(b)
	})
}

func TestCallbackOrdersByHand(t *testing.T) {
	act(t, callbackTeam, func(s *story) {
		far := s.outside(simphone.Ring().After(time.Second).Decline(486), simphone.Ring().After(time.Second).Answer())
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		cb := s.promise()
		s.ended(s.gets(bob))
		time.Sleep(time.Second)
		s.becomes(cb.ID, routing.CallbackUnanswered, "requested", "offered", "calling", "unanswered")
		time.Sleep(24 * time.Hour) // it is long forgotten by the switchboard
		kept := s.callback(cb.ID)
		if _, err := s.house.board.CallBack(s.ctx, cb.ID, "bob", &kept); err != nil {
			t.Fatal(err)
		}
		b := s.gets(bob)
		s.rings(far)
		f := s.gets(far)
		s.hear(f, bobTone)
		s.hear(b, farTone)
		got := s.becomes(cb.ID, routing.CallbackAnswered, "requested", "offered", "calling", "unanswered", "calling", "answered")
		if n := len(got.Attempts); n != 2 || !got.Attempts[1].ByHand {
			t.Errorf("attempts: got %+v, want two, the last by hand", got.Attempts)
		}
		s.bye(b)
		s.ended(f)
		s.othersTone = farTone
		if _, err := s.house.board.CallBack(s.ctx, cb.ID, "bob", nil); !errors.Is(err, call.ErrNotNow) {
			t.Errorf("call what is answered: got %v, want ErrNotNow", err)
		}
		if _, err := s.house.board.CloseCallback(s.ctx, "nonesuch", "sue", ""); !errors.Is(err, call.ErrNoCallback) {
			t.Errorf("close what is not there: got %v, want ErrNoCallback", err)
		}
	})
}

// A spoofed caller must not make us dial a premium number: at the request, and once more when it is dialled.
func TestCallbackNumbersPassTheDialRules(t *testing.T) {
	act(t, callbackTeam, func(s *story) {
		far := s.outside(simphone.Answer())
		for _, text := range []string{"+19005550177", "+442079460000", "911", "12", "", "nobody"} {
			if cb, err := s.house.board.RequestCallback(s.ctx, call.CallbackRequest{Number: text, Team: "support"}); err == nil {
				t.Errorf("%q: got %+v, want it refused", text, cb)
			}
		}
		cb := s.promise()
		s.reload(strings.Replace(callbackTeam, "dial: {", "dial: {deny: [\"+1415\"], ", 1))
		s.agent("ann", annTone, simphone.Ring().Answer())
		time.Sleep(time.Minute)
		got := s.callback(cb.ID)
		if got.State != routing.CallbackClosed || !strings.Contains(got.Reason, "dial.deny has +1415") {
			t.Errorf("the callback: got %s %q, want it closed by the rule", got.State, got.Reason)
		}
		if n := len(far.Received()); n != 0 {
			t.Errorf("the carrier got %d messages, want none", n)
		}
	})
}

// A customer who calls in and is answered closes what was promised.
func TestCustomerWhoCallsInClosesTheCallback(t *testing.T) {
	act(t, callbackTeam, func(s *story) {
		s.outside(simphone.Answer())
		ann := s.agent("ann", annTone, simphone.Ring(), simphone.Ring().Answer())
		cb, err := s.house.board.RequestCallback(s.ctx, call.CallbackRequest{Number: customer, Team: "support"})
		if err != nil {
			t.Fatal(err)
		}
		s.rings(ann) // for the callback
		bob := s.agent("bob", bobTone, simphone.Ring().Answer())
		c := s.dial()
		b := s.gets(bob)
		s.hear(c, bobTone)
		got := s.becomes(cb.ID, routing.CallbackClosed, "requested", "offered", "called_in")
		if got.Reason != "called in" {
			t.Errorf("reason: got %q, want called in", got.Reason)
		}
		s.bye(c)
		s.ended(b)
		all, err := s.house.store.Callbacks(store.CallbackFilter{State: routing.CallbackClosed})
		if len(all) != 1 || err != nil {
			t.Errorf("closed callbacks: got %d, %v, want one", len(all), err)
		}
	})
}
