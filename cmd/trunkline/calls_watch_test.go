package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/raced"
	"trunkline/internal/simphone"
	"trunkline/routing"
)

// watched has ann and the customer talk, and carol's phone there, which answers what rings.
func (s *story) watched(bob ...simphone.Script) (c, a *simphone.Call, bobs, carol *simphone.Phone) {
	s.Helper()
	s.set("carol", false)
	c, a, bobs = s.talk(bob...)
	return c, a, bobs, s.agent("carol", carolTone, simphone.Ring().Answer())
}

// watch has carol watch the call.
func (s *story) watch(mode call.WatchMode) {
	s.Helper()
	s.order(call.Order{Verb: call.WatchCall, By: "carol", Mode: mode, Who: "carol"})
}

// wantTold wants these facts about watching, in short.
func (s *story) wantTold(want ...string) {
	s.Helper()
	var got []string
	for _, f := range s.facts() {
		if kind, is := strings.CutPrefix(string(f.Kind), "watch."); is {
			got = append(got, fmt.Sprintf("%s %s: %s by %s, %s", kind, f.Agent, f.State, f.By, f.Reason))
			if f.Call == "" {
				s.Errorf("fact %+v: got no call, want the one that is watched", f)
			}
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.Errorf("facts: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSupervisorListensWhispersAndBarges(t *testing.T) {
	narrate(t, "watch", supportTeam+queueFlow, func(s *story) {
		c, a, _, carol := s.watched(simphone.Ring())
		s.watch(call.WatchListen)
		w := s.gets(carol)
		s.wantHears(w, "ann+customer")
		s.wantHears(c, "ann")
		s.wantHears(a, "customer")
		s.watch(call.WatchWhisper)
		time.Sleep(200 * time.Millisecond)
		s.wantHears(w, "ann+customer")
		s.wantHears(c, "ann")
		s.wantHears(a, "carol+customer")
		s.watch(call.WatchBarge)
		time.Sleep(200 * time.Millisecond)
		s.wantHears(w, "ann+customer")
		s.wantHears(c, "ann+carol")
		s.wantHears(a, "carol+customer")
		s.watch(call.WatchListen)
		time.Sleep(200 * time.Millisecond)
		s.wantHears(c, "ann")
		s.wantHears(a, "customer")
		if v := s.agentNow("carol"); len(v.Open) != 1 {
			t.Errorf("carol: got %+v, want her busy while she watches", v)
		}
		if got := s.now().Calls; len(got) != 1 || len(got[0].Watched) != 1 || got[0].Watched[0].By != "carol" {
			t.Errorf("status: got %+v, want one call, and carol watching it", got)
		}
		s.order(call.Order{Verb: call.Unwatch, By: "carol", Who: "carol"})
		if e := s.ended(w); e.By != simphone.Theirs {
			t.Errorf("carol's leg: got %v, want it hung up", e)
		}
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		r := s.card()
		var modes []string
		for _, x := range r.Watched {
			if x.By != "carol" || x.Agent != "ann" || x.Who != "carol" || x.To.Before(x.From) || x.To.IsZero() {
				t.Errorf("card: got %+v, want carol's, that is over", x)
			}
			modes = append(modes, string(x.Mode))
		}
		if got := strings.Join(modes, " "); got != "listen whisper barge listen" {
			t.Errorf("card: got %s", got)
		}
		s.wantTold("ordered ann: listen by carol, by carol", "began ann: listen by carol, by carol", "mode ann: whisper by carol, by carol", "mode ann: barge by carol, by carol", "mode ann: listen by carol, by carol", "ended ann: listen by carol, ordered by carol")
	})
}

// What is whispered is on no recording; who barges is on the agents' side, while they do.
func TestWhisperIsNotRecordedAndBargeIs(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, _, carol := s.watched(simphone.Ring())
		a.Say(0)
		s.watch(call.WatchWhisper)
		w := s.gets(carol)
		began := s.liveRecord().Segments
		at := func() time.Duration { return time.Since(began[len(began)-1].From) }
		time.Sleep(time.Second)
		whispered := at()
		s.wantHears(a, "carol+customer")
		s.watch(call.WatchBarge)
		time.Sleep(200 * time.Millisecond)
		barged := at()
		s.wantHears(c, "carol")
		s.watch(call.WatchListen)
		time.Sleep(500 * time.Millisecond)
		listened := at()
		time.Sleep(time.Second)
		s.bye(w)
		s.bye(c)
		s.ended(a)
		sound := s.recorded()
		sound.wantSaid(t, whispered, customerTone, 0)
		sound.wantSaid(t, barged+200*time.Millisecond, customerTone, carolTone)
		sound.wantSaid(t, listened+200*time.Millisecond, customerTone, 0)
		if n := len(s.card().Recordings); n != 1 {
			t.Errorf("recordings: got %d, want the one", n)
		}
	})
}

// On hold the customer hears music; whoever watches stays with the agent.
func TestWatcherStaysWithTheAgentOverAHold(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, _, carol := s.watched(simphone.Ring())
		s.watch(call.WatchWhisper)
		w := s.gets(carol)
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "music")
		s.wantHears(a, "carol")
		s.wantHears(w, "ann")
		s.watch(call.WatchListen)
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "music")
		s.wantHears(a, "silence")
		s.wantHears(w, "ann")
		s.watch(call.WatchBarge) // and the customer is not alone any more
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "carol")
		s.wantHears(w, "customer")
		s.watch(call.WatchWhisper)
		s.order(call.Order{Verb: call.Resume, By: "ann"})
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "ann")
		s.wantHears(a, "carol+customer")
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly)) // by the phone's own key
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "music")
		s.does(a.Resume(s.within(5 * time.Second)))
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "ann")
		s.wantHears(a, "carol+customer")
		s.bye(w)
		time.Sleep(300 * time.Millisecond)
		s.wantHears(a, "customer")
		s.order(call.Order{Verb: call.Hold, By: "ann"})
		time.Sleep(300 * time.Millisecond)
		s.wantHears(a, "silence")
		s.bye(c)
		s.ended(a)
		s.silenceCards()
	})
}

