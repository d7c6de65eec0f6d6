package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
)

// testSeal is a test phone's SRTP: pion's, apart from the session's.
type testSeal struct {
	mu      sync.Mutex
	in, out *srtp.Context // nil: plain RTP
	broken  int           // that came and could not be decrypted
}

func (s *testSeal) close(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		return b
	}
	sealed, err := s.out.EncryptRTP(nil, b, nil)
	if err != nil {
		panic(err)
	}
	return sealed
}

// lost is how many packets could not be decrypted.
func (s *testSeal) lost() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// open decrypts n bytes of b in place; what is broken is given back as it is, with a payload of another length.
func (s *testSeal) open(b []byte, n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		return n
	}
	plain, err := s.in.DecryptRTP(nil, b[:n], nil)
	if err != nil {
		s.broken++
		return n
	}
	return copy(b, plain)
}

func testContext(t testing.TB, suite Suite, key string, options ...srtp.ContextOption) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext([]byte(key[:masterKey]), []byte(key[masterKey:]), suiteKinds[suite].profile, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keyOf is some key of a suite, another for each seed.
func keyOf(suite Suite, seed byte) string {
	return string(bytes.Repeat([]byte{seed, seed + 1}, 15)[:masterKey+suiteKinds[suite].salt])
}

func cryptoOf(tag int, suite Suite, seed byte) string {
	return fmt.Sprintf("a=crypto:%d %v inline:%s", tag, suite, base64.StdEncoding.EncodeToString([]byte(keyOf(suite, seed))))
}

// ourKey finds our key of a suite in a description of ours.
func ourKey(t testing.TB, body []byte, suite Suite) string {
	t.Helper()
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "a=crypto:"); ok {
			if c, ok := parseCrypto(value); ok && c.suite == suite {
				return c.key
			}
		}
	}
	t.Fatalf("got no a=crypto with %v in\n%s", suite, body)
	return ""
}

// secure is a phone that calls with SRTP.
func (r *rig) secure(codec Codec, suite Suite, change ...func(*SessionConfig)) *phone {
	r.Helper()
	p := r.silentPhone(codec, 20*ms, append(change, func(c *SessionConfig) { c.SRTP = SRTPRequired })...)
	p.proto = "RTP/SAVP"
	p.rekey(suite, 7, true)
	return p
}

// rekey has the phone offer a key; anew: both sides' counters begin at zero.
func (p *phone) rekey(suite Suite, seed byte, anew bool) (answer []byte) {
	p.r.Helper()
	p.lines = cryptoOf(1, suite, seed) + "\r\n"
	answer, err := p.s.Answer(p.sdp(p.addr(), "sendrecv"))
	if err != nil {
		p.r.Fatal(err)
	}
	p.seal.mu.Lock()
	defer p.seal.mu.Unlock()
	if anew {
		p.seal.out = testContext(p.r, suite, keyOf(suite, seed))
	}
	if p.seal.in == nil {
		p.seal.in = testContext(p.r, suite, ourKey(p.r, answer, suite))
	}
	return answer
}

var allSuites = []Suite{suiteGCM, suiteCM80, suiteCM32}

func TestEncryptedSeatsHearEachOther(t *testing.T) {
	for _, suite := range allSuites {
		t.Run(suite.String(), func(t *testing.T) {
			onBothSeams(t, func(r *rig) {
				a, b, c := r.secure(PCMU, suite), r.secure(PCMU, suiteCM80), r.phone(PCMA, 20*ms)
				a.say(440)
				b.say(620)
				r.bridge.Join(a.s, b.s) // relayed
				a.hears(a.next(24)[10:], tones, 620)
				b.hears(b.next(24)[10:], tones, 440)
				c.say(950)
				r.bridge.Join(c.s) // mixed
				a.hears(a.next(40)[25:], tones, 620, 950)
				c.hears(c.next(40)[25:], tones, 440, 620)
				for _, p := range []*phone{a, b} {
					if got := p.s.Stats(); got.Forged+got.Replayed+got.Garbage != 0 || p.seal.lost() != 0 {
						t.Errorf("got stats %+v and %d broken packets, want nothing amiss", got, p.seal.lost())
					}
				}
				if got := a.s.Suite(); got != suite.String() || c.s.Suite() != "" {
					t.Errorf("got suites %q and %q, want %v and none", got, c.s.Suite(), suite)
				}
			})
		})
	}
}

