package main

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
)

// press has a phone press keys, and gives them time.
func (s *story) press(c *simphone.Call, digits string) {
	s.Helper()
	c.SendDigits(digits)
	time.Sleep(time.Duration(len(digits))*250*time.Millisecond + 300*time.Millisecond)
}

// The keys of the agent's phone give the same orders; the customer's give none.
func TestKeysDuringACall(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, _ := s.talk(simphone.Ring())
		s.press(c, "*8*1")
		s.hear(a, customerTone)
		if r := s.liveRecord(); len(r.Recordings[0].Pauses) != 0 {
			t.Errorf("keys of the customer: got %+v, want them ignored", r.Recordings[0].Pauses)
		}
		s.press(a, "*8")
		s.wantHears(c, "music")
		s.press(a, "*8")
		s.hear(c, annTone)
		s.press(a, "*1")
		time.Sleep(2 * time.Second)
		s.press(a, "*1")
		s.hear(c, annTone)
		if r := s.liveRecord(); len(r.Recordings[0].Pauses) != 1 || r.Recordings[0].Pauses[0].By != "ann" || r.Recordings[0].Pauses[0].To.IsZero() {
			t.Errorf("pauses by key: got %+v, want one of ann's that is over", r.Recordings[0].Pauses)
		}
		s.bye(c)
		s.ended(a)
	})
}

func TestTransferByKeys(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		c, a, bob := s.talk(simphone.Ring().After(2 * time.Second).Answer())
		s.press(a, "*3102#")
		s.wantHears(c, "music")
		b := s.gets(bob)
		s.hear(a, bobTone)
		s.press(a, "*4")
		s.hear(a, customerTone)
		s.press(a, "*6")
		s.ended(a)
		s.hear(c, bobTone)
		s.bye(c)
		s.ended(b)
	})
}

// Without # the number is whole when no more digits come.
func TestTransferByKeysWithoutAnEnd(t *testing.T) {
	live(t, outsideFlow, func(s *story) {
		far := s.host("far", "10.0.0.8:5060", simphone.Config{User: "far", Tone: farTone})
		far.OnCall(simphone.Ring().After(time.Second).Answer())
		c, a, _ := s.talk(simphone.Ring())
		s.press(a, "*24155550177")
		f := s.gets(far)
		s.ended(a)
		s.hear(c, farTone)
		s.bye(c)
		s.ended(f)
	})
}

// What belongs to a key is not for the customer, whichever way their digits come;
// what turns out to be none is, late and in full.
func TestKeysAreNotHeardByTheCustomer(t *testing.T) {
	for _, way := range []string{"events", "info"} {
		t.Run(way, func(t *testing.T) {
			live(t, supportTeam+queueFlow, func(s *story) {
				var mu sync.Mutex
				infos := ""
				if way == "info" {
					s.reload(supportTeam+queueFlow, "caller_id: \"+14155550100\"}", "caller_id: \"+14155550100\", dtmf: info}")
					s.net.Watch(simnet.Request("INFO"), func(p simnet.Packet) {
						if _, body, _ := strings.Cut(string(p.Payload), "Signal="); p.FromName() != "carrier" && body != "" {
							mu.Lock()
							infos += body[:1]
							mu.Unlock()
						}
					})
				}
				c, a, _ := s.talk(simphone.Ring())
				before := ""
				hears := func(typed, want string) {
					s.Helper()
					s.press(a, typed)
					time.Sleep(2500 * time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					all := c.Heard().Digits
					if way == "info" {
						all = infos
					}
					if got := strings.TrimPrefix(all, before); got != want {
						s.Errorf("%s: the customer is sent %q, want %q", typed, got, want)
					}
					before = all
				}
				hears("12", "12")
				hears("*1", "")
				hears("*1", "")
				hears("*8", "")
				hears("*8", "")
				hears("5*9#", "5*9#")
				hears("*", "*")
				hears("**1", "*")
				hears("*10", "0")
				hears("*23", "") // nobody has the number
				time.Sleep(5 * time.Second)
				hears("7", "7")
				if r := s.liveRecord(); len(r.Recordings[0].Pauses) != 2 {
					t.Errorf("pauses: got %+v, want two: a key behind a * that is none still counts", r.Recordings[0].Pauses)
				}
				s.hear(c, annTone)
				s.bye(c)
				s.ended(a)
			})
		})
	}
}

// A customer whose phone does no events would hear the tones that are made of them.
func TestTonesOfKeysAreNotMadeForTheCustomer(t *testing.T) {
	live(t, supportTeam+queueFlow, func(s *story) {
		s.carrier.Behave(func(h *simphone.Habits) {
			h.SDP = func(b []byte) []byte {
				b = regexp.MustCompile(`(?m)^a=(rtpmap|fmtp):\d+ (telephone-event/8000|0-1[56])\r\n`).ReplaceAll(b, nil)
				return regexp.MustCompile(`(?m)^(m=audio \d+ RTP/AVP( \d+)*?) (96|101)\r\n`).ReplaceAll(b, []byte("$1\r\n"))
			}
		})
		c, a, _ := s.talk(simphone.Ring())
		toned := func(d time.Duration) bool {
			sound := c.Last(d)
			return sound.Has(697) || sound.Has(941) || sound.Has(1209) || sound.Has(1336)
		}
		s.press(a, "2")
		if !toned(700 * time.Millisecond) {
			t.Error("a digit: got no tone, want one")
		}
		time.Sleep(time.Second)
		s.press(a, "*1")
		time.Sleep(time.Second)
		s.press(a, "*1")
		if toned(3 * time.Second) {
			t.Error("keys: got tones at the customer, want none")
		}
		s.bye(c)
		s.ended(a)
	})
}
