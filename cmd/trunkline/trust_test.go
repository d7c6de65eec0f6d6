package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/internal/testca"
)

// trusting writes a certificate for name and reads a configuration that uses it.
func trusting(t *testing.T, ca *testca.CA, dir, name string) *config.Config {
	t.Helper()
	ca.Write(dir, name)
	cfg, err := config.Parse(filepath.Join(dir, "trunkline.yaml"), []byte(`
listen: {sip: ["tls://127.0.0.1:0"]}
tls: {cert: cert.pem, key: key.pem, ca: ca.pem}
trunks:
  own: {host: sip.own.example, transport: tls, ca: ca.pem}
`), checks())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestRenewedCertificateIsTakenFromItsFiles(t *testing.T) {
	ca, dir, log := testca.New(t), t.TempDir(), &journal{}
	cfg := trusting(t, ca, dir, "old.example")
	tr := &trust{log: slog.New(slog.NewTextHandler(log, nil))}
	commit, err := tr.prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit()
	shown := func() string {
		t.Helper()
		tr.looked = time.Time{} // as after a second
		c, err := tr.certificate()
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	if got := shown(); got != "old.example" {
		t.Fatalf("got the certificate of %s, want old.example", got)
	}
	key := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(key, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "old.example" || !strings.Contains(log.String(), "the old one stays") {
		t.Errorf("while the files do not match: got %s, log %q, want the old one and a line", got, log)
	}
	ca.Write(dir, "new.example")
	if got := shown(); got != "new.example" {
		t.Errorf("got the certificate of %s, want new.example", got)
	}
}

// Connections are told apart by the authorities that prove their peers: the
// same file must stay the same authorities over a reload.
func TestAuthoritiesStayTheSameWhileTheirFileDoes(t *testing.T) {
	ca, dir := testca.New(t), t.TempDir()
	cfg := trusting(t, ca, dir, "a.example")
	tr := &trust{log: slog.New(slog.DiscardHandler)}
	take := func() {
		t.Helper()
		commit, err := tr.prepare(cfg)
		if err != nil {
			t.Fatal(err)
		}
		commit()
	}
	take()
	before := tr.authorities()
	take()
	if before == nil || tr.authorities() != before || tr.of(filepath.Join(dir, "ca.pem")) != before {
		t.Error("after a reload: got other authorities, want the same")
	}
	testca.New(t).Write(dir, "a.example")
	take()
	if tr.authorities() == before {
		t.Error("after a change of the file: got the same authorities, want others")
	}
}
