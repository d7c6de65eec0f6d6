package media

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"

	"github.com/pion/rtcp"
)

// unheard joins a and b, lets them talk for a second, does something to b, and wants a OneWay of b
// with a cause within 3 s of it, then an end of it once b speaks again.
func unheard(t *testing.T, want Cause, does func(r *rig, b *phone, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Refusals())
		r := newRig(t, Config{}, n, n, netip.MustParseAddr("10.0.0.1"))
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		stop := b.say(620)
		r.bridge.Join(a.s, b.s)
		<-time.After(time.Second)
		if got := r.has(oneWays); len(got) > 0 {
			t.Fatalf("got %v while both talk, want nothing", got)
		}
		began := time.Now()
		does(r, b, stop)
		one, ok := r.await("OneWay", oneWays).(OneWay)
		took := time.Since(began)
		if !ok || one.Session != b.s.ID() || one.Cause != want || took > 3*time.Second || took < 2500*time.Millisecond {
			t.Errorf("got %+v after %v, want %s of %s within 3 s", one, took, want, b.s.ID())
		}
		if d := one.For - took; d > 50*ms || d < -50*ms {
			t.Errorf("got a silence of %v, want %v", one.For, took)
		}
		<-time.After(10 * time.Second)
		if got := r.has(oneWays); len(got) != 1 {
			t.Errorf("got %v, want it told once", got)
		}
		if want == CauseOnHold || want == CauseRefused {
			return
		}
		b.say(620)
		again := r.await("HeardAgain", func(e Event) bool { _, ok := e.(HeardAgain); return ok }).(HeardAgain)
		if again.Session != b.s.ID() || again.For < 10*time.Second {
			t.Errorf("got %+v, want it ended after more than 10 s", again)
		}
	})
}

func oneWays(e Event) bool { _, ok := e.(OneWay); return ok }

func TestStoppedRTPIsNoticed(t *testing.T) {
	unheard(t, CauseStopped, func(_ *rig, _ *phone, stop func()) { stop() })
}

func TestMuteAtTheDeviceIsNoticed(t *testing.T) {
	unheard(t, CauseMuted, func(r *rig, b *phone, stop func()) {
		stop()
		go b.reports(r, 2*time.Second)
	})
}

// reports has the phone send RTCP for 12 s.
func (p *phone) reports(r *rig, every time.Duration) {
	conn, err := r.net.ListenPacket(netip.AddrPortFrom(p.addr().Addr(), p.addr().Port()+1))
	if err != nil {
		r.Error(err)
		return
	}
	defer conn.Close()
	b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: p.ssrc}})
	if err != nil {
		r.Error(err)
	}
	to := p.to
	for range int(12 * time.Second / every) {
		<-time.After(every)
		_, _ = conn.WriteTo(b, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to.Addr(), to.Port()+1)))
	}
}

func TestDigitalSilenceIsNoticed(t *testing.T) {
	for _, codec := range []Codec{PCMU, PCMA} {
		unheard(t, CauseSilence, func(r *rig, b *phone, stop func()) {
			stop()
			b.codec = codec
			go func() {
				silence := make([]byte, 160)
				for i := range silence {
					silence[i] = codec.Silence() ^ byte(i%2)<<7 // plus and minus nought
				}
				for range 580 {
					b.send(codec.PayloadType(), false, b.ts, silence)
					b.ts += 160
					<-time.After(20 * ms)
				}
				b.codec = PCMU
			}()
		})
	}
}

func TestStrangersPacketsAreNamed(t *testing.T) {
	var bad *phone
	unheard(t, CauseStranger, func(r *rig, b *phone, stop func()) {
		stop()
		bad = r.peer(netip.MustParseAddr("10.9.9.9"), PCMU, 20*ms)
		bad.to = b.to
		bad.say(950)
	})
}

func TestRefusedPacketsAreNamed(t *testing.T) {
	unheard(t, CauseRefused, func(_ *rig, b *phone, stop func()) {
		stop()
		_ = b.conn.Close()
	})
}

func TestPeerThatSaysItWillNotSendIsNamed(t *testing.T) {
	unheard(t, CauseOnHold, func(_ *rig, b *phone, stop func()) {
		stop()
		b.offer("recvonly")
	})
}

