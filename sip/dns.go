package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	questionWait = 2 * time.Second // for one name server's answer; each is asked twice
	maxKnown     = 4096            // answers kept

	// RFC 2308 §5 bounds how long "no such name" is believed; without an SOA it
	// says nothing, and a carrier's typo should not outlive a coffee.
	negativeMost    = 5 * time.Minute
	negativeDefault = 30 * time.Second
	positiveMost    = 24 * time.Hour

	// systemTTL is for answers of the system, which tells none.
	systemTTL = 60 * time.Second
)

var (
	errNoName    = errors.New("no such name")
	errNoServers = errors.New("no name server to ask")
)

// nameServers asks the domain name system and remembers what it said for as
// long as it may (RFC 1034 §4.3.5, RFC 2308). Questions wait: they are asked on
// goroutines of the carriers, of registrations and of the doctor.
type nameServers struct {
	fixed  []netip.AddrPort // none: those of resolv.conf, read again at each question
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	hosts  func(ctx context.Context, name string) ([]netip.Addr, error) // the hosts file alone; nil: none
	system func(ctx context.Context, name string) ([]netip.Addr, error) // everything the system knows
	only   bool                                                         // nobody but system is asked: it stands for all in a test

	mu    sync.Mutex
	known map[question]known
}

type question struct {
	name string // fully qualified, lower case
	kind uint16
}

// known is an answer while it is believed.
type known struct {
	records []dns.RR
	err     error // errNoName or nil
	until   time.Time
}

func newNameServers(c Config) *nameServers {
	n := &nameServers{fixed: c.NameServers, dial: c.DialDNS, system: c.Lookup, known: map[question]known{}}
	n.only = c.Lookup != nil && len(c.NameServers) == 0
	if n.system == nil {
		n.hosts = hostsFile
		n.system = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	if n.dial == nil {
		n.dial = new(net.Dialer).DialContext
	}
	return n
}

// hostsFile looks a name up in the system's hosts file, and nowhere else: a
// resolver whose every connection fails has nothing but the file.
func hostsFile(ctx context.Context, name string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true, StrictErrors: false, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errNoServers
	}}
	return r.LookupNetIP(ctx, "ip", name+".")
}

// servers are who is asked now.
func (n *nameServers) servers() []string {
	var out []string
	if len(n.fixed) > 0 {
		for _, a := range n.fixed {
			out = append(out, a.String())
		}
		return out
	}
	c, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for _, s := range c.Servers[:min(len(c.Servers), 3)] { // as the system does: resolv.conf(5), MAXNS
		out = append(out, net.JoinHostPort(s, c.Port))
	}
	return out
}

// ask is the answer to a question: the records of that kind, and for how long
// they hold. errNoName: there are none, which holds for a time too. fresh asks
// the servers whatever is remembered.
func (n *nameServers) ask(ctx context.Context, name string, kind uint16, fresh bool) ([]dns.RR, time.Duration, error) {
	q := question{strings.ToLower(dns.Fqdn(name)), kind}
	now := time.Now()
	n.mu.Lock()
	k, ok := n.known[q]
	n.mu.Unlock()
	if ok && !fresh && now.Before(k.until) {
		return k.records, k.until.Sub(now), k.err
	}
	reply, err := n.exchange(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	k, ttl, err := believe(reply, q, now)
	if err != nil {
		return nil, 0, err
	}
	n.remember(q, k, now)
	return k.records, ttl, k.err
}

func (n *nameServers) remember(q question, k known, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxKnown {
		for other, old := range n.known {
			if !now.Before(old.until) {
				delete(n.known, other)
			}
		}
		if len(n.known) >= maxKnown {
			clear(n.known)
		}
	}
	n.known[q] = k
}

// believe reads a reply. A server that fails is an error; one that refuses to
// speak of such records has none.
func believe(reply *dns.Msg, q question, now time.Time) (k known, ttl time.Duration, err error) {
	switch reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeRefused, dns.RcodeFormatError:
	default:
		return k, 0, fmt.Errorf("name server: %s", dns.RcodeToString[reply.Rcode])
	}
	ttl = positiveMost
	for _, rr := range reply.Answer {
		// The chain of CNAMEs holds as long as its shortest link.
		if t := rr.Header().Rrtype; t == q.kind || t == dns.TypeCNAME {
			ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		}
		if rr.Header().Rrtype == q.kind {
			k.records = append(k.records, rr)
		}
	}
	if len(k.records) == 0 {
		k.err, ttl = errNoName, negativeTTL(reply)
	}
	k.until = now.Add(ttl)
	return k, ttl, nil
}

