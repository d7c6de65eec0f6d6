package media

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestComfortNoiseIsAgreedOn(t *testing.T) {
	n := negotiation()
	if offer := string(n.Offer()); strings.Contains(offer, "CN/8000") {
		t.Errorf("got\n%s\nwant no comfort noise before somebody takes it", offer)
	}
	n.Comfort()
	has(t, n.Offer(), "m=audio 20000 RTP/AVP 0 8 13 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:13 CN/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv")
	if p := mustSetAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000")); p.Comfort {
		t.Error("an answer without it: got it agreed on")
	}
	if p := mustSetAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 0 13")); !p.Comfort {
		t.Error("an answer with it: got it not agreed on")
	}
	for _, c := range []struct {
		media, line string
		want        bool
	}{
		{"m=audio 4000 RTP/AVP 0 13", "a=ptime:20", true},
		{"m=audio 4000 RTP/AVP 0 13", "a=rtpmap:13 CN/8000", true},
		{"m=audio 4000 RTP/AVP 0 118", "a=rtpmap:118 CN/16000", false},
		{"m=audio 4000 RTP/AVP 0 13", "a=rtpmap:13 VENDOR/8000", false},
		{"m=audio 4000 RTP/AVP 0", "a=ptime:20", false},
	} {
		answer, p := mustAnswer(t, negotiation(), offerOf(c.media, c.line))
		if p.Comfort != c.want || strings.Contains(answer, "CN/8000") != c.want {
			t.Errorf("%s, %s: got %v and\n%s\nwant %v", c.media, c.line, p.Comfort, answer, c.want)
		}
	}
}

// hushed is a phone that takes comfort noise.
func (r *rig) hushed(codec Codec, ptime time.Duration) *phone {
	r.Helper()
	p := r.silentPhone(codec, ptime)
	at := p.addr()
	if _, err := p.s.Answer(fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %v\r\ns=-\r\nc=IN IP4 %v\r\nt=0 0\r\nm=audio %d RTP/AVP %d 13\r\na=ptime:%d\r\n",
		at.Addr(), at.Addr(), at.Port(), codec.PayloadType(), ptime.Milliseconds())); err != nil {
		r.Fatal(err)
	}
	return p
}

// A pause that is described is described to the other party, and again when it
// lasts; nothing is cut off the speech behind it.
func TestComfortNoiseIsRelayed(t *testing.T) {
	for _, to := range []struct {
		codec Codec
		ptime time.Duration
	}{{PCMU, 20 * ms}, {PCMA, 20 * ms}, {PCMU, 30 * ms}} {
		t.Run(fmt.Sprint(to), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.hushed(to.codec, to.ptime), r.hushed(PCMU, 20*ms)
				r.bridge.Join(a.s, b.s)
				noise := []byte{55, 120, 90, 130}
				tick := time.NewTicker(20 * ms)
				talk := func() {
					for range 30 {
						b.speak(620)
						<-tick.C
					}
				}
				talk()
				b.send(comfortNoise, false, b.ts, noise)
				b.ts += 5 * SampleRate / 2
				<-time.After(2500 * ms)
				talk()
				<-time.After(100 * ms)
				heard := a.heard()
				described, sound := 0, 0
				var last heardPacket
				for _, p := range heard {
					switch {
					case p.pt == comfortNoise && !bytes.Equal(p.payload(), noise):
						t.Errorf("got noise %v, want %v", p.payload(), noise)
					case p.pt == comfortNoise:
						described++
					case last.pt == comfortNoise:
						if pause := p.at.Sub(last.at).Abs(); int32(p.ts-last.ts) < int32((pause-40*ms)/perSample) {
							t.Errorf("got %d of timestamps after %v, want time to go on", p.ts-last.ts, pause)
						}
						fallthrough
					default:
						sound += len(p.payload())
					}
					last = p
				}
				if described < 2 || described > 4 {
					t.Errorf("got noise described %d times in 2.5 s, want at once and each second", described)
				}
				if sound != 60*FrameSamples {
					t.Errorf("got %d samples of speech, want %d", sound, 60*FrameSamples)
				}
				a.oneStream(heard, r.slack()+20*ms) // a keep-alive lies that much behind
			})
		})
	}
}