func TestPeerThatNeverSpokeIsNoticed(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		<-time.After(10 * time.Second) // waiting: nobody listens
		r.bridge.Join(a.s, b.s)
		began := time.Now()
		one := r.await("OneWay", oneWays).(OneWay)
		if took := time.Since(began); one.Session != b.s.ID() || one.Cause != CauseNoPackets || took > 3*time.Second {
			t.Errorf("got %+v after %v, want no_packets within 3 s", one, took)
		}
	})
}

func TestLaterRTCPTellsThatItIsMuted(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		stop := b.say(620)
		r.bridge.Join(a.s, b.s)
		<-time.After(time.Second)
		stop()
		go b.reports(r, 5*time.Second)
		<-time.After(8 * time.Second)
		got := r.has(oneWays)
		<-time.After(5 * time.Second)
		if len(got) != 2 || got[0].(OneWay).Cause != CauseStopped || got[1].(OneWay).Cause != CauseMuted {
			t.Errorf("got %v, want stopped, then muted", got)
		}
	})
}

func TestSilenceThatIsMeantIsNotToldAsOneWay(t *testing.T) {
	for name, does := range map[string]func(r *rig, a, b *phone){
		"held":               func(_ *rig, _, b *phone) { b.offer("sendonly") },
		"inactive":           func(_ *rig, _, b *phone) { b.offer("inactive") },
		"parted":             func(r *rig, _, b *phone) { r.bridge.Part(b.s) },
		"muted by us":        func(_ *rig, _, b *phone) { b.s.Mute(true) },
		"alone":              func(_ *rig, a, _ *phone) { a.s.Close() },
		"comfort noise":      func(_ *rig, _, b *phone) { b.send(comfortNoise, false, b.ts, []byte{60}) },
		"silence suppressed": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
				a.say(440)
				r.bridge.Join(a.s, b.s)
				for range 4 {
					stop := b.say(620)
					<-time.After(500 * ms)
					stop()
					if does == nil { // its time line goes on
						<-time.After(time.Second)
						b.ts += SampleRate
					}
				}
				if does != nil {
					does(r, a, b)
				}
				<-time.After(20 * time.Second)
				if got := r.has(oneWays); len(got) > 0 {
					t.Errorf("got %v, want nothing", got)
				}
			})
		})
	}
}

// On the kernel's seam: the port that is closed is named.
func TestKernelTellsOfRefusedPackets(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{}, loopback{}, nil, netip.MustParseAddr("127.0.0.1"))
	a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
	a.say(440)
	stop := b.say(620)
	r.bridge.Join(a.s, b.s)
	a.next(10)
	stop()
	_ = b.conn.Close()
	one := r.await("OneWay", func(e Event) bool { o, ok := e.(OneWay); return ok && o.Session == b.s.ID() }).(OneWay)
	if one.Cause != CauseRefused {
		t.Errorf("got %+v, want refused", one)
	}
	sent := b.s.Stats().Sent
	for late := time.Now().Add(10 * time.Second); b.s.Stats().Sent-sent < 8; <-time.After(20 * ms) {
		if time.Now().After(late) {
			t.Fatalf("got %d packets sent on in 10 s, want the stream kept up", b.s.Stats().Sent-sent)
		}
	}
}

// Packets that stop are told within about a second, once, also of a peer whom we mute: who is gone
// will not be heard when the mute ends.
func TestPacketsThatStopAreTold(t *testing.T) {
	stopped := func(e Event) bool { _, ok := e.(Stopped); return ok }
	for _, muted := range []bool{false, true} {
		inBubble(t, func(r *rig) {
			a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
			a.say(440)
			stop := b.say(620)
			r.bridge.Join(a.s, b.s)
			b.s.Mute(muted)
			for range 2 {
				<-time.After(time.Second)
				before := len(r.has(stopped))
				stop()
				<-time.After(700 * ms)
				if got := r.has(stopped); len(got) > before {
					t.Errorf("after 0.7 s: got %v, want nothing yet", got)
				}
				<-time.After(5 * time.Second)
				if got := r.has(stopped); len(got) != before+1 || got[before].(Stopped).Session != b.s.ID() {
					t.Errorf("after 5.7 s: got %v, want it told once", got)
				}
				stop = b.say(620)
			}
			stop()
			r.bridge.Part(a.s)
			<-time.After(3 * time.Second)
			if got := r.has(stopped); len(got) != 2 {
				t.Errorf("with nobody who listens: got %v, want nothing more", got)
			}
		})
	}
}
