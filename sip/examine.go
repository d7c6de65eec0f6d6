package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Finding is what one step of an examination found, in words.
type Finding struct {
	Step    string   // name, connection, certificate, register, options
	OK      bool     // also where the step says nothing against the trunk
	Text    string   // what was found
	Cure    string   // what to do, where it is not OK
	Details []string // the way there
}

// Examine tries what a trunk needs, step by step, on the wire and now, and tells
// each step as it is done; false: one was not OK. It waits for name servers and
// for the carrier: a minute at most, or until ctx is done.
func (e *Endpoint) Examine(ctx context.Context, id TrunkID, tell func(Finding)) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	x := &examination{e: e, ok: true, to: tell}
	c := e.carriers.now.Load().carrier(id)
	if c == nil {
		x.tell(Finding{Step: "name", Text: fmt.Sprintf("there is no trunk %s", id), Cure: "name one under trunks:"})
		return false
	}
	x.trunk = c.Trunk
	spots := x.name(ctx)
	if len(spots) == 0 {
		return false
	}
	x.connections(ctx, spots)
	x.register(ctx)
	x.options(ctx, spots)
	return x.ok
}

// examination is one run of Examine.
type examination struct {
	e     *Endpoint
	trunk Trunk
	to    func(Finding)
	ok    bool
}

func (x *examination) tell(f Finding) {
	x.ok = x.ok && f.OK
	x.to(f)
}

// name walks from the host to its addresses.
func (x *examination) name(ctx context.Context) []spot {
	a, spots := x.e.carriers.locateNow(ctx, x.trunk.ID)
	f := Finding{Step: "name", OK: a.err == nil, Details: a.steps}
	var reached []spot
	for _, s := range spots {
		if x.e.reaches(s.addr.Addr(), s.over) {
			reached = append(reached, s)
		} else {
			f.Details = append(f.Details, fmt.Sprintf("%s: not used: we have no socket of that address family", s))
		}
	}
	texts := make([]string, len(reached))
	for i, s := range reached {
		texts[i] = s.String()
	}
	list := strings.Join(texts, ", ")
	switch {
	case a.err == nil && len(reached) > 0:
		f.Text = fmt.Sprintf("%s is at %s, tried in this order", x.trunk.Host, list)
	case a.err == nil:
		f.OK, f.Text = false, fmt.Sprintf("%s has only addresses that we have no socket for", x.trunk.Host)
		f.Cure = "add a listener of that family to listen.sip, such as udp://[::]:5060"
	case len(reached) > 0:
		f.Text = fmt.Sprintf("%s cannot be resolved now: %v; the last known places %s are used", x.trunk.Host, a.err, list)
		f.Cure = "see to the name servers (resolv.conf, or dns.servers)"
	default:
		f.Text = fmt.Sprintf("%s cannot be resolved: %v", x.trunk.Host, a.err)
		f.Cure = "check how host is written, and whether the name servers work (resolv.conf, or dns.servers): dig " + x.trunk.Host
	}
	x.tell(f)
	return reached
}

// examinedPlaces is how many places are looked at.
const examinedPlaces = 4

// connections opens one to each place where the transport has such.
func (x *examination) connections(ctx context.Context, spots []spot) {
	for _, s := range spots[:min(len(spots), examinedPlaces)] {
		if s.over == onUDP {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, dialWithin)
		var d net.Dialer
		began := time.Now()
		conn, err := d.DialContext(bounded, "tcp", s.addr.String())
		cancel()
		if err != nil {
			x.tell(Finding{Step: "connection", Text: fmt.Sprintf("no TCP connection to %s: %v", s.addr, err),
				Cure: "check port and transport with the carrier, and that our firewall lets TCP out to there"})
			continue
		}
		x.tell(Finding{Step: "connection", OK: true, Text: fmt.Sprintf("TCP to %s opens in %v", s.addr, time.Since(began).Round(time.Millisecond))})
		if s.over == onTLS {
			x.certificate(ctx, s, conn)
		} else {
			_ = conn.Close()
		}
	}
}