// A consult, its merge and the transfer: whoever watches hears what the agent hears, then follows the customer.
func TestWatcherFollowsTheCallOverATransfer(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob, carol := s.watched(simphone.Ring().After(time.Second).Answer())
		s.watch(call.WatchWhisper)
		w := s.gets(carol)
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: to("bob"), Ask: true})
		b := s.gets(bob)
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "music")
		s.wantHears(b, "ann")
		s.wantHears(a, "bob+carol")
		s.wantHears(w, "ann+bob")
		s.order(call.Order{Verb: call.Merge, By: "ann"})
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "ann+bob")
		s.wantHears(b, "ann+customer")
		s.wantHears(a, "bob+carol+customer")
		s.wantHears(w, "ann+bob+customer")
		s.order(call.Order{Verb: call.Complete, By: "ann"})
		s.ended(a)
		time.Sleep(300 * time.Millisecond)
		s.wantHears(c, "bob")
		s.wantHears(b, "carol+customer")
		s.wantHears(w, "bob+customer")
		s.bye(c)
		s.ended(b)
		s.ended(w)
		s.wantTold("ordered ann: whisper by carol, by carol", "began ann: whisper by carol, by carol", "mode bob: whisper by carol, by carol", "ended bob: whisper by carol, call_ended")
	})
}

// With a number outside there is nobody of ours to watch.
func TestWatchEndsWhenTheCallLeavesTheHouse(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		far := s.outside(simphone.Ring().After(time.Second).Answer())
		c, a, _, carol := s.watched(simphone.Ring())
		s.watch(call.WatchBarge)
		w := s.gets(carol)
		s.order(call.Order{Verb: call.Transfer, By: "ann", To: call.Destination{Number: number}})
		f := s.gets(far)
		s.ended(a)
		s.ended(w)
		s.hear(f, customerTone)
		s.hear(c, farTone)
		s.bye(c)
		s.ended(f)
		s.wantTold("ordered ann: barge by carol, by carol", "began ann: barge by carol, by carol", "ended ann: barge by carol, transferred")
	})
}

