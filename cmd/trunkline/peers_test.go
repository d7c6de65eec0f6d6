//go:build peers && linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/api"
	"trunkline/internal/realpeer"
)

// The tests of the files peers*_test.go put the binary between other people's
// programs: sipp is the carrier, baresip and linphone are the agents' phones.
// They have a tag of their own, because they need those programs:
//
//	go test -tags peers -run '^TestPeers' ./cmd/trunkline

// account is an agent's account on a phone at 127.0.0.1: whatever address phones
// are told to use, their RTP and TCP leave from there, and the switch rightly
// does not listen to a third address.
func (s *site) account(user string, hz float64) realpeer.PhoneConfig {
	s.Helper()
	dir, err := os.MkdirTemp(s.dir, user+"-")
	s.must(err)
	return realpeer.PhoneConfig{Dir: dir, User: user, Password: user + "-password-1", Registrar: s.sip.String(), Register: true, Hz: hz}
}

// baresip starts a phone; it is stopped before the switch.
func (s *site) baresip(cfg realpeer.PhoneConfig) *realpeer.Baresip {
	s.Helper()
	b, err := realpeer.StartBaresip(s.within(step), cfg)
	s.must(err)
	s.stops(cfg.User, b)
	return b
}

// registered starts a baresip of an agent and waits until it is known.
func (s *site) registered(user string, hz float64) *realpeer.Baresip {
	s.Helper()
	before := len(s.agentStatus(user).Phones)
	b := s.baresip(s.account(user, hz))
	s.comes(user+" is registered", func() bool { return len(s.agentStatus(user).Phones) > before })
	return b
}

// linphone starts a phone of an agent and waits until it is known.
func (s *site) linphone(user string, hz float64) *realpeer.Linphone {
	s.Helper()
	l, err := realpeer.StartLinphone(s.within(step), s.account(user, hz))
	s.must(err)
	s.stops(user, l)
	s.comes(user+" is registered", func() bool { return len(s.agentStatus(user).Phones) > 0 })
	return l
}

// stops ends a peer with the test, and shows what it said if the test failed.
func (s *site) stops(name string, peer interface {
	Stop()
	Log() string
}) {
	s.Cleanup(func() {
		peer.Stop()
		if s.Failed() {
			log := peer.Log()
			s.Logf("%s said:\n%s", name, log[max(0, len(log)-8000):])
		}
	})
}

// sipp starts one as the carrier of host 2, or where cfg says; calls come to our number.
func (s *site) sipp(cfg realpeer.SippConfig) *realpeer.Sipp {
	s.Helper()
	dir, err := os.MkdirTemp(s.dir, "sipp-")
	s.must(err)
	if !cfg.IP.IsValid() {
		cfg.IP = s.host(2)
	}
	cfg.Dir, cfg.Switch, cfg.Number, cfg.Caller = dir, s.sip, ourNumber, customer
	c, err := realpeer.StartSipp(cfg)
	s.must(err)
	s.stops("sipp", c)
	return c
}

// over waits until a sipp's calls went by its scenario.
func (s *site) over(c *realpeer.Sipp) {
	s.Helper()
	s.must(c.Wait(s.within(step)))
}

// ear is the sound of the carrier where sipp has none.
func (s *site) ear(hz float64) *realpeer.Ear {
	s.Helper()
	e, err := realpeer.NewEar(s.host(2), hz)
	s.must(err)
	s.Cleanup(e.Close)
	return e
}

// comes polls slower than eventually and for longer: judging sound costs time.
func (s *site) comes(what string, f func() bool) {
	s.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(step); !f(); <-ticker.C {
		if time.Now().After(deadline) {
			s.Fatalf("not within %v: %s", step, what)
		}
	}
}

// lasts waits for a stretch of real time in which real programs go on.
func (s *site) lasts(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.Context().Done():
	}
}

// customerHears waits until the carrier's ear hears one tone alone from now on.
func (s *site) customerHears(e *realpeer.Ear, hz float64) {
	s.Helper()
	from := time.Now()
	s.comes(fmt.Sprintf("the customer hears %.0f Hz", hz), func() bool { return e.Since(from).Hears(hz) })
}

