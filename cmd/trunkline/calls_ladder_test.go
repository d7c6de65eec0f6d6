package main

import (
	"bytes"
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/flight"
	"trunkline/internal/simphone"
)

// played plays a call of 12 s that ann declines and bob takes, and gives what
// is kept of it.
func played(t *testing.T, s *story) flight.Call {
	t.Helper()
	ann := s.agent("ann", annTone, simphone.Ring().After(time.Second).Decline(603))
	bob := s.agent("bob", bobTone, simphone.Ring().After(time.Second).Answer())
	c := s.dial()
	s.rings(ann)
	b := s.gets(bob)
	s.hear(c, bobTone)
	time.Sleep(12 * time.Second)
	s.bye(c)
	s.ended(b)
	time.Sleep(time.Second)
	kept, there := s.house.flight.Call(string(s.cards()[0].ID))
	if !there {
		s.Fatal("the flight recorder: got nothing of the call")
	}
	return kept
}

func TestTheLadderShowsAllLegsDecisionsAndSound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supportTeam+queueFlow)
		kept := played(t, s)
		var out bytes.Buffer
		if err := showLadder(&out, kept, time.UTC, false); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for _, want := range []string{
			"trunk acme", "switch", "ended 2000-01-01",
			"|- INVITE (sdp) ----------------->|", "|<---------- 100 Trying (INVITE) -|", "|<-------- 200 OK (INVITE) (sdp) -|",
			"|- INVITE (sdp) ----------------->  agent ann", "|<--------- 603 Decline (INVITE) -  agent ann",
			"|- INVITE (sdp) ----------------->  agent bob", "|<-------- 200 OK (INVITE) (sdp) -  agent bob",
			"* offer.ended ann team support declined", "~ trunk acme: PCMU, heard ", "~ agent bob: PCMU, heard ",
			"|- BYE -------------------------->|", "|- BYE (Q.850;cause=16;",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("got no %q in\n%s", want, text)
			}
		}
		at := 0
		for _, next := range []string{"* call.arrived", "* call.answered", "* call.queued", "* offer.made ann", "* offer.rang ann", "* offer.made bob", "* call.connected bob", "* call.ended hangup by caller", "* recording.sealed"} {
			i := strings.Index(text[at:], next)
			if i < 0 {
				t.Fatalf("got no %q, or too early, in\n%s", next, text)
			}
			at += i
		}
		if n := len(kept.Messages); n < 18 {
			t.Errorf("messages: got %d, want those of three legs", n)
		}
		for _, l := range kept.Legs {
			if n := len(l.Sounds); l.Name != "agent ann" && n < 3 {
				t.Errorf("%s: got %d looks at the sound, want one each 5 s", l.Name, n)
			}
		}
		s.stop()
	})
}

// toCollector keeps what the collector is sent.
type toCollector struct {
	net.Conn
	got chan []byte
}

func (c toCollector) Write(b []byte) (int, error) {
	select {
	case c.got <- bytes.Clone(b):
	default:
	}
	return len(b), nil
}
func (c toCollector) SetWriteDeadline(time.Time) error { return nil }
func (c toCollector) Close() error                     { return nil }

func TestTheCollectorGetsTheCallsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan []byte, 1000)
		s := open(t, "hep: {to: \"udp://homer.example:9060\", id: 9, password: hush-hush-hush}\n"+supportTeam+queueFlow, func(_ *story, w *world) {
			w.hep = func(_ context.Context, to string) (net.Conn, error) {
				if to != "homer.example:9060" {
					t.Errorf("the collector: got %s", to)
				}
				return toCollector{got: got}, nil
			}
		})
		played(t, s)
		s.stop()
		var all []byte
		n := 0
		for len(got) > 0 {
			b := <-got
			if !bytes.HasPrefix(b, []byte("HEP3")) {
				t.Fatalf("got % x, want HEP3", b[:min(len(b), 16)])
			}
			n++
			all = append(all, b...)
		}
		if n < 20 || !bytes.Contains(all, []byte("INVITE sip:")) || !bytes.Contains(all, []byte("REGISTER sip:")) || !bytes.Contains(all, []byte(`"MOS":`)) {
			t.Errorf("got %d packets, want messages, registrations too, and reports", n)
		}
		if i := bytes.Index(all, []byte("response=")); i >= 0 {
			t.Errorf("got a credential: %q", all[i:i+50])
		}
	})
}

func TestTheFiguresCountARealCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, supportTeam+queueFlow)
		played(t, s)
		w := httptest.NewRecorder()
		s.house.meter.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{
			"trunkline_up 1", `trunkline_calls_ended_total{by="caller",cause="hangup"} 1`,
			`trunkline_offers_total{outcome="declined"} 1`, `trunkline_offers_total{outcome="accepted"} 1`,
			`trunkline_trunk_up{trunk="acme"} 1`, `trunkline_phones{kind="registered"} 2`,
			"trunkline_queue_wait_seconds_count 1", `trunkline_recordings_sealed_total{result="good"} 1`, "trunkline_recordings_open 0",
			`trunkline_rtp_mos_count{trunk="acme"} 1`, `trunkline_rtp_loss_ratio_bucket{trunk="acme",le="0"} 1`,
			"trunkline_sip_legs 0", "trunkline_flight_calls 1",
		} {
			if !strings.Contains(w.Body.String(), "\n"+want+"\n") {
				t.Errorf("got no %s in\n%s", want, w.Body)
			}
		}
		if err := s.house.ready(t.Context()); err != nil {
			t.Errorf("ready: got %v, want nil", err)
		}
		s.stop()
		if err := s.house.ready(t.Context()); err == nil {
			t.Error("ready after the stop: got nil, want why not")
		}
	})
}
