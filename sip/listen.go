package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// readBuffer is asked for each UDP socket: the kernel's default holds about 90
// packets, and a burst of calls loses the rest. Linux caps it at
// net.core.rmem_max.
const readBuffer = 4 << 20

// Sockets are open listeners. Those of TLS are plain: the Endpoint speaks it.
type Sockets struct {
	UDP      []net.PacketConn
	TCP, TLS []net.Listener
}

// Close closes them all.
func (s Sockets) Close() {
	for _, c := range s.UDP {
		_ = c.Close()
	}
	for _, l := range slices.Concat(s.TCP, s.TLS) {
		_ = l.Close()
	}
}

// Listen opens the sockets of "udp://host:port", "tcp://host:port" and
// "tls://host:port" URLs. A wildcard (0.0.0.0, [::]) gives one socket for each
// address this machine has now: a request must leave from the address that its
// peer knows. Port 5060 is the default, 5061 that of tls. An error names the URL
// and the cure; no socket is left open then.
func Listen(urls []string) (Sockets, error) {
	var s Sockets
	for _, text := range urls {
		if err := s.open(text); err != nil {
			s.Close()
			return Sockets{}, err
		}
	}
	return s, nil
}

// open adds the sockets of one URL.
func (s *Sockets) open(text string) error {
	network, addrs, err := listenAddrs(text)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if network == onUDP {
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
			if err != nil {
				return cure(text, a, err)
			}
			_ = c.SetReadBuffer(readBuffer)
			_ = c.SetWriteBuffer(readBuffer)
			s.UDP = append(s.UDP, c)
			continue
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(a))
		if err != nil {
			return cure(text, a, err)
		}
		if network == onTLS {
			s.TLS = append(s.TLS, l)
		} else {
			s.TCP = append(s.TCP, l)
		}
	}
	return nil
}

// listenAddrs reads one URL.
func listenAddrs(text string) (network transport, addrs []netip.AddrPort, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return 0, nil, fmt.Errorf("listen %q: write udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT", text)
	}
	switch scheme := strings.ToLower(u.Scheme); scheme {
	case "udp", "tcp", "tls":
		network = transportOf(scheme)
	default:
		return 0, nil, fmt.Errorf("listen %q: transport %q is not supported: use udp, tcp or tls", text, u.Scheme)
	}
	port := int(network.port())
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil || port > 65535 {
			return 0, nil, fmt.Errorf("listen %q: port must be 0 to 65535", text)
		}
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	if err != nil {
		found, lookupErr := net.LookupIP(host)
		if lookupErr != nil || len(found) == 0 {
			return 0, nil, fmt.Errorf("listen %q: %s is neither an IP address nor a name that resolves: %w", text, host, lookupErr)
		}
		ip, _ = netip.AddrFromSlice(found[0])
	}
	ip = ip.Unmap()
	if !ip.IsUnspecified() {
		return network, []netip.AddrPort{netip.AddrPortFrom(ip, uint16(port))}, nil
	}
	ips, err := localAddrs(ip.Is4())
	if err != nil {
		return 0, nil, fmt.Errorf("listen %q: %w", text, err)
	}
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip, uint16(port)))
	}
	return network, addrs, nil
}

// localAddrs lists this machine's addresses of a family; not the link-local
// ones, which peers cannot name.
func localAddrs(v4 bool) ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var ips []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := p.Addr().Unmap(); ip.Is4() == v4 && !ip.IsLinkLocalUnicast() {
			ips = append(ips, ip)
		}
	}
	if len(ips) == 0 {
		return nil, errors.New("this machine has no address of that family")
	}
	return ips, nil
}

// cure says what to do about a socket that cannot be opened.
func cure(text string, a netip.AddrPort, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = fmt.Sprintf(": another program uses port %d: stop it, or listen on another port", a.Port())
	case errors.Is(err, syscall.EACCES):
		hint = ": ports below 1024 need root or CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = fmt.Sprintf(": this machine does not have the address %s", a.Addr())
	}
	return fmt.Errorf("listen %q on %s: %w%s", text, a, err, hint)
}
