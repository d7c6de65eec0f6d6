package media

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// negotiation is a session of ours at 192.0.2.10:20000.
func negotiation(codecs ...Codec) *Negotiation {
	return NewNegotiation(NegotiationConfig{ID: 77, Address: netip.MustParseAddr("192.0.2.10"), RTP: 20000, Codecs: codecs})
}

// offerOf is an ordinary peer's description with these lines below its m=audio line.
func offerOf(media string, lines ...string) []byte {
	return crlf(append([]string{"v=0", "o=- 5 1 IN IP4 192.0.2.50", "s=-", "c=IN IP4 192.0.2.50", "t=0 0", media}, lines...)...)
}

const plainMedia = "m=audio 4000 RTP/AVP 0 8 101"

// plain is that description with telephone-event on 101.
func plain(lines ...string) []byte {
	return offerOf(plainMedia, append([]string{"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"}, lines...)...)
}

// has fails unless body has exactly these lines, in this order, from its first m= line on.
func has(t testing.TB, body []byte, want ...string) {
	t.Helper()
	text := string(body)
	i := strings.Index(text, "m=")
	if i < 0 || text[i:] != string(crlf(want...)) {
		t.Errorf("got\n%s\nwant from m= on\n%s", text, crlf(want...))
	}
}

func mustAnswer(t testing.TB, n *Negotiation, offer []byte) (string, Params) {
	t.Helper()
	answer, p, err := n.Answer(offer)
	if err != nil {
		t.Fatalf("Answer: %v\n%s", err, offer)
	}
	return string(answer), p
}

func mustSetAnswer(t testing.TB, n *Negotiation, answer []byte) Params {
	t.Helper()
	p, err := n.SetAnswer(answer)
	if err != nil {
		t.Fatalf("SetAnswer: %v\n%s", err, answer)
	}
	return p
}

// version returns the version in a description's o= line and checks the rest of the line.
func version(t rapid.TB, body string) int {
	t.Helper()
	var v int
	if _, err := fmt.Sscanf(body, "v=0\r\no=- 77 %d IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\n", &v); err != nil {
		t.Fatalf("got %v, want o= with id 77 and our address\n%s", err, body)
	}
	return v
}

func TestOfferListsEverythingWeDo(t *testing.T) {
	n := negotiation()
	offer := n.Offer()
	version(t, string(offer))
	has(t, offer, "m=audio 20000 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv")

	n = negotiation(PCMA, PCMU)
	n.Prefer(PCMU)
	if got := string(n.Offer()); !strings.Contains(got, "RTP/AVP 0 8 101\r\n") {
		t.Errorf("got\n%s\nwant the preferred codec first", got)
	}
	pcmu := PCMU // we do not do it
	n = NewNegotiation(NegotiationConfig{ID: 1, Address: netip.MustParseAddr("2001:db8::1"), RTP: 20000, RTCP: 30000, Codecs: []Codec{PCMA}, Prefer: &pcmu})
	n.Prefer(PCMU)
	offer = n.Offer()
	has(t, offer, "m=audio 20000 RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=rtcp:30000", "a=sendrecv")
	if !strings.Contains(string(offer), "o=- 1 1 IN IP6 2001:db8::1\r\n") || !strings.Contains(string(offer), "c=IN IP6 2001:db8::1\r\n") {
		t.Errorf("got\n%s\nwant our IPv6 address in o= and c=", offer)
	}
}

