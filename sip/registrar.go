package sip

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registrar knows the agents' phones: it checks who they are, keeps where they
// are (RFC 3261 §10.3) and whether they live. All methods may be called from
// any goroutine and none blocks, except run. Events of one account come in the
// order in which things happened.
type registrar struct {
	realm string
	log   *slog.Logger
	emit  func(Event)
	send  pinger

	guard *guard                // nil: no limits
	rules *ruleCounts           // nil: not counted
	own   func(netip.Addr) bool // our own addresses; nil: none
	known func(netip.Addr) bool // where somebody proved himself, or a trunk is; nil: nowhere

	nonces  *nonces
	offers  *offers
	once    admissions
	refused refusals
	dummy   secret // stands in for the password of a name we do not have
	stats   registrarStats

	mu       sync.Mutex
	accounts map[AccountID]*account
	phones   map[ContactID]*binding
	queue    dueQueue      // bindings by their next act
	pings    int           // out now
	wake     chan struct{} // run looks at the queue again; holds one

	events   []Devices // to be emitted, in order
	emitting bool      // somebody does
}

// registrarStats are counters since the start.
type registrarStats struct {
	challenged atomic.Uint64 // 401 answers, all reasons
	wrong      atomic.Uint64 // of these: a password or a realm that does not match
	stale      atomic.Uint64 // of these: only the nonce was old
	replayed   atomic.Uint64 // of these: the count was seen before
	malformed  atomic.Uint64 // Authorization or Contact that cannot be read
	forbidden  atomic.Uint64 // 403: proved to be another than it says
	panics     atomic.Uint64
}

// pinger sends OPTIONS to a binding's phone and waits for the final response.
type pinger func(ctx context.Context, b Binding) (code int, err error)

// newRegistrar takes the accounts and the bindings that have not expired.
// Nothing is emitted before run. A nil ping: phones live until they expire.
func newRegistrar(c Config, ping pinger) *registrar {
	now := time.Now()
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &registrar{
		realm: c.Domain, log: log, emit: c.Emit, send: ping,
		nonces: newNonces(now), offers: newOffers(), refused: refusals{log: log},
		dummy:    newSecret("nobody", c.Domain, rand.Text()),
		accounts: map[AccountID]*account{}, phones: map[ContactID]*binding{},
		wake: make(chan struct{}, 1),
	}
	for _, a := range c.Accounts {
		r.admit(a, now)
	}
	for _, b := range c.Bindings {
		r.restore(b, now)
	}
	return r
}

// admit makes or replaces one account; its phones stay.
func (r *registrar) admit(a Account, now time.Time) *account {
	next, errs := newAccount(a, r.realm, now)
	for _, err := range errs {
		r.log.Error("phone in the configuration cannot be called", "agent", string(a.ID), "err", err)
	}
	if prev := r.accounts[a.ID]; prev != nil {
		next.bindings = prev.bindings
		for i := range next.static {
			for _, s := range prev.static {
				if s.id == next.static[i].id {
					next.static[i].since = s.since
				}
			}
		}
	}
	r.accounts[a.ID] = next
	return next
}

// restore puts back a binding of an earlier run of the process.
func (r *registrar) restore(b Binding, now time.Time) {
	acc := r.accounts[b.Account]
	if acc == nil || !now.Before(b.Expires) || len(acc.bindings) >= acc.room() {
		return
	}
	var c contact
	if c.setURI(b.URI) != nil {
		return
	}
	if b.Contact = contactID(b.Account, c.key); r.phones[b.Contact] != nil {
		return
	}
	bind := &binding{Binding: b, key: c.key, since: b.At, index: -1}
	acc.bindings = append(acc.bindings, bind)
	r.phones[b.Contact] = bind
	r.schedule(acc, bind, now)
}

// update takes over a new configuration. Phones of accounts that are no
// longer there are dropped.
func (r *registrar) update(accounts []Account) {
	now := time.Now()
	r.mu.Lock()
	defer r.flush()
	defer r.mu.Unlock()
	keep := make(map[AccountID]bool, len(accounts))
	for _, a := range accounts {
		keep[a.ID] = true
		var before []Contact
		if prev := r.accounts[a.ID]; prev != nil {
			before = prev.contacts()
		}
		acc := r.admit(a, now)
		for _, b := range acc.bindings {
			r.schedule(acc, b, now) // NoOptions may have changed
		}
		if !slices.Equal(before, acc.contacts()) {
			r.post(acc, false, "configuration")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.accounts)) {
		acc := r.accounts[id]
		if keep[id] {
			continue
		}
		had := len(acc.static)+len(acc.bindings) > 0
		for _, b := range acc.bindings {
			r.forget(b)
		}
		acc.bindings, acc.static = nil, nil
		delete(r.accounts, id)
		if had {
			r.post(acc, false, "removed from the configuration")
		}
	}
}

// has reports an account.
func (r *registrar) has(id AccountID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accounts[id] != nil
}

// contacts lists the live phones of an account now.
func (r *registrar) contacts(id AccountID) []Contact {
	r.mu.Lock()
	defer r.mu.Unlock()
	if acc := r.accounts[id]; acc != nil {
		return acc.contacts()
	}
	return nil
}

