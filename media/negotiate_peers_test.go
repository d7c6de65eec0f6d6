package media

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
)

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
		"no codec of ours":         {offerOf("m=audio 4000 RTP/AVP 18 3 101", "a=rtpmap:101 telephone-event/8000"), ErrNoCodec, "want PCMU or PCMA"},
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
			before.bound = maps.Clone(n.bound)
			_, _, err := n.Answer(c.body)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("Answer: got %v, want %v naming %s", err, c.kind, c.names)
			}
			if _, err := n.SetAnswer(c.body); !errors.Is(err, c.kind) {
				t.Errorf("SetAnswer: got %v, want %v", err, c.kind)
			}
			if n.version != before.version || n.last != before.last || !maps.Equal(n.bound, before.bound) || n.agreed || !n.offered || len(n.layout) != 1 {
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
	n.Offer()
	if _, err := n.SetAnswer(body); err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoCodec) {
		t.Fatalf("as an answer: got %v, want ErrMalformed or ErrNoCodec", err)
	}
	n = negotiation()
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
