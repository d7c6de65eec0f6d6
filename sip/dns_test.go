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
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"trunkline/internal/simnet"
)

const rigNames = "10.0.0.53:53"

// zone is a real name server on the simulated network, whose records a test
// changes.
type zone struct {
	t   testing.TB
	net *simnet.Net

	mu      sync.Mutex
	records map[question][]dns.RR
	rcode   map[question]int
	asked   map[question]int
	mute    bool // answers nobody
	server  *dns.Server
	done    chan error
}

// serveZone starts it; it must be closed inside the bubble.
func serveZone(t testing.TB, n *simnet.Net, lines ...string) *zone {
	t.Helper()
	pc, err := n.ListenPacket(netip.MustParseAddrPort(rigNames))
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{t: t, net: n, records: map[question][]dns.RR{}, rcode: map[question]int{}, asked: map[question]int{}, done: make(chan error, 1)}
	z.set(lines...)
	z.server = &dns.Server{PacketConn: pc, Handler: z}
	go func() { z.done <- z.server.ActivateAndServe() }()
	return z
}

func (z *zone) close() {
	_ = z.server.Shutdown()
	<-z.done
}

// set replaces the records by those of zone-file lines.
func (z *zone) set(lines ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	clear(z.records)
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			z.t.Fatal(err)
		}
		q := question{strings.ToLower(rr.Header().Name), rr.Header().Rrtype}
		z.records[q] = append(z.records[q], rr)
	}
}

func (z *zone) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := question{strings.ToLower(req.Question[0].Name), req.Question[0].Qtype}
	z.asked[q]++
	if z.mute {
		return
	}
	m := new(dns.Msg)
	m.SetReply(req)
	m.Rcode = z.rcode[q]
	m.Answer = z.records[q]
	if len(m.Answer) == 0 && m.Rcode == 0 {
		soa, _ := dns.NewRR("acme.example. 600 IN SOA ns.acme.example. root.acme.example. 1 2 3 4 120")
		m.Ns = []dns.RR{soa}
		m.Rcode = dns.RcodeNameError
	}
	if err := w.WriteMsg(m); err != nil {
		z.t.Log(err)
	}
}

func (z *zone) times(name string, kind uint16) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[question{name, kind}]
}

// connected makes a simulated socket one towards a single peer.
type connected struct {
	net.PacketConn
	to net.Addr
}

func (c *connected) Read(b []byte) (int, error) {
	n, _, err := c.ReadFrom(b)
	return n, err
}
func (c *connected) Write(b []byte) (int, error) { return c.WriteTo(b, c.to) }
func (c *connected) RemoteAddr() net.Addr        { return c.to }

// dialOn reaches name servers over a simulated network.
func dialOn(n *simnet.Net) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, address string) (net.Conn, error) {
		if network != "udp" {
			return nil, errors.New("no TCP here")
		}
		pc, err := n.ListenPacket(netip.MustParseAddrPort("10.0.0.1:0"))
		if err != nil {
			return nil, err
		}
		return &connected{pc, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address))}, nil
	}
}

// askZone is a resolver of a zone, whose system knows one host.
func askZone(n *simnet.Net) *nameServers {
	return newNameServers(Config{
		NameServers: []netip.AddrPort{netip.MustParseAddrPort(rigNames)}, DialDNS: dialOn(n),
		Lookup: func(_ context.Context, name string) ([]netip.Addr, error) {
			if name == "pbx" {
				return []netip.Addr{netip.MustParseAddr("192.0.2.99")}, nil
			}
			return nil, fmt.Errorf("no such host %s", name)
		},
	})
}

// inZone runs f with a zone and its resolver in a bubble.
func inZone(t *testing.T, f func(z *zone, n *nameServers), lines ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sn := simnet.New()
		z := serveZone(t, sn, lines...)
		f(z, askZone(sn))
		z.close()
		_ = sn.Close()
	})
}