// which is the phone of an account that a request came from: by its Contact,
// else by where it registered from. False: it is not registered.
func (r *registrar) which(id AccountID, c *sip.ContactHeader, source netip.AddrPort) (ContactID, bool) {
	all := r.contacts(id)
	u, said := targetOf(c)
	for _, one := range all {
		var uri sip.Uri
		if said && sip.ParseUri(one.URI, &uri) == nil && u.User == uri.User && u.Port == uri.Port && strings.EqualFold(u.Host, uri.Host) {
			return one.ID, true
		}
	}
	for _, one := range all {
		if one.Source == source {
			return one.ID, true
		}
	}
	return "", false
}

// binding is what a Dial to a phone needs. A static phone has one too, with a
// zero Source if its host is a name. A phone that does not answer OPTIONS is
// still found: only its presence is in doubt.
func (r *registrar) binding(id ContactID) (Binding, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.phones[id]; b != nil {
		return b.Binding, true
	}
	acc := r.accounts[id.account()]
	if acc == nil {
		return Binding{}, false
	}
	for i := range acc.static {
		if acc.static[i].id == id {
			return acc.static[i].dialable(acc.ID), true
		}
	}
	return Binding{}, false
}

// admitOnce lets one INVITE of this machine in that proves to be user.
func (r *registrar) admitOnce(user, password string, until time.Time) {
	r.once.add(user, newSecret(user, r.realm, password), until, time.Now())
}

// register answers a REGISTER. local is the address of our listener that it
// came in on, as "ip:port".
func (r *registrar) register(req *sip.Request, local string) *sip.Response {
	v := r.authenticate(req)
	if v.response != nil {
		return v.response
	}
	now := time.Now()
	reg, err := readRegistration(req, local)
	if err != nil {
		r.stats.malformed.Add(1)
		return sip.NewResponseFromRequest(req, sip.StatusBadRequest, err.Error(), nil)
	}
	for _, c := range reg.contacts {
		if r.forbidden(c, reg.source.Addr()) {
			r.count(ruleContact)
			r.refused.add(reg.source.Addr(), string(v.account), misfit{text: "the phone's Contact is " + excerpt(c.uri) + ", which is not its own address: let it take its address from its network, or from rport"}, now)
			r.nudge()
			return sip.NewResponseFromRequest(req, sip.StatusForbidden, "Contact is not the phone's own", nil)
		}
	}
	kept, no := r.enroll(v.account, reg, now)
	r.flush()
	if no != nil {
		res := sip.NewResponseFromRequest(req, no.code, no.reason, nil)
		if no.code == sip.StatusIntervalToBrief {
			res.AppendHeader(sip.NewHeader("Min-Expires", strconv.Itoa(int(expiresMin.Seconds()))))
		}
		return res
	}
	res := listing(req, kept, now)
	if reg.path != "" { // RFC 3327 §5.3
		res.AppendHeader(sip.NewHeader("Path", reg.path))
		res.AppendHeader(sip.NewHeader("Supported", tagPath))
	}
	if reg.outbound && slices.ContainsFunc(reg.contacts, func(c contact) bool { return strings.Contains(c.instance, ";reg-id=") }) {
		res.AppendHeader(sip.NewHeader("Require", tagOutbound)) // RFC 5626 §6
	}
	return res
}

// forbidden reports a contact that would turn our calls on ourselves or on
// everybody: only who is on this machine may say so.
func (r *registrar) forbidden(c contact, from netip.Addr) bool {
	if from.IsLoopback() {
		return false
	}
	a := c.addr.Addr()
	if !a.IsValid() {
		return c.host == "localhost" || strings.HasSuffix(c.host, ".localhost")
	}
	if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	return a != from && r.own != nil && r.own(a)
}

// count counts a refusal.
func (r *registrar) count(why rule) {
	if r.rules != nil {
		r.rules.add(why)
	}
}

// enroll applies a registration, or answers a query, and returns all bindings
// of the account. flush follows.
func (r *registrar) enroll(id AccountID, reg *registration, now time.Time) ([]Binding, *refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	acc := r.accounts[id]
	if acc == nil { // removed since it proved itself
		return nil, &refusal{sip.StatusForbidden, "Forbidden"}
	}
	r.expire(acc, now)
	if len(reg.contacts) > 0 || reg.star {
		ch, no := reg.apply(acc.bindings, acc.room(), now)
		if no != nil {
			return nil, no
		}
		r.commit(acc, ch, now)
	}
	return acc.kept(), nil
}

// commit makes the change true.
func (r *registrar) commit(acc *account, ch change, now time.Time) {
	acc.bindings = ch.bindings
	for _, b := range ch.gone {
		r.forget(b)
	}
	for _, b := range ch.touched {
		if !slices.Contains(ch.bindings, b) {
			continue // pushed out again by a later contact of the same request
		}
		b.Account, b.Contact = acc.ID, contactID(acc.ID, b.key)
		r.phones[b.Contact] = b
		b.ping = time.Time{}
		r.schedule(acc, b, now)
	}
	if ch.cause != "" {
		r.post(acc, ch.fresh, ch.cause)
	}
}

// forget takes a binding out of everything but its account's list.
func (r *registrar) forget(b *binding) {
	if r.phones[b.Contact] == b {
		delete(r.phones, b.Contact)
	}
	r.queue.remove(b)
}
