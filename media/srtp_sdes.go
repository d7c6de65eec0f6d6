package media

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/srtp/v3"
)

// SRTP says whether a session's sound is encrypted with keys that its descriptions carry (SDES,
// RFC 4568). The zero value is SRTPOff.
type SRTP uint8

// The ways of a session. An offer of RTP/AVP with keys is taken as one of RTP/SAVP wherever keys
// are taken at all: it is how phones and gateways ask for encryption as best effort.
const (
	SRTPOff      SRTP = iota // plain RTP alone: RTP/SAVP is refused, keys are passed over
	SRTPAccept               // keys are taken from who brings them; our own offers are plain
	SRTPOptional             // our offers are RTP/AVP with keys; who answers without gets plain RTP
	SRTPRequired             // our offers are RTP/SAVP; a description without usable keys is refused
)

// A Suite is a crypto suite of SRTP. The zero value is none: plain RTP.
type Suite uint8

// The suites, in our order of preference (RFC 7714, RFC 4568 §6.2).
const (
	suiteNone Suite = iota
	suiteGCM
	suiteCM80
	suiteCM32

	suites // how many there are, none among them
)

// suiteKinds is what is to be known of the suites.
var suiteKinds = [suites]struct {
	name    string
	profile srtp.ProtectionProfile
	salt    int // bytes of the master salt; the master key has 16
}{
	suiteGCM:  {"AEAD_AES_128_GCM", srtp.ProtectionProfileAeadAes128Gcm, 12},
	suiteCM80: {"AES_CM_128_HMAC_SHA1_80", srtp.ProtectionProfileAes128CmHmacSha1_80, 14},
	suiteCM32: {"AES_CM_128_HMAC_SHA1_32", srtp.ProtectionProfileAes128CmHmacSha1_32, 14},
}

// masterKey is the length of every suite's master key, in bytes.
const masterKey = 16

// String returns the suite's name as in a=crypto; "" of none.
func (s Suite) String() string {
	if s < suites {
		return suiteKinds[s].name
	}
	return ""
}

// Keying is what both sides encrypt with. Its zero value is plain RTP. It does not print its keys.
type Keying struct {
	Suite  Suite
	local  string // our master key and salt: of what we send
	remote string // the peer's: of what it sends
	mki    string // that the peer's packets carry behind their payload (RFC 3711 §3.1); "": none
}

// String returns the suite alone.
func (k Keying) String() string { return k.Suite.String() }

// errNoKeys is an ErrNoCodec, for it is answered as one (SIP: 488), but reads as what it is.
type errNoKeys struct{}

func (errNoKeys) Error() string        { return "no common protection of the sound" }
func (errNoKeys) Is(target error) bool { return target == ErrNoCodec }

// ErrNoKeys: encryption is required, or the peer will have nothing else, and there is no a=crypto
// that both can use. It is an ErrNoCodec too (SIP: 488).
var ErrNoKeys error = errNoKeys{}

// A cryptoLine is an a=crypto attribute that we can use.
type cryptoLine struct {
	tag   string
	suite Suite
	key   string // master key and salt
	mki   string
}

// cryptoLines returns those of a section's a=crypto attributes that we can use, and whether there
// was any at all. What is broken or unknown is passed over: RFC 4568 §7.1.2.
func (s *section) cryptoLines() (usable []cryptoLine, any bool) {
	for _, l := range s.lines {
		name, value, _ := strings.Cut(l.value, ":")
		if l.key != 'a' || !strings.EqualFold(strings.TrimSpace(name), "crypto") {
			continue
		}
		any = true
		if c, ok := parseCrypto(value); ok {
			usable = append(usable, c)
		}
	}
	return usable, any
}

// parseCrypto reads the value of an a=crypto attribute (RFC 4568 §9.1); false: we cannot use it.
func parseCrypto(value string) (cryptoLine, bool) {
	f := strings.Fields(value)
	if len(f) < 3 || len(f[0]) > 9 || strings.Trim(f[0], "0123456789") != "" {
		return cryptoLine{}, false
	}
	c := cryptoLine{tag: f[0]}
	for suite := suiteNone + 1; suite < suites; suite++ {
		if strings.EqualFold(f[1], suite.String()) {
			c.suite = suite
		}
	}
	if c.suite == suiteNone || !c.inline(f[2]) {
		return cryptoLine{}, false
	}
	for _, param := range f[3:] {
		// RFC 4568 §6.3.7: unknown parameters forbid the line, save those that begin with a dash.
		// The others we know ask for less protection or for more than we do.
		if !strings.HasPrefix(param, "-") && !strings.HasPrefix(param, "WSH=") && param != "KDR=0" {
			return cryptoLine{}, false
		}
	}
	return c, true
}

// inline reads the key parameters "inline:key|lifetime|mki:length". Several keys are not for us:
// that needs a key change in the middle of the stream, by MKI.
func (c *cryptoLine) inline(text string) bool {
	method, info, _ := strings.Cut(text, ":")
	if !strings.EqualFold(method, "inline") || strings.Contains(info, ";") {
		return false
	}
	parts := strings.Split(info, "|")
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(parts[0], "="))
	if err != nil || len(key) != masterKey+suiteKinds[c.suite].salt {
		return false
	}
	c.key = string(key)
	for i, part := range parts[1:] {
		mki, length, isMKI := strings.Cut(part, ":")
		switch {
		case i > 1, isMKI && c.mki != "":
			return false
		case isMKI && !c.identifier(mki, length):
			return false
		case !isMKI && (i > 0 || !isLifetime(part)):
			return false
		}
	}
	return true
}

