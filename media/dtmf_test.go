package media

import (
	"net/netip"
	"testing"
	"time"
)

func TestDigitIsToldOncePerTimestamp(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		for _, key := range []byte{1, 1, 11, 16, 12, 0} { // 1 1 # flash A 0
			a.event(key, 5)
		}
		r.await("last digit", func(e Event) bool { d, ok := e.(Digit); return ok && d.Digit == '0' })
		var got []rune
		for _, e := range r.has(func(e Event) bool { _, ok := e.(Digit); return ok }) {
			got = append(got, e.(Digit).Digit)
		}
		if string(got) != "11#A0" {
			t.Errorf("got digits %q, want 11#A0: 16 is a flash, no digit", string(got))
		}
	})
}

func TestDigitWhoseStartIsLostIsTold(t *testing.T) {
	d := digits{}
	if got, ok := d.press(1, 100, []byte{5, 0x8a, 1, 0}, 0); !ok || got != '5' {
		t.Errorf("got %q %v of an end packet alone, want 5", got, ok)
	}
	if _, ok := d.press(1, 100, []byte{5, 0x8a, 1, 0}, 0); ok {
		t.Error("got its repetition told again")
	}
	if _, ok := d.press(1, 50, []byte{4, 0x8a, 1, 0}, 0); ok {
		t.Error("got an older press told after a newer one")
	}
	if _, ok := d.press(1, 400, []byte{4, 0x8a}, 0); ok {
		t.Error("got a cut packet told")
	}
	if _, ok := d.press(2, 50, []byte{4, 0x8a, 1, 0}, 0); !ok {
		t.Error("got a press of another SSRC not told")
	}
}

// A gateway's digits have an SSRC of their own, and the sound goes on between their packets.
func TestDigitAmongSoundOfAnotherSSRCIsToldOnce(t *testing.T) {
	onBothSeams(t, func(r *rig) {
		a := r.phone(PCMU, 20*ms)
		sound := a.ssrc
		for n, key := range []byte{2, 2, 7} {
			for i := range 8 {
				a.ssrc = sound
				a.speak(620)
				a.ssrc = sound + 1
				a.send(96, i == 0, 8000*uint32(n), []byte{key, 10 | byte(i/5)<<7, 1, byte(20 * i)})
			}
		}
		r.await("last digit", func(e Event) bool { d, ok := e.(DigitEnded); return ok && d.Digit == '7' })
		var got []rune
		for _, e := range r.has(func(e Event) bool { _, ok := e.(Digit); return ok }) {
			got = append(got, e.(Digit).Digit)
		}
		if string(got) != "227" {
			t.Errorf("got digits %q, want 227", string(got))
		}
	})
}

func TestEventIsRelayedWithItsTimestampAndPayloadType(t *testing.T) {
	for _, path := range []struct {
		name  string
		codec Codec
	}{{"relay", PCMU}, {"through PCM", PCMA}} {
		t.Run(path.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.silentPhone(PCMU, 20*ms), r.phone(path.codec, 20*ms)
				// a offers telephone-event as 101, b as 96.
				_, err := a.s.Answer([]byte("v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 " + a.addr().Addr().String() + "\r\nt=0 0\r\nm=audio " +
					itoa(a.addr().Port()) + " RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"))
				if err != nil {
					t.Fatal(err)
				}
				r.bridge.Join(a.s, b.s)
				tick := time.NewTicker(20 * ms)
				for range 10 {
					b.speak(620)
					<-tick.C
				}
				b.event(7, 5)
				for range 10 {
					b.speak(620)
					<-tick.C
				}
				<-time.After(100 * ms)
				var events, audio []heardPacket
				for _, p := range a.heard() {
					if p.pt == 101 {
						events = append(events, p)
					} else {
						audio = append(audio, p)
					}
				}
				if len(events) != 9 {
					t.Fatalf("got %d event packets, want 9", len(events))
				}
				for i, p := range events {
					if p.ts != events[0].ts || p.seq != events[0].seq+uint16(i) || p.marker != (i == 0) || p.payload()[0] != 7 {
						t.Errorf("event packet %d: got ts %d seq %d marker %v, want one timestamp, numbers in a row, a marker first", i, p.ts, p.seq, p.marker)
					}
				}
				last := a.heard()
				for i := 1; i < len(last); i++ {
					if last[i].seq != last[0].seq+uint16(i) || int32(last[i].ts-last[i-1].ts) < 0 {
						t.Fatalf("packet %d: got seq %d ts %d, want no hole and no way back", i, last[i].seq, last[i].ts)
					}
				}
				if len(audio) < 20 {
					t.Errorf("got %d audio packets around the event, want at least 20", len(audio))
				}
			})
		})
	}
}

