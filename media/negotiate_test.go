package media

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
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
func version(t testing.TB, body string) int {
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
	n = NewNegotiation(NegotiationConfig{ID: 1, Address: netip.MustParseAddr("2001:db8::1"), RTP: 20000, RTCP: 30000, Codecs: []Codec{PCMA}})
	n.Prefer(PCMU) // we do not do it
	offer = n.Offer()
	has(t, offer, "m=audio 20000 RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=rtcp:30000", "a=sendrecv")
	if !strings.Contains(string(offer), "o=- 1 1 IN IP6 2001:db8::1\r\n") || !strings.Contains(string(offer), "c=IN IP6 2001:db8::1\r\n") {
		t.Errorf("got\n%s\nwant our IPv6 address in o= and c=", offer)
	}
}

func TestAnswerMirrorsDirection(t *testing.T) {
	for _, c := range []struct {
		name, address, direction string
		want                     string
		send, receive            bool
	}{
		{"none", "192.0.2.50", "", "sendrecv", true, true},
		{"sendrecv", "192.0.2.50", "a=sendrecv", "sendrecv", true, true},
		{"sendonly", "192.0.2.50", "a=sendonly", "recvonly", false, true},
		{"recvonly", "192.0.2.50", "a=recvonly", "sendonly", true, false},
		{"inactive", "192.0.2.50", "a=inactive", "inactive", false, false},
		{"zero address", "0.0.0.0", "", "recvonly", false, true},
		{"zero address sendrecv", "0.0.0.0", "a=sendrecv", "recvonly", false, true},
		{"zero address sendonly", "0.0.0.0", "a=sendonly", "recvonly", false, true},
		{"zero address recvonly", "0.0.0.0", "a=recvonly", "inactive", false, false},
		{"zero address inactive", "0.0.0.0", "a=inactive", "inactive", false, false},
		{"zero IPv6 address", "::", "", "recvonly", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			family := "IP4"
			if strings.Contains(c.address, ":") {
				family = "IP6"
			}
			lines := []string{"c=IN " + family + " " + c.address}
			if c.direction != "" {
				lines = append(lines, c.direction)
			}
			n := negotiation()
			answer, p := mustAnswer(t, n, plain(lines...))
			version(t, answer) // our address, never theirs
			if got := lastLine(answer); got != "a="+c.want {
				t.Errorf("got %s, want a=%s", got, c.want)
			}
			if p.Send != c.send || p.Receive != c.receive || p.Held != !c.send {
				t.Errorf("got send %v, receive %v, held %v, want %v, %v, %v", p.Send, p.Receive, p.Held, c.send, c.receive, !c.send)
			}
			if zero := c.address != "192.0.2.50"; p.Remote.IsValid() == zero || p.RemoteRTCP.IsValid() == zero {
				t.Errorf("got remote %v, %v at %s", p.Remote, p.RemoteRTCP, c.address)
			}
		})
	}
}

func lastLine(body string) string {
	lines := strings.Split(strings.TrimSpace(body), "\r\n")
	return lines[len(lines)-1]
}

func TestDirectionOfTheSessionCountsUnlessTheSectionHasItsOwn(t *testing.T) {
	head := []string{"v=0", "o=- 5 1 IN IP4 192.0.2.50", "s=-", "c=IN IP4 192.0.2.50", "t=0 0", "a=sendonly", "m=audio 4000 RTP/AVP 0"}
	if answer, _ := mustAnswer(t, negotiation(), crlf(head...)); lastLine(answer) != "a=recvonly" {
		t.Errorf("got %s, want a=recvonly", lastLine(answer))
	}
	if answer, _ := mustAnswer(t, negotiation(), crlf(append(head, "a=sendrecv")...)); lastLine(answer) != "a=sendrecv" {
		t.Errorf("got %s, want a=sendrecv", lastLine(answer))
	}
}

