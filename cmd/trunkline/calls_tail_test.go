package main

import (
	"testing"
	"time"

	"trunkline/internal/simnet"
	"trunkline/internal/simphone"
)

// What was said before the BYE and is brought by the network up to 200 ms after
// it belongs to the recording, of whoever hangs up; what is said after it, and by
// the length of the recording nobody can tell that there was anything, does not.
func TestRecordingHasWhatTheNetworkBringsAfterTheBye(t *testing.T) {
	for _, c := range []struct {
		name  string
		bye   func(s *story, customer, agent *simphone.Call) (other *simphone.Call)
		holds time.Duration // how long sound is on its way before the BYE is sent
		late  time.Duration // and afterwards
	}{
		{"customer's bye", func(s *story, c, a *simphone.Call) *simphone.Call { s.bye(c); return a }, 150 * time.Millisecond, 180 * time.Millisecond},
		{"agent's bye", func(s *story, c, a *simphone.Call) *simphone.Call { s.bye(a); return c }, 150 * time.Millisecond, 180 * time.Millisecond},
		{"a packet or two", func(s *story, c, a *simphone.Call) *simphone.Call { s.bye(c); return a }, 40 * time.Millisecond, 60 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			act(t, supportTeam+queueFlow, func(s *story) {
				ann := s.agent("ann", annTone, simphone.Ring().Answer())
				customer := s.dial()
				agent := s.gets(ann)
				s.hear(customer, annTone)
				time.Sleep(2 * time.Second)
				held := s.net.Hold(simnet.All(simnet.RTP(), func(p simnet.Packet) bool { return p.To.Addr() == switchAddr.Addr() }))
				time.Sleep(c.holds)
				go func() {
					time.Sleep(c.late)
					held.Release()
				}()
				s.ended(c.bye(s, customer, agent))
				time.Sleep(2 * time.Second)
				card := s.card()
				sound := readWAV(t, card.Recordings[0].Path)
				want := card.Segments[len(card.Segments)-1].To.Sub(card.Bridged)
				if got := sound.length(); got < want-time.Millisecond || got > want+20*time.Millisecond {
					t.Errorf("length: got %v, want %v and at most 20 ms more", got, want)
				}
				for side, pcm := range map[string][]int16{"customer": sound.left, "agent": sound.right} {
					if got := quietEnd(pcm); got > 25*time.Millisecond { // a packet that had not been sent yet, and the wire
						t.Errorf("%s: got %v of silence at the end, want none", side, got)
					}
				}
			})
		})
	}
}

// quietEnd is how long nothing is heard at the end.
func quietEnd(pcm []int16) time.Duration {
	n := 0
	for n < len(pcm) && pcm[len(pcm)-1-n] < 500 && pcm[len(pcm)-1-n] > -500 {
		n++
	}
	return time.Duration(n) * time.Second / 8000
}