var acmeZone = []string{
	`acme.example. 300 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.acme.example.`,
	`acme.example. 300 IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.acme.example.`,
	`acme.example. 300 IN NAPTR 5 10 "s" "SIP+D2S" "" _sip._sctp.acme.example.`,
	`_sip._tcp.acme.example. 200 IN SRV 10 0 5080 edge.acme.example.`,
	`_sip._udp.acme.example. 200 IN SRV 20 0 5060 spare.acme.example.`,
	`_sip._udp.acme.example. 200 IN SRV 10 60 5060 one.acme.example.`,
	`_sip._udp.acme.example. 200 IN SRV 10 40 5070 two.acme.example.`,
	`_sips._tcp.acme.example. 200 IN SRV 10 0 5061 edge.acme.example.`,
	`edge.acme.example. 100 IN A 198.51.100.9`,
	`one.acme.example. 100 IN A 198.51.100.1`,
	`one.acme.example. 100 IN AAAA 2001:db8::1`,
	`two.acme.example. 60 IN A 198.51.100.2`,
	`spare.acme.example. 100 IN A 198.51.100.3`,
	`acme.example. 100 IN A 203.0.113.80`,
	`plain.example. 100 IN A 203.0.113.1`,
	`closed.example. 100 IN A 203.0.113.2`,
	`_sip._udp.closed.example. 100 IN SRV 0 0 0 .`,
}

// RFC 3263 §4: which way leads where.
func TestLocate(t *testing.T) {
	inZone(t, func(z *zone, n *nameServers) {
		for _, c := range []struct {
			q    query
			want string
			ttl  time.Duration
		}{
			{query{host: "acme.example", over: onUDP}, "udp:198.51.100.1:5060/10/60 udp:[2001:db8::1]:5060/10/60 udp:198.51.100.2:5070/10/40 udp:198.51.100.3:5060/20/0", time.Minute},
			{query{host: "ACME.example.", over: onTCP}, "tcp:198.51.100.9:5080/10/0", 100 * time.Second},
			{query{host: "acme.example", over: onTLS}, "tls:198.51.100.9:5061/10/0", 100 * time.Second},
			{query{host: "acme.example", any: true}, "tcp:198.51.100.9:5080/10/0 udp:198.51.100.1:5060/65546/60 udp:[2001:db8::1]:5060/65546/60 udp:198.51.100.2:5070/65546/40 udp:198.51.100.3:5060/65556/0", time.Minute},
			{query{host: "acme.example", port: 5090, over: onUDP}, "udp:203.0.113.80:5090/0/0", 100 * time.Second}, // a port: no SRV
			{query{host: "plain.example", any: true}, "udp:203.0.113.1:5060/0/0", 100 * time.Second},
			{query{host: "plain.example", over: onTLS}, "tls:203.0.113.1:5061/0/0", 100 * time.Second},
			{query{host: "192.0.2.7", any: true}, "udp:192.0.2.7:5060/0/0", time.Minute},
			{query{host: "2001:db8::7", over: onTLS}, "tls:[2001:db8::7]:5061/0/0", time.Minute},
			{query{host: "pbx", any: true}, "udp:192.0.2.99:5060/0/0", time.Minute}, // the system's own
		} {
			found, err := n.locate(context.Background(), c.q, true, false)
			var got []string
			for _, s := range found.spots {
				got = append(got, fmt.Sprintf("%s/%d/%d", s, s.rank, s.weight))
			}
			if text := strings.Join(got, " "); err != nil || text != c.want || found.ttl.Round(time.Second) != c.ttl {
				t.Errorf("%+v: got %s for %v, %v, want %s for %v", c.q, text, found.ttl, err, c.want, c.ttl)
			}
		}
		for q, want := range map[query]string{
			{host: "closed.example", over: onUDP}: "not offered",
			{host: "nobody.example", any: true}:   "no such host",
		} {
			if found, err := n.locate(context.Background(), q, true, false); err == nil || !strings.Contains(err.Error(), want) || len(found.steps) == 0 {
				t.Errorf("%+v: got %v, %v, want %q and the way there", q, found, err, want)
			}
		}
		found, _ := n.locate(context.Background(), query{host: "acme.example", any: true}, true, false)
		for _, want := range []string{
			"NAPTR acme.example: SIP+D2T at _sip._tcp.acme.example (order 10, preference 10)",
			"NAPTR acme.example: SIP+D2S at _sip._sctp.acme.example (order 5, preference 10), not used",
			"SRV _sip._udp.acme.example: one.acme.example port 5060 (priority 10, weight 60)",
			"address of one.acme.example: 198.51.100.1, 2001:db8::1",
		} {
			if !slices.Contains(found.steps, want) {
				t.Errorf("steps: got %q, want %q among them", found.steps, want)
			}
		}
	}, acmeZone...)
}

