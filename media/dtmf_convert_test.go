package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/internal/simnet"
)

// plainPhone is a phone that does no telephone-events.
func (r *rig) plainPhone(codec Codec, ptime time.Duration, change ...func(*SessionConfig)) *phone {
	r.Helper()
	p := r.silentPhone(codec, ptime, change...)
	at := p.addr()
	if _, err := p.s.Answer([]byte(fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %v\r\ns=-\r\nc=IN IP4 %v\r\nt=0 0\r\nm=audio %d RTP/AVP %d\r\na=ptime:%d\r\n",
		at.Addr(), at.Addr(), at.Port(), codec.PayloadType(), ptime.Milliseconds()))); err != nil {
		r.Fatal(err)
	}
	return p
}

// pressed is what a phone was sent of key presses: each timestamp once, with the longest duration.
type pressed struct {
	digit    rune
	duration time.Duration
	packets  int
	ends     int
	marker   bool
}

func (p *phone) presses() (out []pressed) {
	at := map[uint32]int{}
	for _, h := range p.heard() {
		b := h.payload()
		if h.pt != 96 || len(b) < 4 {
			continue
		}
		i, ok := at[h.ts]
		if !ok {
			i = len(out)
			at[h.ts] = i
			out = append(out, pressed{digit: rune(keys[b[0]]), marker: h.marker})
		}
		out[i].duration = max(out[i].duration, time.Duration(int(b[2])<<8|int(b[3]))*perSample)
		out[i].packets++
		if b[1]&0x80 != 0 {
			out[i].ends++
		}
	}
	return out
}

// type50 has the phone type 50 digits between its speech: each 100 ms, with 100 ms between.
func (p *phone) type50() (typed string) {
	tick := time.NewTicker(20 * ms)
	for n := range 50 {
		event := byte(n % 12)
		typed += string(keys[event])
		for i := range 5 {
			b := []byte{event, 10, 0, byte((i + 1) * 160 & 0xff)}
			b[2] = byte((i + 1) * 160 >> 8)
			if i == 4 {
				b[1] |= 0x80
			}
			p.send(96, i == 0, p.ts, b)
			if i == 4 {
				p.send(96, false, p.ts, b)
				p.send(96, false, p.ts, b)
			}
			<-tick.C
		}
		p.ts += 800
		for range 5 {
			p.speak(620)
			<-tick.C
		}
	}
	return typed
}

func TestFiftyDigitsComeOnceEachUnderLoss(t *testing.T) {
	for _, one := range []struct {
		loss  float64
		least int
	}{{0, 50}, {0.05, 50}, {0.10, 49}} {
		for _, to := range []struct {
			codec Codec
			ptime time.Duration
			third bool
		}{{PCMU, 20 * ms, false}, {PCMA, 20 * ms, false}, {G722, 20 * ms, false}, {PCMU, 60 * ms, false}, {PCMA, 20 * ms, true}} {
			t.Run(fmt.Sprint(one.loss, to), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := simnet.New()
					r := newRig(t, Config{Codecs: []Codec{PCMU, PCMA, G722}}, n, n, netip.MustParseAddr("10.0.0.1"))
					a, b := r.phone(to.codec, to.ptime), r.phone(PCMU, 20*ms)
					r.bridge.Join(a.s, b.s)
					if to.third {
						r.bridge.Join(r.phone(PCMU, 20*ms).s)
					}
					b.speak(620)
					n.SetFault(simnet.Fault{From: b.addr().Addr(), Loss: one.loss, Duplicate: one.loss})
					typed := b.type50()
					n.SetFault(simnet.Fault{})
					<-time.After(time.Second)
					var told []rune
					for _, e := range r.has(func(e Event) bool { d, ok := e.(Digit); return ok && d.Session == b.s.ID() }) {
						told = append(told, e.(Digit).Digit)
					}
					if len(told) < one.least || len(told) > 50 || one.loss == 0 && string(told) != typed {
						t.Errorf("got %d digits told, %s, want %d", len(told), string(told), one.least)
					}
					short := 0 // all ends of a digit are lost once in 1,000 at 10 %
					for _, e := range r.has(func(e Event) bool { d, ok := e.(DigitEnded); return ok && d.Session == b.s.ID() }) {
						if d := e.(DigitEnded).For; d < 80*ms || d > 120*ms {
							short++
						}
					}
					if short > 1 || short > 0 && one.loss < 0.1 {
						t.Errorf("got %d digits told that were not of 100 ms", short)
					}
					got := a.presses()
					if len(got) < one.least || len(got) > 50 {
						t.Errorf("got %d digits at the other phone, want %d", len(got), one.least)
					}
					for i, p := range got {
						if (p.duration < 80*ms || p.duration > 120*ms) && p.ends > 0 {
							t.Errorf("digit %d: got %+v, want 100 ms", i, p)
						}
					}
				})
			})
		}
	}
}

