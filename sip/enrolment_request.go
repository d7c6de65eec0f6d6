package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

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
