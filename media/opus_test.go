package media

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"trunkline/internal/raced"
	"trunkline/internal/simbrowser"
	"trunkline/internal/tone"
)

// opusPackets are a second of 440 Hz, made by libopus 1.3.1: each after its length in two bytes.
func opusPackets(t testing.TB, name string) (all [][]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "opus", name+".opus"))
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 2 {
		n := int(binary.BigEndian.Uint16(b))
		all = append(all, b[2:2+n])
		b = b[2+n:]
	}
	return all
}

var opusKinds = []struct {
	name   string
	length time.Duration
}{
	{"silk20", 20 * ms}, {"hybrid20", 20 * ms}, {"celt20stereo", 20 * ms}, {"silk60", 60 * ms},
	{"celt5", 5 * ms}, {"silk10narrow", 10 * ms}, {"hybrid40", 40 * ms},
}

func TestEveryModeOfOpusIsDecoded(t *testing.T) {
	for _, k := range opusKinds {
		dec, pcm := newOpus(), []int16(nil)
		var room [mostWide]int16
		for i, p := range opusPackets(t, k.name) {
			if got := time.Duration(opusLength(p)) * perSample; got != k.length {
				t.Fatalf("%s: packet %d is %v long, want %v", k.name, i, got, k.length)
			}
			n := dec.Decode(room[:], p)
			if got := time.Duration(n) * time.Second / WideRate; got != k.length {
				t.Fatalf("%s: got %v of packet %d, want %v", k.name, got, i, k.length)
			}
			pcm = append(pcm, room[:n]...)
		}
		if level := tone.Level(pcm[len(pcm)/2:], WideRate, 440); level < -14.5 || level > -10 {
			t.Errorf("%s: got 440 Hz at %.1f dB, want it at -12.2", k.name, level)
		}
	}
}

// A decoder gives whole packets or nothing, and what it was given before harms nothing after.
func TestWhatIsNoOpusIsNoSound(t *testing.T) {
	dec := newOpus()
	var room [mostWide]int16
	for _, b := range [][]byte{nil, {3}, {3, 0}, {0xff, 0x3f}, {1, 2, 3, 4}, {0x0b, 63, 9, 9}, bytes.Repeat([]byte{0xff}, 1400)} {
		if n := dec.Decode(room[:], b); n != 0 {
			t.Errorf("%x: got %d samples, want none", b[:min(len(b), 8)], n)
		}
	}
	if n := dec.Decode(room[:100], opusPackets(t, "silk20")[0]); n != 0 {
		t.Errorf("got %d samples into room for 100 of 320, want none", n)
	}
	var pcm []int16
	for _, p := range opusPackets(t, "hybrid20") {
		pcm = append(pcm, room[:dec.Decode(room[:], p)]...)
	}
	if level := tone.Level(pcm[len(pcm)/2:], WideRate, 440); level < -14.5 {
		t.Errorf("after it: got 440 Hz at %.1f dB, want it at -12.2", level)
	}
}

func FuzzOpus(f *testing.F) {
	for _, k := range opusKinds {
		all := opusPackets(f, k.name)
		f.Add(all[0], all[len(all)/2])
	}
	f.Add([]byte{8}, []byte{3, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		dec := newOpus()
		var room [mostWide]int16
		for _, b := range [][]byte{one, two, one} {
			if n := dec.Decode(room[:], b); n != 0 && n != 2*opusLength(b) {
				t.Errorf("got %d samples of a packet of %d", n, 2*opusLength(b))
			}
		}
	})
}

// What comes in two clocks is one line, whatever wraps and whatever is overtaken.
func TestTimestampsOfTwoClocksAreOneLine(t *testing.T) {
	var in clockIn
	var out clockOut
	first, ts := true, uint32(1<<32-48000)
	fast := true
	var line, wire uint32
	for i := range 20_000 {
		now := int64(i) * int64(20*ms)
		if i == 5000 || i == 9000 { // another codec, another clock
			fast = !fast
		}
		step := uint32(160)
		if fast {
			step = 960
		}
		p := &packet{ts: ts, ssrc: 7, steady: true, came: now}
		in.tick(p, fast)
		if rand.IntN(10) == 0 { // one before it comes late
			q := &packet{ts: ts - step, ssrc: 7, steady: true, came: now}
			in.tick(q, fast)
			if q.ts != p.ts-160 {
				t.Fatalf("packet %d: got %d for the one before %d, want 160 less", i, q.ts, p.ts)
			}
			in.tick(&packet{ts: ts, ssrc: 7, steady: true, came: now}, fast)
		}
		w := out.stamp(p.ts, fast)
		if !first && p.ts-line != 160 {
			t.Fatalf("packet %d: got a step of %d, want 160", i, p.ts-line)
		}
		if !first && w-wire != step {
			t.Fatalf("packet %d: got a step of %d as it goes out, want %d", i, w-wire, step)
		}
		first, line, wire, ts = false, p.ts, w, ts+step
	}
}

