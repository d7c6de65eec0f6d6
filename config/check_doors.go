package config

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	domain = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	socket = regexp.MustCompile(`^([a-z]+)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]+))?/?$`)
)

// checkListen checks the sockets that the switch is to open.
func (r *reader) checkListen(c *Config) {
	if len(c.Listen.SIP) == 0 {
		r.fail("listen.sip", "is empty, so nobody could call: write [\"udp://0.0.0.0:5060\", \"tcp://0.0.0.0:5060\"]")
	}
	r.noRepeats("listen.sip", c.Listen.SIP)
	r.noRepeats("listen.http", c.Listen.HTTP)
	for i, url := range c.Listen.SIP {
		key := index("listen.sip", i)
		scheme, port := r.socket(key, url, "udp://0.0.0.0:5060")
		switch scheme {
		case "", "tcp":
		case "tls":
			if c.TLS.Cert == "" {
				r.fail(key, "needs a certificate: write tls: {cert: FILE, key: FILE}")
			}
		case "udp":
			if port >= int(c.Media.Ports.Min) && port <= int(c.Media.Ports.Max) {
				r.fail(key, "port %d is inside media.ports %s: take one of them elsewhere", port, c.Media.Ports)
			}
		case "ws", "wss":
			r.fail(key, "%s listeners are not available in this version: write udp://, tcp:// or tls://", scheme)
		default:
			r.fail(key, "%q is not a transport of SIP: write udp://, tcp:// or tls://", scheme)
		}
	}
	for i, url := range c.Listen.HTTP {
		key := index("listen.http", i)
		switch scheme, _ := r.socket(key, url, "http://127.0.0.1:8080"); scheme {
		case "":
		case "http":
			if !onThisMachine(url) && !c.HTTPS() {
				r.warn(key, "is no secure context: browsers give a page there no microphone, and passwords cross in the clear: write https://, or have a proxy before it that speaks https")
			}
		case "https":
			if c.TLS.Cert == "" {
				r.warn(key, "has no certificate: the switch signs one itself, of which browsers warn; write tls: {cert: FILE, key: FILE}")
			}
		default:
			r.fail(key, "%q is not a scheme of this door: write https://, or http:// on this machine", scheme)
		}
	}
}

// onThisMachine says that a listener is heard on loopback alone, where browsers
// take http for a secure context.
func onThisMachine(listener string) bool {
	u, err := url.Parse(listener)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && a.IsLoopback() || u.Hostname() == "localhost"
}

// checkWebRTC checks the port of the browsers.
func (r *reader) checkWebRTC(c *Config) {
	port := c.WebRTC.Port
	switch {
	case port == 0:
	case port < 0 || port > 65535:
		r.fail("webrtc.port", "is %d: write a UDP port, or 0 for one of media.ports", port)
	case port >= int(c.Media.Ports.Min) && port <= int(c.Media.Ports.Max):
		r.fail("webrtc.port", "%d is inside media.ports %s: take one elsewhere, or 0 for one of them", port, c.Media.Ports)
	}
	for _, url := range c.Listen.SIP {
		if m := socket.FindStringSubmatch(url); m != nil && m[1] == "udp" && port != 0 && m[3] == strconv.Itoa(port) {
			r.fail("webrtc.port", "%d is a port of listen.sip: take another", port)
		}
	}
	for i, a := range c.WebRTC.Addresses {
		if a.IsUnspecified() || a.IsMulticast() {
			r.fail(index("webrtc.addresses", i), "%s is nobody's address: write one that browsers can reach", a)
		}
	}
}

