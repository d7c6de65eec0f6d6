package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	resolveMost  = time.Hour        // between two look-ups of a host, whatever its time to live
	resolveLeast = 10 * time.Second // likewise
	resolveRetry = 5 * time.Second  // after a first failure; doubles up to resolveSlow
	resolveSlow  = 60 * time.Second
	resolveWait  = 8 * time.Second  // for one look-up
	maxLookups   = 8                // at once
	maxHosts     = 1024             // names in all
	forgetAfter  = 10 * time.Minute // a name that spotsOf was asked for, and is not any more
)

// carriers knows the trunks: where their hosts are (RFC 3263), and how they
// are; and where static phones and other peers are that are named. Look-ups
// happen on run's time: all other methods answer at once from what is known,
// also before run; only locateNow waits.
type carriers struct {
	names *nameServers
	six   bool // we have a socket for IPv6
	emit  func(Event)
	log   *slog.Logger
	now   atomic.Pointer[carrierTable]
	wake  chan struct{} // holds one

	mu     sync.Mutex
	hosts  map[query]*host
	health map[place]*health
	cond   map[TrunkID]condition

	told map[TrunkID]TrunkState // run's own: what was emitted last
}

// carrierTable is what packets and dials look at. It is immutable.
type carrierTable struct {
	trunks []carrier // in the order of the configuration: it decides overlaps
	found  map[query]located
	errs   map[query]error // of the last look-up, beside older addresses perhaps
	cond   map[TrunkID]condition
}

type carrier struct {
	Trunk
	query
}

// host is what is looked up again and again.
type host struct {
	found located // the last that was; it outlives failures
	err   error   // of the last look-up
	tries int     // failures in a row
	next  time.Time
	busy  bool
	fixed bool // a trunk's or a static phone's; others are forgotten

	asked time.Time // by spotsOf, last
}

var (
	errUnresolved = errors.New("address not known")
	errNotYet     = errors.New("not looked up yet")
	errNoTrunk    = errors.New("no such trunk")
)