// identifier reads an MKI and its length in bytes (RFC 4568 §6.1).
func (c *cryptoLine) identifier(mki, length string) bool {
	id, err := strconv.ParseUint(mki, 10, 64)
	n, err2 := strconv.ParseUint(length, 10, 8)
	if err != nil || err2 != nil || n == 0 || n > 128 || n < 8 && id>>(8*n) != 0 {
		return false
	}
	b := make([]byte, 8+n)
	binary.BigEndian.PutUint64(b[n:], id)
	c.mki = string(b[8:])
	return true
}

// isLifetime says whether the text is how many packets the key is good for: a number, or a power
// as in 2^31, of at most 2^48 (RFC 4568 §6.1). No call has as many.
func isLifetime(text string) bool {
	if text == "" {
		return true // "key||1:4" is seen
	}
	if power, ok := strings.CutPrefix(text, "2^"); ok {
		n, err := strconv.ParseUint(power, 10, 8)
		return err == nil && n <= 48
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return err == nil && n > 0 && n <= 1<<48
}

// keyring is a negotiation's own keys and what it said of them.
type keyring struct {
	own   [suites]string // our master key and salt of each suite; "": not made yet
	lines []cryptoLine   // in our last description; nil: it had none
}

// key returns our key of a suite: one for the session's life, so that a refresh changes nothing.
func (r *keyring) key(s Suite) string {
	if r.own[s] == "" {
		b := make([]byte, masterKey+suiteKinds[s].salt)
		_, _ = rand.Read(b) // it never fails (Go 1.24)
		r.own[s] = string(b)
	}
	return r.own[s]
}

// used says which suite is in use. The key of one that was and is no longer is forgotten: what is
// sent under it again would begin with an old index, and two packets would share a keystream
// (RFC 3711 §9.1).
func (r *keyring) used(was, is Suite) {
	if was != is && was != suiteNone {
		r.own[was] = ""
	}
}

// all returns the lines of a first offer: every suite, in our order.
func (r *keyring) all() []cryptoLine {
	var lines []cryptoLine
	for s := suiteNone + 1; s < suites; s++ {
		lines = append(lines, cryptoLine{tag: strconv.Itoa(len(lines) + 1), suite: s, key: r.key(s)})
	}
	return lines
}

// attribute returns the value of the a=crypto line.
func (c cryptoLine) attribute() string {
	return "crypto:" + c.tag + " " + c.suite.String() + " inline:" + base64.StdEncoding.EncodeToString([]byte(c.key))
}

// firstProto is the protocol of our first offer.
func (n *Negotiation) firstProto() string {
	if n.config.SRTP == SRTPRequired {
		return "RTP/SAVP"
	}
	return "RTP/AVP"
}

// offerKeys returns the a=crypto lines of an offer of ours. A refresh repeats what was said last.
func (n *Negotiation) offerKeys() []cryptoLine {
	switch {
	case len(n.keys.lines) > 0:
		for i, l := range n.keys.lines { // a suite that fell out of use has another key now
			n.keys.lines[i].key = n.keys.key(l.suite)
		}
		return n.keys.lines
	case n.config.SRTP == SRTPRequired, n.config.SRTP == SRTPOptional && !n.agreed:
		return n.keys.all()
	}
	return nil
}

// takeKeys picks the line of the peer's offer that we like best and returns it with ours; none
// where it is to be plain RTP.
func (n *Negotiation) takeKeys(a audio) (Keying, []cryptoLine) {
	if n.config.SRTP == SRTPOff || len(a.keys) == 0 {
		return Keying{}, nil
	}
	best := slices.MinFunc(a.keys, func(x, y cryptoLine) int { return int(x.suite) - int(y.suite) })
	own := cryptoLine{tag: best.tag, suite: best.suite, key: n.keys.key(best.suite)}
	return Keying{Suite: best.suite, local: own.key, remote: best.key, mki: best.mki}, []cryptoLine{own}
}

// answeredKeys returns what the peer's answer makes of the keys in our offer.
func (n *Negotiation) answeredKeys(a audio) Keying {
	for _, theirs := range a.keys {
		for _, ours := range n.keys.lines {
			if ours.suite == theirs.suite {
				return Keying{Suite: ours.suite, local: ours.key, remote: theirs.key, mki: theirs.mki}
			}
		}
	}
	return Keying{}
}

// protected says whether the keys of the peer's section will do: of its answer to our last offer,
// or of an offer.
func (n *Negotiation) protected(s *section, a audio, answer bool) error {
	usable := len(a.keys) > 0 && n.config.SRTP != SRTPOff
	if answer {
		usable = n.answeredKeys(a).Suite != suiteNone
	}
	switch {
	case usable:
		return nil
	case a.secure:
		return s.unprotected("it is to be encrypted, and there is no a=crypto that we could use")
	case n.config.SRTP == SRTPRequired:
		return s.unprotected("srtp is required, want RTP/SAVP and a=crypto with a suite that we do")
	case answer && a.crypto && len(n.keys.lines) > 0:
		return s.unprotected("its a=crypto answers none of ours")
	}
	return nil
}