// customerHearsMusic waits until the carrier's ear hears what no peer says.
func (s *site) customerHearsMusic(e *realpeer.Ear) {
	s.Helper()
	from := time.Now()
	s.comes("the customer hears music", func() bool { return e.Since(from).HearsOther(annTone, bobTone, customerTone, farTone) })
}

// phoneHeard wants a tone alone in what a phone heard in a call that is over.
func (s *site) phoneHeard(who string, phone interface {
	Heard() (realpeer.Recording, error)
}, hz float64) {
	s.Helper()
	var rec realpeer.Recording
	var err error
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); s.lasts(100 * time.Millisecond) { // the file is finished beside the call
		if rec, err = phone.Heard(); err == nil && rec.Hears(hz) {
			return
		}
	}
	s.Errorf("%s heard: got %v (%v), want %.0f Hz", who, rec, err, hz)
}

// recorded wants a customer's and an agent's tone in a recording, each on its
// side, and nothing else on either: no music, no crosstalk.
func (s *site) recorded(path string, customer, agent float64) {
	s.Helper()
	for side, hz := range map[int]float64{0: customer, 1: agent} {
		rec, err := realpeer.ReadWAV(path, side)
		if err != nil || !rec.Hears(hz) || rec.HearsOther(hz) {
			s.Errorf("channel %d of the recording: got %v (%v), want %.0f Hz alone", side, rec, err, hz)
		}
	}
}

// tape waits until so much of the call in progress is on disk.
func (s *site) tape(d time.Duration) {
	s.Helper()
	s.comes(fmt.Sprintf("%v are recorded", d), func() bool {
		recordings := s.card().Recordings
		if len(recordings) == 0 {
			return false
		}
		info, err := os.Stat(recordings[len(recordings)-1].Path)
		return err == nil && info.Size() > int64(44+d.Seconds()*32000)
	})
}

// closed is the card of the site's n-th call, once the call is over, its
// recordings are sealed and all of that is on a busy machine's disk.
func (s *site) closed(n int) api.Card {
	s.Helper()
	client := s.client()
	var card api.Card
	s.comes(fmt.Sprintf("call %d is over and its recordings are sealed", n), func() bool {
		cards, err := client.Calls(s.within(step), 20)
		s.must(err)
		if len(cards) < n {
			return false
		}
		card = cards[len(cards)-n] // they come newest first
		return !card.InProgress && !slices.ContainsFunc(card.Recordings, func(r api.Recording) bool { return !r.Sealed })
	})
	return card
}

// state waits until the only call is in a state.
func (s *site) state(want string) {
	s.Helper()
	s.comes("the call is in "+want, func() bool {
		calls := s.status().Calls
		return len(calls) == 1 && calls[0].State == want
	})
}

// wantOffers wants the outcomes of a call's offers, in order.
func wantOffers(t *testing.T, card api.Card, want ...string) {
	t.Helper()
	var got []string
	for _, o := range card.Offers {
		got = append(got, fmt.Sprintf("%s %s", o.Agent, o.Outcome))
	}
	if !slices.Equal(got, want) {
		t.Errorf("offers on the card: got %q, want %q", got, want)
	}
}

// agentStatus is one agent's line of the status.
func (s *site) agentStatus(name string) api.Agent {
	s.Helper()
	for _, a := range s.status().Agents {
		if a.ID == name {
			return a
		}
	}
	s.Fatalf("agent %s: got none in the status", name)
	return api.Agent{}
}

// flawless wants the switch to have been without faults.
func (s *site) flawless() {
	s.Helper()
	if c := s.status().Counts; c.Faults+c.Mismatches > 0 {
		s.Errorf("counts: got %+v, want no faults and no mismatches", c)
	}
}

// connections counts the established TCP connections of a phone: those made to
// the port it listens on, and those it made to the switch.
func (s *site) connections(phone *realpeer.Baresip) (to, from int) {
	s.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	s.must(err)
	hex := func(a netip.AddrPort) string {
		ip := a.Addr().As4()
		return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], a.Port())
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 4 || f[3] != "01": // not ESTABLISHED
		case f[1] == hex(phone.Addr()):
			to++
		case f[2] == hex(s.sip): // an address of this site alone
			from++
		}
	}
	return to, from
}