func TestLongPressOfSeveralSegmentsIsOneDigit(t *testing.T) {
	var d digits
	told, total := 0, time.Duration(0)
	for at := uint32(0); at < 20*SampleRate; at += 160 {
		segment := at / longestSegment
		ts := 1000 + segment*longestSegment
		dur := at - segment*longestSegment + 160
		if _, fresh := d.press(1, ts, []byte{5, 10, byte(dur >> 8), byte(dur)}, 0); fresh {
			told++
		}
	}
	if total = d.lift(); told != 1 || total < 19900*ms || total > 20100*ms {
		t.Errorf("got %d digits, the last of %v, want one of 20 s", told, total)
	}
	if _, fresh := d.press(1, d.ts+SampleRate, []byte{5, 10, 0, 160}, 0); !fresh {
		t.Error("got the next press of the same key swallowed")
	}
}

func TestPressWhoseEndsAreLostEnds(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		for i := range 5 {
			b.send(96, i == 0, b.ts, []byte{7, 10, byte((i + 1) * 160 >> 8), byte((i + 1) * 160)})
			<-time.After(20 * ms)
		}
		got := r.await("DigitEnded", func(e Event) bool { _, ok := e.(DigitEnded); return ok }).(DigitEnded)
		if got.Digit != '7' || got.For != 100*ms {
			t.Errorf("got %+v, want 7 for 100 ms", got)
		}
	})
}

func TestDigitsAreSentAsEventsOrTones(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		events, tones, none := r.phone(PCMU, 20*ms), r.plainPhone(PCMA, 30*ms), r.plainPhone(PCMU, 20*ms, func(c *SessionConfig) { c.DTMF = DTMFInfo })
		for _, p := range []*phone{events, tones, none} {
			p.next(5)
			p.s.SendDigits("12x0#d", 80*ms, 60*ms)
		}
		<-time.After(1500 * ms)
		got := events.presses()
		text := ""
		for _, p := range got {
			text += string(p.digit)
			if p.duration != 80*ms || !p.marker || p.ends != 3 || p.packets != 6 {
				r.Errorf("got %+v, want 80 ms in four packets, the last of them thrice", p)
			}
		}
		if text != "120#D" {
			r.Errorf("got %q by events, want 120#D", text)
		}
		events.oneSequence()
		if got := tones.dialled(); got != "120#D" {
			r.Errorf("got %q by tones, want 120#D", got)
		}
		tones.oneStream(tones.heard(), r.slack())
		if got := none.dialled(); got != "" {
			r.Errorf("got %q by tones with INFO agreed on, want none", got)
		}
	})
}

// oneSequence fails unless the packets' numbers have no hole and their timestamps never go back.
func (p *phone) oneSequence() {
	p.r.Helper()
	all := p.heard()
	for i := 1; i < len(all); i++ {
		if all[i].seq != all[0].seq+uint16(i) || int32(all[i].ts-all[i-1].ts) < 0 {
			p.r.Fatalf("packet %d: got seq %d ts %d after ts %d, want no hole and no way back", i, all[i].seq, all[i].ts, all[i-1].ts)
		}
	}
}

// dialled is what a phone hears of keys in its sound.
func (p *phone) dialled() (text string) {
	var d dialTones
	d.hear(p.sound(p.heard()), func(event int8, end bool, _ time.Duration) {
		if !end {
			text += string(keys[event])
		}
	})
	return text
}

// types has a phone type with tones.
func (p *phone) types(digits string, length time.Duration) {
	tick := time.NewTicker(p.ptime)
	n := int(p.ptime / perSample)
	for _, d := range digits {
		k := keypad{event: byte(indexOf(d))}
		for i := range int((length + 100*ms) / p.ptime) {
			pcm := make([]int16, n)
			if time.Duration(i)*p.ptime < length {
				k.tone(pcm)
				k.said += n
			}
			b := make([]byte, n)
			p.codec.Encode(b, pcm)
			p.send(p.codec.PayloadType(), false, p.ts, b)
			p.ts += uint32(n)
			<-tick.C
		}
	}
}

