package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// verdict is what authenticate made of a REGISTER or an out-of-dialog INVITE.
// Exactly one of the three is set.
type verdict struct {
	account  AccountID     // the account that proved itself, or
	once     string        // the user of the one-time credential, now spent, or
	response *sip.Response // what to answer: 401, 400 or 403
}

// attempt is one request on its way to a verdict.
type attempt struct {
	req    *sip.Request
	now    time.Time
	addr   netip.Addr // where it comes from
	agent  string     // User-Agent
	asker  uint64
	given  *credentials // nil: none that we could use
	alg    algorithm
	count  uint32
	stated bool // an Authorization header was there, good or bad
}

// authenticate checks who sent req (RFC 3261 §22, RFC 7616, RFC 8760). A
// request without credentials, with wrong ones or for a name we do not have
// gets the same 401 in the same time. Only who proves to know a password can
// get another answer: 401 with stale=true when the nonce is old or used, 400
// when the credentials are for another URI, 403 when he proved to be another
// than From (and To of a REGISTER) say.
func (r *registrar) authenticate(req *sip.Request) verdict {
	t := r.read(req, time.Now())
	if t.given == nil {
		return r.ask(t, false)
	}
	if r.guard != nil && r.guard.guessing(t.addr, t.given.user, t.now) {
		return r.ask(t, false)
	}
	key, once, known := r.secretOf(t)
	if !key.matches(t.alg, string(req.Method), t.given) || !known {
		r.stats.wrong.Add(1)
		r.count(ruleCredentials)
		r.refused.add(t.addr, t.given.user, misfit{known: known, user: t.given.user, realm: t.given.realm, alg: t.alg}, t.now)
		r.nudge()
		if r.guard != nil && r.nonces.ours(t.given.nonce) {
			r.guard.failed(t.addr, t.given.user, r.known != nil && r.known(t.addr), t.now)
		}
		return r.ask(t, false)
	}
	switch r.nonces.spend(t.given.nonce, t.count, t.now) {
	case old:
		r.stats.stale.Add(1)
		return r.ask(t, true)
	case replays:
		// Also a phone that never counts: with a new nonce it is right again.
		r.stats.replayed.Add(1)
		r.count(ruleReplay)
		return r.ask(t, true)
	}
	if !r.sameURI(t.given.uri, &req.Recipient) {
		r.stats.malformed.Add(1)
		return verdict{response: sip.NewResponseFromRequest(req, sip.StatusBadRequest, "Digest uri is not the Request-URI", nil)}
	}
	if once {
		if !r.once.take(t.given.user, key, t.now) {
			return r.ask(t, false) // another INVITE was first
		}
		return verdict{once: t.given.user}
	}
	if who := t.impostor(); who != "" {
		r.stats.forbidden.Add(1)
		r.count(ruleIdentity)
		r.refused.add(t.addr, t.given.user, misfit{text: who + "; user and authentication user must be the same"}, t.now)
		r.nudge()
		return verdict{response: sip.NewResponseFromRequest(req, sip.StatusForbidden, "Forbidden", nil)}
	}
	return verdict{account: AccountID(t.given.user)}
}