// Half an hour of packets wraps the sequence number: the counters behind it must outlive re-INVITEs.
func TestEncryptionOutlivesReinvitesAndWraps(t *testing.T) {
	for _, suite := range allSuites {
		t.Run(suite.String(), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.secure(PCMU, suite), r.phone(PCMU, 20*ms)
				a.seq = 65480 // wraps after about a second
				r.bridge.Join(a.s, b.s)
				stop := a.say(440)
				b.say(620)
				b.hears(b.next(100)[20:], tones, 440)
				if got := b.heard(); len(got) < 100 { // 56 packets before the wrap
					t.Fatalf("got %d packets, want the sequence number wrapped", len(got))
				}
				first := a.rekey(suite, 7, false)
				again := a.rekey(suite, 7, false)
				if string(first) != string(again) {
					t.Errorf("a refresh is answered\n%s\nthen\n%s\nwant no difference", first, again)
				}
				b.hears(b.next(30)[10:], tones, 440)
				a.hears(a.next(30)[10:], tones, 620)

				stop()
				a.rekey(suite, 77, true) // another key of theirs; ours stays
				stop = a.say(950)
				b.hears(b.next(40)[20:], tones, 950)
				a.hears(a.next(30)[10:], tones, 620)

				// The same key at another address: its counter goes on (RFC 3711 §3.3.1) …
				stop()
				a.move()
				a.rekey(suite, 77, false)
				stop = a.say(1300)
				b.hears(b.next(60)[40:], tones, 1300)
				// … or, as some do, begins anew.
				stop()
				a.move()
				a.rekey(suite, 77, true)
				a.ssrc++ // RFC 3711 §8.2: not the keystream it has used
				a.say(440)
				b.hears(b.next(60)[40:], tones, 440)
				a.hears(a.next(30)[10:], tones, 620)
				if got := a.s.Stats(); got.Forged != 0 || a.seal.lost() != 0 {
					t.Errorf("got %d forged and %d broken packets, want none", got.Forged, a.seal.lost())
				}
			})
		})
	}
}

// Our own counter wraps too: nobody else's sequence numbers are ours, but music has as many.
func TestWhatWeSendWraps(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		a := r.secure(PCMU, suiteCM80)
		a.s.Background(Music())
		time.Sleep(1400 * time.Second) // 70,000 packets
		if got := len(a.heard()); got < 69_000 || a.seal.lost() != 0 {
			t.Errorf("got %d packets, %d of them broken, want 70,000 whole ones", got, a.seal.lost())
		}
	})
}

// move gives the phone another port.
func (p *phone) move() {
	old := p.conn
	conn, err := p.r.net.ListenPacket(netip.AddrPortFrom(p.addr().Addr(), 0))
	if err != nil {
		p.r.Fatal(err)
	}
	p.r.Cleanup(func() { conn.Close() })
	old.Close()
	synctest.Wait()
	p.conn = conn
	go p.listen(p.conn)
}

// Forged packets come from the peer's own address, as a spoofer's do, before and while it speaks.
func TestForgedPacketsAreNeitherHeardNorEndTheCall(t *testing.T) {
	for _, suite := range allSuites {
		t.Run(suite.String(), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.secure(PCMU, suite, func(c *SessionConfig) { c.Timeout = 10 * time.Second }), r.phone(PCMU, 20*ms)
				tap := &silentTap{}
				a.s.Tap(tap, 0)
				r.bridge.Join(a.s, b.s)
				forge := func(n int) {
					for i := range n {
						bad := make([]byte, headerSize+160+longestTag)
						outHeader{pt: 0, seq: uint16(i), ts: uint32(i * 160), ssrc: uint32(i % 3)}.write(bad)
						a.bare(bad)
						if i%100 == 99 {
							time.Sleep(ms)
						}
					}
				}
				forge(200) // in the first milliseconds
				plainRTP := make([]byte, headerSize+160)
				outHeader{pt: 0, seq: 1, ssrc: a.ssrc}.write(plainRTP)
				for range 10 {
					a.bare(plainRTP) // nor is plain RTP
				}
				stranger := r.peer(netip.MustParseAddr("10.9.9.9"), PCMU, 20*ms)
				stranger.to = a.to
				stranger.say(1300)
				time.Sleep(100 * ms)
				if got := a.s.Stats(); tap.samples != 0 || got.Received != 0 || got.Latched || got.Forged != 210 {
					t.Fatalf("got %d samples recorded and %+v, want 210 forged packets and nothing of them", tap.samples, got)
				}
				a.say(440)
				forge(10_000)
				b.hears(b.next(40)[20:], tones, 440)
				got := a.s.Stats()
				if got.Forged != 10_210 || got.Strangers == 0 || got.Lost+got.Late != 0 {
					t.Errorf("got %+v, want 10,210 forged packets, strangers and nothing lost", got)
				}
				if len(r.has(func(Event) bool { return true })) != 0 {
					t.Errorf("got events %v, want none", r.events)
				}
			})
		})
	}
}

