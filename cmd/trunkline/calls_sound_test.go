package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/call"
	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
	"trunkline/media"
)

// Whoever is not heard is named within 3 s, with the likely cause, and on the card.
func TestAgentWhoFallsSilentIsTold(t *testing.T) {
	act(t, supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		time.Sleep(time.Second)
		a.StopRTP(true)
		time.Sleep(3 * time.Second)
		if got := s.now().Calls[0].Sound; len(got) != 2 || len(got[1].Unheard) != 1 || got[1].Agent != "ann" || got[1].Unheard[0].Cause != media.CauseStopped {
			t.Errorf("status: got %+v, want ann not heard", got)
		}
		a.StopRTP(false)
		s.hear(c, annTone)
		c.Say(0)
		time.Sleep(5 * time.Second)
		c.Say(customerTone)
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
		card := s.card()
		if len(card.Sound) != 2 {
			t.Fatalf("card: got %+v, want two legs", card.Sound)
		}
		for _, l := range card.Sound {
			if l.Codec != "PCMU" || l.Heard.Packets == 0 || l.Heard.MOS < 4 || l.Heard.Lost > 0 || len(l.Unheard) != 1 || l.Unheard[0].To.IsZero() {
				t.Errorf("card: got %+v, want it heard well, but for a while", l)
			}
		}
		var told []string
		for _, f := range s.facts() {
			if strings.HasPrefix(string(f.Kind), "media.") {
				told = append(told, string(f.Kind)+" "+string(f.Agent)+string(f.Trunk)+" "+f.Reason)
			}
			if f.Kind == call.FactQuality && f.Quality.Heard.Packets == 0 {
				t.Errorf("fact: got %+v, want the leg's quality", f.Quality)
			}
		}
		want := "media.one_way annacme stopped, media.resumed annacme stopped, media.one_way acme silence, media.resumed acme silence, media.quality annacme , media.quality acme "
		if got := strings.Join(told, ", "); sorted(got) != sorted(want) {
			t.Errorf("facts: got %s, want %s", got, want)
		}
		if !strings.Contains(s.log.String(), "a leg is not heard") {
			t.Error("the log does not tell")
		}
	})
}

// While a caller waits or holds, nobody need be heard.
func TestNobodyNeedBeHeardWhileWaitingOrOnHold(t *testing.T) {
	act(t, supportTeam+queueFlow, func(s *story) {
		ann := s.agent("ann", annTone, simphone.Ring().After(8*time.Second).Answer())
		c := s.dial()
		time.Sleep(2 * time.Second)
		c.StopRTP(true)
		a := s.gets(ann)
		c.StopRTP(false)
		s.hear(c, annTone)
		s.does(a.Hold(s.within(5*time.Second), simphone.HoldSendOnly))
		a.StopRTP(true)
		c.StopRTP(true)
		time.Sleep(10 * time.Second)
		for _, f := range s.facts() {
			if f.Kind == call.FactOneWay {
				t.Errorf("got %+v, want nothing told", f)
			}
		}
		s.bye(c)
		s.ended(a)
	})
}

// A trunk that wants INFO is sent the agent's digits so, and the agent its as
// telephone-events.
func TestDigitsAreConvertedForATrunkWithInfo(t *testing.T) {
	act(t, supportTeam+queueFlow, func(s *story) {
		s.reload(supportTeam+queueFlow, "caller_id: \"+14155550100\"}", "caller_id: \"+14155550100\", dtmf: info}")
		var mu sync.Mutex
		var infos []string
		s.net.Watch(simnet.Request("INFO"), func(p simnet.Packet) {
			mu.Lock()
			defer mu.Unlock()
			if p.FromName() != "carrier" {
				_, body, _ := strings.Cut(string(p.Payload), "\r\n\r\n")
				infos = append(infos, p.Header("Content-Type")+" "+strings.Join(strings.Fields(body), " "))
			}
		})
		c, a, _ := s.talk(simphone.Ring())
		s.press(a, "5#")
		mu.Lock()
		if got, want := strings.Join(infos, ", "), "application/dtmf-relay Signal=5 Duration=100, application/dtmf-relay Signal=# Duration=100"; got != want {
			t.Errorf("carrier: got INFO %q, want %q", got, want)
		}
		mu.Unlock()
		for _, body := range [][2]string{{"application/dtmf-relay", "Signal=7\r\nDuration=250\r\n"}, {"application/dtmf", "9"}, {"text/plain", "8"}} {
			if _, err := c.Request(s.within(5*time.Second), "INFO", simphone.Body(body[0], []byte(body[1]))); err != nil {
				s.fatal(err)
			}
			time.Sleep(time.Second)
		}
		if got := a.Heard().Digits; got != "79" {
			t.Errorf("ann: got digits %q, want 79", got)
		}
		s.hear(a, customerTone)
		s.bye(c)
		s.ended(a)
	})
}

// facts are all that have been journalled.
func (s *story) facts() []call.Fact {
	s.Helper()
	if err := s.house.store.Sync(s.within(5 * time.Second)); err != nil {
		s.Fatal(err)
	}
	facts, err := s.house.store.Facts(0, 10_000)
	if err != nil {
		s.Fatal(err)
	}
	return facts
}

func sorted(list string) string {
	all := strings.Split(list, ", ")
	for i := range all {
		for j := range i {
			if all[i] < all[j] {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return strings.Join(all, ", ")
}