// read takes what the verdict needs out of req: of several Authorization
// headers the first for our realm with an algorithm and qop of ours.
func (r *registrar) read(req *sip.Request, now time.Time) *attempt {
	t := &attempt{req: req, now: now, addr: sourceOf(req.Source()).Addr()}
	if h := req.GetHeader("User-Agent"); h != nil {
		t.agent = h.Value()
	}
	claimed := ""
	if from := req.From(); from != nil {
		claimed = from.Address.User
	}
	t.asker = r.offers.asker(t.addr, claimed, t.agent)

	wrong := ""
	for i, h := range req.GetHeaders("Authorization") {
		t.stated = true
		if i == 4 { // nobody sends more
			break
		}
		c, err := parseCredentials(h.Value())
		if err != nil {
			r.stats.malformed.Add(1)
			wrong = err.Error()
			continue
		}
		alg, ok := parseAlgorithm(c.algorithm)
		count, err := c.count()
		switch {
		case c.realm != r.realm:
			wrong = fmt.Sprintf("the phone sends realm=%s; it must be %s, the domain: set it in the phone or let it take it from the challenge",
				excerpt(c.realm), quote(r.realm))
		case !ok:
			wrong = "the phone answers with algorithm=" + excerpt(c.algorithm) + "; MD5 and SHA-256 are offered"
		case c.qop != "" && !strings.EqualFold(c.qop, "auth"):
			wrong = "the phone answers with qop=" + excerpt(c.qop) + "; auth is offered"
		case err != nil:
			wrong = err.Error()
		default:
			t.given, t.alg, t.count = &c, alg, count
			r.offers.answered(t.asker)
			return t
		}
	}
	if wrong != "" {
		r.stats.wrong.Add(1)
		r.refused.add(t.addr, claimed, misfit{text: wrong}, now)
		r.nudge()
	}
	return t
}

// secretOf finds what the attempt must prove to know. For a name we do not
// have it is a dummy, so that the same work is done.
func (r *registrar) secretOf(t *attempt) (s secret, once, known bool) {
	if t.req.Method == sip.INVITE && t.addr.IsLoopback() {
		if s, ok := r.once.secret(t.given.user, t.now); ok {
			return s, true, true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	acc := r.accounts[AccountID(t.given.user)]
	if acc == nil || !acc.password {
		return r.dummy, false, false
	}
	return acc.secret, false, true
}

// misfit is what is wrong with credentials. It is put into words when it is
// logged, not when it is found: what takes longer for a name that we have than
// for one that we have not would tell it.
type misfit struct {
	text        string // in words already; else:
	known       bool
	user, realm string
	alg         algorithm
}

// String says what is wrong and what would help, without any secret.
func (m misfit) String() string {
	switch {
	case m.text != "":
		return m.text
	case !m.known:
		return "no agent " + excerpt(m.user) + " with a password in the configuration; the phone's authentication user must be the agent's name"
	}
	return fmt.Sprintf("password of agent %s does not match; enter the configuration's in the phone, which sends realm=%s, user=%[1]s, algorithm=%[3]s",
		excerpt(m.user), excerpt(m.realm), m.alg)
}

// ask is the 401.
func (r *registrar) ask(t *attempt, stale bool) verdict {
	r.stats.challenged.Add(1)
	algs := r.offers.next(t.asker, r.offers.identity(t.req), t.agent, t.stated)
	return verdict{response: challenge(t.req, r.realm, r.nonces.issue(t.now), stale, algs)}
}

// impostor says how From, or To of a REGISTER, differ from who was proved.
func (t *attempt) impostor() string {
	user := t.given.user
	from := t.req.From()
	if from == nil || unescape(from.Address.User) != user {
		return "the phone proved to be " + excerpt(user) + " but its From is another"
	}
	if t.req.Method != sip.REGISTER {
		return ""
	}
	to := t.req.To()
	if to == nil || unescape(to.Address.User) != user {
		return "the phone proved to be " + excerpt(user) + " but registers another" // RFC 3261 §10.3 step 3
	}
	return ""
}

// sameURI compares the digest's uri with the Request-URI (RFC 7616 §3.4.6).
// Phones drop parameters, the default port or the angle of the case, and some
// put the domain where they send to an address; the user must be the same, for
// it says who is called.
func (r *registrar) sameURI(given string, want *sip.Uri) bool {
	var u sip.Uri
	if err := sip.ParseUri(given, &u); err != nil {
		return false
	}
	if !strings.EqualFold(u.Scheme, want.Scheme) || unescape(u.User) != unescape(want.User) {
		return false
	}
	if strings.EqualFold(u.Host, r.realm) {
		return true
	}
	return strings.EqualFold(u.Host, want.Host) && portOf(&u) == portOf(want)
}

// portOf is a SIP URI's port; none means 5060 (RFC 3261 §19.1.2).
func portOf(u *sip.Uri) int {
	if u.Port == 0 {
		return 5060
	}
	return u.Port
}
