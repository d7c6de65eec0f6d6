package main

import (
	"bytes"
	"context"
	"net"
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