func itoa(port uint16) string { return netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()[8:] }

func TestComfortNoiseIsSilenceWithoutAHole(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.phone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		tick := time.NewTicker(20 * ms)
		for i := range 30 {
			if i >= 10 && i < 20 {
				b.send(comfortNoise, false, b.ts, []byte{60})
				b.ts += 160
			} else {
				b.speak(620)
			}
			<-tick.C
		}
		<-time.After(50 * ms)
		got := a.heard()
		for _, p := range got {
			if p.pt != PCMU.PayloadType() {
				t.Errorf("got payload type %d, want comfort noise kept back", p.pt)
			}
		}
		a.oneStream(got, r.slack())
		if s := b.s.Stats(); s.Garbage+s.Lost != 0 || s.Received != 30 {
			t.Errorf("got %+v, want 30 received and none of them amiss", s)
		}
	})
}

func TestEventIsNotSentToAPeerWithoutThem(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.silentPhone(PCMU, 20*ms), r.phone(PCMU, 20*ms)
		if _, err := a.s.Answer([]byte("v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 " + a.addr().Addr().String() + "\r\nt=0 0\r\nm=audio " +
			itoa(a.addr().Port()) + " RTP/AVP 0\r\n")); err != nil {
			t.Fatal(err)
		}
		r.bridge.Join(a.s, b.s)
		b.speak(620)
		b.event(7, 5)
		b.speak(620)
		<-time.After(100 * ms)
		got := a.heard()
		for i, p := range got {
			if p.pt != 0 || p.seq != got[0].seq+uint16(i) {
				t.Errorf("packet %d: got payload type %d, seq %d, want PCMU without a hole", i, p.pt, p.seq)
			}
		}
	})
}

func TestLongPressKeepsOneTimestampOnBothPaths(t *testing.T) {
	for _, codec := range []Codec{PCMU, PCMA} {
		t.Run(codec.String(), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.phone(PCMU, 20*ms), r.phone(codec, 20*ms)
				r.bridge.Join(a.s, b.s)
				tick := time.NewTicker(20 * ms)
				for i := range 300 {
					if i < 20 || i > 220 {
						b.speak(620)
					} else { // 4 s
						b.send(96, i == 20, b.ts-uint32(i-20)*160, []byte{3, 10, byte(i * 160 >> 8), byte(i * 160)})
						b.ts += 160
					}
					<-tick.C
				}
				<-time.After(100 * ms)
				var first *heardPacket
				n, all := 0, a.heard()
				for i := range all {
					if all[i].pt != 96 {
						continue
					}
					if n++; first == nil {
						first = &all[i]
					}
					if all[i].ts != first.ts {
						t.Fatalf("event packet %d: got timestamp %d, want %d throughout", n, all[i].ts, first.ts)
					}
				}
				if n != 201 {
					t.Errorf("got %d event packets, want 201", n)
				}
				last := all[len(all)-1]
				if off := time.Duration(last.ts-all[0].ts)*perSample - last.at.Sub(all[0].at); off > 40*ms || off < -40*ms {
					t.Errorf("got timestamps %v off from elapsed time after the press", off)
				}
				if got := r.has(func(e Event) bool { _, ok := e.(Digit); return ok }); len(got) != 1 {
					t.Errorf("got %v, want one digit", got)
				}
			})
		})
	}
}