// newCarriers takes the trunks, and the names among the static phones' hosts.
func newCarriers(c Config) *carriers {
	t := &carriers{
		names: newNameServers(c), six: true, emit: c.Emit, log: c.Log, wake: make(chan struct{}, 1),
		hosts: map[query]*host{}, health: map[place]*health{}, cond: map[TrunkID]condition{}, told: map[TrunkID]TrunkState{},
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
	there := map[TrunkID]bool{}
	for i, tr := range trunks {
		list[i] = carrier{Trunk: tr, query: queryOf(tr)}
		there[tr.ID] = true
		t.watch(list[i].query, true)
	}
	for id := range t.cond {
		if !there[id] {
			delete(t.cond, id)
		}
	}
	for _, a := range accounts {
		for _, uri := range a.Static {
			t.watch(queryOfURI(uri), true)
		}
	}
	t.publish(list)
	t.nudge()
}

// queryOf is how a trunk's host is looked up.
func queryOf(t Trunk) query {
	q := query{over: transportOf(t.Transport), any: t.Transport == "auto"}
	q.host, q.port = splitHost(t.Host)
	return q
}

// publish makes a new table. The lock is held.
func (t *carriers) publish(trunks []carrier) {
	next := &carrierTable{trunks: trunks, found: map[query]located{}, errs: map[query]error{}, cond: maps.Clone(t.cond)}
	for q, h := range t.hosts {
		next.found[q] = h.found
		if h.err != nil {
			next.errs[q] = h.err
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

// takes reports a configured trunk's address.
func (t *carriers) takes(from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	table := t.now.Load()
	for i := range table.trunks {
		if table.trunks[i].accepts(table, from) {
			return true
		}
	}
	return false
}

// accepts reports whether calls from an address are this trunk's.
func (c *carrier) accepts(table *carrierTable, from netip.Addr) bool {
	if table.cond[c.ID].at.addr.Addr() == from {
		return true
	}
	if len(c.AcceptFrom) > 0 {
		return slices.ContainsFunc(c.AcceptFrom, func(p netip.Prefix) bool { return p.Contains(from) })
	}
	return c.serves(table, from)
}

// serves reports an address that the trunk's host resolves to.
func (c *carrier) serves(table *carrierTable, from netip.Addr) bool {
	if ip, literal := literalAddr(c.host); literal {
		return ip == from
	}
	return slices.ContainsFunc(table.found[c.query].spots, func(s spot) bool { return s.addr.Addr() == from })
}

// mayProve reports whether a trunk's password may be proved to an address:
// only to one that the configuration names, where we are registered, or that
// the registrar has named as our way.
func (t *carriers) mayProve(id TrunkID, to netip.Addr) bool {
	table := t.now.Load()
	c := table.carrier(id)
	return c != nil && (c.accepts(table, to) || c.serves(table, to) || table.cond[id].routes(to))
}

func (table *carrierTable) carrier(id TrunkID) *carrier {
	for i := range table.trunks {
		if table.trunks[i].ID == id {
			return &table.trunks[i]
		}
	}
	return nil
}

// target is where a trunk's calls go: its places in the order to try them
// now. errUnresolved, with the reason, when none is known.
func (t *carriers) target(id TrunkID) (Trunk, []spot, error) {
	table := t.now.Load()
	c := table.carrier(id)
	if c == nil {
		return Trunk{}, nil, fmt.Errorf("%w: %s", errNoTrunk, id)
	}
	spots, err := table.spots(c.query)
	if len(spots) == 0 {
		return c.Trunk, nil, err
	}
	return c.Trunk, t.ordered(spots, table.cond[id].at), nil
}

// ordered is the order to try places in: where we are registered first (a
// carrier's other machines may not know us), those in bad health last.
func (t *carriers) ordered(spots []spot, at spot) []spot {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	bad := func(s spot) bool { return t.health[s.place()].bad(now) }
	list := arrange(spots, rand.IntN, bad)
	if !at.addr.IsValid() || bad(at) {
		return list
	}
	list = slices.DeleteFunc(list, func(s spot) bool { return s.place() == at.place() })
	return append([]spot{at}, list...)
}

// spots are where a query leads, with the error of the last look-up, which may
// stand beside older places.
func (table *carrierTable) spots(q query) ([]spot, error) {
	if _, literal := literalAddr(q.host); literal {
		return literally(q), nil
	}
	err, failed := table.errs[q]
	if _, known := table.found[q]; !known {
		err, failed = errNotYet, true
	}
	if failed {
		err = fmt.Errorf("%w: %s: %w", errUnresolved, q.host, err)
	}
	return table.found[q].spots, err
}

// literally is where an address leads.
func literally(q query) []spot {
	w := &walk{}
	_ = w.run(context.Background(), q) // an address waits for nobody and cannot fail
	return w.spots
}

// spotsOf is where a peer is that is named, at least one place. What was not
// asked for lately is errUnresolved the first time, and known soon after.
func (t *carriers) spotsOf(q query) ([]spot, error) {
	q.host = strings.ToLower(strings.Trim(q.host, "[]"))
	if _, literal := literalAddr(q.host); literal {
		return literally(q), nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h, fresh := t.watch(q, false)
	if fresh {
		t.nudge()
	}
	if h == nil {
		return nil, errUnresolved
	}
	h.asked = time.Now()
	if len(h.found.spots) > 0 {
		return arrange(h.found.spots, rand.IntN, nil), nil
	}
	return nil, fmt.Errorf("%w: %s: %w", errUnresolved, q.host, h.err)
}

// watch has a host looked up from now on, unless it is an address or the
// table is full. The lock is held.
func (t *carriers) watch(q query, fixed bool) (h *host, fresh bool) {
	if _, literal := literalAddr(q.host); literal || q.host == "" {
		return nil, false
	}
	if h = t.hosts[q]; h == nil {
		if len(t.hosts) >= maxHosts && !fixed {
			return nil, false
		}
		h, fresh = &host{err: errNotYet}, true
		t.hosts[q] = h
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
// 0 if none is given.
func splitHost(s string) (name string, port uint16) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, 0
	}
	if h, p, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil && n > 0 {
			port = uint16(n)
		}
		s = h
	}
	return strings.ToLower(strings.Trim(s, "[]")), port
}

// queryOfURI is how the host of a SIP URI is looked up when it is a name; the
// zero query otherwise.
func queryOfURI(text string) query {
	var c contact
	var u sip.Uri
	if c.setURI(text) != nil || c.addr.IsValid() || sip.ParseUri(text, &u) != nil {
		return query{}
	}
	return uriQuery(&u, overOf(&u, onUDP))
}

// uriQuery is how the host of a URI is looked up.
func uriQuery(u *sip.Uri, over transport) query {
	q := query{host: strings.ToLower(strings.Trim(u.Host, "[]")), over: over}
	if u.Port > 0 && u.Port < 65536 {
		q.port = uint16(u.Port)
	}
	return q
}