func TestCodecIsChosenByTheOffererUnlessPreferred(t *testing.T) {
	pcmu, pcma := PCMU, PCMA
	for _, c := range []struct {
		name, media string
		prefer      *Codec
		codecs      []Codec
		want        Codec
		pt          uint8
		lines       []string
	}{
		{"offerer's order", "m=audio 4000 RTP/AVP 8 0", nil, []Codec{PCMU, PCMA}, PCMA, 8, nil},
		{"preferred", "m=audio 4000 RTP/AVP 8 0", &pcmu, []Codec{PCMU, PCMA}, PCMU, 0, nil},
		{"preferred and first", "m=audio 4000 RTP/AVP 0 8", &pcmu, []Codec{PCMU, PCMA}, PCMU, 0, nil},
		{"preferred but not there", "m=audio 4000 RTP/AVP 8", &pcmu, []Codec{PCMU, PCMA}, PCMA, 8, nil},
		{"preferred A-law", "m=audio 4000 RTP/AVP 0 8", &pcma, []Codec{PCMU, PCMA}, PCMA, 8, nil},
		{"only what we do", "m=audio 4000 RTP/AVP 0 8", nil, []Codec{PCMA}, PCMA, 8, nil},
		{"behind unknown ones", "m=audio 4000 RTP/AVP 96 18 9 8 0", nil, []Codec{PCMU, PCMA}, PCMA, 8, []string{"a=rtpmap:96 opus/48000/2"}},
		{"dynamic number", "m=audio 4000 RTP/AVP 97", nil, []Codec{PCMU, PCMA}, PCMU, 97, []string{"a=rtpmap:97 PCMU/8000"}},
		{"one channel, small letters, blanks", "m=audio 4000 RTP/AVP 98", nil, []Codec{PCMU, PCMA}, PCMA, 98, []string{"a=rtpmap: 98  pcma/8000/1"}},
		{"two channels are another codec", "m=audio 4000 RTP/AVP 98 8", nil, []Codec{PCMU, PCMA}, PCMA, 8, []string{"a=rtpmap:98 PCMU/8000/2"}},
		{"a static number with another meaning", "m=audio 4000 RTP/AVP 0 8", nil, []Codec{PCMU, PCMA}, PCMA, 8, []string{"a=rtpmap:0 L16/44100"}},
		{"broken rtpmap of another", "m=audio 4000 RTP/AVP 0 96", nil, []Codec{PCMU, PCMA}, PCMU, 0, []string{"a=rtpmap:x y", "a=rtpmap:", "a=rtpmap:300 PCMA/8000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := NewNegotiation(NegotiationConfig{ID: 77, Address: netip.MustParseAddr("192.0.2.10"), RTP: 20000, Codecs: c.codecs, Prefer: c.prefer})
			answer, p := mustAnswer(t, n, offerOf(c.media, c.lines...))
			if p.Codec != c.want || p.SendPT != c.pt || p.RecvPT != c.pt {
				t.Errorf("got %v as %d and %d, want %v as %d", p.Codec, p.SendPT, p.RecvPT, c.want, c.pt)
			}
			has(t, []byte(answer), fmt.Sprintf("m=audio 20000 RTP/AVP %d", c.pt), fmt.Sprintf("a=rtpmap:%d %v/8000", c.pt, c.want), "a=ptime:20", "a=sendrecv")
		})
	}
}

func TestAnswerWithSeveralCodecsUsesTheFirst(t *testing.T) {
	n := negotiation()
	n.Offer()
	if p := mustSetAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 18 8 0")); p.Codec != PCMA || p.SendPT != 8 || p.RecvPT != 8 {
		t.Errorf("got %v as %d and %d, want PCMA as 8", p.Codec, p.SendPT, p.RecvPT)
	}
	// RFC 3264 §6.1: the answerer's numbers are what it receives, ours stay what we receive.
	p := mustSetAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 97 96", "a=rtpmap:97 PCMU/8000", "a=rtpmap:96 telephone-event/8000"))
	want := Params{Remote: p.Remote, RemoteRTCP: p.RemoteRTCP, Codec: PCMU, SendPT: 97, RecvPT: 0,
		Events: true, EventSendPT: 96, EventRecvPT: 101, Ptime: 20 * time.Millisecond, Send: true, Receive: true}
	if p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
}

func TestReceivedPayloadTypeIsEitherCodec(t *testing.T) {
	p := Params{Codec: PCMU, RecvPT: 97, Events: true, EventRecvPT: 101}
	for pt, want := range map[uint8]string{97: "PCMU true", 0: "PCMU true", 8: "PCMA true", 101: "PCMU false", 18: "PCMU false", 127: "PCMU false"} {
		c, ok := p.CodecOf(pt)
		if got := fmt.Sprint(c, ok); got != want {
			t.Errorf("payload type %d: got %s, want %s", pt, got, want)
		}
	}
	p = Params{Codec: PCMA, RecvPT: 0, Events: true, EventRecvPT: 8} // numbers given another meaning by the peer
	if c, ok := p.CodecOf(0); c != PCMA || !ok {
		t.Errorf("got %v, %v, want the agreed codec on its number", c, ok)
	}
	if _, ok := p.CodecOf(8); ok {
		t.Error("got a codec for the number of telephone-event, want none")
	}
}

func TestTelephoneEventIsTheOneOfOurClockRate(t *testing.T) {
	_, p := mustAnswer(t, negotiation(), sample(t, "linphone"))
	if !p.Events || p.EventSendPT != 100 || p.EventRecvPT != 100 {
		t.Errorf("got events %v as %d and %d, want 100", p.Events, p.EventSendPT, p.EventRecvPT)
	}
	if answer, p := mustAnswer(t, negotiation(), offerOf("m=audio 4000 RTP/AVP 0")); p.Events || strings.Contains(answer, "telephone-event") {
		t.Errorf("got events %v, want none where none was offered\n%s", p.Events, answer)
	}
	n := negotiation()
	n.Offer()
	if p := mustSetAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 0 101")); !p.Events || p.EventSendPT != 101 {
		t.Errorf("got events %v as %d, want our 101 meant though not mapped again", p.Events, p.EventSendPT)
	}
	if p := mustSetAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 0")); p.Events {
		t.Error("got events, want none when the answer has none")
	}
}

