// Package testca is a certificate authority for tests: it signs what they need
// and is trusted by nobody else. It imports nothing of ours.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// CA is one authority.
type CA struct {
	t      testing.TB
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	serial atomic.Int64
}

// New makes an authority.
func New(t testing.TB) *CA {
	t.Helper()
	c := &CA{t: t}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	c.key = c.newKey()
	c.cert = c.sign(form, form, &c.key.PublicKey, c.key)
	c.serial.Store(1)
	return c
}

// Pool trusts the authority alone.
func (c *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// Certificate is a server's and a client's for the names and addresses given,
// valid until the time given; zero: for ten years.
func (c *CA) Certificate(until time.Time, names ...string) *tls.Certificate {
	c.t.Helper()
	if until.IsZero() {
		until = time.Now().AddDate(10, 0, 0)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(c.serial.Add(1)), Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Unix(0, 0), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			form.IPAddresses = append(form.IPAddresses, ip)
		} else {
			form.DNSNames = append(form.DNSNames, n)
		}
	}
	key := c.newKey()
	cert := c.sign(form, c.cert, &key.PublicKey, c.key)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// Write puts the authority's certificate, ca.pem, and cert.pem and key.pem of a
// new certificate for the names into dir.
func (c *CA) Write(dir string, names ...string) {
	c.t.Helper()
	cert := c.Certificate(time.Time{}, names...)
	key, err := x509.MarshalECPrivateKey(cert.PrivateKey.(*ecdsa.PrivateKey))
	c.ok(err)
	for name, block := range map[string]*pem.Block{
		"ca.pem":   {Type: "CERTIFICATE", Bytes: c.cert.Raw},
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		"key.pem":  {Type: "EC PRIVATE KEY", Bytes: key},
	} {
		c.ok(os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}

func (c *CA) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c.ok(err)
	return key
}

func (c *CA) sign(form, parent *x509.Certificate, of *ecdsa.PublicKey, by *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, form, parent, of, by)
	c.ok(err)
	cert, err := x509.ParseCertificate(der)
	c.ok(err)
	return cert
}

func (c *CA) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}