// checkTLS reads the certificates as the listeners and trunks will.
func (r *reader) checkTLS(c *Config) {
	switch {
	case c.TLS.Cert == "" && c.TLS.Key == "":
	case c.TLS.Cert == "":
		r.fail("tls.cert", "is missing beside tls.key: write the file of the certificate")
	case c.TLS.Key == "":
		r.fail("tls.key", "is missing beside tls.cert: write the file of the private key")
	default:
		if _, err := tls.LoadX509KeyPair(c.Resolve(c.TLS.Cert), c.Resolve(c.TLS.Key)); err != nil {
			r.fail("tls", "the certificate %s cannot be used with the key %s: %v", c.TLS.Cert, c.TLS.Key, err)
		}
	}
	r.checkAuthorities(c, "tls.ca", c.TLS.CA)
	private := slices.ContainsFunc(c.Listen.SIP, func(url string) bool { return strings.HasPrefix(url, "tls://") })
	for _, a := range c.Agents {
		if (a.SRTP == "optional" || a.SRTP == "required") && !private {
			r.warn(join(join("agents", a.ID), "srtp"), "is %s, and the keys cross in the clear: add a tls:// socket to listen.sip, and have the phones use it", a.SRTP)
		}
	}
	for _, t := range c.Trunks {
		key := join("trunks", t.ID)
		r.checkAuthorities(c, join(key, "ca"), t.CA)
		if t.CA != "" && t.Transport != "tls" && t.Transport != "auto" {
			r.warn(join(key, "ca"), "is not used: the transport is %s; write transport: tls", t.Transport)
		}
		if (t.SRTP == "optional" || t.SRTP == "required") && t.Transport != "tls" {
			r.warn(join(key, "srtp"), "is %s, and the keys cross in the clear: the transport is %s; write transport: tls", t.SRTP, t.Transport)
		}
		if t.Transport == "tls" && !slices.ContainsFunc(c.Listen.SIP, func(url string) bool { return strings.HasPrefix(url, "tls://") }) {
			r.warn(join(key, "transport"), "is tls, and listen.sip has no tls:// listener: the carrier can call us only over the connection that we open")
		}
	}
}

