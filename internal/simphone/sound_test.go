package simphone

import (
	"context"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"
)

func waves(n int, amp float64, hz ...float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		for _, f := range hz {
			out[i] += int16(amp * math.Sin(2*math.Pi*f*float64(i)/8000))
		}
	}
	return out
}

func TestLevelIsTheToneInDBFS(t *testing.T) {
	for _, want := range []float64{0, -6, -13, -30} {
		s := Sound{Samples: waves(4000, 32767*math.Pow(10, want/20), 440)}
		if got := s.Level(440); math.Abs(got-want) > 0.1 {
			t.Errorf("got %.2f dBFS, want %.0f", got, want)
		}
		if got := s.RMS(); math.Abs(got-want) > 0.1 {
			t.Errorf("got RMS %.2f dBFS, want %.0f", got, want)
		}
		if got := s.Level(460); got > want-50 {
			t.Errorf("got %.1f dBFS 20 Hz away from %.0f, want 50 dB less", got, want)
		}
	}
	if got := (Sound{}).Level(440); got != nothing {
		t.Errorf("got %v of no sound, want %v", got, nothing)
	}
}

func TestTonesAreThePeaksLoudestFirst(t *testing.T) {
	s := Sound{Samples: waves(4000, 5000, 600, 1000, 350)}
	for i, v := range waves(4000, 3000, 1000) {
		s.Samples[i] += v
	}
	tones := s.Tones()
	if len(tones) != 3 || math.Abs(tones[0].Hz-1000) > 2 || math.Abs(tones[0].DBFS-20*math.Log10(8000.0/32768)) > 0.3 {
		t.Errorf("got %v, want 1000 Hz at -12 first of three", tones)
	}
	if !s.only([]float64{350, 600, 1000}) || s.only([]float64{600, 1000}) || s.only([]float64{350, 600, 1000, 1200}) || s.only(nil) {
		t.Errorf("only does not name exactly the three tones of %v", s)
	}
}

func TestHolesAndSilenceAreSeen(t *testing.T) {
	s := Sound{Samples: waves(8000, 8000, 440)}
	clear(s.Samples[3200:4000])
	if got := s.LongestSilence(); got != 0.1 {
		t.Errorf("got %.2f s of silence, want 0.10", got)
	}
	if s.only([]float64{440}) {
		t.Error("a tone with a hole of 100 ms passed for the tone alone")
	}
	if (Sound{Samples: make([]int16, 8000)}).String() != "silence" || (Sound{}).String() != "nothing (no packets)" {
		t.Error("silence and nothing are not told apart")
	}
}

func TestPacketsAreLaidOutByTimestamp(t *testing.T) {
	pkt := func(ssrc uint32, seq uint64, ts uint32, b byte) packet {
		p := packet{ssrc: ssrc, seq: seq, ts: ts, payload: make([]byte, 160)}
		for i := range p.payload {
			p.payload[i] = b
		}
		return p
	}
	loud, soft := PCMU.encode(20000), PCMU.encode(100)
	s := assemble([]packet{pkt(1, 1, 1000, loud), pkt(1, 4, 1480, soft), pkt(1, 2, 1160, soft), pkt(2, 9, 7, loud)})
	if len(s.Samples) != 800 || s.Missing != 160 || s.Packets != 4 {
		t.Fatalf("got %d samples, %d missing, %d packets; want 800, 160, 4", len(s.Samples), s.Missing, s.Packets)
	}
	for i, want := range []bool{true, false, false, false, true} {
		if got := s.Samples[i*160] > 10000; got != want {
			t.Errorf("frame %d: got loud %v, want %v", i, got, want)
		}
	}
}

func TestG711KeepsEveryCodeAndTheSpecifiedError(t *testing.T) {
	for _, c := range []Codec{PCMU, PCMA} {
		for b := range 256 {
			if got := c.encode(c.decode(byte(b))); got != byte(b) && !(c == PCMU && b == 0x7f && got == 0xff) { // ±0
				t.Errorf("%v: got %#x for code %#x, want it back", c, got, b)
			}
		}
		for s := -32768; s < 32768; s += 7 {
			err := math.Abs(float64(s) - float64(c.decode(c.encode(int16(s)))))
			if limit := max(8, math.Abs(float64(s))/16); err > limit && s > -32600 && s < 32600 {
				t.Fatalf("%v: got an error of %.0f for %d, want at most %.0f", c, err, s, limit)
			}
		}
	}
	for b, want := range map[byte]int16{0xff: 0, 0x00: -32124, 0x80: 32124, 0x8f: 16764} {
		if got := PCMU.decode(b); got != want {
			t.Errorf("PCMU %#x: got %d, want %d (ITU-T G.711)", b, got, want)
		}
	}
	for b, want := range map[byte]int16{0xd5: 8, 0x55: -8, 0xaa: 32256, 0x2a: -32256} {
		if got := PCMA.decode(b); got != want {
			t.Errorf("PCMA %#x: got %d, want %d (ITU-T G.711)", b, got, want)
		}
	}
}

// newKernelPhone is a phone on a kernel socket of a loopback address.
func newKernelPhone(t *testing.T, ip string, change func(*Config)) *Phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Conn: conn}
	change(&cfg)
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestKernelPhonesHearEachOther(t *testing.T) {
	ann := newKernelPhone(t, "127.0.0.2", func(c *Config) { c.User, c.Tone = "ann", annHz })
	lee := newKernelPhone(t, "127.0.0.1", func(c *Config) { c.User, c.Tone, c.Peer = "lee", leeHz, ann.Addr() })
	t.Cleanup(func() { // the kernel's time is not ours: what went wrong cannot be replayed
		if t.Failed() {
			t.Logf("lee's wire:\n%s", lee.Transcript())
		}
	})
	ann.OnCall(Ring().After(50 * time.Millisecond).Answer())
	call := lee.Dial("1")
	call.MustAnswer(t)
	in := ann.MustCall(t)
	call.MustHearOnly(t, annHz)
	in.MustHearOnly(t, leeHz)
	call.SendDigits("5")
	in.MustHold(t, HoldSendOnly)
	must(t, soundPatience, func(ctx context.Context) error { return call.WaitDirection(ctx, SendOnly) })
	in.MustHearOnly(t)
	in.MustResume(t)
	in.MustHear(t, leeHz)
	if h := in.Heard(); h.Lost+h.Duplicates+h.Garbage+h.TimestampJumps != 0 || len(h.SSRCs) != 1 ||
		h.Sources[0].Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %+v, want one clean source from 127.0.0.1", h)
	}
	call.MustBye(t)
	in.MustEnd(t, Theirs, 0)
}
