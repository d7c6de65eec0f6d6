package media

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestObserverHearsBothAndNobodyHearsIt(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b, w := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMA, 20*ms)
		a.say(440)
		b.say(620)
		w.say(950)
		r.bridge.Join(a.s, b.s)
		r.bridge.Observe(w.s, nil)
		w.hears(w.next(30)[15:], tones, 440, 620)
		a.hears(a.next(20), tones, 620)
		b.hears(b.next(20), tones, 440)
	})
}

func TestObserverWhispersToOneAlone(t *testing.T) {
	for _, codecs := range [][3]Codec{{PCMU, PCMU, PCMU}, {PCMU, PCMA, PCMU}, {G722, PCMA, G722}, {G722, G722, PCMU}, {PCMA, G722, PCMA}} {
		t.Run(fmt.Sprint(codecs), func(t *testing.T) {
			widely(t, func(r *rig) {
				customer, agent, w := r.phone(codecs[0], 20*ms), r.phone(codecs[1], 20*ms), r.phone(codecs[2], 20*ms)
				customer.say(440)
				agent.say(620)
				w.say(950)
				r.bridge.Join(customer.s, agent.s)
				r.bridge.Observe(w.s, agent.s)
				agent.hears(agent.next(40)[20:], tones, 440, 950)
				customer.hears(customer.next(20), tones, 620)
				w.hears(w.next(20), tones, 440, 620)
				r.bridge.Observe(w.s, customer.s)
				agent.hears(agent.next(40)[20:], tones, 440)
				customer.hears(customer.next(20), tones, 620, 950)
			})
		})
	}
}

// What an observer does not whisper into is the very sound of without it, packet by packet.
func TestWhoIsOverheardIsStillRelayed(t *testing.T) {
	for _, whisper := range []bool{false, true} {
		t.Run(fmt.Sprint("whisper ", whisper), func(t *testing.T) {
			onBothSeams(t, func(r *rig) {
				customer, agent, w := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
				customer.say(440)
				w.say(950)
				r.bridge.Join(customer.s, agent.s)
				to := agent.s
				if !whisper {
					to = nil
				}
				r.bridge.Observe(w.s, to)
				var said [][]byte
				for i := range 50 {
					payload := bytes.Repeat([]byte{byte(20 + i)}, 160)
					said = append(said, payload)
					agent.send(0, false, agent.ts, payload)
					agent.ts += 160
					if i > 0 { // one at a time
						customer.from(i-1, 1)
					}
					time.Sleep(20 * ms)
				}
				heard := slices.DeleteFunc(customer.heard(), func(h heardPacket) bool { return bytes.Equal(h.body, bytes.Repeat([]byte{0xff}, 160)) })
				for i, h := range heard {
					if i < len(said) && !bytes.Equal(h.body, said[i]) {
						t.Fatalf("packet %d: got other bytes than the agent sent", i)
					}
				}
				if len(heard) < 49 {
					t.Errorf("got %d packets, want 50", len(heard))
				}
				if c := agent.s.Stats(); c.Lost+c.Late+c.Reordered != 0 {
					t.Errorf("got %+v, want nothing amiss", c)
				}
			})
		})
	}
}

func TestObserverFollowsHoldAndJoinAndPart(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		customer, agent, w := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		customer.say(440)
		agent.say(620)
		w.say(950)
		customer.s.Background(Tone(1300, time.Second))
		r.bridge.Join(customer.s, agent.s)
		r.bridge.Observe(w.s, agent.s)
		r.bridge.Part(customer.s) // on hold
		customer.hears(customer.next(30)[15:], tones, 1300)
		agent.hears(agent.next(20), tones, 950)
		w.hears(w.next(20), tones, 620)
		r.bridge.Join(customer.s, w.s) // barge
		customer.hears(customer.next(40)[20:], tones, 620, 950)
		agent.hears(agent.next(20), tones, 440, 950)
		w.hears(w.next(20), tones, 440, 620)
		r.bridge.Observe(w.s, nil)
		customer.hears(customer.next(40)[20:], tones, 620)
		agent.hears(agent.next(20), tones, 440)
		w.hears(w.next(20), tones, 440, 620)
		r.bridge.Part(w.s)
		w.hears(w.next(40)[20:], tones)
		customer.hears(customer.next(20), tones, 620)
		for _, p := range []*phone{customer, agent, w} {
			p.oneStream(p.heard(), r.slack())
		}
	})
}

func TestKeysOfAnObserverGoToNobody(t *testing.T) {
	inBubble(t, func(r *rig) {
		customer, agent, w := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(customer.s, agent.s)
		r.bridge.Observe(w.s, agent.s)
		w.event(5, 4)
		r.await("Digit", func(e Event) bool { d, ok := e.(Digit); return ok && d.Session == w.s.ID() && d.Digit == '5' })
		time.Sleep(500 * ms)
		for _, p := range []*phone{customer, agent} {
			for _, h := range p.heard() {
				if h.pt == 96 {
					t.Fatalf("got a telephone-event at %s, want none", p.s.ID())
				}
			}
		}
		customer.event(7, 4) // those of the customer still come to the agent
		time.Sleep(500 * ms)
		if !slices.ContainsFunc(agent.heard(), func(h heardPacket) bool { return h.pt == 96 && h.body[0] == 7 }) {
			t.Error("got no key of the customer at the agent, want it")
		}
	})
}

// An observer that comes, whispers, mutes and goes at random never changes what the customer hears:
// the agent, without a hole.
func TestRandomObserverNeverChangesWhatTheCustomerHears(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	inBubble(t, func(r *rig) {
		dice := rand.New(rand.NewPCG(seed, 1))
		customer, agent, w := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMA, 20*ms)
		agent.say(620)
		w.say(950)
		customer.say(440)
		r.bridge.Join(customer.s, agent.s)
		customer.next(20)
		first := len(customer.heard())
		for range 100 {
			switch dice.IntN(6) {
			case 0:
				r.bridge.Part(w.s)
			case 1, 2:
				r.bridge.Observe(w.s, nil)
			case 3, 4:
				r.bridge.Observe(w.s, agent.s)
			case 5:
				w.s.Mute(dice.IntN(2) == 0)
			}
			time.Sleep(time.Duration(dice.IntN(300)) * ms)
		}
		heard := customer.heard()[first:]
		for i := 25; i < len(heard); i += 25 {
			customer.hears(heard[i-25:i], tones, 620)
		}
		customer.oneStream(heard, 25*ms)
		if n := int(heard[len(heard)-1].at.Sub(heard[0].at) / (20 * ms)); len(heard) < n-1 {
			t.Errorf("got %d packets, want %d", len(heard), n)
		}
	})
}