// The agent's phone vanishes: who listens hears music until the agent is back; who barges stays with the customer.
func TestAgentLostWhileWatched(t *testing.T) {
	for _, mode := range []call.WatchMode{call.WatchListen, call.WatchBarge} {
		for _, back := range []bool{true, false} {
			t.Run(fmt.Sprint(mode, " back ", back), func(t *testing.T) {
				live(t, supportTeam+queueFlow, func(s *story) {
					s.set("carol", false)
					s.set("bob", false)
					ann := s.agent("ann", annTone, simphone.Ring().Answer())
					second := s.spare("ann", annTone, simphone.Ring().After(3*time.Second).Answer())
					carol := s.agent("carol", carolTone, simphone.Ring().Answer())
					c := s.dial()
					s.gets(ann)
					s.hear(c, annTone)
					s.watch(mode)
					w := s.gets(carol)
					ann.Die()
					if back {
						s.registers(second)
					}
					time.Sleep(5 * time.Second)
					s.silenceCards()
					if mode == call.WatchBarge {
						s.wantHears(c, "carol")
						s.wantHears(w, "customer")
					} else if !back {
						s.wantHears(c, "music")
						s.wantHears(w, "music")
					}
					if back {
						a := s.gets(second)
						time.Sleep(time.Second)
						time.Sleep(300 * time.Millisecond)
						s.wantHears(w, "ann+customer")
						want := "ann"
						if mode == call.WatchBarge {
							want = "ann+carol"
						}
						s.wantHears(c, want)
						s.bye(c)
						s.ended(a)
						s.ended(w)
						return
					}
					s.ended(w) // the call is back in its queue
					s.wantHears(c, "music")
					s.bye(c)
				})
			})
		}
	}
}

func TestSupervisorsPhoneWatchesByCodeAndKeys(t *testing.T) {
	live(t, supportTeam+queueFlow+"controls: {watch: {tone: true}}\n", func(s *story) {
		c, a, _, carol := s.watched(simphone.Ring())
		if e := s.ended(carol.Dial("*54103")); e.Code != 403 {
			t.Errorf("who is no supervisor: got %v, want 403", e)
		}
		s.reload(supportTeam+queueFlow+"controls: {watch: {tone: true}}\n", "name: Ann Lee,", `name: Ann Lee, extension: "101",`, "name: Carol Diaz,", "name: Carol Diaz, role: supervisor,")
		for dialled, want := range map[string]int{"*54102": 480, "*54999": 404} {
			if e := s.ended(carol.Dial(dialled)); e.Code != want {
				t.Errorf("%s: got %v, want %d", dialled, e, want)
			}
		}
		w := carol.Dial("*54101")
		s.answered(w)
		time.Sleep(150 * time.Millisecond)
		if toAnn, toCustomer := a.Last(100*time.Millisecond).Tones(), c.Last(100*time.Millisecond).Tones(); alone(toAnn, customerTone) || !alone(toCustomer, annTone) {
			t.Errorf("the tone: got %v at ann and %v at the customer, want it at ann alone", toAnn, toCustomer)
		}
		time.Sleep(time.Second)
		s.wantHears(w, "ann+customer")
		s.press(w, "5")
		time.Sleep(time.Second)
		s.wantHears(a, "carol+customer")
		s.press(w, "6")
		time.Sleep(time.Second)
		s.wantHears(c, "ann+carol")
		s.press(w, "4")
		time.Sleep(time.Second)
		s.wantHears(c, "ann")
		s.wantHears(a, "customer")
		if got := c.Heard().Digits + a.Heard().Digits; got != "" {
			t.Errorf("keys: got %q at the others, want none", got)
		}
		s.bye(w)
		time.Sleep(300 * time.Millisecond)
		s.wantHears(a, "customer")
		s.bye(c)
		s.ended(a)
		s.wantTold("ordered ann: listen by carol, by carol", "began ann: listen by carol, by carol", "mode ann: whisper by carol, by carol", "mode ann: barge by carol, by carol", "mode ann: listen by carol, by carol", "ended ann: listen by carol, hangup")
	})
}

