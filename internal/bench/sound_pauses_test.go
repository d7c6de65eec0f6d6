package bench

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"trunkline/internal/ear"
)

// A voice of a second every talkEvery, in a room that is never silent.
const (
	talkEvery = 3 * time.Second
	talkFor   = time.Second
	talkTimes = 5
	roomLevel = 60.0 // RMS
)

// inRoom is that voice: what a phone's microphone has.
func inRoom() []int16 {
	rng := rand.New(rand.NewPCG(3, 0x726f6f6d))
	pcm := make([]int16, talkTimes*int(talkEvery/time.Second)*8000)
	room := 0.0
	for i := range pcm {
		room = .7*room + rng.NormFloat64()*roomLevel*math.Sqrt(1-.7*.7)
		v := room
		if at := i % (int(talkEvery/time.Second) * 8000); at < int(talkFor/time.Second)*8000 {
			v += 6000 * math.Sin(2*math.Pi*300*float64(i)/8000)
		}
		pcm[i] = int16(v)
	}
	return pcm
}

// levelAndTint is the RMS of a stretch of a call's sound, and how alike its
// neighbouring samples are: 0 is white.
func levelAndTint(pcm []int16, from, to time.Duration) (rms, tint float64) {
	part := pcm[int(from*8000/time.Second):int(to*8000/time.Second)]
	power, next := 1e-9, 0.0
	for i, v := range part {
		power += float64(v) * float64(v)
		if i > 0 {
			next += float64(v) * float64(part[i-1])
		}
	}
	return math.Sqrt(power / float64(len(part))), next / power
}

// A recording of somebody whose phone sends nothing while he is silent sounds like
// one whose phone does: no stretch of a pause is dead, and none is loud.
func TestPausesInARecordingSoundLikeTheRoom(t *testing.T) {
	said := ear.Talk(inRoom(), ear.Mulaw, 20*time.Millisecond, 0)
	back := ear.Talk(make([]int16, len(inRoom())), ear.Mulaw, 20*time.Millisecond, 0)
	for _, c := range []struct {
		name    string
		network ear.Network
		tint    float64 // it may be so far from the room's
	}{
		{"all is sent", nil, .05},
		{"nothing is sent", ear.Discontinuous(3 * roomLevel), .2},
		{"and some is lost", ear.All(ear.Discontinuous(3*roomLevel), ear.Loss(.05)), .2},
		{"noise is described", ear.Described(3 * roomLevel), .15},
		{"and of that some is lost", ear.All(ear.Described(3*roomLevel), ear.Loss(.05)), .2},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := pass(t, ear.Travel(said, c.network, 1), back, ear.Mulaw)
			for n := range talkTimes - 1 {
				begin := time.Duration(n)*talkEvery + talkFor
				for at := begin + 100*time.Millisecond; at < begin+talkEvery-talkFor-100*time.Millisecond; at += 100 * time.Millisecond {
					rms, _ := levelAndTint(got.recorded[0], at, at+100*time.Millisecond)
					if off := 20 * math.Log10(rms/roomLevel); off < -4 || off > 4 {
						t.Errorf("%v: got a level of %.1f, want the room's %.0f, 4 dB more or less", at, rms, roomLevel)
					}
				}
				_, tint := levelAndTint(got.recorded[0], begin+300*time.Millisecond, begin+talkEvery-talkFor-100*time.Millisecond)
				if math.Abs(tint-.7) > c.tint {
					t.Errorf("pause %d: got neighbours alike by %.2f, want about .7", n, tint)
				}
			}
			if rms, _ := levelAndTint(got.recorded[1], 0, got.length-time.Second); rms > .01 {
				t.Errorf("the other side: got a level of %.1f, want the silence that it says", rms)
			}
		})
	}
}

// What is not to be heard of somebody is no pause in his talk: the recording is
// silent there, to the sample, and sounds like his room again afterwards.
func TestWhatIsNotToBeHeardIsSilentInARecording(t *testing.T) {
	const from, to = 7500 * time.Millisecond, 8500 * time.Millisecond // within a pause
	back := ear.Talk(make([]int16, len(inRoom())), ear.Mulaw, 20*time.Millisecond, 0)
	for _, network := range []ear.Network{ear.Discontinuous(3 * roomLevel), ear.Described(3 * roomLevel)} {
		said := ear.Travel(ear.Talk(inRoom(), ear.Mulaw, 20*time.Millisecond, 0), network, 1)
		for _, c := range []struct {
			name      string
			off, on   func(s *scene)
			resumesBy time.Duration // when the room is heard again
		}{
			{"paused", func(s *scene) { s.tape.Pause(time.Now()) }, func(s *scene) { s.tape.Resume(time.Now()) }, to},
			{"muted", func(s *scene) { s.near.session.Mute(true) }, func(s *scene) { s.near.session.Mute(false) }, 10 * time.Second},
			{"without a seat", func(s *scene) { s.bridge.Part(s.near.session) }, func(s *scene) { s.bridge.Join(s.near.session) }, 10 * time.Second},
			{"held by us, as a call is: tapped no more, and again", func(s *scene) {
				s.bridge.Part(s.near.session)
				s.near.session.Tap(nil, 0)
			}, func(s *scene) {
				s.bridge.Join(s.near.session)
				s.near.session.Tap(s.tape, 0)
			}, 10 * time.Second},
			{"on hold", func(s *scene) { s.near.offer(s, "sendonly") }, func(s *scene) { s.near.offer(s, "sendrecv") }, 10 * time.Second},
			{"held and inactive", func(s *scene) { s.near.offer(s, "inactive") }, func(s *scene) { s.near.offer(s, "sendrecv") }, 10 * time.Second},
			{"tapped no more", func(s *scene) { s.near.session.Untap() }, func(*scene) {}, time.Hour},
		} {
			t.Run(c.name, func(t *testing.T) {
				got := pass(t, said, back, ear.Mulaw, act{from, c.off}, act{to, c.on}).recorded[0]
				if rms, _ := levelAndTint(got, from-400*time.Millisecond, from-10*time.Millisecond); rms < roomLevel/2 {
					t.Errorf("before: got a level of %.1f, want the room's %.0f", rms, roomLevel)
				}
				if rms, _ := levelAndTint(got, from, to-time.Millisecond); rms > .01 {
					t.Errorf("meanwhile: got a level of %.1f, want silence", rms)
				}
				for at := max(c.resumesBy, to) + 300*time.Millisecond; at < 14*time.Second && c.resumesBy < time.Hour; at += 100 * time.Millisecond {
					if rms, _ := levelAndTint(got, at, at+100*time.Millisecond); rms < roomLevel/2 {
						t.Errorf("%v: got a level of %.1f, want at least the room's %.0f again", at, rms, roomLevel)
					}
				}
			})
		}
	}
}
