package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	maxServices = 8  // NAPTR records that are followed
	maxServers  = 16 // SRV records of one of them
	maxSpots    = 32 // addresses in all
)

// query is what is located: a host as a URI names it (RFC 3263 §4).
type query struct {
	host string // a name in lower case, or an address
	port uint16 // 0: SRV records may say
	over transport
	any  bool // the name says which transport (NAPTR); over is ignored
}

// spot is one place where a server listens.
type spot struct {
	addr   netip.AddrPort
	over   transport
	rank   int // lower first: NAPTR order, then SRV priority
	weight uint16
	server int // spots of one SRV record are one machine's
}

// located is the outcome of one walk.
type located struct {
	spots []spot
	ttl   time.Duration
	steps []string // what was found on the way, for people
}

func (l located) addrs() []netip.Addr {
	var ips []netip.Addr
	for _, s := range l.spots {
		if !slices.Contains(ips, s.addr.Addr()) {
			ips = append(ips, s.addr.Addr())
		}
	}
	return ips
}

// walk follows RFC 3263 §4 for one query.
type walk struct {
	names *nameServers
	six   bool // we have a socket for IPv6
	fresh bool
	located
	servers int
}

// locate walks from a host to the addresses that serve it. It waits for name
// servers. An error leaves the steps that led to it.
func (n *nameServers) locate(ctx context.Context, q query, six, fresh bool) (located, error) {
	w := &walk{names: n, six: six, fresh: fresh, located: located{ttl: positiveMost}}
	err := w.run(ctx, q)
	if err == nil && len(w.spots) == 0 {
		err = errNoAddress
	}
	w.spots = w.spots[:min(len(w.spots), maxSpots)]
	return w.located, err
}

func (w *walk) say(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
}

func (w *walk) run(ctx context.Context, q query) error {
	if q.any {
		q.over = onUDP // RFC 3263 §4.1: of an address, of a port, and where nothing else is known
	}
	port := q.port
	if port == 0 {
		port = q.over.port()
	}
	if ip, literal := literalAddr(q.host); literal {
		w.add(ip, port, q.over, 0, 0)
		w.ttl = systemTTL
		w.say("%s is an address: %s, port %d", q.host, q.over, port)
		return nil
	}
	if q.port == 0 && !w.names.only {
		found, err := w.services(ctx, q)
		if err != nil || found {
			return err
		}
	}
	return w.host(ctx, q.host, port, q.over, 0, 0)
}

// service is a set of SRV records to follow.
type service struct {
	name string
	over transport
}

// services follows NAPTR and SRV; false: there are no such records.
func (w *walk) services(ctx context.Context, q query) (found bool, err error) {
	list := []service{srvOf(q.host, q.over)}
	if q.any {
		if list = w.naptr(ctx, q.host); len(list) == 0 {
			list = []service{srvOf(q.host, onUDP), srvOf(q.host, onTCP), srvOf(q.host, onTLS)}
		}
	}
	for i, s := range list {
		ok, err := w.srv(ctx, s, i<<16)
		if err != nil && !found {
			return false, err
		}
		found = found || ok
	}
	return found, nil
}

// srvOf is the name of a host's SRV records for a transport (RFC 3263 §4.2).
func srvOf(host string, over transport) service {
	switch over {
	case onTCP:
		return service{"_sip._tcp." + host, over}
	case onTLS:
		return service{"_sips._tcp." + host, over}
	}
	return service{"_sip._udp." + host, over}
}

