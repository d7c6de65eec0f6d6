package media

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// chromium is what Chromium 156 offers, less the codecs that nobody here does.
const chromium = `v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS page
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=ice-options:trickle
a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:page sound
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0
a=candidate:2 1 udp 2122260222 4f1bd1c6-0000-4000-8000-000000000000.local 50001 typ host
a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active
`

// firefox says of the whole description what Chromium says of the section.
var firefox = strings.NewReplacer(
	"a=msid-semantic: WMS page\n", "a=msid-semantic:WMS *\na=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E\na=ice-options:trickle\n",
	"a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E\na=setup", "a=setup",
).Replace(chromium)

func answerTo(t *testing.T, offer string, codecs ...Codec) (string, Params, error) {
	t.Helper()
	d, err := parseDescription([]byte(offer))
	if err != nil {
		return "", Params{}, err
	}
	o, err := readBrowser(d)
	if err != nil {
		return "", Params{}, err
	}
	n := NewNegotiation(NegotiationConfig{ID: 7, Codecs: codecs})
	answer, p, err := n.answerBrowser(d, o, browserAnswer{
		ufrag: "ours", pwd: "0123456789012345678901", fingerprint: "AA:BB", lite: true, ssrc: 5,
		at: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:20000"), netip.MustParseAddrPort("10.0.0.1:20000")},
	})
	return strings.ReplaceAll(string(answer), "\r\n", "\n"), p, err
}

func TestABrowserIsAnsweredWithAllThatItNeeds(t *testing.T) {
	t.Parallel()
	const want = `v=0
o=- 7 1 IN IP4 198.51.100.7
s=-
t=0 0
a=group:BUNDLE 0
a=ice-lite
m=audio 20000 UDP/TLS/RTP/SAVPF 0 126
c=IN IP4 198.51.100.7
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=fmtp:126 0-15
a=ptime:20
a=rtcp-mux
a=sendrecv
a=ice-ufrag:ours
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 AA:BB
a=setup:passive
a=mid:0
a=msid:trunkline sound
a=ssrc:5 cname:trunkline
a=candidate:1 1 udp 2130706431 198.51.100.7 20000 typ host
a=candidate:2 1 udp 2130706175 10.0.0.1 20000 typ host
a=end-of-candidates
`
	for name, offer := range map[string]string{"chromium": chromium, "firefox": firefox} {
		got, p, err := answerTo(t, offer, PCMU, PCMA)
		if err != nil || got != want {
			t.Errorf("%s: got %v and\n%s\nwant\n%s", name, err, got, want)
		}
		if !p.Mux || !p.Send || !p.Receive || p.Codec != PCMU || p.EventSendPT != 126 || p.Comfort {
			t.Errorf("%s: got %+v, want PCMU both ways, muxed, with events and without comfort noise", name, p)
		}
	}
}

func TestWhatABrowserOffers(t *testing.T) {
	t.Parallel()
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(chromium) }
	for _, c := range []struct {
		name, offer string
		codecs      []Codec
		want        Codec
		err         error
	}{
		{"its own order counts", chromium, []Codec{PCMU, PCMA, G722}, G722, nil},
		{"a codec that we do not do", change(" 9 0 8 ", " "), []Codec{PCMU}, 0, ErrNoCodec},
		{"no fingerprint", change("a=fingerprint:sha-256", "a=fingerprint:sha-1"), nil, 0, ErrNoKeys},
		{"no setup", change("a=setup:actpass\n", ""), nil, 0, ErrNoKeys},
		{"a client that wants us to be one", change("setup:actpass", "setup:passive"), nil, 0, ErrNoKeys},
		{"a client already", change("setup:actpass", "setup:active"), nil, PCMU, nil},
		{"no mux", change("a=rtcp-mux\n", ""), nil, 0, ErrNoCodec},
		{"no ICE", change("a=ice-ufrag:EsAw\n", ""), nil, 0, ErrMalformed},
		{"a short password", change("bP+XJMM09aR8AiX1jdukzR6Y", "short"), nil, 0, ErrMalformed},
		{"a password with a line in it", change("bP+XJMM09aR8AiX1jdukzR6Y", "bP+XJMM09aR8AiX1jdukzR6Y x"), nil, 0, ErrMalformed},
		{"a phone's offer", "v=0\no=- 1 1 IN IP4 10.0.0.2\ns=-\nc=IN IP4 10.0.0.2\nt=0 0\nm=audio 4000 RTP/AVP 0\n", nil, 0, ErrNoCodec},
		{"nothing", "", nil, 0, ErrMalformed},
	} {
		_, p, err := answerTo(t, c.offer, c.codecs...)
		if !errors.Is(err, c.err) || c.err == nil && (err != nil || p.Codec != c.want) {
			t.Errorf("%s: got %v and %v, want %v and %v", c.name, p.Codec, err, c.want, c.err)
		}
	}
}

func TestVideoIsRefusedInItsPlace(t *testing.T) {
	t.Parallel()
	got, _, err := answerTo(t, strings.Replace(chromium, "a=group:BUNDLE 0", "a=group:BUNDLE 0 1", 1)+
		"m=video 9 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=mid:1\na=rtpmap:96 VP8/90000\n")
	if err != nil || !strings.Contains(got, "m=video 0 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=inactive\n") || !strings.Contains(got, "a=group:BUNDLE 0\n") {
		t.Errorf("got %v and\n%s\nwant the video refused, and not in the group", err, got)
	}
}

// Of a browser's addresses only those are checked that are some.
func TestNamesAndTCPAreNoCandidates(t *testing.T) {
	t.Parallel()
	d, err := parseDescription([]byte(chromium))
	if err != nil {
		t.Fatal(err)
	}
	o, err := readBrowser(d)
	if err != nil || len(o.candidates) != 1 || !strings.Contains(o.candidates[0], "192.0.2.7 50000") {
		t.Errorf("got %v and %q, want the one address", err, o.candidates)
	}
}