// negativeTTL is RFC 2308 §5.
func negativeTTL(reply *dns.Msg) time.Duration {
	for _, rr := range reply.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return min(time.Duration(min(soa.Minttl, soa.Hdr.Ttl))*time.Second, negativeMost)
		}
	}
	return negativeDefault
}

// exchange asks each server, twice; a cut-off answer is fetched by TCP.
func (n *nameServers) exchange(ctx context.Context, q question) (*dns.Msg, error) {
	servers := n.servers()
	err := errNoServers
	for range 2 {
		for _, server := range servers {
			var reply *dns.Msg
			if reply, err = n.askOne(ctx, "udp", server, q); err == nil && reply.Truncated {
				reply, err = n.askOne(ctx, "tcp", server, q)
			}
			if err == nil && reply.Rcode != dns.RcodeServerFailure {
				return reply, nil
			}
			if err == nil {
				err = fmt.Errorf("name server %s: SERVFAIL", server)
			}
			if ctx.Err() != nil {
				return nil, err
			}
		}
	}
	return nil, err
}

func (n *nameServers) askOne(ctx context.Context, network, server string, q question) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, questionWait)
	defer cancel()
	conn, err := n.dial(ctx, network, server)
	if err != nil {
		return nil, fmt.Errorf("name server %s: %w", server, err)
	}
	defer conn.Close()
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(1232, false) // the size that crosses every path whole (DNS flag day 2020)
	c := &dns.Client{Timeout: questionWait}
	reply, _, err := c.ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: conn})
	switch {
	case err != nil:
		return nil, fmt.Errorf("name server %s: %w", server, err)
	case len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, q.name) || reply.Question[0].Qtype != q.kind:
		return nil, fmt.Errorf("name server %s answered another question", server)
	}
	return reply, nil
}

// addresses are those of a host: of the hosts file where it is there, else of
// the name servers, else of whatever else the system asks. from says which.
func (n *nameServers) addresses(ctx context.Context, name string, six, fresh bool) (ips []netip.Addr, ttl time.Duration, from string, err error) {
	if n.hosts != nil {
		if ips, err := n.hosts(ctx, name); err == nil && len(ips) > 0 {
			return unmapped(ips), systemTTL, "the hosts file", nil
		}
	}
	ttl = positiveMost
	if !n.only && strings.Contains(strings.TrimSuffix(name, "."), ".") {
		kinds := []uint16{dns.TypeA, dns.TypeAAAA}
		if !six {
			kinds = kinds[:1]
		}
		for _, kind := range kinds {
			records, t, askErr := n.ask(ctx, name, kind, fresh)
			if askErr != nil && !errors.Is(askErr, errNoName) {
				err = askErr
				continue
			}
			ttl = min(ttl, t)
			ips = append(ips, addrsIn(records)...)
		}
		if len(ips) > 0 {
			return ips, ttl, "", nil
		}
	}
	found, sysErr := n.system(ctx, name)
	switch {
	case sysErr == nil && len(found) > 0:
		return unmapped(found), systemTTL, "the system", nil
	case err != nil: // the name servers' own trouble says more
		return nil, 0, "", err
	case sysErr != nil:
		return nil, 0, "", sysErr
	}
	return nil, 0, "", errNoAddress
}

func addrsIn(records []dns.RR) (ips []netip.Addr) {
	for _, rr := range records {
		var ip netip.Addr
		switch rr := rr.(type) {
		case *dns.A:
			ip, _ = netip.AddrFromSlice(rr.A)
		case *dns.AAAA:
			ip, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if ip.IsValid() {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips
}

func unmapped(ips []netip.Addr) []netip.Addr {
	ips = slices.Clone(ips)
	for i := range ips {
		ips[i] = ips[i].Unmap().WithZone("")
	}
	return ips
}
