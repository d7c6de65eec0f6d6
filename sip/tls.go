package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// handshakeWithin bounds a TLS handshake, either way.
const handshakeWithin = 10 * time.Second

// transport is what messages travel on.
type transport uint8

const (
	onUDP transport = iota
	onTCP
	onTLS
)

// String is the token of a Via (RFC 3261 §20.42).
func (t transport) String() string {
	switch t {
	case onTCP:
		return "TCP"
	case onTLS:
		return "TLS"
	}
	return "UDP"
}

// lower is the token of a URI's transport parameter, and of ours in the store.
func (t transport) lower() string {
	switch t {
	case onTCP:
		return "tcp"
	case onTLS:
		return "tls"
	}
	return "udp"
}

// port is the transport's default (RFC 3261 §19.1.2).
func (t transport) port() uint16 {
	if t == onTLS {
		return 5061
	}
	return 5060
}

// transportOf reads the lower-case token; everything else is UDP.
func transportOf(token string) transport {
	switch token {
	case "tcp":
		return onTCP
	case "tls":
		return onTLS
	}
	return onUDP
}

// way is how a peer is reached. A TLS way without a name is the connection
// that the peer opened, and only that.
type way struct {
	over  transport
	name  string         // what the peer's certificate must name (RFC 5922 §7.1)
	roots *x509.CertPool // who may sign it; nil: Config.Authorities
}

var errNoCertificate = errors.New("no certificate: set tls.cert and tls.key")

// serverTLS is what our listeners speak.
func (e *Endpoint) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if e.cfg.Certificate == nil {
				return nil, errNoCertificate
			}
			return e.cfg.Certificate()
		},
	}
}

// clientTLS is how we connect: the peer proves to be w.name, which is also its
// SNI; there is no way around that. A peer that asks is shown our certificate
// (some carriers know their customers by it).
func (e *Endpoint) clientTLS(w way) *tls.Config {
	roots := w.roots
	if roots == nil && e.cfg.Authorities != nil {
		roots = e.cfg.Authorities()
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: w.name, RootCAs: roots,
		GetClientCertificate: func(ask *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if e.cfg.Certificate != nil {
				if c, err := e.cfg.Certificate(); err == nil && ask.SupportsCertificate(c) == nil {
					return c, nil
				}
			}
			return &tls.Certificate{}, nil
		},
	}
}

// secure makes conn speak TLS to the peer of w.
func (e *Endpoint) secure(ctx context.Context, conn net.Conn, w way) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	c := tls.Client(conn, e.clientTLS(w))
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, distrust(w.name, err)
	}
	return c, nil
}

// distrust says in words why a peer's certificate was not accepted.
func distrust(name string, err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("the certificate of %s is signed by an authority that is not trusted here: name its file as ca: %w", name, err)
	case errors.As(err, &host):
		return fmt.Errorf("the certificate shown is not that of %s: write as host a name that it is for: %w", name, err)
	case errors.As(err, &invalid):
		return fmt.Errorf("the certificate of %s is not valid: %w", name, err)
	}
	return fmt.Errorf("TLS with %s: %w", name, err)
}
