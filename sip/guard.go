package sip

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limits on who is no configured trunk. A friend is an address where somebody
// proved himself: perhaps an office, all of whose phones come back at once
// after a power cut.
const (
	strangerRate  = 50 // packets a second
	strangerBurst = 200
	friendRate    = 3000
	friendBurst   = 9000
	everyRate     = 10000 // of all strangers together

	tooManyDropped  = 1000             // packets beyond the limit: a ban
	tooManyFailures = 20               // wrong credentials within failureWindow
	failureWindow   = 10 * time.Minute //
	banFor          = 10 * time.Minute

	maxTallies = 1 << 14 // sources in one generation; two are kept
	maxBans    = 1 << 12
	tallyFor   = failureWindow // a generation's age
)

// origin is who a limit counts against: an IPv4 address, or an IPv6 /64, which
// is what one subscriber has.
type origin [16]byte

func originOf(a netip.Addr) origin {
	b := a.As16()
	if !a.Unmap().Is4() {
		clear(b[8:])
	}
	return b
}

func (s origin) prefix() netip.Prefix {
	a := netip.AddrFrom16(s).Unmap()
	bits := 64
	if a.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(a, bits)
}

// suspect is a source with the user that it tries to be; 0: whoever.
type suspect struct {
	origin
	user uint64
}

// tally is what a source has used up. It holds no pointer: thousands cost the
// collector nothing.
type tally struct {
	at       int64 // ns, of tokens
	tokens   float32
	dropped  int32
	failures int32
	first    int64 // ns, of the failures counted
}

// Ban is a source that is not heard for a while, or a user for which
// credentials of that source are not looked at.
type Ban struct {
	Source  netip.Prefix
	User    string // empty: the whole source
	Rule    string
	Since   time.Time
	Until   time.Time
	Dropped uint64 // what came meanwhile
}

// guard holds the limits. A configured trunk never comes before it. Its memory
// is bounded: tallies are kept in two generations, and when the younger is full
// or old the elder is forgotten; bans have their own room, and need more packets
// from one source than a forger can spare.
type guard struct {
	grumble *grumbler
	count   *ruleCounts
	seed    maphash.Seed

	mu           sync.Mutex
	young, elder map[suspect]tally
	since        time.Time
	bans         map[suspect]*Ban
	every        tally
}

func newGuard(g *grumbler, count *ruleCounts) *guard {
	return &guard{
		grumble: g, count: count, seed: maphash.MakeSeed(), since: time.Now(),
		young: map[suspect]tally{}, elder: map[suspect]tally{}, bans: map[suspect]*Ban{},
	}
}