func TestWhatCannotBeWatched(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		bob := s.agent("bob", bobTone, simphone.Ring().Decline(486))
		s.set("bob", false)
		c := s.dial()
		s.answered(c)
		s.refused(call.Order{Verb: call.WatchCall, By: "bob", Mode: call.WatchListen}, call.ErrNotNow) // nobody talks
		ann := s.agent("ann", annTone, simphone.Ring().Answer())
		a := s.gets(ann)
		s.hear(c, annTone)
		s.refused(call.Order{Verb: call.WatchCall, By: "nobody", Mode: call.WatchListen}, call.ErrNoAgent)
		s.refused(call.Order{Verb: call.WatchCall, By: "carol", Mode: call.WatchListen}, call.ErrOffline)
		s.refused(call.Order{Verb: call.WatchCall, By: "ann", Mode: call.WatchListen}, call.ErrNotNow)
		s.refused(call.Order{Verb: call.WatchCall, By: "bob", Mode: "spy"}, call.ErrNotNow)
		s.refused(call.Order{Verb: call.WatchCall, By: "bob", Mode: call.WatchListen, To: to("carol")}, call.ErrNotNow)
		s.order(call.Order{Verb: call.WatchCall, By: "bob", Mode: call.WatchListen, Who: "sue"})
		b := s.rings(bob)
		s.ended(b)
		s.hear(c, annTone)
		s.hear(a, customerTone)
		s.order(call.Order{Verb: call.Unwatch, By: "bob"})
		s.bye(c)
		s.ended(a)
		s.wantTold("ordered ann: listen by bob, by sue", "ended ann: listen by bob, busy")
		if v := s.agentNow("bob"); len(v.Open) != 0 {
			t.Errorf("bob: got %+v, want him free", v)
		}
	})
}

// A supervisor goes from one call to the next without hanging up.
func TestSupervisorGoesToAnotherCall(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob, carol := s.watched(simphone.Ring().Answer())
		s.watch(call.WatchWhisper)
		w := s.gets(carol)
		d := s.carrier.Dial(ourNumber, simphone.From("+14155550124"), simphone.SaysTone(farTone))
		b := s.gets(bob)
		s.hear(d, bobTone)
		s.does(s.house.board.Do(s.within(time.Second), call.Order{Verb: call.WatchCall, Call: s.now().Calls[1].ID, By: "carol", Mode: call.WatchWhisper, Who: "carol"}))
		time.Sleep(300 * time.Millisecond)
		s.wantHears(w, "bob+far")
		s.wantHears(b, "carol+far")
		s.wantHears(a, "customer")
		s.bye(c)
		s.ended(a)
		s.wantHears(w, "bob+far")
		s.bye(d)
		s.ended(b)
		s.ended(w)
		s.silenceCards()
		s.wantTold("ordered ann: whisper by carol, by carol", "began ann: whisper by carol, by carol", "ended ann: whisper by carol, another_call", "ordered bob: whisper by carol, by carol", "began bob: whisper by carol, by carol", "ended bob: whisper by carol, call_ended")
	})
}

// Two agents talk: the one who is watched is whispered to.
func TestInternalCallIsWatchedOnOneSide(t *testing.T) {
	for watched, hears := range map[routing.AgentID][2]string{"ann": {"bob+carol", "ann"}, "bob": {"bob", "ann+carol"}} {
		live(t, supportTeam+queueFlow, func(s *story) {
			bob := s.agent("bob", bobTone, simphone.Ring().Answer())
			carol := s.agent("carol", carolTone, simphone.Ring().Answer())
			ann := s.agent("ann", annTone)
			a := ann.Dial("102")
			b := s.gets(bob)
			s.answered(a)
			s.order(call.Order{Verb: call.WatchCall, By: "carol", Mode: call.WatchWhisper, To: to(watched), Who: "carol"})
			w := s.gets(carol)
			time.Sleep(300 * time.Millisecond)
			s.wantHears(a, hears[0])
			s.wantHears(b, hears[1])
			s.wantHears(w, "ann+bob")
			s.bye(a)
			s.ended(b)
			s.ended(w)
		})
	}
}

