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

func (g *enrolment) registerWithin(ctx context.Context, limit time.Duration, s spot) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return g.register(ctx, s, g.asked, netip.AddrPort{})
}

// register sends one REGISTER, answers at most two challenges and asks for more
// time once where that is wanted, and returns the expiry that was granted. at
// is the Contact; zero: the one that is right now.
func (g *enrolment) register(ctx context.Context, s spot, expires time.Duration, at netip.AddrPort) (granted time.Duration, err error) {
	w := wayOfTrunk(g.trunk)
	w.over = s.over
	f, err := g.e.flowTo(s.addr, w, netip.Addr{})
	if err != nil {
		return 0, err
	}
	g.e.befriend(f)
	var p proof
	var ask *sip.Response
	longer := false
	for try := 1; ; {
		req, contact := g.request(f, expires, at)
		if ask != nil {
			if err := g.login.authorise(req, ask, &p, f.remote.Addr()); err != nil {
				if errors.Is(err, errRefused) {
					err = fmt.Errorf("%w: %w", errWrongCredentials, &finalNo{code: ask.StatusCode, text: ask.Reason})
				}
				return 0, err
			}
		}
		ask = nil
		res, err := g.e.exchange(ctx, req, f)
		switch {
		case err != nil:
			return 0, err
		case res.IsSuccess():
			if expires > 0 {
				g.flow, g.contact = f, contact
				g.learn(res, f, contact)
				g.cond.route = serviceRouteOf(res)
				return grantedBy(res, g.user, expires)
			}
			return 0, nil
		case asks(res) && g.login != nil && try < maxTries:
			ask = res
			try++
		case res.StatusCode == 423 && !longer && minExpires(res) > expires: // RFC 3261 §10.2.8
			longer = true
			expires = minExpires(res)
			g.asked = expires
		case asks(res) && g.login == nil:
			return 0, fmt.Errorf("%w: %w", errWrongCredentials, &finalNo{code: res.StatusCode, text: "it asks for a password and the trunk has none"})
		default:
			return 0, &finalNo{res.StatusCode, res.Reason, waitAsked(res)}
		}
	}
}

// request builds a REGISTER.
func (g *enrolment) request(f *flow, expires time.Duration, at netip.AddrPort) (*sip.Request, netip.AddrPort) {
	e := g.e
	uri := uriOfTrunk(g.trunk)
	uri.UriParams = nil
	req := sip.NewRequest(sip.REGISTER, uri) // RFC 3261 §10.2: without a user
	req.AppendHeader(e.via(f))
	req.AppendHeader(maxForwards())
	aor := sip.Uri{Scheme: "sip", User: escapeUser(g.trunk.Username), Host: uri.Host}
	req.AppendHeader(&sip.FromHeader{Address: aor, Params: sip.HeaderParams{{K: "tag", V: e.newTag()}}})
	req.AppendHeader(&sip.ToHeader{Address: aor})
	req.AppendHeader(&g.callID)
	g.cseq++
	req.AppendHeader(&sip.CSeqHeader{SeqNo: g.cseq, MethodName: sip.REGISTER})
	c := e.contact(f, false)
	c.Address.User = g.user
	if !at.IsValid() && g.cond.public.IsValid() && e.behindNAT(f) {
		at = g.cond.public // also before it is told: the trunk is not registered there yet
	}
	if at.IsValid() {
		c.Address.Host, c.Address.Port = at.Addr().String(), int(at.Port())
	} else if ip, err := netip.ParseAddr(strings.Trim(c.Address.Host, "[]")); err == nil {
		at = netip.AddrPortFrom(ip, uint16(c.Address.Port))
	}
	seconds := strconv.Itoa(int(expires / time.Second))
	c.Params = nil
	if expires == 0 {
		c.Params = sip.HeaderParams{{K: "expires", V: seconds}}
	}
	// Else the header alone asks: registrars that send our Contact back as it
	// came, and their own time in Expires, would seem to grant what we asked.
	req.AppendHeader(c)
	req.AppendHeader(sip.NewHeader("Expires", seconds))
	req.AppendHeader(sip.NewHeader("Supported", "path")) // RFC 3327 §5.1
	req.AppendHeader(sip.NewHeader("Allow", widest.allow()))
	req.AppendHeader(sip.NewHeader("User-Agent", product))
	req.SetBody(nil)
	return req, at
}

// learn reads from the Via how the registrar sees us (RFC 3581 §4).
func (g *enrolment) learn(res *sip.Response, f *flow, contact netip.AddrPort) {
	v := res.Via()
	if v == nil || !g.e.behindNAT(f) {
		g.cond.public = netip.AddrPort{}
		return
	}
	received, _ := v.Params.Get("received")
	ip, err := netip.ParseAddr(strings.Trim(received, "[]"))
	if err != nil {
		return
	}
	port := contact.Port()
	if p, ok := v.Params.Get("rport"); ok {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil && n > 0 {
			port = uint16(n)
		}
	}
	seen := netip.AddrPortFrom(ip.Unmap(), port)
	if seen.Addr() == f.local().Addr() || !usableOutside(seen.Addr()) {
		g.cond.public = netip.AddrPort{}
		return
	}
	g.cond.public = seen
}

// usableOutside refuses what cannot be an address of ours.
func usableOutside(a netip.Addr) bool {
	return !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLinkLocalUnicast()
}

// behindNAT reports a peer that may see us by another address, which nobody has
// told us.
func (e *Endpoint) behindNAT(f *flow) bool {
	local, peer := f.local().Addr(), f.remote.Addr()
	if local.IsLoopback() || peer.IsLoopback() || e.near(peer) {
		return false
	}
	for _, x := range e.cfg.External {
		if x.Is4() == local.Is4() {
			return false
		}
	}
	return true
}

// grantedBy is the time that a registrar grants our Contact: at the Contact, else
// for all (RFC 3261 §10.2.4), else what was asked for.
func grantedBy(res *sip.Response, user string, asked time.Duration) (time.Duration, error) {
	text := ""
	if h := res.GetHeader("expires"); h != nil {
		text = h.Value()
	}
	var values []string
	for _, h := range res.GetHeaders("contact") {
		values = append(values, h.Value())
	}
	if list, _, err := parseContacts(values); err == nil {
		for _, c := range list {
			if c.timed && (len(list) == 1 || strings.Contains(c.uri, ":"+user+"@")) {
				text = c.expires
			}
		}
	}
	if text == "" {
		return asked, nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	if err != nil {
		return asked, nil
	}
	if n == 0 {
		return 0, errNotGranted
	}
	return max(time.Duration(n)*time.Second, expiresLeast), nil
}

// minExpires is that header of a 423; 0: none.
func minExpires(res *sip.Response) time.Duration {
	h := res.GetHeader("min-expires")
	if h == nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Value()), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, 24*time.Hour)
}

// serviceRouteOf reads RFC 3608's header.
func serviceRouteOf(res *sip.Response) (routes []sip.Uri) {
	for _, h := range res.GetHeaders("service-route") {
		for _, v := range splitQuoted(h.Value(), ',') {
			var u sip.Uri
			if _, err := sip.ParseAddressValue(strings.TrimSpace(v), &u, nil); err == nil && u.Host != "" && !u.Wildcard && len(routes) < 10 {
				routes = append(routes, u)
			}
		}
	}
	return routes
}
