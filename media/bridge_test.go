package media

import (
	"testing"
)

func TestCodecMayChangeInACall(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		stop := a.say(440)
		b.hears(b.next(24)[10:], tones, 440)
		stop()
		a.codec = PCMA // relayed as they are until now, transcoded from here on
		a.offer("sendrecv")
		a.say(440)
		b.hears(b.next(40)[26:], tones, 440)
		a.hears(a.next(14), tones, 620)
		if got, ok := a.s.Codec(); !ok || got != PCMA {
			r.Errorf("got codec %v %v, want PCMA", got, ok)
		}
		b.oneStream(b.heard(), r.slack())
	})
}

func TestSessionMovesToAnotherBridgeOfItsShard(t *testing.T) {
	inBubbleWith(t, Config{Shards: 1}, func(r *rig) {
		a, b, c := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		c.say(950)
		r.bridge.Join(a.s, b.s)
		other := r.engine.NewBridge("other")
		other.Join(c.s)
		a.hears(a.next(24)[10:], tones, 620)
		other.Join(a.s)
		a.hears(a.next(24)[10:], tones, 950)
		c.hears(c.next(14), tones, 440)
		b.hears(b.next(14), tones)
		r.bridge.Part(a.s) // it does not sit there any more
		a.hears(a.next(24)[10:], tones, 950)
		a.oneStream(a.heard(), 25*ms)
		other.Close()
	})
}
