package media

import (
	"encoding/binary"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// volleys are what an attacker sends who has seen a packet of the peer's stream:
// its SSRC, number and timestamp.
var volleys = []struct {
	name   string
	asPeer bool // with the peer's SSRC
	shot   func(rng *rand.Rand, i int, seen heardPacket) []byte
}{
	{"a byte or a few", false, func(rng *rand.Rand, i int, _ heardPacket) []byte { return junk(rng, 1+i%16) }},
	{"noise", false, func(rng *rand.Rand, i int, _ heardPacket) []byte { return junk(rng, rng.IntN(1500)) }},
	{"more than a packet holds", false, func(rng *rand.Rand, _ int, seen heardPacket) []byte { return rtpOf(seen, junk(rng, 4000)) }},
	{"the peer's next packet", true, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		seen.seq, seen.ts = seen.seq+uint16(i), seen.ts+uint32(160*i)
		return rtpOf(seen, junk(rng, 160))
	}},
	{"ten thousand SSRCs", false, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		seen.ssrc += uint32(i) + 1
		return rtpOf(seen, junk(rng, 160))
	}},
	{"our own SSRC", false, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		seen.ssrc, seen.seq = ^seen.ssrc, seen.seq+uint16(i)
		return rtpOf(seen, junk(rng, 160))
	}},
	{"lies about extensions, padding and sources", true, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		b := rtpOf(seen, junk(rng, 1+rng.IntN(60)))
		b[0] = 2<<6 | byte(rng.IntN(64)) // padding, extension, CSRCs
		if len(b) >= headerSize+4 {
			binary.BigEndian.PutUint16(b[headerSize+2:], uint16(rng.Uint32()))
		}
		return b
	}},
	{"keys", true, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		seen.pt, seen.ts, seen.seq = 96, seen.ts+uint32(800*i), seen.seq+uint16(i)
		return rtpOf(seen, []byte{byte(i % 16), 0x8a, 3, 0x20})
	}},
	{"noise that is described", true, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		seen.pt, seen.seq = comfortNoise, seen.seq+uint16(i)
		return rtpOf(seen, junk(rng, 1+rng.IntN(200)))
	}},
	{"a farewell", true, func(_ *rand.Rand, _ int, seen heardPacket) []byte {
		return reported(&rtcp.ReceiverReport{SSRC: seen.ssrc}, &rtcp.Goodbye{Sources: []uint32{seen.ssrc}, Reason: "over"})
	}},
	{"a compound as long as fits", false, func(rng *rand.Rand, _ int, seen heardPacket) []byte {
		var all []rtcp.Packet
		for range 14 {
			r := &rtcp.ReceiverReport{SSRC: rng.Uint32()}
			for range 4 {
				r.Reports = append(r.Reports, rtcp.ReceptionReport{SSRC: rng.Uint32(), TotalLost: 1 << 22, Jitter: rng.Uint32(), LastSenderReport: rng.Uint32()})
			}
			all = append(all, r)
		}
		return reported(all...)[:1400]
	}},
	{"extended reports of nothing", false, func(rng *rand.Rand, i int, seen heardPacket) []byte {
		b := append([]byte{0x80, 207, 0, 0, 1, 2, 3, 4}, junk(rng, 4*rng.IntN(300))...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
		if len(b) >= 12 {
			b[8] = byte(1 + i%8)
			binary.BigEndian.PutUint16(b[10:], uint16(rng.Uint32()))
		}
		return b
	}},
	{"STUN", false, func(rng *rand.Rand, i int, _ heardPacket) []byte {
		b := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, junk(rng, 12+4*rng.IntN(40))...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader+i%5))
		return b
	}},
}

func junk(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func rtpOf(p heardPacket, body []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(body))
	outHeader{pt: p.pt, seq: p.seq, ts: p.ts, ssrc: p.ssrc}.write(b)
	return append(b, body...)
}

func reported(all ...rtcp.Packet) []byte {
	b, err := rtcp.Marshal(all)
	if err != nil {
		panic(err)
	}
	return b
}