// naptr lists what a name offers that we can speak, best first (RFC 3263
// §4.1). Routers and firewalls refuse such questions: then there is none.
func (w *walk) naptr(ctx context.Context, host string) []service {
	records, ttl, err := w.names.ask(ctx, host, dns.TypeNAPTR, w.fresh)
	if err != nil {
		if !errors.Is(err, errNoName) {
			w.say("NAPTR %s: %v", host, err)
		} else {
			w.ttl = min(w.ttl, ttl)
			w.say("NAPTR %s: none", host)
		}
		return nil
	}
	w.ttl = min(w.ttl, ttl)
	var offers []*dns.NAPTR
	for _, rr := range records {
		if n, ok := rr.(*dns.NAPTR); ok {
			offers = append(offers, n)
		}
	}
	slices.SortStableFunc(offers, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	var list []service
	for _, n := range offers {
		over, ok := map[string]transport{"SIP+D2U": onUDP, "SIP+D2T": onTCP, "SIPS+D2T": onTLS}[strings.ToUpper(n.Service)]
		usable := ok && strings.EqualFold(n.Flags, "s") && len(list) < maxServices
		note := ""
		if !usable {
			note = ", not used"
		}
		w.say("NAPTR %s: %s at %s (order %d, preference %d)%s", host, n.Service, strings.TrimSuffix(n.Replacement, "."), n.Order, n.Preference, note)
		if usable {
			list = append(list, service{strings.TrimSuffix(n.Replacement, "."), over})
		}
	}
	return list
}

// srv follows one set of SRV records (RFC 2782); false: there are none.
func (w *walk) srv(ctx context.Context, s service, rank int) (found bool, err error) {
	records, ttl, err := w.names.ask(ctx, s.name, dns.TypeSRV, w.fresh)
	switch {
	case errors.Is(err, errNoName):
		w.ttl = min(w.ttl, ttl)
		w.say("SRV %s: none", s.name)
		return false, nil
	case err != nil:
		w.say("SRV %s: %v", s.name, err)
		return false, fmt.Errorf("SRV %s: %w", s.name, err)
	}
	w.ttl = min(w.ttl, ttl)
	var list []*dns.SRV
	for _, rr := range records {
		if r, ok := rr.(*dns.SRV); ok {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Target, b.Target))
	})
	if len(list) == 1 && list[0].Target == "." { // RFC 2782: decidedly not available
		w.say("SRV %s: the service is not offered", s.name)
		return true, fmt.Errorf("SRV %s: %w", s.name, errNotOffered)
	}
	for _, r := range list {
		w.say("SRV %s: %s port %d (priority %d, weight %d)", s.name, strings.TrimSuffix(r.Target, "."), r.Port, r.Priority, r.Weight)
	}
	for _, r := range list[:min(len(list), maxServers)] {
		hostErr := w.host(ctx, strings.TrimSuffix(r.Target, "."), r.Port, s.over, rank+int(r.Priority), r.Weight)
		err = errors.Join(err, hostErr)
	}
	if len(w.spots) > 0 {
		err = nil // one server of several without an address is no failure
	}
	return true, err
}

var errNotOffered = errors.New("the name says that the service is not offered")

// host adds the addresses of one server.
func (w *walk) host(ctx context.Context, name string, port uint16, over transport, rank int, weight uint16) error {
	ips, ttl, from, err := w.names.addresses(ctx, name, w.six, w.fresh)
	if err != nil {
		w.say("address of %s: %v", name, err)
		return err
	}
	w.ttl = min(w.ttl, ttl)
	texts := make([]string, len(ips))
	for i, ip := range ips {
		texts[i] = ip.String()
	}
	if from != "" {
		from = ", by " + from
	}
	w.say("address of %s: %s%s", name, strings.Join(texts, ", "), from)
	w.servers++
	for _, ip := range ips {
		w.add(ip, port, over, rank, weight)
	}
	return nil
}

func (w *walk) add(ip netip.Addr, port uint16, over transport, rank int, weight uint16) {
	w.spots = append(w.spots, spot{addr: netip.AddrPortFrom(ip, port), over: over, rank: rank, weight: weight, server: w.servers})
}

// arrange puts spots in the order to try them: by rank; the servers of one rank
// by chance as their weights say (RFC 2782); the addresses of a server one
// after the other. Spots that are bad come last, in the same order. random
// gives a number from 0 to n-1.
func arrange(spots []spot, random func(n int) int, bad func(spot) bool) []spot {
	rest := slices.Clone(spots)
	slices.SortStableFunc(rest, func(a, b spot) int { return cmp.Compare(a.rank, b.rank) })
	var good, last []spot
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].rank == rest[0].rank {
			n++
		}
		for _, s := range shuffle(rest[:n], random) {
			if bad != nil && bad(s) {
				last = append(last, s)
			} else {
				good = append(good, s)
			}
		}
		rest = rest[n:]
	}
	return append(good, last...)
}

// shuffle is RFC 2782's choice by weight, over and over.
func shuffle(group []spot, random func(n int) int) (out []spot) {
	type machine struct{ server, weight int }
	var left []machine
	for _, s := range group {
		if m := (machine{s.server, int(s.weight)}); !slices.Contains(left, m) {
			left = append(left, m)
		}
	}
	slices.SortStableFunc(left, func(a, b machine) int { return cmp.Compare(min(a.weight, 1), min(b.weight, 1)) }) // those of weight 0 first
	for len(left) > 0 {
		sum := 0
		for _, m := range left {
			sum += m.weight
		}
		pick, i := random(sum+1), 0
		for at := left[0].weight; at < pick; at += left[i].weight {
			i++
		}
		for _, s := range group {
			if s.server == left[i].server {
				out = append(out, s)
			}
		}
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// String is how people name a spot.
func (s spot) String() string {
	return s.over.lower() + ":" + s.addr.String()
}
