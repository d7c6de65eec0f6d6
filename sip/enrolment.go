package sip

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	expiresAsked = time.Hour
	expiresLeast = 10 * time.Second // of what a registrar may grant: less would be a flood of our own

	// Between two attempts that failed: doubling, with a quarter of chance, for
	// ever.
	registerRetry     = 2 * time.Second
	registerRetryMost = time.Minute

	placeWait    = 5 * time.Second // for a registrar's answer where there is another to ask
	maxPlaces    = 8               // asked in one attempt
	goodbyeWait  = 2 * time.Second // for un-registering
	relearnEvery = 30 * time.Second

	// contactPrefix marks the user part of a registered Contact.
	contactPrefix = "tl-"
)

// enrolment keeps our address registered with one trunk (RFC 3261 §10.2). Its
// goroutine owns it.
type enrolment struct {
	e     *Endpoint
	trunk Trunk
	again <-chan struct{} // a reload: try at once, and again where it was given up

	login  *login
	callID sip.CallIDHeader
	cseq   uint32
	user   string // of the Contact

	cond    condition
	flow    *flow          // to the registrar
	contact netip.AddrPort // in the last REGISTER that was accepted
	asked   time.Duration  // the expiry to ask for
	learned time.Time      // when our public address was learned last
	tries   int            // attempts in a row that failed

	attempts uint64 // in all
}

var (
	errWrongCredentials = errors.New("wrong user or password")
	errNotGranted       = errors.New("the registrar grants no time")
)

// finalNo is a final response that says no.
type finalNo struct {
	code  int
	text  string
	after time.Duration
}

func (r *finalNo) Error() string { return strconv.Itoa(r.code) + " " + r.text }

// run registers, refreshes and, when ctx is done, un-registers in bounded time.
func (g *enrolment) run(ctx context.Context) {
	g.begin()
	defer g.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var lost <-chan struct{}
		if g.cond.state == TrunkRegistered && g.flow.tcp != nil {
			lost = g.flow.tcp.done // RFC 5626 §4.4: calls come in over it
		}
		select {
		case <-ctx.Done():
			return
		case <-g.again:
		case <-timer.C:
		case <-lost:
			g.flow = &flow{}
			timer.Reset(time.Second)
			continue
		}
		wait, ok := g.attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		g.attempts++
		g.cond.attempts = g.attempts
		g.tell()
		if !ok {
			timer.Stop() // until a reload
			continue
		}
		timer.Reset(wait)
	}
}

// begin sets what stays the same for as long as the trunk does, also over a
// restart: the registrar then knows the binding for the same phone's (RFC 3261
// §10.2). CSeq is the time, so that it goes on rising.
func (g *enrolment) begin() {
	name := sha256.Sum256([]byte(strings.Join([]string{string(g.trunk.ID), g.trunk.Host, g.trunk.Username, g.e.cfg.Domain, g.home()}, "\x00")))
	text := hex.EncodeToString(name[:])
	g.user = contactPrefix + text[:16]
	g.callID = sip.CallIDHeader(text[16:48])
	g.cseq = uint32(time.Now().Unix()) & (1<<31 - 1) // RFC 3261 §8.1.1.5
	g.login = g.e.loginOf(g.trunk)
	g.asked = cmp.Or(g.trunk.Expires, expiresAsked)
	g.flow = &flow{}
	g.cond = condition{state: TrunkRegistering, user: g.user}
	g.tell()
}

// home tells this machine's registrations from those of another with the same
// configuration.
func (g *enrolment) home() string {
	if len(g.e.udp) > 0 {
		return g.e.udp[0].local.String()
	}
	return ""
}

func (g *enrolment) tell() { g.e.carriers.setCondition(g.trunk.ID, g.cond) }

// end un-registers.
func (g *enrolment) end() {
	defer g.e.carriers.dropCondition(g.trunk.ID)
	if g.cond.state != TrunkRegistered || !time.Now().Before(g.cond.until) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWait)
	defer cancel()
	if _, err := g.register(ctx, g.cond.at, 0, g.contact); err != nil {
		g.e.log.Warn("un-registering failed: the carrier goes on sending calls until it expires", "trunk", string(g.trunk.ID), "until", g.cond.until.Format(time.TimeOnly), "err", err)
	}
}

