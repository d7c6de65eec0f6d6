package sip

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// account is one agent's credentials and phones. The registrar's lock guards
// all of it.
type account struct {
	Account
	secret   secret
	password bool // it has one: without it nobody can prove to be this account

	static   []staticPhone
	bindings []*binding // at most room(), in the order they registered
}

// staticPhone is a phone that cannot register and is always there.
type staticPhone struct {
	id      ContactID
	contact contact
	since   time.Time
}

// newAccount takes a over from the configuration. The phones that are there
// already are the caller's to carry over.
func newAccount(a Account, realm string, now time.Time) (*account, []error) {
	acc := &account{Account: a, password: a.Password != ""}
	if acc.password {
		acc.secret = newSecret(string(a.ID), realm, a.Password)
	}
	acc.Password = "" // the digest needs it no more
	var errs []error
	for _, uri := range a.Static {
		var c contact
		if err := c.setURI(uri); err != nil {
			errs = append(errs, fmt.Errorf("phone %s of agent %s: %w", excerpt(uri), a.ID, err))
			continue
		}
		id := contactID(a.ID, c.key)
		if !slices.ContainsFunc(acc.static, func(s staticPhone) bool { return s.id == id }) {
			acc.static = append(acc.static, staticPhone{id: id, contact: c, since: now})
		}
	}
	return acc, errs
}

// contactID names the phone of account a with this URI.
func contactID(a AccountID, key string) ContactID {
	sum := sha256.Sum256([]byte(key))
	return ContactID(string(a) + "/" + hex.EncodeToString(sum[:8]))
}

// account is the account's part of the name.
func (id ContactID) account() AccountID {
	return AccountID(id[:max(strings.LastIndexByte(string(id), '/'), 0)])
}

// room is how many phones may register beside the static ones.
func (a *account) room() int { return max(1, maxPhones-len(a.static)) }

// contacts lists the live phones: the static ones in the order of the
// configuration, then the registered ones in the order they registered.
func (a *account) contacts() []Contact {
	var list []Contact
	for _, s := range a.static {
		list = append(list, Contact{ID: s.id, URI: s.contact.uri, Static: true, Since: s.since, Private: s.contact.transport == "tls"})
	}
	for _, b := range a.bindings {
		if b.dead || a.isStatic(b.Contact) || a.hasNewerFlow(b) {
			continue
		}
		list = append(list, Contact{
			ID: b.Contact, URI: b.URI, UserAgent: b.UserAgent, Since: b.since, Source: b.Source, Private: b.Transport == "tls",
		})
	}
	return list
}

// hasNewerFlow reports another live way to the same phone (RFC 5626 §5.3: an
// INVITE goes by one of a phone's flows), registered later.
func (a *account) hasNewerFlow(b *binding) bool {
	instance, _, ok := strings.Cut(b.Instance, ";reg-id=")
	return ok && slices.ContainsFunc(a.bindings, func(o *binding) bool {
		return o != b && !o.dead && strings.HasPrefix(o.Instance, instance+";reg-id=") && o.At.After(b.At)
	})
}

// isStatic reports whether a registered phone is in the configuration too.
func (a *account) isStatic(id ContactID) bool {
	return slices.ContainsFunc(a.static, func(s staticPhone) bool { return s.id == id })
}

// kept lists all bindings, dead ones included, for the store.
func (a *account) kept() []Binding {
	if len(a.bindings) == 0 {
		return nil
	}
	list := make([]Binding, len(a.bindings))
	for i, b := range a.bindings {
		list[i] = b.Binding
	}
	return list
}

// dialable is the binding that stands for a static phone: where its URI says.
// Source is zero when that is a name, which somebody else resolves.
func (s *staticPhone) dialable(a AccountID) Binding {
	transport := s.contact.transport
	if transport == "" {
		transport = "udp" // RFC 3263 §4.1 without NAPTR and SRV
	}
	return Binding{
		Account: a, Contact: s.id, URI: s.contact.uri, Source: s.contact.addr, Transport: transport, At: s.since,
	}
}

// sourceOf parses "ip:port" as sipgo gives it; zero if it is not that.
func sourceOf(hostport string) netip.AddrPort {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
