package api

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// hstsFor is how long a browser comes by https alone, once it has seen a
// certificate that it trusts.
const hstsFor = "max-age=31536000"

// Listener is one socket of listen.http.
type Listener struct {
	net.Listener
	TLS bool // https
}

// sheltered is a listener as it is served: limited, and with https over TLS.
// HTTP/1.1 alone: limits count connections, each with one request at a time.
func (s *Server) sheltered(l Listener) net.Listener {
	bounded := limited(l.Listener, maxTCPConns)
	if !l.TLS {
		return bounded
	}
	return tls.NewListener(bounded, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cfg.Certificate() },
	})
}

// httpsPort is that of the first https listener; 0: there is none.
func httpsPort(all []Listener) uint16 {
	for _, l := range all {
		if a, err := netip.ParseAddrPort(l.Addr().String()); err == nil && l.TLS {
			return a.Port()
		}
	}
	return 0
}

// elevated sends a browser that asked for the page over http to https, where
// there is such a listener: elsewhere than on loopback a page over http has no
// microphone, and its password crosses in the clear. Programs are left alone,
// and so is what a proxy here passes on.
func (s *Server) elevated(w http.ResponseWriter, r *http.Request) bool {
	if s.https == 0 || secure(r) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	host := hostOf(r)
	if loopbackName(host) || near(r) && r.Header.Get("X-Forwarded-For") != "" {
		return false
	}
	to := bracketed(host)
	if s.https != 443 {
		to = net.JoinHostPort(host, strconv.Itoa(int(s.https)))
	}
	w.Header().Set("Cache-Control", "no-store") // the configuration may change
	http.Redirect(w, r, "https://"+to+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	return true
}

// strict tells a browser to come by https alone: only where it trusts the
// certificate, since afterwards it lets nobody past a warning (RFC 6797 §12.1).
// A name of this machine is left out: it has other programs' ports too.
func (s *Server) strict(w http.ResponseWriter, r *http.Request) {
	if r.TLS != nil && s.cfg.OwnCertificate != nil && s.cfg.OwnCertificate() && !loopbackName(hostOf(r)) {
		w.Header().Set("Strict-Transport-Security", hstsFor)
	}
}

// hostOf is the name or address that a browser was given, without the port.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return strings.Trim(host, "[]")
}

// loopbackName says that browsers take http on this name for a secure context
// (W3C Secure Contexts §3.1).
func loopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