// attempt looks the registrar up, whatever was known, and registers with the
// first of its places that takes it. It returns how long to wait until the next
// attempt; false: no attempt may follow.
func (g *enrolment) attempt(ctx context.Context) (wait time.Duration, ok bool) {
	a, spots := g.e.carriers.locateNow(ctx, g.trunk.ID)
	err := a.err
	var after time.Duration
	for _, s := range spots[:min(len(spots), maxPlaces)] {
		if !g.e.reaches(s.addr.Addr(), s.over) {
			err = fmt.Errorf("%s: %w", s, errNoSocket)
			continue
		}
		limit := giveUp
		if len(spots) > 1 {
			limit = placeWait
		}
		var granted time.Duration
		if granted, err = g.registerWithin(ctx, limit, s); err == nil {
			return g.registered(ctx, s, granted), true
		}
		if ctx.Err() != nil {
			return 0, false
		}
		var no *finalNo
		said := errors.As(err, &no)
		err = fmt.Errorf("%s: %w", s, err)
		if errors.Is(err, errWrongCredentials) || errors.Is(err, errNotTheirs) || said && no.code == 403 {
			g.giveUp(err)
			return 0, false
		}
		if said && no.code < 500 && no.code != 408 {
			after = max(after, no.after)
			break // it is there, and does not want this: another would say the same
		}
		if said {
			after = max(after, no.after)
			g.e.carriers.blame(s.place(), no.Error(), no.after)
		} else {
			g.e.carriers.blame(s.place(), err.Error(), 0)
		}
	}
	return g.failed(err, after), true
}

// giveUp is loud: nothing but a new configuration helps.
func (g *enrolment) giveUp(err error) {
	why := fmt.Sprintf("wrong user or password: %v", err)
	if errors.Is(err, errWrongCredentials) || errors.Is(err, errNotTheirs) {
		why = err.Error()
	}
	g.e.log.Error("the carrier refuses our registration: correct username and password of the trunk, then reload", "trunk", string(g.trunk.ID), "err", err)
	g.cond = condition{state: TrunkRefused, why: why, user: g.user}
	g.tries = 0
}

// failed is how long to wait after an attempt that failed.
func (g *enrolment) failed(err error, after time.Duration) time.Duration {
	var no *finalNo
	if errors.As(err, &no) && (no.code == 400 || no.code == 500) {
		// Where the clock was set back, the old Call-ID's CSeq is not taken any more
		// (RFC 3261 §10.3, step 7).
		g.callID = sip.CallIDHeader(random(32))
	}
	g.cond.why = err.Error()
	now := time.Now()
	if g.cond.state != TrunkRegistered || !now.Before(g.cond.until) {
		g.cond = condition{state: TrunkUnregistered, why: err.Error(), user: g.user}
	}
	wait := min(registerRetry<<min(g.tries, 8), registerRetryMost)
	g.tries++
	wait = max(wait*3/4+rand.N(wait/2), min(after, retryAfterMost))
	if g.tries == 1 || g.tries%10 == 0 {
		g.e.log.Warn("not registered with the carrier", "trunk", string(g.trunk.ID), "err", err, "count", g.tries)
	}
	if g.cond.state == TrunkRegistered {
		wait = min(wait, time.Until(g.cond.until)+time.Millisecond) // then it is over
	}
	return max(wait, time.Second)
}

// registered notes a registration and is when to refresh it.
func (g *enrolment) registered(ctx context.Context, s spot, granted time.Duration) time.Duration {
	if g.cond.state != TrunkRegistered {
		g.e.log.Info("registered with the carrier", "trunk", string(g.trunk.ID), "addr", s.String(), "reason", "for "+granted.String())
	}
	g.tries = 0
	g.cond.state, g.cond.why, g.cond.at, g.cond.until = TrunkRegistered, "", s, time.Now().Add(granted)
	g.e.carriers.praise(s.place())
	g.tell()
	if g.cond.public.IsValid() && g.cond.public != g.contact && time.Since(g.learned) >= relearnEvery {
		// We are behind a NAT: the registrar must know our address as it sees it.
		old := g.contact
		g.learned = time.Now()
		if again, err := g.registerWithin(ctx, placeWait, s); err == nil {
			granted = again
			g.cond.until = time.Now().Add(granted)
			if old.IsValid() && old != g.contact {
				_, _ = g.withContact(ctx, s, old) // the binding to where nobody is reached
			}
		}
	}
	return refreshAfter(granted)
}

// withContact removes an older binding.
func (g *enrolment) withContact(ctx context.Context, s spot, old netip.AddrPort) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeWait)
	defer cancel()
	return g.register(ctx, s, 0, old)
}

// refreshAfter leaves time for two attempts that nobody answers.
func refreshAfter(granted time.Duration) time.Duration {
	return granted - max(granted/10, min(granted/2, 40*time.Second))
}