func (r *reader) checkAuthorities(c *Config, key, file string) {
	if file == "" {
		return
	}
	text, err := os.ReadFile(c.Resolve(file))
	if err != nil {
		r.fail(key, "%s cannot be read: %v", file, err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(text) {
		r.fail(key, "%s holds no certificate: write a file in PEM", file)
	}
}

// checkWebhooks checks the receivers of facts.
func (r *reader) checkWebhooks(c *Config) {
	for _, w := range c.Webhooks {
		key := join("webhooks", w.ID)
		r.name(key, w.ID)
		r.checkReceiver(key, w.URL, w.Secret)
	}
}

// checkReceiver checks where something is posted to, and how it is signed.
func (r *reader) checkReceiver(key, to string, secret Secret) {
	if u, err := url.Parse(to); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		r.fail(join(key, "url"), "%q is no address of a receiver: write one such as https://crm.example/hook", to)
	}
	if len(secret.Reveal()) < 16 {
		r.fail(join(key, "secret"), "is missing or short: write one of 16 characters or more")
	}
}

// checkLookup checks who is asked who calls.
func (r *reader) checkLookup(c *Config) {
	l := c.Contacts.Lookup
	if l.Timeout < 50*time.Millisecond || l.Timeout > 10*time.Second {
		r.fail("contacts.lookup.timeout", "%s is out of range: write a time from 50ms to 10s", written(l.Timeout))
	}
	if l.Cache < 0 || l.Cache > 30*day {
		r.fail("contacts.lookup.cache", "%s is out of range: write a time from 0s to 30d", written(l.Cache))
	}
	if l.URL == "" {
		if !l.Secret.Empty() {
			r.warn("contacts.lookup.secret", "has nobody to be shown to: write contacts.lookup.url, such as https://crm.example/who")
		}
		return
	}
	r.checkReceiver("contacts.lookup", l.URL, l.Secret)
}

// checkHEP checks the collector's address.
func (r *reader) checkHEP(c *Config) {
	switch scheme, port := r.socket("hep.to", c.HEP.To, "udp://homer.example:9060"); {
	case scheme != "" && scheme != "udp":
		r.fail("hep.to", "%q is no way to a collector: write udp://host:port", scheme)
	case scheme == "udp" && port == 0:
		r.fail("hep.to", "the port 0 is nowhere: write that of the collector, such as 9060")
	}
	r.between("hep.id", c.HEP.ID, 0, 1<<32-1)
	if !c.HEP.Password.Empty() && c.HEP.To == "" {
		r.warn("hep.password", "has no collector: write hep.to, such as udp://homer.example:9060")
	}
}

// socket takes scheme://host:port apart; the scheme is empty when it is wrong,
// which has been said then.
func (r *reader) socket(key, url, example string) (scheme string, port int) {
	if url == "" {
		return "", 0
	}
	m := socket.FindStringSubmatch(url)
	if m == nil {
		r.fail(key, "%q is not a socket: write one such as %s", url, example)
		return "", 0
	}
	if m[3] == "" {
		r.fail(key, "%q has no port: write one such as %s", url, example)
		return "", 0
	}
	port, err := number(m[3])
	if err != nil {
		r.fail(key, "the port %v", err)
		return "", 0
	}
	if port > 65535 {
		r.fail(key, "the port %d is out of range: write one from 1 to 65535, or 0 for any free one", port)
		return "", 0
	}
	if !r.host(strings.Trim(m[2], "[]")) {
		r.fail(key, "%q is neither an IP address nor a host name: write one such as %s", m[2], example)
		return "", 0
	}
	return m[1], port
}

var dotted = regexp.MustCompile(`^[0-9.]+$`)

// host says whether a text can be a host: an IP address, or a name. What
// looks like an IPv4 address must be one: 10.0.0.300 is not a name.
func (r *reader) host(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return !dotted.MatchString(text) && len(text) <= 253 && domain.MatchString(text)
}

var hostPort = regexp.MustCompile(`^(\[[0-9a-fA-F:.]+\]|[^:\[\]\s/@]+)(?::([0-9]+))?$`)

// wrongHost says what is wrong with host or host:port; empty when nothing is.
func (r *reader) wrongHost(text string) string {
	m := hostPort.FindStringSubmatch(text)
	switch {
	case m == nil || !r.host(strings.Trim(m[1], "[]")):
		return "is not a host: write a name, an address, or either with a port, such as sip.acme.example:5060"
	case m[2] == "":
		return ""
	}
	port, err := number(m[2])
	if err != nil {
		return "has a port that is wrong: " + err.Error()
	}
	if port < 1 || port > 65535 {
		return "has a port out of range: write one from 1 to 65535"
	}
	return ""
}

// checkTrunks checks each carrier's account and what they claim together.
func (r *reader) checkTrunks(c *Config) {
	for _, t := range c.Trunks {
		key := join("trunks", t.ID)
		r.name(key, t.ID)
		if t.Host == "" {
			r.fail(join(key, "host"), "is missing: write the carrier's host, such as sip.acme.example")
		} else if wrong := r.wrongHost(t.Host); wrong != "" {
			r.fail(join(key, "host"), "%q %s", t.Host, wrong)
		}
		r.checkTrunkPassword(key, t)
		if t.Register && t.Username == "" && !t.Password.Empty() {
			r.fail(join(key, "username"), "is missing, and register: true needs it: write the user that the carrier gave")
		}
		r.lasts(join(key, "expires"), t.Expires, time.Minute, 24*time.Hour, "1h")
		if t.Options != 0 {
			r.lasts(join(key, "options"), t.Options, 5*time.Second, time.Hour, "30s, or 0s for none")
		}
		r.lasts(join(key, "trying"), t.Trying, 500*time.Millisecond, 32*time.Second, "4s")
		r.lasts(join(key, "ring_start"), t.RingStart, t.Trying, 3*time.Minute, "40s")
		if len(t.CalledFrom) == 0 {
			r.fail(join(key, "called_from"), "is empty, so no number would be found: write [uri, to]")
		}
		r.noRepeats(join(key, "called_from"), t.CalledFrom)
		r.between(join(key, "max_calls"), t.MaxCalls, 1, 100_000)
		if t.SessionTimers != c.SessionTimers {
			r.checkTimers(join(key, "session_timers"), t.SessionTimers)
		}
		r.ourNumber(join(key, "caller_id"), t.CallerID)
		for i, p := range t.AcceptFrom {
			if p.IsValid() && p.Bits() == 0 {
				r.warn(index(join(key, "accept_from"), i), "%s is everybody: any host on the internet can call in as this trunk; name the carrier's networks", p)
			}
		}
	}
	r.checkOverlaps(c)
}

// lasts checks a duration's bounds; such is what to write.
func (r *reader) lasts(key string, d, least, most time.Duration, such string) {
	if d < least || d > most {
		r.fail(key, "%s is out of range: write %s to %s, such as %s", written(d), written(least), written(most), such)
	}
}

// checkDNS checks the name servers.
func (r *reader) checkDNS(c *Config) {
	r.noRepeats("dns.servers", c.DNS.Servers)
	for i, s := range c.DNS.Servers {
		if _, err := NameServer(s); err != nil {
			r.fail(index("dns.servers", i), "%q is not the address of a name server: write an IP address, or one with a port, such as 192.0.2.53:53", s)
		}
	}
}

// NameServer reads an entry of dns.servers.
func NameServer(s string) (netip.AddrPort, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at, nil
	}
	ip, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(ip, 53), err
}