// says has a page say packets of Opus.
func says(t testing.TB, kind string, length time.Duration) func(*simbrowser.Config) {
	return func(c *simbrowser.Config) { c.Opus, c.Length = opusPackets(t, kind), length }
}

// ears keeps what a tap hears.
type ears struct {
	soundAlone
	mu   sync.Mutex
	pcm  []int16
	rate int
}

func (e *ears) Sound(_ int, _, _ uint32, _ uint16, _ bool, _ int64, rate int, pcm []int16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rate = rate
	e.pcm = append(e.pcm, pcm...)
}

// heard is a copy of it, and how many samples a second.
func (e *ears) heard() ([]int16, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.pcm), e.rate
}

func TestOpusOfABrowserIsHeardByAPhoneAndRecorded(t *testing.T) {
	t.Parallel()
	both := []Codec{PCMU, G722}
	for i, k := range opusKinds {
		for _, codec := range raced.Or(both[i%2:][:1], both) {
			inBrowserBubble(t, k.name+" to "+codec.String(), func(r *rig) {
				phone := r.phone(codec, 20*ms)
				b := r.page(0, says(r, k.name, k.length))
				tape := &ears{}
				b.s.Tap(tape, 0)
				r.bridge.Join(phone.s, b.s)
				phone.say(1000)
				got := phone.sound(phone.next(60))
				if level := tone.Level(got[len(got)/3:], codec.Rate(), 440); level < -16 {
					r.Errorf("the phone: got 440 Hz at %.1f dB, want it at -12", level)
				}
				b.s.Close()
				<-time.After(time.Second)
				pcm, rate := tape.heard()
				if level := tone.Level(pcm[len(pcm)/3:], WideRate, 440); rate != WideRate || level < -16 {
					r.Errorf("the recording: got 440 Hz at %.1f dB and %d Hz, want it at -12 and %d", level, rate, WideRate)
				}
			})
		}
	}
}

func inBrowserBubble(t *testing.T, name string, test func(*rig)) {
	t.Run(name, func(t *testing.T) {
		inBubbleWith(t, Config{Codecs: []Codec{PCMU, PCMA, G722}, WebRTC: &WebRTC{Bind: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Lite: true}}, test)
	})
}

// The page is answered in what the others speak: its sound is then relayed as it is. What it sends
// all the same is understood, and it hears them.
func TestAPageThatOffersOpusFirstIsAskedForWhatCostsLeast(t *testing.T) {
	t.Parallel()
	inBrowserBubble(t, "bubble", func(r *rig) {
		phone := r.phone(PCMU, 20*ms)
		b := r.page(0, says(r, "hybrid20", 20*ms))
		if c, _ := b.s.Codec(); c != PCMU {
			r.Errorf("got %v, want PCMU", c)
		}
		r.bridge.Join(phone.s, b.s)
		phone.say(1000)
		b.hearsTone(1000)
	})
}

func TestTwoBrowsersOfOpusArePassedEachOthersPackets(t *testing.T) {
	t.Parallel()
	inBrowserBubble(t, "bubble", func(r *rig) {
		var pages []*page
		tapes := []*ears{{}, {}}
		for i, kind := range []string{"hybrid20", "celt20stereo"} {
			p := r.closedPage(0, says(r, kind, 20*ms))
			p.s.Prefer(Opus)
			p.connects()
			if c, _ := p.s.Codec(); c != Opus {
				r.Errorf("got %v, want Opus", c)
			}
			p.s.Tap(tapes[i], i)
			pages = append(pages, p)
		}
		pages[0].Lose(func(i int) bool { return i%20 == 7 })
		r.bridge.Join(pages[0].s, pages[1].s)
		<-time.After(2 * time.Second)
		for i, p := range pages {
			other := opusPackets(r, []string{"hybrid20", "celt20stereo"}[1-i])
			heard := p.Heard()
			heard = heard[len(heard)/4:]
			seq, ts := heard[0].SequenceNumber, heard[0].Timestamp
			at := slices.IndexFunc(other, func(b []byte) bool { return bytes.Equal(b, heard[0].Payload) })
			for k, h := range heard {
				ahead := int(h.SequenceNumber - seq)
				want := other[(at+ahead)%len(other)]
				if h.PayloadType != 111 || h.Timestamp-ts != uint32(960*ahead) || !bytes.Equal(h.Payload, want) {
					r.Fatalf("page %d, packet %d: got type %d, %d later and %d numbers on, want the other's own packet", i, k, h.PayloadType, h.Timestamp-ts, ahead)
				}
			}
			if last := int(heard[len(heard)-1].SequenceNumber - seq); i == 1 && last < len(heard)+2 {
				r.Errorf("page 1: got %d packets over %d numbers, want what was lost missing", len(heard), last)
			}
			if pcm, _ := tapes[i].heard(); tone.Level(pcm[len(pcm)/3:], WideRate, 440) < -16 {
				r.Errorf("page %d: its recording has no 440 Hz", i)
			}
		}
		// Something else to hear, in the other codec: one stream still.
		music := Tone(620, time.Minute)
		pages[0].s.Play(music, 1)
		pages[0].hearsTone(620)
	})
}