// RFC 3264 §6.1 seen from the offerer: our direction is what we offered and the answer leaves.
func TestAnswerToOurOfferSetsDirection(t *testing.T) {
	directions := []string{"sendrecv", "sendonly", "recvonly", "inactive", ""}
	// what the peer's hold made of our direction → the peer's answer to our next offer → ours
	want := map[string][]string{
		"a=sendrecv": {"sendrecv", "recvonly", "sendonly", "inactive", "sendrecv"},
		"a=sendonly": {"recvonly", "recvonly", "inactive", "inactive", "recvonly"},
		"a=recvonly": {"sendonly", "inactive", "sendonly", "inactive", "sendonly"},
		"a=inactive": {"inactive", "inactive", "inactive", "inactive", "inactive"},
	}
	for first, row := range want {
		for i, direction := range directions {
			n := negotiation()
			mustAnswer(t, n, plain(first))
			n.Offer()
			var p Params
			if direction == "" {
				p = mustSetAnswer(t, n, plain())
			} else {
				p = mustSetAnswer(t, n, plain("a="+direction))
			}
			if got := directionOf(p.Send, p.Receive); got != row[i] || p.Held != !p.Send {
				t.Errorf("after %s, answered %q: got %s, held %v, want %s", first, direction, got, p.Held, row[i])
			}
		}
	}
}

func TestOfferlessReinviteDoesNotUnhold(t *testing.T) {
	for hold, carries := range map[string]string{"a=sendonly": "a=recvonly", "a=inactive": "a=inactive", "c=IN IP4 0.0.0.0": "a=recvonly"} {
		n := negotiation()
		mustAnswer(t, n, plain())
		mustAnswer(t, n, plain(hold))
		offer := string(n.Offer())
		if lastLine(offer) != carries || !strings.Contains(offer, "m=audio 20000 RTP/AVP 0 8 101\r\n") {
			t.Errorf("%s: got\n%s\nwant all codecs and %s", hold, offer, carries)
		}
		if p, _ := n.Params(); !p.Held {
			t.Errorf("%s: our offer alone ended the hold", hold)
		}
		if p := mustSetAnswer(t, n, plain(hold)); !p.Held {
			t.Errorf("%s: got not held, want held", hold)
		}
		if p := mustSetAnswer(t, n, plain()); !p.Held { // a peer that forgets to say it
			t.Errorf("%s: got not held after an answer without a direction, want held", hold)
		}
		if answer, p := mustAnswer(t, n, plain()); p.Held || lastLine(answer) != "a=sendrecv" {
			t.Errorf("%s: got held %v, %s after the peer's own re-INVITE, want sendrecv", hold, p.Held, lastLine(answer))
		}
	}
}

func TestVersionGrowsOnlyWithChange(t *testing.T) {
	n := negotiation()
	first := n.Offer()
	v := version(t, string(first))
	if again := n.Offer(); string(again) != string(first) {
		t.Errorf("got\n%s\nwant the same offer\n%s", again, first)
	}
	mustSetAnswer(t, n, plain())
	if again := n.Offer(); string(again) != string(first) {
		t.Errorf("got\n%s\nwant the same offer after the answer", again)
	}
	step := func(what, body string, grow int) {
		t.Helper()
		if got := version(t, body); got != v+grow {
			t.Errorf("%s: got version %d, want %d", what, got, v+grow)
		}
		v += grow
	}
	hold, _ := mustAnswer(t, n, plain("a=sendonly"))
	step("hold", hold, 1)
	again, _ := mustAnswer(t, n, plain("a=sendonly"))
	step("hold repeated", again, 0)
	resumed, _ := mustAnswer(t, n, plain("a=sendrecv"))
	step("resume", resumed, 1)
	refresh, _ := mustAnswer(t, n, plain("a=sendrecv"))
	step("refresh", refresh, 0)
	n.Answer(offerOf("m=video 4000 RTP/AVP 31"))
	step("refresh after a refused offer", string(first2(n.Answer(plain("a=sendrecv")))), 0)
	step("re-offer of all codecs", string(n.Offer()), 1)
	n.Prefer(PCMA)
	step("another order", string(n.Offer()), 1)
}

func first2(b []byte, _ Params, _ error) []byte { return b }

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

