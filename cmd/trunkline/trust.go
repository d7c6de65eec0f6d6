package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"trunkline/config"
)

const (
	lookAgain = time.Second         // between two looks at the certificate's files
	endsSoon  = 14 * 24 * time.Hour // before a certificate's end it is told
)

// trust holds our certificate and the authorities of our peers'. Handshakes ask
// it; the certificate's files are looked at again when one does, so that a
// renewed one is shown without a reload and no connection is touched.
type trust struct {
	log *slog.Logger

	mu     sync.Mutex
	pair   keyPair
	signed keyPair // self-signed, for https without a certificate of ours
	https  bool    // there is a listener of https, or was: it stays until the end
	looked time.Time
	ca     string // path of tls.ca; empty: the system's authorities
	pools  map[string]authority
}

// keyPair is a certificate with the files it is from.
type keyPair struct {
	files [2]string
	seen  [2]stamp
	cert  *tls.Certificate // nil: none configured
}

// stamp tells a file's content from another without reading it.
type stamp struct {
	at   time.Time
	size int64
}

// authority is a file of certificates. The pool stays the same value while the
// content does: connections are told apart by it.
type authority struct {
	sum  [sha256.Size]byte
	pool *x509.CertPool
}

// prepare reads what a configuration names; commit puts it in force.
func (t *trust) prepare(c *config.Config) (commit func(), err error) {
	var pair, signed keyPair
	t.mu.Lock()
	old, https := t.pools, t.https || c.HTTPS()
	t.mu.Unlock()
	if c.TLS.Cert != "" {
		if pair, err = readPair([2]string{c.Resolve(c.TLS.Cert), c.Resolve(c.TLS.Key)}); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	} else if https {
		if signed, err = t.selfSigned(c); err != nil {
			return nil, fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	pools := map[string]authority{}
	ca := ""
	if c.TLS.CA != "" {
		ca = c.Resolve(c.TLS.CA)
		if pools[ca], err = readAuthority(ca, old[ca]); err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
	}
	for _, tr := range c.Trunks {
		if tr.CA == "" {
			continue
		}
		path := c.Resolve(tr.CA)
		if pools[path], err = readAuthority(path, old[path]); err != nil {
			return nil, fmt.Errorf("trunks.%s.ca: %w", tr.ID, err)
		}
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pair, t.signed, t.ca, t.pools, t.looked = pair, signed, ca, pools, time.Now()
		t.https = https
		t.warn()
	}, nil
}

// certificate is ours now.
func (t *trust) certificate() (*tls.Certificate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pair.cert == nil {
		return nil, errors.New("no certificate is configured: set tls.cert and tls.key")
	}
	if now := time.Now(); now.Sub(t.looked) >= lookAgain {
		t.looked = now
		t.renew()
	}
	return t.pair.cert, nil
}

// web is the certificate of https on listen.http.
func (t *trust) web() (*tls.Certificate, error) {
	t.mu.Lock()
	signed := t.signed.cert
	t.mu.Unlock()
	if signed != nil {
		return signed, nil
	}
	return t.certificate()
}

// ours says whether that one is tls.cert, which browsers are meant to trust.
func (t *trust) ours() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pair.cert != nil
}

// renew reads the files again if they changed. Those that cannot be used, as
// when only one of the two is written yet, leave the old certificate in force.
func (t *trust) renew() {
	seen := look(t.pair.files)
	if seen == t.pair.seen {
		return
	}
	t.pair.seen = seen
	next, err := readPair(t.pair.files)
	if err != nil {
		t.log.Error("the new TLS certificate cannot be used; the old one stays", "file", t.pair.files[0], "err", err)
		return
	}
	t.pair = next
	t.log.Info("TLS certificate renewed", "file", next.files[0], "until", next.cert.Leaf.NotAfter.Format(time.DateOnly))
	t.warn()
}

// warn says that the certificate ends soon, or has.
func (t *trust) warn() {
	if c := t.pair.cert; c != nil && time.Until(c.Leaf.NotAfter) < endsSoon {
		t.log.Warn("the TLS certificate must be renewed", "file", t.pair.files[0], "until", c.Leaf.NotAfter.Format(time.DateTime))
	}
}

// authorities are those of tls.ca; nil: the system's.
func (t *trust) authorities() *x509.CertPool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pools[t.ca].pool
}

// of are those of a trunk's own file.
func (t *trust) of(path string) *x509.CertPool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pools[path].pool
}

func readPair(files [2]string) (keyPair, error) {
	p := keyPair{files: files, seen: look(files)}
	cert, err := tls.LoadX509KeyPair(files[0], files[1])
	p.cert = &cert
	return p, err
}

func readAuthority(path string, old authority) (authority, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return authority{}, err
	}
	a := authority{sum: sha256.Sum256(text), pool: x509.NewCertPool()}
	if a.sum == old.sum {
		return old, nil
	}
	if !a.pool.AppendCertsFromPEM(text) {
		return authority{}, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return a, nil
}

// look is what the files are like; a missing one has the zero stamp.
func look(files [2]string) (seen [2]stamp) {
	for i, f := range files {
		if info, err := os.Stat(f); err == nil {
			seen[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return seen
}