// Three seats: all is decoded, and what was lost is concealed; a page that is silent is no noise.
func TestOpusIsMixed(t *testing.T) {
	t.Parallel()
	inBrowserBubble(t, "bubble", func(r *rig) {
		one, two := r.phone(PCMU, 20*ms), r.phone(G722, 20*ms)
		b := r.page(0, says(r, "silk20", 20*ms))
		b.Lose(func(i int) bool { return i%20 == 7 })
		r.bridge.Join(one.s, two.s, b.s)
		one.say(1000)
		two.say(620)
		got := one.sound(one.next(70))[SampleRate/4:]
		for _, hz := range []float64{440, 620} {
			if level := tone.Level(got, SampleRate, hz); level < -16 {
				r.Errorf("a phone: got %.0f Hz at %.1f dB, want it at -12", hz, level)
			}
		}
		b.hearsTone(1000)
		b.Mute(true)
		_ = one.next(20)
		got = one.sound(one.next(50))
		if level := tone.Level(got, SampleRate, 440); level > -50 {
			r.Errorf("in the page's pause: got 440 Hz at %.1f dB, want none", level)
		}
		b.Mute(false)
		got = one.sound(one.next(70))[SampleRate/4:]
		if level := tone.Level(got, SampleRate, 440); level < -16 {
			r.Errorf("after it: got 440 Hz at %.1f dB, want it at -12", level)
		}
	})
}

func TestAPageWithOpusAloneIsRefused(t *testing.T) {
	offer := strings.NewReplacer(" 111 63 9 0 8 13 110 126\r\n", " 111\r\n", " 111 63 9 0 8 13 110 126\n", " 111\n").Replace(chromium)
	d, err := parseDescription([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	o, err := readBrowser(d)
	if err != nil {
		t.Fatal(err)
	}
	n := NewNegotiation(NegotiationConfig{Opus: true})
	if _, _, err := n.answerBrowser(d, o, browserAnswer{}); err == nil || !strings.Contains(err.Error(), "want PCMU or PCMA") {
		t.Errorf("got %v, want a refusal that says what would do: there is no encoder of Opus", err)
	}
}

func BenchmarkOpusDecode(b *testing.B) {
	for _, kind := range []string{"silk20", "hybrid20", "celt20stereo"} {
		b.Run(kind, func(b *testing.B) {
			all, dec := opusPackets(b, kind), newOpus()
			var room [mostWide]int16
			for _, p := range all {
				dec.Decode(room[:], p)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dec.Decode(room[:], all[i%len(all)])
			}
		})
	}
}

// A report tells jitter in the clock of the stream that it is about (RFC 3550 §6.4.1): 48 kHz of
// Opus; of ours the peer's is read so.
func TestJitterIsToldInTheStreamsClock(t *testing.T) {
	e, sh, _ := stillEngine(t)
	jitter := func(pt uint8, ticks uint32, payload []byte) (reported uint32, measured time.Duration) {
		s := loneSession(e, sh, func(p *Params) { p.Opus, p.OpusPT = true, 111 })
		for i := range 400 {
			n := copy(sh.in.buf[headerSize:], payload)
			outHeader{pt: pt, seq: uint16(i), ts: uint32(i) * ticks, ssrc: 9}.write(sh.in.buf[:headerSize])
			late := int64(i%2) * int64(10*ms)
			s.receive(s.rtp, told, headerSize+n, int64(i+1)*int64(20*ms)+late)
		}
		return s.reception.report(s, int64(10*time.Second)).Jitter, s.Stats().Jitter
	}
	narrow, measured := jitter(0, 160, make([]byte, 160))
	if narrow < 75 || narrow > 81 || measured < 9*ms || measured > 11*ms {
		t.Errorf("PCMU: got a jitter of %d, measured %v, want 80 and 10 ms", narrow, measured)
	}
	wide, measured := jitter(111, 960, opusPackets(t, "hybrid20")[0])
	if wide != 6*narrow || measured < 9*ms || measured > 11*ms {
		t.Errorf("Opus: got a jitter of %d, measured %v, want %d and 10 ms", wide, measured, 6*narrow)
	}
	s := loneSession(e, sh, func(p *Params) {})
	for _, fast := range []bool{false, true} {
		s.wire.fast = fast
		s.told([]rtcp.ReceptionReport{{SSRC: s.ssrc, Jitter: 80 * scaleOf(fast)}}, 0)
		if got := s.Stats().PeerJitter; got != 10*ms {
			t.Errorf("the peer's, Opus %v: got %v, want 10 ms", fast, got)
		}
	}
}