// checkTimers wants what RFC 4028 allows.
func (r *reader) checkTimers(key string, t SessionTimers) {
	const least = 90 * time.Second // §5
	if t.Min < least {
		r.fail(join(key, "min"), "%s is too short: write 90s or more (RFC 4028)", written(t.Min))
		return
	}
	if t.Expires != 0 && t.Expires < t.Min {
		r.fail(join(key, "expires"), "%s is shorter than min %s: write that or more, or 0s for no timers", written(t.Expires), written(t.Min))
	}
}

func (r *reader) checkTrunkPassword(key string, t Trunk) {
	at := join(key, "password")
	if !t.Password.Empty() {
		if t.Username == "" {
			r.fail(join(key, "username"), "is missing beside a password: write the user that the carrier gave with it")
		}
		return
	}
	switch _, written := r.places[at]; {
	case written:
		r.fail(at, "is empty: write the carrier's password, or remove username and password when it asks for none")
	case t.Username != "":
		r.fail(at, "is missing beside username: write the carrier's password")
	case t.Register:
		r.fail(at, "is missing, and register: true needs it: write username and password, or register: false")
	}
}

// checkOverlaps warns of addresses that two trunks claim.
func (r *reader) checkOverlaps(c *Config) {
	for i, second := range c.Trunks {
		for j, p := range second.AcceptFrom {
			if p.Bits() == 0 {
				continue // everybody: said already
			}
			for _, first := range c.Trunks[:i] {
				if other, ok := overlap(p, first.AcceptFrom); ok {
					r.warn(index(join(join("trunks", second.ID), "accept_from"), j),
						"%s overlaps %s of trunk %s, which is first in the file: calls from both belong to %s", p, other, first.ID, first.ID)
				}
			}
		}
	}
}

func overlap(p netip.Prefix, all []netip.Prefix) (netip.Prefix, bool) {
	for _, other := range all {
		if p.IsValid() && other.IsValid() && p.Overlaps(other) {
			return other, true
		}
	}
	return netip.Prefix{}, false
}

// ourNumber checks a number that is shown to the world; "" is none.
func (r *reader) ourNumber(key, number string) {
	if number != "" && !e164.MatchString(number) {
		r.fail(key, "%q is not a number in E.164: write it with plus and country code, such as \"+14155550100\"", number)
	}
}
