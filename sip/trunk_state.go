package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// condition is what registering with a trunk has come to. The zero value: it
// does not register.
type condition struct {
	state TrunkCondition // registering, registered, unregistered or refused
	why   string         // of the last failure
	at    spot           // where we are registered
	until time.Time      // the end of it

	attempts uint64 // that have come to an end

	user   string         // of our Contact: calls to it are this trunk's
	route  []sip.Uri      // Service-Route (RFC 3608)
	public netip.AddrPort // our address as the registrar sees it, when it is not the one we have
}

// routes reports an address that the Service-Route names.
func (c condition) routes(a netip.Addr) bool {
	for i := range c.route {
		if at, ok := literal(&c.route[i]); ok && at.Addr() == a {
			return true
		}
	}
	return false
}

// setCondition takes what a registration has come to.
func (t *carriers) setCondition(id TrunkID, c condition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cond[id] = c
	t.publish(t.now.Load().trunks)
	t.nudge()
}

// dropCondition: the trunk does not register any more.
func (t *carriers) dropCondition(id TrunkID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.cond, id)
	t.publish(t.now.Load().trunks)
	t.nudge()
}

// ours is the trunk whose registered Contact a call asks for, if calls from that
// address are that trunk's: two accounts with one carrier share its addresses.
func (t *carriers) ours(user string, from netip.Addr) (Trunk, bool) {
	if !strings.HasPrefix(user, contactPrefix) {
		return Trunk{}, false
	}
	from = from.Unmap().WithZone("")
	table := t.now.Load()
	for i := range table.trunks {
		if c := &table.trunks[i]; table.cond[c.ID].user == user && c.accepts(table, from) {
			return c.Trunk, true
		}
	}
	return Trunk{}, false
}

// seenAs is our address as a registrar at peer sees it; invalid: as it is.
func (t *carriers) seenAs(peer netip.Addr) netip.AddrPort {
	for _, c := range t.now.Load().cond {
		if c.public.IsValid() && c.at.addr.Addr() == peer {
			return c.public
		}
	}
	return netip.AddrPort{}
}

// serviceRoute takes the way that the registrar gave us for requests outside
// dialogs (RFC 3608 §6.2): its first hop is where they go.
func (e *Endpoint) serviceRoute(d *destination, id TrunkID) {
	c := e.carriers.now.Load().cond[id]
	if len(c.route) == 0 || c.state != TrunkRegistered {
		return
	}
	d.routes = c.route
	hop := &c.route[0]
	at, ok := literal(hop)
	if !ok {
		var err error
		if at, err = e.addrOf(uriQuery(hop, overOf(hop, d.over))); err != nil {
			return // not known yet: by where we are registered, which is on the way
		}
	}
	d.places = d.places[:1]
	d.addr, d.over, d.routed = at, overOf(hop, d.over), true
}

// state says in a line how a trunk is.
func (t *carriers) state(table *carrierTable, c *carrier) TrunkState {
	spots, err := table.spots(c.query)
	reg := table.cond[c.ID]
	s := TrunkState{Trunk: c.ID}
	if len(spots) > 0 {
		s.Target = t.ordered(spots, reg.at)[0].String()
	}
	switch {
	case reg.state == TrunkRegistered:
		s.Up, s.State, s.Until, s.Target = true, reg.state, reg.until, reg.at.String()
		s.Why = "registered at " + s.Target
		if reg.why != "" {
			s.Why += "; the last REGISTER failed: " + reg.why
		}
		return s
	case reg.state == TrunkRefused:
		s.State, s.Why = reg.state, reg.why+"; not tried again before the configuration is reloaded"
		return s
	case len(spots) == 0:
		s.State, s.Why = TrunkUnresolved, err.Error()
		return s
	case reg.state == TrunkUnregistered:
		s.State, s.Why = reg.state, "not registered: "+reg.why+"; it is tried again and again"
		return s
	case reg.state == TrunkRegistering:
		s.State, s.Why = reg.state, "not registered yet: the first REGISTER is out"
		return s
	}
	s.Up, s.State = true, TrunkKnown
	s.Why = fmt.Sprintf("%s is %s", c.host, spots[0].addr.Addr())
	switch {
	case err != nil:
		s.Why = fmt.Sprintf("%v; the last known address %s is used", err, spots[0].addr.Addr())
	case c.host == spots[0].addr.Addr().String():
		s.Why = "address " + c.host
	}
	if c.Options > 0 {
		t.lively(&s, spots)
	}
	return s
}

// lively adds what OPTIONS has told.
func (t *carriers) lively(s *TrunkState, spots []spot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	alive, dead := 0, 0
	for _, p := range spots {
		switch h := t.health[p.place()]; {
		case h == nil:
		case h.alive:
			alive++
		case h.misses >= pingMisses:
			dead++
		}
	}
	switch {
	case dead == len(spots):
		s.Up, s.State = false, TrunkUnreachable
		s.Why = "unreachable: no answer to OPTIONS from " + s.Target
		if dead > 1 {
			s.Why += fmt.Sprintf(" and %d more", dead-1)
		}
	case alive > 0:
		s.State = TrunkAlive
		s.Why += ", answers OPTIONS"
		if dead > 0 {
			s.Why += fmt.Sprintf("; %d of %d addresses do not", dead, len(spots))
		}
	}
}
