package sip

import (
	"hash/maphash"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// offers decides which algorithms a challenge names. RFC 8760 §2.4 wants one
// header for each, the strongest first. Phones are not so far:
//
//   - baresip before 3.11 (measured: 1.0) and PJSIP before 2.11 give up on a
//     challenge with SHA-256 in any place ("Function not implemented"),
//   - others read the first header only.
//
// So phones known to do SHA-256 get it first, those known to give up get MD5
// alone, and the rest get MD5 first. A phone of the rest that was given both
// and comes again without credentials has given up: from then on it gets MD5
// alone. All this depends on who asks, never on whether the name exists.
type offers struct {
	seed maphash.Seed

	mu    sync.Mutex
	young map[uint64]offered
	elder map[uint64]offered
	max   int
}

// offered is what is known of an asker.
type offered struct {
	request uint64 // the one that got both; no credentials came back yet
	gaveUp  bool
}

// maxOffers bounds how many askers are remembered in one of two generations.
const maxOffers = 1 << 14

func newOffers() *offers {
	return &offers{seed: maphash.MakeSeed(), young: map[uint64]offered{}, elder: map[uint64]offered{}, max: maxOffers}
}

// asker names a phone by where it is, what it claims to be and its software.
func (o *offers) asker(from netip.Addr, user, agent string) uint64 {
	var h maphash.Hash
	h.SetSeed(o.seed)
	b := from.As16()
	h.Write(b[:])
	h.WriteString(user)
	h.WriteByte(0)
	h.WriteString(agent)
	return h.Sum64()
}

// identity names a request: its retransmissions are the same.
func (o *offers) identity(req *sip.Request) uint64 {
	var h maphash.Hash
	h.SetSeed(o.seed)
	if id, cseq := req.CallID(), req.CSeq(); id != nil && cseq != nil {
		h.WriteString(id.Value())
		h.WriteString(cseq.Value())
	}
	return h.Sum64() | 1 // never 0
}

// next says what to name in a challenge to the request of asker, in order.
// credentials tells that the request carried some.
func (o *offers) next(asker, request uint64, agent string, credentials bool) []algorithm {
	switch sha256Support(agent) {
	case supportYes:
		return []algorithm{algSHA256, algMD5}
	case supportNo:
		return []algorithm{algMD5}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	state := o.get(asker)
	if again := state.request != 0 && state.request != request; again && !credentials {
		state = offered{gaveUp: true}
		o.put(asker, state)
	}
	if state.gaveUp {
		return []algorithm{algMD5}
	}
	o.put(asker, offered{request: request})
	return []algorithm{algMD5, algSHA256}
}

// answered notes that asker came with credentials: it has not given up.
func (o *offers) answered(asker uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.get(asker).gaveUp {
		delete(o.young, asker)
		delete(o.elder, asker)
	}
}

func (o *offers) get(asker uint64) offered {
	if s, ok := o.young[asker]; ok {
		return s
	}
	return o.elder[asker]
}

func (o *offers) put(asker uint64, s offered) {
	if len(o.young) >= o.max {
		o.elder, o.young = o.young, map[uint64]offered{}
	}
	o.young[asker] = s
}

type support uint8

const (
	supportUnknown support = iota
	supportYes
	supportNo
)

// sha256Support reads a User-Agent for software whose digest client is known:
// linphone (5.1 measured; its library does SHA-256 since 2019) and baresip
// (since 3.11, re pull request 1103).
func sha256Support(agent string) support {
	name := strings.ToLower(agent)
	if strings.HasPrefix(name, "linphone") {
		return supportYes
	}
	version, ok := strings.CutPrefix(name, "baresip v")
	if !ok {
		return supportUnknown
	}
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return supportUnknown
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	switch {
	case err1 != nil || err2 != nil:
		return supportUnknown
	case major > 3 || major == 3 && minor >= 11:
		return supportYes
	}
	return supportNo
}

// challenge is the 401 for req: one WWW-Authenticate for each algorithm, all
// with the same nonce.
func challenge(req *sip.Request, realm, nonce string, stale bool, algs []algorithm) *sip.Response {
	res := sip.NewResponseFromRequest(req, sip.StatusUnauthorized, "Unauthorized", nil)
	for _, a := range algs {
		v := "Digest realm=" + quote(realm) + `, nonce="` + nonce + `"`
		if stale {
			v += ", stale=true"
		}
		// RFC 8760 §2.3: algorithm must be named; qop quoted in a challenge.
		v += ", algorithm=" + a.String() + `, qop="auth"`
		res.AppendHeader(sip.NewHeader("WWW-Authenticate", v))
	}
	return res
}

// quoting escapes for a quoted-string; made once, for it is 6 KB.
var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote makes a quoted-string (RFC 3261 §25.1).
func quote(s string) string { return `"` + quoting.Replace(s) + `"` }