func TestMovedPeerIsSaidOnce(t *testing.T) {
	n := negotiation()
	n.Offer()
	steps := []struct {
		what  string
		lines []string
		moved bool
	}{
		{"183", nil, true},
		{"200 with the same", nil, false},
		{"hold at 0.0.0.0", []string{"c=IN IP4 0.0.0.0"}, false},
		{"resumed", nil, false},
		{"hold by sendonly", []string{"a=sendonly"}, false},
		{"another address", []string{"c=IN IP4 192.0.2.60"}, true},
		{"held", []string{"c=IN IP4 0.0.0.0"}, false},
		{"resumed where it was", []string{"c=IN IP4 192.0.2.60"}, false},
		{"resumed elsewhere", []string{"c=IN IP4 192.0.2.61"}, true},
		{"another RTCP port", []string{"c=IN IP4 192.0.2.61", "a=rtcp:9"}, true},
	}
	for i, s := range steps {
		var p Params
		if i < 2 {
			p = mustSetAnswer(t, n, plain(s.lines...))
		} else {
			_, p = mustAnswer(t, n, plain(s.lines...))
		}
		if p.Moved != s.moved {
			t.Errorf("%s: got moved %v, want %v", s.what, p.Moved, s.moved)
		}
	}
	if _, p := mustAnswer(t, n, offerOf("m=audio 4002 RTP/AVP 0")); !p.Moved || p.Remote.Port() != 4002 {
		t.Errorf("got moved %v to %v, want moved to port 4002", p.Moved, p.Remote)
	}
}

func TestOtherSectionsAreRefusedInTheirPlace(t *testing.T) {
	n := negotiation()
	offer := crlf("v=0", "o=- 5 1 IN IP4 192.0.2.50", "s=-", "t=3149328700 0", "m=image 20024 udptl t38", "c=IN IP4 192.0.2.51",
		"m=audio 4000 RTP/SAVP 0", "c=IN IP4 192.0.2.52", "m=audio 4002 RTP/AVPF 0", "c=IN IP4 192.0.2.53",
		"m=audio 4004 RTP/AVP 0", "c=IN IP4 192.0.2.54", "m=video 4006/2 RTP/AVP 31 34", "c=IN IP4 192.0.2.55", "m=chat 7654 msrp/tcp *")
	answer, p := mustAnswer(t, n, offer)
	if p.Remote.String() != "192.0.2.53:4002" {
		t.Errorf("got %v, want the first audio that we can do", p.Remote)
	}
	audio := []string{"a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"}
	lines := append([]string{"m=image 0 udptl t38", "m=audio 0 RTP/SAVP 0", "m=audio 20000 RTP/AVPF 0"}, audio...)
	has(t, []byte(answer), append(lines, "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31 34", "m=chat 0 msrp/tcp *")...)
	if !strings.Contains(answer, "\r\nt=3149328700 0\r\n") {
		t.Errorf("got\n%s\nwant the offer's t= (RFC 3264 §6)", answer)
	}

	// RFC 3264 §8: the lines stay where they are when the next offer is ours.
	next := n.Offer()
	has(t, next, "m=image 0 udptl t38", "m=audio 0 RTP/SAVP 0", "m=audio 20000 RTP/AVPF 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv", "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31 34", "m=chat 0 msrp/tcp *")
	reply := crlf("v=0", "o=- 5 2 IN IP4 192.0.2.50", "s=-", "c=IN IP4 192.0.2.50", "t=0 0", "m=image 0 udptl t38",
		"m=audio 0 RTP/SAVP 0", "m=audio 4010 RTP/AVPF 8", "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31", "m=chat 0 msrp/tcp *")
	if p := mustSetAnswer(t, n, reply); p.Remote.Port() != 4010 || p.Codec != PCMA {
		t.Errorf("got %v %v, want the audio in our audio's place", p.Remote, p.Codec)
	}
	if p := mustSetAnswer(t, n, offerOf("m=audio 4020 RTP/AVP 0")); p.Remote.Port() != 4020 {
		t.Errorf("got %v, want the only audio of an answer that lost the refused lines", p.Remote)
	}
}

func TestUnusableAudioIsRefusedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		body  []byte
		kind  error
		names string
	}{
		"no m= line":               {crlf("v=0", "o=- 5 1 IN IP4 192.0.2.50"), ErrNoCodec, "no m= line"},
		"no audio":                 {offerOf("m=video 4000 RTP/AVP 31"), ErrNoCodec, `line 6 "m=video 4000 RTP/AVP"`},
		"only encrypted audio":     {offerOf("m=audio 4000 RTP/SAVP 0"), ErrNoCodec, `line 6 "m=audio 4000 RTP/SAVP"`},
		"no codec of ours":         {offerOf("m=audio 4000 RTP/AVP 18 9 101", "a=rtpmap:101 telephone-event/8000"), ErrNoCodec, "want PCMU or PCMA"},
		"no format at all":         {offerOf("m=audio 4000 RTP/AVP"), ErrNoCodec, "want PCMU or PCMA"},
		"port 0":                   {offerOf("m=audio 0 RTP/AVP 0"), ErrNoCodec, "port 0"},
		"a name for an address":    {offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 sip.example.com"), ErrNoCodec, "sip.example.com"},
		"a multicast address":      {offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"), ErrNoCodec, "224.2.1.1"},
		"the broadcast address":    {offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP4 255.255.255.255"), ErrNoCodec, "255.255.255.255"},
		"the other family":         {offerOf("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"), ErrNoCodec, "2001:db8::1"},
		"no c= line":               {crlf("v=0", "m=audio 4000 RTP/AVP 0"), ErrMalformed, `line 2 "m=audio 4000 RTP/AVP 0": no c= line`},
		"a payload type of junk":   {offerOf("m=audio 4000 RTP/AVP 0 PCMU"), ErrMalformed, `"PCMU"`},
		"a payload type above 127": {offerOf("m=audio 4000 RTP/AVP 128"), ErrMalformed, `"128"`},
		"a broken line":            {crlf("v=0", "m=audio x RTP/AVP 0"), ErrMalformed, "line 2"},
		"video before":             {offerOf("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 18"), ErrNoCodec, `line 7 "m=audio`},
	} {
		t.Run(name, func(t *testing.T) {
			n := negotiation()
			n.Offer()
			before := *n
			_, _, err := n.Answer(c.body)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("Answer: got %v, want %v naming %s", err, c.kind, c.names)
			}
			if _, err := n.SetAnswer(c.body); !errors.Is(err, c.kind) {
				t.Errorf("SetAnswer: got %v, want %v", err, c.kind)
			}
			if n.version != before.version || n.last != before.last || n.bound != before.bound || n.agreed || !n.offered || len(n.layout) != 1 {
				t.Error("a refused description changed the negotiation")
			}
		})
	}
}

func TestRefusedReofferLeavesTheCallAsItWas(t *testing.T) {
	n := negotiation()
	_, want := mustAnswer(t, n, plain())
	if _, _, err := n.Answer(offerOf("m=image 20024 udptl t38")); !errors.Is(err, ErrNoCodec) {
		t.Fatalf("got %v, want ErrNoCodec", err)
	}
	if got, ok := n.Params(); got != want || !ok {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnswerWithoutAnOfferIsRefused(t *testing.T) {
	n := negotiation()
	if _, err := n.SetAnswer(plain()); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed before any offer", err)
	}
	n.Offer()
	mustAnswer(t, n, plain()) // the peer's offer crossed ours: ours is void
	if _, err := n.SetAnswer(plain()); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed for an answer to a void offer", err)
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

func TestRealPeersAreAnswered(t *testing.T) {
	for name, want := range map[string]string{
		"asterisk":            "PCMA 8/8 events 101 at 203.0.113.20:14582 rtcp 203.0.113.20:14583 sendrecv 20ms",
		"freeswitch":          "PCMU 0/0 events 101 at 203.0.113.30:27842 rtcp 203.0.113.30:27843 sendrecv 20ms",
		"sbc":                 "PCMU 0/0 events 101 at 198.51.100.34:18104 rtcp 198.51.100.34:18105 sendrecv 20ms",
		"linphone":            "PCMU 0/0 events 100 at 192.0.2.61:7078 rtcp 192.0.2.61:7079 sendrecv 20ms",
		"linphone-hold":       "PCMU 0/0 events 100 at 192.0.2.61:7078 rtcp 192.0.2.61:7079 recvonly 20ms",
		"baresip":             "PCMU 0/0 events 101 at 192.0.2.71:10044 rtcp 192.0.2.71:10045 sendrecv 20ms",
		"cisco-hold":          "PCMU 0/0 events 101 at invalid AddrPort rtcp invalid AddrPort recvonly 20ms",
		"t38-second":          "PCMA 8/8 events 101 at 198.51.100.40:20022 rtcp 198.51.100.40:20023 sendrecv 20ms",
		"browser-like":        "PCMA 8/8 events 0 at 192.0.2.91:30000 rtcp 192.0.2.91:30000 sendrecv 20ms",
		"rfc4475-sdp01":       "PCMU 0/0 events 0 at 192.0.2.5:49217 rtcp 192.0.2.5:49218 sendrecv 20ms",
		"rfc5118-mult-ip":     "PCMU 0/0 events 0 at 192.0.2.1:22334 rtcp 192.0.2.1:22335 sendrecv 20ms",
		"rfc5118-ipv4-mapped": "no acceptable audio", // G.726 and H.263 alone
		"rfc5118-ipv6":        "no acceptable audio",
	} {
		t.Run(name, func(t *testing.T) {
			body := sample(t, name)
			answer, p, err := negotiation().Answer(body)
			if err != nil {
				if want != "no acceptable audio" || !errors.Is(err, ErrNoCodec) {
					t.Fatalf("got %v, want %s", err, want)
				}
				return
			}
			got := fmt.Sprintf("%v %d/%d events %d at %v rtcp %v %s %v", p.Codec, p.SendPT, p.RecvPT, p.EventRecvPT, p.Remote, p.RemoteRTCP, directionOf(p.Send, p.Receive), p.Ptime)
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if theirs, ours := strings.Count(string(body), "\nm="), strings.Count(string(answer), "\nm="); theirs != ours {
				t.Errorf("got %d m= lines, want %d", ours, theirs)
			}
			// What they offer, they could have answered.
			n := negotiation()
			n.Offer()
			if _, err := n.SetAnswer(body); err != nil {
				t.Errorf("as an answer: got %v, want it accepted", err)
			}
		})
	}
}

// checkAnswer answers an arbitrary description and holds the answer against RFC 3264 §6.
func checkAnswer(t testing.TB, body []byte, offer *description) {
	n := negotiation()
	answer, p, err := n.Answer(body)
	if err != nil {
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoCodec) {
			t.Fatalf("got %v, want ErrMalformed or ErrNoCodec", err)
		}
		return
	}
	d, err := parseDescription(answer)
	if err != nil {
		t.Fatalf("our answer cannot be read: %v\n%s", err, answer)
	}
	if len(d.sections) != len(offer.sections) {
		t.Fatalf("got %d m= lines, want %d", len(d.sections), len(offer.sections))
	}
	open := 0
	for i := range d.sections {
		if d.sections[i].kind != offer.sections[i].kind || d.sections[i].proto != offer.sections[i].proto {
			t.Fatalf("got m= line %d %s, want %s", i, d.sections[i].media(), offer.sections[i].media())
		}
		if d.sections[i].port != 0 {
			open++
		}
	}
	if open != 1 {
		t.Fatalf("got %d accepted m= lines, want 1", open)
	}
	if p.Ptime < minPtime || p.Ptime > maxPtime || p.Held == p.Send || p.Send && !p.Remote.IsValid() {
		t.Fatalf("got %+v", p)
	}
	if again, _, err := n.Answer(body); err != nil || string(again) != string(answer) {
		t.Fatalf("got\n%s(%v)\nwant the same answer to the same offer\n%s", again, err, answer)
	}
	if _, err := parseDescription(n.Offer()); err != nil {
		t.Fatalf("our next offer cannot be read: %v", err)
	}
}