// Whatever strangers, and others at the peer's own address, throw at a call's two
// ports: those who talk hear each other and nothing else, the recording has
// nothing else, nothing is sent to who attacks, no log fills, nothing is kept,
// and the next call is as if nothing were.
func TestSiegeOfACallReachesNobody(t *testing.T) {
	t.Parallel()
	for seam, run := range map[string]func(*testing.T, Config, func(*rig)){
		"bubble": inBubbleWith,
		"kernel": func(t *testing.T, cfg Config, test func(*rig)) { onKernel(t, cfg, test) },
	} {
		for _, whence := range []string{"a third address", "the peer's"} {
			t.Run(seam+", from "+whence, func(t *testing.T) {
				t.Parallel()
				log := &lockedBuffer{}
				run(t, Config{Shards: 1, Log: slog.New(slog.NewTextHandler(log, nil))}, func(r *rig) {
					a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
					r.bridge.Join(a.s, b.s)
					tapped := &tape{}
					b.s.Tap(tapped, 1)
					beside := r.engine.NewBridge("beside")
					mine := r.bridge
					r.bridge = beside
					c, d := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
					beside.Join(c.s, d.s)
					r.bridge = mine
					a.say(440)
					first, began := heardPacket{ssrc: b.ssrc, seq: b.seq, ts: b.ts}, time.Now()
					stop := b.say(620)
					c.say(950)
					d.say(1100)
					a.next(30)
					c.next(10)

					at := b.addr().Addr()
					if whence == "a third address" {
						at = netip.MustParseAddr("10.9.9.9")
						if r.ours.IsLoopback() {
							at = netip.MustParseAddr("127.0.0.9")
						}
					}
					attacker := r.peer(at, PCMU, 20*ms)
					if at == b.addr().Addr() && attacker.addr().Port() == b.addr().Port()+1 {
						attacker = r.peer(at, PCMU, 20*ms) // where the peer's RTCP would be
					}
					control := netip.AddrPortFrom(b.s.local.Addr(), b.s.local.Port()+1)
					rng := rand.New(rand.NewPCG(1, 2))
					for _, v := range volleys {
						if v.asPeer && whence != "a third address" {
							continue // its address and its SSRC: that is the peer
						}
						from := len(a.heard())
						seen, said := first, time.Since(began)/(20*ms)
						seen.seq, seen.ts = seen.seq+uint16(said), seen.ts+uint32(160*said)
						if v.name == "our own SSRC" {
							seen.ssrc = ^b.s.ssrc
						}
						for i := range 1000 {
							shot := v.shot(rng, i, seen)
							attacker.to = b.s.local
							attacker.bare(shot)
							attacker.to = control
							attacker.bare(shot)
							if i%20 == 0 {
								<-time.After(5 * ms)
							}
						}
						if got := a.from(from, 12); !(r.ours.IsLoopback() && b.s.Stats().Lost > 0) { // the kernel's queue may have been full
							a.hears(got, []float64{440, 620, 950, 1300}, 620)
						}
					}
					c.hears(c.next(20), tones, 1100)
					d.hears(d.next(20), tones, 950)
					stop()
					r.bridge.Part(b.s)
					done := make(chan struct{})
					kept := 0
					b.s.post(func(int64) {
						for p := b.s.shard.spare; p != nil; p = p.next {
							kept++
						}
						close(done)
					})
					<-done
					if n := len(attacker.heard()); n > 0 {
						r.Errorf("got %d packets at the attacker, want none", n)
					}
					if kept > sparePackets+2*jitterSlots {
						r.Errorf("got %d packets kept, want no more than two calls reorder", kept)
					}
					for i := 0; i+160 <= len(tapped.pcm); i += 160 { // packet by packet: it would be loud, and no 620 Hz
						if all, voice := power(tapped.pcm[i:i+160]), level(tapped.pcm[i:i+160], 620); all-voice > 1 {
							r.Fatalf("sample %d of the recording: got %.1f dB, of which 620 Hz at %.1f, want the peer's tone alone", i, all, voice)
						}
					}
					for _, other := range []*phone{c, d} {
						if s := other.s.Stats(); s.Lost+s.Late+s.Strangers+s.Garbage > 0 {
							r.Errorf("the call beside: got %+v, want it untouched", s)
						}
					}
					if s := b.s.Stats(); s.Resyncs+s.Panics+s.Digits > 0 || s.PeerLost > 0 || s.Remote != b.addr() {
						r.Errorf("got %+v, want nothing but the peer heard", s)
					}
					if told := r.has(func(Event) bool { return true }); len(told) > 2 {
						r.Errorf("got %d events, want none of an attack: %v", len(told), told[:3])
					}
				})
				if lines := strings.Count(log.String(), "\n"); lines > 0 {
					t.Errorf("got %d lines of log, want none:\n%.500s", lines, log.String())
				}
			})
		}
	}
}

// power is how loud a sine as strong as all of it would be, in dBFS.
func power(pcm []int16) float64 {
	sum := 1.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(2*sum/float64(len(pcm))/(1<<30))
}