// heard charges a packet, or a connection, to its source and tells whether it
// may be looked at.
func (g *guard) heard(a netip.Addr, friend bool, now time.Time) bool {
	who := suspect{origin: originOf(a)}
	rate, burst := float32(strangerRate), float32(strangerBurst)
	if friend {
		rate, burst = friendRate, friendBurst
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.banned(who, now); b != nil {
		b.Dropped++
		g.count.add(g.ruleOfBan(b))
		return false
	}
	t := g.tally(who, now)
	ok := t.spend(rate, burst, now)
	switch {
	case !ok:
		// A friend is never banned for packets: they may be forged.
		if t.dropped++; t.dropped >= tooManyDropped && !friend {
			g.ban(who, "", ruleRequests, now)
			t = tally{}
		}
	case !friend:
		ok = g.every.spend(everyRate, everyRate, now)
	}
	g.young[who] = t
	if !ok {
		g.count.add(ruleRequests)
		g.grumble.say("SIP of one source dropped: too much", "addr", a.String(), "rule", ruleRequests.String())
	}
	return ok
}

// spend takes one out of a bucket of tokens.
func (t *tally) spend(rate, burst float32, now time.Time) bool {
	ns := now.UnixNano()
	if t.at == 0 {
		t.tokens = burst
	} else {
		t.tokens = min(burst, t.tokens+rate*float32(float64(ns-t.at)/1e9))
	}
	t.at = ns
	if t.tokens < 1 {
		return false
	}
	t.tokens--
	return true
}

// failed counts wrong credentials that answered a nonce of ours, which nobody
// can do from a forged address. A stranger who guesses is banned; of a friend,
// only what it says for that user is not looked at.
func (g *guard) failed(a netip.Addr, user string, friend bool, now time.Time) {
	who := suspect{origin: originOf(a)}
	if friend {
		who.user = maphash.String(g.seed, user)
	} else {
		user = ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tally(who, now)
	if now.UnixNano()-t.first > int64(failureWindow) {
		t.first, t.failures = now.UnixNano(), 0
	}
	if t.failures++; t.failures >= tooManyFailures {
		g.ban(who, user, ruleFailures, now)
		t.failures = 0
	}
	g.young[who] = t
}

// guessing reports a user for which a source's credentials are not looked at.
func (g *guard) guessing(a netip.Addr, user string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.bans) == 0 {
		return false
	}
	b := g.banned(suspect{originOf(a), maphash.String(g.seed, user)}, now)
	if b == nil {
		return false
	}
	b.Dropped++
	g.count.add(ruleFailures)
	return true
}

// blocked reports a source that is banned now.
func (g *guard) blocked(a netip.Addr, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.banned(suspect{origin: originOf(a)}, now) != nil
}

// tally is who's, taken over from the elder generation. The lock is held.
func (g *guard) tally(who suspect, now time.Time) tally {
	if t, ok := g.young[who]; ok {
		return t
	}
	if len(g.young) >= maxTallies || now.Sub(g.since) > tallyFor {
		g.young, g.elder = g.elder, g.young
		clear(g.young)
		g.since = now
	}
	return g.elder[who]
}

// banned is who's ban, if it is not over. The lock is held.
func (g *guard) banned(who suspect, now time.Time) *Ban {
	b := g.bans[who]
	if b != nil && !now.Before(b.Until) {
		delete(g.bans, who)
		return nil
	}
	return b
}

// ban begins one. The lock is held.
func (g *guard) ban(who suspect, user string, why rule, now time.Time) {
	if len(g.bans) >= maxBans {
		for k, b := range g.bans {
			if !now.Before(b.Until) {
				delete(g.bans, k)
			}
		}
		if len(g.bans) >= maxBans {
			return // its packets are dropped one by one
		}
	}
	b := &Ban{Source: who.prefix(), User: user, Rule: why.String(), Since: now, Until: now.Add(banFor)}
	g.bans[who] = b
	args := []any{"addr", b.Source.String(), "rule", b.Rule, "until", b.Until.Format(time.TimeOnly)}
	if user != "" {
		args = append(args, "agent", excerpt(user))
	}
	g.grumble.say("source banned", args...)
}

func (g *guard) ruleOfBan(b *Ban) rule {
	if b.Rule == ruleFailures.String() {
		return ruleFailures
	}
	return ruleRequests
}

// list is a copy of the bans in force, the longest first.
func (g *guard) list(now time.Time) []Ban {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Ban
	for k, b := range g.bans {
		if now.Before(b.Until) {
			all = append(all, *b)
		} else {
			delete(g.bans, k)
		}
	}
	slices.SortFunc(all, func(a, b Ban) int {
		if c := b.Until.Compare(a.Until); c != 0 {
			return c
		}
		return a.Source.Compare(b.Source)
	})
	return all
}

// pardon ends the bans of an address and forgets what it did; false: there was
// none.
func (g *guard) pardon(a netip.Addr) bool {
	s := originOf(a)
	g.mu.Lock()
	defer g.mu.Unlock()
	had := false
	for k := range g.bans {
		if k.origin == s {
			had = true
			delete(g.bans, k)
		}
	}
	delete(g.young, suspect{origin: s})
	delete(g.elder, suspect{origin: s})
	return had
}
