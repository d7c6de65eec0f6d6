package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	resolveEvery = 60 * time.Second // between two look-ups of a host
	resolveRetry = 5 * time.Second  // after a first failure; doubles up to resolveEvery
	resolveWait  = 5 * time.Second  // for one look-up
	maxLookups   = 8                // at once
	maxHosts     = 1024             // names in all
	forgetAfter  = 10 * time.Minute // a name that addrsOf was asked for, and is not any more
)

// carriers knows the trunks and the addresses of their hosts (A and AAAA), and
// those of static phones and other peers that are named. Look-ups happen on run's time: all
// other methods answer at once from what is known, also before run.
type carriers struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	emit   func(Event)
	log    *slog.Logger
	now    atomic.Pointer[carrierTable]
	wake   chan struct{} // holds one

	mu    sync.Mutex
	hosts map[string]*host

	told map[TrunkID]TrunkState // run's own: what was emitted last
}

// carrierTable is what packets and dials look at. It is immutable.
type carrierTable struct {
	trunks []carrier // in the order of the configuration: it decides overlaps
	addrs  map[string][]netip.Addr
	errs   map[string]error // of the last look-up, beside an older address perhaps
}

type carrier struct {
	Trunk
	host string
	port uint16
}

// host is a name that is looked up again and again.
type host struct {
	addrs []netip.Addr // the last that were found; they outlive failures
	err   error        // of the last look-up
	tries int          // failures in a row
	next  time.Time
	busy  bool
	fixed bool // a trunk's or a static phone's; others are forgotten

	asked time.Time // by addrsOf, last
}

var (
	errUnresolved = errors.New("address not known")
	errNotYet     = errors.New("not looked up yet")
	errNoTrunk    = errors.New("no such trunk")
)

// newCarriers takes the trunks, and the names among the static phones' hosts.
func newCarriers(c Config) *carriers {
	t := &carriers{
		lookup: c.Lookup, emit: c.Emit, log: c.Log, wake: make(chan struct{}, 1),
		hosts: map[string]*host{}, told: map[TrunkID]TrunkState{},
	}
	if t.lookup == nil {
		t.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.now.Store(&carrierTable{})
	t.update(c.Trunks, c.Accounts)
	return t
}

// update takes over the trunks of a new configuration, and the names among
// the static phones' hosts.
func (t *carriers) update(trunks []Trunk, accounts []Account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.hosts {
		h.fixed = false
	}
	list := make([]carrier, len(trunks))
	for i, tr := range trunks {
		name, port := splitHost(tr.Host, transportOf(tr.Transport).port())
		list[i] = carrier{Trunk: tr, host: name, port: port}
		t.watch(name, true)
	}
	for _, a := range accounts {
		for _, uri := range a.Static {
			t.watch(hostOf(uri), true)
		}
	}
	t.publish(list)
	t.nudge()
}

// publish makes a new table. The lock is held.
func (t *carriers) publish(trunks []carrier) {
	next := &carrierTable{trunks: trunks, addrs: map[string][]netip.Addr{}, errs: map[string]error{}}
	for name, h := range t.hosts {
		next.addrs[name] = h.addrs
		if h.err != nil {
			next.errs[name] = h.err
		}
	}
	t.now.Store(next)
}

// whose is the trunk that a source address belongs to: the first, in the
// order of the configuration, that accepts it.
func (t *carriers) whose(from netip.Addr) (Trunk, bool) {
	from = from.Unmap().WithZone("")
	table := t.now.Load()
	for i := range table.trunks {
		if c := &table.trunks[i]; c.accepts(table, from) {
			return c.Trunk, true
		}
	}
	return Trunk{}, false
}

func (c *carrier) accepts(table *carrierTable, from netip.Addr) bool {
	if len(c.AcceptFrom) > 0 {
		return slices.ContainsFunc(c.AcceptFrom, func(p netip.Prefix) bool { return p.Contains(from) })
	}
	if ip, literal := literalAddr(c.host); literal {
		return ip == from
	}
	return slices.Contains(table.addrs[c.host], from)
}

// target is where a trunk's calls go: its addresses in the order to try them.
// errUnresolved, with the reason, when none is known.
func (t *carriers) target(id TrunkID) (Trunk, []netip.AddrPort, error) {
	table := t.now.Load()
	for i := range table.trunks {
		c := &table.trunks[i]
		if c.ID != id {
			continue
		}
		addrs, err := table.addresses(c.host)
		if len(addrs) == 0 {
			return c.Trunk, nil, err
		}
		to := make([]netip.AddrPort, len(addrs))
		for j, ip := range addrs {
			to[j] = netip.AddrPortFrom(ip, c.port)
		}
		return c.Trunk, to, nil
	}
	return Trunk{}, nil, fmt.Errorf("%w: %s", errNoTrunk, id)
}

// addresses are a host's addresses with the error of the last look-up, which
// may stand beside older addresses.
func (table *carrierTable) addresses(name string) ([]netip.Addr, error) {
	if ip, literal := literalAddr(name); literal {
		return []netip.Addr{ip}, nil
	}
	err, failed := table.errs[name]
	if _, known := table.addrs[name]; !known {
		err, failed = errNotYet, true
	}
	if failed {
		err = fmt.Errorf("%w: %s: %w", errUnresolved, name, err)
	}
	return table.addrs[name], err
}

// addrsOf are the addresses of a peer's host, at least one. A name that was not
// asked for lately is errUnresolved the first time, and known soon after.
func (t *carriers) addrsOf(name string) ([]netip.Addr, error) {
	name = strings.ToLower(strings.Trim(name, "[]"))
	if ip, literal := literalAddr(name); literal {
		return []netip.Addr{ip}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h, fresh := t.watch(name, false)
	if fresh {
		t.nudge()
	}
	if h == nil {
		return nil, errUnresolved
	}
	h.asked = time.Now()
	if len(h.addrs) > 0 {
		return h.addrs, nil
	}
	return nil, fmt.Errorf("%w: %s: %w", errUnresolved, name, h.err)
}

// watch has a name looked up from now on, unless it is an address or the
// table is full. The lock is held.
func (t *carriers) watch(name string, fixed bool) (h *host, fresh bool) {
	if _, literal := literalAddr(name); literal || name == "" {
		return nil, false
	}
	if h = t.hosts[name]; h == nil {
		if len(t.hosts) >= maxHosts && !fixed {
			return nil, false
		}
		h, fresh = &host{err: errNotYet}, true
		t.hosts[name] = h
	}
	h.fixed = h.fixed || fixed
	return h, fresh
}

func (t *carriers) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// literalAddr reads an IP address without brackets.
func literalAddr(name string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(name)
	return ip.Unmap().WithZone(""), err == nil
}

// splitHost takes "host", "host:port", "[v6]:port" or "v6" apart; the port is
// usual if none is given.
func splitHost(s string, usual uint16) (name string, port uint16) {
	port = usual
	if _, err := netip.ParseAddr(s); err == nil {
		return s, port
	}
	if h, p, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil && n > 0 {
			port = uint16(n)
		}
		s = h
	}
	return strings.ToLower(strings.Trim(s, "[]")), port
}

// hostOf is the host of a SIP URI when it is a name; empty otherwise.
func hostOf(uri string) string {
	var c contact
	if c.setURI(uri) != nil || c.addr.IsValid() {
		return ""
	}
	return c.host
}