// heapInUse is the heap after the collector has been.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The peer itself may do what it likes to its own call; ten thousand SSRCs, plain or
// with the right key, cost no memory that stays, and the one it began with is heard on.
func TestTenThousandSSRCsOfThePeersOwnKeepNothing(t *testing.T) {
	e, sh, _ := stillEngine(t)
	f := seat(e, sh, 2, PCMU)
	f.s.tap = &silentTap{}
	say := func(ssrc uint32, seal func([]byte) []byte) {
		b := make([]byte, headerSize+160)
		outHeader{seq: f.seq, ts: f.ts, ssrc: ssrc}.write(b)
		f.seq, f.ts, f.now = f.seq+1, f.ts+160, f.now+20e6
		f.s.receive(f.s.rtp, told, copy(sh.in.buf[:], seal(b)), f.now)
	}
	plain := func(b []byte) []byte { return b }
	say(9, plain)
	before := heapInUse()
	for i := range 10_000 {
		say(uint32(100+i), plain)
	}
	if grown := heapInUse() - before; grown > 1<<20 {
		t.Errorf("plain: got %d KiB more in use, want none", grown>>10)
	}
	if got := f.s.Stats(); got.Resyncs != 10_000 || got.Received != 10_001 {
		t.Errorf("plain: got %+v, want each packet heard: the peer may have another source", got)
	}

	suite := suiteCM80
	f.s.sealWith(Keying{Suite: suite, local: keyOf(suite, 1), remote: keyOf(suite, 2)}, false)
	sealed := func(b []byte) []byte {
		out, err := newContext(suite, keyOf(suite, 2), "")
		if err != nil {
			t.Fatal(err)
		}
		if b, err = out.EncryptRTP(nil, b, nil); err != nil {
			t.Fatal(err)
		}
		return b
	}
	was := f.s.Stats()
	say(9, sealed)
	for i := range 3000 {
		say(uint32(100+i), sealed)
	}
	if got := f.s.Stats(); len(f.s.seal.sources) != mostSealed || got.Received-was.Received != mostSealed || got.Garbage-was.Garbage != 3001-mostSealed {
		t.Errorf("sealed: got %d sources and %+v, want %d, and the others dropped", len(f.s.seal.sources), got, mostSealed)
	}
	was = f.s.Stats()
	say(9, sealed)
	if got := f.s.Stats(); got.Received != was.Received+1 {
		t.Errorf("got %+v, want the first source heard on", got)
	}
	report := func(ssrc uint32) []byte {
		out, err := newContext(suite, keyOf(suite, 2), "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := out.EncryptRTCP(nil, reported(&rtcp.ReceiverReport{SSRC: ssrc}), nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	f.s.receive(f.s.rtcp, told, copy(sh.in.buf[:], report(9)), f.now)
	f.s.receive(f.s.rtcp, told, copy(sh.in.buf[:], report(77777)), f.now)
	if got := f.s.Stats(); got.RTCPReceived != 1 {
		t.Errorf("got %d reports, want that of a known source alone", got.RTCPReceived)
	}
}

// Keys that are pressed faster than any phone can are not told one by one: each is an
// event for the whole house.
func TestAFloodOfKeysIsNotTold(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		a.say(440)
		began := time.Now()
		for i := range 2000 {
			b.ts += 800
			b.send(96, true, b.ts, []byte{byte(i % 16), 0x8a, 3, 0x20})
			if i%10 == 0 {
				<-time.After(10 * ms)
			}
		}
		<-time.After(500 * ms)
		most := int(32 + (time.Since(began)+40*ms)/(40*ms))
		isDigit := func(e Event) bool { _, ok := e.(Digit); return ok }
		isEnd := func(e Event) bool { _, ok := e.(DigitEnded); return ok }
		began2, ended := len(r.has(isDigit)), len(r.has(isEnd))
		if began2 < 40 || began2 > most || ended != began2 {
			r.Errorf("got %d keys told and %d ended, want at most %d, and each ended", began2, ended, most)
		}
		<-time.After(2 * time.Second)
		b.ts += 16000
		for range 3 {
			b.send(96, true, b.ts, []byte{5, 0x8a, 3, 0x20})
		}
		<-time.After(400 * ms)
		if got := len(r.has(isDigit)); got != began2+1 {
			r.Errorf("got %d more keys afterwards, want one", got-began2)
		}
		b.hears(b.next(20), tones, 440)
	})
}
