package media

import (
	"net/netip"
	"testing"
	"time"
)

// Someone who knows our port sends to it: before the peer has, within its first
// 100 ms, and after it has fallen silent. Nobody hears it, no recording has it,
// nothing is sent to it, and the peer is heard as if it were not there.
func TestInjectionFromAThirdAddressReachesNobody(t *testing.T) {
	for _, when := range []string{"before", "first 100 ms", "after silence"} {
		t.Run(when, func(t *testing.T) {
			onBothSeams(t, func(r *rig) {
				a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
				a.s.Tap(&tape{}, 0)
				tapped := &tape{}
				b.s.Tap(tapped, 1)
				r.bridge.Join(a.s, b.s)
				at := netip.MustParseAddr("10.9.9.9")
				if r.ours.IsLoopback() {
					at = netip.MustParseAddr("127.0.0.9")
				}
				attacker := r.peer(at, PCMU, 20*ms)
				attacker.to = b.s.local
				attacker.ssrc = b.ssrc // it has seen the peer's
				inject := func() {
					for range 30 { // faster than the peer
						attacker.speak(1300)
					}
					stop := attacker.say(1300)
					<-time.After(100 * ms)
					stop()
				}
				var before []heardPacket
				switch when {
				case "before":
					inject()
					before = a.heard()
					b.say(620)
				case "first 100 ms":
					b.say(620)
					inject()
				default:
					stop := b.say(620)
					a.next(20)
					stop()
					<-time.After(1500 * ms)
					inject()
					b.say(620)
				}
				got := a.from(len(before), 40)
				a.hears(append(before, got...), []float64{1300})
				a.hears(got[20:], tones, 620)
				if n := len(attacker.heard()); n > 0 {
					r.Errorf("got %d packets at the attacker, want none", n)
				}
				r.bridge.Part(b.s)
				done := make(chan struct{})
				b.s.post(func(int64) { close(done) })
				<-done
				if level(tapped.pcm, 1300) > -60 {
					r.Errorf("got the attacker in the recording")
				}
				if s := b.s.Stats(); s.Strangers < 30 || s.Remote != b.addr() {
					r.Errorf("got %+v, want the strangers counted and the peer kept", s)
				}
			})
		})
	}
}

// A NAT gives the phone another port in the middle of the call: it is followed.
// Somebody else at the same IP, with another SSRC, is not.
func TestNewPortOfThePeerIsFollowedAndAnotherSourceAtItsAddressIsNot(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		a.say(440)
		stop := b.say(620)
		a.hears(a.next(24)[10:], tones, 620)
		r.peer(b.addr().Addr(), PCMU, 20*ms) // has the port above b's, where RTCP goes
		attacker := r.peer(b.addr().Addr(), PCMU, 20*ms)
		attacker.to = b.s.local
		evil := attacker.say(1300)
		a.hears(a.next(30), tones, 620)
		if got := b.s.Stats().Remote; got != b.addr() {
			r.Errorf("got sound sent to %v, want it kept at %v", got, b.addr())
		}
		stop()
		moved := r.peer(b.addr().Addr(), PCMU, 20*ms) // the same phone behind another port
		moved.to, moved.ssrc, moved.seq, moved.ts = b.s.local, b.ssrc, b.seq, b.ts
		moved.say(950)
		a.hears(a.next(40)[15:], tones, 950)
		moved.hears(moved.next(24)[10:], tones, 440)
		if got := b.s.Stats().Remote; got != moved.addr() {
			r.Errorf("got sound sent to %v, want it to follow to %v", got, moved.addr())
		}
		evil()
		if n := len(attacker.heard()); n > 0 {
			r.Errorf("got %d packets at the attacker, want none", n)
		}
	})
}
