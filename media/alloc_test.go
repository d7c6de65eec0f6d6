package media

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/pion/rtp"

	"trunkline/internal/raced"
)

// silentTap takes sound and does nothing.
type silentTap struct {
	soundAlone
	samples int
}

func (t *silentTap) Sound(_ int, _, _ uint32, _ uint16, _ bool, _ int64, _ int, pcm []int16) {
	t.samples += len(pcm)
}

// feeder brings a session packets in sequence.
type feeder struct {
	s   *Session
	sh  *shard
	now int64
	seq uint16
	ts  uint32
}

func (f *feeder) packet(size int) {
	f.now += 20e6
	b := f.sh.in.buf[:headerSize+size]
	outHeader{pt: f.s.terms.RecvPT, seq: f.seq, ts: f.ts, ssrc: 9}.write(b)
	f.seq++
	f.ts += 160
	f.s.receive(f.s.rtp, told, len(b), f.now)
}

// due fires the timers up to now.
func (f *feeder) due() {
	f.sh.wheel.advance(f.now)
	for t := f.sh.wheel.pop(f.now); t != nil; t = f.sh.wheel.pop(f.now) {
		t.fire(t.due, f.now)
	}
}

// packetPaths are the ways of a packet through a shard.
var packetPaths = []struct {
	name string
	make func(*Engine, *shard) func()
}{
	{"relay", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		return func() { f.packet(160) }
	}},
	{"relay of SRTP, GCM to GCM", sealedRelay(suiteGCM)},
	{"relay of SRTP, SHA1_80 to SHA1_80", sealedRelay(suiteCM80)},
	{"forged SRTP", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		f.s.sealWith(Keying{Suite: suiteCM80, local: keyOf(suiteCM80, 1), remote: keyOf(suiteCM80, 2)}, false)
		out, err := newContext(suiteCM80, keyOf(suiteCM80, 2), "")
		if err != nil {
			panic(err)
		}
		good := make([]byte, headerSize+160)
		outHeader{seq: f.seq, ts: f.ts, ssrc: 9}.write(good)
		good, err = out.EncryptRTP(nil, good, nil)
		if err != nil {
			panic(err)
		}
		f.s.receive(f.s.rtp, told, copy(sh.in.buf[:], good), 0)
		return func() {
			f.seq++
			b := f.sh.in.buf[:headerSize+170]
			outHeader{seq: f.seq, ts: f.ts, ssrc: 9}.write(b)
			f.s.receive(f.s.rtp, told, len(b), f.now)
		}
	}},
	{"relay with a tap", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		f.s.tap = &silentTap{}
		return func() { f.packet(160) }
	}},
	{"relay of reordered packets", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		return func() {
			f.seq++
			f.packet(160)
			f.seq -= 2
			f.packet(160)
			f.seq++
		}
	}},
	{"relay with a loss", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		return func() {
			f.seq++
			f.packet(160)
			f.packet(160)
			f.now += 60e6
			f.due()
		}
	}},
	{"transcoding", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMA)
		return func() { f.packet(160); f.due() }
	}},
	{"transcoding from G.722", func(e *Engine, sh *shard) func() {
		f := seatWide(e, sh, G722, PCMU)
		return func() { f.packet(160); f.due() }
	}},
	{"transcoding to G.722", func(e *Engine, sh *shard) func() {
		f := seatWide(e, sh, PCMA, G722)
		return func() { f.packet(160); f.due() }
	}},
	{"G.722 with a tap", func(e *Engine, sh *shard) func() {
		f := seatWide(e, sh, G722, G722)
		f.s.tap = &silentTap{}
		return func() { f.packet(160); f.due() }
	}},
	{"repacking", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMA)
		other := f.s.table.seats[1]
		other.terms.Ptime, other.frame = 10*ms, 80
		f.s.table.reroute(0)
		return func() { f.packet(160); f.now += 11e6; f.due(); f.now -= 11e6 }
	}},
	{"keys that are pressed, as events", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		f.s.pad.press(key{event: 5, len: 1 << 30})
		f.s.rekey(0)
		return func() { f.packet(160); f.due() }
	}},
	{"keys that are pressed, as tones", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		f.s.terms.Events = false
		f.s.pad.press(key{event: 5, len: 1 << 30})
		f.s.rekey(0)
		return func() { f.packet(160); f.due() }
	}},
	{"relay with an ear for tones", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMA)
		f.s.tones = &dialTones{}
		return func() { f.packet(160) }
	}},
	{"mix of three with G.722", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 3, G722)
		return func() { f.packet(160); f.due() }
	}},
	{"mix of three in wideband", func(e *Engine, sh *shard) func() {
		f := seatWide(e, sh, G722, G722)
		loneSession(e, sh, func(*Params) {}).sit(f.s.table, 0)
		return func() { f.packet(160); f.due() }
	}},
	{"mix of three", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 3, PCMA)
		return func() { f.packet(160); f.due() }
	}},
	{"relay with an observer", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMA)
		loneSession(e, sh, func(*Params) {}).observe(f.s.table, f.s.table.seats[1], 0)
		return func() { f.packet(160); f.due() }
	}},
	{"relay of G.722 that is overheard", func(e *Engine, sh *shard) func() {
		f := seatWide(e, sh, G722, PCMU)
		loneSession(e, sh, func(*Params) {}).observe(f.s.table, nil, 0)
		return func() { f.packet(160); f.due() }
	}},
	{"music", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 1, PCMU)
		f.s.background = Music()
		f.s.reroute(0)
		return func() { f.packet(160); f.due() }
	}},
	{"telephone-event", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMA)
		f.s.keys = digits{known: true, ssrc: 9, ts: 1 << 31} // told before: what is told may allocate
		return func() {
			f.now += 20e6
			b := f.sh.in.buf[:headerSize+4]
			outHeader{pt: f.s.terms.EventRecvPT, seq: f.seq, ts: 1 << 31, ssrc: 9}.write(b)
			binary.BigEndian.PutUint32(b[headerSize:], 0x050a0000)
			f.seq++
			f.s.receive(f.s.rtp, told, len(b), f.now)
			f.due()
		}
	}},
	{"stranger", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		return func() {
			b := f.sh.in.buf[:headerSize+160]
			outHeader{ssrc: 9}.write(b)
			f.s.receive(f.s.rtp, third, len(b), f.now)
		}
	}},
	{"garbage", func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		return func() { clear(sh.in.buf[:16]); f.s.receive(f.s.rtp, told, 16, f.now) }
	}},
}