func TestAForgedStreamIsNoLife(t *testing.T) {
	inBubble(t, func(r *rig) {
		a := r.secure(PCMU, suiteGCM, func(c *SessionConfig) { c.Timeout = 5 * time.Second })
		for range 300 {
			a.bare(make([]byte, 200))
			plain := make([]byte, 200)
			outHeader{ssrc: a.ssrc}.write(plain)
			a.bare(plain)
			time.Sleep(20 * ms)
		}
		r.await("timeout", func(e Event) bool { _, ok := e.(TimedOut); return ok })
	})
}

func TestReplayedPacketsAreHeardOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		a, b := r.secure(PCMU, suiteCM80), r.phone(PCMU, 20*ms)
		r.bridge.Join(a.s, b.s)
		var kept [][]byte
		for i := range 50 {
			p := make([]byte, headerSize+160)
			outHeader{pt: 0, seq: uint16(i), ts: uint32(i * 160), ssrc: 5}.write(p)
			kept = append(kept, a.seal.close(p))
			a.bare(kept[i])
			time.Sleep(20 * ms)
		}
		had := len(b.heard())
		for _, p := range kept {
			a.bare(p)
		}
		time.Sleep(100 * ms)
		if got := a.s.Stats(); got.Replayed != 50 || got.Received != 50 || len(b.heard()) != had {
			t.Errorf("got %+v and %d packets more, want 50 received, 50 replayed, none heard again", got, len(b.heard())-had)
		}
	})
}

func TestControlPacketsAreEncrypted(t *testing.T) {
	for _, suite := range allSuites {
		t.Run(suite.String(), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a := r.secure(PCMU, suite)
				a.lines += "a=rtcp-mux\r\n"
				if _, err := a.s.Answer(a.sdp(a.addr(), "sendrecv")); err != nil {
					t.Fatal(err)
				}
				a.mu.Lock()
				a.control = true
				a.mu.Unlock()
				a.say(440)
				time.Sleep(20 * time.Second)
				report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: a.ssrc,
					Reports: []rtcp.ReceptionReport{{SSRC: a.s.ssrc, TotalLost: 17}}}})
				if err != nil {
					t.Fatal(err)
				}
				a.bare(report) // in the clear: refused
				sealed, err := a.seal.out.EncryptRTCP(nil, report, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * ms)
				if got := a.s.Stats(); got.PeerLost != 0 || got.RTCPReceived != 0 || got.Forged != 1 {
					t.Errorf("got %+v of a report in the clear, want it refused", got)
				}
				a.bare(sealed)
				time.Sleep(100 * ms)
				if got := a.s.Stats(); got.PeerLost != 17 {
					t.Errorf("got %d packets lost, want the report's 17", got.PeerLost)
				}
				a.mu.Lock()
				defer a.mu.Unlock()
				if len(a.controls) == 0 {
					t.Fatal("got no reports of ours in 20 s")
				}
				for _, b := range a.controls {
					plain, err := a.seal.in.DecryptRTCP(nil, b, nil)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := rtcp.Unmarshal(plain); err != nil || bytes.Contains(b, []byte("trunkline")) {
						t.Errorf("got a report %x: %v", plain, err)
					}
				}
			})
		})
	}
}

// A peer may name its key in every packet (MKI, RFC 3711 §3.1).
func TestPacketsWithAKeyIdentifierAreHeard(t *testing.T) {
	for _, suite := range allSuites {
		t.Run(suite.String(), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a, b := r.silentPhone(PCMU, 20*ms, func(c *SessionConfig) { c.SRTP = SRTPAccept }), r.phone(PCMU, 20*ms)
				a.lines = cryptoOf(3, suite, 9) + "|2^31|258:4\r\n"
				answer, err := a.s.Answer(a.sdp(a.addr(), "sendrecv"))
				if err != nil {
					t.Fatal(err)
				}
				mki := binary.BigEndian.AppendUint32(nil, 258)
				a.seal.mu.Lock()
				a.seal.out, a.seal.in = testContext(t, suite, keyOf(suite, 9), srtp.MasterKeyIndicator(mki)), testContext(t, suite, ourKey(t, answer, suite))
				a.seal.mu.Unlock()
				a.say(440)
				b.say(620)
				r.bridge.Join(a.s, b.s)
				b.hears(b.next(24)[10:], tones, 440)
				a.hears(a.next(24)[10:], tones, 620)
			})
		})
	}
}
