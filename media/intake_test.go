package media

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestStrangersAndGarbageAreCountedAndIgnored(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.next(10)
		strangerIP := netip.MustParseAddr("10.9.9.9")
		if r.ours.IsLoopback() {
			strangerIP = netip.MustParseAddr("127.0.0.9")
		}
		bleed := r.peer(strangerIP, PCMU, 20*ms)
		bleed.to = b.s.local
		stop := bleed.say(1300)
		garbage := [][]byte{
			{}, {0x80}, make([]byte, 12), // empty, cut, version 0
			append([]byte{0x80, 77, 0, 1}, make([]byte, 168)...), // a payload type nobody agreed on
			append([]byte{0x8f, 0, 0, 1}, make([]byte, 20)...),   // 15 CSRCs that are not there
			append([]byte{0x90, 0, 0, 1}, make([]byte, 8)...),    // an extension that is not there
			append([]byte{0xa0, 0, 0, 1}, make([]byte, 20)...),   // padding of no length
			append([]byte{0x80, 0}, make([]byte, 60000)...),      // 64 KiB
		}
		for _, g := range garbage {
			b.raw(g)
		}
		for range 3 { // both ways go on
			a.hears(a.next(25)[5:], tones, 620)
		}
		stop()
		b.hears(b.next(20), tones, 440)
		if got := len(bleed.heard()); got != 0 {
			t.Errorf("got %d packets at the stranger, want none", got)
		}
		got := b.s.Stats()
		if got.Strangers < 50 || got.Garbage < uint64(len(garbage)-1) || got.Lost+got.Duplicate+got.Late != 0 {
			t.Errorf("got %+v, want the stranger's packets and %d of garbage counted", got, len(garbage))
		}
		if got.Remote != b.addr() || !got.Latched {
			t.Errorf("got remote %v latched %v, want %v by its packets", got.Remote, got.Latched, b.addr())
		}
	})
}

func TestPhoneBehindNATIsHeardAndSentToWhereItIs(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		trust := netip.MustParsePrefix("10.0.0.0/8")
		private := netip.MustParseAddrPort("192.168.1.5:4000")
		if r.ours.IsLoopback() {
			trust, private = netip.MustParsePrefix("127.0.0.0/8"), netip.MustParseAddrPort("127.7.7.7:4000")
		}
		a := r.silentPhone(PCMU, 20*ms, func(c *SessionConfig) { c.Trust = []netip.Prefix{trust} })
		b := r.phone(PCMU, 20*ms)
		a.offerFrom(private, "sendrecv")
		r.bridge.Join(a.s, b.s)
		b.say(620)
		a.say(440)
		a.hears(a.next(24)[10:], tones, 620)
		b.hears(b.next(20), tones, 440)
		if got := a.s.Stats(); got.Remote != a.addr() {
			t.Errorf("got remote %v, want %v: where its packets come from", got.Remote, a.addr())
		}
	})
}

func TestFromHeldPeerThatIsInactiveNothingIsHeard(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		a.say(440)
		r.bridge.Join(a.s, b.s)
		b.hears(b.next(20)[5:], tones, 440)
		a.offer("inactive")
		<-time.After(50 * ms)
		before := len(b.heard())
		<-time.After(500 * ms)
		if got := len(b.heard()) - before; got > 1 {
			t.Errorf("got %d packets of a peer that said inactive, want silence", got)
		}
		if !a.s.Held() {
			t.Error("got Held false after inactive, want true")
		}
		a.offer("sendrecv")
		b.hears(b.next(24)[10:], tones, 440)
		b.oneStream(b.heard(), r.slack())
	})
}

func TestHoldByNoAddressEndsOnTheNextOffer(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		b.say(620)
		r.bridge.Join(a.s, b.s)
		a.next(10)
		a.offerFrom(netip.AddrPortFrom(netip.IPv4Unspecified(), a.addr().Port()), "sendrecv")
		<-time.After(50 * ms)
		before := len(a.heard())
		<-time.After(500 * ms)
		if got := len(a.heard()) - before; got > 0 || !a.s.Held() {
			t.Errorf("got %d packets, held %v at c=0.0.0.0, want none and held", got, a.s.Held())
		}
		a.offer("sendrecv")
		a.hears(a.next(20)[5:], tones, 620)
	})
}

// tape keeps what a tap is told.
type tape struct {
	soundAlone
	side []int
	ts   []uint32
	at   []int64
	pcm  []int16
}

func (t *tape) Sound(side int, ssrc, ts uint32, seq uint16, marker bool, at int64, rate int, pcm []int16) {
	if len(pcm) == 0 {
		return
	}
	t.side, t.ts, t.at = append(t.side, side), append(t.ts, ts), append(t.at, at)
	t.pcm = append(t.pcm, pcm...)
}

func TestTapHearsTheSeatedUnmutedSessionOnBothPaths(t *testing.T) {
	for _, codec := range []Codec{PCMU, PCMA} { // relay, PCM
		t.Run(codec.String(), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.phone(PCMU, 20*ms), r.phone(codec, 20*ms)
				kept := &tape{}
				b.s.Tap(kept, 1)
				b.say(620)
				<-time.After(200 * ms)
				r.bridge.Join(a.s, b.s)
				<-time.After(400*ms + 10*ms)
				b.s.Mute(true)
				<-time.After(200 * ms)
				b.s.Mute(false)
				<-time.After(200 * ms)
				r.bridge.Part(b.s)
				<-time.After(200 * ms)
				b.s.Tap(nil, 0)
				if err := r.engine.Close(); err != nil { // the tape is ours from here on
					t.Fatal(err)
				}
				if got := len(kept.ts); got < 29 || got > 31 {
					t.Errorf("got %d frames, want 30: seated and not muted for 600 ms", got)
				}
				for i := range kept.ts {
					if kept.side[i] != 1 {
						t.Fatalf("got side %d, want 1", kept.side[i])
					}
					if i > 0 {
						said := time.Duration(kept.ts[i]-kept.ts[i-1]) * perSample
						if apart := time.Duration(kept.at[i] - kept.at[i-1]); apart-said > ms || said-apart > ms {
							t.Errorf("frame %d: got %v on the clock, %v in timestamps", i, apart, said)
						}
					}
				}
				if hz := level(kept.pcm, 620); hz < -15 {
					t.Errorf("got 620 Hz at %.1f dBFS, want it kept", hz)
				}
			})
		})
	}
}

func TestMuxedSessionUsesOnePort(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.silentPhone(PCMU, 20*ms)
		answer, err := a.s.Answer(append(a.sdp(a.addr(), "sendrecv"), "a=rtcp-mux\r\n"...))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(answer), "a=rtcp-mux") {
			t.Errorf("got answer %s, want a=rtcp-mux", answer)
		}
		a.mu.Lock()
		a.control = true
		a.mu.Unlock()
		stop := a.say(440)
		rr := []byte{0x80, 201, 0, 1, 0, 0, 0, 9} // a receiver's report of nobody
		a.raw(rr)
		<-time.After(12 * time.Second)
		stop()
		if got := a.s.Stats(); got.RTCPReceived != 1 || got.Garbage != 0 || got.RTCPSent < 1 {
			t.Errorf("got %+v, want one RTCP packet taken on the RTP port", got)
		}
		if got := a.controls; len(got) == 0 {
			t.Error("got no RTCP on the RTP port, want reports there")
		}
	})
}
