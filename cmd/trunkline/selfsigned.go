package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"trunkline/config"
)

// signedFor is how long a self-signed certificate is good: no longer than
// Apple's systems take one that a user trusts (825 days).
const signedFor = 800 * 24 * time.Hour

// selfSigned gives the certificate that the switch signed itself, and says so
// loudly. It is kept in the data folder, so that a browser's trust in it lasts,
// and made anew when it ends soon or lacks the name of a listener.
func (t *trust) selfSigned(c *config.Config) (keyPair, error) {
	dir := filepath.Join(c.Data(), "tls")
	files := [2]string{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	pair, err := readPair(files)
	made := ""
	if err != nil || !stillGood(pair.cert.Leaf, time.Now(), listenerNames(c)) {
		if err := writeSelfSigned(dir, files, hostNames(c)); err != nil {
			return pair, err
		}
		if pair, err = readPair(files); err != nil {
			return pair, err
		}
		made = "; it is new"
	}
	leaf := pair.cert.Leaf
	t.log.Warn("https shows a self-signed certificate"+made+": browsers warn of it until it is trusted on their machines, or tls.cert and tls.key name one that they trust",
		"file", files[0], "until", leaf.NotAfter.Format(time.DateOnly), "reason", "SHA-256 "+fingerprint(leaf.Raw))
	return pair, nil
}

// stillGood says whether a certificate may be shown for some time yet.
func stillGood(leaf *x509.Certificate, now time.Time, names []string) bool {
	return leaf.NotAfter.Sub(now) > endsSoon && !slices.ContainsFunc(names, func(n string) bool { return leaf.VerifyHostname(n) != nil })
}

// listenerNames are the hosts that the https listeners name.
func listenerNames(c *config.Config) (names []string) {
	for _, text := range c.Listen.HTTP {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" {
			continue
		}
		if a, err := netip.ParseAddr(u.Hostname()); err != nil || !a.IsUnspecified() {
			names = append(names, u.Hostname())
		}
	}
	return names
}

// hostNames are all by which a browser may know this machine.
func hostNames(c *config.Config) []string {
	names := append(listenerNames(c), "localhost", "127.0.0.1", "::1")
	if host, err := os.Hostname(); err == nil {
		names = append(names, strings.ToLower(host))
	}
	if c.Domain != "" {
		names = append(names, c.Domain)
	}
	for _, a := range c.NAT.External {
		names = append(names, a.String())
	}
	all, _ := net.InterfaceAddrs() // without them it names fewer
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// writeSelfSigned makes a key and its certificate. It signs nothing else: who
// trusts it trusts this switch alone.
func writeSelfSigned(dir string, files [2]string, names []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	now := time.Now()
	form := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Trunkline, self-signed"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(signedFor), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			form.IPAddresses = append(form.IPAddresses, ip)
		} else {
			form.DNSNames = append(form.DNSNames, n)
		}
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The key first: a certificate beside another's key is made anew at the next start.
	if err := os.WriteFile(files[1], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(files[0], pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644)
}

// fingerprint is how browsers show a certificate's.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