// certificate shakes hands, and tells what the carrier showed.
func (x *examination) certificate(ctx context.Context, s spot, conn net.Conn) {
	w := wayOfTrunk(x.trunk)
	w.over = s.over
	c, err := x.e.secure(ctx, conn, w)
	if err != nil {
		x.tell(Finding{Step: "certificate", Text: fmt.Sprintf("%s: %v", s.addr, err),
			Cure: "host must be a name that the certificate is for; an authority of the carrier's own is named with ca: FILE; a certificate that has ended is the carrier's to renew"})
		return
	}
	defer c.Close()
	f := Finding{Step: "certificate", OK: true}
	if t, ok := c.(*tls.Conn); ok {
		state := t.ConnectionState()
		f.Text = fmt.Sprintf("%s shows a good certificate, %s", s.addr, tls.VersionName(state.Version))
		if len(state.PeerCertificates) > 0 {
			p := state.PeerCertificates[0]
			f.Details = []string{
				"for " + strings.Join(p.DNSNames, ", "), "signed by " + p.Issuer.String(),
				fmt.Sprintf("good until %s (%d days)", p.NotAfter.Format(time.DateOnly), int(time.Until(p.NotAfter).Hours()/24)),
			}
			if time.Until(p.NotAfter) < 7*24*time.Hour {
				f.Details = append(f.Details, "it ends soon: ask the carrier to renew it")
			}
		}
	}
	x.tell(f)
}

// register has the trunk's registration done again now.
func (x *examination) register(ctx context.Context) {
	if !x.trunk.Register {
		x.tell(Finding{Step: "register", OK: true, Text: "register: false, so the carrier must know our address and port by itself"})
		return
	}
	c, err := x.e.errands.registerNow(ctx, x.trunk.ID)
	f := Finding{Step: "register"}
	switch {
	case err != nil:
		f.Text, f.Cure = "no outcome in time: "+err.Error(), "try again"
	case c.state == TrunkRegistered && c.why == "":
		f.OK = true
		f.Text = fmt.Sprintf("registered at %s until %s", c.at, c.until.Local().Format(time.TimeOnly))
		f.Details = append(f.Details, "as "+c.user+", our Contact: calls to it are this trunk's")
		if c.public.IsValid() {
			f.Details = append(f.Details, fmt.Sprintf("we are behind a NAT: the registrar sees us as %s", c.public))
		}
		for i := range c.route {
			f.Details = append(f.Details, "Service-Route: "+c.route[i].String())
		}
	case c.state == TrunkRefused:
		f.Text, f.Cure = c.why, "correct username and password of the trunk (the carrier may have another name for the user), then trunkline reload"
	default:
		f.Text = "not registered: " + c.why
		f.Cure = "if there is no answer: check host, port and transport, and that our firewall lets SIP out and the answers in; if there is one, ask the carrier what it means"
	}
	x.tell(f)
}

// options asks each place whether it is there.
func (x *examination) options(ctx context.Context, spots []spot) {
	for _, s := range spots[:min(len(spots), examinedPlaces)] {
		began := time.Now()
		res, err := x.e.askPlace(ctx, x.trunk, s, pingWait)
		if err != nil {
			if errors.Is(err, context.Canceled) {
				return
			}
			x.e.carriers.ponged(s.place(), false)
			x.tell(Finding{Step: "options", Text: fmt.Sprintf("%s does not answer OPTIONS: %v", s, err),
				Cure: "check host, port and transport, and that our firewall lets SIP out and the answers in; a carrier that answers no OPTIONS at all wants options: 0s"})
			continue
		}
		x.e.carriers.ponged(s.place(), true)
		f := Finding{Step: "options", OK: true, Text: fmt.Sprintf("%s answers OPTIONS with %d %s in %v", s, res.StatusCode, res.Reason, time.Since(began).Round(time.Millisecond))}
		if v := res.Via(); v != nil {
			if received, ok := v.Params.Get("received"); ok && received != "" {
				port, _ := v.Params.Get("rport")
				f.Details = append(f.Details, "it sees us as "+net.JoinHostPort(strings.Trim(received, "[]"), port))
			}
		}
		if h := res.GetHeader("allow"); h != nil {
			f.Details = append(f.Details, "it allows "+h.Value())
		}
		if h := res.GetHeader("supported"); h != nil && h.Value() != "" {
			f.Details = append(f.Details, "it supports "+h.Value())
		}
		x.tell(f)
	}
}

// registerNow has a trunk register at once, and waits for what comes of it.
func (a *errands) registerNow(ctx context.Context, id TrunkID) (condition, error) {
	a.mu.Lock()
	x := a.running[id]
	a.mu.Unlock()
	if x == nil {
		return condition{}, errNoTrunk
	}
	before := a.e.carriers.now.Load().cond[id].attempts
	select {
	case x.again <- struct{}{}:
	default:
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if c := a.e.carriers.now.Load().cond[id]; c.attempts > before {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return condition{}, errNoAnswer
		case <-look.C:
		}
	}
}
