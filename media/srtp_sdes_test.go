package media

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// keyed is a negotiation of ours with a policy.
func keyed(policy SRTP) *Negotiation {
	return NewNegotiation(NegotiationConfig{ID: 77, Address: netip.MustParseAddr("192.0.2.10"), RTP: 20000, SRTP: policy})
}

const (
	avp  = "m=audio 4000 RTP/AVP 0"
	savp = "m=audio 4000 RTP/SAVP 0"
)

// lineOf returns the first line of a description that begins so, or "".
func lineOf(body []byte, begins string) string {
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, begins) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func TestOffersWithKeysAreAnswered(t *testing.T) {
	gcm, cm80, cm32 := cryptoOf(1, suiteGCM, 1), cryptoOf(22, suiteCM80, 2), cryptoOf(3, suiteCM32, 3)
	const unknown = "a=crypto:4 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm"
	for _, c := range []struct {
		rule   string
		policy SRTP
		media  string
		lines  []string
		suite  Suite
		tag    string
		err    error
	}{
		{"off refuses RTP/SAVP", SRTPOff, savp, []string{cm80}, 0, "", ErrNoKeys},
		{"off passes keys of RTP/AVP over", SRTPOff, avp, []string{cm80}, 0, "", nil},
		{"keys are accepted", SRTPAccept, savp, []string{cm80}, suiteCM80, "22", nil},
		{"keys of RTP/AVP too", SRTPAccept, avp, []string{cm80}, suiteCM80, "22", nil},
		{"and of RTP/SAVPF", SRTPOptional, "m=audio 4000 RTP/SAVPF 0", []string{cm80}, suiteCM80, "22", nil},
		{"who brings none gets plain RTP", SRTPOptional, avp, nil, 0, "", nil},
		{"unless it is required", SRTPRequired, avp, nil, 0, "", ErrNoKeys},
		{"RTP/SAVP without keys is no offer", SRTPOptional, savp, nil, 0, "", ErrNoKeys},
		{"nor with unknown ones alone", SRTPOptional, savp, []string{unknown}, 0, "", ErrNoKeys},
		{"our order of suites counts", SRTPRequired, savp, []string{cm32, cm80, gcm}, suiteGCM, "1", nil},
		{"short tags last", SRTPRequired, savp, []string{cm32, cm80}, suiteCM80, "22", nil},
		{"but they are done", SRTPRequired, savp, []string{cm32}, suiteCM32, "3", nil},
		{"broken and unknown lines are passed over", SRTPRequired, savp, []string{
			unknown, "a=crypto:", "a=crypto:1", "a=crypto:x AEAD_AES_128_GCM inline:AAAA",
			"a=crypto:1 AEAD_AES_128_GCM inline:AAAA", "a=crypto:1 AEAD_AES_128_GCM inline:" + strings.Repeat("!", 38),
			gcm + " UNENCRYPTED_SRTP", gcm + " UNAUTHENTICATED_SRTP", gcm + " KDR=3", gcm + " FEC_ORDER=FEC_SRTP", gcm + "|0", gcm + "|2^49", gcm + "|1:4|1:4",
			gcm + "|300:1", gcm + "|1:0", gcm + "|1:129", gcm + ";inline:" + gcm[35:], strings.Replace(gcm, "inline:", "uri:", 1), cm80,
		}, suiteCM80, "22", nil},
		{"lifetimes, identifiers and soft parameters are read", SRTPRequired, savp, []string{gcm + "|2^31|1:4 WSH=64 -FUTURE KDR=0"}, suiteGCM, "1", nil},
		{"a key needs no padding", SRTPRequired, savp, []string{"a=crypto:1 aes_cm_128_hmac_sha1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"}, suiteCM80, "1", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			n := keyed(c.policy)
			answer, p, err := n.Answer(offerOf(c.media, c.lines...))
			if !errors.Is(err, c.err) || c.err != nil && !errors.Is(err, ErrNoCodec) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			want := "m=audio 20000 " + strings.Fields(c.media)[2] + " 0"
			if got := lineOf(answer, "m="); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			line := lineOf(answer, "a=crypto:")
			if c.suite == suiteNone && line != "" || c.suite != suiteNone && !strings.HasPrefix(line, "a=crypto:"+c.tag+" "+c.suite.String()+" inline:") {
				t.Errorf("got %q, want suite %v under tag %s", line, c.suite, c.tag)
			}
			if p.Keying.Suite != c.suite || strings.Count(string(answer), "a=crypto") > 1 {
				t.Errorf("got %v and\n%s\nwant %v", p.Keying, answer, c.suite)
			}
		})
	}
}