func indexOf(d rune) int {
	for i, k := range keys {
		if k == d {
			return i
		}
	}
	return -1
}

func TestTonesBecomeEventsAndEventsTones(t *testing.T) {
	for _, codec := range []Codec{PCMU, PCMA} {
		t.Run(codec.String(), func(t *testing.T) {
			onBothSeams(t, func(r *rig) {
				a, b := r.phone(codec, 20*ms), r.plainPhone(PCMU, 20*ms)
				stop := a.say(440)
				r.bridge.Join(a.s, b.s)
				b.next(5)
				b.types("159*", 120*ms)
				got, text := a.presses(), ""
				for _, p := range got {
					text += string(p.digit)
					if p.duration < 80*ms || p.duration > 160*ms {
						r.Errorf("got %+v, want about 120 ms", p)
					}
				}
				if text != "159*" {
					r.Errorf("got %q as events, want 159*", text)
				}
				stop()
				for _, key := range []byte{3, 6, 11} {
					for i := range 8 { // 160 ms
						d := (i + 1) * 160
						a.send(96, i == 0, a.ts, []byte{key, 10 | byte(i/7)<<7, byte(d >> 8), byte(d)})
						<-time.After(20 * ms)
					}
					a.ts += 8 * 160
					for range 6 {
						a.speak(440)
						<-time.After(20 * ms)
					}
				}
				<-time.After(200 * ms)
				if got := b.dialled(); got != "36#" {
					r.Errorf("got %q as tones, want 36#", got)
				}
			})
		})
	}
}

func TestEveryKeyIsHeardInTheSound(t *testing.T) {
	for event := range 16 {
		for _, one := range []struct {
			length, gap time.Duration
			level       float64 // dB more or less than ours
			twist       float64 // dB that the higher tone has more
			noise       float64 // amplitude
			heard       bool
		}{
			{50 * ms, 50 * ms, 0, 0, 0, true},
			{40 * ms, 40 * ms, 0, 2, 100, true},
			{100 * ms, 100 * ms, -25, 4, 50, true},
			{100 * ms, 100 * ms, 0, -6, 300, true},
			{15 * ms, 50 * ms, 0, 0, 0, false},
			{100 * ms, 100 * ms, 0, 15, 0, false},
			{100 * ms, 100 * ms, -45, 0, 0, false},
		} {
			var d dialTones
			presses, ends := 0, 0
			wrong := false
			tell := func(e int8, end bool, length time.Duration) {
				wrong = wrong || int(e) != event
				if !end {
					presses++
					return
				}
				if off := length - one.length; off > 20*ms || off < -26*ms {
					t.Errorf("%c: got a length of %v, want %v", keys[event], length, one.length)
				}
				ends++
			}
			total := one.length + one.gap
			for i := range 10 {
				d.hear(make([]int16, i*11), tell) // any place within a block
				pcm := make([]int16, int(total/perSample))
				for j := range int(one.length / perSample) {
					at := 2 * math.Pi * float64(j) / SampleRate
					gain := math.Pow(10, one.level/20)
					v := fullScale(rowLevel)*gain*math.Sin(at*rowOf[event]) + fullScale(rowLevel+one.twist)*gain*math.Sin(at*colOf[event])
					pcm[j] = clip16(float32(v))
				}
				for j := range pcm {
					pcm[j] = clip16(float32(float64(pcm[j]) + one.noise*(2*rand.Float64()-1)))
				}
				d.hear(pcm, tell)
			}
			if one.heard && (presses != 10 || ends < 9) || !one.heard && presses > 0 || wrong {
				t.Errorf("%c %+v: got %d presses and %d ends, wrong ones %v", keys[event], one, presses, ends, wrong)
			}
		}
	}
}

func TestSpeechAndMusicPressNoKeys(t *testing.T) {
	clips := map[string]*Clip{"music": Music(), "ring-back": Ringback("US"), "tone": Tone(941, 2*time.Second)}
	for _, language := range Languages() {
		for _, name := range PromptNames(language) {
			if c, ok := Prompt(language, name); ok {
				clips[language+" "+name] = c
			}
		}
	}
	for name, c := range clips {
		var d dialTones
		d.hear(c.pcm, func(event int8, _ bool, _ time.Duration) { t.Errorf("%s: got key %c", name, keys[event]) })
	}
}