// RFC 3264 §8.3.2.
func TestPayloadTypeKeepsItsMeaning(t *testing.T) {
	n := negotiation()
	mustAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"))
	if got := string(n.Offer()); !strings.Contains(got, "RTP/AVP 0 8 96\r\n") {
		t.Errorf("got\n%s\nwant telephone-event on the peer's 96", got)
	}
	n = negotiation()
	mustAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 101 0", "a=rtpmap:101 opus/48000/2"))
	if got := string(n.Offer()); !strings.Contains(got, "RTP/AVP 0 8 127\r\n") || !strings.Contains(got, "a=rtpmap:127 telephone-event/8000\r\n") {
		t.Errorf("got\n%s\nwant telephone-event on a number that the peer does not use", got)
	}
}

func TestPtimeOfThePeerIsObeyed(t *testing.T) {
	for lines, want := range map[string]time.Duration{
		"":                            20 * time.Millisecond,
		"a=ptime:20":                  20 * time.Millisecond,
		"a=ptime:30":                  30 * time.Millisecond,
		"a=ptime:10":                  10 * time.Millisecond,
		"a=ptime:200":                 60 * time.Millisecond,
		"a=ptime:5":                   10 * time.Millisecond,
		"a=ptime:25.5":                20 * time.Millisecond,
		"a=ptime:0":                   20 * time.Millisecond,
		"a=ptime:-20":                 20 * time.Millisecond,
		"a=ptime:NaN":                 20 * time.Millisecond,
		"a=ptime:1e300":               60 * time.Millisecond,
		"a=ptime:twenty":              20 * time.Millisecond,
		"a=maxptime:150":              20 * time.Millisecond,
		"a=maxptime:10":               10 * time.Millisecond,
		"a=ptime:60\r\na=maxptime:40": 40 * time.Millisecond,
	} {
		n := negotiation()
		answer, p := mustAnswer(t, n, plain(lines))
		if p.Ptime != want {
			t.Errorf("%q: got %v, want %v", lines, p.Ptime, want)
		}
		ours := fmt.Sprintf("\r\na=ptime:%d\r\n", want.Milliseconds())
		if offer := string(n.Offer()); !strings.Contains(answer, ours) || !strings.Contains(offer, ours) {
			t.Errorf("%q: got\n%s\nand then\n%s\nwant us to ask for the same", lines, answer, offer)
		}
		n = negotiation()
		n.Offer()
		if p := mustSetAnswer(t, n, plain(lines)); p.Ptime != want {
			t.Errorf("answer with %q: got %v, want %v", lines, p.Ptime, want)
		}
	}
}

func TestRTCPGoesWhereThePeerWantsIt(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
		mux   bool
	}{
		{nil, "192.0.2.50:4001", false},
		{[]string{"a=rtcp:53020"}, "192.0.2.50:53020", false},
		{[]string{"a=rtcp:53020 IN IP4 192.0.2.51"}, "192.0.2.51:53020", false},
		{[]string{"a=rtcp:53020 IN IP4 0.0.0.0"}, "192.0.2.50:53020", false},
		{[]string{"a=rtcp:x"}, "192.0.2.50:4001", false},
		{[]string{"a=rtcp-mux"}, "192.0.2.50:4000", true},
		{[]string{"a=rtcp:4000", "a=rtcp-mux"}, "192.0.2.50:4000", true},
	} {
		n := negotiation()
		answer, p := mustAnswer(t, n, plain(c.lines...))
		if p.RemoteRTCP.String() != c.want || p.Mux != c.mux {
			t.Errorf("%q: got %v, mux %v, want %s, %v", c.lines, p.RemoteRTCP, p.Mux, c.want, c.mux)
		}
		if got := strings.Contains(answer, "a=rtcp-mux\r\n"); got != c.mux {
			t.Errorf("%q: got rtcp-mux in the answer %v, want %v", c.lines, got, c.mux)
		}
		// Once muxed, later offers say so (RFC 5761 §5.1.1); never offered otherwise.
		if got := strings.Contains(string(n.Offer()), "a=rtcp-mux\r\n"); got != c.mux {
			t.Errorf("%q: got rtcp-mux in our next offer %v, want %v", c.lines, got, c.mux)
		}
	}
	if _, p := mustAnswer(t, negotiation(), offerOf("m=audio 65535 RTP/AVP 0")); p.RemoteRTCP.IsValid() {
		t.Errorf("got %v, want no RTCP above port 65535", p.RemoteRTCP)
	}
	n := negotiation()
	n.Offer()
	if p := mustSetAnswer(t, n, plain("a=rtcp-mux")); p.Mux {
		t.Error("got mux from an answer to an offer without it, want none")
	}
}

func TestCodecListMayChangeInAReoffer(t *testing.T) {
	n := negotiation()
	if _, p := mustAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 0 8")); p.Codec != PCMU {
		t.Fatalf("got %v, want PCMU", p.Codec)
	}
	if _, p := mustAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 8", "a=sendonly")); p.Codec != PCMA || !p.Held {
		t.Errorf("got %v, held %v, want PCMA on hold", p.Codec, p.Held)
	}
	if _, p := mustAnswer(t, n, offerOf("m=audio 4000 RTP/AVP 8 0")); p.Codec != PCMA || p.Held {
		t.Errorf("got %v, held %v, want PCMA resumed", p.Codec, p.Held)
	}
}