func TestOurOffersAndTheirAnswers(t *testing.T) {
	gcm, cm80 := cryptoOf(1, suiteGCM, 1), cryptoOf(2, suiteCM80, 2)
	for _, c := range []struct {
		rule   string
		policy SRTP
		proto  string
		keys   int
		media  string
		lines  []string
		suite  Suite
		err    error
	}{
		{"off offers none", SRTPOff, "RTP/AVP", 0, avp, nil, 0, nil},
		{"and takes none", SRTPOff, "RTP/AVP", 0, avp, []string{cm80}, 0, nil},
		{"nor does accept offer any", SRTPAccept, "RTP/AVP", 0, avp, nil, 0, nil},
		{"an answer with keys to an offer without is none", SRTPAccept, "RTP/AVP", 0, savp, []string{cm80}, 0, ErrNoKeys},
		{"optional is RTP/AVP with keys", SRTPOptional, "RTP/AVP", 3, avp, []string{cm80}, suiteCM80, nil},
		{"whatever the answer calls it", SRTPOptional, "RTP/AVP", 3, savp, []string{cm80}, suiteCM80, nil},
		{"and may be answered without", SRTPOptional, "RTP/AVP", 3, avp, nil, 0, nil},
		{"but not with what we did not offer", SRTPOptional, "RTP/AVP", 3, avp, []string{"a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA"}, 0, ErrNoKeys},
		{"required is RTP/SAVP", SRTPRequired, "RTP/SAVP", 3, savp, []string{gcm}, suiteGCM, nil},
		{"and may not be answered without", SRTPRequired, "RTP/SAVP", 3, avp, nil, 0, ErrNoKeys},
		{"nor in words alone", SRTPRequired, "RTP/SAVP", 3, savp, nil, 0, ErrNoKeys},
	} {
		t.Run(c.rule, func(t *testing.T) {
			n := keyed(c.policy)
			offer := n.Offer()
			if got := lineOf(offer, "m="); !strings.HasPrefix(got, "m=audio 20000 "+c.proto+" ") || strings.Count(string(offer), "a=crypto:") != c.keys {
				t.Errorf("got %s and %d keys in\n%s\nwant %s and %d", got, strings.Count(string(offer), "a=crypto:"), offer, c.proto, c.keys)
			}
			p, err := n.SetAnswer(offerOf(c.media, c.lines...))
			if !errors.Is(err, c.err) || p.Keying.Suite != c.suite {
				t.Fatalf("got %v and %v, want %v and %v", p.Keying, err, c.suite, c.err)
			}
			if err != nil {
				return
			}
			if again := n.Offer(); string(again) != string(offer) {
				t.Errorf("a refresh offers\n%s\nwant it unchanged:\n%s", again, offer)
			}
			if c.suite != suiteNone && p.Keying.local != ourKey(t, offer, c.suite) {
				t.Error("we do not encrypt with the key that we offered")
			}
		})
	}
}

// An encrypted line of an offer is taken before a plain one, wherever it stands.
func TestOfTwoLinesTheEncryptedIsTaken(t *testing.T) {
	offer := offerOf(avp, "m=audio 4002 RTP/SAVP 0", cryptoOf(1, suiteCM80, 1))
	for policy, want := range map[SRTP]string{SRTPOff: "m=audio 20000 RTP/AVP 0", SRTPAccept: "m=audio 20000 RTP/SAVP 0", SRTPRequired: "m=audio 20000 RTP/SAVP 0"} {
		answer, _ := mustAnswer(t, keyed(policy), offer)
		if got := lineOf([]byte(answer), "m=audio 20000"); got != want || strings.Count(answer, "m=audio 0 ") != 1 {
			t.Errorf("policy %d: got %s, want %s and the other refused", policy, answer, want)
		}
	}
}

func TestOurKeyIsOneForTheSessionsLife(t *testing.T) {
	n := keyed(SRTPAccept)
	offer := func(lines ...string) string {
		answer, _ := mustAnswer(t, n, offerOf(savp, lines...))
		return answer
	}
	first := offer(cryptoOf(1, suiteCM80, 1))
	if again := offer(cryptoOf(1, suiteCM80, 1)); again != first {
		t.Errorf("got\n%s\nthen\n%s\nwant no difference", first, again)
	}
	if other := offer(cryptoOf(1, suiteCM80, 5)); ourKey(t, []byte(other), suiteCM80) != ourKey(t, []byte(first), suiteCM80) {
		t.Error("their new key changed ours")
	}
	if ours := n.Offer(); ourKey(t, ours, suiteCM80) != ourKey(t, []byte(first), suiteCM80) || strings.Count(string(ours), "a=crypto") != 1 || !strings.Contains(string(ours), "RTP/SAVP") {
		t.Errorf("our own offer after their call:\n%s\nwant the same key, suite and protocol", ours)
	}
	offer(cryptoOf(1, suiteGCM, 1))
	if back := offer(cryptoOf(1, suiteCM80, 1)); ourKey(t, []byte(back), suiteCM80) == ourKey(t, []byte(first), suiteCM80) {
		t.Error("a key that had fallen out of use came back: its keystream would be used twice")
	}
	if n, m := keyed(SRTPRequired).Offer(), keyed(SRTPRequired).Offer(); ourKey(t, n, suiteGCM) == ourKey(t, m, suiteGCM) {
		t.Error("two sessions have one key")
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	_, p, err := keyed(SRTPAccept).Answer(offerOf(savp, cryptoOf(1, suiteCM80, 65)))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v", p), fmt.Sprintf("%+v", p), fmt.Sprintf("%v", p.Keying)} {
		if strings.Contains(text, "ABAB") || !strings.Contains(text, "AES_CM_128_HMAC_SHA1_80") {
			t.Errorf("got %s, want the suite without its key", text)
		}
	}
	if !slices.Equal(allSuites, []Suite{suiteGCM, suiteCM80, suiteCM32}) {
		t.Error("the order of preference has changed")
	}
}

func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^20|1:4 KDR=0")
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := parseCrypto(value)
		if ok && (len(c.key) != masterKey+suiteKinds[c.suite].salt || len(c.mki) > 128) {
			t.Errorf("%q: got a key of %d bytes and an identifier of %d", value, len(c.key), len(c.mki))
		}
	})
}