func TestAnswersAreKeptForTheirTimeAndSoIsThatThereIsNone(t *testing.T) {
	inZone(t, func(z *zone, n *nameServers) {
		look := func(fresh bool) {
			if _, err := n.locate(context.Background(), query{host: "plain.example", any: true}, false, fresh); err != nil {
				t.Error(err)
			}
		}
		look(false)
		look(false)
		if a, s, p := z.times("plain.example.", dns.TypeA), z.times("_sip._udp.plain.example.", dns.TypeSRV), z.times("plain.example.", dns.TypeNAPTR); a != 1 || s != 1 || p != 1 {
			t.Errorf("asked: A %d, SRV %d, NAPTR %d times, want once each", a, s, p)
		}
		time.Sleep(101 * time.Second) // the address is over, that there is no SRV (RFC 2308: 120 s) is not
		look(false)
		if a, s := z.times("plain.example.", dns.TypeA), z.times("_sip._udp.plain.example.", dns.TypeSRV); a != 2 || s != 1 {
			t.Errorf("asked: A %d, SRV %d times, want 2 and 1", a, s)
		}
		look(true)
		if a, s := z.times("plain.example.", dns.TypeA), z.times("_sip._udp.plain.example.", dns.TypeSRV); a != 3 || s != 2 {
			t.Errorf("a fresh look asked: A %d, SRV %d times in all, want 3 and 2", a, s)
		}
		if z.times("plain.example.", dns.TypeAAAA) != 0 {
			t.Error("asked for AAAA without a socket for it")
		}
	}, acmeZone...)
}

// A router that refuses NAPTR and a lost packet are no reason to fail; SERVFAIL
// for SRV is: the addresses of the name may be its web server's.
func TestNameServersThatFail(t *testing.T) {
	inZone(t, func(z *zone, n *nameServers) {
		z.rcode[question{"acme.example.", dns.TypeNAPTR}] = dns.RcodeRefused
		z.mu.Lock()
		delete(z.records, question{"acme.example.", dns.TypeNAPTR})
		z.mu.Unlock()
		if found, err := n.locate(context.Background(), query{host: "acme.example", any: true}, false, false); err != nil || found.spots[0].addr.String() != "198.51.100.1:5060" {
			t.Errorf("NAPTR refused: got %v, %v, want the SRV records", found.spots, err)
		}
		z.rcode[question{"_sip._udp.plain.example.", dns.TypeSRV}] = dns.RcodeServerFailure
		if _, err := n.locate(context.Background(), query{host: "plain.example", over: onUDP}, false, true); err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
			t.Errorf("SRV fails: got %v, want the error", err)
		}
		z.mute = true
		began := time.Now()
		if _, err := n.locate(context.Background(), query{host: "slow.example", over: onUDP}, false, true); err == nil {
			t.Error("got an answer of a mute server")
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("got after %v, want a bounded wait", d)
		}
	}, acmeZone...)
	inZone(t, func(z *zone, n *nameServers) {
		z.net.SetFault(simnet.Fault{Loss: 0.2})
		fails := 0
		for range 40 {
			if _, err := n.locate(context.Background(), query{host: "plain.example", port: 5060}, false, true); err != nil {
				fails++
			}
		}
		if fails > 8 { // both packets, twice: 13 %
			t.Errorf("%d of 40 failed at 20 %% loss", fails)
		}
	}, acmeZone...)
}