// sealedRelay is the relay between two encrypted seats, what the peer does to its packets included.
func sealedRelay(suite Suite) func(*Engine, *shard) func() {
	return func(e *Engine, sh *shard) func() {
		f := seat(e, sh, 2, PCMU)
		for _, s := range []*Session{f.s, f.s.relayTo} {
			s.sealWith(Keying{Suite: suite, local: keyOf(suite, 1), remote: keyOf(suite, 2)}, false)
		}
		out, err := newContext(suite, keyOf(suite, 2), "")
		if err != nil {
			panic(err)
		}
		var header rtp.Header
		plain := make([]byte, headerSize+160)
		return func() {
			f.now += 20e6
			outHeader{pt: f.s.terms.RecvPT, seq: f.seq, ts: f.ts, ssrc: 9}.write(plain)
			f.seq++
			f.ts += 160
			b, err := out.EncryptRTP(f.sh.in.buf[:0], plain, &header)
			if err != nil {
				panic(err)
			}
			f.s.receive(f.s.rtp, told, len(b), f.now)
		}
	}
}

// seat makes a table of so many, the first with PCMU and fed, the others with a codec.
func seat(e *Engine, sh *shard, seats int, codec Codec) *feeder {
	tab := &table{}
	var first *Session
	for i := range seats {
		s := loneSession(e, sh, func(p *Params) {
			if i > 0 {
				p.Codec, p.SendPT, p.RecvPT = codec, codec.PayloadType(), codec.PayloadType()
			}
		})
		if i == 0 {
			first = s
		}
		if seats > 1 {
			s.sit(tab, 0)
		}
	}
	return &feeder{s: first, sh: sh}
}

func TestPacketPathDoesNotAllocate(t *testing.T) {
	for _, path := range packetPaths {
		t.Run(path.name, func(t *testing.T) {
			e, sh, w := stillEngine(t)
			do := path.make(e, sh)
			for range 20 {
				do()
			}
			sent := w.sent
			most := raced.Or(1.0, 0) // the race detector has a sync.Pool (of SRTP's HMACs) lose what it is given
			if got := testing.AllocsPerRun(200, do); got > most {
				t.Errorf("got %v allocations a packet, want %v", got, most)
			}
			if quiet := path.name == "stranger" || path.name == "forged SRTP" || path.name == "garbage"; !quiet && w.sent-sent < 190 {
				t.Errorf("got %d packets sent of 200, want the path taken", w.sent-sent)
			}
		})
	}
}

func BenchmarkPacketPath(b *testing.B) {
	for _, path := range packetPaths {
		b.Run(path.name, func(b *testing.B) {
			e, sh, _ := stillEngine(b)
			do := path.make(e, sh)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}

// BenchmarkSession opens and closes a session on the kernel, as each leg does.
func BenchmarkSession(b *testing.B) {
	e, err := New(Config{PortMin: 10000, PortMax: 60000, Emit: func(Event) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	bridge := e.NewBridge("b")
	offer := crlf("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 0")
	b.ReportAllocs()
	for b.Loop() {
		s, err := bridge.NewSession(SessionConfig{ID: "x", Bind: netip.MustParseAddr("127.0.0.1")})
		if errors.Is(err, ErrNoPorts) {
			b.Fatal("the bench is faster than the quarantine: run it shorter")
		}
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Answer(offer); err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