// Whatever falls on one instant with a watcher's answer, nothing is left, and each order has its end.
func TestWatcherComesAsOtherThingsHappen(t *testing.T) {
	for name, act := range map[string]func(s *story, c, a *simphone.Call){
		"the customer hangs up": func(s *story, c, a *simphone.Call) { _ = c.Hangup(s.ctx) },
		"the agent hangs up":    func(s *story, c, a *simphone.Call) { _ = a.Hangup(s.ctx) },
		"the agent holds":       func(s *story, c, a *simphone.Call) { _ = a.Hold(s.ctx, simphone.HoldSendOnly) },
		"it is transferred": func(s *story, c, a *simphone.Call) {
			_ = s.try(call.Order{Verb: call.Transfer, By: "ann", To: to("bob")})
		},
		"it is given up":      func(s *story, c, a *simphone.Call) { _ = s.try(call.Order{Verb: call.Unwatch, By: "carol"}) },
		"the mode changes":    func(s *story, c, a *simphone.Call) { s.watch(call.WatchBarge) },
		"an operator ends it": func(s *story, c, a *simphone.Call) { _ = s.try(call.Order{Verb: call.Hangup}) },
	} {
		t.Run(name, func(t *testing.T) {
			live(t, supportTeam+queueFlow, func(s *story) {
				s.muteCustomer = false
				c, a, _ := s.talk(simphone.Ring().After(time.Second).Answer())
				carol := s.agent("carol", carolTone, simphone.Ring())
				s.watch(call.WatchWhisper)
				w := s.rings(carol)
				time.Sleep(time.Second)
				s.at(w.Answer, func() { act(s, c, a) })
				time.Sleep(5 * time.Second)
				_ = c.Hangup(s.ctx)
				time.Sleep(5 * time.Second)
				if e := s.ended(w); e.Code != 0 && e.Code != 487 {
					t.Errorf("carol's leg: got %v", e)
				}
				ordered, ended := 0, 0
				for _, f := range s.facts() {
					switch f.Kind {
					case call.FactWatchOrdered:
						ordered++
					case call.FactWatchEnded:
						ended++
					}
				}
				if ordered != 1 || ended != 1 {
					t.Errorf("facts: got %d ordered and %d ended, want one each", ordered, ended)
				}
				if v := s.agentNow("carol"); len(v.Open) != 0 {
					t.Errorf("carol: got %+v, want her free", v)
				}
				s.silenceCards()
			})
		})
	}
}

// silenceCards spares a story whose talks were cut at random the comparison of recordings with them.
func (s *story) silenceCards() { s.unheard = true }

// A supervisor who does at random what is possible but barge never changes what the customer hears.
func TestRandomWatcherNeverChangesWhatTheCustomerHears(t *testing.T) {
	for range raced.Or(1, 3) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		live(t, supportTeam+queueFlow, func(s *story) {
			dice := rand.New(rand.NewPCG(seed, 1))
			c, a, _, carol := s.watched(simphone.Ring())
			held := false
			var w *simphone.Call
			for range 40 {
				switch dice.IntN(6) {
				case 0, 1:
					s.watch(call.WatchListen)
				case 2, 3:
					s.watch(call.WatchWhisper)
				case 4:
					s.order(call.Order{Verb: call.Unwatch, By: "carol"})
				case 5:
					verb := call.Hold
					if held = !held; !held {
						verb = call.Resume
					}
					s.order(call.Order{Verb: verb, By: "ann"})
					time.Sleep(300 * time.Millisecond)
				}
				time.Sleep(time.Duration(dice.IntN(400)) * time.Millisecond)
				want := "ann"
				if held {
					want = "music"
				}
				s.wantHears(c, want)
			}
			_, _ = w, carol
			s.bye(c)
			s.ended(a)
			s.silenceCards()
		})
	}
}
