package media

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/srtp/v3"
)

// ErrNoPath: no encrypted way to a browser came about.
var ErrNoPath = errors.New("no path for the sound")

// A fingerprint is of the certificate that a browser will show in DTLS (RFC 8122).
type fingerprint struct {
	hash crypto.Hash
	sum  string // upper case, with colons
}

// hashes are those of certificates that we take (RFC 8122 §5 forbids weaker ones).
var hashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

// of says whether a certificate is the one.
func (f fingerprint) of(certificate []byte) bool {
	h := f.hash.New()
	h.Write(certificate)
	return subtle.ConstantTimeCompare([]byte(colons(h.Sum(nil))), []byte(f.sum)) == 1
}

// colons writes a digest as in a=fingerprint.
func colons(b []byte) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, hex[c>>4], hex[c&15])
	}
	return string(out)
}

// newIdentity makes our certificate for DTLS, and its fingerprint. Who has the fingerprint from us
// trusts it; no authority is asked, and it is never written down.
func newIdentity() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("media: DTLS: %w", err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("media: DTLS: %w", err)
	}
	now := time.Now()
	of := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "WebRTC"}, // as browsers' are: it tells nothing
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(20, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("media: DTLS: %w", err)
	}
	h := crypto.SHA256.New()
	h.Write(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, colons(h.Sum(nil)), nil
}

// suiteOf is our name for what DTLS agreed on.
var suiteOf = map[dtls.SRTPProtectionProfile]Suite{
	dtls.SRTP_AEAD_AES_128_GCM: suiteGCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80: suiteCM80,
}

// dtls is our side of the handshake: the server's, as our answers say (a=setup:passive), so that it
// begins when the browser has found us.
func (p *icePath) dtls() []dtls.ServerOption {
	return []dtls.ServerOption{
		dtls.WithCertificates(p.mux.identity),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		// No authority signs browsers' certificates: the fingerprint in the description, which came
		// from somebody who is signed in, is what is compared.
		dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(p.verify),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has proven the address already
		dtls.WithLoggerFactory(hushed{}), dtls.WithMTU(1200),
	}
}

func (p *icePath) verify(certificates [][]byte, _ [][]*x509.Certificate) error {
	if len(certificates) > 0 {
		for _, f := range p.offer.fingerprints {
			if f.of(certificates[0]) {
				return nil
			}
		}
	}
	return errors.New("the certificate is not the one of the description")
}

// keysOf takes SRTP's keys out of a handshake (RFC 5764 §4.2).
func keysOf(conn *dtls.Conn) (Keying, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	suite := suiteOf[profile]
	state, there := conn.ConnectionState()
	if !ok || suite == suiteNone || !there {
		return Keying{}, fmt.Errorf("%w: DTLS: no protection of the sound in common", ErrNoPath)
	}
	var c srtp.Config
	c.Profile = suiteKinds[suite].profile
	if err := c.ExtractSessionKeysFromDTLS(&state, false); err != nil {
		return Keying{}, fmt.Errorf("%w: DTLS: %w", ErrNoPath, err)
	}
	return Keying{
		Suite:  suite,
		local:  string(c.Keys.LocalMasterKey) + string(c.Keys.LocalMasterSalt),
		remote: string(c.Keys.RemoteMasterKey) + string(c.Keys.RemoteMasterSalt),
	}, nil
}

// parseFingerprint reads the value of a=fingerprint; false: we cannot use it.
func parseFingerprint(value string) (fingerprint, bool) {
	name, sum, _ := strings.Cut(strings.TrimSpace(value), " ")
	hash, known := hashes[strings.ToLower(name)]
	sum = strings.ToUpper(strings.TrimSpace(sum))
	return fingerprint{hash, sum}, known && len(sum) == 3*hash.Size()-1
}

// hushed is a logger of pion's that says nothing: what strangers send is counted, not written.
type hushed struct{}

func (hushed) NewLogger(string) logging.LeveledLogger { return hushed{} }

func (hushed) Trace(string)          {}
func (hushed) Tracef(string, ...any) {}
func (hushed) Debug(string)          {}
func (hushed) Debugf(string, ...any) {}
func (hushed) Info(string)           {}
func (hushed) Infof(string, ...any)  {}
func (hushed) Warn(string)           {}
func (hushed) Warnf(string, ...any)  {}
func (hushed) Error(string)          {}
func (hushed) Errorf(string, ...any) {}