// RFC 2782: by priority always, by weight in the long run.
func TestArrange(t *testing.T) {
	at := func(last byte, rank int, weight uint16, server int) spot {
		return spot{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 5060), rank: rank, weight: weight, server: server}
	}
	spots := []spot{at(9, 20, 0, 4), at(1, 10, 75, 1), at(2, 10, 75, 1), at(3, 10, 25, 2), at(4, 10, 0, 3)}
	n := uint64(1)
	random := func(max int) int {
		n = n*6364136223846793005 + 1442695040888963407
		return int(n >> 33 % uint64(max))
	}
	first := map[byte]int{}
	for range 10000 {
		got := arrange(spots, random, nil)
		if len(got) != 5 || got[4] != spots[0] {
			t.Fatalf("got %v, want the higher priority number last", got)
		}
		for i, s := range got {
			if s == spots[1] && got[i+1] != spots[2] {
				t.Fatalf("got %v, want a server's addresses together", got)
			}
		}
		first[got[0].addr.Addr().As4()[3]]++
	}
	if one, three, four := first[1], first[3], first[4]; one < 7200 || one > 7700 || three < 2200 || three > 2700 || four > 200 {
		t.Errorf("first: got %d, %d, %d of 10000, want about 7500, 2500 and hardly ever", one, three, four)
	}
	got := arrange(spots, random, func(s spot) bool { return s == spots[1] || s == spots[3] })
	if bad := got[3:]; !slices.Contains(bad, spots[1]) || !slices.Contains(bad, spots[3]) || slices.Index(got, spots[0]) > 2 {
		t.Errorf("got %v, want the bad ones last", got)
	}
}

// A trunk with SRV records, from the name server to the wire.
func TestCallsFollowTheRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var z *zone
		ready := make(chan struct{})
		r := newRig(t, func(c *Config) {
			c.Trunks = []Trunk{{ID: "acme", Host: "acme.example", Transport: "auto"}}
			c.NameServers = []netip.AddrPort{netip.MustParseAddrPort(rigNames)}
			c.DialDNS = func(ctx context.Context, network, address string) (net.Conn, error) {
				<-ready
				return dialOn(z.net)(ctx, network, address)
			}
			c.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
		})
		z = serveZone(t, r.net, `_sip._udp.acme.example. 60 IN SRV 10 0 5070 one.acme.example.`, `_sip._udp.acme.example. 60 IN SRV 20 0 5080 two.acme.example.`,
			`one.acme.example. 60 IN A 10.0.0.4`, `two.acme.example. 60 IN A 10.0.0.5`)
		close(ready)
		time.Sleep(time.Second)
		a, b := r.peer("10.0.0.4:5070"), r.peer("10.0.0.5:5080")
		r.dialTrunk()
		inv := a.expect("INVITE sip:+14155550199@acme.example ") // RFC 3263: the URI stays
		a.respond(inv, 503, "x", "", "")
		a.expect("ACK ")
		b.respond(b.expect("INVITE "), 486, "x", "", "")
		b.expect("ACK ")
		if ev := want[Ended](r); ev.Code != 486 {
			t.Errorf("got %+v, want 486", ev)
		}
		// Both may call us.
		for _, p := range []*wirePeer{a, b} {
			c := p.call("in-" + p.at)
			l := c.up()
			l.Hangup(0, Reason{})
			p.respond(p.expect("BYE "), 200, "", "", "")
			want[Ended](r)
		}
		// The records change; when their time is over calls follow.
		z.set(`_sip._udp.acme.example. 60 IN SRV 10 0 5080 two.acme.example.`, `two.acme.example. 60 IN A 10.0.0.5`)
		time.Sleep(61 * time.Second)
		r.dialTrunk()
		b.respond(b.expect("INVITE "), 486, "x", "", "")
		b.expect("ACK ")
		want[Ended](r)
		z.close()
		r.close()
	})
}
