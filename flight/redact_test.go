package flight

import (
	"bytes"
	"strings"
	"testing"
)

// crlf writes a message with the line ends of SIP.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestSecretsAndDigitsAreOverwritten(t *testing.T) {
	for _, x := range []struct {
		name, in, secret, stays string
	}{
		{"digest", "INVITE sip:a@b SIP/2.0\nAuthorization: Digest username=\"ann\", response=\"0a4f113b\"\nCall-ID: 1\n\n", "0a4f113b", "Authorization: Digest "},
		{"digest of a proxy, any case, blanks", "INVITE sip:a@b SIP/2.0\nPROXY-authorization \t:  Digest response=\"0a4f113b\"\nCall-ID: 1\n\n", "0a4f113b", "Call-ID: 1"},
		{"folded", "INVITE sip:a@b SIP/2.0\nAuthorization: Digest username=\"ann\",\n response=\"0a4f113b\"\n\tcnonce=\"feed\"\nCall-ID: 1\n\n", "0a4f113b", "\nCall-ID: 1"},
		{"folded further", "INVITE sip:a@b SIP/2.0\nAuthorization: Digest username=\"ann\",\n response=\"x\"\n\tcnonce=\"feed\"\nCall-ID: 1\n\n", "feed", "\nCall-ID: 1"},
		{"basic", "REGISTER sip:b SIP/2.0\nAuthorization: Basic YW5uOnNlY3JldA==\n\n", "YW5uOnNlY3JldA==", "Basic "},
		{"a scheme alone", "REGISTER sip:b SIP/2.0\nAuthorization: YW5uOnNlY3JldA==\n\n", "YW5uOnNlY3JldA==", "Authorization: "},
		{"bare line feeds", "INVITE sip:a@b SIP/2.0\nAuthorization: Digest response=\"0a4f113b\"\nCall-ID: 1\n\nv=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETKEY\n", "SECRETKEY", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"},
		{"sdes", "INVITE sip:a@b SIP/2.0\nContent-Type: application/sdp\n\nv=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\na=rtpmap:0 PCMU/8000\n", "WVNf", "a=rtpmap:0 PCMU/8000"},
		{"sdes of two keys", "SIP/2.0 200 OK\nCall-ID: 1\n\nv=0\nA=CRYPTO:1 X inline:K1\na=crypto:1 X INLINE:FIRSTKEY|2^20;inline:SECONDKEY\n", "SECONDKEY", "a=crypto:1 X INLINE:"},
		{"sdes, in a multipart", "INVITE sip:a@b SIP/2.0\nContent-Type: multipart/mixed;boundary=x\n\n--x\nContent-Type: application/sdp\n\nv=0\na=crypto:1 X inline:DEEPKEY\n--x--\n", "DEEPKEY", "--x--"},
		{"sdes of no form", "INVITE sip:a@b SIP/2.0\n\nv=0\na=crypto:DEEPKEY\n", "DEEPKEY", "v=0"},
		{"mikey", "INVITE sip:a@b SIP/2.0\n\nv=0\na=key-mgmt:mikey AQAFgM0X\n", "AQAFgM0X", "a=key-mgmt:"},
		{"k=", "INVITE sip:a@b SIP/2.0\n\nv=0\nk=clear:hush\n", "hush", "k="},
		{"dtmf-relay", "INFO sip:a@b SIP/2.0\nContent-Type: application/dtmf-relay\nCall-ID: 1\n\nSignal=5\nDuration=160\n", "5", "Call-ID: 1"},
		{"dtmf, compact", "INFO sip:a@b SIP/2.0\nc: application/dtmf\nCall-ID: 1\n\n7", "7", "Call-ID: 1"},
	} {
		in := []byte(crlf(x.in))
		if x.name == "bare line feeds" {
			in = []byte(x.in)
		}
		before := bytes.Clone(in)
		got := Redact(in)
		if bytes.Contains(got[len("INVITE sip:a@b SIP/2.0"):], []byte(x.secret)) || !bytes.Contains(got, []byte(x.stays)) || len(got) != len(in) {
			t.Errorf("%s: got\n%s\nwant no %q, still %q, the same length", x.name, got, x.secret, x.stays)
		}
		if !bytes.Equal(in, before) {
			t.Errorf("%s: the message itself was changed", x.name)
		}
		if again := Redact(got); !bytes.Equal(again, got) {
			t.Errorf("%s, again: got\n%s", x.name, again)
		}
	}
}

func TestWhatHasNoSecretIsNotCopied(t *testing.T) {
	for _, text := range []string{
		"INVITE sip:a@b SIP/2.0\nCall-ID: 1\nContent-Type: application/sdp\n\nv=0\nm=audio 1 RTP/AVP 0\na=ptime:20\n",
		"SIP/2.0 401 Unauthorized\nWWW-Authenticate: Digest realm=\"b\", nonce=\"n\"\n\n",
		"INFO sip:a@b SIP/2.0\nContent-Type: application/sdp\n\nv=0\n",
		"", "x", "INFO ", "Authorization",
	} {
		in := []byte(crlf(text))
		if got := Redact(in); len(in) > 0 && &got[0] != &in[0] || !bytes.Equal(got, in) {
			t.Errorf("%.30q: got a copy, want the message itself", text)
		}
	}
}

func TestCallIDIsFound(t *testing.T) {
	for in, want := range map[string]string{
		"INVITE sip:a SIP/2.0\r\nCSeq: 1 INVITE\r\nCall-ID: abc@1\r\n\r\n": "abc@1",
		"INVITE sip:a SIP/2.0\r\ni:abc\r\n\r\n":                            "abc",
		"INVITE sip:a SIP/2.0\r\ncall-id \t:  a b \r\n\r\n":                "a b",
		"INVITE sip:a SIP/2.0\r\nCall-Info: x\r\n\r\nCall-ID: body\r\n":    "",
		"Call-ID": "", "": "",
	} {
		if got := string(CallID([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte("INFO sip:a@b SIP/2.0\r\nc: application/dtmf\r\nAuthorization: Digest a\r\n b\r\n\r\n7\r\na=crypto:1 x inline:y"))
	f.Add([]byte("a\n\nk=\na=crypto:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got := Redact(b)
		if len(got) != len(b) || !bytes.Equal(b, before) {
			t.Fatalf("got %d bytes of %d, changed %v", len(got), len(b), !bytes.Equal(b, before))
		}
		CallID(b)
	})
}
