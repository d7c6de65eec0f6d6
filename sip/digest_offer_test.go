package sip

import (
	"net/netip"
	"strings"
	"testing"
)

func TestChallengeNamesTheAlgorithmsThatThePhoneCanStand(t *testing.T) {
	for agent, want := range map[string]string{
		"":                              "MD5 SHA-256",
		"Acme Desk 4/1.2":               "MD5 SHA-256",
		"Linphonec/5.1.65":              "SHA-256 MD5",
		"LinphoneiOS/5.2 (iPhone)":      "SHA-256 MD5",
		"baresip v1.0.0 (x86_64/linux)": "MD5",
		"baresip v3.10.1":               "MD5",
		"baresip v3.11.0":               "SHA-256 MD5",
		"baresip v4.0.0":                "SHA-256 MD5",
		"baresip vX":                    "MD5 SHA-256",
		"baresip v1":                    "MD5 SHA-256",
	} {
		o := open(t, nil)
		p := o.phone("a")
		p.agent = agent
		res := p.challenged()
		var got []string
		for _, h := range res.GetHeaders("WWW-Authenticate") {
			_, alg, _ := strings.Cut(h.Value(), "algorithm=")
			alg, _, _ = strings.Cut(alg, ",")
			got = append(got, alg)
			if !strings.Contains(h.Value(), `realm="`+testRealm+`"`) || !strings.Contains(h.Value(), `qop="auth"`) || !strings.Contains(h.Value(), p.nonce) {
				t.Errorf("%s: got %s, want realm, qop and one nonce", agent, h.Value())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %s", agent, got, want)
		}
	}
}

func TestPhoneThatGivesUpOnTwoAlgorithmsGetsMD5Alone(t *testing.T) {
	o := open(t, nil)
	count := func(p *phone) int { return len(p.challenged().GetHeaders("WWW-Authenticate")) }
	old, other := o.phone("a"), o.phone("b")
	other.source = "198.51.100.8:5060"
	for i, want := range []int{2, 1, 1} {
		if got := count(old); got != want {
			t.Errorf("try %d: got %d headers, want %d", i, got, want)
		}
	}
	// A retransmission is not another try.
	lossy := o.phone("c")
	lossy.source = "198.51.100.9:5060"
	req := lossy.request()
	for i := range 3 {
		if got := len(o.register(req, testLocal).GetHeaders("WWW-Authenticate")); got != 2 {
			t.Errorf("retransmission %d: got %d headers, want 2", i, got)
		}
	}
	// Another phone answers each challenge and goes on getting both.
	for i := range 3 {
		if got := count(other); got != 2 {
			t.Errorf("try %d of a phone that answers: got %d headers, want 2", i, got)
		}
		other.mustRegister()
	}
}

func TestMemoryOfAskersIsBounded(t *testing.T) {
	o := newOffers()
	o.max = 100
	addr := netip.MustParseAddr("198.51.100.7")
	for i := range 10000 {
		a := o.asker(addr, strings.Repeat("x", i%500), string(rune('a'+i%26)))
		o.next(a, 1, "", false)
		if held := len(o.young) + len(o.elder); held > 2*o.max {
			t.Fatalf("got %d, want at most %d", held, 2*o.max)
		}
	}
}
